"""Source `jsonl`: JSON Lines, one object a line, as exports of web services and warehouses write it; or one array of objects.

Law: a line that is no object costs itself only, and is set aside with its line. The columns are all keys that any line
has, found in a first pass; a key that a line lacks is an empty cell. An array has no lines to begin anew at: one that is
damaged or cut short is not read at all, or those behind the damage would be gone. Memory holds one object of it.
"""

from __future__ import annotations

import codecs
import io
import json
import re
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
BLOCK = 16 << 10
KEPT_TEXT = 2_000
ARRAY = re.compile(rb"\[\s*[{\]]")
DECODER = json.JSONDecoder()


class _Line(NamedTuple):
    """A line that is not blank. `cells` is `None` where it is no object, and `reason` says why."""

    number: int
    text: bytes
    cells: dict[str, str] | None
    code: str = ""
    reason: str = ""


def open_source(settings: Source) -> RowSource:
    """A file, a glob of files, or `-`. Raises `FixSetup`: no object in a file, too many columns, a damaged array."""
    files = find(settings.path, settings.encoding)
    columns: dict[str, None] = {}
    faults = []
    for file in files:
        first_fault, objects = "", 0
        for line in _lines(file):
            if line.cells is None:
                first_fault = first_fault or f"line {line.number}: {line.reason}"
                continue
            objects += bool(line.cells)  # of `{}` there is no column
            columns.update(dict.fromkeys(line.cells))
            if len(columns) > MAX_COLUMNS:
                raise FixSetup(
                    f"{file.shown}, line {line.number}: more than {MAX_COLUMNS:,} different keys; "
                    "is something a key that should be a value?"
                )
        if not objects:
            why = first_fault or "there is nothing in it"
            faults.append(f"{file.shown}: no line of it is a JSON object with anything in it ({why}){_advice(file)}")
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


def _advice(file: TextFile) -> str:
    with utf8(file) as stream:
        if stream.readline(MAX_LINE).strip() != b"{":
            return ""
    return "; it is one JSON object over several lines: keep the list in it that holds the contacts, from its [ to its ]"


def _lines(file: TextFile) -> Iterator[_Line]:
    with utf8(file) as stream:
        start = stream.peek(BLOCK).lstrip()
        if ARRAY.match(start):
            yield from _objects(stream, file)
            return
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


def _objects(stream: io.BufferedReader, file: TextFile) -> Iterator[_Line]:
    """What is in an array, each with the line on which it begins. Raises `FixSetup` where the array is damaged."""
    text = _Text(stream)
    text.peek()
    text.take(1)  # the [
    sign = text.peek()
    while sign != "]":
        number = text.line
        try:
            value = text.value()
        except ValueError as fault:
            raise FixSetup(f"{file.shown}, line {number}: the JSON array is damaged or cut short here ({fault})") from None
        yield _parsed(number, value.encode("utf-8", "replace"), file)
        sign = text.peek()
        if sign == ",":
            text.take(1)
            text.peek()
        elif sign != "]":
            raise FixSetup(f"{file.shown}, line {text.line}: the JSON array is damaged or cut short here (no , and no ])")
    text.take(1)
    if text.peek():
        raise FixSetup(f"{file.shown}, line {text.line}: something stands behind the JSON array; keep one array in a file")


class _Text:
    """A text, of which no more is held than the value that is being read."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._held = ""
        self.line = 1

    def peek(self) -> str:
        """The next sign that is no blank, without taking it; `""` at the end."""
        while True:
            rest = self._held.lstrip(" \t\r\n\ufeff")
            self.take(len(self._held) - len(rest))
            if rest or not self._more():
                return rest[:1]

    def take(self, count: int) -> str:
        """The next signs."""
        while len(self._held) < count and self._more():
            pass
        taken, self._held = self._held[:count], self._held[count:]
        self.line += taken.count("\n")
        return taken

    def value(self) -> str:
        """The next value, as it stands. Raises `ValueError`."""
        while True:
            try:
                _, end = DECODER.raw_decode(self._held)
            except RecursionError:
                raise ValueError("it is nested too deep") from None
            except ValueError as fault:
                if len(self._held) > MAX_LINE:
                    raise ValueError("an object of it is longer than 1 MiB, or has no end") from None
                if not self._more():
                    raise ValueError(fault.args[0]) from None
            else:
                return self.take(end)

    def _more(self) -> bool:
        block = self._stream.read(BLOCK)
        self._held += self._decoder.decode(block, final=not block)
        return bool(block)


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
