"""Records with records inside → cells."""

from __future__ import annotations

import datetime
from decimal import Decimal

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.sources._flat import flatten, written


def test_names_tell_where_a_value_stands() -> None:
    """A point for what is inside, a number from 1 for what is in a list of records, one cell for a list of plain values."""
    record = {
        "id": 7,
        "address": {"city": "Paris", "geo": {"lat": 48.85}},
        "phone": [{"label": "cell", "value": "06"}, {"label": "fax", "value": "01"}],
        "tags": ["a", "b", None, ""],
        "matrix": [[1, 2], [3]],
    }
    assert flatten(record) == {
        "id": "7",
        "address.city": "Paris",
        "address.geo.lat": "48.85",
        "phone.1.label": "cell",
        "phone.1.value": "06",
        "phone.2.label": "fax",
        "phone.2.value": "01",
        "tags": "a ::: b",
        "matrix.1": "1 ::: 2",
        "matrix.2": "3",
    }


def test_empty_records_and_lists_are_empty_cells() -> None:
    """A key whose value holds nothing is still a column."""
    assert flatten({"a": {}, "b": [], "c": None, "d": [None]}) == {"a": "", "b": "", "c": "", "d": ""}
    assert flatten({}) == {}


def test_of_two_values_with_one_name_the_first_that_is_filled_stays() -> None:
    """A key that holds a point may mean what another says with a record."""
    assert flatten({"a.b": "1", "a": {"b": "2"}}) == {"a.b": "1"}
    assert flatten({"a.b": "", "a": {"b": "2"}}) == {"a.b": "2"}


def test_what_is_too_deep_is_left_as_json() -> None:
    """A thousand levels are neither a thousand columns nor the end of the process."""
    record: object = "x"
    for _ in range(500):
        record = {"a": record}
    (name,) = flatten(record)  # type: ignore[arg-type]
    assert name.count(".") == 16
    assert flatten(record)[name].startswith('{"a":{"a":')  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("value", "cell"),
    [
        (None, ""),
        (True, "true"),
        (False, "false"),
        (33612345678.0, "33612345678"),
        (1.5, "1.5"),
        (1e-7, "0.0000001"),
        (1e22, "10000000000000000000000"),
        (float("nan"), ""),
        (float("inf"), ""),
        (Decimal("1E+3"), "1000"),
        (datetime.date(2024, 5, 1), "2024-05-01"),
        (datetime.datetime(2024, 5, 1, 9, 14, tzinfo=datetime.UTC), "2024-05-01T09:14:00+00:00"),
        ("1.0", "1.0"),
        (" x", " x"),
    ],
)
def test_a_value_is_written_as_a_person_would(value: object, cell: str) -> None:
    """No point without need, no exponent, ISO 8601; text stays as it is."""
    assert written(value) == cell


PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)
RECORD = st.recursive(PLAIN, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3))


@given(st.dictionaries(st.text(max_size=3), RECORD, max_size=4))
def test_any_record_becomes_cells(record: dict[str, object]) -> None:
    """Names and cells are text, no number keeps an exponent, and every key at the top is the beginning of a name."""
    cells = flatten(record)
    assert all(isinstance(name, str) and isinstance(cell, str) for name, cell in cells.items())
    assert all(any(name == key or name.startswith(f"{key}.") for name in cells) for key in record)


@given(st.dictionaries(st.text(max_size=3).filter(lambda key: "." not in key), st.text(max_size=5), max_size=4))
def test_a_flat_record_is_left_alone(record: dict[str, str]) -> None:
    """Text under plain keys comes back as it is, through JSON as well."""
    assert flatten(record) == record
    assert flatten(orjson.loads(orjson.dumps(record))) == record
