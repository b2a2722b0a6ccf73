"""What the tests of the receiver share: its settings, a secret, an inbox."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sync_connector.config import Receive
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.secret_file import new_secret

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture(params=["sqlite", "postgres"])
def inbox_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a new inbox, on each database in turn."""
    return f"sqlite:///{tmp_path / 'inbox.db'}" if request.param == "sqlite" else request.getfixturevalue("postgres_database")


@pytest.fixture
def inbox(inbox_url: str) -> Iterator[Inbox]:
    """A new inbox."""
    opened = open_inbox(inbox_url)
    yield opened
    opened.close()


@pytest.fixture
def settings(tmp_path: Path) -> Receive:
    """Settings of a receiver in a folder of its own."""
    url = f"sqlite:///{tmp_path / 'inbox.db'}"
    return Receive(secrets=str(tmp_path / "secrets"), inbox=url, token=TOKEN, port=0, ops_port=0)


@pytest.fixture
def secret(settings: Receive) -> str:
    """The receiver's secret."""
    return new_secret(settings.secrets)
