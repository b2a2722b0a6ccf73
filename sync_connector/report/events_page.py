"""The sections on events and messages: are callbacks still coming, how is the telephone answered, what became of what was sent,
which numbers has the CRM no contact for.

Law: they compute places and shares, never counts; where two counts that they were told do not agree, they say so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_connector.report import wording
from sync_connector.report.calls import calls
from sync_connector.report.drawing import Kind, bar
from sync_connector.report.language import ENGLISH, Words
from sync_connector.report.messages_page import alarm as alarm_of_messages
from sync_connector.report.messages_page import is_told, messages
from sync_connector.report.page import Section, fill
from sync_connector.report.silence import ago, alarm, silence

TOP = 12
"""Qualifications that have a bar of their own; the rest are summed."""
LONG = 120
"""Characters of text of the outside that are shown; the whole stands in the ledger."""


def events_sections(told: Mapping[str, Any], words: Words = ENGLISH) -> list[Section]:
    """The sections, from what the ledger tells of events in a span of days, in a language. Where no event came, only those that
    tell why.

    `told` holds: `zone`, the account's; `made_at`; `since` and `until`, dates, both included; `totals`, by kind;
    `calls_per_day`, each day's `incoming` (answered), `outgoing` and `missed`, of which no call is two, `answered` and
    `talk_seconds`, by direction; `by_hour`, 24 counts, and `time_unknown`; `qualifications`, most frequent first; `sms`, each
    by its last status; `messages`, those sent from here, as `event_report.messages_told` makes it; `silence`; `matching`;
    `unmatched_numbers`; `suspected_duplicates`; `unknown`; `waiting`, each sink's.
    Times are ISO 8601 in UTC and shown on the account's clocks. Raises `KeyError` or `ValueError` where it holds less.
    """

    def section(anchor: str, title: str, view: Mapping[str, Any]) -> Section:
        return Section(anchor, title, fill(words, "events.html", anchor, view))

    some = any(told["totals"].values())
    title = words.gettext("At a glance") if some else words.gettext("No events in this span")
    sections = [section("glance", title, _glance(told, words))]
    if some:
        sections.append(section("calls", words.gettext("Calls"), calls(told, words)))
        view = _qualifications(told["qualifications"], words)
        sections.append(section("qualifications", words.gettext("Qualifications"), view))
    if some or is_told(told):
        body = fill(words, "messages.html", "messages", messages(told, words))
        sections.append(Section("messages", words.gettext("Messages"), body))
    sections.append(section("silence", words.gettext("Are callbacks still coming?"), silence(told, words)))
    if some:
        sections.append(section("matching", words.gettext("Events and contacts"), _matching(told, words)))
    sections.append(section("delivery", words.gettext("On the way into the CRM"), _delivery(told)))
    return sections


def _alarms(told: Mapping[str, Any], words: Words) -> list[str]:
    """What a person should look at, the worst first."""
    silent = alarm(told, words)
    alarms = [silent] if silent else []
    for sink in told["waiting"]:
        name = wording.one_line(sink["sink"], LONG)
        if sink["parked"]:
            parked = words.ngettext(
                "%(count)s event is parked, %(sink)s refused it; the reason stands below.",
                "%(count)s events are parked, %(sink)s refused them; the reasons stand below.",
                sink["parked"],
                sink=name,
            )
            alarms.append(parked)
        if sink["waiting"]:
            waiting = words.ngettext(
                "%(count)s event waits for %(sink)s; the next pull writes it.",
                "%(count)s events wait for %(sink)s; the next pull writes them.",
                sink["waiting"],
                sink=name,
            )
            alarms.append(waiting)
    if unknown := alarm_of_messages(told, words):
        alarms.append(unknown)
    if told["unknown"]:
        kept = words.ngettext(
            "%(count)s callback was not understood, and kept.",
            "%(count)s callbacks were not understood, and kept.",
            told["unknown"],
        )
        alarms.append(kept)
    return alarms


def _glance(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    if not any(told["totals"].values()):
        return {"alarms": _alarms(told, words), "figures": [], **_nothing(told, words)}
    figures = [dict(zip(("name", "value", "remark"), one, strict=True)) for one in _figures(told, words)]
    return {"alarms": _alarms(told, words), "figures": figures}


def _figures(told: Mapping[str, Any], words: Words) -> list[tuple[str, str, str]]:
    """What a page is opened for: name, figure and remark of each."""
    totals, last = told["totals"], told["silence"]["last_callback"]
    incoming, looked_up = told["answered"]["incoming"], sum(told["matching"].values())
    sms, unmatched = sum(told["sms"].values()), told["matching"]["unmatched"]
    heard = words.gettext("%(pause)s ago", pause=ago(told, last, words)) if last else words.gettext("never")
    return [
        (
            words.gettext("calls"),
            words.number(totals["call"]),
            words.gettext("talk time %(time)s", time=words.talked(sum(told["talk_seconds"].values()))),
        ),
        (
            words.gettext("incoming calls answered"),
            words.share(incoming["answered"], incoming["answered"] + incoming["missed"]),
            words.ngettext("%(count)s missed", "%(count)s missed", incoming["missed"]),
        ),
        (
            words.gettext("qualifications"),
            words.number(totals["call_qualification"]),
            words.ngettext("%(count)s different", "%(count)s different", len(told["qualifications"])),
        ),
        (
            words.gettext("SMS received"),
            words.share(told["sms"]["received"], sms),
            words.gettext("of %(count)s", count=words.number(sms)),
        ),
        (words.gettext("incoming SMS"), words.number(totals["incoming_sms"]), ""),
        (words.gettext("link clicks"), words.number(totals["link_click"]), ""),
        (
            words.gettext("events of a contact"),
            words.share(told["matching"]["matched"], looked_up),
            words.ngettext("%(count)s of none", "%(count)s of none", unmatched),
        ),
        (words.gettext("last callback"), heard, words.moment(last, told["zone"]) if last else ""),
    ]


def _nothing(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What to do where no event came in the span, or ever."""
    if last := told["silence"]["last_callback"]:
        nothing = words.gettext(
            "No event of this span is known, though the vendor called last at %(moment)s. Either nobody telephoned, or the "
            "callbacks were not fetched yet, or they belong to other days.",
            moment=words.moment(last, told["zone"]),
        )
        steps = [
            (words.gettext("Fetch what the receiver has:"), "sync-connector pull", ""),
            (words.gettext("Then ask for a longer span of days."), "", ""),
        ]
    else:
        nothing = words.gettext("No callback of the vendor ever came in. What it needs:")
        steps = [
            (words.gettext("A receiver that the vendor can reach:"), "sync-connector receive", ""),
            (words.gettext("Its address, with a secret in it, from"), "sync-connector receive --new-secret", ""),
            (words.gettext("That address, entered at the vendor under Parameters > API, for each kind of callback."), "", ""),
            (
                words.gettext("A call, and then"),
                "sync-connector pull",
                words.gettext(", which understands what came and writes it into the CRM."),
            ),
        ]
    return {"nothing": nothing, "steps": [dict(zip(("before", "command", "behind"), step, strict=True)) for step in steps]}


def _qualifications(told: Sequence[Mapping[str, Any]], words: Words) -> dict[str, Any]:
    """The most frequent, and the sum of the others; the longest bar is the most frequent one's."""
    everything = sum(one["count"] for one in told)
    shown = [
        (wording.one_line(one["qualification"], LONG) or words.gettext("(blank)"), one["count"], False) for one in told[:TOP]
    ]
    if rest := told[TOP:]:
        others = words.ngettext("%(count)s other", "%(count)s others", len(rest))
        shown.append((others, sum(one["count"] for one in rest), True))
    longest = max((count for _, count, _ in shown), default=0)
    rows = [
        {
            "name": name,
            "counted": count,
            "rest": rest,
            "share": words.share(count, everything),
            "segments": bar({"": count}, longest),
        }
        for name, count, rest in shown
    ]
    return {"rows": rows, "kinds": {"": Kind("first")}}


def _matching(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    matching = {
        "matched": words.gettext("of a contact"),
        "unmatched": words.gettext("of no contact"),
        "anonymous": words.gettext("withheld by the caller"),
        "unreadable": words.gettext("not readable as a number"),
    }
    counts = told["matching"]
    everything = sum(counts[name] for name in matching)
    rows = [
        {
            "name": said,
            "counted": counts[name],
            "share": words.share(counts[name], everything),
            "segments": bar({"": counts[name]}, everything),
        }
        for name, said in matching.items()
        if everything
    ]
    most = max((one["events"] for one in told["unmatched_numbers"]), default=0)
    numbers = [
        {
            "number": wording.one_line(one["number"], LONG),
            "events": one["events"],
            "last": words.moment(one["last"], told["zone"]) if one["last"] else "–",
            "segments": bar({"": one["events"]}, most),
        }
        for one in told["unmatched_numbers"]
    ]
    remark = words.gettext(
        "Those with the most events. Give such a number to a contact in the CRM: after the next sync, the next pull binds its "
        "earlier events too."
    )
    return {"rows": rows, "kinds": {"": Kind("first")}, "numbers": numbers, "remark": remark}


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
