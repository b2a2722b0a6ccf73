"""Source `singer`: messages of a tap, judged whole before a row is handed over."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector import mapping, sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import SetAside
from sync_connector.sources import RowSource, singer
from sync_connector.sources._flat import flatten

Message = dict[str, Any]


def schema(*columns: str, stream: str = "contacts", key: Sequence[str] = ("id",)) -> Message:
    """A SCHEMA of plain columns."""
    properties = {name: {"type": ["null", "string"]} for name in columns or ("id", "name")}
    described = {"type": "object", "properties": properties}
    return {"type": "SCHEMA", "stream": stream, "schema": described, "key_properties": list(key)}


def record(stream: str = "contacts", /, **cells: object) -> Message:
    """A RECORD."""
    return {"type": "RECORD", "stream": stream, "record": cells}


def versioned(version: int, **cells: object) -> Message:
    """A RECORD of a table's version."""
    return record(**cells) | {"version": version}


def state(value: object) -> Message:
    """A STATE."""
    return {"type": "STATE", "value": value}


def active(version: int, stream: str = "contacts") -> Message:
    """An ACTIVATE_VERSION."""
    return {"type": "ACTIVATE_VERSION", "stream": stream, "version": version}


def written(folder: Path, *messages: Message | str) -> str:
    """A file of messages."""
    path = folder / "tap.singer"
    lines = [message if isinstance(message, str) else json.dumps(message) for message in messages]
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    return str(path)


def opened(folder: Path, *messages: Message | str, stream: str = "") -> RowSource:
    """A source of these messages."""
    return sources.open_source(Source(type="singer", path=written(folder, *messages), stream=stream))


def rows(source: RowSource) -> list[dict[str, str]]:
    """All rows."""
    frames = [chunk.rows for chunk in source.chunks()]
    if not frames:
        return []
    listed: list[dict[str, str]] = pd.concat(frames, ignore_index=True).to_dict("records")  # type: ignore[assignment]
    return listed


def aside(source: RowSource) -> list[SetAside]:
    """What is set aside."""
    return [piece for chunk in source.chunks() for piece in chunk.set_aside]


FLAT: list[tuple[dict[str, object], dict[str, str]]] = [
    (
        {"a": None, "b": True, "c": False, "d": 3, "e": 3.0, "f": 3.5},
        {"a": "", "b": "true", "c": "false", "d": "3", "e": "3", "f": "3.5"},
    ),
    ({"phone": 33612345678.0, "big": 3.36e10}, {"phone": "33612345678", "big": "33600000000"}),
    ({"name": {"first": "Jean", "last": None}}, {"name.first": "Jean", "name.last": ""}),
    (
        {"phone": [{"value": "1", "label": "work"}, {"value": "2"}]},
        {"phone.1.value": "1", "phone.1.label": "work", "phone.2.value": "2"},
    ),
    ({"tags": ["a", None, 2]}, {"tags": "a ::: 2"}),
    ({"none": [], "empty": {}}, {"none": "", "empty": ""}),
    ({"mixed": ["a", {"b": 1}]}, {"mixed.1": "a", "mixed.2.b": "1"}),
    ({"x": float("inf"), "y": float("nan")}, {"x": "", "y": ""}),
    ({"a.b": "", "a": {"b": "inner"}}, {"a.b": "inner"}),
]


@pytest.mark.parametrize(("given_", "cells"), FLAT)
def test_an_object_becomes_cells(given_: dict[str, object], cells: dict[str, str]) -> None:
    """Nesting becomes columns, numbers are written as people write them."""
    assert flatten(given_) == cells


def test_columns_come_from_the_schema_and_from_the_records(tmp_path: Path) -> None:
    """What a record brings beyond the SCHEMA is a column; what it lacks is blank."""
    source = opened(tmp_path, schema("id", "name"), record(id=1), record(id=2, phone={"mobile": "06"}), schema("id", "mail"))
    assert source.headers() == ("id", "name", "phone.mobile", "mail")
    assert rows(source) == [
        {"id": "1", "name": "", "phone.mobile": "", "mail": ""},
        {"id": "2", "name": "", "phone.mobile": "06", "mail": ""},
    ]


def test_a_night_without_records_has_its_columns(tmp_path: Path) -> None:
    """Nested objects and lists of objects that the SCHEMA promises are columns before any record holds them."""
    deep = {"type": "object", "properties": {"first": {}, "last": {}}}
    listed = {"type": "array", "items": {"type": "object", "properties": {"value": {}, "label": {}}}}
    plain = {"type": "array", "items": {"type": "string"}}
    described = {"properties": {"id": {}, "name": deep, "phones": listed, "tags": plain}}
    message = {"type": "SCHEMA", "stream": "x", "key_properties": ["id"], "schema": described}
    source = opened(tmp_path, message, state({}))
    assert source.headers() == ("id", "name.first", "name.last", "phones.1.value", "phones.1.label", "tags")
    assert rows(source) == []
    assert not source.full


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from("ab")), max_size=30))
def test_the_last_record_of_a_key_counts(tmp_path_factory: pytest.TempPathFactory, stream: list[tuple[int, str]]) -> None:
    """Whatever comes, each key of two parts is handed over once, with its last cells, in the order of the last records."""
    messages = [record(id=key, part=part, name=str(number)) for number, (key, part) in enumerate(stream)]
    source = opened(tmp_path_factory.mktemp("s"), schema("id", "part", "name", key=["id", "part"]), *messages)
    last = {one: number for number, one in enumerate(stream)}
    assert [row["name"] for row in rows(source)] == [str(number) for number in sorted(last.values())]
    lines = [int(line) for chunk in source.chunks() for line in chunk.lines]
    assert lines == [number + 2 for number in sorted(last.values())]


def test_records_without_a_key_take_nobodys_place(tmp_path: Path) -> None:
    """A blank key, a stream without key_properties and a record that is set aside leave the others alone."""
    source = opened(tmp_path, schema(), record(id=None, name="a"), record(name="b"), record(id=" ", name="c"))
    assert [row["name"] for row in rows(source)] == ["a", "b", "c"]
    source = opened(tmp_path, schema(key=()), record(id=1, name="a"), record(id=1, name="a"))
    assert len(rows(source)) == 2
    source = opened(tmp_path, schema(), record(id=1, name="a"), record(id=1, name="a\0b"))
    assert [row["name"] for row in rows(source)] == ["a"]
    assert [piece.code for piece in aside(source)] == ["nul_byte"]


def test_a_key_may_change_in_midstream(tmp_path: Path) -> None:
    """Each record has the key of the SCHEMA before it."""
    source = opened(
        tmp_path, schema(), record(id=1, name="a"), record(id=1, name="b"), schema(key=["name"]), record(id=2, name="c"),
        record(id=3, name="c"),
    )  # fmt: skip
    assert [row["id"] for row in rows(source)] == ["1", "3"]


def test_long_numbers_keep_every_digit(tmp_path: Path) -> None:
    """Two keys of twenty digits that differ in the last are two contacts; NaN is blank."""
    line = '{"type": "record", "stream": "contacts", "record": {"id": 9223372036854775808%d, "name": NaN}}'
    source = opened(tmp_path, schema(), line % 1, line % 2)
    assert rows(source) == [{"id": "92233720368547758081", "name": ""}, {"id": "92233720368547758082", "name": ""}]


def test_what_is_no_row_is_set_aside(tmp_path: Path) -> None:
    """A record that is no object, is nested without end or holds what no text holds is kept with its line and reason."""
    deep = '{"type": "RECORD", "stream": "contacts", "record": {"id": 7, "a": ' + '{"b": ' * 990 + "1" + "}" * 990 + "}}"
    half = '{"type": "RECORD", "stream": "contacts", "record": {"id": 8, "name": "\\ud800"}}'
    none = {"type": "RECORD", "stream": "contacts"}
    source = opened(tmp_path, schema(), {**none, "record": [1]}, none, record(id="K 6", name="a\0"), deep, half, record(id=9))
    pieces = aside(source)
    assert [(p.place.line, p.code) for p in pieces] == [
        (2, "bad_record"), (3, "bad_record"), (4, "nul_byte"), (5, "bad_record"), (6, "undecodable"),
    ]  # fmt: skip
    assert pieces[2].text.startswith("K 6 | {")
    assert len(pieces[3].text) == singer.KEPT_TEXT
    for piece in pieces:
        piece.text.encode()
    assert [row["id"] for row in rows(source)] == ["9"]


def test_a_record_with_thousands_of_fields_is_set_aside(tmp_path: Path) -> None:
    """One record without measure is a row's fault, not the stream's."""
    wide = record(id=1, **{f"f{number}": "" for number in range(singer.MAX_COLUMNS)})
    source = opened(tmp_path, schema(), wide, record(id=2))
    assert [piece.code for piece in aside(source)] == ["bad_record"]
    assert source.headers() == ("id", "name")


MALFORMED = [
    ("hello", "is not JSON"),
    ("[1]", "is no Singer message"),
    ('{"stream": "contacts"}', "it has no type"),
    ('{"type": 5}', "it has no type"),
    ('{"type": "RECORD", "record": {"id": 1}}', "names no stream"),
    ('{"type": "RECORD", "stream": "other", "record": {"id": 1}}', "is a RECORD of stream 'other' before any SCHEMA of it"),
    ('{"type": "STATE"}', "is a STATE without a value"),
    ('{"type": "SCHEMA", "stream": "x", "schema": {"type": "object"}, "key_properties": []}', "without properties"),
    ('{"type": "SCHEMA", "stream": "x", "schema": {"properties": {}}, "key_properties": "id"}', "no list of names"),
]


@pytest.mark.parametrize(("line", "sentence"), MALFORMED)
def test_a_malformed_stream_stops_before_a_row_is_handed_over(tmp_path: Path, line: str, sentence: str) -> None:
    """The sentence names the line and the fault, and says that no STATE is given back."""
    with pytest.raises(FixSetup) as fault:
        opened(tmp_path, schema(), record(id=1), line, record(id=2))
    assert "tap.singer, line 3: " in fault.value.faults[0]
    assert sentence in fault.value.faults[0]
    assert "no STATE is given back" in fault.value.faults[-1]


def test_several_faults_are_told_at_once_and_not_all(tmp_path: Path) -> None:
    """Five bad lines are named, then the reading stops."""
    with pytest.raises(FixSetup) as fault:
        opened(tmp_path, schema(), *["nonsense"] * 50)
    assert [line.split(": ")[0][-6:] for line in fault.value.faults[:-1]] == [f"line {n}" for n in range(2, 7)]


def test_a_stream_that_ends_in_the_middle_is_told_as_such(tmp_path: Path) -> None:
    """A last line that is cut off is taken for a tap that failed."""
    path = Path(written(tmp_path, schema(), record(id=1)))
    path.write_text(path.read_text()[:-20])
    with pytest.raises(FixSetup, match=r"line 2: is not JSON, and the stream ends in the middle of it: the tap may have failed"):
        sources.open_source(Source(type="singer", path=str(path)))


def test_limits_are_sentences(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line, a stream's columns and the number of streams have a limit; the sentence says what to do."""
    many = [record(id=1, **{f"a{n}": "" for n in range(1_500)}), record(id=2, **{f"b{n}": "" for n in range(1_500)})]
    with pytest.raises(FixSetup, match=r"line 3: brings stream 'contacts' to more than 2,000 columns; select fewer"):
        opened(tmp_path, schema(), *many)
    monkeypatch.setattr(singer, "MAX_STREAMS", 2)
    with pytest.raises(FixSetup, match=r"line 3: is the SCHEMA of one more than 2 streams"):
        opened(tmp_path, schema(stream="a"), schema(stream="b"), schema(stream="c"))
    monkeypatch.setattr(singer, "MAX_LINE", 200)
    with pytest.raises(FixSetup, match=r"line 2: is longer than 0 MiB"):
        opened(tmp_path, schema(), record(id=1, name="x" * 200))


def test_nothing_came(tmp_path: Path) -> None:
    """An empty stream, or one of STATE alone, asks whether the tap started."""
    for messages in ([], [state({})]):
        with pytest.raises(FixSetup, match="no stream came; did the tap start"):
            opened(tmp_path, *messages)


def test_a_terminal_is_no_tap(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a pipe the sentence shows how to make one, instead of waiting for a person to type JSON."""
    monkeypatch.setattr(sys.stdin, "isatty", lambda: True, raising=False)
    with pytest.raises(FixSetup, match=r"no tap is piped in; write: tap"):
        sources.open_source(Source(type="singer", path="-"))


STREAMS = [
    (["deals"], "", "deals"),
    (["deals", "contacts"], "", "contacts"),
    (["public-orders", "public-contact"], "", "public-contact"),
    (["Account", "Lead", "Contact"], "", "Contact"),
    (["Account", "Lead"], "", "Lead"),
    (["organizations", "persons", "deals"], "", "persons"),
    (["contacts", "deals"], "deals", "deals"),
]


@pytest.mark.parametrize(("names", "wanted", "chosen"), STREAMS)
def test_the_stream_is_found_or_named(tmp_path: Path, names: list[str], wanted: str, chosen: str) -> None:
    """The only one, the likeliest by name, or the one that the setting names; the others are counted."""
    messages = [message for name in names for message in (schema(stream=name), record(name, id=1, name=name))]
    source = opened(tmp_path, *messages, stream=wanted)
    assert rows(source) == [{"id": "1", "name": chosen}]
    for other in set(names) - {chosen}:
        assert f"{other!r} (1 records)" in source.describe()[-1]


@pytest.mark.parametrize(
    ("names", "wanted"),
    [(["a", "b"], ""), (["contacts", "people"], ""), (["contacts"], "persons"), (["campaign_contacts", "x"], "")],
)
def test_a_stream_is_not_guessed(tmp_path: Path, names: list[str], wanted: str) -> None:
    """Where it is a question, the sentence names the streams and the setting."""
    with pytest.raises(FixSetup, match=r"source\.stream") as fault:
        opened(tmp_path, *[schema(stream=name) for name in names], stream=wanted)
    assert all(repr(name) in fault.value.faults[0] for name in names)


def test_batch_is_refused_with_advice_unless_it_is_of_another_stream(tmp_path: Path) -> None:
    """BATCH points at files; the advice is to switch it off in the tap."""
    batch = {"type": "BATCH", "stream": "contacts", "encoding": {"format": "jsonl"}, "manifest": ["file:///tmp/x.jsonl"]}
    with pytest.raises(FixSetup, match=r"line 2: is a BATCH of stream 'contacts'.*take batch_config out"):
        opened(tmp_path, schema(), batch)
    source = opened(tmp_path, schema(), schema(stream="deals"), batch | {"stream": "deals"}, record(id=1))
    assert len(rows(source)) == 1


def test_unknown_types_are_passed_over_and_counted(tmp_path: Path) -> None:
    """The specification permits any type, in any case."""
    strange = {"type": "METRIC", "value": 1}
    source = opened(tmp_path, strange, schema() | {"type": "schema"}, record(id=1) | {"type": "Record"}, strange)
    assert len(rows(source)) == 1
    assert "messages of unknown types, passed over: 2 METRIC" in source.describe()


FULL = [
    ([versioned(5, id=1), active(5)], True),
    ([active(5), versioned(5, id=1), versioned(5, id=2), active(5)], True),
    ([versioned(5, id=1), active(5), state({})], True),
    ([active(5), versioned(5, id=1)], False),
    ([versioned(5, id=1), active(5), versioned(5, id=2)], False),
    ([versioned(4, id=1), versioned(5, id=2), active(5)], False),
    ([versioned(5, id=1), record(id=2), active(5)], False),
    ([versioned(4, id=1), active(5)], False),
    ([record(id=1), active(5)], False),
    ([active(5)], False),
    ([record(id=1)], False),
]


@pytest.mark.parametrize(("messages", "full"), FULL)
def test_a_full_table_read_is_one_that_was_ended_by_its_version(tmp_path: Path, messages: list[Message], full: bool) -> None:
    """Only ACTIVATE_VERSION behind records of that version proves that every contact was shown."""
    source = opened(tmp_path, schema(), *messages)
    assert source.full is full
    assert ("a full-table read" in source.describe()[1]) is full


def test_the_last_state_before_a_line_comes_back_as_it_was(tmp_path: Path) -> None:
    """Numbers keep their digits; a RECORD that speaks of a state is none; before the first there is nothing."""
    values = [{"n": 1.0}, {"n": 123456789012345678901234567890}, {"é": None}]
    path = written(
        tmp_path,
        schema(),
        state(values[0]),
        record(id=1, type="STATE", value=1),
        state(values[1]),
        record(id=2),
        state(values[2]),
    )
    settings = Source(type="singer", path=path)
    last = {line: singer.last_state(settings, line) for line in (0, 2, 3, 5, 6, None)}
    assert last[0] is last[2] is None
    assert last[3] == '{"n": 1.0}'
    assert last[5] == last[6] == '{"n": 123456789012345678901234567890}'
    assert json.loads(last[None] or "") == values[2]


def test_recorded_streams_come_packed_and_in_other_encodings(tmp_path: Path) -> None:
    """A file may be gzip, or UTF-16 as a Windows shell redirects it; other bytes are a sentence with their line."""
    text = "".join(json.dumps(message, ensure_ascii=False) + "\n" for message in (schema(), record(id=1, name="Zoé")))
    path = tmp_path / "tap.singer"
    for content in (gzip.compress(text.encode()), text.encode("utf-16"), b"\xef\xbb\xbf" + text.encode()):
        path.write_bytes(content)
        assert rows(sources.open_source(Source(type="singer", path=str(path)))) == [{"id": "1", "name": "Zoé"}]
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FixSetup, match=r"line 2: holds bytes that are not UTF-8; set source\.encoding"):
        sources.open_source(Source(type="singer", path=str(path)))
    assert rows(sources.open_source(Source(type="singer", path=str(path), encoding="latin-1"))) == [{"id": "1", "name": "Zoé"}]


def test_chunks_are_bounded_by_rows_and_by_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory does not grow with the stream, be it long or fat; nothing is lost at a boundary."""
    messages = [record(id=number, name="x" * 100) for number in range(1_000)]
    source = opened(tmp_path, schema(), *messages)
    monkeypatch.setattr(singer, "CHUNK_ROWS", 300)
    assert [len(chunk.rows) for chunk in source.chunks()] == [300, 300, 300, 100]
    monkeypatch.setattr(singer, "CHUNK_BYTES", 10_000)
    sizes = [len(chunk.rows) for chunk in source.chunks()]
    assert max(sizes) < 100
    assert sum(sizes) == 1_000
    read = [chunk.read_bytes for chunk in source.chunks()]
    assert read == sorted(read)
    assert read[-1] == source.total_bytes


def test_a_tombstone_is_a_deletion_in_every_mapping() -> None:
    """`_sdc_deleted_at` is bound where the source has it, whatever the mapping says, and is no part of a fingerprint."""
    with_it = mapping.bind(mapping.load("generic"), ["id", "mobile", "_sdc_deleted_at"])
    assert ("_sdc_deleted_at", ("*",), "deleted") in with_it.deleted
    assert "_sdc_deleted_at" not in with_it.fingerprinted
    assert mapping.bind(mapping.load("generic"), ["id", "mobile"]).deleted == ()
