"""What the ledger can tell: the runs, and one contact's story."""

from __future__ import annotations

from typing import Any, NamedTuple

import sqlalchemy as sa

from sync_connector.ledger.schema import contacts, findings, rejects, runs, sources, stale_numbers, verdicts
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import State


class Story(NamedTuple):
    """A contact as the ledger has it. `owner`: who has the number that it waits for. `stale`: numbers it had before. `is_noted`:
    the ledger knows its row as it was settled, or as it was sent if its state is unknown."""

    id: int
    key: str
    state: str
    phone_number: str | None
    wanted_number: str | None
    owner: str | None
    codes: str | None
    run: int
    verdicts: list[dict[str, Any]]
    findings: list[dict[str, Any]]
    stale: list[str]
    is_noted: bool


def story(ledger: Ledger, scope: Scope, key: str, number: str | None) -> list[Story]:
    """The contacts with this key; and those that have, had, or wait for this number."""
    with ledger.engine.connect() as connection:
        matches = (contacts.c.source_id == scope.source_id) & (contacts.c.key == key)
        if number is not None:
            had = sa.select(verdicts.c.contact_id).where(verdicts.c.phone_number == number)
            of_account = contacts.c.account_id == scope.account_id
            uses = (contacts.c.phone_number == number) | (contacts.c.wanted_number == number) | contacts.c.id.in_(had)
            matches |= of_account & uses
        entries = connection.execute(sa.select(contacts).where(matches).order_by(contacts.c.id).limit(100)).all()
        return [_story(connection, entry) for entry in entries]


def _story(connection: sa.Connection, entry: Any) -> Story:
    said = connection.execute(
        sa.select(verdicts, runs.c.started_at)
        .join(runs, runs.c.id == verdicts.c.run_id)
        .where(verdicts.c.contact_id == entry.id)
        .order_by(verdicts.c.id)
    ).all()
    # A rejected row is kept with its place; a contact that was sent is found by its key alone.
    place = sa.select(findings, rejects.c.file, rejects.c.line).join_from(
        findings, rejects, rejects.c.contact_id == findings.c.contact_id, isouter=True
    )
    found = connection.execute(place.where(findings.c.contact_id == entry.id).order_by(findings.c.id)).all()
    owner = None
    if entry.wanted_number:
        owner = connection.scalar(
            sa.select(contacts.c.key).where(
                contacts.c.account_id == entry.account_id, contacts.c.phone_number == entry.wanted_number
            )
        )
    stale = connection.scalars(
        sa.select(stale_numbers.c.phone_number).where(
            stale_numbers.c.source_id == entry.source_id, stale_numbers.c.key == entry.key
        )
    ).all()
    return Story(
        id=entry.id,
        key=entry.key,
        state=entry.state,
        phone_number=entry.phone_number,
        wanted_number=entry.wanted_number,
        owner=owner,
        codes=entry.codes,
        run=entry.run_id,
        verdicts=[
            {
                "run": row.run_id,
                "at": row.started_at.isoformat(),
                "change": row.change,
                "number": row.phone_number,
                "verdict": row.verdict,
                "codes": row.codes.split() if row.codes else [],
            }
            for row in said
        ],
        findings=[
            {
                "run": row.run_id,
                "file": row.file,
                "line": row.line,
                "code": row.code,
                "field": row.field,
                "severity": row.severity,
                "column": row.header,
                "value": row.value,
                "advice": row.advice,
                "suggestion": row.suggestion,
            }
            for row in found
        ],
        stale=[number for number in stale if entry.state != State.UNKNOWN or number != entry.wanted_number],
        is_noted=entry.row_fp is not None,
    )


def recent_runs(ledger: Ledger, scope: Scope, count: int) -> list[dict[str, Any]]:
    """The newest runs of the account first."""
    query = (
        sa.select(runs, sources.c.name)
        .join(sources, sources.c.id == runs.c.source_id)
        .where(sources.c.account_id == scope.account_id)
        .order_by(runs.c.id.desc())
        .limit(count)
    )
    with ledger.engine.connect() as connection:
        return [
            {
                "run": row.id,
                "source": row.name,
                "status": row.status,
                "started_at": row.started_at.isoformat(),
                "ended_at": row.ended_at.isoformat() if row.ended_at else None,
                "identity": row.identity,
                "result": row.result,
            }
            for row in connection.execute(query)
        ]
