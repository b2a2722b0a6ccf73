"""The nouns. One word for one idea, the same in code, configuration, output and documentation.

This room knows nothing of files, sockets or clocks; everyone may import it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """What a finding does to its contact."""

    REJECT = "reject"  # the contact is not sent
    REPAIR = "repair"  # the contact is sent, mended
    WARN = "warn"  # the contact is sent as it is


class Finding(NamedTuple):
    """A fault in data, as a value. The vendor's codes (`#001` … `#004`) keep their names."""

    code: str
    field: str
    severity: Severity
    value: str
    advice: str


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


class Verdict(StrEnum):
    """What the vendor said of one contact."""

    ACCEPTED = "accepted"
    WARNED = "warned"
    REFUSED = "refused"
    UNKNOWN = "unknown"


class State(StrEnum):
    """Where the ledger has a contact: the last verdict, or why there is none.

    A row is *settled* (the sieve stops it while it does not change) in every state but `refused`, `unknown` and
    `gone`: a refused contact is offered again each run, because only the vendor can say that it changed its mind.
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
    """One contact on its way to the vendor, with what the ledger must learn once there is a verdict."""

    key: str
    contact: Contact
    change: Change
    row_fp: bytes
    payload_fp: bytes
    recency: int | None
    place: Place


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
