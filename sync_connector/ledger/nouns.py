"""The nouns of the ledger: what is asked of it and told to it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple

from sync_connector.model import Change, Event, Finding, Message, MessageState, Place


class Scope(NamedTuple):
    """Which part of the ledger a run is about; ids are −1 where the ledger has never heard of it."""

    account_id: int
    source_id: int


class Settled(NamedTuple):
    """A row that was settled without the vendor: nothing to send, rejected or held. `cells`: of one that is not sent."""

    key: str
    change: Change
    row_fp: bytes | None
    wanted_number: str | None
    recency: int | None
    codes: str | None
    place: Place
    findings: tuple[Finding, ...]
    country: str = ""
    cells: Mapping[str, str | None] | None = None


class Position(NamedTuple):
    """Up to where a source is settled. `signature`: of the rules and the question that it was read with; a position says
    nothing about others. `partial_runs`: since the last full read."""

    position: str
    signature: str
    partial_runs: int


class Contest(NamedTuple):
    """A number that contacts wait for. `members`: the ids of those that wait, and of the one that has it; `owned`: whether one
    is known to have it."""

    members: list[int]
    owned: bool


class StaleNumber(NamedTuple):
    """A number that the vendor still has, and that no contact of the CRM uses any more."""

    phone_number: str
    key: str
    why: str


class Arrived(NamedTuple):
    """A callback that was understood, on its way into the ledger. `content` is the same for two that say the same; the later
    of them is a suspected repeat if it was received within `window` of the former. `stop`: an incoming SMS by which somebody
    says that they want no more messages."""

    event_key: str
    received_at: datetime
    query: str
    event: Event
    content: str
    window: timedelta
    stop: bool = False


class Candidate(NamedTuple):
    """A contact that has a number, waits for it, or had it. `recency`: seconds since 1970, when it last changed in the CRM."""

    contact_id: int
    standing: str  # owner, waiting, gone, former
    recency: int | None


class TakenIn(NamedTuple):
    """What became of a page of callbacks: `known` were events already and are counted nowhere else. `kinds`: kind → events.
    `settled`: messages of which a callback says that they were sent, which nobody knew before. `opted_out`: numbers."""

    known: int
    kinds: dict[str, int]
    repeats: int
    matched: dict[str, int]
    bound: int
    settled: int = 0
    opted_out: int = 0


class Delivery(NamedTuple):
    """Events that go to a sink in one piece, under a number that counts up."""

    number: int
    event_ids: list[int]


class Outbound(NamedTuple):
    """A message on its way out, with what the ledger keeps of it. `campaign`: `""` for a message of its own; `identity`: what
    makes it the same message within its campaign, so that it is sent once; `segments`: SMS of which we think that it consists;
    `send_at`: when it may leave, `None`: at once."""

    message: Message
    campaign: str
    identity: str
    segments: int
    send_at: datetime | None = None
    contact_key: str | None = None
    contact_source: str | None = None


class Known(NamedTuple):
    """What the ledger has of a message that may be sent again only where its state is `unsent`; then under the same id."""

    id: int
    state: MessageState
    id_sms_api: str
    begun_at: datetime


class Said(NamedTuple):
    """A message that a campaign has for a number already. `send_at`: UTC, `None`: at once."""

    identity: str
    state: MessageState
    send_at: datetime | None
