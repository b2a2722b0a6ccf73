"""What the report tells of the data's quality, as one plain object: made from the ledger's counts.

Law: what is counted adds up, and code asserts it; what a person can be told by is masked unless it was asked for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from sync_connector.errors import FixSetup
from sync_connector.ledger.event_history import iso
from sync_connector.ledger.quality import Cause, Example, Quality, Reject, Run, quality
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.mapping import Binding, bind
from sync_connector.mapping import Mapping as Columns
from sync_connector.model import Severity, State
from sync_connector.planning import add_up
from sync_connector.report import mask
from sync_connector.rules import CATALOGUE

ABOUT_KEYS = {"likely_duplicate", "duplicate_key"}
"""Codes whose value is a key, which is shown everywhere: to mask it would hide whom to compare."""
STALE_SHOWN = 50
CORRECTED_SHOWN = 50
SENT = (State.ACCEPTED, State.WARNED)


def told(
    ledger: Ledger,
    scope: Scope,
    source: str,
    columns: Columns,
    now: datetime,
    *,
    show_values: bool = False,
    holds_unknown: bool = False,
) -> dict[str, Any]:
    """How good the data of a source are, how much is wrong with them, and whether that is getting better.

    `columns`: the source's mapping, for the fields that its columns are read as. Times are ISO 8601 in UTC. Where there was
    no run yet, `run` is `None`. `values_shown`: examples are not masked. `in_doubt`: those of the unknown contacts that are held
    by the policy of the source.
    """
    found = quality(ledger, scope)
    last = found.runs[-1] if found.runs else None
    states = Counter[str]()
    for (_, state), count in found.contacts.items():
        states[state] += count
    of_severity = _by(found.causes, lambda cause: cause.severity)
    stale = ledger.stale(scope, STALE_SHOWN)
    return {
        "source": source,
        "values_shown": show_values,
        "made_at": iso(now),
        "run": None if last is None else _run(last),
        "contacts": {
            "known": sum(states.values()) - states[State.GONE],
            **{state.value: states[state] for state in State},
        },
        "in_doubt": found.noted_unknown if holds_unknown else 0,
        "rows_without_key": found.keyless,
        "contacts_with_findings": found.flawed,
        "findings": {"all": sum(of_severity.values()), **{s.value: of_severity[s.value] for s in Severity}},
        "trend": [_run(run) for run in found.runs],
        "since_last_run": _since_last(found),
        "codes": _codes(found, show_values=show_values),
        "columns": _columns(found.causes),
        "countries": _countries(found),
        "completeness": _completeness(found, columns),
        "shared_numbers": {
            "all": found.shared_total,
            "most_wanted": [
                {
                    "number": one.number if show_values else mask.number(one.number),
                    "contacts": one.contacts,
                    "owner": one.owner or None,
                    "waiting": one.waiting,
                }
                for one in found.shared
            ],
        },
        "stale_at_vendor": {
            "all": ledger.stale_count(scope),
            "first": [
                {"number": one.phone_number if show_values else mask.number(one.phone_number), "key": one.key, "why": one.why}
                for one in stale
            ],
        },
        "corrected_in_sheet": {
            "kept": sum(1 for _, kept in found.corrected if kept),
            "one_off": sum(1 for _, kept in found.corrected if not kept),
            "first": [{"key": key, "kept": kept} for key, kept in found.corrected[:CORRECTED_SHOWN]],
        },
    }


def _by(causes: list[Cause], name: Any) -> Counter[str]:
    counted = Counter[str]()
    for cause in causes:
        counted[name(cause)] += cause.number
    return counted


def _run(run: Run) -> dict[str, Any]:
    return {
        "run": run.run,
        "started_at": iso(run.started_at),
        "read": run.read,
        "in_full": run.in_full,
        "rejected": run.rows.get("rejected", 0),
        "held": run.rows.get("held", 0),
        "refused": run.verdicts.get("refused", 0),
        "findings": None if run.findings is None else sum(run.findings.values()),
    }


def _since_last(found: Quality) -> dict[str, Any] | None:
    """What changed since the run before: by code, how many findings there were when it ended, were opened, were closed, and are
    now. What an audit found after it counts as opened, though the ledger says that it is as old as that run."""
    if len(found.runs) < 2 or found.runs[-2].findings is None:
        return None
    before = Counter(dict(found.runs[-2].findings))
    now, opened = Counter[str](), Counter[str]()
    for cause in found.causes:
        now[cause.code] += cause.number
        opened[cause.code] += cause.opened
    codes = []
    for code in sorted({*before, *now}):
        more = max(opened[code], now[code] - before[code])
        closed = before[code] + more - now[code]
        if more or closed:
            codes.append({"code": code, "before": before[code], "opened": more, "closed": closed, "now": now[code]})
    return {"since_run": found.runs[-2].run, "codes": codes}


def _codes(found: Quality, *, show_values: bool) -> list[dict[str, Any]]:
    """The causes by code, what keeps contacts back before the rest, the most frequent first."""
    groups: dict[tuple[str, str], list[Cause]] = {}
    for cause in found.causes:
        groups.setdefault((cause.code, cause.severity), []).append(cause)
    codes: list[dict[str, Any]] = []
    for (code, severity), causes in groups.items():
        rule = CATALOGUE.get(code)
        count = sum(cause.number for cause in causes)
        columns = Counter({cause.column: cause.number for cause in causes if cause.column})
        codes.append(
            {
                "code": code,
                "severity": severity,
                "title": rule.title if rule else code,
                "advice": rule.advice if rule else "",
                "fields": sorted({cause.field for cause in causes}),
                "columns": dict(columns.most_common()),
                "count": count,
                "opened": sum(cause.opened for cause in causes),
                "suggested": sum(cause.suggested for cause in causes),
                "examples": [
                    _example(one, causes[0].field, show_values=show_values or code in ABOUT_KEYS)
                    for one in found.examples[code, severity]
                ],
            }
        )
    codes.sort(key=lambda one: (one["severity"] != Severity.REJECT, -one["count"], one["code"]))
    add_up("findings", sum(one["count"] for one in codes), *(cause.number for cause in found.causes))
    return codes


def _example(one: Example, name: str, *, show_values: bool) -> dict[str, Any]:
    value, suggestion, advice = one.value, one.suggestion, one.advice
    if not show_values:
        value, suggestion, advice = mask.raw(value), mask.field(name, suggestion), ""
    return {
        "key": one.key or None,
        "place": one.place or None,
        "column": one.column,
        "value": value,
        "suggestion": suggestion or None,
        "advice": advice or None,
    }


def _columns(causes: list[Cause]) -> list[dict[str, Any]]:
    """Findings by the source's column, the worst first; those of no single column under `""`."""
    counted: dict[str, Counter[str]] = {}
    for cause in causes:
        counted.setdefault(cause.column, Counter())[cause.severity] += cause.number
    columns: list[dict[str, Any]] = [
        {"column": name, **{s.value: count[s.value] for s in Severity}} for name, count in counted.items()
    ]
    return sorted(columns, key=lambda one: _worst_first(counted[str(one["column"])], str(one["column"])))


def _worst_first(count: Counter[str], column: str) -> tuple[int, int, str]:
    return -count[Severity.REJECT.value], -count.total(), column


def _countries(found: Quality) -> list[dict[str, Any]]:
    """Contacts by country, and how many of them are not sent; gone ones are left out."""
    counted: dict[str, Counter[str]] = {}
    for (country, state), count in found.contacts.items():
        if state != State.GONE:
            counted.setdefault(country, Counter())["sent" if state in SENT else "not_sent"] += count
    countries = [
        {"country": country or None, "contacts": count.total(), "sent": count["sent"], "not_sent": count["not_sent"]}
        for country, count in counted.items()
    ]
    return sorted(countries, key=lambda one: (-one["contacts"], one["country"] or ""))


def _completeness(found: Quality, columns: Columns) -> dict[str, Any] | None:
    """In how many rows of the last full read each column is filled, and as which field it is read."""
    full = [run for run in found.runs if run.in_full and run.read]
    if not full:
        return None
    run = full[-1]
    roles = _roles(columns, list(run.filled))
    listed = [
        {"column": header, "field": roles.get(header), "filled": filled, "share": round(filled / run.read, 4)}
        for header, filled in run.filled.items()
    ]
    return {"run": run.run, "rows": run.read, "columns": sorted(listed, key=lambda one: (-one["filled"], one["column"]))}


def _roles(columns: Columns, headers: list[str]) -> Mapping[str, str]:
    """Header → the field that it is read as, by the mapping as it is now."""
    try:
        binding: Binding = bind(columns, headers)
    except FixSetup:  # the mapping has changed since that run
        return {}
    roles = {column.value: "phone_number" for column in binding.phone}
    for field, named in (
        ("key", (*binding.key, *binding.key_otherwise)),
        ("first_name", binding.first_name),
        ("last_name", (*binding.last_name, *binding.full_name)),
        ("adress", (*binding.adress, *binding.adress_otherwise)),
        ("email", binding.email),
        ("country_code", (*binding.country, *binding.postcode)),
    ):
        for header in named:
            roles.setdefault(header, field)
    return roles


def rejects_told(rejects: Iterable[Reject]) -> list[dict[str, Any]]:
    """What `rejects --json` prints."""
    return [
        {
            "key": one.key or None,
            "state": one.state,
            "run": one.run,
            "place": None if one.place is None else str(one.place),
            "cells": one.cells,
            "corrected_in_sheet": None if one.corrected is None else one.corrected[1],
            "findings": [finding._asdict() for finding in one.findings],
        }
        for one in rejects
    ]
