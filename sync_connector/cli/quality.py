"""The data steward's commands: `report`, `rejects`, `rules`, `audit`."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.text import Text

from sync_connector import config, event_report, mapping, planning, quality_report
from sync_connector import rules as quality_rules
from sync_connector.cli.events import A_DAY, DAYS
from sync_connector.cli.frame import (
    Signals,
    cli,
    config_option,
    json_option,
    ledger_of,
    progress_bars,
    scope_of,
    show,
    show_json,
)
from sync_connector.config import Settings
from sync_connector.errors import FixSetup
from sync_connector.fields.country import country_code
from sync_connector.ledger.quality import Reject, not_sent
from sync_connector.report import quality_terminal
from sync_connector.whole_file import whole_file

SHOWN = 20


@cli.command()
@config_option
@json_option
@click.option("--out", default="report.html", show_default=True, type=click.Path(dir_okay=False), help="The page to write.")
@click.option("--lang", default="en", show_default=True, type=click.Choice(["en", "fr"]), help="The language of the page.")
@click.option("--show-values", is_flag=True, help="Show numbers, names and addresses in examples; else they are masked.")
@click.option("--file", "path", metavar="FILE", help="Judge this file alone: no configuration, ledger or credentials are needed.")
@click.option("--mapping", "wanted", metavar="NAME", help="With --file: use this mapping instead of the one recognized.")
@click.option("--country", metavar="CODE", help="With --file: country of numbers written without one.")
@click.option("--check-mx", is_flag=True, help="With --file: ask name servers which e-mail domains take no mail.")
@click.option("--since", type=A_DAY, help=f"The first day of calls and messages; {DAYS} days if it is not said.")
@click.option("--until", type=A_DAY, help="The last day of them; today if it is not said.")
def report(
    config_path: str,
    as_json: bool,
    out: str,
    lang: str,
    show_values: bool,
    path: str | None,
    wanted: str | None,
    country: str | None,
    check_mx: bool,
    since: datetime | None,
    until: datetime | None,
) -> None:
    """Tell what is wrong with the data, how much, whether it is getting better, and what came back.

    Prints a summary and writes a page that stands alone. Examples are masked unless --show-values.
    """
    now = datetime.now(UTC)
    if path is not None:
        if since or until:
            raise FixSetup("--since and --until are about calls and messages, of which a file tells nothing")
        told = _of_file(path, wanted, country, now, show_values=show_values, check_mx=check_mx)
    else:
        for option, value in (("--mapping", wanted), ("--country", country), ("--check-mx", check_mx)):
            if value:
                raise FixSetup(f"{option} goes with --file; otherwise the configuration says it, or `sync-connector audit`")
        settings = config.load(config_path)
        told = _of_ledger(settings, now, since, until, show_values=show_values)
    if as_json:
        show_json(told)
        return
    from sync_connector.report import quality_page  # it brings a template engine and charts

    _write(Path(out), quality_page.page_of(told, lang))
    show(quality_terminal.summary(told))
    show(Text(f"wrote {out}"))


def _of_ledger(
    settings: Settings, now: datetime, since: datetime | None, until: datetime | None, *, show_values: bool
) -> dict[str, Any]:
    zone = ZoneInfo(settings.events.zone or "UTC")
    last = until.date() if until else now.astimezone(zone).date()
    first = since.date() if since else last - timedelta(days=DAYS - 1)
    if first > last:
        raise FixSetup(f"--since: {first} is after {last}")
    columns = mapping.load(settings.source.mapping)
    planning.choices_of(settings)
    login, host, source = planning.scope_names(settings)
    with ledger_of(settings) as ledger:
        scope, holds = scope_of(ledger, settings), settings.source.on_unknown == "hold"
        quality = quality_report.told(ledger, scope, source, columns, now, show_values=show_values, holds_unknown=holds)
        events = event_report.told(ledger, scope, f"{login} at {host}", zone, (first, last), now)
    return {"account": f"{login} at {host}", "file": None, "made_at": quality["made_at"], "quality": quality, "events": events}


def _of_file(
    path: str, wanted: str | None, country: str | None, now: datetime, *, show_values: bool, check_mx: bool
) -> dict[str, Any]:
    from sync_connector import file_report  # a ledger's report needs none of it

    if country is not None and (len(country) != 2 or country_code(country) != country.upper()):
        raise FixSetup(f"--country: {country!r} is not a two-letter country code; write FR")
    country = country.upper() if country else None
    with (
        progress_bars() as progress,
        Signals() as signals,
        file_report.judged(path, wanted, country, progress, signals.check, check_mx=check_mx) as judged,
    ):
        columns = mapping.load(judged.settings.source.mapping)
        source = judged.settings.source.name
        quality = quality_report.told(judged.ledger, judged.scope, source, columns, now, show_values=show_values)
    return {
        "account": None,
        "file": {"path": path, "described": judged.described},
        "made_at": quality["made_at"],
        "quality": quality,
        "events": None,
    }


def _write(path: Path, text: str) -> None:
    """Readable by its owner alone: it tells of people."""
    try:
        with whole_file(path, "report.file") as out:
            out.write(text.encode())
    except OSError as fault:
        raise FixSetup(f"{path} cannot be written: {fault.strerror}") from None


@cli.command()
@config_option
@json_option
@click.option("--xlsx", type=click.Path(dir_okay=False), help="Write them as a workbook, to be mended and resubmitted.")
@click.option("--csv", "csv_path", type=click.Path(dir_okay=False), help="The same as a CSV file.")
@click.option(
    "--delimiter", default=",", show_default=True, type=click.Choice([",", ";"]), help="Of the CSV: a French Excel wants ;"
)
@click.option("--code", "codes", multiple=True, metavar="CODE", help="Only rows with this finding; may be repeated.")
@click.option("--all", "sent_too", is_flag=True, help="Also contacts that were sent, and of which something is to be said.")
@click.option("--show-values", is_flag=True, help="Show the values in the list; else they are masked.")
def rejects(
    config_path: str,
    as_json: bool,
    xlsx: str | None,
    csv_path: str | None,
    delimiter: str,
    codes: tuple[str, ...],
    sent_too: bool,
    show_values: bool,
) -> None:
    """List the rows that were not sent, with reason, advice and what may be meant; or write them into a sheet.

    Mend the row's own cells in the sheet, then: sync-connector sync --resubmit SHEET
    """
    settings = config.load(config_path)
    if unknown := sorted(set(codes) - set(quality_rules.CATALOGUE)):
        raise FixSetup(*(f"--code: {code!r} is no code; `sync-connector rules` lists them" for code in unknown))
    with ledger_of(settings) as ledger:
        scope = scope_of(ledger, settings)
        listed = functools.partial(not_sent, ledger, scope, codes, sent_too=sent_too)
        if xlsx or csv_path:
            from sync_connector import resubmitting  # it brings the readers and writers of workbooks

            workbook, text = (Path(path) if path else None for path in (xlsx, csv_path))
            count = resubmitting.write(listed, workbook, text, delimiter)
            for path in filter(None, (xlsx, csv_path)):
                show(Text(f"wrote {path}: {count:,} rows; mend their own cells, then: sync-connector sync --resubmit {path}"))
        elif as_json:
            show_json(quality_report.rejects_told(listed()))
        else:
            nothing = "every row was sent, or is as it was sent before"
            if not ledger.last_run(scope):
                nothing = "no run yet; start one with: sync-connector sync"
            elif codes:
                nothing = f"no row {'' if sent_too else 'that was not sent '}has a finding {' or '.join(codes)}"
            _show_rejects(listed(), nothing, show_values=show_values)


def _show_rejects(listed: Iterator[Reject], nothing: str, *, show_values: bool) -> None:
    """A list of rows, or a sentence where there are none."""
    first = [one for _, one in zip(range(SHOWN), listed, strict=False)]
    more = sum(1 for _ in listed)
    if not first:
        show(nothing)
        return
    show(quality_terminal.rejects_table(first, more, show_values=show_values))


@cli.command()
@config_option
@json_option
@click.option("--check-mx", is_flag=True, help="Ask name servers which e-mail domains take no mail.")
def audit(config_path: str, as_json: bool, check_mx: bool) -> None:
    """Read all contacts and look for what a nightly run cannot see: the same person twice, domains that take no mail.

    Sends nothing. What it finds is in the report until the next audit.
    """
    from sync_connector import auditing  # it brings what compares people and what asks name servers

    settings = config.load(config_path)
    with ledger_of(settings, write=True) as ledger, progress_bars() as progress, Signals() as signals:
        scope = ledger.make_scope(*planning.scope_names(settings))
        with ledger.lease(scope):
            audited = auditing.audit(settings, ledger, scope, progress, signals.check, check_mx=check_mx)
    if as_json:
        show_json(audited.as_json())
    else:
        show(quality_terminal.audit_summary(audited.as_json()))


@cli.command()
@json_option
@click.option("--config", "config_path", type=click.Path(dir_okay=False), help="Show the severities that this file sets.")
def rules(config_path: str | None, as_json: bool) -> None:
    """List what is looked for in the data: code, severity, what it is, and an example."""
    set_to: dict[str, Any] = {}
    if config_path:
        settings = config.load(config_path)
        planning.choices_of(settings)
        set_to |= settings.rules.severity
    listed = [entry.as_json() | {"severity": set_to.get(code, entry.severity)} for code, entry in quality_rules.CATALOGUE.items()]
    show_json(listed) if as_json else show(quality_terminal.rules_table(listed))
