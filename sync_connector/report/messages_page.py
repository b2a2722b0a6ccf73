"""The section on messages: what was sent from here and what became of it, per day and per campaign, and what callbacks tell of
all SMS of the account. `told` is what `events_sections` is told.

Law: a share stands beside the count of which it is one, and what is drawn on top of each other is never the same message.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from sync_connector.report import over_time, wording
from sync_connector.report.chart import Chart, Series, Titles, columns
from sync_connector.report.drawing import Kind, Period, bar, periods
from sync_connector.report.language import Words

TOP = 30
"""Campaigns that have a line of their own; the rest are summed."""
LONG = 120
"""Characters of a campaign's name that are shown."""


def is_told(told: Mapping[str, Any]) -> bool:
    """Whether there is something to tell of messages that were sent from here."""
    messages = told["messages"]
    return any(messages["totals"].values()) or any(messages[name] for name in ("scheduled", "opt_outs", "rehearsals"))


def alarm(told: Mapping[str, Any], words: Words) -> str | None:
    """What to say of messages of which nobody knows whether they were sent; of none, nothing."""
    if not (unknown := told["messages"]["totals"]["unknown"]):
        return None
    return words.ngettext(
        "Of %(count)s message nobody knows whether it was sent. A callback settles it, or you do: sync-connector sms resolve",
        "Of %(count)s messages nobody knows whether they were sent. Callbacks settle them, or you do: sync-connector sms resolve",
        unknown,
    )


def messages(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What the section shows: of messages from here, where there are any; of callbacks, where there are events."""
    ours = told["messages"]
    return {
        "ours": _ours(ours, told["zone"], words) if ours["totals"]["messages"] else None,
        "notes": _notes(ours, words),
        "heard": _heard(told, words) if any(told["totals"].values()) else None,
    }


def _ours(ours: Mapping[str, Any], zone: str, words: Words) -> dict[str, Any]:
    figures = [dict(zip(("told", "name", "value", "remark"), one, strict=True)) for one in _figures(ours["totals"], words)]
    return {"figures": figures, **_per_day(ours, words), **_campaigns(ours["campaigns"], zone, words)}


def _figures(totals: Mapping[str, int], words: Words) -> list[tuple[str, str, str, str]]:
    """Name in what was told, name for people, figure and remark of each."""

    def of_sent(name: str) -> str:
        share = _of_sent(totals, name, words) if totals["sent"] else ""
        return words.gettext("%(share)s of those sent", share=share) if share else ""

    figures = [
        ("messages", words.gettext("messages"), words.ngettext("%(count)s SMS", "%(count)s SMS", totals["segments"])),
        (
            "sent",
            words.gettext("messages sent"),
            words.gettext("%(share)s of all", share=words.share(totals["sent"], totals["messages"])),
        ),
        ("delivered", words.gettext("delivered"), of_sent("delivered")),
        (
            "failed",
            words.gettext("failed"),
            words.ngettext("%(count)s of them refused", "%(count)s of them refused", totals["refused"]),
        ),
        ("unknown", words.gettext("unknown"), words.gettext("perhaps sent") if totals["unknown"] else ""),
        ("answered", words.gettext("answered by SMS"), of_sent("answered")),
        ("clicked", words.gettext("clicked"), of_sent("clicked")),
        ("opted_out", words.gettext("opted out"), of_sent("opted_out")),
    ]
    return [(told, name, words.number(totals[told]), remark) for told, name, remark in figures]


def _drawn(day: Mapping[str, int]) -> dict[str, int]:
    """The messages that were sent or may have been, and those that were refused: each in one piece of a column."""
    failed_afterwards = day["failed"] - day["refused"]
    return {
        "delivered": day["delivered"],
        "sent": day["sent"] - day["delivered"] - failed_afterwards,
        "failed": day["failed"],
        "unknown": day["unknown"],
    }


def _per_day(ours: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """The columns. What was certainly not sent has none, and is named below them."""
    unit, shown = periods({date.fromisoformat(one["day"]): _drawn(one) for one in ours["per_day"]})
    heading = {
        "day": words.gettext("Messages per day"),
        "week": words.gettext("Messages per week"),
        "month": words.gettext("Messages per month"),
    }[unit]
    remarks = over_time.summed(unit, len(ours["per_day"]), words)
    if unsent := ours["totals"]["unsent"]:
        told = words.ngettext(
            "%(count)s message was certainly not sent, and is in no column; the command that began it sends it.",
            "%(count)s messages were certainly not sent, and are in no column; the command that began them sends them.",
            unsent,
        )
        remarks.append(told)
    some = any(one.total for one in shown)
    return {"heading": heading, "chart": _chart(unit, heading, shown, words) if some else None, "remarks": remarks}


def _chart(unit: str, heading: str, shown: Sequence[Period], words: Words) -> Chart:
    series = [
        Series("delivered", words.gettext("delivered"), "first"),
        Series("sent", words.gettext("sent, no more is known"), "second"),
        Series("failed", words.gettext("failed"), "third"),
        Series("unknown", words.gettext("unknown"), "fourth"),
    ]
    places = over_time.places(unit, shown, words)
    highest = max(places, key=lambda place: place.total)
    description = words.ngettext(
        "%(count)s message; the highest column is %(place)s: %(most)s.",
        "%(count)s messages; the highest column is %(place)s: %(most)s.",
        sum(one.total for one in shown),
        most=words.number(highest.total),
        place=highest.name,
    )
    titles = Titles("messages-over-time", heading, description, over_time.called(unit, words))
    return columns(titles, places, series, words)


def _campaigns(campaigns: Sequence[Mapping[str, Any]], zone: str, words: Words) -> dict[str, Any]:
    """A line for each of the newest campaigns, and one for the others together; shares are of those sent."""
    head = {
        "messages": words.gettext("messages"),
        "sent": words.gettext("sent"),
        "delivered": words.gettext("delivered"),
        "failed": words.gettext("failed"),
        "unknown": words.gettext("unknown"),
        "answered": words.gettext("answered by SMS"),
        "clicked": words.gettext("clicked"),
        "opted_out": words.gettext("opted out"),
    }
    rows = []
    for one in campaigns[:TOP]:
        single = not one["campaign"]
        name = words.gettext("(single messages)") if single else wording.one_line(one["campaign"], LONG)
        begun = words.gettext("begun %(moment)s", moment=words.moment(one["begun"], zone))
        rows.append({"name": name, "begun": begun, "rest": single, "cells": _cells(one, head, words)})
    if others := campaigns[TOP:]:
        together = {name: sum(one[name] for one in others) for name in (*head, "segments")}
        name = words.ngettext("%(count)s other", "%(count)s others", len(others))
        rows.append({"name": name, "begun": "", "rest": True, "cells": _cells(together, head, words)})
    return {"head": list(head.values()), "campaigns": rows}


def _cells(one: Mapping[str, Any], head: Mapping[str, str], words: Words) -> list[dict[str, str]]:
    """Each count with its share, or with how many SMS the messages are."""
    small = {name: _of_sent(one, name, words) for name in ("delivered", "answered", "clicked", "opted_out")}
    small |= {
        "messages": words.ngettext("%(count)s SMS", "%(count)s SMS", one["segments"]),
        "sent": words.share(one["sent"], one["messages"]),
    }
    return [
        {"told": name, "label": label, "count": words.number(one[name]), "small": small.get(name, "")}
        for name, label in head.items()
    ]


def _of_sent(one: Mapping[str, int], name: str, words: Words) -> str:
    """The share of those sent; none where it would be more than all: an answer may be to a message that is unknown."""
    return "" if one["sent"] < one[name] else words.share(one[name], one["sent"])


def _notes(ours: Mapping[str, Any], words: Words) -> list[tuple[str, str]]:
    """What is counted nowhere else, and the command that lists it."""
    notes = []
    if scheduled := ours["scheduled"]:
        told = words.ngettext(
            "%(count)s message is scheduled, and leaves after this page was made.",
            "%(count)s messages are scheduled, and leave after this page was made.",
            scheduled,
        )
        notes.append((told, ""))
    if rehearsals := ours["rehearsals"]:
        told = words.ngettext(
            "%(count)s message was a rehearsal (mode test): the vendor sent it to nobody, and it is counted nowhere else.",
            "%(count)s messages were rehearsals (mode test): the vendor sent them to nobody, and they are counted nowhere else.",
            rehearsals,
        )
        notes.append((told, ""))
    if opt_outs := ours["opt_outs"]:
        told = words.ngettext(
            "%(count)s number gets no messages any more:",
            "%(count)s numbers get no messages any more:",
            opt_outs,
        )
        notes.append((told, "sync-connector sms opt-outs"))
    return notes


def _heard(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What callbacks tell of SMS, whoever sent them."""
    kinds = {
        "received": Kind("first", words.gettext("received")),
        "sent": Kind("second", words.gettext("sent")),
        "other": Kind("fourth", words.gettext("other")),
    }
    counts = {status: told["sms"][status] for status in kinds}
    everything = sum(counts.values())
    row = {
        "name": words.gettext("%(count)s SMS by their last status", count=words.number(everything)),
        "told": words.gettext("%(share)s received", share=words.share(told["sms"]["received"], everything)),
        "counts": counts,
        "segments": bar(counts),
    }
    return {
        "sms": row,
        "kinds": kinds,
        "incoming": told["totals"]["incoming_sms"],
        "clicks": told["totals"]["link_click"],
    }
