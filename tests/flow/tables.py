"""Small tables for the tests of the first stages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from sync_connector import mapping as mappings
from sync_connector.flow.extract import Extraction, Rows, extract
from sync_connector.mapping import Binding
from sync_connector.sources import Chunk

Table = Mapping[str, Sequence[str | None]]


def chunk_of(table: Table, first_line: int = 2) -> Chunk:
    """A table as a source hands it over."""
    frame = pd.DataFrame({header: pd.array(list(cells), dtype="str") for header, cells in table.items()})
    return Chunk(frame, "x.csv", np.arange(first_line, first_line + len(frame), dtype=np.int64))


def rows_of(table: Table, name: str = "generic") -> tuple[Rows, Binding]:
    """A table as one `Rows`, and how a shipped mapping reads it."""
    binding = mappings.bind(mappings.load(name), list(table))
    (rows,) = extract([chunk_of(table)], binding, Extraction())
    return rows, binding
