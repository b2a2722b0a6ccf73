"""A ledger from before there were messages: nothing of it is lost, and who wrote STOP is heard."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from sync_connector.ledger import opening
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.store import open_ledger
from tests.conftest import e164

NOON = datetime(2026, 3, 2, 12, 0, 0, tzinfo=UTC)
STOPS = [
    "STOP",
    "stop",
    " Stop. ",
    "STOPSMS",
    "stop  sms!",
    "Arrêt",
    "ARRET",
    "arre\u0302t",
    "STOP STOP",
    "Stop SVP",
    "STOP au 36111",
]
STOPS += [
    "arrêtez les envois",
    "Désabonner",
    "unsubscribe please",
    "st\u200bop",
    "ＳＴＯＰ",
    "STOP\n> Bonjour, nos promotions de mai",
]
OTHERS = [
    "",
    "Bonjour",
    "Don't stop",
    "stopper",
    "arrêtez de m'appeler",
    "Stop by at noon",
    "STOP 1234567",
    "> STOP\nquel stop ?",
]


def of_version_4(url: str) -> sa.Engine:
    """A ledger as the version before left it, empty."""
    engine = opening._engine(sa.make_url(url.replace("postgresql:", "postgresql+psycopg:")))
    config = Config()
    config.set_main_option("script_location", str(Path(opening.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0004")
    return engine


def event(number: int, text: str, **changes: Any) -> dict[str, Any]:
    """A row of `events` as that version wrote it: an SMS that somebody sent us."""
    blank = dict.fromkeys(("query", "number_text", "occurred_text", "direction", "duration_text", "link", "status"), "")
    blank |= dict.fromkeys(("id_sms_api", "login", "device", "title"), "")
    told = {
        "account_id": 1,
        "event_key": f"inbox-{number}",
        "received_at": NOON + timedelta(minutes=number),
        "kind": "incoming_sms",
        "phone_number": e164(number),
        "clock": "unknown",
        "text": text,
        "content": f"content {number}",
        "matched": "none",
    }
    return blank | told | changes


def put_events(engine: sa.Engine, rows: list[dict[str, Any]]) -> None:
    """Insert them, into the table as it was."""
    table = sa.Table("events", sa.MetaData(), autoload_with=engine)
    with engine.begin() as connection:
        connection.execute(sa.insert(table), rows)


@pytest.fixture
def old(ledger_url: str) -> sa.Engine:
    """A ledger of version 0004 with an account."""
    engine = of_version_4(ledger_url)
    with engine.begin() as connection:
        connection.execute(sa.text("INSERT INTO accounts (id, login, host) VALUES (1, 'me', 'host'), (2, 'you', 'host')"))
    return engine


def test_every_event_stays_and_whoever_wrote_stop_is_opted_out(old: sa.Engine, ledger_url: str) -> None:
    """A STOP in any spelling is an opt-out since it came, the first of a number; other answers, other kinds and hidden numbers
    are none."""
    rows = [event(number, text) for number, text in enumerate([*STOPS, *OTHERS])]
    rows += [
        event(90, "STOP", phone_number=e164(0)),  # again
        event(91, "STOP", phone_number=None),
        event(92, "STOP", kind="call_qualification"),
        event(93, "STOP", account_id=2, phone_number=e164(0)),
    ]
    put_events(old, rows)
    old.dispose()
    with closing(open_ledger(ledger_url, write=True)) as ledger:
        kept = listed(ledger, 1, Wanted(), None)
        assert sorted(one["event_key"] for one in kept) == sorted(row["event_key"] for row in rows if row["account_id"] == 1)
        assert {(one["about"], one["campaign"]) for one in kept} == {(None, None)}
        book = MessageBook(ledger, 1)
        assert book.opted_out([row["phone_number"] for row in rows if row["phone_number"]]) == {
            e164(n) for n in range(len(STOPS))
        }
        first = book.opt_outs()[0]
        assert first == {"number": e164(0), "since": "2026-03-02T12:00:00Z", "event_key": "inbox-0", "text": "STOP"}
        assert [one["event_key"] for one in MessageBook(ledger, 2).opt_outs()] == ["inbox-93"]


def test_a_long_history_is_read_to_its_end(old: sa.Engine, ledger_url: str) -> None:
    """More answers than are read at once, and a STOP behind each page."""
    put_events(old, [event(number, "STOP" if number % 1_000 == 999 else "Bonjour") for number in range(2_500)])
    old.dispose()
    with closing(open_ledger(ledger_url, write=True)) as ledger:
        assert [one["number"] for one in MessageBook(ledger, 1).opt_outs()] == [e164(999), e164(1_999)]
