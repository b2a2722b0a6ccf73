"""`state forget`: a person is erased from the ledger and the inbox, and what is left of the number is looked for.

    find ─► a person says yes ─► inbox ─► ledger ─► files written anew ─► looked for everywhere

The inbox goes first: its callbacks are found by the ledger's events, so what dies in between is simply run again.

Law: needs the leases sync, pull and sms of every account in the ledger, so that nothing comes in or goes out. Nothing is
called gone that was not looked for.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import NamedTuple

import sqlalchemy as sa

from sync_connector.config import Settings
from sync_connector.errors import TryLater
from sync_connector.events import erasing
from sync_connector.events.inbox import Inbox, callbacks, open_inbox
from sync_connector.fault_points import transaction
from sync_connector.fields.spelling import Spellings
from sync_connector.ledger import forgetting, leases, traces
from sync_connector.ledger.forgetting import PURPOSES, Person
from sync_connector.ledger.keeping import kept
from sync_connector.ledger.schema import accounts, metadata, opt_outs
from sync_connector.ledger.store import Ledger, Scope


class Found(NamedTuple):
    """What is known of a number: in the ledger, and in the inbox (callbacks' numbers)."""

    person: Person
    callbacks: list[int]

    def as_json(self) -> dict[str, object]:
        """What is erased, or would be."""
        return {
            "contacts": self.person.keys,
            "rows": dict(self.person.counts),
            "callbacks": len(self.callbacks),
            "opted_out": self.person.opted_out,
            "other_numbers": self.person.numbers,
        }


@contextmanager
def inbox_of(settings: Settings) -> Iterator[Inbox | None]:
    """The inbox that can be opened here; `None` where there is none yet, or it is behind a receiver elsewhere."""
    url = settings.receive.inbox.get_secret_value()
    parsed = sa.make_url(url) if "://" in url or url.startswith("sqlite:") else None
    missing = parsed is not None and parsed.get_backend_name() == "sqlite" and not Path(parsed.database or "").exists()
    if missing or settings.pull.url:
        yield None
        return
    with closing(open_inbox(url)) as inbox:
        yield inbox


@contextmanager
def alone(ledger: Ledger) -> Iterator[list[int]]:
    """Be the only one at work on every account of the ledger; their ids. Raises `AskPerson` where another is."""
    with ledger.engine.connect() as connection:
        ids = list(connection.scalars(sa.select(accounts.c.id).order_by(accounts.c.id)))
    with ExitStack() as stack:
        for account in ids:
            for purpose in PURPOSES:
                stack.enter_context(kept(ledger, Scope(account, -1), purpose, partial(_renew, ledger, account, purpose)))
        yield ids


def _renew(ledger: Ledger, account: int, purpose: leases.Purpose) -> None:
    with transaction(ledger.engine, "ledger.renew_all") as connection:
        leases.renew(connection, account, ledger.holder, purpose)


def find(settings: Settings, ledger: Ledger, inbox: Inbox | None, spellings: Spellings, *, opt_out: bool) -> Found:
    """All that would be erased. `opt_out`: the opt-out as well."""
    person = forgetting.find(ledger, spellings, opt_out=opt_out)
    country = settings.events.default_country
    return Found(person, [] if inbox is None else erasing.find(inbox, spellings, country, person.event_keys))


def erase(
    ledger: Ledger, inbox: Inbox | None, spellings: Spellings, account_ids: list[int], found: Found, *, opt_out: bool
) -> Found:
    """Erase what was found, and what came since; what that was. Raises `LeaseLost`, `TryLater`."""
    try:
        if inbox is not None:
            erasing.erase(inbox, found.callbacks)
        person = forgetting.erase(ledger, spellings, account_ids, opt_out=opt_out)
        traces.rewrite(ledger.engine, metadata.sorted_tables, "ledger.rewrite")
    except (sqlite3.OperationalError, sa.exc.OperationalError) as fault:
        words = str(getattr(fault, "orig", fault)).splitlines()[0]
        raise TryLater(f"the number is not erased everywhere yet: {words}; run it again") from None
    return Found(person, found.callbacks)


def left(ledger: Ledger, inbox: Inbox | None, spellings: Spellings, *, opt_out: bool) -> dict[str, int]:
    """Where the number still stands, and how often: `ledger table.column`, `inbox …`, or a file. An opt-out that is kept is none
    of them: it is the number's row among the opt-outs. `opt_out`: none was to be kept."""
    columns = traces.in_columns(ledger.engine, metadata.sorted_tables, spellings)
    kept = 0 if opt_out else columns.pop(f"{opt_outs.name}.{opt_outs.c.phone_number.name}", 0)
    found = {f"ledger {name}": n for name, n in columns.items()} | traces.in_bytes(ledger.engine, spellings, kept)
    if inbox is not None:
        found |= {f"inbox {name}": n for name, n in traces.in_columns(inbox.engine, [callbacks], spellings).items()}
        if inbox.engine.url.database != ledger.engine.url.database:  # they may share a file, which was looked through
            found |= traces.in_bytes(inbox.engine, spellings)
    return found
