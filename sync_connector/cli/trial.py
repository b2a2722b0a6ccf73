"""Trying it out: `sandbox`, `demo`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from sync_connector.cli.frame import cli, console


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
