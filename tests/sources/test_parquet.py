"""Source `parquet`: tables of a warehouse, a batch at a time."""

from __future__ import annotations

import datetime
import random
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sync_connector.config import Source
from sync_connector.errors import FixSetup, TryLater
from sync_connector.sources import RowSource, open_source, parquet


def _open(path: Path) -> RowSource:
    return open_source(Source(type="parquet", path=str(path)))


def _rows(source: RowSource) -> list[tuple[str, ...]]:
    return [row for chunk in source.chunks() for row in chunk.rows.itertuples(index=False, name=None)]


MOMENT = datetime.datetime(2024, 5, 1, 9, 14, tzinfo=datetime.UTC)
COLUMNS = [
    (pa.array(["a", None]), ["a", ""]),
    (pa.array([33612345678, None]), ["33612345678", ""]),
    (pa.array([33612345678.0, float("nan")]), ["33612345678", ""]),
    (pa.array([0.1, 2], pa.float32()), ["0.1", "2"]),
    (pa.array([Decimal("1.50"), None]), ["1.50", ""]),
    (pa.array([True, None]), ["true", ""]),
    (pa.array([datetime.date(2024, 5, 1), None]), ["2024-05-01", ""]),
    (pa.array([MOMENT, None], pa.timestamp("ns", "UTC")), ["2024-05-01T09:14:00+00:00", ""]),
    (pa.array([MOMENT.replace(tzinfo=None), None], pa.timestamp("ms")), ["2024-05-01T09:14:00", ""]),
    (pa.array(["u", None]).dictionary_encode(), ["u", ""]),
    (pa.array([["a", "b"], None]), ["a ::: b", ""]),
    (pa.nulls(2), ["", ""]),
    (pa.array(["a", None], pa.string_view()), ["a", ""]),
    (pa.array([bytes(range(16)), None], pa.uuid()), ["00010203-0405-0607-0809-0a0b0c0d0e0f", ""]),
    (pa.array([1, 10**18], pa.timestamp("us")), ["1970-01-01T00:00:00.000001", ""]),
    (pa.array([[1, 10**18], None], pa.list_(pa.timestamp("us"))), ["", ""]),
    (pa.array([-(10**6) * 5, 1], pa.date32()), ["", "1970-01-02"]),
    (pa.array([0, 10**18], pa.timestamp("us", "Mars/Olympus")), ["1970-01-01T00:00:00+00:00", ""]),
]


@pytest.mark.parametrize(("column", "cells"), COLUMNS, ids=[str(column.type) for column, _ in COLUMNS])
def test_every_type_is_written_as_a_person_would(tmp_path: Path, column: pa.Array, cells: list[str]) -> None:
    """Numbers without point or exponent, times in ISO 8601, nothing as an empty cell."""
    pq.write_table(pa.table({"value": column}), tmp_path / "x.parquet")
    assert [row[0] for row in _rows(_open(tmp_path / "x.parquet"))] == cells


def test_records_inside_are_columns_and_what_no_cell_holds_is_named(tmp_path: Path) -> None:
    """A record's fields are named with a point; bytes, maps and lists of records are left out, and that is said."""
    table = pa.table(
        {
            "id": [1, 2],
            "address": pa.array([{"city": "Paris", "geo": {"lat": 1.5}}, None]),
            "phones": pa.array([[{"value": "06"}], None]),
            "photo": pa.array([b"x", b"y"]),
        }
    )
    pq.write_table(table, tmp_path / "x.parquet")
    source = _open(tmp_path / "x.parquet")
    assert list(source.headers()) == ["id", "address.city", "address.geo.lat"]
    assert _rows(source) == [("1", "Paris", "1.5"), ("2", "", "")]
    assert "left out, as no cell can hold them: phones, photo" in source.describe()[0]


def test_rows_come_in_batches_with_their_numbers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the row groups are, a chunk has a bounded size and lines go on."""
    monkeypatch.setattr(parquet, "ROWS", 100)
    pq.write_table(pa.table({"id": list(range(1_050))}), tmp_path / "x.parquet", row_group_size=1_000)
    chunks = list(_open(tmp_path / "x.parquet").chunks())
    assert max(len(chunk.rows) for chunk in chunks) <= 100
    assert [line for chunk in chunks for line in chunk.lines.tolist()] == list(range(1, 1_051))
    assert chunks[-1].read_bytes == (tmp_path / "x.parquet").stat().st_size


def test_a_pattern_means_several_files(tmp_path: Path) -> None:
    """Each has its own order of columns; one that differs is named."""
    pq.write_table(pa.table({"id": [1], "phone": ["06"]}), tmp_path / "a.parquet")
    pq.write_table(pa.table({"phone": ["07"], "id": [2]}), tmp_path / "b.parquet")
    assert _rows(_open(tmp_path / "*.parquet")) == [("1", "06"), ("2", "07")]
    pq.write_table(pa.table({"id": [3]}), tmp_path / "c.parquet")
    with pytest.raises(FixSetup, match=r"c\.parquet: its columns are not those of .* differ in: phone"):
        _open(tmp_path / "*.parquet")


def test_what_is_no_parquet_is_a_sentence(tmp_path: Path) -> None:
    """Another file, an empty one, one that was cut, and one without a column to read."""
    pq.write_table(pa.table({"id": list(range(1_000))}), tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for content in (b"id,name\n", b"", b"PAR1", whole[: len(whole) // 2]):
        (tmp_path / "x.parquet").write_bytes(content)
        with pytest.raises(FixSetup, match="it is no Parquet file that can be read"):
            _open(tmp_path / "x.parquet")
    pq.write_table(pa.table({"photo": [b"x"]}), tmp_path / "x.parquet")
    with pytest.raises(FixSetup, match="no column that is text, a number or a date"):
        _open(tmp_path / "x.parquet")


def test_damage_inside_is_tried_later(tmp_path: Path) -> None:
    """A file whose end is whole and whose pages are not is never read in part without a word."""
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": [f"{n:08d}" for n in range(50_000)]}), path, use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[200:5_000] = b"\xff" * 4_800
    path.write_bytes(bytes(content))
    with pytest.raises(TryLater, match=r"x\.parquet, behind row \d.*damaged or cut short"):
        _rows(_open(path))


def test_bytes_that_are_no_text_set_their_row_aside(tmp_path: Path) -> None:
    """Some writers put other encodings into a column of text; that costs the row, and not the file."""
    names = pa.array([b"Jean", b"Am\xe9lie", None, b"Zo\xc3\xa9"]).cast(pa.large_binary()).view(pa.large_string())
    pq.write_table(pa.table({"id": [1, 2, 3, 4], "name": names}), tmp_path / "x.parquet")
    source = _open(tmp_path / "x.parquet")
    assert _rows(source) == [("1", "Jean"), ("3", ""), ("4", "Zoé")]
    (chunk,) = source.chunks()
    assert chunk.lines.tolist() == [1, 3, 4]
    assert [(piece.place.line, piece.code, piece.text) for piece in chunk.set_aside] == [(2, "undecodable", "2, Am\ufffdlie")]


def test_random_damage_is_a_sentence_or_rows(tmp_path: Path) -> None:
    """Whatever bytes are changed, there is no other end than rows or a sentence."""
    chance = random.Random(3)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"id": list(range(200)), "phone": [f"06{n}" for n in range(200)]}), path)
    whole = path.read_bytes()
    outcomes: set[type] = set()
    for _ in range(300):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        path.write_bytes(bytes(content))
        try:
            outcomes.add(type(_rows(_open(path))))
        except (FixSetup, TryLater) as fault:
            outcomes.add(type(fault))
    assert outcomes == {list, FixSetup, TryLater}
