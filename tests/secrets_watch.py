"""Every test run is a search for secrets: what the product says and writes, whatever the test is about.

Searched, at the end of each test: stdout and stderr of commands run in this process and of programs started, what they raised,
the sentence of every error, every log line, what pytest itself captured, and every file below the test's folder (workbooks from
within). A secret in it fails the test with the place and the secret's name; the secret itself is not repeated.

It sees no stdout of a program that a test reads line by line, and nothing that only left over a socket: the vendor is sent the
password, that is what it is for.
"""

from __future__ import annotations

import logging
import mmap
import os
import subprocess
import time
import traceback
import zipfile
from collections.abc import Generator, Iterator
from contextlib import suppress
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from click.testing import CliRunner, Result

from sync_connector import errors
from sync_connector.events import secret_file

SECRETS = {
    "the vendor's password": "correct-horse-7f3a",
    "a password of a test's own": "hunter2-very-secret",
    "a database's password": "s3cret",
    "the vendor's access key": "a-key-of-its-own-51c2",
    "the token of who pulls": "a-token-that-nobody-guesses",
    "a webhook's secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "a fuzzed secret": "fuzzed-secret-4c1d",
}
"""Name → what the tests plant under it: in the environment, in files that a setting names, in database URLs."""


class Allowed(NamedTuple):
    """Where a secret may stand: the test (its id, with `*`), the place (a file's name or the kind of output), and why."""

    test: str
    place: str
    reason: str


ALLOWED = (
    Allowed("*", "callback-secrets*", "the receiver's file of secrets is where they live; test_permissions sees that it is 0600"),
    Allowed("*", "*.toml", "the test's own configuration: no command writes a password into one, since none is told any"),
    Allowed("*test_config.py*", "*", "tests of what is said of a configuration write the secret into files that it names"),
    Allowed("*test_secrets_watch.py*", "*", "the tests of this watch plant leaks"),
    Allowed("*", "stdout of receive --new-secret*", "the callback URL is printed once, to be pasted at the vendor"),
)

SHORTEST = 6
LARGEST_MEMBER = 64 << 20


class Watch:
    """What is looked for, and what was found in the test that is running."""

    def __init__(self) -> None:
        self.secrets: dict[bytes, str] = {}
        self.hits: list[str] = []
        self.test = ""
        self.files = self.bytes = 0
        self.seconds = 0.0
        for name, text in SECRETS.items():
            self.add(name, text)

    def add(self, name: str, text: str) -> None:
        """Look for one more from now on, as it is and as a URL has it."""
        for form in (text, quote(text, safe="")):
            self.secrets[form.encode()] = name

    def look(self, place: str, content: bytes | mmap.mmap | str | None) -> None:
        """Search something that was put out."""
        if not content:
            return
        raw = content.encode("utf-8", "surrogateescape") if isinstance(content, str) else content
        self.bytes += len(raw)
        # One after the other: to find one text is a search at the speed of memory, to find any of several is not.
        found = {name for secret, name in self.secrets.items() if raw.find(secret) >= 0}
        if found and not any(fnmatch(self.test, one.test) and fnmatch(place, one.place) for one in ALLOWED):
            self.hits += [f"{name} stands in {place}" for name in sorted(found)]

    def look_below(self, folder: Path) -> None:
        """Search every file below a folder."""
        for path in folder.rglob("*"):
            if path.is_symlink() or not path.is_file():
                continue
            self.files += 1
            with suppress(OSError):  # one that the test may not read
                self._look_into(path)

    def _look_into(self, path: Path) -> None:
        with open(path, "rb") as file:
            if os.fstat(file.fileno()).st_size == 0:
                return
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as whole:
                self.look(path.name, whole)
            if not zipfile.is_zipfile(file):
                return
            with suppress(Exception), zipfile.ZipFile(file) as packed:  # many a test breaks a workbook in many a way
                for one in packed.infolist():
                    if one.file_size <= LARGEST_MEMBER:
                        self.look(f"{path.name}, {one.filename}", packed.read(one))


WATCH = Watch()


class _Records(logging.Handler):
    """Every log line that is emitted, without asking for more of them."""

    def emit(self, record: logging.LogRecord) -> None:
        WATCH.look("a log line", self.format(record))


def _watch_commands(patch: pytest.MonkeyPatch) -> None:
    invoke = CliRunner.invoke

    def invoked(self: CliRunner, cli: Any, args: Any = None, *rest: Any, **named: Any) -> Result:
        words = args if isinstance(args, str) else " ".join(map(str, args or ()))
        result = invoke(self, cli, args, *rest, **named)
        WATCH.look(f"stdout of {words}", result.stdout_bytes)
        WATCH.look(f"stderr of {words}", result.stderr_bytes)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            WATCH.look(f"the traceback of {words}", "".join(traceback.format_exception(result.exception)))
        return result

    patch.setattr(CliRunner, "invoke", invoked)


def _watch_programs(patch: pytest.MonkeyPatch) -> None:
    communicate = subprocess.Popen.communicate

    def communicated(self: subprocess.Popen[Any], *rest: Any, **named: Any) -> Any:
        out, err = communicate(self, *rest, **named)
        words = self.args if isinstance(self.args, str) else " ".join(map(str, self.args))  # type: ignore[arg-type]
        if "sync_connector" in words or "sync-connector" in words:
            words = words[max(words.rfind("sync_connector"), words.rfind("sync-connector")) + len("sync-connector") + 1 :]
            WATCH.look(f"stdout of {words}", out)
            WATCH.look(f"stderr of {words}", err)
        return out, err

    patch.setattr(subprocess.Popen, "communicate", communicated)


def _watch_errors(patch: pytest.MonkeyPatch) -> None:
    make = errors.SyncError.__init__

    def made(self: errors.SyncError, *faults: str) -> None:
        make(self, *faults)
        WATCH.look("an error's sentence", "\n".join(map(str, faults)))

    patch.setattr(errors.SyncError, "__init__", made)


def _watch_new_secrets(patch: pytest.MonkeyPatch) -> None:
    make = secret_file.new_secret

    def made(path: str) -> str:
        secret = make(path)
        WATCH.add("the secret of a callback URL", secret)
        return secret

    patch.setattr(secret_file, "new_secret", made)


@pytest.fixture(scope="session", autouse=True)
def nothing_secret_is_shown() -> Iterator[Watch]:
    """The watch, over the whole session."""
    handler = _Records()
    logging.getLogger().addHandler(handler)
    with pytest.MonkeyPatch.context() as patch:
        for watched in (_watch_commands, _watch_programs, _watch_errors, _watch_new_secrets):
            watched(patch)
        yield WATCH
    logging.getLogger().removeHandler(handler)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """After a test's own teardown its output is searched; what is found fails it."""
    report = yield
    WATCH.test = item.nodeid
    if report.when == "teardown":
        begun = time.perf_counter()
        for title, text in report.sections:
            WATCH.look(f"pytest's {title.lower()}", text)
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if isinstance(folder, Path):
            WATCH.look_below(folder)
        WATCH.seconds += time.perf_counter() - begun
        if WATCH.hits and report.outcome != "failed":
            report.outcome = "failed"
            report.longrepr = "secrets were shown:\n  " + "\n  ".join(dict.fromkeys(WATCH.hits))
        WATCH.hits = []
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """What the search cost; of workers nobody is told."""
    if WATCH.files:
        size = f"{WATCH.files:,} files, {WATCH.bytes / 1e6:,.0f} MB"
        terminalreporter.write_line(f"searched for secrets: {size}, in {WATCH.seconds:.1f} s")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """What is found from now on is this test's."""
    WATCH.test = item.nodeid
