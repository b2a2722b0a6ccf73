"""Words → functions → exit codes. The only room that prints: results to stdout, progress and faults to stderr.

Exit codes: 0 finished · 1 failed, run it again · 2 usage, configuration or mapping · 3 the vendor refused some contacts
or left some unknown · 4 a brake · 130, 143 stopped by a signal after the batches in flight.
"""

from __future__ import annotations

import functools
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import click
import orjson
from rich.console import Console
from rich.text import Text

from sync_connector import __version__, config, explaining, mapping, pipeline, planfile, planning, recognition, sources, starting
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup, Stopped, SyncError
from sync_connector.flow.brakes import Limits
from sync_connector.flow.resolve import Outcome
from sync_connector.ledger import history
from sync_connector.ledger.store import Ledger, Scope, open_ledger
from sync_connector.model import Contact
from sync_connector.report import terminal
from sync_connector.report.mask import visible
from sync_connector.sources import singer
from sync_connector.sources._text import forget_stdin
from sync_connector.watermark import Watermark

SHOWN_REJECTS = 8
SHOWN_SAMPLES = 5


def _console(*, stderr: bool = False) -> Console:
    return Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 110)


def _print(what: Any, *, stderr: bool = False) -> None:
    # A sentence is left in one piece: a terminal wraps it, and a log can be searched for it.
    _console(stderr=stderr).print(what, soft_wrap=isinstance(what, str | Text))


def _print_json(what: object, *, stderr: bool = False) -> None:
    click.echo(orjson.dumps(what, option=orjson.OPT_INDENT_2).decode(), err=stderr)


class _Command(click.Group):
    """A group whose commands end in an exit code and a sentence, never in a traceback for what a user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except Stopped as stopped:
            _print(Text(str(stopped), style="yellow"), stderr=True)
            ctx.exit(stopped.exit_code)
        except AskPerson as brake:
            for fault in brake.faults:
                _print(Text(f"brake: {fault}", style="yellow"), stderr=True)
            ctx.exit(brake.exit_code)
        except SyncError as error:
            for fault in error.faults:
                _print(Text(f"error: {fault}", style="red"), stderr=True)
            ctx.exit(error.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        finally:
            forget_stdin()


_config = click.option("--config", "config_path", default="sync.toml", show_default=True, help="The configuration file.")
_full = click.option("--full", is_flag=True, help="Read every contact, where otherwise only changes would be read.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
_singer = click.option(
    "--singer", "tap", metavar="-|FILE", help="Read a Singer tap's messages (- is standard input) instead of the source."
)


@click.group(cls=_Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sync-connector")
def cli() -> None:
    """Keep a company's CRM and its Ardary / inSIM telephony telling the same story.

    Contacts are read from a CRM's export, made clean, compared with what was sent before, and sent in batches; only
    what changed is ever sent again. Start with:  sync-connector demo

    \b
    Exit codes: 0 finished   1 failed, run it again   2 configuration is wrong
                3 the vendor refused some contacts or left some unknown
                4 a brake stopped the run before it sent anything
    """


# --- setting up ------------------------------------------------------------------------------------------------------


@cli.command()
@click.argument("contacts")
@click.option("--config", "config_path", default="sync.toml", show_default=True, help="The file to write.")
@click.option("--country", default="FR", show_default=True, metavar="CODE", help="Country of numbers written without one.")
@click.option("--mapping", "wanted", help="Use this mapping instead of the one recognized.")
@click.option("--query", default="", help="For a database: a file with the SELECT that gives the contacts.")
@click.option("--encoding", help="Of a text file, where it is not found out (cp932, …).")
@click.option("--delimiter", help="Of a text file, where it is not found out.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(
    contacts: str,
    config_path: str,
    country: str,
    wanted: str | None,
    query: str,
    encoding: str | None,
    delimiter: str | None,
    force: bool,
) -> None:
    """Recognize the CRM behind CONTACTS, and write a sync.toml that runs as it is.

    CONTACTS is a file that it exported, or its database: postgresql://user@host/name, mysql://…, sqlite:///file. A URL with
    a password belongs into a variable: sync-connector init '${CRM_URL}'.
    """
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise FixSetup(f"--country: {country!r} is not a two-letter country code; write FR")
    place = starting.place(contacts, os.environ, Path(config_path).parent, query=query, encoding=encoding, delimiter=delimiter)
    source, described, fits, advice = starting.recognized(place.source)
    place = place._replace(source=source)
    if wanted is not None:
        mapping.load(wanted)
        advice = []
        fits = [fit for fit in fits if fit.name == wanted] or [recognition.Recognition(wanted, wanted, 0, "chosen by hand")]
    best = fits[0]
    starting.write_config(Path(config_path), place, best, country.upper(), force=force)
    for sentence in described:
        _print(Text(sentence, style="dim"))
    _print(Text.assemble("mapping ", (best.name, "bold green"), f": {best.why}"))
    for other in fits[1:3]:
        _print(Text(f"  or {other.name}: {other.why}", style="dim"))
    for sentence in advice:
        _print(Text(sentence, style="yellow"))
    _print(Text.assemble("wrote ", (config_path, "bold"), "; next, with ARDARY_LOGIN and ARDARY_PASSWORD set:"))
    suffix = "" if config_path == "sync.toml" else f" --config {config_path}"
    _print(f"  sync-connector plan{suffix}      what would be sent\n  sync-connector sync{suffix}      send it")


@cli.command()
@_config
@_json
def check(config_path: str, as_json: bool) -> None:
    """Look at configuration, mapping, source and ledger without sending anything."""
    settings = config.load(config_path, purpose="send")
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    with _ledger(settings) as ledger:
        states = ledger.states(_scope(ledger, settings))
    unused = [header for header in source.headers() if header not in binding.used]
    phones = [column.value for column in binding.phone]
    roles = {"key": binding.key, "key_otherwise": binding.key_otherwise, "phone": phones, "first_name": binding.first_name}
    roles |= {"last_name": binding.last_name, "full_name": binding.full_name, "email": binding.email, "adress": binding.adress}
    roles |= {"adress_otherwise": binding.adress_otherwise, "country": binding.country, "postcode": binding.postcode}
    roles |= {"modified": binding.modified, "deleted": [header for header, _, _ in binding.deleted]}
    otherwise = {"key_otherwise", "adress_otherwise"}  # told to people only where a mapping has them
    _, host, name = planning.scope_names(settings)
    if as_json:
        _print_json({"source": name, "host": host, "columns": roles, "unused": unused, "contacts_in_ledger": states})
        return
    for sentence in source.describe():
        _print(Text(sentence, style="dim"))
    for role, headers in roles.items():
        if headers or role not in otherwise:
            shown = ", ".join(headers) if headers else "—"
            _print(Text.assemble((f"{role.replace('_otherwise', ', else'):>12}  ", "bold"), (shown, "" if headers else "dim")))
    if unused:
        _print(Text(f"      unused  {', '.join(unused)}", style="dim"))
    known = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "empty: the first run sends everything"
    _print(f"ledger: {known}")
    _print(Text(f"ready to sync source {name!r} with {host} ({settings.vendor.dialect})", style="green"))


@cli.command()
@click.argument("name", required=False)
@_json
def mappings(name: str | None, as_json: bool) -> None:
    """List the CRMs that are known, or show one mapping. NAME is one of them, or the path of a file of yours.

    A mapping of your own is checked by this as well: every fault is listed with its line.
    """
    if name is None:
        listed = [mapping.shown(one) for one in mapping.names()]
        _print_json(listed) if as_json else _print(terminal.mappings_table(listed))
    else:
        one = mapping.shown(name)
        _print_json(one) if as_json else _print(terminal.mapping_shown(one))


# --- the job ---------------------------------------------------------------------------------------------------------


@contextmanager
def _ledger(settings: Settings, *, write: bool = False) -> Iterator[Ledger]:
    with closing(open_ledger(settings.ledger.url.get_secret_value(), write=write)) as ledger:
        yield ledger


def _scope(ledger: Ledger, settings: Settings) -> Scope:
    return ledger.scope(*planning.scope_names(settings))


def _account(settings: Settings) -> str:
    login, host, source = planning.scope_names(settings)
    return f"{login} at {host}, source {source}"


def _limits(settings: Settings) -> Limits:
    return Limits(settings.brakes.gone, settings.brakes.changed, settings.brakes.rejected)


class _Signals:
    """SIGTERM and Ctrl-C ask a run to stop; a second one ends it at once."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> _Signals:
        self._before = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _frame: object) -> None:
        if self.number:
            os._exit(128 + number)
        self.number = number

    def check(self) -> None:
        """Raise `Stopped` if there was one."""
        if self.number:
            raise Stopped(self.number)


@contextmanager
def _progress() -> Iterator[Any]:
    with terminal.ProgressBars(_console(stderr=True)) as bars:
        yield bars


@cli.command()
@_config
@_json
@_full
@_singer
@click.option("--out", type=click.Path(dir_okay=False), help="Write the plan to this file, for review and `sync --apply`.")
def plan(config_path: str, as_json: bool, full: bool, tap: str | None, out: str | None) -> None:
    """Show what a sync would send. Writes nothing to the ledger, sends nothing."""
    begun = time.monotonic()
    settings = config.load(config_path, source=_tapped(tap))
    with _ledger(settings) as ledger:
        with _progress() as progress, _Signals() as signals:
            made = planning.prepare(settings, ledger, _scope(ledger, settings), progress, signals.check, full=full)
        with closing(made.spool):
            if out:
                planfile.write(Path(out), made, ledger, _account(settings))
            stopped = made.brakes(_limits(settings))
            if as_json:
                cost = {"seconds": round(time.monotonic() - begun, 3), "peak_rss_mb": pipeline.peak_rss_mb()}
                _print_json(made.as_json() | {"brakes": stopped} | cost)
                return
            _show_plan(made, stopped)
            if out:
                _print(Text(f"\nwrote {out}; after review: sync-connector sync --apply {out}"))


def _show_plan(made: planning.Plan, stopped: list[str]) -> None:
    _print(terminal.rows_table(made.rows, {"create": made.creates, "update": made.updates}))
    for line in terminal.reading_lines(made.as_json()):
        _print(line)
    if made.gone or made.unsure:
        _print(f"{len(made.gone):,} known contacts are no longer in the source")
    if made.unsure:
        _print(Text(f"{made.unsure:,} more may only be missing because their row could not be read", style="dim"))
    for line in terminal.codes_lines(made.codes, made.mended):
        _print(line)
    samples = [(change, contact) for change, contact in planfile.sample(made, SHOWN_SAMPLES) if isinstance(contact, Contact)]
    if samples:
        _print("")
        _print(terminal.samples_table([(change.value, contact) for change, contact in samples]))
    _show_rejects(made)
    for sentence in stopped:
        _print(Text(f"brake: {sentence}", style="yellow"))
    if stopped:
        _print(Text("a sync would stop here; `sync --approve` passes once", style="yellow"))


def _show_rejects(made: planning.Plan) -> None:
    samples = []
    for piece in made.extraction.set_aside:
        samples.append(("", piece.place.line, pipeline.unreadable(piece)))
        if len(samples) >= SHOWN_REJECTS:
            break
    for outcome, owner, candidate in made.candidates(Outcome.REJECTED, Outcome.DUPLICATE_KEY, Outcome.SHARED_REJECTED):
        if len(samples) >= SHOWN_REJECTS:
            break
        finding = next(f for f in pipeline.findings_of(outcome, owner, candidate) if f.severity == "reject")
        samples.append((candidate.key, candidate.place.line, finding))
    samples.sort(key=lambda sample: sample[1])
    if samples:
        _print("")
        _print(terminal.rejects_table(samples, made.rows["rejected"] - len(samples)))


@cli.command()
@_config
@_json
@_singer
@click.option("--apply", "apply_path", type=click.Path(dir_okay=False), help="Send exactly what this plan says, or refuse.")
@click.option("--approve", is_flag=True, help="Pass the brakes, this once.")
@_full
def sync(config_path: str, as_json: bool, tap: str | None, apply_path: str | None, approve: bool, full: bool) -> None:
    """Send what changed since the last sync, and record the vendor's verdict on each contact.

    With --singer, stdout is the tap's: it gets the last STATE of which every record before it is settled, if there is one,
    and nothing else. The result goes to stderr.
    """
    begun = time.monotonic()
    settings = config.load(config_path, purpose="send", source=_tapped(tap))
    with _ledger(settings, write=True) as ledger, _Signals() as signals:
        result = _run(settings, ledger, signals, begun, apply_path=apply_path, approve=approve, full=full)
    shown = result.as_json()
    if as_json:
        _print_json(shown, stderr=_of_a_tap(settings))
    else:
        _show_result(result, shown, stderr=_of_a_tap(settings))
    if result.tally.refused or result.tally.unknown:
        sys.exit(3)


def _tapped(tap: str | None) -> dict[str, str] | None:
    """The source's settings that `--singer` stands for; a path on the command line is seen from where the user is."""
    return None if tap is None else {"type": "singer", "path": tap if tap == "-" else os.path.abspath(tap)}


def _of_a_tap(settings: Settings) -> bool:
    return settings.source.type == "singer"


def _give_state_back(settings: Settings, made: planning.Plan, watermark: Watermark) -> None:
    """Tell who runs the tap how far it need not read again; nothing where no STATE is true."""
    state = singer.last_state(settings.source, watermark.first_unsettled(made))
    if state is not None:
        click.echo(state)


def _run(
    settings: Settings,
    ledger: Ledger,
    signals: _Signals,
    begun: float,
    *,
    apply_path: str | None,
    approve: bool,
    full: bool,
) -> pipeline.Result:
    scope = ledger.make_scope(*planning.scope_names(settings))
    with _progress() as progress, ledger.lease(scope):
        last_renewal = time.monotonic()

        def check() -> None:
            nonlocal last_renewal
            signals.check()
            if time.monotonic() - last_renewal > 20:
                ledger.renew(scope)
                last_renewal = time.monotonic()

        made = planning.prepare(settings, ledger, scope, progress, check, full=full)
        with closing(made.spool):
            if apply_path is not None:
                planfile.check(Path(apply_path), made, _account(settings))
            stopped = made.brakes(_limits(settings))
            if stopped and not approve:
                raise AskPerson(*stopped, "nothing was sent; look at `sync-connector plan`, and `sync --approve` passes once")
            watermark = Watermark() if _of_a_tap(settings) else None
            try:
                return pipeline.execute(settings, ledger, made, progress, lambda: signals.number, begun, watermark=watermark)
            finally:
                if watermark is not None:
                    _give_state_back(settings, made, watermark)


def _show_result(result: pipeline.Result, shown: dict[str, Any], *, stderr: bool = False) -> None:
    show = functools.partial(_print, stderr=stderr)
    show(terminal.rows_table(shown["rows"], shown["changes"], before=False))
    for line in terminal.reading_lines(shown):
        show(line)
    show(terminal.verdicts_line(shown["verdicts"], shown["posts"]))
    for line in terminal.codes_lines(result.plan.codes, result.plan.mended):
        show(line)
    if shown["gone"]:
        show(f"{shown['gone']:,} contacts left the source in this run")
    if shown["stale_at_vendor"]:
        show(
            f"{shown['stale_at_vendor']:,} numbers are stale at the vendor, which cannot delete them: sync-connector runs --stale"
        )
    if result.tally.refused or result.tally.unknown:
        show(Text("refused and unknown contacts are offered again by the next run", style="yellow"))
    show(Text(f"run {shown['run']} finished in {shown['seconds']:.1f} s, {shown['peak_rss_mb']:.0f} MB at most", style="dim"))


# --- looking back ----------------------------------------------------------------------------------------------------


@cli.command()
@_config
@_json
@click.option("--count", default=20, show_default=True, help="How many, newest first.")
@click.option("--stale", is_flag=True, help="List the numbers that are stale at the vendor instead.")
def runs(config_path: str, as_json: bool, count: int, stale: bool) -> None:
    """List the last runs, or the numbers that the vendor still has and no contact uses any more."""
    settings = config.load(config_path)
    with _ledger(settings) as ledger:
        scope = _scope(ledger, settings)
        numbers = ledger.stale(scope) if stale else []
        listed = [] if stale else history.recent_runs(ledger, scope, count)
    if as_json:
        _print_json([number._asdict() for number in numbers] if stale else listed)
    elif stale:
        for number in numbers:
            _print(Text(f"{number.phone_number}  {visible(number.key)}  ({number.why})"))
        if not numbers:
            _print("no number is stale at the vendor")
    else:
        _print(terminal.runs_table(listed))


@cli.command()
@click.argument("contact")
@_config
@_json
def explain(contact: str, config_path: str, as_json: bool) -> None:
    """Tell one contact's whole story. CONTACT is its key in the CRM, or a phone number in any form."""
    settings = config.load(config_path)
    with _ledger(settings) as ledger:
        told = explaining.explain(settings, ledger, _scope(ledger, settings), contact)
    if as_json:
        _print_json(told)
    else:
        _print(terminal.story(told))
    if not told["contacts"] and not told["rows"]:
        sys.exit(2)


# --- trying it out ---------------------------------------------------------------------------------------------------


@cli.command()
@click.option("--port", default=8025, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--host", default="127.0.0.1", show_default=True)
def sandbox(port: int, host: str) -> None:
    """Be the vendor on this machine, both generations of its API, until Ctrl-C.

    It accepts the login and password of the environment variables SANDBOX_LOGIN and SANDBOX_PASSWORD, by default
    demo@example.com and sandbox. GET /_sandbox/contacts and /_sandbox/requests look at it, DELETE /_sandbox resets it.
    """
    from sync_connector.sandbox import serve  # the web server is not needed, nor paid for, by any other command
    from sync_connector.sandbox.app import Vendor

    login, password = os.environ.get("SANDBOX_LOGIN", "demo@example.com"), os.environ.get("SANDBOX_PASSWORD", "sandbox")
    listening = serve.bound(host, port)
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"sandbox on http://{shown}:{listening.getsockname()[1]}  (login {login}; Ctrl-C ends it)")
    click.echo("insim-v1 is under /api/v1; what it holds: /_sandbox/contacts, /_sandbox/requests")
    serve.serve(Vendor(login, password), listening)


@cli.command()
@click.option("--folder", default="demo", show_default=True, type=click.Path(file_okay=False), help="Where to work.")
def demo(folder: str) -> None:
    """See the whole job in a few seconds, offline: plan, sync, nothing to do, an edit, and what the vendor has."""
    from sync_connector import demo as story  # it needs the web server

    story.run(Path(folder), _console(), _invoke)


def _invoke(arguments: list[str]) -> int:
    """Run a command of ours in this process, as the demo does; its exit code."""
    try:
        code: Any = cli.main(args=arguments, prog_name="sync-connector", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return int(code or 0) if isinstance(code, int) else 0
