"""What callbacks prove of messages: that one was sent, which one an answer answers, and who wants no more of them.

Law: evidence wins. Whatever the ledger had of a message, a callback about it says that it was sent. A message is in the ledger
before its request leaves, so no callback comes before its message, and nothing has to be bound late.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from sync_connector.ledger.message_schema import messages, opt_outs
from sync_connector.ledger.nouns import Arrived
from sync_connector.ledger.statements import ask, utc
from sync_connector.model import Clock, Kind, MessageState, Mode

OF_A_MESSAGE = (Kind.SMS_STATUS, Kind.LINK_CLICK)
"""Events that name the message that they are about."""

MAY_BE_ANSWERED = [MessageState.SENT.value, MessageState.UNKNOWN.value, MessageState.BEGUN.value]
"""What a person may have on their telephone."""

SLOW = timedelta(hours=1)
"""So far a telephone's clock may be behind."""

ROWS = 1_000  # of a statement: each row is several parameters

_LOCKED = "SELECT id, id_sms_api, state FROM messages WHERE account_id = :account_id AND id_sms_api AMONG :ids ORDER BY id"

_OUT_BEFORE = """
SELECT phone_number, COALESCE(send_at, begun_at), id FROM messages
WHERE account_id = :account_id AND phone_number AMONG :numbers AND mode = :mode AND state AMONG :states
"""


def locked(connection: Connection, account_id: int, ids: list[str]) -> dict[str, tuple[int, str]]:
    """`id_sms_api` → id and state of the messages that the account has of these. Nobody else moves them before the transaction
    ends: all take them in the same order, so that a pull and a sender never wait for each other in a ring."""
    text = _LOCKED + (" FOR UPDATE" if connection.dialect.name == "postgresql" else "")
    return {sms: (id_, state) for id_, sms, state in ask(connection, text, {"account_id": account_id, "ids": ids})}


def settle(connection: Connection, account_id: int, arrivals: Sequence[Arrived]) -> tuple[dict[str, int], int]:
    """Messages that statuses and clicks tell of were sent; a suspected repeat tells it as well. Gives event key → the message
    that it is about, and how many messages nobody had known to be sent."""
    told = [one for one in arrivals if one.event.kind in OF_A_MESSAGE and one.event.id_sms_api]
    known = locked(connection, account_id, list({one.event.id_sms_api for one in told})) if told else {}
    about: dict[str, int] = {}
    moved: dict[int, dict[str, Any]] = {}
    for one in told:
        if one.event.id_sms_api not in known:  # the vendor gave it an id of its own, or another program of the account did
            continue
        message_id, state = known[one.event.id_sms_api]
        about[one.event_key] = message_id
        if state != MessageState.SENT:
            moved.setdefault(message_id, {"of": message_id, "by": one.event_key, "at": utc(one.received_at)})
    if moved:
        proven = {"state": MessageState.SENT.value, "reason": None}
        change = sa.update(messages).where(messages.c.id == sa.bindparam("of"))
        connection.execute(
            change.values(**proven, settled_by=sa.bindparam("by"), settled_at=sa.bindparam("at")), list(moved.values())
        )
    return about, len(moved)


def answered(connection: Connection, account_id: int, arrivals: Sequence[Arrived]) -> dict[str, int]:
    """Event key of an incoming SMS → the last message that had left for that number when it was written, or came if that is not
    known for certain."""
    told = [one for one in arrivals if one.event.kind is Kind.INCOMING_SMS and one.event.phone_number is not None]
    if not told:
        return {}
    numbers = list({str(one.event.phone_number) for one in told})
    values = {"account_id": account_id, "numbers": numbers, "mode": Mode.PROD.value, "states": MAY_BE_ANSWERED}
    out: dict[str, list[tuple[datetime, int]]] = defaultdict(list)
    for number, left_at, message_id in ask(connection, _OUT_BEFORE, values):
        out[number].append((instant(left_at), message_id))
    for of_number in out.values():
        of_number.sort()
    found = {}
    for one in told:
        before = out.get(str(one.event.phone_number), [])
        if place := bisect_right(before, _written(one), key=lambda left: left[0]):
            found[one.event_key] = before[place - 1][1]
    return found


def _written(one: Arrived) -> datetime:
    """Until when it was written at the latest: a telephone without a network delivers days later, and its clock may be slow."""
    received, at = utc(one.received_at), one.event.occurred_at
    return received if at is None or one.event.clock is not Clock.EXACT else min(received, utc(at) + SLOW)


def opt_out(connection: Connection, account_id: int, arrivals: Sequence[Arrived]) -> int:
    """Who says STOP gets no more messages; how many numbers did that had not before. Of several the first stays. What only
    repeats a callback must not be among them: a person may have let the number in again since."""
    said: dict[str, dict[str, Any]] = {}
    for one in arrivals:
        number = one.event.phone_number
        if one.stop and one.event.kind is Kind.INCOMING_SMS and number is not None:
            told = {"since": utc(one.received_at), "event_key": one.event_key, "text": one.event.text}
            said.setdefault(number, {"account_id": account_id, "phone_number": number} | told)
    return put_opt_outs(connection, list(said.values()))


def put_opt_outs(connection: Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Insert rows of `opt_outs`, in an order that is the same for all; what is there stays as it is. How many were new."""
    rows = sorted(rows, key=lambda row: str(row["phone_number"]))
    insert: Any = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(opt_outs)
    new = 0
    for start in range(0, len(rows), ROWS):
        statement = insert.values(rows[start : start + ROWS]).on_conflict_do_nothing()
        new += len(connection.execute(statement.returning(opt_outs.c.phone_number)).all())
    return new


def instant(told: str | datetime) -> datetime:
    """A time that `ask` gave, which is text in SQLite; in UTC."""
    return utc(datetime.fromisoformat(told) if isinstance(told, str) else told)
