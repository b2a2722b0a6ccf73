"""The nouns of the ledger: what is asked of it and told to it."""

from __future__ import annotations

from typing import NamedTuple

from sync_connector.model import Change, Finding, Place


class Scope(NamedTuple):
    """Which part of the ledger a run is about; ids are −1 where the ledger has never heard of it."""

    account_id: int
    source_id: int


class Settled(NamedTuple):
    """A row that was settled without the vendor: nothing to send, rejected or held."""

    key: str
    change: Change
    row_fp: bytes | None
    wanted_number: str | None
    recency: int | None
    codes: str | None
    place: Place
    findings: tuple[Finding, ...]


class Position(NamedTuple):
    """Up to where a source is settled. `signature`: of the rules and the question that it was read with; a position says
    nothing about others. `partial_runs`: since the last full read."""

    position: str
    signature: str
    partial_runs: int


class StaleNumber(NamedTuple):
    """A number that the vendor still has, and that no contact of the CRM uses any more."""

    phone_number: str
    key: str
    why: str
