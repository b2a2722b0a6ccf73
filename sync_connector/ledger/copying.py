"""A copy of the ledger, made while it is in use.

Law: the copy is one moment of the ledger; it appears under its name only once it is whole, on disk, and readable by nobody else;
no file is ever overwritten. It says of itself that it is a copy, so that a ledger that was put back takes nothing for certain.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import sqlalchemy as sa

from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import reach
from sync_connector.ledger import soundness
from sync_connector.ledger.opening import COPY
from sync_connector.whole_file import clear, on_disk, unfinished_name

BUSY = 10.0  # seconds that a lock is waited for

_PG_DUMP = (
    "the ledger is in PostgreSQL, whose own pg_dump copies it while it is in use: pg_dump --format=custom --file=… the database; "
    "pg_restore --clean puts it back"
)


def backup(url: str, target: Path) -> tuple[int, int]:
    """Copy an SQLite ledger into a new file and look whether it is whole; its pages and its bytes.

    A ledger of an earlier version is copied as it is. Raises `FixSetup` (no SQLite ledger, a damaged one, a file that is there or
    cannot be made) and `TryLater` (it stays locked, the disk is full).
    """
    try:
        parsed = sa.make_url(url)
        backend = parsed.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):
        raise FixSetup("ledger.url: is not an SQLAlchemy URL; write sqlite:///sync-ledger.db") from None
    if backend == "postgresql":
        raise FixSetup(_PG_DUMP)
    source = Path(parsed.database or ":memory:")
    if backend != "sqlite" or not source.exists():
        raise FixSetup(f"ledger.url: there is no ledger at {source}; the first sync makes it")
    soundness.look_at_files(str(source))
    with suppress(OSError):
        clear(target)  # of one that was killed: it is as long as the ledger, and holds what it holds
    if target.exists() or target.is_symlink():
        raise FixSetup(f"{target} is there already, and is not overwritten; choose another name")
    part = unfinished_name(target)
    try:
        reach("ledger.copy.before")
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
        pages = _copied(source, part)
        size = part.stat().st_size
        reach("ledger.copy.written")
        os.link(part, target)  # it fails where somebody was quicker
        on_disk(target.absolute().parent)
        reach("ledger.copy.after")
    except FileExistsError:
        raise FixSetup(f"{target} is there already, and is not overwritten; choose another name") from None
    except OSError as fault:
        raise FixSetup(f"{target} cannot be written: {fault.strerror}") from None
    finally:
        with suppress(OSError):
            clear(target)
    return pages, size


def _copied(source: Path, part: Path) -> int:
    """The ledger's pages, all in one step: a writer meanwhile neither waits nor is half in the copy."""
    try:
        with (
            closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=rw", uri=True, timeout=BUSY)) as from_,
            closing(sqlite3.connect(part, timeout=BUSY)) as to,
        ):
            if "alembic_version" not in {name for (name,) in from_.execute("SELECT name FROM sqlite_master")}:
                raise FixSetup(f"ledger.url: {source} is no ledger of ours; nothing was copied")
            from_.backup(to, pages=-1)
            # The copy is one file, without a -wal beside it; the ledger's own mode comes back when it is opened.
            to.execute("PRAGMA journal_mode=DELETE")
            to.execute(f"PRAGMA application_id = {COPY}")
            wrong = [words for (words,) in to.execute("PRAGMA integrity_check(3)") if words != "ok"]
            pages = int(to.execute("PRAGMA page_count").fetchone()[0])
    except sqlite3.OperationalError as fault:
        raise TryLater(f"the ledger cannot be copied: {fault}; nothing was written, run it again") from None
    except sqlite3.DatabaseError as fault:
        wrong, pages = [str(fault)], 0
    if wrong:
        raise FixSetup(f"the ledger is damaged: {wrong[0].splitlines()[-1]}; no copy was made. Restore an earlier one")
    on_disk(part)
    return pages
