"""Source `singer`: what a Singer tap writes, one JSON message on a line, from standard input or a file.

The messages are kept in a private file and read twice. The first reading judges all of them, so that a stream that is
malformed or cut off stops the run before anything is sent; it also finds the columns, and for each key the record that
came last. The second hands over the rows. A row's line is that of its message.

Law: upsert. Of several records with one key (the SCHEMA's `key_properties`) the last counts, and the others are not rows.
Law: a stream shows every contact only where an ACTIVATE_VERSION stands *behind* records that all carry its version. In
front of them it proves nothing: taps write it there for incremental reads as well, and when they break off.

Memory: the columns' names; and for each record of the stream 16 bytes in the first reading, 43 for a moment behind it, and
one byte in the second.
"""

from __future__ import annotations

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson
import pyarrow as pa
import xxhash

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import Place, SetAside
from sync_connector.sources import Chunk, RowSource
from sync_connector.sources._flat import flatten
from sync_connector.sources._text import TextFile, find, utf8

MAX_LINE = 16 << 20
MAX_COLUMNS = 2_000
MAX_STREAMS = 1_000
MAX_FAULTS = 5
CHUNK_ROWS = 10_000
CHUNK_CELLS = 1_000_000
CHUNK_BYTES = 16 << 20
KEPT_TEXT = 2_000
LIKELY = (
    frozenset({"contact", "contacts", "person", "persons", "people"}),
    frozenset({"lead", "leads"}),
    frozenset({"customer", "customers"}),
)
"""Names of streams that hold contacts, the likeliest first; a prefix as in `public-contacts` does not matter."""

_LONG_NUMBER = re.compile(rb"\d{19}")  # from here on orjson rounds integers, and two keys would become one


class _Malformed(ValueError):
    """A line that is no message."""


def open_source(settings: Source) -> RowSource:
    """The contacts of a tap's output: `-` or no path is standard input, else a file of messages.

    Raises `FixSetup` with every fault found in the first `MAX_FAULTS` bad lines, each with its line.
    """
    file = _file(settings)
    return SingerSource(file, _surveyed(file, settings.stream))


def last_state(settings: Source, unsettled: int | None) -> str | None:
    """The value, as JSON, of the last STATE message before the line `unsettled` (`None`: of all), or `None`: there is none."""
    found = None
    for number, line in _lines(_file(settings)):
        if unsettled is not None and number >= unsettled:
            break
        if b"state" in line.lower() and _kind(_parsed(line)[0]) == "STATE":
            found = line
    if found is None:
        return None
    # Python's own reader: it hands numbers back as they came, however long they are.
    return json.dumps(json.loads(found)["value"])


def _file(settings: Source) -> TextFile:
    path = settings.path or "-"
    if path == "-" and sys.stdin.isatty():
        raise FixSetup("no tap is piped in; write: tap-… --config tap.json | sync-connector sync --singer -")
    files = find(path, settings.encoding)
    if len(files) > 1:
        raise FixSetup(f"{path} is {len(files)} files; the messages of a tap stand in one, in their order")
    file = files[0]
    if settings.encoding is None and file.encoding == "cp1252":  # a guess that is right for tables; JSON is always UTF-8
        if file.packed:
            raise FixSetup(f"{_where(file)}: holds bytes that are not UTF-8; set source.encoding")
        return file._replace(encoding="utf-8", replaced=False)
    return file


def _where(file: TextFile) -> str:
    return "standard input" if file.shown == "-" else file.shown


# --- messages --------------------------------------------------------------------------------------------------------


def _lines(file: TextFile) -> Iterator[tuple[int, bytes]]:
    """The lines that are not blank, with their numbers. Raises `FixSetup` for one that is too long."""
    number = 0
    with utf8(file) as stream:
        while line := stream.readline(MAX_LINE + 1):
            number += 1
            if len(line) > MAX_LINE:
                raise FixSetup(f"{_where(file)}, line {number}: is longer than {MAX_LINE >> 20} MiB; no contact is")
            if not line.isspace():
                yield number, line


def _parsed(line: bytes) -> tuple[dict[str, Any], bool]:
    """A message, and whether its text needs a closer look. Raises `_Malformed`."""
    odd = b"\\u0000" in line
    message: object = None
    try:
        if _LONG_NUMBER.search(line) is None:
            message = orjson.loads(line)
    except orjson.JSONDecodeError:
        odd = True
    if message is None:
        try:  # what Python's own writer lets pass: NaN, halves of a sign, numbers of any length
            message = json.loads(line.decode("utf-8"), parse_constant=lambda _: None)
        except UnicodeDecodeError:
            raise _Malformed("holds bytes that are not UTF-8; set source.encoding") from None
        except (ValueError, RecursionError):
            cut = "" if line.endswith(b"\n") else ", and the stream ends in the middle of it: the tap may have failed"
            raise _Malformed(f"is not JSON{cut}; a tap writes one message on a line, and its log to stderr") from None
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise _Malformed("is no Singer message: it has no type")
    return message, odd


def _kind(message: Mapping[str, Any]) -> str:
    return str(message["type"]).upper()


def _cells(message: Mapping[str, Any], *, odd: bool) -> dict[str, str] | tuple[str, str]:
    """A RECORD's cells, or a code and the reason why they cannot be had."""
    record = message.get("record")
    if not isinstance(record, dict):
        return "bad_record", "the message's record is no object"
    try:
        cells = flatten(record)
    except RecursionError:
        return "bad_record", "the record is nested too deep"
    if len(cells) > MAX_COLUMNS:
        return "bad_record", f"the record has more than {MAX_COLUMNS:,} fields"
    if odd:
        text = "".join(cells) + "".join(cells.values())
        if "\0" in text:
            return "nul_byte", "the record holds a NUL byte"
        if any("\ud800" <= sign <= "\udfff" for sign in text):
            return "undecodable", "the record holds half a character"
    return cells


# --- the first reading -----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Stream:
    """What is known of one stream. `followed`: nothing but its numbers is kept where it cannot be the one that is read."""

    name: str
    followed: bool = True
    key: tuple[str, ...] = ()
    columns: dict[str, None] = field(default_factory=dict)
    records: int = 0
    hashes: bytearray = field(default_factory=bytearray)
    version: object = None
    mixed: bool = False
    whole: bool = False
    batch: int = 0

    def forget(self) -> None:
        """It is not the one."""
        self.followed = False
        self.columns.clear()
        self.hashes = bytearray()


class _Survey(NamedTuple):
    """What the first reading found. `superseded`: for each RECORD of the stream whether another took its place."""

    stream: _Stream
    superseded: npt.NDArray[np.bool_]
    others: dict[str, int]
    unknown: Counter[str]


class _Judge:
    """Looks at every message, once."""

    def __init__(self, wanted: str) -> None:
        self._wanted = wanted
        self.streams: dict[str, _Stream] = {}
        self.unknown: Counter[str] = Counter()

    def see(self, number: int, message: Mapping[str, Any], *, odd: bool) -> None:
        """One message. Raises `_Malformed`."""
        match _kind(message):
            case "SCHEMA":
                self._schema(message)
            case "RECORD":
                self._record(message, odd=odd)
            case "STATE":
                if "value" not in message:
                    raise _Malformed("is a STATE without a value")
            case "ACTIVATE_VERSION":
                if (stream := self.streams.get(_stream_of(message))) is not None:
                    stream.whole = bool(stream.records) and not stream.mixed and message.get("version") == stream.version
            case "BATCH":
                stream = self._known(message)
                stream.batch = stream.batch or number
            case other:
                self.unknown[other if len(self.unknown) < 20 else "…"] += 1

    def _schema(self, message: Mapping[str, Any]) -> None:
        name, schema, key = _stream_of(message), message.get("schema"), message.get("key_properties")
        if not isinstance(schema, dict) or not isinstance(schema.get("properties"), dict):
            raise _Malformed(f"is a SCHEMA of stream {name!r} without properties")
        if key is not None and not (isinstance(key, list) and all(isinstance(one, str) for one in key)):
            raise _Malformed(f"is a SCHEMA of stream {name!r} whose key_properties are no list of names")
        stream = self.streams.get(name)
        if stream is None:
            if len(self.streams) >= MAX_STREAMS:
                raise _Malformed(f"is the SCHEMA of one more than {MAX_STREAMS:,} streams")
            stream = self.streams[name] = _Stream(name)
            for one in self.streams.values():
                if one.followed and not self._may_be_read(one.name):
                    one.forget()
        stream.key = tuple(key or ())
        if stream.followed:
            for column in _columns(schema["properties"]):
                _add(stream, column)

    def _may_be_read(self, name: str) -> bool:
        if self._wanted:
            return name == self._wanted
        return len(self.streams) == 1 or _likely(name) < len(LIKELY)

    def _record(self, message: Mapping[str, Any], *, odd: bool) -> None:
        stream = self._known(message)
        version = message.get("version")
        if stream.records == 0:
            stream.version = version
        stream.mixed = stream.mixed or version is None or version != stream.version
        stream.whole = False
        if stream.followed:
            cells = _cells(message, odd=odd)
            key = b""
            if isinstance(cells, dict):
                for column in cells:
                    _add(stream, column)
                parts = [cells.get(name, "").strip() for name in stream.key]
                key = b"k" + "\x1f".join(parts).encode() if any(parts) else b""
            # A record without a key, or that is set aside, takes nobody's place.
            stream.hashes += xxhash.xxh3_128_digest(key or str(stream.records).encode())
        stream.records += 1

    def _known(self, message: Mapping[str, Any]) -> _Stream:
        name = _stream_of(message)
        if name not in self.streams:
            raise _Malformed(f"is a {_kind(message)} of stream {name!r} before any SCHEMA of it")
        return self.streams[name]


def _stream_of(message: Mapping[str, Any]) -> str:
    name = message.get("stream")
    if not isinstance(name, str) or not name:
        raise _Malformed(f"is a {_kind(message)} that names no stream")
    return name


def _add(stream: _Stream, column: str) -> None:
    if column not in stream.columns:
        if len(stream.columns) >= MAX_COLUMNS:
            raise _Malformed(f"brings stream {stream.name!r} to more than {MAX_COLUMNS:,} columns; select fewer in its catalog")
        stream.columns[column] = None


def _columns(properties: Mapping[str, Any], before: str = "", depth: int = 0) -> Iterator[str]:
    """The columns that a SCHEMA promises, so that a night without records has them as well."""
    for name, described in properties.items():
        inner = described.get("properties") if isinstance(described, dict) else None
        items = described.get("items") if isinstance(described, dict) else None
        if isinstance(items, dict) and isinstance(items.get("properties"), dict):
            inner, name = items["properties"], f"{name}.1"
        if isinstance(inner, dict) and inner and depth < 20:
            yield from _columns(inner, f"{before}{name}.", depth + 1)
        else:
            yield before + name


def _likely(name: str) -> int:
    """Which of the likely names a stream has: its place, or behind them all."""
    last = re.split(r"[-.:/]", name)[-1].casefold()
    return next((place for place, names in enumerate(LIKELY) if last in names), len(LIKELY))


def _surveyed(file: TextFile, wanted: str) -> _Survey:
    judge = _Judge(wanted)
    faults: list[str] = []
    for number, line in _lines(file):
        try:
            message, odd = _parsed(line)
            judge.see(number, message, odd=odd)
        except _Malformed as fault:
            faults.append(f"{_where(file)}, line {number}: {fault}")
            if len(faults) == MAX_FAULTS:
                break
    if faults:
        raise FixSetup(*faults, "nothing was sent, and no STATE is given back: the tap begins where it began this time")
    stream = judge.streams[_chosen(judge.streams, wanted, _where(file))]
    if stream.batch:
        raise FixSetup(
            f"{_where(file)}, line {stream.batch}: is a BATCH of stream {stream.name!r}, which points at files instead of "
            "holding records; take batch_config out of the tap's configuration"
        )
    others = {name: other.records for name, other in judge.streams.items() if name != stream.name}
    survey = _Survey(stream, _superseded(stream.hashes), others, judge.unknown)
    stream.hashes = bytearray()
    return survey


def _chosen(streams: Mapping[str, _Stream], wanted: str, where: str) -> str:
    """The stream that is read. Raises `FixSetup` where that is a question."""
    shown = ", ".join(repr(name) for name in list(streams)[:40])
    if not streams:
        raise FixSetup(f"{where}: no stream came; did the tap start? It says why not on its own stderr")
    if wanted:
        if wanted not in streams:
            raise FixSetup(f"{where}: no stream {wanted!r} came (source.stream); there are: {shown}")
        return wanted
    if len(streams) == 1:
        return next(iter(streams))
    for place in range(len(LIKELY)):
        fits = [name for name in streams if _likely(name) == place]
        if len(fits) == 1:
            return fits[0]
        if fits:
            break
    raise FixSetup(f"{where}: which of these streams holds the contacts? {shown}; set source.stream to its name")


def _superseded(hashes: bytearray) -> npt.NDArray[np.bool_]:
    """For each record whether one with the same key comes behind it."""
    pairs = np.frombuffer(hashes, "<u8").reshape(-1, 2)
    done = np.zeros(len(pairs), dtype=bool)
    order = np.lexsort((pairs[:, 1], pairs[:, 0]))  # stable: equal ones stay in their order
    twice = (pairs[order[1:], 0] == pairs[order[:-1], 0]) & (pairs[order[1:], 1] == pairs[order[:-1], 1])
    done[order[:-1][twice]] = True
    return done


# --- the second reading ----------------------------------------------------------------------------------------------


class SingerSource:
    """The records of one stream, the last of each key."""

    def __init__(self, file: TextFile, survey: _Survey) -> None:
        self._file = file
        self._stream, self._superseded, self._others, self._unknown = survey

    @property
    def full(self) -> bool:
        """Whether the tap read the whole table: ACTIVATE_VERSION stands behind records that all have its version."""
        return self._stream.whole

    @property
    def total_bytes(self) -> int | None:
        """What was piped in, or is on disk, unless it is compressed."""
        return None if self._file.packed else self._file.size

    def describe(self) -> Sequence[str]:
        """The stream, what else was in the input, and whether the whole table was read."""
        stream = self._stream
        key = ", ".join(stream.key) or "none: a record that comes twice is two rows"
        told = [
            f"{_where(self._file)}: stream {stream.name!r}, {stream.records:,} records, {len(stream.columns):,} columns; "
            f"the tap's key: {key}",
            "a full-table read: known contacts that are not in it are gone"
            if stream.whole
            else "an incremental read: a contact that is not in it is not gone",
        ]
        if again := int(self._superseded.sum()):
            told.append(f"{again:,} records were followed by a newer one with the same key, which counts")
        if self._others:
            shown = ", ".join(f"{name!r} ({count:,} records)" for name, count in list(self._others.items())[:20])
            told.append(f"other streams, not read: {shown}")
        if self._unknown:
            shown = ", ".join(f"{count:,} {kind[:40]}" for kind, count in self._unknown.items())
            told.append(f"messages of unknown types, passed over: {shown}")
        return told

    def headers(self) -> Sequence[str]:
        """The SCHEMA's properties, and what else the records hold, flattened."""
        return tuple(self._stream.columns)

    def chunks(self) -> Iterator[Chunk]:
        """The rows, in the order of their messages."""
        headers = self.headers()
        most = max(100, min(CHUNK_ROWS, CHUNK_CELLS // max(1, len(headers))))
        rows: list[dict[str, str]] = []
        lines: list[int] = []
        aside: list[SetAside] = []
        size = 0
        for number, done, line, cells in self._records():
            size += len(line)
            if isinstance(cells, dict):
                rows.append(cells)
                lines.append(number)
            else:
                place = Place(self._file.shown, number)
                aside.append(SetAside(place, *cells, self._told(line)))
            if len(rows) >= most or size >= CHUNK_BYTES:
                yield self._chunk(headers, rows, lines, aside, done)
                rows, lines, aside, size = [], [], [], 0
        if rows or aside:
            yield self._chunk(headers, rows, lines, aside, self._file.size)

    def _records(self) -> Iterator[tuple[int, int, bytes, dict[str, str] | tuple[str, str]]]:
        """For each row its line's number, how much was read by then, its line, and its cells or why there are none."""
        ordinal, done = -1, 0
        for number, line in _lines(self._file):
            done += len(line)
            message, odd = _parsed(line)
            if _kind(message) != "RECORD" or message["stream"] != self._stream.name:
                continue
            ordinal += 1
            if not self._superseded[ordinal]:
                yield number, done, line, _cells(message, odd=odd)

    def _told(self, line: bytes) -> str:
        """A line as it is shown. The key stands in front of it, apart: planning looks for it there."""
        record = _parsed(line)[0].get("record")
        key = [str(record[name]) for name in self._stream.key if name in record] if isinstance(record, dict) else []
        text = " | ".join([*key, line.decode("utf-8", "replace").rstrip()])
        return text[:KEPT_TEXT].replace("\0", "").encode("utf-8", "replace").decode()

    def _chunk(
        self, headers: Sequence[str], rows: Sequence[dict[str, str]], lines: list[int], aside: list[SetAside], done: int
    ) -> Chunk:
        columns = [pa.array([row.get(header, "") for row in rows], pa.large_string()) for header in headers]
        frame = pa.RecordBatch.from_arrays(columns, list(headers)).to_pandas()
        return Chunk(frame, self._file.shown, np.array(lines, dtype=np.int64), aside, done)
