"""What was asked for → a plan of messages: `sms send`, until a person says yes.

Law: writes nothing. All that is wrong with what was asked for is said at once, before anything is sent; whom the CRM or the
ledger speaks against is left out and named.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from sync_connector import dialects
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.nouns import Said
from sync_connector.model import Manner, Mode, Priority
from sync_connector.planning import choices_of
from sync_connector.reading import Progress
from sync_connector.sms.compare import compare
from sync_connector.sms.draft import NOWHERE, Draft
from sync_connector.sms.from_contacts import Contacts, open_contacts
from sync_connector.sms.from_file import open_file
from sync_connector.sms.hours import DAYS, Allowed, parse_at
from sync_connector.sms.plan import Plan, Wishes, plan
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
