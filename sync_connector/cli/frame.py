"""What every command shares: how it prints, how it fails, and what it is given.

Results go to stdout, progress and faults to stderr. A fault that a user can mend is a sentence and an exit code, never a
traceback.
"""

from __future__ import annotations

import os
import signal
import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import click
import orjson
import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from sync_connector import __version__, planning
from sync_connector.config import Settings
from sync_connector.errors import AskPerson, FixSetup, OutOfTime, Stopped, SyncError
from sync_connector.ledger import soundness
from sync_connector.ledger.store import Ledger, Scope, open_ledger
from sync_connector.report import mask, terminal
from sync_connector.sources._text import forget_stdin


def console(*, stderr: bool = False) -> Console:
    """As wide as the terminal, or as a log should be. No text that is printed on it steers it."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 110)
    made.push_render_hook(terminal.Harmless())
    return made


def show(what: Any, *, stderr: bool = False) -> None:
    """Print something that rich can draw."""
    # A sentence is left in one piece: a terminal wraps it, and a log can be searched for it.
    console(stderr=stderr).print(what, soft_wrap=isinstance(what, str | Text))


def show_json(what: object, *, stderr: bool = False) -> None:
    """Print one JSON object. What in a text would steer a terminal is written as JSON's escapes: to a program it is the same."""
    text = orjson.dumps(what, option=orjson.OPT_INDENT_2).decode()
    click.echo(mask.STEERING.sub(lambda match: f"\\u{ord(match[0]):04x}", text), err=stderr)


def unanswered(fault: sa.exc.DBAPIError) -> str:
    """What to say of a ledger that does not answer."""
    words = str(fault.orig).strip().splitlines() or [type(fault.orig).__name__]
    return f"the ledger does not answer: {words[0]}; nothing is lost, run it again"


def _visible(sentence: str) -> str:
    """A sentence that may name a file or repeat a cell: nothing in it steers the terminal; its lines stay."""
    return "\n".join(map(mask.visible, sentence.split("\n")))


class Command(click.Group):
    """A group whose commands end in an exit code and a sentence, never in a traceback for what a user can mend."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what it raises decides the exit code."""
        try:
            return super().invoke(ctx)
        except (Stopped, OutOfTime) as stopped:
            show(Text(str(stopped), style="yellow"), stderr=True)
            ctx.exit(stopped.exit_code)
        except AskPerson as brake:
            for fault in brake.faults:
                show(Text(f"brake: {_visible(fault)}", style="yellow"), stderr=True)
            ctx.exit(brake.exit_code)
        except SyncError as error:
            for fault in error.faults:
                show(Text(f"error: {_visible(fault)}", style="red"), stderr=True)
            ctx.exit(error.exit_code)
        except (sa.exc.OperationalError, sa.exc.InterfaceError) as fault:  # other rooms have sentences of their own
            refused = soundness.refusal(fault.orig)
            said = str(refused) if isinstance(refused, FixSetup) else unanswered(fault)
            show(Text(f"error: {_visible(said)}", style="red"), stderr=True)
            ctx.exit(refused.exit_code)
        except (sa.exc.DatabaseError, sqlite3.DatabaseError) as fault:  # met in the middle: what was read so far was whole
            told = soundness.refusal(fault.orig if isinstance(fault, sa.exc.DatabaseError) else fault)
            if isinstance(fault, sa.exc.DatabaseError) and not isinstance(told, FixSetup):
                raise  # a statement that is wrong is a fault of ours
            show(Text(f"error: {_visible(str(told))}", style="red"), stderr=True)
            ctx.exit(told.exit_code)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        finally:
            forget_stdin()


config_option = click.option("--config", "config_path", default="sync.toml", show_default=True, help="The configuration file.")
full_option = click.option("--full", is_flag=True, help="Read every contact, where otherwise only changes would be read.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object instead of text.")
singer_option = click.option(
    "--singer", "tap", metavar="-|FILE", help="Read a Singer tap's messages (- is standard input) instead of the source."
)

resubmit_option = click.option(
    "--resubmit",
    "sheet",
    type=click.Path(exists=True, dir_okay=False),
    help="A sheet of `rejects` whose rows were mended: they lie over the CRM's own.",
)


resend_option = click.option(
    "--resend-unknown", is_flag=True, help='This once, send the contacts in doubt that source.on_unknown = "hold" keeps back.'
)


@click.group(cls=Command, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="sync-connector")
def cli() -> None:
    """Keep a company's CRM and its Ardary / inSIM telephony telling the same story.

    Contacts are read from a CRM's export, made clean, compared with what was sent before, and sent in batches; only
    what changed is ever sent again. Start with:  sync-connector demo

    \b
    Exit codes: 0 finished   1 failed, run it again   2 configuration is wrong
                3 the vendor refused some contacts or left some unknown, now or (held in doubt) before,
                  or the hour of --until came
                4 a brake stopped the run before it sent anything
    """


@contextmanager
def ledger_of(settings: Settings, *, write: bool = False) -> Iterator[Ledger]:
    """The ledger, open while the block runs."""
    with closing(open_ledger(settings.ledger.url.get_secret_value(), write=write)) as ledger:
        yield ledger


def scope_of(ledger: Ledger, settings: Settings) -> Scope:
    """The part of the ledger that the settings are about."""
    return ledger.scope(*planning.scope_names(settings))


def confirmed(question: str, *, yes: bool, nothing: str = "nothing was sent") -> None:
    """Ask, where there is somebody to be asked. Raises `AskPerson`, which says that `nothing` was done, where the answer is not
    yes."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise AskPerson(f"{nothing}: it must be confirmed on a terminal, or by --yes")
    try:
        said = click.confirm(question, default=False, err=True)
    except click.Abort:  # Ctrl-C, or the end of what was typed
        click.echo(err=True)
        said = False
    if not said:
        raise AskPerson(nothing)


class Signals:
    """SIGTERM and Ctrl-C ask a run to stop; a second one ends it at once."""

    def __init__(self) -> None:
        self.number = 0

    def __enter__(self) -> Signals:
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
def progress_bars() -> Iterator[Any]:
    """Progress on stderr, if that is a terminal."""
    with terminal.ProgressBars(console(stderr=True)) as bars:
        yield bars
