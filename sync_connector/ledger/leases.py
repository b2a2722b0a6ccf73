"""One run, one pull and one sending of messages at a time on an account: a lease with an expiry, renewed in every transaction
that writes.

A lease whose holder was a process of this machine that no longer lives is taken over at once, so that a killed run can
be started again without waiting; one held from elsewhere is taken over when it has expired. Renewing in the same
transaction as the write is the fence: a run that lost its lease cannot move the ledger.
"""

from __future__ import annotations

import os
import secrets
import socket
import time
from pathlib import Path
from typing import Literal

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.errors import AskPerson, LeaseLost
from sync_connector.ledger.schema import leases
from sync_connector.ledger.statements import ask

SECONDS = 300.0
"""How long a silent run keeps its lease. Longer than any wait between two writes of a run that is well."""

_RENEW = """
UPDATE leases SET expires_at = :expires_at WHERE account_id = :account_id AND purpose = :purpose AND holder = :holder
"""

Purpose = Literal["sync", "pull", "sms"]
"""What a lease is for: contacts and messages may go out while callbacks come in."""

_WORD = {"sync": "run", "pull": "pull", "sms": "sending of messages"}


def this_process() -> str:
    """A name for this process that no other has: host, process, when it was started, and chance."""
    return f"{socket.gethostname()}/{os.getpid()}/{_started(os.getpid())}/{secrets.token_hex(4)}"


def acquire(connection: Connection, account_id: int, holder: str, purpose: Purpose = "sync") -> None:
    """Take the lease. Raises `AskPerson` while another run has it."""
    now = time.time()
    # A write first: it takes the lock, so that nobody comes between the look and the taking.
    this = (leases.c.account_id == account_id) & (leases.c.purpose == purpose)
    connection.execute(sa.update(leases).where(this).values(holder=leases.c.holder))
    current = connection.execute(sa.select(leases.c.holder, leases.c.expires_at).where(this)).one_or_none()
    mine = {"holder": holder, "expires_at": now + SECONDS}
    if current is None:
        connection.execute(sa.insert(leases).values(account_id=account_id, purpose=purpose, **mine))
        return
    if current.holder != holder and not is_free(current.holder, current.expires_at, now):
        host, process = current.holder.split("/")[:2]
        raise AskPerson(
            f"another {_WORD[purpose]} is at work on this account (process {process} on {host}); wait for it to end. "
            f"Should it be dead, its lease expires in {int(current.expires_at - now) + 1} seconds"
        )
    taken = connection.execute(sa.update(leases).where(this, leases.c.holder == current.holder).values(**mine))
    if taken.rowcount != 1:
        raise AskPerson(f"another {_WORD[purpose]} began at the same moment; wait for it to end")


def renew(connection: Connection, account_id: int, holder: str, purpose: Purpose = "sync") -> None:
    """Keep the lease. Raises `LeaseLost` when another run took it over."""
    renewed = {"account_id": account_id, "purpose": purpose, "holder": holder, "expires_at": time.time() + SECONDS}
    kept = ask(connection, _RENEW, renewed)
    if kept.rowcount != 1:
        word = _WORD[purpose]
        raise LeaseLost(f"another {word} took over while this one was silent for too long; nothing more was written")


def is_free(holder: str, expires_at: float, now: float) -> bool:
    """Whether a lease that was never given back can be taken: it has expired, or its holder is known to be dead."""
    return expires_at <= now or _is_dead(holder)


def release(connection: Connection, account_id: int, holder: str, purpose: Purpose = "sync") -> None:
    """Give the lease back, if it is still ours."""
    mine = (leases.c.account_id == account_id) & (leases.c.purpose == purpose) & (leases.c.holder == holder)
    connection.execute(sa.delete(leases).where(mine))


def _started(process: int) -> str:
    """When a process was started, in ticks since the machine was: tells a reused number from the process that had it."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        return "?"


def _is_dead(holder: str) -> bool:
    """Whether the holder is a process of this machine that no longer lives; false wherever that cannot be known."""
    try:
        host, process, started, _ = holder.split("/")
    except ValueError:
        return False
    if host != socket.gethostname():
        return False
    if int(process) == os.getpid():
        return True  # an earlier process of our number: ours has another name
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return started != "?" and _started(int(process)) != started
