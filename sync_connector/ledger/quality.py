"""What the ledger can tell of the data's quality: the contacts, the findings, the runs. Counts are made by the database, so
that a report on a million contacts costs no memory, and each is one moment of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger.nouns import Scope
from sync_connector.ledger.schema import contacts, findings, overlays, rejects, runs
from sync_connector.ledger.store import Ledger
from sync_connector.model import Finding, Place, Severity, State

NOT_SENT = (State.REJECTED, State.HELD, State.REFUSED)


_CORRECTS = (overlays.c.source_id == contacts.c.source_id) & (overlays.c.key == contacts.c.key)


class Cause(NamedTuple):
    """How many findings share a code, a field, a severity and a column; `opened` of them were first found after the run before
    the last one that finished, `suggested` say what may be meant."""

    code: str
    field: str
    severity: str
    column: str
    number: int
    opened: int
    suggested: int


class Example(NamedTuple):
    """A finding, and whose it is: a contact's key, or the place of a row that has none."""

    key: str
    place: str
    column: str
    value: str
    advice: str
    suggestion: str


class Run(NamedTuple):
    """A run that finished. `findings`: code → how many there were when it ended, `None` of a run that did not count them."""

    run: int
    started_at: datetime
    read: int
    in_full: bool
    rows: Mapping[str, int]
    verdicts: Mapping[str, int]
    filled: Mapping[str, int]
    findings: Mapping[str, int] | None


class Shared(NamedTuple):
    """A number that several contacts want. `owner`: who has it at the vendor, `""` if nobody; `waiting`: some of the others."""

    number: str
    contacts: int
    owner: str
    waiting: list[str]


@dataclass(frozen=True, slots=True)
class Quality:
    """`contacts`: (country or `""`, state) → contacts. `keyless`: rows that have no key of their own. `flawed`: contacts with
    at least one finding. `examples`: of a code and severity. `runs`: the last ones that finished, oldest first. `corrected`: the
    keys of contacts that were sent as a sheet says and not as the CRM does, kept ones first, each with whether it is kept.
    `noted_unknown`: contacts to which no trustworthy answer came, and of which the ledger knows the row as it was sent."""

    contacts: dict[tuple[str, str], int]
    keyless: int
    flawed: int
    causes: list[Cause]
    examples: dict[tuple[str, str], list[Example]]
    runs: list[Run]
    shared: list[Shared]
    shared_total: int
    corrected: list[tuple[str, bool]]
    noted_unknown: int = 0


def quality(ledger: Ledger, scope: Scope, *, runs_back: int = 30, examples: int = 5, shared: int = 20) -> Quality:
    """What the report on a source is made of."""
    mine = findings.c.source_id == scope.source_id
    with ledger.engine.connect() as connection:
        past = _runs(connection, scope, runs_back)
        causes = _causes(connection, scope, past[-2].run if len(past) > 1 else 0)
        of_country = sa.select(contacts.c.country, contacts.c.state, sa.func.count()).where(
            contacts.c.source_id + 0 == scope.source_id  # nearly all of the table: the index would lead to each row in turn
        )
        counted = connection.execute(of_country.group_by(contacts.c.country, contacts.c.state))
        keyless = sa.select(sa.func.count()).where(rejects.c.source_id == scope.source_id, rejects.c.contact_id.is_(None))
        flawed = sa.select(sa.func.count(findings.c.contact_id.distinct())).where(mine)
        noted = sa.select(sa.func.count()).where(
            contacts.c.source_id + 0 == scope.source_id, contacts.c.state == State.UNKNOWN, contacts.c.row_fp.is_not(None)
        )
        sent = contacts.c.state.in_((State.ACCEPTED, State.WARNED))
        kept = sa.select(overlays.c.key, overlays.c.kept).join(contacts, _CORRECTS & sent)
        kept = kept.where(overlays.c.source_id == scope.source_id)
        groups, total = _shared(connection, scope, shared)
        return Quality(
            contacts={(country or "", state): count for country, state, count in counted},
            keyless=connection.scalar(keyless) or 0,
            flawed=connection.scalar(flawed) or 0,
            noted_unknown=connection.scalar(noted) or 0,
            causes=causes,
            examples={kind: _examples(connection, scope, kind, examples) for kind in {(c.code, c.severity) for c in causes}},
            runs=past,
            shared=groups,
            shared_total=total,
            corrected=[(key, kept) for key, kept in connection.execute(kept.order_by(overlays.c.kept.desc(), overlays.c.key))],
        )


def _causes(connection: Connection, scope: Scope, run_before: int) -> list[Cause]:
    # A run that failed may have found what the last one only met again.
    opened = sa.func.sum(sa.case((findings.c.run_id > run_before, 1), else_=0))
    suggested = sa.func.sum(sa.case((findings.c.suggestion != "", 1), else_=0))
    same = (findings.c.code, findings.c.field, findings.c.severity, findings.c.header)
    query = sa.select(*same, sa.func.count(), opened, suggested).where(findings.c.source_id == scope.source_id).group_by(*same)
    return sorted(Cause(*row) for row in connection.execute(query))


def _examples(connection: Connection, scope: Scope, kind: tuple[str, str], count: int) -> list[Example]:
    """The oldest of a code and severity: what was found first has waited longest."""
    code, severity = kind
    first = (
        sa.select(findings)
        .where(findings.c.source_id == scope.source_id, findings.c.code == code, findings.c.severity == severity)
        .order_by(findings.c.id)
        .limit(count)
        .subquery()
    )
    query = (
        sa.select(
            contacts.c.key, rejects.c.file, rejects.c.line, first.c.header, first.c.value, first.c.advice, first.c.suggestion
        )
        .select_from(first)
        .join(contacts, contacts.c.id == first.c.contact_id, isouter=True)
        .join(rejects, (rejects.c.id == first.c.reject_id) | (rejects.c.contact_id == first.c.contact_id), isouter=True)
        .order_by(first.c.id)
    )
    found = connection.execute(query)
    return [Example(key or "", str(Place(file, line)) if file else "", *rest) for key, file, line, *rest in found]


def _runs(connection: Connection, scope: Scope, count: int) -> list[Run]:
    query = (
        sa.select(runs.c.id, runs.c.started_at, runs.c.rows_read, runs.c.read_in_full, runs.c.filled, runs.c.result)
        .where(runs.c.source_id == scope.source_id, runs.c.status == "finished")
        .order_by(runs.c.id.desc())
        .limit(count)
    )
    found = []
    for row in connection.execute(query):
        result: Mapping[str, Any] = row.result or {}
        rows, verdicts = result.get("rows", {}), result.get("verdicts", {})
        counted = result.get("findings")
        found.append(Run(row.id, row.started_at, row.rows_read, row.read_in_full, rows, verdicts, row.filled, counted))
    return found[::-1]


def _shared(connection: Connection, scope: Scope, count: int) -> tuple[list[Shared], int]:
    """The most wanted numbers, and how many are wanted by more than one contact."""
    waits = (contacts.c.account_id == scope.account_id) & contacts.c.wanted_number.is_not(None)
    here = waits & (contacts.c.source_id + 0 == scope.source_id) & contacts.c.state.not_in((State.GONE, State.UNKNOWN))
    number = sa.func.count()
    query = sa.select(contacts.c.wanted_number, number).where(here).group_by(contacts.c.wanted_number)
    most = connection.execute(query.order_by(number.desc(), contacts.c.wanted_number).limit(count)).all()
    total = connection.scalar(sa.select(sa.func.count(contacts.c.wanted_number.distinct())).where(here)) or 0
    found = []
    for wanted, waiting in most:
        of_number = (contacts.c.account_id == scope.account_id) & (contacts.c.phone_number == wanted)
        live = contacts.c.state.in_((State.ACCEPTED, State.WARNED))
        owner = connection.scalar(sa.select(contacts.c.key).where(of_number, live)) or ""
        some = sa.select(contacts.c.key).where(here, contacts.c.wanted_number == wanted).order_by(contacts.c.id).limit(5)
        found.append(Shared(wanted, waiting + bool(owner), owner, list(connection.scalars(some))))
    return found, total


# --- row by row ------------------------------------------------------------------------------------------------------


class Reject(NamedTuple):
    """A row that was not sent, or that has findings. `key`: `""` where it has none of its own by which it could be told.
    `cells`: header → text, `None` where it was no row, was sent, or waits since then. `state`: of its contact, or rejected.
    `corrected`: header → what a sheet said instead when the row was judged, and the fingerprint of the row on which that lay."""

    key: str
    state: str
    run: int
    place: Place | None
    cells: dict[str, str | None] | None
    findings: tuple[Finding, ...]
    corrected: tuple[bytes, dict[str, str]] | None = None


def not_sent(
    ledger: Ledger, scope: Scope, codes: Sequence[str] = (), *, sent_too: bool = False, size: int = 5_000
) -> Iterator[Reject]:
    """All rows of a source that are not sent, those without a key of their own last; `codes`: only with one of these;
    `sent_too`: also contacts that were sent and have findings. In parts of `size`, each one moment of the ledger."""
    for keyed in (True, False):
        after = 0
        while part := _part(ledger, scope, after, size, keyed=keyed, sent_too=sent_too):
            for id_, reject in part:
                after = id_
                if not codes or any(finding.code in codes for finding in reject.findings):
                    yield reject


def _part(ledger: Ledger, scope: Scope, after: int, size: int, *, keyed: bool, sent_too: bool) -> list[tuple[int, Reject]]:
    about = findings.c.contact_id if keyed else findings.c.reject_id
    if keyed:
        flawed = contacts.c.id.in_(sa.select(findings.c.contact_id).where(findings.c.source_id == scope.source_id))
        wanted = sa.or_(contacts.c.state.in_(NOT_SENT), *([flawed] if sent_too else []))
        query = (
            sa.select(contacts.c.id, contacts.c.key, contacts.c.state, contacts.c.run_id)
            .add_columns(rejects.c.file, rejects.c.line, rejects.c.cells)
            .add_columns(overlays.c.fingerprint, overlays.c.cells)
            .join(rejects, rejects.c.contact_id == contacts.c.id, isouter=True)
            .join(overlays, _CORRECTS, isouter=True)
            .where(contacts.c.source_id == scope.source_id, wanted, contacts.c.id > after)
            .order_by(contacts.c.id)
        )
    else:
        query = (
            sa.select(rejects.c.id, sa.literal(""), sa.literal(State.REJECTED.value), rejects.c.run_id)
            .add_columns(rejects.c.file, rejects.c.line, rejects.c.cells, sa.null(), sa.null())
            .where(rejects.c.source_id == scope.source_id, rejects.c.contact_id.is_(None), rejects.c.id > after)
            .order_by(rejects.c.id)
        )
    with ledger.engine.connect() as connection:
        rows = connection.execute(query.limit(size)).all()
        if not rows:
            return []
        found: dict[int, list[Finding]] = {}
        among = about.in_([row[0] for row in rows])  # between two rows that were not sent may stand any number that were
        of_rows = sa.select(about, findings).where(findings.c.source_id == scope.source_id, among).order_by(findings.c.id)
        for row in connection.execute(of_rows):
            found.setdefault(row[0], []).append(_finding(row))
    listed = []
    for id_, key, state, run, file, line, cells, fingerprint, said in rows:
        corrected = None if fingerprint is None or cells is None else (bytes(fingerprint), said)
        place = Place(file, line) if file else None
        listed.append((id_, Reject(key, state, run, place, cells, tuple(found.get(id_, ())), corrected)))
    return listed


def _finding(row: Any) -> Finding:
    return Finding(row.code, row.field, Severity(row.severity), row.value, row.advice, row.header, row.suggestion)
