"""From drafts to a plan: which messages would be sent, when, at what price, and why the others are not.

    draft ─► number ─► wishes ─► text ─► hour ─► asked for before? ─► planned, or left out

Law: pure; what the CRM knows is handed in, and so are the time and the making of ids. Counts add up: asked for = to send + left
out. Nothing is sent twice because it was asked for twice. What the ledger speaks against is for `compare` to leave out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from phonenumbers import PhoneNumberType

from sync_connector.fields.country import country_code
from sync_connector.fields.phone import phone_number
from sync_connector.ledger.nouns import Outbound
from sync_connector.model import Manner, Message, Priority
from sync_connector.rules._number_kind import number_kind
from sync_connector.sms.draft import NAMED, REASONS, Draft, LeftOut
from sync_connector.sms.hours import Allowed, next_allowed, parse_at, schedule, wire_time, zones_of
from sync_connector.sms.links import counted, link_fault, with_link
from sync_connector.sms.segments import Segments, plain, segments
from sync_connector.sms.template import BlankField, Template, Unrenderable

MOST_PARTS = 10
"""SMS of one message; telephones put no more of them together again."""

RECEIVING = {int(PhoneNumberType.MOBILE), int(PhoneNumberType.FIXED_LINE_OR_MOBILE)}
"""The kinds of numbers that receive SMS."""

SAMPLES = 5

HARMFUL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control signs other than a tab and a line's end, and halves of signs."""

PRIORITIES = {name: Priority[name.upper()] for name in ("low", "normal", "high")} | {str(int(p)): p for p in Priority}


class Wishes(NamedTuple):
    """What is wanted of all messages. `template`: the text of those that have none of their own; `at`: when, if not at once
    (UTC); `country`: of numbers without one; `account`: its zone, in which the vendor reads times."""

    campaign: str
    template: Template | None
    url: str
    at: datetime | None
    manner: Manner
    allowed: Allowed
    account: ZoneInfo
    country: str | None
    link_length: int


class Planned(NamedTuple):
    """A message that would be sent. `postponed`: until an allowed hour. `saved`: how many SMS fewer it would be, written in the
    signs of GSM."""

    outbound: Outbound
    priority: Priority
    segments: Segments
    postponed: bool
    saved: int
    draft: Draft

    @property
    def words(self) -> tuple[str, str, str]:
        """What is read, and by whom: number, text and url."""
        message = self.outbound.message
        return message.phone_number, message.text, message.url

    @property
    def has_own_id(self) -> bool:
        """Whether whoever asked for it says what it is: then the same words under another id are another message."""
        return self.draft.identity is None or self.draft.identity.startswith(NAMED)


@dataclass(slots=True)
class Plan:
    """What would be sent. `asked`: messages that were asked for. `crm_left_out`: reason → rows that are no contacts any more."""

    wishes: Wishes
    asked: int = 0
    planned: list[Planned] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    crm_left_out: Counter[str] = field(default_factory=Counter)
    described: tuple[str, ...] = ()

    @property
    def parts(self) -> int:
        """SMS that are paid for."""
        return sum(one.segments.parts for one in self.planned)

    def as_json(self) -> dict[str, Any]:
        """As one object. Raises `AssertionError` if the counts do not add up."""
        if self.asked != len(self.planned) + len(self.left_out):
            raise AssertionError(f"counts do not add up: {self.asked} asked, {len(self.planned)} + {len(self.left_out)}")
        dear = [one for one in self.planned if one.saved]
        signs = Counter(sign for one in dear for sign in one.segments.culprits)
        times = sorted(one.outbound.send_at for one in self.planned if one.outbound.send_at is not None)
        return {
            "campaign": self.wishes.campaign,
            "mode": self.wishes.manner.mode.value,
            "asked": self.asked,
            "to_send": len(self.planned),
            "left_out": [
                {"code": code, "meaning": REASONS[code], "count": count}
                for code, count in Counter(one.code for one in self.left_out).most_common()
            ],
            "not_contacts": dict(sorted(self.crm_left_out.items())),
            "segments": self.parts,
            "encodings": dict(sorted(Counter(one.segments.encoding for one in self.planned).items())),
            "dearer_by_signs": {
                "messages": len(dear),
                "segments": sum(one.saved for one in dear),
                "signs": dict(signs.most_common(10)),
            },
            "postponed": sum(one.postponed for one in self.planned),
            "first_at": times[0].isoformat().replace("+00:00", "Z") if times else None,
            "last_at": times[-1].isoformat().replace("+00:00", "Z") if times else None,
            "samples": [_sample(one) for one in self.planned[:SAMPLES]],
            "rows_left_out": [
                {
                    "file": one.place.file,
                    "line": one.place.line,
                    "contact": one.contact_key,
                    "number": one.number,
                    "code": one.code,
                    "advice": one.advice,
                }
                for one in self.left_out
            ],
        }

    def batches(self, size: int) -> list[tuple[Manner, list[Outbound]]]:
        """The requests, the most urgent first; one request has one priority, since a generation of the API says it once."""
        found = []
        for priority in sorted(Priority, reverse=True):
            these = [one.outbound for one in self.planned if one.priority is priority]
            manner = self.wishes.manner._replace(priority=priority)
            found += [(manner, these[start : start + size]) for start in range(0, len(these), size)]
        return found


def _sample(one: Planned) -> dict[str, Any]:
    message, send_at = one.outbound.message, one.outbound.send_at
    return {
        "number": message.phone_number,
        "text": message.text,
        "url": message.url,
        "segments": one.segments.parts,
        "at": send_at.isoformat().replace("+00:00", "Z") if send_at else None,
    }


class _Out(Exception):
    """Why a draft is left out: code and advice."""

    def __init__(self, code: str, advice: str) -> None:
        super().__init__(advice)
        self.code, self.advice = code, advice


def plan(
    drafts: Iterable[Draft],
    wishes: Wishes,
    now: datetime,
    new_id: Callable[[], str],
    crm_opt_outs: Mapping[str, str],
) -> Plan:
    """Check each draft by itself. `now` is UTC, in whole seconds; `crm_opt_outs`: number (E.164) → what the CRM says."""
    made = Plan(wishes)
    seen: set[object] = set()
    for draft in drafts:
        made.asked += 1
        try:
            one = _planned(draft, wishes, now, new_id, crm_opt_outs)
            same = [one.outbound.identity] if one.has_own_id else [one.outbound.identity, (one.words, draft.at)]
            if not seen.isdisjoint(same):
                raise _Out("twice", "the same message was asked for before, in this run; it is sent once")
        except _Out as out:
            made.left_out.append(LeftOut(draft.place, draft.number, out.code, out.advice, draft.contact_key))
            continue
        seen.update(same)
        made.planned.append(one)
    return made


def _planned(draft: Draft, wishes: Wishes, now: datetime, new_id: Callable[[], str], crm_opt_outs: Mapping[str, str]) -> Planned:
    number = _number(draft, wishes)
    if reason := crm_opt_outs.get(number):
        raise _Out("crm_opt_out", f"the CRM says of this number: {reason}")
    url = draft.url or wishes.url
    text, cost, saved = _text(draft, wishes, url)
    send_at, postponed = _when(draft, wishes, now, number)
    id_sms_api = new_id()
    identity = id_sms_api if draft.identity is None else f"{number} {draft.identity}".rstrip()
    date = "" if send_at is None else wire_time(send_at, wishes.account) or ""
    outbound = Outbound(
        message=Message(id_sms_api, number, text, url, date),
        campaign=wishes.campaign,
        identity=identity,
        segments=cost.parts,
        send_at=send_at,
        contact_key=draft.contact_key,
        contact_source=draft.contact_source,
    )
    return Planned(outbound, _priority(draft, wishes), cost, postponed, saved, draft)


def _number(draft: Draft, wishes: Wishes) -> str:
    if not draft.number.strip():
        if draft.unreadable:
            raise _Out("unreadable", draft.unreadable)
        raise _Out("#002", "the number is blank")
    region = (country_code(draft.country) if draft.country else None) or wishes.country
    found = phone_number(draft.number, region)
    if found.e164 is None:
        raise _Out("#001", found.reason)
    if draft.unreadable:
        raise _Out("unreadable", draft.unreadable)
    if number_kind(found.e164) not in RECEIVING:
        raise _Out("no_sms_number", "it is no mobile number: a landline, a service or the like receives no SMS")
    return found.e164


def _text(draft: Draft, wishes: Wishes, url: str) -> tuple[str, Segments, int]:
    """The text with its link's place, what it costs, and what it would cost less in the signs of GSM."""
    said = draft.text
    if said is None:
        if wishes.template is None:
            raise _Out("bad_text", "there is no text")
        rendered = wishes.template.render(draft.fields)
        if isinstance(rendered, BlankField):
            name = rendered.field
            raise _Out("blank_field", f"{name} is blank; write what stands there else: {{{name}|default('…')}}")
        if isinstance(rendered, Unrenderable):
            raise _Out("bad_text", rendered.reason)
        said = rendered
    said = said.replace("\r\n", "\n").strip()
    if not said:
        raise _Out("bad_text", "the text is blank")
    if HARMFUL.search(said):
        raise _Out("bad_text", "the text holds a control sign, or half of a sign")
    text, _ = with_link(said)
    if fault := link_fault(text, url):
        raise _Out("bad_link", fault)
    as_counted = counted(text, url, wishes.link_length)
    cost = segments(as_counted)
    if cost.parts > MOST_PARTS:
        raise _Out("bad_text", f"the text takes {cost.parts} SMS; {MOST_PARTS} is the most that telephones put together")
    saved = cost.parts - segments(plain(as_counted)).parts if cost.culprits else 0
    return text, cost, max(0, saved)


def _when(draft: Draft, wishes: Wishes, now: datetime, number: str) -> tuple[datetime | None, bool]:
    """When it may leave (`None`: at once), and whether that is later than was asked."""
    asked = wishes.at
    if draft.at:
        try:
            asked = parse_at(draft.at, wishes.account)
        except ValueError as fault:
            raise _Out("bad_date", str(fault)) from None
        if asked < now:
            raise _Out("bad_date", f"{draft.at} is over")
    zones = zones_of(number, wishes.account)
    if asked is None and next_allowed(now, zones, wishes.allowed) == now:
        return None, False
    first = asked or now
    at = schedule(first, zones, wishes.allowed, wishes.account)
    if at is None:
        raise _Out("no_hour", "no hour within two weeks is allowed wherever this number may be")
    return at, at != first


def _priority(draft: Draft, wishes: Wishes) -> Priority:
    if not draft.priority:
        return wishes.manner.priority
    found = PRIORITIES.get(draft.priority.lower())
    if found is None:
        raise _Out("bad_priority", f"{draft.priority!r} is no priority; there are: low, normal, high")
    return found
