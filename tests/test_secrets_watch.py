"""The watch for secrets sees what it is there to see, names it, and does not repeat it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner

from sync_connector import config
from sync_connector.errors import FixSetup
from tests import secrets_watch
from tests.conftest import PASSWORD, Project
from tests.secrets_watch import ALLOWED, SECRETS, Watch

LEAKY = """
import logging, subprocess, sys, zipfile
import click, pytest
from click.testing import CliRunner
from sync_connector.errors import FixSetup

SECRET = "correct-" + "horse-7f3a"

@click.command()
@click.option("--err", is_flag=True)
@click.option("--fault", is_flag=True)
def leaky(err, fault):
    if fault:
        raise ValueError(SECRET)
    click.echo(f"hello {SECRET}", err=err)

def test_stdout(): CliRunner().invoke(leaky, [])
def test_stderr(): CliRunner().invoke(leaky, ["--err"])
def test_traceback(): CliRunner().invoke(leaky, ["--fault"])
def test_program(): subprocess.run([sys.executable, "-c", f"print('{SECRET}') #sync_connector x"], capture_output=True)
def test_file(tmp_path): (tmp_path / "ledger.db").write_bytes(b"\\0" * 99_999 + SECRET.encode())
def test_url(tmp_path): (tmp_path / "x.json").write_text("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
def test_workbook(tmp_path):
    with zipfile.ZipFile(tmp_path / "rejects.xlsx", "w", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/sheet1.xml", f"<c>{SECRET}</c>" * 9)
def test_error():
    with pytest.raises(FixSetup): raise FixSetup(f"wrong: {SECRET}")
def test_log(): logging.getLogger("sync_connector.receive").error("%s", SECRET)
def test_print(): print(SECRET)
def test_allowed(tmp_path): (tmp_path / "callback-secrets").write_text(SECRET)
def test_innocent(tmp_path): (tmp_path / "x").write_text("hello"); print("hello")
"""
CAUGHT = {
    "stdout": "stdout of ", "stderr": "stderr of --err", "traceback": "the traceback of --fault", "program": "stdout of x",
    "file": "ledger.db", "url": "x.json", "workbook": "rejects.xlsx, xl/sheet1.xml",
    "error": "an error's sentence", "log": "a log line", "print": "pytest's captured stdout call",
}  # fmt: skip


def test_a_planted_leak_fails_its_test(tmp_path: Path) -> None:
    """In a pytest session of its own, each way out of the product leaks once: every one of those tests fails and says where and
    what; where a secret lives by design, and where there is none, nothing fails."""
    (tmp_path / "test_leaks.py").write_text(LEAKY)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    words = [sys.executable, "-m", "pytest", "-p", "tests.secrets_watch", "--tb=short", "-q", "--basetemp", str(tmp_path / "in")]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run([*words, "test_leaks.py"], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    told = dict(re.findall(r"^_+ ERROR at teardown of test_(\w+) _+\n((?:.+\n)+?)(?=_|=|-)", ran.stdout, re.MULTILINE))
    assert told.keys() == CAUGHT.keys(), ran.stdout
    for test, place in CAUGHT.items():
        assert f"stands in {place}" in told[test]
        assert not any(secret in told[test] for secret in SECRETS.values())
    assert "a webhook's secret stands in x.json" in told["url"]
    assert "12 passed" in ran.stdout


def test_the_watch_is_on() -> None:
    """In this very session commands, programs and errors are watched, and the secrets are those that the tests use."""
    assert CliRunner.invoke.__module__ == subprocess.Popen.communicate.__module__ == secrets_watch.__name__
    assert FixSetup.__init__.__module__ == secrets_watch.__name__
    assert PASSWORD in SECRETS.values()
    assert all(one.reason for one in ALLOWED)
    assert min(map(len, SECRETS.values())) >= secrets_watch.SHORTEST


def test_settings_do_not_show_their_secrets(on_sqlite: Project) -> None:
    """Neither as text nor as JSON."""
    on_sqlite.environment |= {"KEY": SECRETS["the vendor's access key"], "HOOK": "whsec_" + SECRETS["a webhook's secret"]}
    on_sqlite.configure(vendor={"access_key": "${KEY}"}, receive={"token": "${KEY}"}, pull={"token": "${KEY}", "url": ""})
    sink = '[[sinks]]\nname = "w"\ntype = "webhook"\nurl = "https://example.com"\nsecret = "${HOOK}"\n'
    on_sqlite.config.write_text(on_sqlite.config.read_text() + sink)
    settings = config.load(on_sqlite.config, on_sqlite.environment)
    watch = Watch()
    for shown in (repr(settings), str(settings), settings.model_dump_json(), f"{settings.model_dump()}"):
        watch.look("settings", shown)
    assert watch.hits == []
    watch.look("settings", settings.vendor.password.get_secret_value())  # type: ignore[union-attr]
    assert watch.hits == ["the vendor's password stands in settings"]
