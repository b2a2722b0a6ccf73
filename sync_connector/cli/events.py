"""The way back: `receive`, `pull`, `events`."""

from __future__ import annotations

import logging
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import click
import sqlalchemy as sa
from rich.text import Text

from sync_connector import config, planning, pulling
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
    unanswered,
)
from sync_connector.config import Settings
from sync_connector.dialects._callback import storable
from sync_connector.errors import AskPerson, FixSetup, SyncError, TryLater
from sync_connector.events import secret_file
from sync_connector.events.inbox import Origin
from sync_connector.events.understand import YEARS
from sync_connector.fields.phone import phone_number
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.model import Kind
from sync_connector.report import events_terminal

DAYS = 30
"""What the report tells of, unless asked otherwise."""


class Day(click.DateTime):
    """A day, with or without its time, of the years from which events are."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse it; see `click.ParamType`."""
        day: datetime = super().convert(value, param, ctx)
        if day.year not in YEARS:
            self.fail(f"{value!r} is not between {YEARS[0]} and {YEARS[-1]}", param, ctx)
        return day


A_DAY = Day(["%Y-%m-%d"])
A_MOMENT = Day(["%Y-%m-%d", "%Y-%m-%d %H:%M"])


@cli.command()
@config_option
@click.option("--new-secret", is_flag=True, help="Make a new callback URL to paste at the vendor; the former one stays valid.")
@click.option("--access-log", is_flag=True, help="Write a line for each request, without secret and content, to stderr.")
def receive(config_path: str, new_secret: bool, access_log: bool) -> None:
    """Receive the vendor's callbacks and keep them, until Ctrl-C or SIGTERM.

    Each is on disk before it is answered. Of sync.toml only the section `receive` is needed, so that the receiver can stand
    on a machine of its own. Start with --new-secret: it prints the URL to paste at the vendor, and once more to change it.
    """
    settings = config.load(config_path, purpose="receive").receive
    if new_secret:
        secret = secret_file.new_secret(settings.secrets)
        show(Text(f"wrote {settings.secrets}; paste this at the vendor (parameters > API) as the callback URL:"), stderr=True)
        click.echo(secret_file.callback_url(settings, secret))
        show(Text("the former one stays valid until the next new one is made", style="dim"), stderr=True)
        return
    from sync_connector.events import serving  # the web server is not paid for by any other command

    listening = serving.sockets(settings)
    _log(logging.INFO if access_log else logging.WARNING)
    for listened in listening:
        address, port = listened.getsockname()[:2]
        show(f"receiving on {address}:{port}; Ctrl-C ends it", stderr=True)
    stopped_by = serving.serve(settings, listening)
    sys.exit(128 + stopped_by if stopped_by else 0)


def _log(level: int) -> None:
    """Our own log, and nobody else's, to stderr."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    ours = logging.getLogger("sync_connector")
    ours.addHandler(handler)
    ours.setLevel(level)


@cli.command()
@config_option
@json_option
@click.option("--every", type=click.IntRange(1, 86_400), metavar="SECONDS", help="Pull again and again, until Ctrl-C.")
def pull(config_path: str, as_json: bool, every: int | None) -> None:
    """Fetch new callbacks, find out whose they are, and write them into the CRM.

    What was fetched is safe before the receiver hears of it; what a sink does not take waits for the next pull.
    """
    settings = config.load(config_path, purpose="pull")
    with closing(_origin(settings)) as origin, ledger_of(settings, write=True) as ledger, Signals() as signals:
        scope = ledger.make_scope(*planning.scope_names(settings))
        while True:
            try:
                with progress_bars() as progress:
                    pulled = pulling.pull(settings, ledger, scope, origin, progress, signals.check)
            except (TryLater, AskPerson, sa.exc.OperationalError, sa.exc.InterfaceError) as failed:
                # The inbox, the ledger, or another pull that is at work: each may be over by the next time.
                if every is None:
                    raise
                show(Text(f"error: {failed if isinstance(failed, SyncError) else unanswered(failed)}", style="red"), stderr=True)
            else:
                if every is None or pulled.did_something:
                    _show_pulled(pulled, as_json=as_json)
                if every is None:
                    sys.exit(pulled.exit_code)
            _wait(every, signals)


def _origin(settings: Settings) -> Origin:
    """Where callbacks come from: the inbox, or the receiver on another machine."""
    if not settings.pull.url:
        from sync_connector.events.inbox import open_inbox

        return open_inbox(settings.receive.inbox.get_secret_value())
    from sync_connector.events.remote import RemoteInbox

    token = settings.pull.token.get_secret_value() if settings.pull.token else ""
    return RemoteInbox(settings.pull.url, token, settings.pull.ca)


def _wait(seconds: float, signals: Signals) -> None:
    """So long, or until a signal comes, which ends the command."""
    until = time.monotonic() + seconds
    while (left := until - time.monotonic()) > 0:
        signals.check()
        time.sleep(min(left, 0.2))
    signals.check()


def _show_pulled(pulled: pulling.Pulled, *, as_json: bool) -> None:
    if as_json:
        show_json(pulled.as_json())
    else:
        show(events_terminal.pull_summary(pulled.as_json()))
    for written in pulled.sinks:
        for fault in written.failed.faults if written.failed is not None else ():
            show(Text(f"error: sink {written.sink}: {fault}", style="red"), stderr=True)


@cli.command()
@config_option
@json_option
@click.option(
    "--kind", "kinds", multiple=True, type=click.Choice([kind.value for kind in Kind]), help="Only these; may be repeated."
)
@click.option("--number", help="Of this phone number, in any form.")
@click.option("--contact", metavar="KEY", help="Of this contact.")
@click.option("--since", type=A_MOMENT, help="From then on, in the account's time.")
@click.option("--until", type=A_MOMENT, help="Before then, in the account's time.")
@click.option("--unmatched", is_flag=True, help="Whose number no contact has.")
@click.option("--repeats", is_flag=True, help="Suspected to be the same as an earlier one.")
@click.option("--parked", is_flag=True, help="Refused by a sink.")
@click.option("--count", default=50, show_default=True, type=click.IntRange(1, 10_000), help="How many, newest first.")
def events(
    config_path: str,
    as_json: bool,
    kinds: tuple[str, ...],
    number: str | None,
    contact: str | None,
    since: datetime | None,
    until: datetime | None,
    unmatched: bool,
    repeats: bool,
    parked: bool,
    count: int,
) -> None:
    """List calls, qualifications, SMS and clicks, newest first."""
    settings = config.load(config_path)
    zone = ZoneInfo(settings.events.zone or "UTC")
    wanted = Wanted(
        kinds=kinds,
        phone_number=_e164(settings, number),
        contact=None if contact is None else storable(contact),
        since=since.replace(tzinfo=zone).astimezone(UTC) if since else None,
        until=until.replace(tzinfo=zone).astimezone(UTC) if until else None,
        unmatched=unmatched,
        repeats=repeats,
        parked=parked,
    )
    with ledger_of(settings) as ledger:
        rows = listed(ledger, scope_of(ledger, settings).account_id, wanted, count)
    if as_json:
        show_json(rows)
        return
    show(events_terminal.events_table(rows, zone.key, masked=number is None and contact is None))


def _e164(settings: Settings, number: str | None) -> str | None:
    if number is None:
        return None
    found = phone_number(number, settings.events.default_country)
    if found.e164 is None:
        raise FixSetup(f"--number: {number!r}: {found.reason}")
    return found.e164
