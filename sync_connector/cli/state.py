"""Care of the ledger: `state verify`, `state backup`, `state adopt`, `state forget`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import click
import sqlalchemy as sa
from rich.text import Text

from sync_connector import config, planning
from sync_connector.cli.frame import (
    Signals,
    cli,
    config_option,
    confirmed,
    full_option,
    json_option,
    ledger_of,
    progress_bars,
    show,
    show_json,
)
from sync_connector.cli.job import limits_of, show_plan
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup
from sync_connector.fields.phone import phone_number
from sync_connector.fields.spelling import Spellings
from sync_connector.ledger.keeping import kept
from sync_connector.model import Change
from sync_connector.report import state_terminal as drawn


@cli.group()
def state() -> None:
    """Look after the ledger: is it whole, keep a copy, take over from another connector, forget a person."""


def _must_be_there(settings: Settings) -> None:
    """Else a ledger that is misnamed would be an empty one, in which all is well. Raises `FixSetup`."""
    url = sa.make_url(settings.ledger.url.get_secret_value())
    if url.get_backend_name() == "sqlite" and not (url.database and Path(url.database).exists()):
        raise FixSetup(f"ledger.url: there is no ledger at {url.database or ':memory:'}; the first sync makes it")


@state.command()
@config_option
@json_option
def verify(config_path: str, as_json: bool) -> None:
    """Look whether the ledger is whole and adds up: the database's own checks, then ours. Reads only.

    Exit 0: all is well. Exit 1: something is wrong; each is told with what to do.
    """
    from sync_connector.ledger import care  # no other command needs it

    settings = config.load(config_path)
    _must_be_there(settings)
    with ledger_of(settings) as ledger:
        checks = care.verify(ledger)
    wrong = sum(len(check.wrong) for check in checks)
    if as_json:
        show_json({"ok": not wrong, "checks": [check.as_json() for check in checks]})
    else:
        show(drawn.checks_table([check.as_json() for check in checks]))
        show(Text("all is well", style="green") if not wrong else Text(f"{wrong:,} wrong", style="red"))
    if wrong:
        sys.exit(1)


@state.command()
@click.argument("file", type=click.Path(dir_okay=False))
@config_option
@json_option
def backup(file: str, config_path: str, as_json: bool) -> None:
    """Copy the ledger into the new FILE, consistent even while a sync or a pull is writing, and look whether the copy is whole.

    To restore: end everything that uses the ledger, delete its -wal and -shm files, and copy FILE to where it was. The next sync
    offers every contact again (with --approve: they count as changed), since what was edited after the copy may have been undone.
    Messages that were sent since are not known to it: do not run their campaigns again.

    A ledger in PostgreSQL is copied by the server's own pg_dump.
    """
    from sync_connector.ledger import copying  # no other command needs it

    settings = config.load(config_path)
    pages, size = copying.backup(settings.ledger.url.get_secret_value(), Path(file))
    if as_json:
        show_json({"file": file, "pages": pages, "bytes": size})
    else:
        show(Text(f"wrote {file}: {size / 1e6:,.1f} MB, {pages:,} pages, which is whole"))


@state.command()
@config_option
@json_option
@full_option
@click.option("--approve", is_flag=True, help="Pass the brakes, this once.")
@click.option("--yes", is_flag=True, help="Do not ask: adopt.")
def adopt(config_path: str, as_json: bool, full: bool, approve: bool, yes: bool) -> None:
    """Enter the source's contacts as being at the vendor already, and send nothing: for who comes from another connector.

    What a sync would send now is taken for accepted, by your word alone: whoever is not at the vendor is not sent until it
    changes in the CRM. First the plan is shown; it must be confirmed, or --yes be said. An edit from then on is an update.
    Contacts in doubt are taken for accepted as well.
    """
    from sync_connector import adopting  # no other command of a night needs it

    settings = config.load(config_path)
    with ledger_of(settings, write=True) as ledger:
        scope = ledger.make_scope(*planning.scope_names(settings))
        with kept(ledger, scope, "sync", lambda: ledger.renew(scope)):
            with progress_bars() as progress, Signals() as signals:
                made = planning.prepare(settings, ledger, scope, progress, signals.check, full=full, resend_unknown=True)
            with closing(made.spool):
                if not as_json:
                    show_plan(made, [])
                stopped = made.brakes(limits_of(settings)) + adopting.sent_before(ledger, made)
                if stopped and not approve:
                    raise AskPerson(*stopped, "nothing was adopted; `state adopt --approve` passes once")
                contacts = made.rows["to_send"]
                if contacts:
                    confirmed(f"take {contacts:,} contacts for sent?", yes=yes, nothing="nothing was adopted")
                with progress_bars() as progress, Signals() as signals:
                    done = adopting.adopt(ledger, made, progress, signals.check, Change.ADOPTED)
                if as_json:
                    show_json({"run": done.run, "adopted": done.contacts, **made.as_json()})
                    return
    show(Text(f"{done.contacts:,} contacts adopted: accepted in the ledger, nothing was sent", style="green"))


@state.command()
@click.argument("number")
@config_option
@json_option
@click.option("--opt-out", is_flag=True, help="Erase its opt-out as well: nothing here keeps it from getting messages then.")
@click.option("--yes", is_flag=True, help="Do not ask: erase.")
def forget(number: str, config_path: str, as_json: bool, opt_out: bool, yes: bool) -> None:
    """Erase the person with NUMBER from the ledger and the inbox, and look whether any trace is left.

    Erased are the contacts that have the number, wait for it, or hold it in a row that was not sent, with their verdicts,
    findings and corrections; calls, messages and callbacks. All accounts of the ledger are looked at, and nothing else may be
    at work. Who has opted out of messages stays so: of that the number alone is kept, since who said no must get none, also
    should the CRM bring the number again.

    Not erased is what is not ours: the contact in the CRM (the next full sync would send it anew), at the vendor (which
    cannot delete), in the tables and files of sinks, in backups, reports and sheets, and in the files and logs of a
    PostgreSQL server.
    An inbox behind a receiver on another machine forgets by itself after its `receive.keep` days.

    Exit 1: a trace is left, which is named.
    """
    from sync_connector import forgetting  # no command of a night needs it

    settings = config.load(config_path)
    _must_be_there(settings)
    understood = phone_number(number, settings.events.default_country)
    if understood.e164 is None:
        raise FixSetup(f"{number!r} is no number: {understood.reason}")
    spellings = Spellings(understood.e164)
    with ledger_of(settings, write=True) as ledger, forgetting.inbox_of(settings) as inbox, forgetting.alone(ledger) as accounts:
        found = forgetting.find(settings, ledger, inbox, spellings, opt_out=opt_out)
        told = found.as_json()
        if not as_json:
            show(drawn.person_table(understood.e164, told))
        confirmed(f"erase {understood.e164}?", yes=yes, nothing="nothing was erased")
        done = forgetting.erase(ledger, inbox, spellings, accounts, found, opt_out=opt_out)
        traces = forgetting.left(ledger, inbox, spellings, opt_out=opt_out)
    told = done.as_json() | {"number": understood.e164, "traces": traces, "inbox_elsewhere": settings.pull.url or None}
    told["opt_out_kept"] = done.person.opted_out and not opt_out
    if as_json:
        show_json(told)
    else:
        show(drawn.forgotten(told))
    if traces:
        sys.exit(1)
