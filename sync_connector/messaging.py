"""`sms send`, `sms resolve`: what is asked for → a plan → messages, each at most once.

Law: nothing leaves before the plan was shown and confirmed; a plan that is confirmed is the one that is sent. What is to send,
sent, refused, unknown and not sent adds up.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sync_connector import dialects
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup, Stopped, SyncError, TryLater
from sync_connector.flow.load import Instruments
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import new_client
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.nouns import Outbound, Said
from sync_connector.ledger.store import utc_now
from sync_connector.model import Manner, MessageReply, MessageState, Mode, Priority, Verdict
from sync_connector.planning import add_up, choices_of
from sync_connector.reading import Progress
from sync_connector.sms.compare import compare
from sync_connector.sms.draft import NOWHERE, Draft
from sync_connector.sms.from_contacts import Contacts, open_contacts
from sync_connector.sms.from_file import open_file
from sync_connector.sms.hours import DAYS, Allowed, next_allowed, parse_at, schedule, wire_time, zones_of
from sync_connector.sms.plan import Plan, Wishes, plan
from sync_connector.sms.send import UNKNOWN, Place, Sender
from sync_connector.sms.template import Template, compile_template

LATELY = timedelta(hours=24)
"""So long, the same words to the same number are taken for a mistake."""
AT_ONCE = 10_000
"""Identities that the ledger is asked for at once."""


LONGEST_NAME = 100


class Asked(NamedTuple):
    """What was asked for: one `number`, a `file`, or the source's contacts (those that pass `wheres`, or that `query` selects).

    `text`: of a single message as it is, else a template. `at`: as it was written. `limit`: `None` as the settings say.
    """

    number: str | None = None
    file: str | None = None
    wheres: Sequence[str] = ()
    query: str | None = None
    text: str | None = None
    url: str = ""
    campaign: str | None = None
    at: str | None = None
    mode: Mode = Mode.PROD
    priority: Priority = Priority.NORMAL
    sender_name: str | None = None
    sender_mode: str | None = None
    any_hour: bool = False
    again: bool = False
    without_crm: bool = False
    limit: int | None = None


@dataclass(slots=True)
class Sent:
    """What became of a plan's messages. `recovered`: messages that an earlier run left without an answer, unknown now. Of those
    that were not sent, `opted_out`: their numbers opted out since the plan; `late`: the allowed hours ended before they left."""

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


def prepare(
    settings: Settings, book: MessageBook, asked: Asked, progress: Progress, check: Callable[[], None], now: datetime
) -> Plan:
    """What would be sent. Writes nothing. `now` is UTC; `check` raises to stop.

    Raises `FixSetup` (every fault that all messages share, at once), `TryLater`, and `AskPerson` where a single message repeats
    one that was sent lately.
    """
    dialect = dialects.find(settings.vendor.dialect)
    if asked.mode is Mode.TEST and not dialect.has_test_mode:
        raise FixSetup(f"--mode test: {dialect.name} has no test mode, the messages would be sent; look with --plan instead")
    wishes = _wishes(settings, asked)
    if wishes.at is not None and wishes.at < now:
        raise FixSetup(f"--at: {asked.at} is over")
    now = now.replace(microsecond=0)
    progress.stage("reading", None)
    drafts, described, contacts = _drafts(settings, asked, wishes.template)
    crm, unseen = _crm_opt_outs(settings, asked, contacts)

    def checked() -> Iterator[Draft]:
        for count, draft in enumerate(drafts, start=1):
            if count % 1_000 == 0:
                check()
                progress.at(count)
            yield draft

    made = plan(checked(), wishes, now, lambda: secrets.token_hex(10), crm)
    if (wishes.manner.sender_name or wishes.manner.sender_mode) and not dialect.has_senders:
        unseen.append(f"{dialect.name} has no sender settings: the messages leave under the account's own")
    made.described = (*described, *unseen)
    if contacts is not None:
        made.crm_left_out = contacts.left_out
    _compare(made, book)
    if asked.number is not None and not asked.again and asked.mode is Mode.PROD:
        for one in made.planned:
            before = book.sent_lately(one.outbound.message.phone_number, one.outbound.message.text, now - LATELY)
            if before is not None:
                raise AskPerson(
                    f"the same words went to this number at {before:%Y-%m-%d %H:%M} UTC; --again sends them once more"
                )
    return made


def _wishes(settings: Settings, asked: Asked) -> Wishes:
    account = ZoneInfo(settings.events.zone or "UTC")
    at, faults = None, []
    if asked.at is not None:
        try:
            at = parse_at(asked.at, account)
        except ValueError as fault:
            faults.append(f"--at: {fault}")
    template = None
    if asked.text is not None and asked.number is None:
        try:
            template = compile_template(asked.text)
        except FixSetup as fault:
            faults += fault.faults
    campaign = asked.campaign if asked.campaign is None else asked.campaign.strip()
    if campaign is None and asked.file is not None:
        campaign = Path(asked.file).stem.strip()
    if not campaign and asked.number is None:
        faults.append("--campaign is missing: by its name a second run knows whom the first one wrote to")
    if campaign and (len(campaign) > LONGEST_NAME or not campaign.isprintable()):
        faults.append(f"--campaign: a name has at most {LONGEST_NAME} signs, all of them visible")
    if faults:
        raise FixSetup(*faults)
    sms = settings.sms
    name = sms.sender_name if asked.sender_name is None else asked.sender_name
    mode = sms.sender_mode if asked.sender_mode is None else asked.sender_mode
    return Wishes(
        campaign=campaign or "",
        template=template,
        url=asked.url,
        at=at,
        manner=Manner(asked.mode, asked.priority, name, mode),
        allowed=Allowed("", DAYS) if asked.any_hour else Allowed(sms.hours, tuple(sms.days)),
        account=account,
        country=settings.events.default_country,
        link_length=sms.link_length,
    )


def _drafts(
    settings: Settings, asked: Asked, template: Template | None
) -> tuple[Iterable[Draft], tuple[str, ...], Contacts | None]:
    """The drafts, what was found out about where they stand, and the contacts if it is these."""
    if asked.number is not None:
        return [Draft(NOWHERE, asked.number, text=asked.text)], (), None
    if asked.file is not None:
        found = open_file(asked.file, with_text=template is None)
        if template is not None:
            _check(template, found.fields, found.shared)
        return found.drafts(with_text=template is None), found.described, None
    if template is None:
        raise FixSetup("--text is missing: what contacts are written is a text with their fields, as in 'Hello {first_name}'")
    source = settings.source
    if not _has_source(settings):
        raise FixSetup("[source] is missing: it says where the contacts are; sync-connector init writes one")
    if asked.query is not None:
        if source.type != "sql":
            raise FixSetup(f"--query: the source is {source.type}, no database; choose its contacts with --where")
        source = source.model_copy(update={"query": asked.query})
    contacts = open_contacts(source, choices_of(settings))
    _check(template, contacts.known_fields, contacts.shared)
    return contacts.drafts(asked.wheres), tuple(contacts.source.describe()), contacts


def _check(template: Template, known: Collection[str], shared: Mapping[str, Sequence[str]]) -> None:
    """Raises `FixSetup` for fields that do not exist, or that may mean several columns."""
    if twice := sorted(template.fields & shared.keys()):
        raise FixSetup(
            *(f"{{{name}}} may mean {' or '.join(map(repr, shared[name]))}; rename one of the columns" for name in twice)
        )
    template.check(known)


def _has_source(settings: Settings) -> bool:
    return bool(settings.source.path) or settings.source.url is not None or settings.source.type == "singer"


def _crm_opt_outs(settings: Settings, asked: Asked, contacts: Contacts | None) -> tuple[dict[str, str], list[str]]:
    """Whom the CRM marks as not to be written to, and what to say where that could not be looked at."""
    if asked.without_crm or not _has_source(settings):
        return {}, ["whom the CRM marks as not to be written to is not known here"]
    if settings.source.type == "singer":
        return {}, ["whom the CRM marks as not to be written to is not known: a tap's rows are not there any more"]
    try:
        # A query selects whom to write to; whom not to write to may stand elsewhere in the CRM.
        whole = open_contacts(settings.source, choices_of(settings)) if contacts is None or asked.query else contacts
        return whole.opted_out(), []
    except FixSetup as fault:
        raise FixSetup(*fault.faults, "the CRM says whom not to write to; --without-crm sends without looking there") from None


def _compare(made: Plan, book: MessageBook) -> None:
    identities = [one.outbound.identity for one in made.planned]
    numbers = sorted({one.outbound.message.phone_number for one in made.planned})
    known: dict[str, Any] = {}
    stopped: set[str] = set()
    said: dict[tuple[str, str, str], Sequence[Said]] = {}
    mode = made.wishes.manner.mode
    for start in range(0, len(identities), AT_ONCE):
        known |= book.known(made.wishes.campaign, mode, identities[start : start + AT_ONCE])
    for start in range(0, len(numbers), AT_ONCE):
        some = numbers[start : start + AT_ONCE]
        stopped |= book.opted_out(some)
        if made.wishes.campaign:  # a message of its own is asked about as one: see `sent_lately`
            said |= book.said(made.wishes.campaign, mode, some)
    compare(made, known, stopped, said)


def brakes(settings: Settings, asked: Asked, made: Plan) -> list[str]:
    """What stops the plan until a person says otherwise, as sentences."""
    limit = asked.limit or settings.sms.limit
    if len(made.planned) > limit:
        return [f"{len(made.planned):,} messages are more than {limit:,} in one run (sms.limit); --limit allows more, this once"]
    return []


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
    batches = _due(book, made.batches(settings.sms.batch_size), made.wishes.allowed, made.wishes.account, sent)
    _send(settings, book, batches, sent, progress, stopping, instruments)
    return sent


def resend(settings: Settings, book: MessageBook, ids: Sequence[str], now: datetime, stopping: Callable[[], int]) -> Sent:
    """Send unknown messages again, as a person decided; `ids` are their `id_sms_api`. What was to leave later than `now` (UTC)
    still does, and the allowed hours hold for the rest. One that does not leave now stays unknown.

    Raises `FixSetup` for those that cannot be sent at all, and as `execute` does.
    """
    account = ZoneInfo(settings.events.zone or "UTC")
    allowed = Allowed(settings.sms.hours, tuple(settings.sms.days))
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
    _send(settings, book, _due(book, cut, allowed, account, sent), sent, Progress(), stopping, None, again=True)
    return sent


def _due(
    book: MessageBook, batches: Iterable[tuple[Manner, list[Outbound]]], allowed: Allowed, account: ZoneInfo, sent: Sent
) -> Iterator[tuple[Manner, list[Outbound]]]:
    """Each batch, when its turn comes, without those that must not leave any more: a plan waits to be confirmed, and a long run
    takes its time; meanwhile somebody opts out, and it gets late."""
    for manner, batch in batches:
        now = utc_now().replace(microsecond=0)
        stopped = book.opted_out([one.message.phone_number for one in batch])
        wanted = [one for one in batch if one.message.phone_number not in stopped]
        due = [one for one in wanted if _may_leave(one, now, allowed, account)]
        sent.opted_out += len(batch) - len(wanted)
        sent.late += len(wanted) - len(due)
        if due:
            yield manner, due


def _may_leave(one: Outbound, now: datetime, allowed: Allowed, account: ZoneInfo) -> bool:
    """Whether a message that leaves now reaches somebody at an allowed hour: one with a later date waits for it at the vendor."""
    if one.send_at is not None and one.send_at > now:
        return True
    return next_allowed(now, zones_of(one.message.phone_number, account), allowed) == now


def _send(
    settings: Settings,
    book: MessageBook,
    batches: Iterable[tuple[Manner, list[Outbound]]],
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
    place = place_of(settings)
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
        if again:  # nobody knows more of its first request than before
            book.settle(batch, [UNKNOWN] * len(batch), utc_now())
        else:
            book.not_sent(batch, reason, utc_now())

    async def run() -> None:
        async with new_client(vendor.timeout, 1, keeps_connections=False) as client:
            patience = Patience(vendor.tries, vendor.give_up_after)
            sender = Sender(place, client, begin, settle, not_sent, lambda: bool(stopping()), patience, vendor.rate)
            sender.instruments = instruments or Instruments()
            try:
                await sender.send(batches)
            finally:
                sent.posts = sender.posts

    failure: SyncError | None = None
    try:
        asyncio.run(run())
        if number := stopping():
            failure = Stopped(number)
        elif sent.late:
            late = f"the allowed hours (sms.hours, sms.days) ended before {sent.late:,} of the messages left"
            failure = TryLater(f"{late}; the same command looks for the next such hour")
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


def place_of(settings: Settings) -> Place:
    """Where and as whom messages are posted."""
    vendor = settings.vendor
    dialect = dialects.find(vendor.dialect)
    return Place(dialect, (vendor.base_url or dialect.base_url) + dialect.messages_path, vendor.login, access_key(settings))


def access_key(settings: Settings) -> str:
    """The access key; of the second generation it is the password, where no other is named."""
    vendor = settings.vendor
    secret = vendor.access_key or (vendor.password if vendor.dialect == "insim-v1" else None)
    return secret.get_secret_value() if secret else ""
