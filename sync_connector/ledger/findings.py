"""Findings in the ledger: what is wrong with a contact's row, until the row is looked at again or its contact is gone.

Law: a finding stands and falls with the row that it is about, in the transaction that settles the row; found again, it is
as old as it was. The text of a cell is kept only here and in `rejects`, of rows that ask for a person, until they are mended.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger.nouns import Scope, Settled
from sync_connector.ledger.schema import findings, rejects
from sync_connector.ledger.statements import ask, put
from sync_connector.model import Finding, Place

KEPT_TEXT = 2_000
"""Characters of a cell that a finding keeps; a reject's row has the whole of it."""

Since = Mapping[tuple[int | None, str, str, str], int]
"""Contact, code, field and value of a finding → the run that found it first."""

_COLUMNS = (
    "source_id",
    "contact_id",
    "reject_id",
    "run_id",
    "code",
    "field",
    "severity",
    "header",
    "value",
    "advice",
    "suggestion",
)
_SINCE = "SELECT contact_id, code, field, value, run_id FROM findings WHERE contact_id AMONG :ids"
_FORGET = "DELETE FROM findings WHERE contact_id AMONG :ids"
_FORGET_REJECTS = "DELETE FROM rejects WHERE contact_id AMONG :ids"
_SINCE_KEYLESS = "SELECT code, field, value, run_id FROM findings WHERE reject_id AMONG :ids"
_FORGET_FINDINGS = "DELETE FROM findings WHERE reject_id AMONG :ids"
_FORGET_KEYLESS = "DELETE FROM rejects WHERE id AMONG :ids"
_FORGET_CODE = "DELETE FROM findings WHERE contact_id AMONG :ids AND code = :code"


class Flawed(NamedTuple):
    """A row with findings. `contact_id`: `None` where the row has no key of its own. `cells`: header → text, of a row that
    was not sent; `rejected` rows are listed with their place, which only they must have."""

    contact_id: int | None
    key: str
    place: Place | None
    findings: tuple[Finding, ...]
    cells: Mapping[str, str | None] | None
    rejected: bool


def forget(connection: Connection, ids: Sequence[int]) -> Since:
    """Nothing is wrong any more with the rows of these contacts; what was, and since when."""
    if not ids:
        return {}
    values = {"ids": list(ids)}
    since = {(id_, code, field, value): run for id_, code, field, value, run in ask(connection, _SINCE, values)}
    ask(connection, _FORGET, values)
    ask(connection, _FORGET_REJECTS, values)
    return since


def forget_keyless(connection: Connection, scope: Scope, met: Sequence[Settled] | None) -> Since:
    """The same for the rows of a source that have no key of their own, which each full read tells of anew. After a read of
    changes, of which `met` are such rows, the others are as they were: only those that say the same are forgotten."""
    keyless = (rejects.c.source_id == scope.source_id) & rejects.c.contact_id.is_(None)
    if met is not None:
        values = {"ids": _met_again(connection, keyless, met)}
        found = ask(connection, _SINCE_KEYLESS, values).all()
        ask(connection, _FORGET_FINDINGS, values)
        ask(connection, _FORGET_KEYLESS, values)
    else:
        of_source = (findings.c.source_id == scope.source_id) & findings.c.reject_id.is_not(None)
        columns = (findings.c.code, findings.c.field, findings.c.value, findings.c.run_id)
        found = connection.execute(sa.select(*columns).where(of_source)).all()
        connection.execute(sa.delete(findings).where(of_source))
        connection.execute(sa.delete(rejects).where(keyless))
    return {(None, code, field, value): run for code, field, value, run in found}


def _met_again(connection: Connection, keyless: sa.ColumnElement[bool], met: Sequence[Settled]) -> list[int]:
    """The ids of those keyless rows that say what one of these says: in their cells or, where it was no row, in its text."""
    if not met:
        return []
    said = {(row.key, _text_of(row.cells), row.findings[0].code, _kept(row.findings[0].value)) for row in met}
    query = (
        sa.select(rejects.c.id, rejects.c.key, rejects.c.cells, findings.c.code, findings.c.value)
        .join(findings, findings.c.reject_id == rejects.c.id)
        .where(keyless)
    )
    found = connection.execute(query)
    return sorted({id_ for id_, key, cells, code, value in found if (key or "", _text_of(cells), code, value) in said})


def _text_of(cells: Mapping[str, str | None] | None) -> str:
    return "" if cells is None else orjson.dumps(cells).decode()


def forget_code(connection: Connection, scope: Scope, code: str) -> Since:
    """Nothing is wrong any more of this kind, with any contact of a source."""
    of_code = (findings.c.source_id == scope.source_id) & (findings.c.code == code)
    columns = (findings.c.contact_id, findings.c.code, findings.c.field, findings.c.value, findings.c.run_id)
    found = connection.execute(sa.select(*columns).where(of_code)).all()
    connection.execute(sa.delete(findings).where(of_code))
    return {(id_, code, field, value): run for id_, code, field, value, run in found}


def keep(connection: Connection, scope: Scope, run: int, rows: Sequence[Flawed], since: Since) -> None:
    """What is wrong with these rows, of which nothing is known yet (see `forget`)."""
    keyed = [row for row in rows if row.contact_id is not None]
    put(
        connection,
        rejects,
        ("source_id", "contact_id", "run_id", "key", "file", "line", "cells"),
        [_reject(scope, run, row) for row in keyed if row.rejected],
    )
    found = [_finding(scope, run, row.contact_id, None, finding, since) for row in keyed for finding in row.findings]
    keyless = [row for row in rows if row.contact_id is None]
    if keyless:
        names = ("source_id", "contact_id", "run_id", "key", "file", "line", "cells")
        values = [dict(zip(names, _reject(scope, run, row), strict=True)) | {"cells": row.cells} for row in keyless]
        made = connection.scalars(sa.insert(rejects).returning(rejects.c.id, sort_by_parameter_order=True), values).all()
        for row, reject_id in zip(keyless, made, strict=True):
            found += [_finding(scope, run, None, reject_id, finding, since) for finding in row.findings]
    put(connection, findings, _COLUMNS, found)


def add(connection: Connection, scope: Scope, run: int, code: str, about: Mapping[int, Finding]) -> None:
    """One more finding of this code for each of these contacts, in place of those of the same code that they have."""
    values = {"ids": list(about), "code": code}
    since = {(id_, c, field, value): run for id_, c, field, value, run in ask(connection, _SINCE, values) if c == code}
    ask(connection, _FORGET_CODE, values)
    rows = [_finding(scope, run, id_, None, finding, since) for id_, finding in about.items()]
    put(connection, findings, _COLUMNS, rows)


def _reject(scope: Scope, run: int, row: Flawed) -> tuple[object, ...]:
    return (scope.source_id, row.contact_id, run, row.key or None, *(row.place or ("", 0)), _text_of(row.cells) or None)


def _finding(
    scope: Scope, run: int, contact_id: int | None, reject_id: int | None, finding: Finding, since: Since
) -> tuple[object, ...]:
    value = _kept(finding.value)
    first = since.get((contact_id, finding.code, finding.field, value), run)
    severity, suggestion = finding.severity.value, _kept(finding.suggestion)
    about = (scope.source_id, contact_id, reject_id, first)
    return (*about, finding.code, finding.field, severity, finding.column, value, finding.advice, suggestion)


def _kept(text: str) -> str:
    """What is kept of a text. A piece of a source that is no row may hold a NUL byte, which PostgreSQL has no place for."""
    return text[:KEPT_TEXT].replace("\0", "␀")
