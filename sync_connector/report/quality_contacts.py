"""Where the findings stand (column, country, field), and what is wrong between contacts, vendor and CRM rather than in a cell.
Each view is `None` where there is nothing to say.

Law: what is not shown is summed, so that each chart and table holds all that was counted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sync_connector.report import wording
from sync_connector.report.chart import Place, Series, Titles, bars
from sync_connector.report.drawing import Kind, bar
from sync_connector.report.events_page import LONG
from sync_connector.report.language import Words
from sync_connector.report.quality_causes import severities

BARS = 12
"""Columns and countries that have a bar of their own."""
WORST = 3
"""Countries that are named for what is not sent: beside all that is, it may be too little to be seen."""
UNREAD = 8
"""Columns without a field of ours that have a line."""
SHARED = 10
LISTED = 10
"""Numbers and contacts that are listed; a command lists them all."""


def _top(places: Sequence[Place], rest: str) -> list[Place]:
    """The first ones, and the sum of the others under a name for them."""
    if len(places) <= BARS + 1:  # a sum of one would take the room of that one
        return list(places)
    names = dict.fromkeys(name for place in places for name in place.counts)
    summed = {name: sum(place.counts.get(name, 0) for place in places[BARS:]) for name in names}
    return [*places[:BARS], Place(rest, summed)]


def faulty_columns(columns: Sequence[Mapping[str, Any]], words: Words) -> dict[str, Any] | None:
    """The columns in which the findings stand, by severity."""
    if not columns:
        return None
    series = [Series(name, kind.label, kind.style) for name, kind in severities(words).items()]
    places = [
        Place(
            wording.one_line(one["column"], LONG) or words.gettext("(no single column)"),
            {each.name: one[each.name] for each in series},
        )
        for one in columns
    ]
    places = _top(places, words.ngettext("%(count)s other column", "%(count)s other columns", len(places) - BARS))
    description = words.gettext(
        "%(findings)s findings; those in columns that keep rows from being sent come first.",
        findings=words.number(sum(place.total for place in places)),
    )
    titles = Titles("by-column", words.gettext("Findings by column"), description, words.gettext("column"))
    return {"chart": bars(titles, places, series, words)}


def countries(quality: Mapping[str, Any], of_file: bool, words: Words) -> dict[str, Any] | None:
    """The contacts of each country, sent and not."""
    told = quality["countries"]
    if not told:
        return None
    yes = words.gettext("can be sent") if of_file else words.gettext("sent")
    no = words.gettext("cannot be sent") if of_file else words.gettext("not sent")
    series = [Series("sent", yes, "first"), Series("not_sent", no, "third")]
    places = [
        Place(
            words.country(one["country"]) if one["country"] else words.gettext("(country not known)"),
            {"sent": one["sent"], "not_sent": one["not_sent"]},
        )
        for one in told
    ]
    worst = sorted((place for place in places if place.counts["not_sent"]), key=lambda place: -place.counts["not_sent"])
    places = _top(places, words.ngettext("%(count)s other country", "%(count)s other countries", len(places) - BARS))
    description = words.ngettext(
        "%(count)s contact; not sent: %(not_sent)s.",
        "%(count)s contacts; not sent: %(not_sent)s.",
        sum(place.total for place in places),
        not_sent=words.number(sum(place.counts["not_sent"] for place in places)),
    )
    remarks = []
    if len(worst) > 1:
        listed = words.listed(f"{place.name} {words.number(place.counts['not_sent'])}" for place in worst[:WORST])
        remarks.append(words.gettext("Most that are not sent: %(countries)s.", countries=listed))
    if keyless := quality["rows_without_key"]:
        remarks.append(
            words.ngettext(
                "%(count)s row without an identifier is in no country.",
                "%(count)s rows without an identifier are in no country.",
                keyless,
            )
        )
    titles = Titles("by-country", words.gettext("Contacts by country"), description, words.gettext("country"))
    return {"chart": bars(titles, places, series, words), "remarks": remarks}


def _fields(words: Words) -> dict[str, str]:
    """What people call the fields that a column is read as."""
    return {
        "key": words.gettext("identifier"),
        "phone_number": words.gettext("phone number"),
        "first_name": words.gettext("first name"),
        "last_name": words.gettext("last name"),
        "adress": words.gettext("address"),
        "email": words.gettext("e-mail"),
        "country_code": words.gettext("country"),
    }


def completeness(told: Mapping[str, Any] | None, words: Words) -> dict[str, Any] | None:
    """How many rows have each column filled: those that are read as a field, then the first of the others."""
    if told is None:
        return None
    fields = _fields(words)
    read = [one for one in told["columns"] if one["field"]]
    others = [one for one in told["columns"] if not one["field"]]
    rows = [
        {
            "column": wording.one_line(one["column"], LONG),
            "field": fields.get(one["field"] or "", one["field"] or words.gettext("not read")),
            "read": bool(one["field"]),
            "filled": one["filled"],
            "share": words.share(one["filled"], told["rows"]),
            "segments": bar({"read" if one["field"] else "unread": one["filled"]}, told["rows"]),
        }
        for one in [*read, *others[:UNREAD]]
    ]
    more = len(others) - UNREAD
    said = words.ngettext(
        "Of the %(count)s row of run %(run)s, the last that read all: in how many each column is filled.",
        "Of the %(count)s rows of run %(run)s, the last that read all: in how many each column is filled.",
        told["rows"],
        run=words.number(told["run"]),
    )
    return {
        "caption": said,
        "rows": rows,
        "kinds": {"read": Kind("first"), "unread": Kind("fourth")},
        "more": words.ngettext("and %(count)s more column that is not read", "and %(count)s more columns that are not read", more)
        if more > 0
        else "",
    }


def shared(told: Mapping[str, Any], of_file: bool, words: Words) -> dict[str, Any] | None:
    """Numbers that several contacts want: who has it, and some of those who wait."""
    if not told["all"]:
        return None
    rows = []
    for one in told["most_wanted"][:SHARED]:
        waiting = [wording.one_line(key, LONG) for key in one["waiting"]]
        hidden = one["contacts"] - bool(one["owner"]) - len(waiting)
        rows.append(
            {
                "number": wording.one_line(one["number"], LONG),
                "contacts": one["contacts"],
                "owner": wording.one_line(one["owner"] or "", LONG),
                "waiting": waiting,
                "more": words.ngettext("and %(count)s more", "and %(count)s more", hidden) if hidden > 0 else "",
            }
        )
    more = told["all"] - len(rows)
    return {
        "told": words.ngettext(
            "%(count)s number is wanted by several contacts: one of them has it, the others are held.",
            "%(count)s numbers are wanted by several contacts each: one of them has it, the others are held.",
            told["all"],
        ),
        "all": told["all"],
        "rows": rows,
        "more": words.ngettext("and %(count)s more number", "and %(count)s more numbers", more) if more > 0 else "",
        "command": "" if of_file else "sync-connector rejects --code shared_phone",
    }


def stale(told: Mapping[str, Any], words: Words) -> dict[str, Any] | None:
    """Numbers that the vendor still has and no contact uses."""
    if not told["all"]:
        return None
    rows = [
        {
            "number": wording.one_line(one["number"], LONG),
            "key": wording.one_line(one["key"], LONG),
            "why": words.phrase(one["why"]),
        }
        for one in told["first"][:LISTED]
    ]
    more = told["all"] - len(rows)
    return {
        "told": words.ngettext(
            "%(count)s number is still at the vendor, though no contact uses it.",
            "%(count)s numbers are still at the vendor, though no contact uses them.",
            told["all"],
        ),
        "all": told["all"],
        "rows": rows,
        "more": words.ngettext("and %(count)s more number", "and %(count)s more numbers", more) if more > 0 else "",
    }


def corrected(told: Mapping[str, Any], words: Words) -> dict[str, Any] | None:
    """Contacts that were sent as a sheet says and not as the CRM does."""
    count = told["kept"] + told["one_off"]
    if not count:
        return None
    rows = [{"key": wording.one_line(one["key"], LONG), "kept": one["kept"]} for one in told["first"][:LISTED]]
    more = count - len(rows)
    return {
        "told": words.ngettext(
            "%(count)s contact was sent as a sheet says; its row in the CRM is still wrong.",
            "%(count)s contacts were sent as a sheet says; their rows in the CRM are still wrong.",
            count,
        ),
        "kept": told["kept"],
        "one_off": told["one_off"],
        "rows": rows,
        "more": words.ngettext("and %(count)s more contact", "and %(count)s more contacts", more) if more > 0 else "",
    }
