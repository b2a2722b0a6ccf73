"""Sink `jsonl`: events into files with one JSON object a line, in UTF-8, times as `2026-03-02T09:14:05.250Z`."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sync_connector.config import Sink as SinkSettings
from sync_connector.sinks._files import FileSink
from sync_connector.sinks._rows import Row, Table, plain


def make(settings: SinkSettings) -> FileSink:
    """A sink into a folder of JSON Lines files. Raises `FixSetup`, `TryLater`."""
    return FileSink(settings, "jsonl", render)


def render(_table: Table, rows: Sequence[Row]) -> bytes:
    """A line for each row; every column is in each."""
    return b"".join(orjson.dumps(plain(row), option=orjson.OPT_APPEND_NEWLINE) for row in rows)
