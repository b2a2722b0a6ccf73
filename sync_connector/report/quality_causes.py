"""The causes of findings, the gravest first, each with what leads to its rows; and what became of them from run to run.
`quality` is what `quality_report.told` tells.

Law: a run that does not know a count has no place in its chart, instead of a zero.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from sync_connector.report import wording
from sync_connector.report.chart import Chart, Place, Series, Titles, lines
from sync_connector.report.drawing import Kind, bar
from sync_connector.report.events_page import LONG
from sync_connector.report.language import Words
from sync_connector.rules import CATALOGUE

TOP = 8
"""Causes that are told in full; the others have a line each."""
COLUMNS = 4
"""Columns of a cause that are named."""
CHANGED = 12
"""Codes whose change is shown."""
HOLDING = {"shared_phone"}
"""Codes that hold a contact back without rejecting it: its rows are listed with those that are not sent."""


def severities(words: Words) -> dict[str, Kind]:
    """What the severities look like, and what people call them."""
    return {
        "reject": Kind("third", words.gettext("reject")),
        "repair": Kind("first", words.gettext("repair")),
        "warn": Kind("second", words.gettext("warn")),
    }


def command(one: Mapping[str, Any]) -> str:
    """What lists the rows of a cause."""
    is_sent = one["severity"] != "reject" and one["code"] not in HOLDING
    return f"sync-connector rejects{' --all' if is_sent else ''} --code {shlex.quote(wording.one_line(one['code'], LONG))}"


def _named(columns: Sequence[str], most: int, words: Words) -> str:
    """`mobile, phone and 2 more`; `""` of none."""
    shown = [wording.one_line(column, LONG) for column in columns[:most]]
    if more := len(columns[most:]):
        shown.append(words.ngettext("%(count)s more", "%(count)s more", more))
    return words.listed(shown)


def causes(quality: Mapping[str, Any], of_file: bool, words: Words) -> dict[str, Any]:
    """The causes: the first ones in full, the others in a line each. Where there is none, that is said."""
    codes, since = quality["codes"], quality["since_last_run"]
    most = max((one["count"] for one in codes), default=0)
    views = []
    for place, one in enumerate(codes):
        title = words.phrase(wording.one_line(one["title"], LONG))
        views.append(
            {
                "code": wording.one_line(one["code"], LONG),
                "severity": one["severity"],
                "title": title,
                "heading": title if title[1:2].isupper() else title[:1].upper() + title[1:],  # a vCard stays one
                "advice": words.phrase(one["advice"]),
                "count": one["count"],
                "opened": one["opened"] if since else 0,
                "columns": _named(list(one["columns"]), COLUMNS if place < TOP else COLUMNS // 2, words),
                "segments": bar({one["severity"]: one["count"]}, most),
                "examples": [_example(example, words) for example in one["examples"]],
                "command": "" if of_file else command(one),
            }
        )
    return {
        "top": views[:TOP],
        "rest": views[TOP:],
        "rest_counted": sum(one["count"] for one in views[TOP:]),
        "kinds": severities(words),
        "of_file": of_file,
        "compared": since is not None,
    }


def _example(one: Mapping[str, Any], words: Words) -> dict[str, Any]:
    return {
        "key": wording.one_line(one["key"] or "", LONG),
        "place": wording.one_line(one["place"] or "", LONG),
        "column": wording.one_line(one["column"], LONG),
        "value": wording.one_line(one["value"], LONG) or words.gettext("(blank)"),
        "suggestion": wording.one_line(one["suggestion"] or "", LONG),
    }


def trend(quality: Mapping[str, Any], zone: str, words: Words) -> dict[str, Any] | None:
    """Two charts over the runs, if there are two of them to compare, and what the last one changed."""
    runs, findings = quality["trend"], quality["findings"]["all"]
    if not runs:
        return None
    counted = [run for run in runs if run["findings"] is not None]
    whole = [run for run in runs if run["in_full"]]
    remarks = []
    if counted and counted[-1] is runs[-1] and runs[-1]["findings"] != findings:
        told = words.gettext(
            "When run %(run)s ended there were %(then)s findings, now there are %(now)s: an audit since then, or a sheet.",
            run=words.number(runs[-1]["run"]),
            then=words.number(runs[-1]["findings"]),
            now=words.number(findings),
        )
        remarks.append(told)
    return {
        "findings": _of_findings(counted, zone, words) if len(counted) > 1 else None,
        "findings_remarks": remarks,
        "rows": _of_rows(whole, zone, words) if len(whole) > 1 and any(map(_held_back, whole)) else None,
        "rows_remarks": []
        if len(whole) == len(runs)
        else [words.gettext("Only runs that read all rows: the others saw no more than what had changed.")],
        "since": _since(quality, words),
    }


def _held_back(run: Mapping[str, Any]) -> int:
    return int(run["rejected"] + run["held"] + run["refused"])


def _places(runs: Sequence[Mapping[str, Any]], names: Sequence[str], zone: str, words: Words) -> list[Place]:
    """A place for each run: its number and, below it, its day."""
    places = []
    for run in runs:
        moment = words.moment(run["started_at"], zone)
        number = words.number(run["run"])
        name = words.gettext("run %(run)s, %(moment)s", run=number, moment=moment)
        day = words.day(wording.on_clocks(wording.moment(run["started_at"]), ZoneInfo(zone)).date(), "MMMd")
        places.append(Place(name, {one: run[one] for one in names}, (number, day)))
    return places


def _of_findings(runs: Sequence[Mapping[str, Any]], zone: str, words: Words) -> Chart:
    first, last = runs[0]["findings"], runs[-1]["findings"]
    description = words.gettext(
        "From %(first)s after run %(run)s to %(last)s after run %(now)s.",
        first=words.number(first),
        run=words.number(runs[0]["run"]),
        last=words.number(last),
        now=words.number(runs[-1]["run"]),
    )
    titles = Titles("trend-findings", words.gettext("Findings after each run"), description, words.gettext("run"))
    return lines(
        titles, _places(runs, ["findings"], zone, words), [Series("findings", words.gettext("findings"), "first")], words
    )


def _of_rows(runs: Sequence[Mapping[str, Any]], zone: str, words: Words) -> Chart:
    series = [
        Series("rejected", words.gettext("rejected"), "third"),
        Series("held", words.gettext("held"), "second"),
        Series("refused", words.gettext("refused"), "fourth"),
    ]
    series = [one for one in series if one.name == "rejected" or any(run[one.name] for run in runs)]
    description = words.gettext(
        "From %(first)s after run %(run)s to %(last)s after run %(now)s.",
        first=words.number(_held_back(runs[0])),
        run=words.number(runs[0]["run"]),
        last=words.number(_held_back(runs[-1])),
        now=words.number(runs[-1]["run"]),
    )
    titles = Titles("trend-rows", words.gettext("Rows not sent"), description, words.gettext("run"))
    return lines(titles, _places(runs, [one.name for one in series], zone, words), series, words)


def _since(quality: Mapping[str, Any], words: Words) -> dict[str, Any] | None:
    """What the last run changed, code by code, the most changed first; `None` where there is no run to compare it with."""
    since = quality["since_last_run"]
    if since is None:
        return None
    codes = sorted(since["codes"], key=lambda one: (-one["opened"] - one["closed"], one["code"]))
    opened, closed = sum(one["opened"] for one in codes), sum(one["closed"] for one in codes)
    difference = abs(opened - closed)
    if opened > closed:
        balance = words.ngettext("%(count)s more than before.", "%(count)s more than before.", difference)
    elif closed > opened:
        balance = words.ngettext("%(count)s fewer than before.", "%(count)s fewer than before.", difference)
    else:
        balance = words.gettext("As many as before.")
    rows = [
        {
            "code": wording.one_line(one["code"], LONG),
            "title": words.phrase(CATALOGUE[one["code"]].title) if one["code"] in CATALOGUE else "",
            **{name: one[name] for name in ("before", "opened", "closed", "now")},
        }
        for one in codes[:CHANGED]
    ]
    rest = codes[CHANGED:]
    told = words.gettext(
        "Since run %(run)s: %(opened)s new, %(closed)s mended or gone.",
        run=words.number(since["since_run"]),
        opened=words.number(opened),
        closed=words.number(closed),
    )
    return {
        "told": f"{told} {balance}",
        "rows": rows,
        "rest": words.ngettext("%(count)s other code", "%(count)s other codes", len(rest)) if rest else "",
        "rest_counts": {name: sum(one[name] for one in rest) for name in ("before", "opened", "closed", "now")},
    }
