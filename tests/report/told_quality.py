"""What `report --json` tells of the data's quality, made up: a company with weeks of runs, twelve countries and all codes."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

from sync_connector.rules import CATALOGUE
from tests.report import told

LONG_COLUMN = "Numéro de téléphone portable professionnel (à vérifier avant export)"
STATES = ("accepted", "warned", "refused", "unknown", "rejected", "held", "gone")
COUNTRIES = ("FR", "BE", "CH", "LU", "DE", "ES", "IT", "PT", "MA", "RE", "GB", "US", None, "CI", "XX")


def example(key: str | None = "C0001", **changes: Any) -> dict[str, Any]:
    """A finding's example; with some of it changed."""
    usual = {
        "key": key,
        "place": "contacts.csv:17",
        "column": "mobile",
        "value": "0• 1• 3•",
        "suggestion": "+336••••••78",
        "advice": None,
    }
    assert set(changes) <= set(usual)
    return usual | changes


def cause(code: str, count: int, opened: int = 0, **changes: Any) -> dict[str, Any]:
    """A code's findings; with some of it changed."""
    entry = CATALOGUE[code]
    usual = {
        "code": code,
        "severity": entry.severity.value,
        "title": entry.title,
        "advice": entry.advice,
        "fields": [entry.field],
        "columns": {"mobile": count},
        "count": count,
        "opened": opened,
        "suggested": count // 2,
        "examples": [example(f"{code.strip('#')}-{place}") for place in range(min(count, 5))],
    }
    assert set(changes) <= set(usual)
    return usual | changes


def runs(*counts: tuple[int, int, int | None], in_full: bool = True) -> list[dict[str, Any]]:
    """Runs, one a night, that ended with so many rejected, held and findings."""
    first = datetime(2026, 11, 1, 1, 30, tzinfo=UTC)
    return [
        {
            "run": place + 1,
            "started_at": (first + timedelta(days=place)).isoformat(),
            "read": 2000,
            "in_full": in_full,
            "rejected": rejected,
            "held": held,
            "refused": 0,
            "findings": findings,
        }
        for place, (rejected, held, findings) in enumerate(counts)
    ]


def of_quality(**changes: Any) -> dict[str, Any]:
    """What `quality_report.told` tells of 2,000 contacts after three runs; with some of it changed. Its sums add up."""
    trend = runs((20, 3, 160), (19, 3, 150), (13, 2, 142))
    usual = {
        "source": "crm",
        "values_shown": False,
        "made_at": "2026-11-03T16:00:00Z",
        "run": trend[-1],
        "contacts": {"known": 2000, **dict(zip(STATES, (1980, 4, 1, 0, 13, 2, 7), strict=True))},
        "in_doubt": 0,
        "rows_without_key": 1,
        "contacts_with_findings": 120,
        "findings": {"all": 142, "reject": 14, "repair": 8, "warn": 120},
        "trend": trend,
        "since_last_run": {
            "since_run": 2,
            "codes": [
                {"code": "#001", "before": 19, "opened": 2, "closed": 8, "now": 13},
                {"code": "landline", "before": 122, "opened": 3, "closed": 7, "now": 118},
            ],
        },
        "codes": [
            cause("#001", 13, 2),
            cause("no_key", 1, columns={}, examples=[example(None, column="", value="", suggestion=None)]),
            cause("phone_mended", 8),
            cause("landline", 118, 3, columns={"phone": 100, "mobile": 18}),
            cause("shared_phone", 2, columns={}, examples=[example("C0007", column="", suggestion=None)]),
        ],
        "columns": [
            {"column": "mobile", "reject": 13, "repair": 8, "warn": 18},
            {"column": "", "reject": 1, "repair": 0, "warn": 2},
            {"column": "phone", "reject": 0, "repair": 0, "warn": 100},
        ],
        "countries": [
            {"country": "FR", "contacts": 1500, "sent": 1490, "not_sent": 10},
            {"country": "BE", "contacts": 480, "sent": 480, "not_sent": 0},
            {"country": None, "contacts": 20, "sent": 14, "not_sent": 6},
        ],
        "completeness": {
            "run": 3,
            "rows": 2000,
            "columns": [
                {"column": "id", "field": "key", "filled": 1999, "share": 0.9995},
                {"column": "mobile", "field": "phone_number", "filled": 1500, "share": 0.75},
                {"column": "remarks", "field": None, "filled": 40, "share": 0.02},
            ],
        },
        "shared_numbers": {
            "all": 2,
            "most_wanted": [
                {"number": "+336••••••78", "contacts": 9, "owner": "C0006", "waiting": ["C0007", "C0008"]},
                {"number": "+336••••••79", "contacts": 2, "owner": None, "waiting": ["C0009", "C0010"]},
            ],
        },
        "stale_at_vendor": {
            "all": 60,
            "first": [
                {"number": "+336••••••11", "key": "C0100", "why": "the contact left the CRM"},
                {"number": "+336••••••12", "key": "C0101", "why": "the contact changed its number"},
            ],
        },
        "corrected_in_sheet": {
            "kept": 1,
            "one_off": 1,
            "first": [{"key": "C0200", "kept": True}, {"key": "C0201", "kept": False}],
        },
    }
    assert set(changes) <= set(usual)
    return usual | changes


def of_report(events: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    """What `report --json` prints of a ledger; with some of the quality changed."""
    quality = of_quality(**changes)
    account = "sales@example.com at www.example.com"
    return {"account": account, "file": None, "made_at": quality["made_at"], "quality": quality, "events": events}


def of_file(**changes: Any) -> dict[str, Any]:
    """What `report --file --json` prints; with some of the quality changed."""
    trend = runs((13, 2, 142))
    quality = of_quality(
        **{
            "run": trend[0],
            "trend": trend,
            "since_last_run": None,
            "stale_at_vendor": {"all": 0, "first": []},
            "corrected_in_sheet": {"kept": 0, "one_off": 0, "first": []},
            **changes,
        }
    )
    described = ["contacts.csv: utf-8, separated by comma, header on line 1, 11 columns", "mapping generic: 11 of 11 headers"]
    return {
        "account": None,
        "file": {"path": "contacts.csv", "described": described},
        "made_at": quality["made_at"],
        "quality": quality,
        "events": None,
    }


NOTHING: dict[str, Any] = {
    "contacts": {"known": 0, **dict.fromkeys(STATES, 0)},
    "rows_without_key": 0,
    "contacts_with_findings": 0,
    "findings": {"all": 0, "reject": 0, "repair": 0, "warn": 0},
    "since_last_run": None,
    "codes": [],
    "columns": [],
    "countries": [],
    "shared_numbers": {"all": 0, "most_wanted": []},
    "stale_at_vendor": {"all": 0, "first": []},
    "corrected_in_sheet": {"kept": 0, "one_off": 0, "first": []},
}


def of_no_run() -> dict[str, Any]:
    """What `report --json` prints before the first run."""
    return of_report(run=None, trend=[], completeness=None, **NOTHING)


def of_clean() -> dict[str, Any]:
    """What `report --json` prints of 20 contacts in which nothing is wrong."""
    trend = runs((0, 0, 0), (0, 0, 0))
    contacts = {"known": 20, **dict.fromkeys(STATES, 0), "accepted": 20}
    since = {"since_run": 1, "codes": []}
    changes: dict[str, Any] = NOTHING | {"run": trend[-1], "trend": trend, "contacts": contacts, "since_last_run": since}
    return of_report(**changes)


def of_texts(text: str) -> dict[str, Any]:
    """What `report --json` prints where each text of the outside is this one; without charts, which are
    slow, and have names alone."""
    one = cause("#001", 1) | {"code": text, "title": text, "columns": {text: 1}}
    one["examples"] = [example(text, place=text, column=text, value=text, suggestion=text)]
    told = of_report(
        source=text,
        codes=[one],
        run=runs((1, 0, 1))[0],
        trend=runs((1, 0, 1)),
        columns=[],
        countries=[],
        since_last_run={"since_run": 2, "codes": [{"code": text, "before": 1, "opened": 0, "closed": 1, "now": 0}]},
        completeness={
            "run": 3,
            "rows": 9,
            "columns": [{"column": text, "field": field, "filled": 3, "share": 0.3333} for field in ("key", None)],
        },
        shared_numbers={"all": 1, "most_wanted": [{"number": text, "contacts": 2, "owner": text or None, "waiting": [text]}]},
        stale_at_vendor={"all": 1, "first": [{"number": text, "key": text, "why": text}]},
        corrected_in_sheet={"kept": 1, "one_off": 0, "first": [{"key": text, "kept": True}]},
    )
    return told | {"account": text}


def of_plenty(seed: int = 5) -> dict[str, Any]:
    """What `report --json` prints of a ledger of 48,000 contacts and 30 runs with every code, long names and events."""
    chance = random.Random(seed)
    names = ["mobile", "phone", LONG_COLUMN, *(f"custom_field_{place}" for place in range(20))]
    codes = []
    for place, code in enumerate(CATALOGUE):
        count = chance.randint(1, 9) ** chance.randint(1, 4)
        opened = chance.choice([0, 0, count // 3])
        columns = dict.fromkeys(chance.sample(names, 1 + place % 7), 0)
        for _ in range(count):
            columns[chance.choice(list(columns))] += 1
        codes.append(cause(code, count, opened, columns=columns))
    order = {"reject": 0, "repair": 1, "warn": 2}
    codes.sort(key=lambda one: (order[one["severity"]], -one["count"], one["code"]))
    severities = {name: sum(one["count"] for one in codes if one["severity"] == name) for name in order}
    by_column: dict[str, dict[str, Any]] = {}
    for one in codes:
        for name, count in one["columns"].items():
            at = by_column.setdefault(name, {"column": name, "reject": 0, "repair": 0, "warn": 0})
            at[one["severity"]] += count
    trend = runs(*((chance.randint(30, 90), chance.randint(0, 30), chance.randint(9000, 40000)) for _ in range(30)))
    trend[-1]["findings"] = sum(severities.values()) - 12
    by_country = [(country, chance.randint(1, 4000), chance.randint(0, 40)) for country in COUNTRIES]
    by_country.sort(key=lambda one: -one[1])
    known, not_sent = sum(one[1] for one in by_country), sum(min(one[1], one[2]) for one in by_country)
    contacts = {"known": known, **dict.fromkeys(STATES, 0), "accepted": known - not_sent, "rejected": not_sent - 9, "held": 9}
    changed = [
        {
            "code": one["code"],
            "before": one["count"] + 1 - one["opened"],
            "opened": one["opened"],
            "closed": 1,
            "now": one["count"],
        }
        for one in codes
    ]
    complete: list[dict[str, Any]] = [
        {"column": f"{name} {place}", "field": field, "filled": known - place * 31, "share": round(1 - place * 31 / known, 4)}
        for place, (name, field) in enumerate(
            [("id", "key"), (LONG_COLUMN, "phone_number"), ("prénom", "first_name"), *[("custom", None)] * 40]
        )
    ]
    shared = [
        {
            "number": f"+336••••••{place}",
            "contacts": 40 - place,
            "owner": "C1",
            "waiting": [f"C{place}-{one}" for one in range(5)],
        }
        for place in range(10, 30)
    ]
    stale = [{"number": f"+336••••••{place}", "key": f"C{place}", "why": "the contact left the CRM"} for place in range(10, 60)]
    return of_report(
        events=told.of_events(made_at="2026-11-30T16:00:00+00:00"),
        made_at="2026-11-30T16:00:00Z",
        run=trend[-1],
        trend=trend,
        contacts=contacts,
        contacts_with_findings=sum(severities.values()) // 2,
        findings={"all": sum(severities.values()), **severities},
        since_last_run={"since_run": 29, "codes": sorted(changed, key=lambda one: str(one["code"]))},
        codes=codes,
        columns=sorted(by_column.values(), key=lambda one: -one["reject"]),
        countries=[
            {"country": country, "contacts": number, "sent": number - min(number, bad), "not_sent": min(number, bad)}
            for country, number, bad in by_country
        ],
        completeness={"run": 30, "rows": known, "columns": complete},
        shared_numbers={"all": 312, "most_wanted": shared},
        stale_at_vendor={"all": 1234, "first": stale},
    )
