"""A plan → messages, each at most once: `sms send` behind the yes, and `sms resolve --resend`.

Law: a request is as true as the moment in which it leaves: who opted out since the plan was made gets nothing, and an hour that
has ended is waited for. What was to send, sent, refused, unknown and not sent adds up.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sync_connector import dialects
from sync_connector.config import Settings
from sync_connector.errors import FixSetup, Stopped, SyncError
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import Endpoint, new_client
from sync_connector.flow.turns import Instruments
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.nouns import Outbound
from sync_connector.ledger.store import utc_now
from sync_connector.model import Manner, MessageReply, MessageState, Mode, Verdict
from sync_connector.planning import add_up
from sync_connector.reading import Progress
from sync_connector.sms.hours import Allowed, next_allowed, schedule, wire_time, zones_of
from sync_connector.sms.plan import Plan
from sync_connector.sms.send import OPTED_OUT, UNKNOWN, Sender


@dataclass(slots=True)
class Sent:
    """What became of a plan's messages. `recovered`: messages that an earlier run left without an answer, unknown now.
    `opted_out`: of the unsent those whose number did so since the plan; `late`: messages that leave later than planned, since
    the allowed hours had ended."""

    plan: Plan | None
    counts: Counter[str] = field(default_factory=Counter)
    to_send: int = 0
    recovered: int = 0
    opted_out: int = 0
    late: int = 0
    posts: int = 0
    seconds: float = 0.0

    @property
    def exit_code(self) -> int:
        """3 where the vendor refused some, or left some unknown."""
        return 3 if self.counts["refused"] or self.counts["unknown"] else 0

    def as_json(self) -> dict[str, Any]:
        """As one object. Raises `AssertionError` if the counts do not add up."""
        told = {name: self.counts[name] for name in ("sent", "refused", "unknown", "unsent")}
        add_up("to send", self.to_send, *told.values())
        besides = {"opted_out": self.opted_out, "late": self.late, "posts": self.posts, "recovered": self.recovered}
        return {"messages": told, **besides, "seconds": round(self.seconds, 3)}


def execute(
    settings: Settings,
    book: MessageBook,
    made: Plan,
    progress: Progress,
    stopping: Callable[[], int],
    instruments: Instruments | None = None,
) -> Sent:
    """Send what the plan says. The caller holds the lease, and has the plan confirmed.

    `stopping` gives a signal's number once there was one. Raises what `Sender.send` raises, and `Stopped`.
    """
    sent = Sent(made, to_send=len(made.planned))
    hours = _Hours(made.wishes.allowed, made.wishes.account)
    batches = _due(book, made.batches(settings.sms.batch_size), hours, sent)
    _send(settings, book, batches, hours, sent, progress, stopping, instruments)
    return sent


def resend(settings: Settings, book: MessageBook, ids: Sequence[str], now: datetime, stopping: Callable[[], int]) -> Sent:
    """Send unknown messages again, as a person decided; `ids` are their `id_sms_api`. What was to leave later than `now` (UTC)
    still does, and the allowed hours hold for the rest. One that does not leave now stays unknown.

    Raises `FixSetup` for those that cannot be sent at all, and as `execute` does.
    """
    account = ZoneInfo(settings.events.zone or "UTC")
    allowed = Allowed(settings.sms.hours, tuple(settings.sms.days))
    hours = _Hours(allowed, account)
    rehearses = dialects.find(settings.vendor.dialect).has_test_mode
    faults = []
    batches: dict[Manner, list[Outbound]] = {}
    for one, manner in book.again(ids):
        id_sms_api, number = one.message.id_sms_api, one.message.phone_number
        asked = max(one.send_at or now, now).replace(microsecond=0)
        at = schedule(asked, zones_of(number, account), allowed, account)
        if at is None:
            faults.append(f"{id_sms_api}: no hour within two weeks is allowed wherever its number may be (sms.hours, sms.days)")
            continue
        if manner.mode is Mode.TEST and not rehearses:
            faults.append(f"{id_sms_api}: it was a rehearsal, and {settings.vendor.dialect} has no test mode: it would be sent")
        later = at > now
        message = one.message._replace(date_to_send=(wire_time(at, account) or "") if later else "")
        batches.setdefault(manner, []).append(one._replace(message=message, send_at=at if later else None))
    if faults:
        raise FixSetup(*faults)
    size = settings.sms.batch_size
    cut = [(manner, these[start : start + size]) for manner, these in batches.items() for start in range(0, len(these), size)]
    sent = Sent(None, to_send=sum(len(batch) for _, batch in cut))
    _send(settings, book, _due(book, cut, hours, sent), hours, sent, Progress(), stopping, None, again=True)
    return sent


class _Hours(NamedTuple):
    """When messages may leave: the allowed hours, and the account's zone."""

    allowed: Allowed
    account: ZoneInfo

    def are_now(self, one: Outbound, now: datetime) -> bool:
        """Whether this message may leave `now` (UTC, whole seconds), or waits at the vendor for its own date."""
        if one.send_at is not None and one.send_at > now:
            return True
        return next_allowed(now, zones_of(one.message.phone_number, self.account), self.allowed) == now


def _due(
    book: MessageBook, batches: Iterable[tuple[Manner, list[Outbound]]], hours: _Hours, sent: Sent
) -> Iterator[tuple[Manner, list[Outbound]]]:
    """Each batch, when its turn comes, without those that must not leave any more: a plan waits to be confirmed, and a long run
    takes its time; meanwhile somebody opts out, and it gets late."""
    for manner, batch in batches:
        now = utc_now().replace(microsecond=0)
        stopped = book.opted_out([one.message.phone_number for one in batch])
        wanted = [one for one in batch if one.message.phone_number not in stopped]
        due = [_on_time(one, now, hours) for one in wanted]
        sent.opted_out += len(batch) - len(wanted)
        sent.late += sum(one.send_at not in (None, planned.send_at) for planned, one in zip(wanted, due, strict=True))
        if due:
            yield manner, due


def _on_time(one: Outbound, now: datetime, hours: _Hours) -> Outbound:
    """A message as it is to leave `now` (UTC, whole seconds), however long ago it was planned: one with a later date waits for it
    at the vendor, and so does what was to leave at once if the hour is not allowed any more."""
    if one.send_at is not None and one.send_at > now:
        return one
    zones = zones_of(one.message.phone_number, hours.account)
    at = None if hours.are_now(one, now) else schedule(now, zones, hours.allowed, hours.account)
    date = (wire_time(at, hours.account) if at else None) or ""
    return one._replace(message=one.message._replace(date_to_send=date), send_at=at)


def _send(
    settings: Settings,
    book: MessageBook,
    batches: Iterable[tuple[Manner, list[Outbound]]],
    hours: _Hours,
    sent: Sent,
    progress: Progress,
    stopping: Callable[[], int],
    instruments: Instruments | None,
    *,
    again: bool = False,
) -> None:
    """Send batches. `again`: they are unknown ones, and are that still if they do not leave."""
    begun = time.monotonic()
    vendor = settings.vendor
    endpoint = endpoint_of(settings)
    progress.stage("sending", sent.to_send)
    sent.recovered = book.recover(utc_now())

    def begin(batch: Sequence[Outbound], manner: Manner) -> None:
        if again:
            book.resolve([one.message.id_sms_api for one in batch], MessageState.UNSENT, utc_now())
        book.begin(batch, manner, utc_now())

    def settle(batch: Sequence[Outbound], replies: Sequence[MessageReply]) -> None:
        book.settle(batch, replies, utc_now())
        words = {Verdict.ACCEPTED: "sent", Verdict.REFUSED: "refused"}
        sent.counts.update(words.get(reply.verdict, "unknown") for reply in replies)
        progress.at(sent.counts.total())

    def not_sent(batch: Sequence[Outbound], reason: str) -> None:
        sent.opted_out += len(batch) if reason == OPTED_OUT else 0
        if again:  # nobody knows more of its first request than before
            book.settle(batch, [UNKNOWN] * len(batch), utc_now())
        else:
            book.not_sent(batch, reason, utc_now())

    def may_leave(batch: Sequence[Outbound]) -> bool:
        book.renew()  # who has lost the lease sends nothing: its messages are for another to judge
        now = utc_now().replace(microsecond=0)
        return all(hours.are_now(one, now) for one in batch)

    async def run() -> None:
        async with new_client(vendor.timeout, 1, keeps_connections=False) as client:
            patience = Patience(vendor.tries, vendor.give_up_after)
            sender = Sender(endpoint, client, begin, settle, not_sent, lambda: bool(stopping()), patience, vendor.rate)
            sender.instruments = instruments or Instruments()
            sender.opted_out = book.opted_out
            sender.may_leave = may_leave
            try:
                await sender.send(batches)
            finally:
                sent.posts = sender.posts

    failure: SyncError | None = None
    try:
        asyncio.run(run())
        if number := stopping():
            failure = Stopped(number)
    except SyncError as fault:
        failure = fault
    sent.counts["unsent"] = sent.to_send - sent.counts.total()
    sent.seconds = time.monotonic() - begun
    if failure is not None:
        raise Interrupted(failure, sent)


class Interrupted(Exception):
    """The sending ended before all was sent: why, and what became of the messages until then."""

    def __init__(self, fault: SyncError, sent: Sent) -> None:
        super().__init__(str(fault))
        self.fault, self.sent = fault, sent


def endpoint_of(settings: Settings) -> Endpoint:
    """Where and as whom messages are posted."""
    vendor = settings.vendor
    dialect = dialects.find(vendor.dialect)
    return Endpoint(dialect, (vendor.base_url or dialect.base_url) + dialect.messages_path, vendor.login, access_key(settings))


def access_key(settings: Settings) -> str:
    """The access key; of the second generation it is the password, where no other is named."""
    vendor = settings.vendor
    secret = vendor.access_key or (vendor.password if vendor.dialect == "insim-v1" else None)
    return secret.get_secret_value() if secret else ""
