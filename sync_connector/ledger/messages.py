"""Messages in the ledger: begun before their request leaves, settled by what is known of them, and never begun twice.

Law: a message is on disk, under the id that callbacks will tell, before its request leaves; only one that certainly was not
sent is begun again. An answer moves nothing but what is still under way: a callback may have been quicker, and is evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.errors import TryLater
from sync_connector.ledger import leases, message_history
from sync_connector.ledger.evidence import MAY_BE_ANSWERED, ROWS, instant, locked, put_opt_outs
from sync_connector.ledger.message_history import WantedMessages
from sync_connector.ledger.message_schema import messages, opt_outs
from sync_connector.ledger.nouns import Known, Outbound, Said
from sync_connector.ledger.statements import ask, utc
from sync_connector.ledger.store import Ledger
from sync_connector.model import Manner, Message, MessageReply, MessageState, Mode, Priority, Verdict

__all__ = ["Known", "MessageBook", "Outbound", "Overtaken", "WantedMessages"]

MANY = 10_000  # after each so many, PostgreSQL is told how many messages there are
REFUSED = "the vendor says that it was not sent"
NO_ANSWER = "there was no answer that says whether it was sent"
LEFT_BEHIND = "the run that sent it ended before there was an answer"
NOT_SENT_SAYS_A_PERSON = "a person says that it was not sent"

_KNOWN = """
SELECT identity, id, state, id_sms_api, begun_at FROM messages
WHERE account_id = :account_id AND campaign = :campaign AND mode = :mode AND identity AMONG :identities
"""

_SAID = """
SELECT phone_number, text, url, identity, state, send_at FROM messages
WHERE account_id = :account_id AND campaign = :campaign AND mode = :mode AND phone_number AMONG :numbers ORDER BY id
"""

_OPTED_OUT = "SELECT phone_number FROM opt_outs WHERE account_id = :account_id AND phone_number AMONG :numbers"


class Overtaken(TryLater):
    """A message was about to begin that is not to be sent now: a callback told of it since it was planned."""

    def __init__(self, id_sms_api: str) -> None:
        super().__init__(f"a message was told of while it was about to be sent ({id_sms_api}); the same command looks again")


@dataclass(frozen=True, slots=True)
class MessageBook:
    """The messages of an account. Who begins messages, settles them or recovers holds the lease of purpose `sms`."""

    ledger: Ledger
    account_id: int

    # --- looking before sending --------------------------------------------------------------------------------------

    def known(self, campaign: str, mode: Mode, identities: Sequence[str]) -> dict[str, Known]:
        """Of these messages of a campaign, those that the ledger has, by their identity."""
        values = {"account_id": self.account_id, "campaign": campaign, "mode": mode.value, "identities": list(identities)}
        with self.ledger.engine.connect() as connection:
            return {
                identity: Known(id_, MessageState(state), id_sms_api, instant(begun_at))
                for identity, id_, state, id_sms_api, begun_at in ask(connection, _KNOWN, values)
            }

    def said(self, campaign: str, mode: Mode, numbers: Sequence[str]) -> dict[tuple[str, str, str], list[Said]]:
        """What a campaign has for these numbers (E.164): number, text and url → the messages that say so, the oldest first."""
        values = {"account_id": self.account_id, "campaign": campaign, "mode": mode.value, "numbers": list(numbers)}
        found: dict[tuple[str, str, str], list[Said]] = defaultdict(list)
        with self.ledger.engine.connect() as connection:
            for number, text, url, identity, state, send_at in ask(connection, _SAID, values):
                at = None if send_at is None else instant(send_at)
                found[number, text, url].append(Said(identity, MessageState(state), at))
        return dict(found)

    def sent_lately(self, phone_number: str, text: str, since: datetime) -> datetime | None:
        """When (UTC) these words were last sent to that number, or may have been; `None` if not since that time."""
        these = (
            (messages.c.account_id == self.account_id)
            & (messages.c.phone_number == phone_number)
            & (messages.c.text == text)
            & (messages.c.mode == Mode.PROD.value)
            & messages.c.state.in_(MAY_BE_ANSWERED)
        )
        with self.ledger.engine.connect() as connection:
            # Asked for a time, SQLite would go through all that are newer, and not through the few of that number.
            found = [utc(begun_at) for begun_at in connection.scalars(sa.select(messages.c.begun_at).where(these))]
        return max((begun_at for begun_at in found if begun_at >= utc(since)), default=None)

    # --- who wants no more ---------------------------------------------------------------------------------------------

    def opted_out(self, numbers: Sequence[str]) -> set[str]:
        """Of these numbers (E.164), those that get no more messages."""
        with self.ledger.engine.connect() as connection:
            return set(ask(connection, _OPTED_OUT, {"account_id": self.account_id, "numbers": list(numbers)}).scalars())

    def opt_out(self, phone_number: str, now: datetime, event_key: str | None = None, text: str = "") -> None:
        """A number gets no more messages. One that is out already stays as it is. Needs no lease: it must never wait."""
        row = {"account_id": self.account_id, "phone_number": phone_number, "since": utc(now)}
        with self.ledger.durable("messages.opt_out") as connection:
            put_opt_outs(connection, [row | {"event_key": event_key, "text": text}])

    def opt_in(self, phone_number: str) -> bool:
        """A person lets a number in again; whether it was out. The answer that put it out does so no second time. Needs no
        lease."""
        this = (opt_outs.c.account_id == self.account_id) & (opt_outs.c.phone_number == phone_number)
        with self.ledger.durable("messages.opt_in") as connection:
            return connection.execute(sa.delete(opt_outs).where(this)).rowcount > 0

    def opt_outs(self) -> list[dict[str, Any]]:
        """All numbers that get no more messages: see `message_history.opt_outs_of`."""
        return message_history.opt_outs_of(self.ledger, self.account_id)

    # --- sending -------------------------------------------------------------------------------------------------------

    def begin(self, batch: Sequence[Outbound], manner: Manner, now: datetime) -> None:
        """These messages are about to leave. One that was certainly not sent before keeps its row, and must come under the
        `id_sms_api` that it had; any other that is there, under its identity or its id, raises `Overtaken`, and then none is
        begun. Raises `LeaseLost`."""
        with self.writing("messages.begin") as connection:
            there = self._there(connection, batch, manner.mode)
            taken = locked(connection, self.account_id, [one.message.id_sms_api for one in batch])
            fresh, again = [], []
            for one in batch:
                row = self._row(one, manner, now)
                before = there.pop((one.campaign, one.identity), None)
                mine = taken.get(one.message.id_sms_api)  # as it is, now that nobody else moves it
                if before is None and mine is None:
                    fresh.append(row)
                elif before is not None and mine == (before[0], MessageState.UNSENT):
                    again.append(row | {"of": before[0]})
                else:
                    raise Overtaken(one.message.id_sms_api)
            if len({row["id_sms_api"] for row in fresh + again}) < len(batch):
                raise AssertionError("two messages of a batch have the same id")
            if len({(row["campaign"], row["identity"]) for row in fresh + again}) < len(batch):
                raise AssertionError("a batch has the same message twice")
            if fresh:
                connection.execute(sa.insert(messages), fresh)
                _tell_size(connection, len(fresh))
            if again:
                connection.execute(sa.update(messages).where(messages.c.id == sa.bindparam("of")), again)

    def settle(self, batch: Sequence[Outbound], replies: Sequence[MessageReply], now: datetime) -> None:
        """The vendor answered: one reply for each message of the batch, in its order. Raises `LeaseLost`."""
        alike: dict[MessageReply, list[str]] = defaultdict(list)
        for one, reply in zip(batch, replies, strict=True):
            alike[reply].append(one.message.id_sms_api)
        with self.writing("messages.settle") as connection:
            locked(connection, self.account_id, [one.message.id_sms_api for one in batch])
            for reply, ids in alike.items():
                if reply.parts is not None:  # into how many SMS it was cut is known, whoever was quicker
                    self._move(connection, ids, None, parts=reply.parts)
                self._move(connection, ids, MessageState.BEGUN, **_answered(reply.verdict, now))

    def not_sent(self, batch: Sequence[Outbound], reason: str, now: datetime) -> None:
        """The vendor certainly never took these: those that are still under way may be begun again. Raises `LeaseLost`."""
        ids = [one.message.id_sms_api for one in batch]
        with self.writing("messages.not_sent") as connection:
            locked(connection, self.account_id, ids)
            values = {"state": MessageState.UNSENT.value, "reason": reason, "settled_at": utc(now)}
            self._move(connection, ids, MessageState.BEGUN, **values)

    def recover(self, now: datetime) -> int:
        """Messages that an earlier sender left under way may have been sent; how many. Whoever holds the lease is the only sender
        that lives, so none of them is under way now. Raises `LeaseLost`."""
        left = (messages.c.account_id == self.account_id) & (messages.c.state == MessageState.BEGUN.value)
        with self.writing("messages.recover") as connection:
            ids = list(connection.scalars(sa.select(messages.c.id_sms_api).where(left)))
            locked(connection, self.account_id, ids)
            values = {"state": MessageState.UNKNOWN.value, "reason": LEFT_BEHIND, "settled_at": utc(now)}
            return self._move(connection, ids, MessageState.BEGUN, **values)

    # --- what a person decides -----------------------------------------------------------------------------------------

    def resolve(self, ids: Sequence[str], state: MessageState, now: datetime) -> int:
        """A person knows of messages, by their `id_sms_api`, that they were sent or were not; how many were unknown until then.
        Others stay as they are. Needs no lease: what is unknown is not under way."""
        if state not in (MessageState.SENT, MessageState.UNSENT):
            raise AssertionError(f"nobody can decide that a message is {state}")
        reason = NOT_SENT_SAYS_A_PERSON if state is MessageState.UNSENT else None
        values = {"state": state.value, "reason": reason, "settled_at": utc(now), "settled_by": "person"}
        with self.ledger.durable("messages.resolve") as connection:
            if (
                connection.dialect.name == "postgresql"
            ):  # in the order of all others; SQLite has but one writer, who must not look first
                locked(connection, self.account_id, list(ids))
            return self._move(connection, list(ids), MessageState.UNKNOWN, **values)

    def again(self, ids: Sequence[str]) -> list[tuple[Outbound, Manner]]:
        """Of these messages, by their `id_sms_api`, those that are unknown or unsent, as they were begun, in that order. What is
        unknown can be begun again only once it is resolved. `date_to_send` is blank: whoever sends words `send_at` (UTC) anew in
        the account's zone."""
        offered = [MessageState.UNKNOWN.value, MessageState.UNSENT.value]
        found: dict[str, tuple[Outbound, Manner]] = {}
        with self.ledger.engine.connect() as connection:
            for some in _some(ids):
                these = self._of(some) & messages.c.state.in_(offered)
                for row in connection.execute(sa.select(messages).where(these)):
                    found[row.id_sms_api] = _as_begun(row)
        return [found[id_] for id_ in dict.fromkeys(ids) if id_ in found]

    # --- reading -------------------------------------------------------------------------------------------------------

    def listed(self, wanted: WantedMessages, count: int | None) -> list[dict[str, Any]]:
        """Messages and what became of each: see `message_history.listed`."""
        return message_history.listed(self.ledger, self.account_id, wanted, count)

    def campaigns(self) -> list[dict[str, Any]]:
        """Counts of each campaign: see `message_history.campaigns`."""
        return message_history.campaigns(self.ledger, self.account_id)

    # --- in the database -----------------------------------------------------------------------------------------------

    @contextmanager
    def writing(self, point: str) -> Iterator[Connection]:
        """A transaction that is on disk when it ends: a message that was forgotten would be sent again. Raises `LeaseLost`."""
        with self.ledger.durable(point) as connection:
            leases.renew(connection, self.account_id, self.ledger.holder, "sms")
            yield connection

    def renew(self) -> None:
        """Keep the lease while nothing is written. Raises `LeaseLost`."""
        with self.writing("messages.renew"):
            pass

    def _of(self, ids: Sequence[str]) -> sa.ColumnElement[bool]:
        return (messages.c.account_id == self.account_id) & messages.c.id_sms_api.in_(ids)

    def _there(
        self, connection: Connection, batch: Sequence[Outbound], mode: Mode
    ) -> dict[tuple[str, str], tuple[int, str, str]]:
        """Campaign and identity → id, state and `id_sms_api` of what is there of a batch."""
        by_campaign: dict[str, list[str]] = defaultdict(list)
        for one in batch:
            by_campaign[one.campaign].append(one.identity)
        there = {}
        for campaign, identities in by_campaign.items():
            values = {"account_id": self.account_id, "campaign": campaign, "mode": mode.value, "identities": identities}
            for identity, id_, state, id_sms_api, _ in ask(connection, _KNOWN, values):
                there[campaign, identity] = (id_, state, id_sms_api)
        return there

    def _row(self, one: Outbound, manner: Manner, now: datetime) -> dict[str, Any]:
        return {
            "account_id": self.account_id,
            "campaign": one.campaign,
            "identity": one.identity,
            "id_sms_api": one.message.id_sms_api,
            "phone_number": one.message.phone_number,
            "text": one.message.text,
            "url": one.message.url,
            "send_at": None if one.send_at is None else utc(one.send_at),
            "priority": int(manner.priority),
            "mode": manner.mode.value,
            "sender_name": manner.sender_name,
            "sender_mode": manner.sender_mode,
            "segments": one.segments,
            "contact_key": one.contact_key,
            "contact_source": one.contact_source,
            "state": MessageState.BEGUN.value,
            "reason": None,
            "parts": None,
            "begun_at": utc(now),
            "settled_at": None,
            "settled_by": None,
        }

    def _move(self, connection: Connection, ids: Sequence[str], only: MessageState | None, **values: object) -> int:
        """Change messages, by their `id_sms_api`, of one state or of any; how many."""
        moved = 0
        for some in _some(ids):
            these = self._of(some) if only is None else self._of(some) & (messages.c.state == only.value)
            moved += connection.execute(sa.update(messages).where(these).values(**values)).rowcount
        return moved


def _tell_size(connection: Connection, new: int) -> None:
    """Until its statistics are renewed, PostgreSQL reads all of an account, or of a campaign, for each batch."""
    if connection.dialect.name == "postgresql":
        newest = connection.scalar(sa.select(sa.func.max(messages.c.id))) or 0
        if newest // MANY > (newest - new) // MANY:
            connection.execute(sa.text("ANALYZE messages"))


def _some(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), ROWS):
        yield ids[start : start + ROWS]


def _answered(verdict: Verdict, now: datetime) -> dict[str, object]:
    """What an answer makes of a message that is under way."""
    state, reason, by = {
        Verdict.ACCEPTED: (MessageState.SENT, None, "answer"),
        Verdict.REFUSED: (MessageState.REFUSED, REFUSED, "answer"),
        Verdict.UNKNOWN: (MessageState.UNKNOWN, NO_ANSWER, None),
    }[verdict]
    return {"state": state.value, "reason": reason, "settled_at": utc(now), "settled_by": by}


def _as_begun(row: sa.Row[Any]) -> tuple[Outbound, Manner]:
    message = Message(row.id_sms_api, row.phone_number, row.text, row.url)
    send_at = None if row.send_at is None else utc(row.send_at)
    outbound = Outbound(message, row.campaign, row.identity, row.segments, send_at, row.contact_key, row.contact_source)
    return outbound, Manner(Mode(row.mode), Priority(row.priority), row.sender_name, row.sender_mode)
