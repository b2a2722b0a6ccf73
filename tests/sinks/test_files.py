"""Sinks `csv`, `jsonl`, `parquet`: one file for each delivery and kind, whole, once, and never executed."""

from __future__ import annotations

import csv
import errno
import io
import os
import re
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, TryLater
from sync_connector.model import Kind
from sync_connector.sinks import Sink, open_sink
from sync_connector.sinks._rows import TABLES, row_of
from sync_connector.sinks.csv import FORMULA, NUMBER, SPLIT, guarded, render
from tests.sinks.records import one_of_each, record

KINDS = ["csv", "jsonl", "parquet"]


def opened(kind: str, folder: Path) -> Sink:
    """A sink into a folder."""
    return open_sink(SinkSettings(name="files", type=kind, path=str(folder)))


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """Each kind of file."""
    return str(request.param)


def content(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def cells(path: Path) -> list[dict[str, str]]:
    """A CSV file as a program reads it."""
    return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))


def test_a_delivery_is_a_file_for_each_kind(kind: str, tmp_path: Path) -> None:
    """The names tell table and delivery; the files are their owner's alone; nothing else is left in the folder, which is made."""
    folder = tmp_path / "new" / "events"
    assert opened(kind, folder).write(17, one_of_each()) == []
    assert sorted(content(folder)) == sorted(f"{table.name}-000017.{kind}" for table in TABLES.values())
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_the_same_delivery_again_is_the_same_file(kind: str, tmp_path: Path) -> None:
    """Written twice, in another order, a delivery leaves the files byte for byte; the next one makes others."""
    sink = opened(kind, tmp_path)
    records = [record(number) for number in range(20)]
    sink.write(1, records)
    before = content(tmp_path)
    sink.write(1, list(reversed(records)))
    assert content(tmp_path) == before
    sink.write(2, [record(3, contact="C7")])
    assert sorted(content(tmp_path)) == [f"calls-000001.{kind}", f"calls-000002.{kind}"]


def test_a_file_is_whole_or_not_there(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the disk full in the middle of the second file it is TryLater, and no half of a file is left; afterwards the delivery
    is complete."""
    sink = opened(kind, tmp_path)
    calls = iter([False, True])
    real = os.fsync

    def full(descriptor: int) -> None:
        if next(calls, False):
            raise OSError(errno.ENOSPC, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as small:
        small.setattr("os.fsync", full)
        with pytest.raises(TryLater, match=r"sink files: .*No space left on device; nothing is lost"):
            sink.write(1, one_of_each())
    assert sorted(content(tmp_path)) == [f"calls-000001.{kind}"]
    assert sink.write(1, one_of_each()) == []
    assert len(content(tmp_path)) == 5


def test_what_a_killed_process_left_is_cleared_away(kind: str, tmp_path: Path) -> None:
    """An unfinished file of a delivery is gone when that delivery has been written."""
    (tmp_path / f".calls-000001.{kind}.99999999.part").write_bytes(b"half")
    opened(kind, tmp_path).write(1, [record()])
    assert sorted(content(tmp_path)) == [f"calls-000001.{kind}"]


def test_a_folder_that_cannot_be_is_to_be_mended(kind: str, tmp_path: Path) -> None:
    """A file where the folder should be, and no path at all, are sentences."""
    (tmp_path / "file").touch()
    with pytest.raises(FixSetup, match=r"sink files: .*/file/events cannot be written: Not a directory"):
        opened(kind, tmp_path / "file" / "events")
    with pytest.raises(FixSetup, match=r"sinks\.path: is missing for files"):
        open_sink(SinkSettings(name="files", type=kind))


def test_a_folder_that_may_not_be_written_is_to_be_mended(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who is refused by the system is told which folder, and nothing is lost."""
    sink = opened(kind, tmp_path)

    def refused(*_arguments: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("os.replace", refused)
    with pytest.raises(FixSetup, match="cannot be written: Permission denied; mend it"):
        sink.write(1, [record()])
    assert content(tmp_path) == {}


def test_a_delivery_of_nothing_is_no_file(kind: str, tmp_path: Path) -> None:
    """No records, no file; and what nobody understood is given back."""
    sink = opened(kind, tmp_path)
    assert sink.write(1, []) == []
    (refusal,) = sink.write(2, [record(1, Kind.UNKNOWN)])
    assert refusal.event_key == "unknown-000001"
    assert content(tmp_path) == {}


def test_what_is_no_text_is_refused_and_the_others_are_written(kind: str, tmp_path: Path) -> None:
    """Half a sign refuses its record alone, and the reason tells the column and not the text."""
    half = record(1, Kind.INCOMING_SMS, text="secret \ud83d")
    (refusal,) = opened(kind, tmp_path).write(1, [half, record(2, Kind.INCOMING_SMS)])
    assert (refusal.event_key, refusal.reason) == ("incoming_sms-000001", "message has half of a sign in it, which is no text")
    assert list(content(tmp_path)) == [f"incoming_sms-000001.{kind}"]


def test_csv_is_what_a_spreadsheet_opens(tmp_path: Path) -> None:
    """A BOM, commas, CRLF; blanks for null; an emoji and line feeds inside a cell come back as they were."""
    opened("csv", tmp_path).write(1, [record(contact=None), record(1, Kind.INCOMING_SMS, text='a, "b"\nc 😀')])
    raw = (tmp_path / "calls-000001.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfevent_key,contact_key,")
    assert raw.count(b"\r\n") == 2
    (call,) = cells(tmp_path / "calls-000001.csv")
    assert (call["phone_number"], call["contact_key"], call["answered"], call["duration"]) == ("+33612345678", "", "true", "133")
    assert (call["occurred_at"], call["occurred_on"]) == ("2026-03-02T09:14:05.250Z", "2026-03-02")
    (answer,) = cells(tmp_path / "incoming_sms-000001.csv")
    assert (answer["message"], answer["answers"], answer["campaign"]) == ('a, "b"\nc 😀', "A-17", "Soldes d'été")


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        '=HYPERLINK("http://x","y")',
        "+1+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(1)",
        "\tx",
        "\rx",
        "\nx",
        " =1",
        "\xa0=1",
        "＝1",
    ],
)
def test_no_cell_is_a_formula(text: str, tmp_path: Path) -> None:
    """Whatever a stranger's message begins with, a spreadsheet takes it for text."""
    opened("csv", tmp_path).write(1, [record(1, Kind.INCOMING_SMS, text=text)])
    assert cells(tmp_path / "incoming_sms-000001.csv")[0]["message"] == f"'{text}"


@given(
    text=st.lists(
        st.sampled_from(["'", "=1+1", "+", "-2", "@", ";", "\t", "\r", "\n", "\r\n", " ", "\0", "\xa0", "x", ",", '"']),
        max_size=9,
    ).map("".join),
    delimiter=st.sampled_from(";\t,"),
)
@example('Bonjour;=HYPERLINK("http://x","y");', ";")
@example("x\n=1+1;", ";")
def test_no_cell_becomes_a_formula_in_a_spreadsheet_that_splits_elsewhere(text: str, delimiter: str) -> None:
    """Opened with semicolons, as a French spreadsheet does by itself, or with tabs, whatever a stranger's message splits into
    is text."""
    raw = render(TABLES[Kind.INCOMING_SMS], [row_of(record(1, Kind.INCOMING_SMS, text=text))]).decode("utf-8-sig")
    found = [cell for row in csv.reader(io.StringIO(raw, newline=""), delimiter=delimiter) for cell in row]
    phone_numbers = ("+33612345678",)
    assert [
        cell for cell in found if re.match(r"[\s\0]*[=+\-@]", cell) and cell not in phone_numbers and not NUMBER.fullmatch(cell)
    ] == []


@pytest.mark.parametrize(
    "text", ["+33612345678", "-5", "a;b", "a\nb = c", "0612345678", "", "Bonjour", "a=b", "'tis", "06 12 34 56 78"]
)
def test_plain_texts_and_numbers_stay_as_they_are(text: str) -> None:
    """A number computes nothing, so it gets no apostrophe."""
    assert guarded(text) == text


@given(st.text(st.one_of(st.sampled_from("'=+-@ ;\t\r\n\0a1＝"), st.characters(exclude_categories=["Cs"])), max_size=8))
@example(";=1\n'=1;\"' =1")
def test_the_guard_can_be_taken_off_again(text: str) -> None:
    """A guarded text begins with no sign of a formula; with one apostrophe less at each place it is what it was."""
    cell = guarded(text)
    assert not cell.lstrip().startswith(tuple("=@＝＋－＠"))
    assert not cell.lstrip().startswith(("+", "-")) or cell.lstrip()[1:].isdigit()
    back = cell[1:] if cell.startswith("'") and FORMULA.match(cell[1:]) else cell
    assert re.sub(SPLIT.pattern.replace(")(?=", ")'(?=", 1), "", back) == text


def test_jsonl_has_every_column_in_every_line(tmp_path: Path) -> None:
    """One object a line, times with a Z, null where nothing is known, and texts as they came."""
    opened("jsonl", tmp_path).write(1, [record(1), record(2, contact=None, answered=None)])
    first, second = map(orjson.loads, (tmp_path / "calls-000001.jsonl").read_bytes().splitlines())
    assert list(first) == list(second) == [column.name for column in TABLES[Kind.CALL].columns]
    assert (first["occurred_at"], first["answered"], first["duration"]) == ("2026-03-02T09:14:05.250Z", True, 133)
    assert (second["contact_key"], second["answered"]) == (None, None)


def test_parquet_has_real_types(tmp_path: Path) -> None:
    """Times are UTC timestamps in milliseconds, truth is a bool, seconds an int32, and the values are the rows'."""
    records = [record(1), record(2, contact=None, answered=None, occurred_at=None)]
    opened("parquet", tmp_path).write(1, records)
    table = pq.read_table(tmp_path / "calls-000001.parquet")
    types = {name: table.schema.field(name).type for name in ("occurred_at", "occurred_on", "answered", "duration", "title")}
    assert types == {
        "occurred_at": pa.timestamp("ms", tz="UTC"),
        "occurred_on": pa.date32(),
        "answered": pa.bool_(),
        "duration": pa.int32(),
        "title": pa.string(),
    }
    assert table.to_pylist() == [row_of(one) for one in records]
