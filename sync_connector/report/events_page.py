"""The page on events: are callbacks still coming, how is the telephone answered, which numbers has the CRM no contact for.

Law: the page computes places and shares, never counts; where two counts that it was told do not agree, it says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_connector.report import wording
from sync_connector.report.calls import calls
from sync_connector.report.drawing import bar
from sync_connector.report.page import Section, fill, page
from sync_connector.report.silence import ago, alarm, silence

SMS = {"received": "first", "sent": "second", "other": "fourth"}
MATCHING = {
    "matched": "of a contact",
    "unmatched": "of no contact",
    "anonymous": "withheld by the caller",
    "unreadable": "not readable as a number",
}
TOP = 12
"""Qualifications that have a bar of their own; the rest are summed."""
LONG = 120
"""Characters of text of the outside that are shown; the whole stands in the ledger."""


def events_page(told: Mapping[str, Any]) -> str:
    """The page as one HTML file that stands alone, from what the ledger tells of events in a span of days.

    `told` holds: `account`; `zone`, the account's; `made_at`; `since` and `until`, dates, both included; `totals`, by kind;
    `calls_per_day`, each day's `incoming` (answered), `outgoing` and `missed`, of which no call is two, `answered` and
    `talk_seconds`, by direction; `by_hour`, 24 counts, and `time_unknown`; `qualifications`, most frequent first; `sms`, each
    by its last status; `silence`; `matching`; `unmatched_numbers`; `suspected_duplicates`; `unknown`; `waiting`, each sink's.
    Times are ISO 8601 in UTC and shown on the account's clocks. Raises `KeyError` or `ValueError` where it holds less.
    """
    span = f"{told['since']} to {told['until']}" if told["since"] != told["until"] else told["since"]
    made = wording.local(told["made_at"], told["zone"])
    lines = [f"{wording.one_line(told['account'], LONG)} · {span}", f"made at {made}; all times are those of {told['zone']}"]
    return page("Calls and messages", lines, events_sections(told))


def events_sections(told: Mapping[str, Any]) -> list[Section]:
    """The sections on events, for a page that has others too; `told` is what `events_page` is told. Where no event came, only
    those that tell why."""

    def section(anchor: str, title: str, view: Mapping[str, Any]) -> Section:
        return Section(anchor, title, fill("events.html", anchor, view))

    some = any(told["totals"].values())
    sections = [section("glance", "At a glance" if some else "No events in this span", _glance(told))]
    if some:
        sections.append(section("calls", "Calls", calls(told)))
        sections.append(section("qualifications", "Qualifications", _qualifications(told["qualifications"])))
        sections.append(section("messages", "Messages", _messages(told)))
    sections.append(section("silence", "Are callbacks still coming?", silence(told)))
    if some:
        sections.append(section("matching", "Events and contacts", _matching(told)))
    sections.append(section("delivery", "On the way into the CRM", _delivery(told)))
    return sections


def _alarms(told: Mapping[str, Any]) -> list[str]:
    """What a person should look at, the worst first."""
    silent = alarm(told)
    alarms = [silent] if silent else []
    for sink in told["waiting"]:
        name = wording.one_line(sink["sink"], LONG)
        if sink["parked"]:
            parked = wording.counted(sink["parked"], "event is", "events are")
            alarms.append(f"{parked} parked, {name} refused them; the reasons stand below.")
        if sink["waiting"]:
            alarms.append(
                f"{wording.counted(sink['waiting'], 'event waits', 'events wait')} for {name}; the next pull writes them."
            )
    if told["unknown"]:
        alarms.append(f"{wording.counted(told['unknown'], 'callback was', 'callbacks were')} not understood, and kept.")
    return alarms


def _glance(told: Mapping[str, Any]) -> dict[str, Any]:
    totals, last = told["totals"], told["silence"]["last_callback"]
    if not any(totals.values()):
        return {"alarms": _alarms(told), "figures": [], **_nothing(told)}
    incoming = told["answered"]["incoming"]
    looked_up = sum(told["matching"].values())
    figures = [
        ("calls", f"{totals['call']:,}", f"talk time {wording.talked(sum(told['talk_seconds'].values()))}"),
        (
            "incoming calls answered",
            wording.share(incoming["answered"], incoming["answered"] + incoming["missed"]),
            f"{incoming['missed']:,} missed",
        ),
        ("qualifications", f"{totals['call_qualification']:,}", f"{len(told['qualifications']):,} different"),
        ("SMS received", wording.share(told["sms"]["received"], sum(told["sms"].values())), f"of {sum(told['sms'].values()):,}"),
        ("incoming SMS", f"{totals['incoming_sms']:,}", ""),
        ("link clicks", f"{totals['link_click']:,}", ""),
        (
            "events of a contact",
            wording.share(told["matching"]["matched"], looked_up),
            f"{told['matching']['unmatched']:,} of none",
        ),
        ("last callback", f"{ago(told, last)} ago" if last else "never", wording.local(last, told["zone"]) if last else ""),
    ]
    return {"alarms": _alarms(told), "figures": [dict(zip(("name", "value", "remark"), one, strict=True)) for one in figures]}


def _nothing(told: Mapping[str, Any]) -> dict[str, Any]:
    """What to do where no event came in the span, or ever."""
    if last := told["silence"]["last_callback"]:
        nothing = (
            f"No event of this span is known, though the vendor called last at {wording.local(last, told['zone'])}. Either "
            "nobody telephoned, or the callbacks were not fetched yet, or they belong to other days."
        )
        steps = [("Fetch what the receiver has: ", "sync-connector pull", ""), ("Then ask for a longer span of days.", "", "")]
    else:
        nothing = "No callback of the vendor ever came in. What it needs:"
        steps = [
            ("A receiver that the vendor can reach: ", "sync-connector receive", ""),
            ("Its address, with a secret in it, from ", "sync-connector receive --new-secret", ""),
            ("That address, entered at the vendor under Parameters > API, for each kind of callback.", "", ""),
            ("A call, and then ", "sync-connector pull", ", which understands what came and writes it into the CRM."),
        ]
    return {"nothing": nothing, "steps": [dict(zip(("before", "command", "behind"), step, strict=True)) for step in steps]}


def _qualifications(told: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The most frequent, and the sum of the others; the longest bar is the most frequent one's."""
    everything = sum(one["count"] for one in told)
    shown = [(wording.one_line(one["qualification"], LONG) or "(blank)", one["count"], False) for one in told[:TOP]]
    if rest := told[TOP:]:
        shown.append((wording.counted(len(rest), "other", "others"), sum(one["count"] for one in rest), True))
    longest = max((count for _, count, _ in shown), default=0)
    rows = [
        {
            "name": name,
            "counted": count,
            "rest": rest,
            "share": wording.share(count, everything),
            "segments": bar({"": count}, longest),
        }
        for name, count, rest in shown
    ]
    return {"rows": rows, "styles": {"": "first"}}


def _messages(told: Mapping[str, Any]) -> dict[str, Any]:
    counts = {name: told["sms"][name] for name in SMS}
    everything = sum(counts.values())
    row = {
        "name": f"{everything:,} SMS by their last status",
        "told": f"{wording.share(counts['received'], everything)} received",
        "counts": counts,
        "segments": bar(counts),
    }
    return {"sms": row, "styles": SMS, "incoming": told["totals"]["incoming_sms"], "clicks": told["totals"]["link_click"]}


def _matching(told: Mapping[str, Any]) -> dict[str, Any]:
    counts = told["matching"]
    everything = sum(counts[name] for name in MATCHING)
    rows = [
        {
            "name": words,
            "counted": counts[name],
            "share": wording.share(counts[name], everything),
            "segments": bar({"": counts[name]}, everything),
        }
        for name, words in MATCHING.items()
        if everything
    ]
    most = max((one["events"] for one in told["unmatched_numbers"]), default=0)
    numbers = [
        {
            "number": wording.one_line(one["number"], LONG),
            "events": one["events"],
            "last": wording.local(one["last"], told["zone"]) if one["last"] else "–",
            "segments": bar({"": one["events"]}, most),
        }
        for one in told["unmatched_numbers"]
    ]
    remark = (
        "Those with the most events. Give such a number to a contact in the CRM: after the next sync, the next pull binds its "
        "earlier events too."
    )
    return {"rows": rows, "styles": {"": "first"}, "numbers": numbers, "remark": remark}


def _delivery(told: Mapping[str, Any]) -> dict[str, Any]:
    sinks = [
        {
            "name": wording.one_line(sink["sink"], LONG),
            "waiting": sink["waiting"],
            "parked": sink["parked"],
            "reasons": [
                {"reason": wording.one_line(one["reason"], 2 * LONG), "counted": one["count"]} for one in sink["reasons"]
            ],
        }
        for sink in told["waiting"]
    ]
    return {"sinks": sinks, "repeats": told["suspected_duplicates"], "unknown": told["unknown"]}
