"""What must hold between the rows of a ledger, whatever came to pass: each a query that counts, and one that finds none.

Law: every statement only reads, and both databases understand it. Where an index may be what is wrong, the tables are read past
it (a `+ 0`, a `|| ''`).
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from sync_connector.model import Change, Clock, Kind, Matched, MessageState, Mode, Severity, State, Verdict

OURS = "keep a backup of the ledger, restore the last one that verifies, and tell the makers"
RUN_AGAIN = "run `sync-connector sync`: it takes them for unknown, and sends them again or holds them (source.on_unknown)"
NEXT_RUN = "run `sync-connector sync`: it notes that they failed"
RESOLVE = "`sync-connector sms resolve` takes them for unknown, and lists them"
FULL = "`sync-connector sync --full` looks at every row anew; restore the last backup if it comes again"
PULL = "restore the last backup; the next pull reads the inbox on from there"


class Sum(NamedTuple):
    """One of them. `wrong` gives an id of each thing that is wrong; `sentence` says what they are, `advice` what to do."""

    name: str
    counted: str
    wrong: str
    sentence: str
    advice: str


def _words(*kinds: type[StrEnum]) -> str:
    return ", ".join(f"'{word.value}'" for kind in kinds for word in kind)


def _known(table: str, column: str, words: str, advice: str) -> Sum:
    counted = f"SELECT COUNT(*) FROM {table}"  # noqa: S608  # our own words, here and below
    wrong = f"SELECT id FROM {table} WHERE {column} || '' NOT IN ({words}) ORDER BY id"  # noqa: S608
    return Sum(f"{table}: {column}", counted, wrong, f"{table} whose {column} is no word that we know, by their id", advice)


def _there(table: str, column: str, of: str, key: str, advice: str, *, row: str = "id", account: bool = False) -> Sum:
    """`table.column`, where it is filled, names a row of `of` by its `key`, of the same account where that matters."""
    same = " AND o.account_id = t.account_id" if account else ""
    counted = f"SELECT COUNT({column}) FROM {table}"  # noqa: S608
    wrong = (
        f"SELECT t.{row} FROM {table} t WHERE t.{column} IS NOT NULL "  # noqa: S608
        f"AND NOT EXISTS (SELECT 1 FROM {of} o WHERE o.{key} = t.{column}{same}) ORDER BY t.{row}"
    )
    return Sum(f"{table}: {column}", counted, wrong, f"{table} whose {column} is not in {of}, by their {row}", advice)


def _all() -> Iterable[Sum]:
    numbered = "SELECT COUNT(*) FROM contacts WHERE phone_number || '' <> ''"
    twice = "FROM contacts WHERE phone_number || '' <> '' GROUP BY account_id + 0, phone_number || '' HAVING COUNT(*) > 1"
    yield Sum("owners", numbered, f"SELECT MIN(id) {twice}", "numbers have several owners, of which one, by its id, is", OURS)
    yield _known("contacts", "state", _words(State), FULL)
    yield _known("runs", "status", "'running', 'finished', 'failed', 'stopped'", OURS)
    yield _known("verdicts", "change", _words(Change), OURS)
    yield _known("verdicts", "verdict", _words(Verdict), OURS)
    yield _known("findings", "severity", _words(Severity), FULL)
    yield _known("events", "kind", _words(Kind), PULL)
    yield _known("events", "matched", _words(Matched), PULL)
    yield _known("events", "clock", _words(Clock), PULL)
    yield _known("messages", "mode", _words(Mode), OURS)
    yield _known("messages", "state", _words(MessageState), OURS)
    unsettled = "SELECT id FROM messages WHERE (state = 'begun') <> (settled_at IS NULL) ORDER BY id"
    sentence = "messages are settled and under way at once, or neither, by their id"
    yield Sum("messages: settled", "SELECT COUNT(*) FROM messages", unsettled, sentence, OURS)
    waiting = "SELECT id FROM contacts WHERE state = 'held' AND wanted_number IS NULL ORDER BY id"
    held = "SELECT COUNT(*) FROM contacts WHERE state = 'held'"
    yield Sum("contacts: held", held, waiting, "contacts are held and wait for no number, by their id", FULL)
    yield _there("contacts", "run_id", "runs", "id", OURS)
    yield _there("verdicts", "contact_id", "contacts", "id", OURS)
    yield _there("rejects", "contact_id", "contacts", "id", FULL)
    yield _there("findings", "contact_id", "contacts", "id", FULL)
    overlaid = (
        "SELECT o.key FROM overlays o WHERE NOT EXISTS "
        "(SELECT 1 FROM contacts c WHERE c.source_id = o.source_id AND c.key = o.key) ORDER BY o.key"
    )
    yield Sum("overlays: key", "SELECT COUNT(*) FROM overlays", overlaid, "corrections lie on no contact, by its key", FULL)
    yield _there("bindings", "contact_id", "contacts", "id", PULL, row="event_id")
    yield _there("events", "message_id", "messages", "id", PULL, account=True)
    yield _there("events", "same_as", "events", "event_key", PULL, account=True)
    yield _there("events", "status_of", "events", "event_key", PULL, account=True)
    yield from _in_progress()


def _in_progress() -> Iterable[Sum]:
    """What is under way, and how far each has come."""
    dead = "SELECT id FROM in_flight WHERE run_id NOT IN (SELECT id FROM runs WHERE status = 'running') ORDER BY id"
    sentence = "batches were left under way by a run that has ended, by their id"
    yield Sum("in_flight", "SELECT COUNT(*) FROM in_flight", dead, sentence, RUN_AGAIN)
    silent = (
        "SELECT r.id FROM runs r JOIN sources s ON s.id = r.source_id WHERE r.status = 'running' AND NOT EXISTS "
        "(SELECT 1 FROM leases l WHERE l.account_id = s.account_id AND l.purpose = 'sync') ORDER BY r.id"
    )
    running = "SELECT COUNT(*) FROM runs WHERE status = 'running'"
    yield Sum("runs: running", running, silent, "runs ended without saying how, by their id", NEXT_RUN)
    begun = (
        "SELECT id FROM messages WHERE state = 'begun' AND NOT EXISTS "
        "(SELECT 1 FROM leases l WHERE l.account_id = messages.account_id AND l.purpose = 'sms') ORDER BY id"
    )
    under_way = "SELECT COUNT(*) FROM messages WHERE state = 'begun'"
    yield Sum("messages: begun", under_way, begun, "messages are under way and nobody sends, by their id", RESOLVE)
    stands_at = "inbox || '-' || sequence || '-'"
    astray = f"SELECT inbox FROM cursors WHERE SUBSTR(event_key, 1, LENGTH({stands_at})) <> {stands_at} ORDER BY inbox"  # noqa: S608
    yield Sum("cursors", "SELECT COUNT(*) FROM cursors", astray, "cursors do not name the callback that they stand at", PULL)
    ahead = (
        "SELECT name FROM sinks WHERE up_to > (SELECT COALESCE(MAX(e.id), 0) FROM events e WHERE e.account_id = sinks.account_id)"
        " ORDER BY name"
    )
    sentence = "sinks are said to have more events than there are: new ones would not reach them"
    yield Sum("sinks", "SELECT COUNT(*) FROM sinks", ahead, sentence, PULL)
    lost = (
        "SELECT o.event_id FROM outbox o JOIN sinks s ON s.id = o.sink_id "
        "WHERE o.event_id > s.up_to OR o.delivery > s.deliveries ORDER BY o.event_id"
    )
    yield Sum("outbox", "SELECT COUNT(*) FROM outbox", lost, "events wait for a sink in a delivery that was never begun", PULL)


SUMS: tuple[Sum, ...] = tuple(_all())
"""All of them, in the order in which they are told."""
