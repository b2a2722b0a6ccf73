"""A file that is to be opened as a ledger is looked at first: damaged, or another application's, it is refused as it is.

Law: nothing is written to a file before it is known to be a ledger, and a whole one: opening it as ours would already change the
header of a stranger's.
"""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sync_connector.errors import FixSetup, TryLater
from sync_connector.ledger.schema import metadata

ADVICE = "restore a backup (README, Care of the ledger); it is never reset"
HEADER = b"SQLite format 3\0"
AT_REST = b"\1\1"
"""In the header of a copy that `state backup` made: it has no -wal of its own. A ledger in use says otherwise from the first."""
LOOKED_THROUGH = 64 << 20
"""Bytes up to which every page is looked at before a ledger is written to: a quarter of a second. Above, `state verify` does."""

_BESIDE = {"inbox", "callbacks"}  # the inbox may share the file
_CORRUPT, _NO_DATABASE = 11, 26  # SQLite's codes
_NOT_ALLOWED = (3, 8, 14)  # no permission, read-only, cannot be opened


def look(path: str, *, write: bool) -> None:
    """Raises `FixSetup` where the file that is there is damaged, no ledger of ours, or not ours to write."""
    try:
        size = look_at_files(path)
    except FileNotFoundError:
        return
    if write:
        _is_writable(path)
    try:
        with closing(sqlite3.connect(f"{Path(path).absolute().as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            _look_inside(connection, path, thorough=write and size <= LOOKED_THROUGH)
    except sqlite3.DatabaseError as fault:
        raise refusal(fault, path) from None


def led_to(path: str | Path) -> Path:
    """The file itself, where the path is a link to it: what SQLite keeps beside a ledger, it keeps beside that."""
    return Path(os.path.realpath(path) if os.path.islink(path) else path)


def look_at_files(path: str) -> int:
    """What can be seen before SQLite opens the file, which already changes what lies beside it; its size. Raises `FixSetup` and
    `FileNotFoundError`."""
    itself = led_to(path)
    waiting = Path(f"{itself}-wal")
    try:
        has_waiting = waiting.stat().st_size > 0  # then the file itself may be behind
    except OSError:  # there is none; one that cannot be seen is in a folder that cannot
        has_waiting = False
    try:
        with open(path, "rb") as file:
            header, size = file.read(100), os.fstat(file.fileno()).st_size
    except FileNotFoundError:
        if has_waiting:
            raise FixSetup(f"the ledger is damaged: {path} is gone, and {waiting} is left of it; {ADVICE}") from None
        raise
    except OSError as fault:
        raise FixSetup(f"ledger.url: {path} cannot be read: {fault.strerror}") from None
    if not size:  # we make none such; SQLite would begin a new one, and throw away what waits beside it
        raise FixSetup(f"the ledger is damaged: {path} is empty; {ADVICE}. Only if no run ever finished with it, delete it")
    if not header.startswith(HEADER):
        raise FixSetup(f"the ledger is damaged, or is no ledger: {path} is no SQLite file; {ADVICE}")
    if has_waiting and header[18:20] == AT_REST:
        raise FixSetup(
            f"the ledger is not whole: {path} was copied here, and {waiting} is of the one that was here before: SQLite would "
            f"mix them. Delete {waiting} and {itself}-shm, and run it again"
        )
    page, pages = int.from_bytes(header[16:18], "big"), int.from_bytes(header[28:32], "big")
    if not has_waiting and header[24:28] == header[92:96] and size < pages * (65_536 if page == 1 else page):
        raise FixSetup(f"the ledger is damaged: {path} was cut short; {ADVICE}")
    return size


def _is_writable(path: str) -> None:
    effective = os.access in os.supports_effective_ids
    folder = led_to(path).absolute().parent
    for place in (Path(path), folder):
        if not os.access(place, os.W_OK, effective_ids=effective):
            what = "the folder of the ledger" if place == folder else "the ledger"
            raise FixSetup(
                f"ledger.url: {what}, {place}, may only be read; give this user the right to write it (SQLite keeps two files "
                "beside the ledger)"
            )


def _look_inside(connection: sqlite3.Connection, path: str, *, thorough: bool) -> None:
    names = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    strangers = names - _BESIDE - set(metadata.tables) - {"alembic_version"}
    if "alembic_version" in names:
        versions = [version for (version,) in connection.execute("SELECT version_num FROM alembic_version")]
        if not all(re.fullmatch(r"\d{4}", version) for version in versions):
            raise FixSetup(f"ledger.url: {path} is another application's database; choose another file")
    elif names & set(metadata.tables):
        raise FixSetup("ledger.url: that database has tables of these names that are not a ledger's; choose another")
    elif strangers:
        raise FixSetup(f"ledger.url: {path} is another application's database; choose another file")
    if thorough:
        found = [words for (words,) in connection.execute("PRAGMA quick_check(1)") if words != "ok"]
        if found:
            raise FixSetup(f"the ledger is damaged: {str(found[0]).splitlines()[-1]}; {ADVICE}")


def is_damage(fault: object) -> bool:
    """Whether an error of the driver means that the file is damaged."""
    return (getattr(fault, "sqlite_errorcode", None) or 0) & 0xFF in (_CORRUPT, _NO_DATABASE)


def refusal(fault: object, path: str = "") -> FixSetup | TryLater:
    """What to say of an error of SQLite's driver: the ledger is damaged, or not ours to write, or does not answer now."""
    code = (getattr(fault, "sqlite_errorcode", None) or 0) & 0xFF
    words = (str(fault).strip().splitlines() or [type(fault).__name__])[0]
    if is_damage(fault):
        return FixSetup(f"the ledger is damaged, or is no ledger: {words}; {ADVICE}")
    if code in _NOT_ALLOWED:
        where = f" {path}" if path else ""
        return FixSetup(
            f"ledger.url: the ledger{where} cannot be used: {words}; this user must be able to write it and its folder"
        )
    return TryLater(f"the ledger does not answer: {words}; nothing is lost, run it again")
