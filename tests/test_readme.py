"""Documentation that cannot lie: every command of the README is run, and prints what the README says.

A block of ```console is a session: a line that begins with `$ ` is run, the lines behind it are what it must
print, where `...` stands for anything.
"""

from __future__ import annotations

import doctest
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import get_args

import click
import pytest
from click.testing import CliRunner

from sync_connector.cli import cli
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.serve import in_background

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = {"make test", "make check", "make bench"}
"""Commands that are this very run, or would begin it anew; CI runs them."""


def sessions() -> list[tuple[str, str]]:
    """Each command and what must follow it."""
    found = []
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            while command.endswith("\\"):
                more, _, output = output.partition("\n")
                command = command[:-1] + more
            found.append((command.strip(), output))
    return found


def test_every_command_of_the_readme_prints_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions are run in order, in one folder, against a sandbox on a free port."""
    shutil.copytree(ROOT / "sample_data", tmp_path / "sample_data")
    monkeypatch.chdir(tmp_path)
    checker = doctest.OutputChecker()
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "110"}
    with in_background(Vendor("demo@example.com", "sandbox")) as address, ExitStack() as running:
        for command, wanted in sessions():
            if command in ELSEWHERE or command == "sync-connector sandbox &":
                continue
            if command == "sync-connector receive &":
                running.enter_context(_receiver(tmp_path, environment))
                continue
            words = command.replace("make demo", "sync-connector demo").replace("http://127.0.0.1:8025", address)
            words = words.replace("sandbox --callback", f"sandbox --port {address.rpartition(':')[2]} --callback")
            if command.startswith("export "):
                name, _, value = words.removeprefix("export ").partition("=")
                if value.startswith("$("):
                    config = tmp_path / "sync.toml"
                    config.write_text(config.read_text().replace("# port = 8026", f"port = {_free_port()}"))
                    value = subprocess.check_output(value[2:-1], shell=True, cwd=tmp_path, env=environment, text=True).strip()
                environment[name] = value.strip('"')
                continue
            got = "\n".join(line.rstrip() for line in _printed(words, environment).splitlines()) + "\n"
            wanted = "\n".join(line.rstrip() for line in wanted.rstrip().splitlines()) + "\n"
            flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
            assert checker.check_output(wanted, got, flags), f"$ {command}\n--- the README says\n{wanted}\n--- it prints\n{got}"


def _printed(command: str, environment: dict[str, str]) -> str:
    """What a command prints in this folder: one of ours runs in this process, where everything is imported already, any other
    in a shell. That ours runs as a program is shown by those that are substituted or go to the background, and by the wheel."""
    words = shlex.split(command)
    if words[0] == "sync-connector":
        ours = CliRunner().invoke(cli, words[1:], env=environment, prog_name="sync-connector", catch_exceptions=False)
        return ours.stdout + ours.stderr
    others = subprocess.run(command, shell=True, env=environment, capture_output=True, text=True)
    return others.stdout + others.stderr


@contextmanager
def _receiver(folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """`receive` as a process of its own, from the moment at which it says that it listens."""
    words = [sys.executable, "-m", "sync_connector", "receive"]
    with subprocess.Popen(words, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline().startswith("receiving on 127.0.0.1:")
        try:
            yield
        finally:
            process.terminate()
    assert process.returncode == 143


def _free_port() -> int:
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def test_the_first_thirty_lines_say_what_it_is_and_the_two_commands() -> None:
    """A newcomer sees the sentence, the picture, both commands and what they print without scrolling."""
    top = "\n".join(README.splitlines()[:30])
    for needed in ("# sync-connector", "make demo", "make test", "vendor", "passed"):
        assert needed in top


def commands(group: click.Group, *above: str) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command, those of a group behind its name."""
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            yield from commands(command, *above, name)
        else:
            yield (*above, name), command


def test_every_command_and_option_is_in_the_readme_or_its_help_says_it() -> None:
    """No command is undocumented, and each one's help reads as a sentence."""
    for words, command in commands(cli):
        name = " ".join(words)
        assert f"`{name}`" in README or f"sync-connector {name}" in README, f"{name} is not in the README"
        shown = CliRunner().invoke(cli, [*words, "--help"]).output
        assert command.help
        assert command.help.splitlines()[0].rstrip().endswith("."), name
        for parameter in command.params:
            if isinstance(parameter, click.Option) and parameter.name != "host":  # a command's help tells of its words
                assert getattr(parameter, "help", None), f"{name} {parameter.name} has no help"
        assert "Usage: " in shown


def test_every_setting_is_explained() -> None:
    """The README's table of settings names each one that there is, and no other."""
    from sync_connector.config import Settings

    named = set(re.findall(r"^\| `([a-z_]+\.[a-z_]+)`", README, re.MULTILINE))
    known = set()
    for section, field in Settings.model_fields.items():
        listed = get_args(field.annotation)  # [[sinks]] are several of a kind
        kind = listed[0] if listed else field.annotation
        assert kind is not None
        known |= {f"{section}.{name}" for name in kind.model_fields}
    assert named == known
