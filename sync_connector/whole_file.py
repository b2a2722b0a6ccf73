"""A file that is there whole or not at all, whatever happens while it is written; readable by nobody else.

Law: what was there stays until the new one is on disk. What is no file (a device, a pipe) is written as it is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sync_connector.fault_points import reach


@contextmanager
def whole_file(path: str | Path, point: str) -> Iterator[BinaryIO]:
    """A file to be written that takes its place when the block ends. `point`: what its fault points are called: `before` the
    first byte, `written` before it has its name, `after`. Raises `OSError`."""
    asked, target = Path(path), Path(os.path.realpath(path))  # of a link, what it leads to
    if asked.exists() and not asked.is_file():
        with open(asked, "wb") as raw:
            reach(f"{point}.before")
            yield raw
        reach(f"{point}.after")
        return
    unfinished = unfinished_name(target)
    try:
        with open(unfinished, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as raw:
            reach(f"{point}.before")
            yield raw
            raw.flush()
            os.fsync(raw.fileno())
        reach(f"{point}.written")
        os.replace(unfinished, target)
        on_disk(target.parent)
    finally:
        clear(target)
    reach(f"{point}.after")


def on_disk(path: Path) -> None:
    """What is in a file, or the names in a folder, will be there after a power failure. Raises `OSError`."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unfinished_name(target: Path) -> Path:
    """What a file is called until it is whole; `clear` finds it."""
    return target.with_name(f".{target.name}.{os.getpid()}.part")


def clear(target: Path) -> None:
    """Remove what we, or a process that was killed at it, left unfinished; another that lives is at its own."""
    for left in os.listdir(target.parent) if target.parent.is_dir() else ():
        named = re.fullmatch(r"\.(.+)\.(\d+)\.part(-wal|-shm|-journal)?", left, re.DOTALL)
        if named and named[1] == target.name and (int(named[2]) == os.getpid() or not _lives(int(named[2]))):
            (target.parent / left).unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
