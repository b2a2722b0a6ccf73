"""The page on the data's quality, opened after the nightly run: what is wrong, how much, is it getting better, what to do first.

Law: every number on it is one that it was told, or a sum, difference or share of such, and stands beside what leads to its rows.
It shows tops and says how many more there are, so that forty thousand findings drown nobody. Its sections have the order in which
a person acts.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, NamedTuple

from sync_connector.report import wording
from sync_connector.report.events_page import LONG, events_sections
from sync_connector.report.language import Words, words_of
from sync_connector.report.messages_page import is_told
from sync_connector.report.page import Part, Section, fill, page
from sync_connector.report.quality_causes import causes, command, trend
from sync_connector.report.quality_contacts import completeness, corrected, countries, faulty_columns, shared, stale


def page_of(told: Mapping[str, Any], lang: str) -> str:
    """The page as one HTML file that stands alone, in a language that `LOCALES` names, from what `report --json` prints.

    `told` holds: `account` and `file`, one of which is `None`; `made_at`; `quality`, as `quality_report.told` makes it; `events`,
    as `event_report.told` makes it, or `None`. Times are ISO 8601 in UTC, and shown on the account's clocks where they are
    known. Raises `KeyError` where it holds less.
    """
    return quality_page(told, words_of(lang))


def quality_page(told: Mapping[str, Any], words: Words) -> str:
    """The same in these words."""
    quality, events = told["quality"], told["events"]
    zone = events["zone"] if events else "UTC"
    lines = [wording.one_line(told["file"]["path"] if told["file"] else f"{told['account']} · {quality['source']}", LONG)]
    if not told["file"] and (run := quality["run"]):
        moment, read = words.moment(run["started_at"], zone), words.number(run["read"])
        of_run = words.gettext(
            "last run: %(run)s, on %(moment)s; rows read: %(read)s", run=words.number(run["run"]), moment=moment, read=read
        )
        lines.append(of_run)
    moment = words.moment(told["made_at"], zone)
    lines.append(words.gettext("made at %(moment)s; all times are those of %(zone)s", moment=moment, zone=zone))
    parts = [Part(words.gettext("Data quality"), lines, _sections(told, words, zone))]
    if events and (any(events["totals"].values()) or events["silence"]["last_callback"] or is_told(events)):
        span = words.days(date.fromisoformat(events["since"]), date.fromisoformat(events["until"]))
        parts.append(Part(words.gettext("Calls and messages"), [span], events_sections(events, words)))
    return page(parts, words)


def _titles(words: Words) -> dict[str, str]:
    """The sections in their order: anchor → heading."""
    return {
        "first": words.gettext("What to do now"),
        "causes": words.gettext("Top causes"),
        "trend": words.gettext("Is it getting better?"),
        "columns": words.gettext("Findings by column"),
        "countries": words.gettext("Contacts by country"),
        "completeness": words.gettext("How complete the columns are"),
        "shared": words.gettext("One number on several contacts"),
        "stale": words.gettext("Stale at the vendor"),
        "corrected": words.gettext("Corrected in a sheet, still wrong in the CRM"),
    }


def _sections(told: Mapping[str, Any], words: Words, zone: str) -> list[Section]:
    """Those that have something to say, and those whose absence would be misread."""
    quality, of_file = told["quality"], told["file"] is not None
    views = {
        "first": _first(told, words),
        "causes": causes(quality, of_file, words) if quality["run"] or quality["codes"] else None,
        "trend": None if of_file else trend(quality, zone, words),
        "columns": faulty_columns(quality["columns"], words),
        "countries": countries(quality, of_file, words),
        "completeness": completeness(quality["completeness"], words),
        "shared": shared(quality["shared_numbers"], of_file, words),
        "stale": stale(quality["stale_at_vendor"], words),
        "corrected": corrected(quality["corrected_in_sheet"], words),
    }
    titles = _titles(words)
    return [Section(anchor, titles[anchor], fill(words, "quality.html", anchor, view)) for anchor, view in views.items() if view]


RESEND = ("sync-connector sync --resend-unknown",)
"""What releases contacts in doubt."""


class Step(NamedTuple):
    """One thing to do: what is so, what to do about it, the commands that do it, and the section that tells more of it."""

    so: str
    advice: str = ""
    commands: tuple[str, ...] = ()
    anchor: str = ""


def _sent(quality: Mapping[str, Any]) -> int:
    return int(quality["contacts"]["accepted"] + quality["contacts"]["warned"])


def _not_sent(quality: Mapping[str, Any]) -> int:
    return int(quality["contacts"]["known"] - _sent(quality) + quality["rows_without_key"])


def _first(told: Mapping[str, Any], words: Words) -> dict[str, Any]:
    """What to do, the gravest first, and the figures that a page is opened for."""
    quality, of_file = told["quality"], told["file"] is not None
    steps = [*_rows_step(quality, of_file, words), *_news_step(quality, words), *_vendor_steps(quality, words)]
    calm = ""
    if quality["run"] is None:
        before = words.gettext("What stands below is of a run that did not end.") if quality["contacts"]["known"] else ""
        steps.insert(0, Step(words.gettext("No run has finished yet."), before, ("sync-connector sync",)))
    elif not _not_sent(quality):
        calm = words.gettext("Every row can be sent.") if of_file else words.gettext("Every row is at the vendor.")
        if not quality["findings"]["all"]:
            calm += " " + words.gettext("Nothing was found in any of them.")
    return {
        "steps": steps,
        "titles": _titles(words),
        "calm": calm,
        "grave": bool(_not_sent(quality)),
        "figures": _figures(quality, of_file, words),
        "described": [wording.one_line(line, 2 * LONG) for line in told["file"]["described"]] if of_file else [],
        "masked": not quality["values_shown"] and any(one["examples"] for one in quality["codes"]),
    }


def _held_back(quality: Mapping[str, Any], words: Words) -> str:
    """Why rows are not sent: `13 rejected, 2 held`."""
    contacts, doubtful = quality["contacts"], quality["in_doubt"]
    unanswered = contacts["unknown"] - doubtful
    kinds = [
        words.ngettext("%(count)s rejected", "%(count)s rejected", contacts["rejected"]) if contacts["rejected"] else "",
        words.ngettext("%(count)s held", "%(count)s held", contacts["held"]) if contacts["held"] else "",
        words.ngettext("%(count)s refused", "%(count)s refused", contacts["refused"]) if contacts["refused"] else "",
        words.ngettext("%(count)s without an answer", "%(count)s without an answer", unanswered) if unanswered else "",
        words.ngettext("%(count)s in doubt", "%(count)s in doubt", doubtful) if doubtful else "",
        words.ngettext("%(count)s without an identifier", "%(count)s without an identifier", quality["rows_without_key"])
        if quality["rows_without_key"]
        else "",
    ]
    return words.listed(filter(None, kinds))


def _rows_step(quality: Mapping[str, Any], of_file: bool, words: Words) -> list[Step]:
    """What to do about the rows that are not sent, and what holds back most of them."""
    count = _not_sent(quality)
    if not count:
        return []
    why = _held_back(quality, words)
    if of_file:
        so = words.ngettext("%(count)s row cannot be sent: %(why)s.", "%(count)s rows cannot be sent: %(why)s.", count, why=why)
        advice = words.gettext("Mend them in the CRM and export it again; below stands what is wrong, and on which lines.")
        steps = [Step(so, advice)]
    else:
        so = words.ngettext("%(count)s row is not sent: %(why)s.", "%(count)s rows are not sent: %(why)s.", count, why=why)
        doubtful = quality["in_doubt"]
        if count == doubtful:
            return [Step(so, _released(words), RESEND)]
        if count == quality["contacts"]["unknown"] and not doubtful:
            advice = words.gettext("Whether the vendor has them is not known; the next run sends them again:")
            return [Step(so, advice, ("sync-connector sync",))]
        suggested = sum(one["suggested"] for one in quality["codes"] if one["severity"] == "reject")
        advice = words.gettext(
            "Write them into a sheet, with the reason and, for %(count)s findings, what may be meant; mend the rows there or in "
            "the CRM, and send the sheet:",
            count=words.number(suggested),
        )
        sheet = ("sync-connector rejects --xlsx rejects.xlsx", "sync-connector sync --resubmit rejects.xlsx")
        steps = [Step(so, advice, sheet)]
    if worst := next((one for one in quality["codes"] if one["severity"] == "reject"), None):
        so = words.ngettext(
            "What holds back most is “%(cause)s”: %(count)s finding.",
            "What holds back most is “%(cause)s”: %(count)s findings.",
            worst["count"],
            cause=words.phrase(wording.one_line(worst["title"], LONG)),
        )
        steps.append(Step(so, words.phrase(worst["advice"]), () if of_file else (command(worst),), "causes"))
    if count := quality["in_doubt"]:
        so = words.ngettext("%(count)s contact is in doubt.", "%(count)s contacts are in doubt.", count)
        steps.append(Step(so, _released(words), RESEND))
    return steps


def _released(words: Words) -> str:
    return words.gettext("Whether the vendor has them is not known; they are sent again when their rows change, or by:")


def _news_step(quality: Mapping[str, Any], words: Words) -> list[Step]:
    """What the last run found first, if it found anything new."""
    since = quality["since_last_run"]
    opened = sum(one["opened"] for one in since["codes"]) if since else 0
    if not opened:
        return []
    most = max(since["codes"], key=lambda one: one["opened"])
    title = next((one["title"] for one in quality["codes"] if one["code"] == most["code"]), most["code"])
    so = words.ngettext(
        "%(count)s finding is new since run %(run)s.",
        "%(count)s findings are new since run %(run)s.",
        opened,
        run=words.number(since["since_run"]),
    )
    advice = words.gettext(
        "The most frequent of them: “%(cause)s”, %(count)s.",
        cause=words.phrase(wording.one_line(title, LONG)),
        count=words.number(most["opened"]),
    )
    return [Step(so, advice, (), "trend")]


def _vendor_steps(quality: Mapping[str, Any], words: Words) -> list[Step]:
    """Where the vendor has what the CRM has not."""
    steps = []
    if count := quality["stale_at_vendor"]["all"]:
        so = words.ngettext("%(count)s number is stale at the vendor.", "%(count)s numbers are stale at the vendor.", count)
        steps.append(Step(so, words.gettext("The API cannot delete them: ask the vendor to."), (), "stale"))
    fixed = quality["corrected_in_sheet"]
    if count := fixed["kept"] + fixed["one_off"]:
        so = words.ngettext(
            "%(count)s contact was sent as a sheet says, and is still wrong in the CRM.",
            "%(count)s contacts were sent as a sheet says, and are still wrong in the CRM.",
            count,
        )
        steps.append(Step(so, words.gettext("Mend the CRM, too."), (), "corrected"))
    return steps


def _figures(quality: Mapping[str, Any], of_file: bool, words: Words) -> list[dict[str, Any]]:
    """What is counted, its counts by their names, and a remark, of each."""
    since = quality["since_last_run"]
    figures = [
        (
            words.gettext("contacts that can be sent") if of_file else words.gettext("contacts at the vendor"),
            [("sent", words.number(_sent(quality)))],
            words.gettext("of %(count)s", count=words.number(quality["contacts"]["known"])),
        ),
        (
            words.gettext("rows that cannot be sent") if of_file else words.gettext("rows not sent"),
            [("not_sent", words.number(_not_sent(quality)))],
            _held_back(quality, words),
        ),
        (
            words.gettext("findings"),
            [("findings", words.number(quality["findings"]["all"]))],
            words.ngettext("on %(count)s contact", "on %(count)s contacts", quality["contacts_with_findings"]),
        ),
    ]
    if since:
        counts = [
            ("opened", f"+{words.number(sum(one['opened'] for one in since['codes']))}"),
            ("closed", f"−{words.number(sum(one['closed'] for one in since['codes']))}"),
        ]
        name = words.gettext("findings since run %(run)s", run=words.number(since["since_run"]))
        figures.append((name, counts, words.gettext("new / mended or gone")))
    elif of_file and quality["run"]:
        figures.append((words.gettext("rows read"), [("read", words.number(quality["run"]["read"]))], ""))
    return [dict(zip(("name", "counts", "remark"), one, strict=True)) for one in figures]
