"""What the ledger can tell of messages: lists for people, and counts for the report.

Law: it only reads; counts add up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger.message_schema import messages, opt_outs
from sync_connector.ledger.schema import events
from sync_connector.ledger.statements import utc
from sync_connector.ledger.store import Ledger
from sync_connector.model import OTHER_STATUS, STATUSES, Kind, MessageState, Mode

ROWS = 1_000  # of a statement's list

RECEIVED = STATUSES["received"]

MAY_COST = [MessageState.SENT.value, MessageState.UNKNOWN.value, MessageState.BEGUN.value]
"""What the vendor took, or may have taken."""


@dataclass(frozen=True, slots=True)
class WantedMessages:
    """Which messages are asked for. `campaign`: `""` asks for those of their own; `contact_keys`: in any source, unless
    `contact_source` names one. Nothing set: all."""

    campaign: str | None = None
    phone_number: str | None = None
    contact_keys: tuple[str, ...] = ()
    states: tuple[MessageState, ...] = ()
    contact_source: str | None = None


def listed(ledger: Ledger, account_id: int, wanted: WantedMessages, count: int | None) -> list[dict[str, Any]]:
    """Messages, those that were begun last first: campaign, number (E.164), state, id_sms_api, text, url, send_at, begun_at,
    settled_at, settled_by, reason, segments, parts, mode, contact_key, contact_source, and what became of them: `delivery` (the
    status that stands, `""` before the first), answered_at, clicked_at (of the first; when it happened, or came if that is not
    known), opted_out (the answer was a STOP that still holds). Times are ISO 8601 in UTC."""
    last_first = (messages.c.begun_at.desc(), messages.c.id.desc())
    query = sa.select(messages).where(_these(account_id, wanted)).order_by(*last_first).limit(count)
    with ledger.engine.connect() as connection:
        found = connection.execute(query).all()
        became = _became(connection, account_id, [row.id for row in found])
    return [_told(row, became.get(row.id, {})) for row in found]


def _these(account_id: int, wanted: WantedMessages) -> sa.ColumnElement[bool]:
    these = [messages.c.account_id == account_id]
    if wanted.campaign is not None:
        these.append(messages.c.campaign == wanted.campaign)
    if wanted.phone_number is not None:
        these.append(messages.c.phone_number == wanted.phone_number)
    if wanted.contact_keys:
        these.append(messages.c.contact_key.in_(wanted.contact_keys))
    if wanted.contact_source is not None:
        these.append(messages.c.contact_source == wanted.contact_source)
    if wanted.states:
        these.append(messages.c.state.in_([state.value for state in wanted.states]))
    return sa.and_(*these)


def _became(connection: Connection, account_id: int, message_ids: Sequence[int]) -> dict[int, dict[str, Any]]:
    """Message id → what events tell of it."""
    when = sa.func.coalesce(events.c.occurred_at, events.c.received_at)
    told = (events.c.message_id, events.c.kind, events.c.status, when, opt_outs.c.phone_number.is_not(None))
    of_account = events.c.account_id == account_id
    became: dict[int, dict[str, Any]] = defaultdict(dict)
    for start in range(0, len(message_ids), ROWS):
        of_these = events.c.message_id.in_(message_ids[start : start + ROWS])
        query = sa.select(*told).select_from(_with_opt_outs()).where(of_account, of_these).order_by(events.c.id)
        for message_id, kind, status, at, opted_out in connection.execute(query):
            fate = became[message_id]
            if kind == Kind.SMS_STATUS and _rank(status) > _rank(fate.get("delivery")):
                fate["delivery"] = status
            elif kind == Kind.INCOMING_SMS:
                fate["answered_at"] = min(utc(at), fate.get("answered_at", utc(at)))
                fate["opted_out"] = fate.get("opted_out", False) or opted_out
            elif kind == Kind.LINK_CLICK:
                fate["clicked_at"] = min(utc(at), fate.get("clicked_at", utc(at)))
    return became


def _rank(status: str | None) -> int:
    return -1 if status is None else STATUSES.get(status, OTHER_STATUS)


def _with_opt_outs() -> sa.FromClause:
    """Events, and the opt-out that one has brought about and that still holds. Its key alone would do; by the number it is found
    in an index."""
    same_number = (opt_outs.c.account_id == events.c.account_id) & (opt_outs.c.phone_number == events.c.phone_number)
    return events.outerjoin(opt_outs, same_number & (opt_outs.c.event_key == events.c.event_key))


def _told(row: Any, fate: dict[str, Any]) -> dict[str, Any]:
    return {
        "campaign": row.campaign,
        "number": row.phone_number,
        "state": row.state,
        "id_sms_api": row.id_sms_api,
        "text": row.text,
        "url": row.url,
        "send_at": _iso(row.send_at),
        "begun_at": _iso(row.begun_at),
        "settled_at": _iso(row.settled_at),
        "settled_by": row.settled_by,
        "reason": row.reason,
        "segments": row.segments,
        "parts": row.parts,
        "mode": row.mode,
        "contact_key": row.contact_key,
        "contact_source": row.contact_source,
        "delivery": fate.get("delivery", ""),
        "answered_at": _iso(fate.get("answered_at")),
        "clicked_at": _iso(fate.get("clicked_at")),
        "opted_out": bool(fate.get("opted_out", False)),
    }


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else utc(moment).isoformat().replace("+00:00", "Z")


def opt_outs_of(ledger: Ledger, account_id: int) -> list[dict[str, Any]]:
    """The numbers that get no more messages, in their order: number (E.164), since (ISO 8601, UTC), event_key of the answer that
    says so (`None`: a person did) and text, its words."""
    query = sa.select(opt_outs).where(opt_outs.c.account_id == account_id).order_by(opt_outs.c.phone_number)
    with ledger.engine.connect() as connection:
        found = connection.execute(query).all()
    return [{"number": row.phone_number, "since": _iso(row.since), "event_key": row.event_key, "text": row.text} for row in found]


def campaigns(ledger: Ledger, account_id: int) -> list[dict[str, Any]]:
    """Each campaign in each mode, the one that was sent last first: campaign, mode; messages, which are sent + refused + unknown
    + unsent + begun; of those delivered (the vendor says `received`), failed (refused, or the vendor says something that is
    neither `sent` nor `received`), answered, clicked, opted_out; segments of those that the vendor took, or may have taken; first
    and last (ISO 8601, UTC)."""
    facts = _facts(account_id)
    number = sa.func.count()

    def those(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

    counted = {state.value: those(messages.c.state == state.value) for state in MessageState}
    counted |= {
        "delivered": those(facts.c.standing == RECEIVED),
        "failed": those((messages.c.state == MessageState.REFUSED.value) | (facts.c.standing == OTHER_STATUS)),
        "answered": those(facts.c.answered == 1),
        "clicked": those(facts.c.clicked == 1),
        "opted_out": those(facts.c.opted_out == 1),
        "segments": sa.func.sum(sa.case((messages.c.state.in_(MAY_COST), messages.c.segments), else_=0)),
    }
    first, last = sa.func.min(messages.c.begun_at), sa.func.max(messages.c.begun_at)
    query = (
        sa.select(messages.c.campaign, messages.c.mode, number, first, last, *counted.values())
        .select_from(messages.outerjoin(facts, facts.c.message_id == messages.c.id))
        .where(messages.c.account_id == account_id)
        .group_by(messages.c.campaign, messages.c.mode)
        .order_by(last.desc(), messages.c.campaign, messages.c.mode)
    )
    told = []
    with ledger.engine.connect() as connection:
        for campaign, mode, count, first_at, last_at, *counts in connection.execute(query):
            named = dict(zip(counted, map(int, counts), strict=True))
            parts = [named[state.value] for state in MessageState]
            if count != sum(parts):
                raise AssertionError(f"counts do not add up: {count} messages, of the states {parts}")
            times = {"first": _iso(first_at), "last": _iso(last_at)}
            told.append({"campaign": campaign, "mode": mode, "messages": count} | named | times)
    return told


class Fate(NamedTuple):
    """What became of some messages of a campaign that leave at one time (UTC); the first of them was begun at `begun_at`.
    `delivered`: the vendor says `received`; `failed`: it refused them, or says something that is neither `sent` nor `received`;
    `messages` is how many they are, and `segments` of how many SMS they consist."""

    leaves_at: datetime
    begun_at: datetime
    campaign: str
    mode: Mode
    state: MessageState
    delivered: bool
    failed: bool
    answered: bool
    clicked: bool
    opted_out: bool
    messages: int
    segments: int


def fates(ledger: Ledger, account_id: int, since: datetime, until: datetime | None = None) -> list[Fate]:
    """The messages that leave since and before these times, counted: those that are alike in all that `Fate` tells are one of
    them. A message leaves when it may, or is begun if it may at once. All are counted at one moment, so that sums agree."""
    facts = _facts(account_id)
    leaves = sa.func.coalesce(messages.c.send_at, messages.c.begun_at)
    became = (facts.c.standing, facts.c.answered, facts.c.clicked, facts.c.opted_out)
    alike = (leaves, messages.c.campaign, messages.c.mode, messages.c.state, *became)
    counted = (sa.func.min(messages.c.begun_at), sa.func.count(), sa.func.sum(messages.c.segments))
    these = [messages.c.account_id == account_id, leaves >= utc(since)]
    if until is not None:
        these.append(leaves < utc(until))
    query = (
        sa.select(*alike, *counted)
        .select_from(messages.outerjoin(facts, facts.c.message_id == messages.c.id))
        .where(*these)
        .group_by(*alike)
        .order_by(leaves, messages.c.campaign)
    )
    with ledger.engine.connect() as connection:
        return [_fate(*row) for row in connection.execute(query)]


def _fate(at: datetime, campaign: str, mode: str, state: str, standing: int | None, *more: Any) -> Fate:
    answered, clicked, opted_out, begun_at, number, segments = more
    failed = state == MessageState.REFUSED or standing == OTHER_STATUS
    became = (standing == RECEIVED, failed, bool(answered), bool(clicked), bool(opted_out))
    return Fate(utc(at), utc(begun_at), campaign, Mode(mode), MessageState(state), *became, number, int(segments))


def _facts(account_id: int) -> sa.Subquery:
    """What events tell of each message that they are about: `standing` (the highest rank of its statuses, −1 without one), and 1
    or 0 for answered, clicked, opted_out."""

    def whether(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
        return sa.func.max(sa.case((condition, 1), else_=0))

    rank = sa.case(STATUSES, value=events.c.status, else_=OTHER_STATUS)
    return (
        sa.select(
            events.c.message_id,
            sa.func.max(sa.case((events.c.kind == Kind.SMS_STATUS.value, rank), else_=-1)).label("standing"),
            whether(events.c.kind == Kind.INCOMING_SMS.value).label("answered"),
            whether(events.c.kind == Kind.LINK_CLICK.value).label("clicked"),
            whether(opt_outs.c.phone_number.is_not(None)).label("opted_out"),
        )
        .select_from(_with_opt_outs())
        .where(events.c.account_id == account_id, events.c.message_id.is_not(None))
        .group_by(events.c.message_id)
        .subquery()
    )
