"""Source `jsonl`: JSON Lines, one object a line, as exports of web services and warehouses write it.

Law: a line that is no object costs itself only, and is set aside with its line. The columns are all keys that any line
has, found in a first pass; a key that a line lacks is an empty cell.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import orjson

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import Place, SetAside
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._flat import flatten
from sync_connector.sources._table import frame
from sync_connector.sources._text import TextFile, find, utf8

MAX_LINE = 1 << 20
MAX_COLUMNS = 2_000
ROWS = 5_000
KEPT_TEXT = 2_000


class _Line(NamedTuple):
    """A line that is not blank. `cells` is `None` where it is no object, and `reason` says why."""

    number: int
    text: bytes
    cells: dict[str, str] | None
    code: str = ""
    reason: str = ""


def open_source(settings: Source) -> RowSource:
    """A file, a glob of files, or `-`. Raises `FixSetup`: no object in a file, too many columns."""
    files = find(settings.path, settings.encoding)
    columns: dict[str, None] = {}
    faults = []
    for file in files:
        first_fault, objects = "", 0
        for line in _lines(file):
            if line.cells is None:
                first = not (first_fault or objects)
                first_fault = first_fault or f"line {line.number}: {line.reason}"
                if first and line.text.lstrip().startswith(b"["):
                    first_fault += "; it is one JSON array: write its objects a line each (jq -c '.[]')"
                    break
                continue
            objects += 1
            columns.update(dict.fromkeys(line.cells))
            if len(columns) > MAX_COLUMNS:
                raise FixSetup(
                    f"{file.shown}, line {line.number}: more than {MAX_COLUMNS:,} different keys; "
                    "is something a key that should be a value?"
                )
        if not objects:
            faults.append(f"{file.shown}: no line of it is a JSON object ({first_fault or 'the file is empty'})")
    if faults:
        raise FixSetup(*faults)
    return JsonLines(files, tuple(columns))


class JsonLines:
    """Objects of one or several files; reading to the end shows every contact there is."""

    full = True

    def __init__(self, files: Sequence[TextFile], columns: tuple[str, ...]) -> None:
        self._files = files
        self._columns = columns

    @property
    def total_bytes(self) -> int | None:
        """Bytes on disk, unless some are compressed."""
        return None if any(file.packed for file in self._files) else sum(file.size for file in self._files)

    def describe(self) -> Sequence[str]:
        """One sentence a file."""
        return [f"{file.shown}: JSON Lines, {file.encoding}, {len(self._columns)} columns" for file in self._files]

    def headers(self) -> Sequence[str]:
        """All keys of all lines, in the order in which they were met."""
        return self._columns

    def chunks(self) -> Iterator[Chunk]:
        """All objects of all files, as cells."""
        done = 0
        for file in self._files:
            rows: list[list[str]] = []
            numbers: list[int] = []
            aside: list[SetAside] = []

            def chunk(file: TextFile, rows: list[list[str]], numbers: list[int], aside: list[SetAside], done: int) -> Chunk:
                return Chunk(frame(rows, self._columns), file.shown, np.array(numbers, dtype=np.int64), aside, done)

            for line in _lines(file):
                done += len(line.text) + 1
                if line.cells is None:
                    text = line.text[:KEPT_TEXT].decode("utf-8", "replace")
                    aside.append(SetAside(Place(file.shown, line.number), line.code, line.reason, text))
                elif unknown := line.cells.keys() - set(self._columns):
                    reason = f"the file changed while it was read: {min(unknown)!r} was not in it before"
                    aside.append(SetAside(Place(file.shown, line.number), "changed", reason, ""))
                else:
                    rows.append([line.cells.get(column, "") for column in self._columns])
                    numbers.append(line.number)
                if len(rows) + len(aside) >= ROWS:
                    yield chunk(file, rows, numbers, aside, done)
                    rows, numbers, aside = [], [], []
            if rows or aside:
                yield chunk(file, rows, numbers, aside, done)


def _lines(file: TextFile) -> Iterator[_Line]:
    with utf8(file) as stream:
        number = 0
        while text := stream.readline(MAX_LINE + 1):
            number += 1
            if len(text) > MAX_LINE and not text.endswith(b"\n"):
                while (rest := stream.readline(MAX_LINE)) and not rest.endswith(b"\n"):
                    pass
                yield _Line(number, text[:KEPT_TEXT], None, "too_long", "the line is longer than 1 MiB")
                continue
            text = text.rstrip(b"\r\n")
            if text.strip():
                yield _parsed(number, text, file)


def _parsed(number: int, text: bytes, file: TextFile) -> _Line:
    if file.replaced and "\ufffd".encode() in text:
        reason = f"the line holds bytes that are not {file.encoding}; set the source's encoding"
        return _Line(number, text, None, "undecodable", reason)
    try:
        record = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        return _Line(number, text, None, "bad_json", f"the line is not JSON ({fault.msg}, at character {fault.pos + 1})")
    if not isinstance(record, dict):
        return _Line(number, text, None, "no_object", f"the line is JSON but no object (it is {_called(record)})")
    return _Line(number, text, flatten(record))


def _called(value: object) -> str:
    names = {list: "a list", str: "a string", bool: "a truth value", type(None): "null"}
    return names.get(type(value), "a number")
