"""Trying it out: `sandbox`, `demo`."""

from __future__ import annotations

import os
import random
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
from rich.text import Text

from sync_connector.cli.frame import cli, console, show
from sync_connector.config import VARIABLE
from sync_connector.crm_sql import is_zone
from sync_connector.errors import FixSetup, TryLater
from sync_connector.sandbox.faults import KINDS, Faults, Step, from_file, from_options

INVENTED = [f"+33612345{ending:03d}" for ending in range(200)]
"""Numbers that call where no sandbox holds contacts."""


def _told_of_faults() -> str:
    """What `--help` says about faults."""
    lines = []
    for name, kind in KINDS.items():
        word = f"{name}={kind.value}" if kind.value and kind.usual is None else f"{name}[={kind.value}]" if kind.value else name
        usual = f"; {kind.usual}, if left out" if kind.usual else ""
        lines.append(f"  {word:<20} {kind.told}{usual}{'' if kind.taken else ' (nothing taken)'}")
    return (
        "Faults: where nothing else is said, the vendor takes what was sent, whatever becomes of the answer.\n\n\b\n"
        + "\n".join(lines)
        + '\n\nA schedule is a list of [[steps]], each with fault = "NAME=VALUE" and, if you like, after = 10 and for = 5 '
        '(requests), share = 0.3, and of = "contacts", "messages" or "calls".'
    )


@cli.command(epilog=_told_of_faults())
@click.option("--port", default=8025, show_default=True, type=click.IntRange(0, 65535), help="0 takes a free port.")
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--callback", metavar="URL", help="Call back to this URL. '${NAME}' stands for a variable.")
@click.option("--events", "count", type=click.IntRange(1), help="With --callback: make up so many callbacks, then end.")
@click.option(
    "--cut",
    default=0.0,
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    help="Of the requests that send messages or call, take this share (0 to 1) and cut the connection before the answer.",
)
@click.option(
    "--fault",
    "wanted",
    multiple=True,
    metavar="NAME[=VALUE][@SHARE]",
    help="A share (0 to 1; all, if left out) of the requests meets this fault; of several the first counts. Can be repeated.",
)
@click.option("--faults", "schedule", metavar="FILE", help="A schedule of faults, behind those of --fault (TOML).")
@click.option("--tls-cert", metavar="FILE", help="Serve https with this certificate (PEM), trusted or not.")
@click.option("--tls-key", metavar="FILE", help="The certificate's key (PEM).")
@click.option("--seed", default=1, show_default=True, help="Another seed makes other callbacks, and other requests meet faults.")
@click.option("--zone", default="Europe/Paris", show_default=True, help="The account's time zone.")
def sandbox(
    port: int,
    host: str,
    callback: str | None,
    count: int | None,
    cut: float,
    wanted: tuple[str, ...],
    schedule: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    seed: int,
    zone: str,
) -> None:
    """Be the vendor on this machine, both generations of its API, until Ctrl-C.

    It accepts the login and password of the environment variables SANDBOX_LOGIN and SANDBOX_PASSWORD, by default
    demo@example.com and sandbox, and for SMS and calls the key of SANDBOX_ACCESS_KEY, by default the password.
    GET /_sandbox/contacts, /_sandbox/messages, /_sandbox/calls and /_sandbox/requests look at it, DELETE /_sandbox resets it.

    With --callback it also calls back about what is sent to it, within seconds: messages are sent, received, clicked on and
    answered, calls are made and noted.

    With --callback and --events it serves nothing, but makes up so many callbacks and ends: calls, qualifications, SMS and clicks
    of the contacts that a sandbox on that port holds, in both generations, with repeats, disorder and nonsense, as it happens.

    With --fault and --faults requests go wrong, of contacts, messages and calls alike. What they are is below.
    """
    if not is_zone(zone) or zone == "unix":
        raise FixSetup(f"--zone: {zone!r} is no time zone; write one like Europe/Paris")
    shown = f"[{host}]" if ":" in host else host
    if (tls_cert is None) != (tls_key is None):
        raise FixSetup("--tls-cert and --tls-key belong together: give both")
    if count is None:
        faults = Faults(_steps(wanted, schedule), seed)
        tls = (tls_cert, tls_key) if tls_cert and tls_key else None
        _serve(host, shown, port, callback and _address(callback), cut, faults, tls, ZoneInfo(zone))
    elif callback is None:
        raise FixSetup("--events makes up callbacks: say with --callback URL where they go")
    elif cut or wanted or schedule or tls_cert:
        word = "--cut" if cut else "--fault" if wanted else "--faults" if schedule else "--tls-cert"
        raise FixSetup(f"{word} is of requests, and with --events none are served; leave one of the two out")
    else:
        _make_up(f"http://{shown}:{port}", _address(callback), count, seed, ZoneInfo(zone))


def _address(callback: str) -> str:
    url = VARIABLE.sub(lambda match: os.environ.get(match["name"]) or match["default"] or "", callback)
    if not url:
        raise FixSetup(f"--callback: the environment variable in {callback} is not set")
    return url


def _steps(wanted: Sequence[str], schedule: str | None) -> tuple[Step, ...]:
    """The faults of the options, then those of the file; what is wrong with either is told at once."""
    steps: tuple[Step, ...] = ()
    wrong: list[str] = []
    try:
        steps += from_options(wanted)
    except FixSetup as fault:
        wrong += fault.faults
    try:
        steps += from_file(schedule) if schedule else ()
    except FixSetup as fault:
        wrong += fault.faults
    if wrong:
        raise FixSetup(*wrong)
    return steps


def _serve(
    host: str,
    shown: str,
    port: int,
    callback: str | None,
    cut: float,
    faults: Faults,
    tls: tuple[str, str] | None,
    zone: ZoneInfo,
) -> None:
    from sync_connector.sandbox import ringing, serve  # the web server is not needed, nor paid for, by any other command
    from sync_connector.sandbox.app import Vendor

    login, password = os.environ.get("SANDBOX_LOGIN", "demo@example.com"), os.environ.get("SANDBOX_PASSWORD", "sandbox")
    vendor = Vendor(login, password, os.environ.get("SANDBOX_ACCESS_KEY", ""), cut, chance=random.Random(faults.seed))  # noqa: S311
    vendor.faults = faults
    with ExitStack() as open_:
        if callback:
            vendor.follow = follower = open_.enter_context(ringing.following(callback, seed=faults.seed, zone=zone))
            open_.callback(lambda: show(f"called back: {_counted(follower.answers) or 'nothing yet'}"))
        listening = serve.bound(host, port)
        open_.callback(listening.close)
        click.echo(f"sandbox on http{'s' if tls else ''}://{shown}:{listening.getsockname()[1]}  (login {login}; Ctrl-C ends it)")
        click.echo("insim-v1 is under /api/v1; what it holds: /_sandbox/contacts, /_sandbox/messages, /_sandbox/requests")
        if callback:
            click.echo("it calls back about what is sent to it")
        if faults.steps:
            click.echo(f"requests meet faults: {', '.join(dict.fromkeys(step.name for step in faults.steps))}")
        serve.serve(vendor, listening, serve.Tls(*tls) if tls else None)


def _counted(answers: Mapping[str, int]) -> str:
    return ", ".join(f"{number:,} × {answer}" for answer, number in sorted(answers.items()))


def _make_up(address: str, url: str, count: int, seed: int, zone: ZoneInfo) -> None:
    from sync_connector.sandbox import callbacks, ringing

    numbers = _numbers_held(address)
    if numbers:
        show(Text(f"{len(numbers):,} contacts are at the sandbox on {address}: they call, and strangers"))
    else:
        show(Text(f"no sandbox with contacts on {address}: invented numbers call"))
    made = callbacks.make(count, seed=seed, numbers=numbers or INVENTED, now=datetime.now(UTC), zone=zone)
    rung = ringing.ring(url, made)
    whats = ", ".join(f"{number:,} {what}" for what, number in sorted(rung.whats.items()))
    show(f"{rung.sent:,} callbacks: {whats}")
    show(f"answered: {_counted(rung.answers)}")
    if set(rung.answers) != {"200"}:
        raise TryLater("not each callback was answered 200: see `sync-connector receive` for the reason")


def _numbers_held(address: str) -> list[str]:
    """The numbers of the contacts that a sandbox holds, if there is one."""
    import httpx

    try:
        return [contact["phone_number"] for contact in httpx.get(f"{address}/_sandbox/contacts", timeout=2).json()]
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return []


@cli.command()
@click.option("--folder", default="demo", show_default=True, type=click.Path(file_okay=False), help="Where to work.")
def demo(folder: str) -> None:
    """See the whole job in a few seconds, offline: plan, sync, nothing to do, an edit, messages, and what comes back."""
    from sync_connector import demo as story  # it needs the web server

    story.run(Path(folder), console(), _invoke)


def _invoke(arguments: list[str]) -> int:
    """Run a command of ours in this process, as the demo does; its exit code."""
    try:
        code: Any = cli.main(args=arguments, prog_name="sync-connector", standalone_mode=False)
    except click.exceptions.Exit as exit_:
        return exit_.exit_code
    except SystemExit as exit_:
        return int(exit_.code or 0)
    return int(code or 0) if isinstance(code, int) else 0
