"""The nouns. One word for one idea, the same in code, configuration, output and documentation.

This room knows nothing of files, sockets or clocks; everyone may import it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import IntEnum, StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """What a finding does to its contact."""

    REJECT = "reject"  # the contact is not sent
    REPAIR = "repair"  # the contact is sent, mended
    WARN = "warn"  # the contact is sent as it is


class Finding(NamedTuple):
    """A fault in data, as a value. The vendor's codes (`#001` … `#004`) keep their names.

    `column`: the CRM's header of the cell in which it stands. `suggestion`: what may be meant instead, `""` where nothing
    is sure enough; it is never applied without a person.
    """

    code: str
    field: str
    severity: Severity
    value: str
    advice: str
    column: str = ""
    suggestion: str = ""


class Contact(NamedTuple):
    """The API's fields, normalized. `adress` is the API's own spelling; a blank field is `""`."""

    phone_number: str
    first_name: str = ""
    last_name: str = ""
    adress: str = ""
    email: str = ""
    country_code: str = ""


class Change(StrEnum):
    """What a contact needs, or why it gets nothing."""

    CREATE = "create"
    UPDATE = "update"
    NONE = "none"
    REJECTED = "rejected"
    HELD = "held"
    GONE = "gone"
    ADOPTED = "adopted"  # the vendor is said to have it already: nothing was sent


class Verdict(StrEnum):
    """What the vendor said of one contact."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where the ledger has a contact: the last verdict, or why there is none.

    A row is *settled* (the sieve stops it while it does not change) in every state but `refused`, `unknown` and
    `gone`: a refused contact is offered again each run, because only the vendor can say that it changed its mind. An
    unknown one is as well, or it is *in doubt*: held while its row is as it was sent, until a person releases it
    (`source.on_unknown`).
    """

    ACCEPTED = "accepted"
    WARNED = "warned"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    REJECTED = "rejected"
    HELD = "held"
    GONE = "gone"


class Place(NamedTuple):
    """Where a row stands: the file as the user named it, and the line (1 is the first) on which the row begins."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


class SetAside(NamedTuple):
    """A piece of a source that could not be read as a row: kept with its place and reason, never dropped in silence."""

    place: Place
    code: str
    reason: str
    text: str


FOOTER = "footer"
"""The code of a line behind the data that is no row and never was one (a report's name, a total): counted, not rejected."""


class Reply(NamedTuple):
    """The vendor's judgement of one contact. `codes` are the vendor's; on an accepted contact they are warnings."""

    verdict: Verdict
    codes: tuple[str, ...] = ()


class Outgoing(NamedTuple):
    """One contact on its way to the vendor, with what the ledger must learn once there is a verdict. `cells`: its row as
    the source gave it (header → text), for a person to mend should the vendor refuse it."""

    key: str
    contact: Contact
    change: Change
    row_fp: bytes
    payload_fp: bytes
    recency: int | None
    place: Place
    findings: tuple[Finding, ...] = ()
    cells: Mapping[str, str | None] | None = None


@dataclass(frozen=True, slots=True)
class Tally:
    """Counts of verdicts; they add up to what was sent."""

    accepted: int = 0
    warned: int = 0
    refused: int = 0
    unknown: int = 0

    @property
    def sent(self) -> int:
        """All contacts that were offered to the vendor."""
        return self.accepted + self.warned + self.refused + self.unknown


class Priority(IntEnum):
    """How soon a message leaves the vendor's queue."""

    LOW = 0
    NORMAL = 1
    HIGH = 2


class Mode(StrEnum):
    """Whether messages are sent, or only answered (a rehearsal)."""

    PROD = "prod"
    TEST = "test"


LINK = "[Link]"
"""Where a message's tracked link stands, in our own texts; each dialect writes it its own way."""


class Message(NamedTuple):
    """One SMS on its way out. `id_sms_api` is ours, and no other message has it. `url`: what the `LINK` in the text leads to,
    `""` if it has none. `date_to_send`: `YYYY-MM-DD HH:MM:SS` in the account's zone, as the vendor reads it; `""`: at once."""

    id_sms_api: str
    phone_number: str
    text: str
    url: str = ""
    date_to_send: str = ""


class Manner(NamedTuple):
    """How all messages of one request are sent. Blank sender settings are the vendor's own."""

    mode: Mode = Mode.PROD
    priority: Priority = Priority.NORMAL
    sender_name: str = ""
    sender_mode: str = ""


class MessageReply(NamedTuple):
    """The vendor's judgement of one message: accepted (it says `sent: 1`), refused (`sent: 0`) or unknown. `parts`: into how
    many SMS it says that it cut the message."""

    verdict: Verdict
    parts: int | None = None


class MessageState(StrEnum):
    """Where the ledger has a message."""

    BEGUN = "begun"  # its request may be under way
    SENT = "sent"  # the vendor took it: its answer says so, or a callback
    REFUSED = "refused"  # the vendor's own no
    UNKNOWN = "unknown"  # it may have been sent: never again by itself
    UNSENT = "unsent"  # certainly never sent: its campaign offers it again


class CallReply(NamedTuple):
    """The vendor's answer to a click-to-call: accepted, refused or unknown. `codes` are that call's own, not the contacts'."""

    verdict: Verdict
    codes: tuple[str, ...] = ()
    info: str = ""


class Kind(StrEnum):
    """What an event is about."""

    CALL = "call"
    CALL_QUALIFICATION = "call_qualification"
    SMS_STATUS = "sms_status"
    INCOMING_SMS = "incoming_sms"
    LINK_CLICK = "link_click"
    UNKNOWN = "unknown"  # not understood: kept as it came, never written into a CRM


class Clock(StrEnum):
    """How much is known of the time of an event."""

    EXACT = "exact"
    AMBIGUOUS = "ambiguous"  # a local time that the end of summer time makes twice: the first of the two was taken
    NONEXISTENT = "nonexistent"  # a local time that the beginning of summer time leaves out: taken as if it had not begun
    DATE = "date"  # a bare date: the time of day is not known
    UNKNOWN = "unknown"  # no date that can be read


class Matched(StrEnum):
    """What the ledger says of an event's number."""

    ONE = "one"  # bound to the contact that has it, or had it
    MANY = "many"  # several contacts share it: bound as the policy says
    NONE = "none"  # no contact yet: bound when one appears
    ANONYMOUS = "anonymous"  # no number was told
    UNREADABLE = "unreadable"  # what was told is no number


class Callback(NamedTuple):
    """What the vendor said in one callback, as text, both generations alike. What it did not say is `""`."""

    kind: Kind
    number: str = ""
    when: str = ""
    direction: str = ""  # of a call: incoming, outgoing, missed; of a qualification: mobile, interface
    duration: str = ""
    text: str = ""  # the message, the qualification
    link: str = ""
    status: str = ""
    id_sms_api: str = ""
    login: str = ""
    device: str = ""
    title: str = ""


class Event(NamedTuple):
    """One call, qualification, delivery status, incoming SMS or link click, understood. Each `…_text` is what the vendor
    wrote, beside what was understood of it.

    `occurred_at` is UTC, and `None` where only the date (`occurred_on`, the account's own calendar) or nothing is known.
    `duration` is in seconds. `direction` of a call is incoming or outgoing (a missed call is an incoming one that was not
    answered); of a qualification, where it was made: mobile or interface.
    """

    kind: Kind
    phone_number: str | None = None
    number_text: str = ""
    occurred_at: datetime | None = None
    occurred_on: date | None = None
    occurred_text: str = ""
    clock: Clock = Clock.UNKNOWN
    direction: str = ""
    answered: bool | None = None
    duration: int | None = None
    duration_text: str = ""
    text: str = ""
    link: str = ""
    status: str = ""
    id_sms_api: str = ""
    login: str = ""
    device: str = ""
    title: str = ""


STATUSES = {"sent": 0, "received": 2}
OTHER_STATUS = 1
"""What the vendor says of an SMS, and how far each is on its way: an SMS's status never goes back. Whatever else may be said
is further than sent and less than received."""


class Record(NamedTuple):
    """An event on its way into the CRM: with the contact that it belongs to, if one is known.

    `event_key` is unique: a sink that meets it again writes nothing twice, but lets the newer record stand, since a contact
    may become known later and an SMS gets its next status.

    `campaign` and `message` (its text): of our message that the event is about, or that an incoming SMS answers; `answers`: the
    `id_sms_api` of the latter. `""` where it is about none.
    """

    event_key: str
    received_at: datetime
    contact_key: str | None
    contact_source: str | None
    event: Event
    campaign: str = ""
    message: str = ""
    answers: str = ""
