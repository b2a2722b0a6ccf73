"""Looking back: `runs`, `explain`."""

from __future__ import annotations

import sys

import click
from rich.text import Text

from sync_connector import config, explaining
from sync_connector.cli.frame import cli, config_option, json_option, ledger_of, scope_of, show, show_json
from sync_connector.dialects._callback import storable
from sync_connector.ledger import history
from sync_connector.report import events_terminal, messages_terminal, terminal
from sync_connector.report.mask import visible


@cli.command()
@config_option
@json_option
@click.option("--count", default=20, show_default=True, help="How many, newest first.")
@click.option("--stale", is_flag=True, help="List the numbers that are stale at the vendor instead.")
def runs(config_path: str, as_json: bool, count: int, stale: bool) -> None:
    """List the last runs, or the numbers that the vendor still has and no contact uses any more."""
    settings = config.load(config_path)
    with ledger_of(settings) as ledger:
        scope = scope_of(ledger, settings)
        numbers = ledger.stale(scope) if stale else []
        listed = [] if stale else history.recent_runs(ledger, scope, count)
    if as_json:
        show_json([number._asdict() for number in numbers] if stale else listed)
    elif stale:
        for number in numbers:
            show(Text(f"{number.phone_number}  {visible(number.key)}  ({number.why})"))
        if not numbers:
            show("no number is stale at the vendor")
    else:
        show(terminal.runs_table(listed))


@cli.command()
@click.argument("contact")
@config_option
@json_option
def explain(contact: str, config_path: str, as_json: bool) -> None:
    """Tell one contact's whole story. CONTACT is its key in the CRM, or a phone number in any form."""
    settings = config.load(config_path)
    with ledger_of(settings) as ledger:
        told = explaining.explain(settings, ledger, scope_of(ledger, settings), storable(contact))
    if as_json:
        show_json(told)
    else:
        show(terminal.story(told))
        if told["messages"]:
            show(messages_terminal.story_messages(told["messages"], settings.events.zone or "UTC"))
        if told["events"]:
            show(events_terminal.story_events(told["events"], settings.events.zone or "UTC"))
    if not any(told[part] for part in ("contacts", "rows", "messages", "events")):
        sys.exit(2)
