"""Sink `parquet`: events into Parquet files with real types: times are `timestamp[ms, UTC]`, numbers `int32`."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.parquet as pq

from sync_connector.config import Sink as SinkSettings
from sync_connector.sinks._files import FileSink
from sync_connector.sinks._rows import Row, Table, Type

TYPES = {
    Type.KEY: pa.string(),
    Type.NAME: pa.string(),
    Type.WORD: pa.string(),
    Type.TEXT: pa.string(),
    Type.TIME: pa.timestamp("ms", tz="UTC"),
    Type.DATE: pa.date32(),
    Type.FLAG: pa.bool_(),
    Type.NUMBER: pa.int32(),
}


def make(settings: SinkSettings) -> FileSink:
    """A sink into a folder of Parquet files. Raises `FixSetup`, `TryLater`."""
    return FileSink(settings, "parquet", render)


def render(table: Table, rows: Sequence[Row]) -> bytes:
    """One row group; columns that are never null are marked so."""
    schema = pa.schema([pa.field(column.name, TYPES[column.type], nullable=not column.needed) for column in table.columns])
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(rows), schema), out)
    return out.getvalue()
