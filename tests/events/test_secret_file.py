"""The secrets of the callback URL: made, kept, changed, and never shown."""

from __future__ import annotations

import logging
import os
import stat
from pathlib import Path
from unittest import mock

import pytest

from sync_connector.config import Receive
from sync_connector.errors import FixSetup
from sync_connector.events import secret_file
from sync_connector.events.secret_file import SecretFile, callback_url, new_secret, read_secrets


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Where the secrets are to be."""
    return str(tmp_path / "callback-secrets")


def test_a_new_secret_keeps_the_former_one_and_drops_older_ones(path: str) -> None:
    """The newest is on top, two are valid, the file is its owner's alone, and nothing else is left in the folder."""
    first = new_secret(path)
    assert read_secrets(path) == (first,)
    second = new_secret(path)
    assert read_secrets(path) == (second, first)
    third = new_secret(path)
    assert read_secrets(path) == (third, second)
    assert len({first, second, third}) == 3
    assert min(map(len, (first, second, third))) >= 43
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert os.listdir(Path(path).parent) == ["callback-secrets"]


def test_of_many_lines_two_are_valid(path: str) -> None:
    """A file that a person wrote too long has two valid secrets all the same: the first two."""
    lines = [letter * 43 for letter in "abc"]
    Path(path).write_text("\n".join(lines) + "\n\n")
    os.chmod(path, 0o600)
    secrets = SecretFile(path)
    assert [secrets.knows(line) for line in lines] == [True, True, False]


@pytest.mark.parametrize(
    ("content", "mode", "said"),
    [
        (None, 0o600, "there is no .*; make it with: sync-connector receive --new-secret"),
        ("", 0o600, "is empty; make a secret with: sync-connector receive --new-secret"),
        ("hunter2\n", 0o600, "line 1 of .* is no secret of at least 43"),
        ("a" * 43 + "\n" + "hunter2" * 7 + "!\n", 0o600, "line 2 of .* is no secret"),
        ("a" * 43, 0o640, "other users of this machine can read .*; run: chmod 600"),
        ("a" * 43, 0o604, "other users of this machine can read"),
        ("é" * 43, 0o600, "is no file of secrets"),
    ],
)
def test_a_file_that_is_wrong_is_a_sentence(path: str, content: str | None, mode: int, said: str) -> None:
    """No file, an empty one, a short secret, one that others can read: what is wrong and what to do, without the content."""
    if content is not None:
        Path(path).write_text(content, encoding="utf-8")
        os.chmod(path, mode)
    with pytest.raises(FixSetup, match=said) as fault:
        read_secrets(path)
    assert "hunter2" not in str(fault.value)
    assert "aaaa" not in str(fault.value)


def test_a_folder_that_is_not_there_is_a_sentence(tmp_path: Path) -> None:
    """A secret that cannot be kept is not made."""
    with pytest.raises(FixSetup, match="cannot be written: No such file or directory"):
        new_secret(str(tmp_path / "none" / "secrets"))


def test_a_changed_file_is_taken_up(path: str, caplog: pytest.LogCaptureFixture) -> None:
    """A running receiver knows a new secret at once, and the former one still; an unusable file changes nothing, says so
    once, and no log has a secret."""
    caplog.set_level(logging.INFO)
    first = new_secret(path)
    secrets = SecretFile(path)
    assert secrets.knows(first)
    second = new_secret(path)
    assert secrets.knows(second)
    assert secrets.knows(first)
    third = new_secret(path)
    assert [secrets.knows(each) for each in (first, second, third)] == [False, True, True]
    caplog.clear()
    for breaking in (lambda: os.chmod(path, 0o644), lambda: Path(path).write_text("short"), lambda: os.unlink(path)):
        breaking()
        assert secrets.knows(third)
        assert secrets.knows(second)
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 3
    assert all("the secrets that were read before stay valid" in record.message for record in caplog.records)
    assert new_secret(path) not in caplog.text
    assert third not in caplog.text


def test_a_file_that_becomes_readable_is_taken_up(path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A new secret that another user made, as root does with sudo, is known as soon as the file is given to the receiver's."""
    former = new_secret(path)
    secrets = SecretFile(path)
    newest = new_secret(path)
    with monkeypatch.context() as another_user:
        another_user.setattr(secret_file, "read_secrets", mock.Mock(side_effect=FixSetup("Permission denied")))
        assert secrets.knows(former)
        assert not secrets.knows(newest)
    seen = os.stat(path)
    while os.stat(path).st_ctime_ns == seen.st_ctime_ns:  # a file system's clock ticks slowly
        os.chown(path, seen.st_uid, seen.st_gid)
    assert secrets.knows(newest)
    assert os.stat(path).st_mtime_ns == seen.st_mtime_ns


@pytest.mark.parametrize("stranger", ["", "é", "\udc80", "a" * 43, "a" * 1_000_000, "\0"])
def test_a_stranger_is_not_known(path: str, stranger: str) -> None:
    """Whatever text it is, it is no secret and no fault."""
    new_secret(path)
    assert not SecretFile(path).knows(stranger)


@pytest.mark.parametrize(
    ("settings", "url"),
    [
        ({"public_url": "https://calls.example.com/insim/"}, "https://calls.example.com/insim/callbacks/s"),
        ({"host": "192.0.2.1", "port": 80}, "http://192.0.2.1:80/callbacks/s"),
        ({"host": "::1", "tls_cert": "c.pem"}, "https://[::1]:8026/callbacks/s"),
    ],
)
def test_the_url_that_is_pasted_at_the_vendor(settings: dict[str, object], url: str) -> None:
    """It is the public address, else the one that is listened on, and the secret is in its path, since the vendor appends a
    query."""
    assert callback_url(Receive.model_validate(settings), "s") == url
