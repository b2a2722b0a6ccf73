"""One file per kind of place that contacts come from. A file's name is the source's `type` in `sync.toml`.

Law: a source is read-only, and hands over pandas frames in chunks, every column a string (`str` dtype), every cell as
it stood. What cannot be read as a row is set aside with its place and reason; what stops reading is a sentence.

A source module has `open_source(settings: config.Source) -> RowSource`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import pandas as pd

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.model import SetAside
from sync_connector.sources._kind import CALLED, is_as_said, kind_of

__all__ = ["Chunk", "ResumableSource", "RowSource", "kind_of", "kinds", "open_source"]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows. `rows`: a frame, every column `str`, columns named as in the source. `lines`: the line on which each
    row begins (int64, 1 is the first of the file). `set_aside`: what could not be read, around these rows.
    `read_bytes`: how much of the source had been consumed when the chunk was made (for progress)."""

    rows: pd.DataFrame
    file: str
    lines: npt.NDArray[np.int64]
    set_aside: list[SetAside] = field(default_factory=list)
    read_bytes: int = 0


class RowSource(Protocol):
    """Rows of one place."""

    @property
    def full(self) -> bool:
        """Whether reading to the end shows every contact there is (only then can one be gone)."""

    @property
    def total_bytes(self) -> int | None:
        """The size of what will be read, `None` if unknown (for progress)."""

    def describe(self) -> Sequence[str]:
        """Sentences about what was found out: file, encoding, delimiter, header line."""

    def headers(self) -> Sequence[str]:
        """The column names. Raises `FixSetup` when there are none."""

    def chunks(self) -> Iterator[Chunk]:
        """All rows, in the source's order. May be called again; rows are read anew. Raises `FixSetup`, `TryLater`."""


@runtime_checkable
class ResumableSource(RowSource, Protocol):
    """Rows of a place that can be asked for what changed, and for single rows."""

    position: str | None
    """Where the next read may go on, once all chunks were read; `None` where that is unknown, and only a full read will do."""

    @property
    def signature(self) -> str:
        """Of what is asked of the place: a position says nothing about another question."""

    def resume(self, position: str) -> bool:
        """Read only what changed since a position of an earlier read; `False` where only a full read is possible."""

    def chunks_for(self, keys: Sequence[str]) -> Iterator[Chunk]:
        """The rows with these keys, as they are now; of those that are there no more, none."""


def kinds() -> list[str]:
    """The kinds of source there are."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def open_source(settings: Source) -> RowSource:
    """The source that the settings name. Raises `FixSetup`."""
    if settings.type not in kinds():
        raise FixSetup(f"source.type: {settings.type!r} is unknown; there are: {', '.join(kinds())}")
    if settings.type in CALLED and settings.type != "singer":
        is_as_said(settings)
    module = importlib.import_module(f"{__name__}.{settings.type}")
    source: RowSource = module.open_source(settings)
    return source
