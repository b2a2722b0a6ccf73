"""A folder that events are written into: one file for each delivery and kind, such as `calls-000017.csv`.

Not a sink itself: `csv`, `jsonl` and `parquet` write with it. Law: a file is there whole or not at all, and on disk before the
delivery is done; the same delivery again makes the same file again, byte for byte. Files are readable by their owner alone.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Sequence
from pathlib import Path

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, SyncError, TryLater
from sync_connector.model import Record
from sync_connector.sinks import Refusal
from sync_connector.sinks._rows import Row, Table, sort_out
from sync_connector.whole_file import whole_file

TO_MEND = {errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG, errno.EEXIST}

Render = Callable[[Table, Sequence[Row]], bytes]
"""A table's rows → the bytes of a file."""


class FileSink:
    """Events into files of one kind. `ending`: of their names."""

    def __init__(self, settings: SinkSettings, ending: str, render: Render) -> None:
        if not settings.path:
            raise FixSetup(f"sinks.path: is missing for {settings.name}: name the folder for its files")
        self._name, self._folder, self._ending, self._render = settings.name, Path(settings.path), ending, render
        try:
            missing = [parent for parent in self._folder.parents if not parent.exists()]
            for part in (*reversed(missing), self._folder):  # `parents=True` would leave those between open to all
                part.mkdir(mode=0o700, exist_ok=True)
        except OSError as fault:
            raise self._sentence(fault) from None

    def write(self, delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """Write the files of a delivery; see `Sink.write`. Raises `TryLater`, `FixSetup`; the same delivery then makes the same
        files in place of those that were finished."""
        found, refused = sort_out(records)
        try:
            for table, rows in found.items():
                self._put(f"{table.name}-{delivery:06d}.{self._ending}", self._render(table, rows))
        except OSError as fault:
            raise self._sentence(fault) from None
        return refused

    def _put(self, name: str, content: bytes) -> None:
        with whole_file(self._folder / name, "sink.file") as file:
            file.write(content)

    def _sentence(self, fault: OSError) -> SyncError:
        why = fault.strerror or type(fault).__name__
        if fault.errno in TO_MEND:
            return FixSetup(f"sink {self._name}: {self._folder} cannot be written: {why}; mend it, or name another folder")
        return TryLater(f"sink {self._name}: {self._folder} cannot be written now: {why}; nothing is lost, run it again")

    def close(self) -> None:
        """Nothing is open between deliveries."""
