"""Callbacks while the receiver is killed: whatever was answered 200 is in the inbox, exactly as it was sent, and stands in the
CRM's table once."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector import config, pulling
from sync_connector.config import Receive, Settings
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.store import open_ledger
from sync_connector.reading import Progress
from tests.conftest import crm_engine
from tests.events import runner
from tests.events.wire import get

CONNECTIONS = 50
SHAPES = [
    "call=%7B%22TITLE%22%3A%22MISSED%22%2C%22PHONE_NUMBER%22%3A%22+336{n:08d}%22%7D",
    "calls=%257B%2522title%2522%253A%2522incoming_call%2522%252C%2522phone_number%2522%253A%2522%252B336{n:08d}%2522%257D",
    'message={{"title":"incoming_sms","message":"caractère {n}\U0001f600","from":"+336{n:08d}"}}',
    "status=%7B%22id_sms_api%22%3A%22{n}%22%2C%22status%22%3A%22sent%22%2C%22phone_number%22%3A%22%2B336{n:08d}%22%7D&x=%00%0A%FF",
]
"""Encoded once with its plus forgotten, twice, not at all, and oddly. Each names a number of its own."""
TABLES = ["calls", "incoming_sms", "sms_statuses"]


def callback(number: int) -> bytes:
    """A callback's query as it is sent; each number makes another one."""
    return SHAPES[number % len(SHAPES)].format(n=number).encode()


def kept(query: bytes) -> str:
    """How the inbox keeps it: what is no printable ASCII is percent-encoded."""
    return "".join(chr(byte) if 0x21 <= byte <= 0x7E else f"%{byte:02X}" for byte in query)


class Vendor:
    """Calls from many connections at once, each callback until it is answered 200."""

    def __init__(self, port: int, secret: str, count: int) -> None:
        self._port, self._path = port, f"/callbacks/{secret}?".encode()
        self._left = iter(range(count))
        self.answered: set[int] = set()
        self.tries: Counter[int] = Counter()
        self.statuses: Counter[int] = Counter()
        self.more = asyncio.Event()

    async def call(self) -> None:
        """One connection's work, until no callback is left."""
        streams = None
        for number in self._left:
            while number not in self.answered:
                self.tries[number] += 1
                try:
                    if streams is None:
                        streams = await asyncio.open_connection("127.0.0.1", self._port)
                    status = await self._ask(*streams, callback(number))
                except (OSError, EOFError, asyncio.IncompleteReadError):
                    if streams is not None:
                        streams[1].close()
                    streams = None
                    continue
                self.statuses[status] += 1
                if status == 200:
                    self.answered.add(number)
                    self.more.set()
        if streams is not None:
            streams[1].close()
            with suppress(OSError):
                await streams[1].wait_closed()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, query: bytes) -> int:
        writer.write(get(self._path + query))
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        await reader.readexactly(length)
        return int(head.split()[1])

    async def until(self, count: int) -> None:
        """Wait until so many were answered 200."""
        while len(self.answered) < count:
            self.more.clear()
            await self.more.wait()


@contextmanager
def ended(process: subprocess.Popen[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The process, which is gone afterwards."""
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def kill_again_and_again(
    vendor: Vendor, settings: dict[str, object], listening: socket.socket, log: Path, kills: int, count: int
) -> None:
    """A receiver, killed so many times among the callbacks and started again each time; at last it ends by itself."""
    calls = [asyncio.create_task(vendor.call()) for _ in range(CONNECTIONS)]
    for kill in range(kills):
        with ended(runner.start(settings, listening, log=log)) as process:
            await vendor.until(count * (kill + 1) // (kills + 1))
            assert process.poll() is None
            process.send_signal(signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
    with ended(runner.start(settings, listening, log=log)) as process:
        await asyncio.gather(*calls)
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0


@pytest.mark.parametrize(
    ("database", "count", "kills", "crm"), [("sqlite", 20_000, 5, "postgres"), ("postgres", 4_000, 2, "mariadb")]
)
def test_what_was_answered_200_is_in_the_inbox_and_in_the_crm_once(
    request: pytest.FixtureRequest,
    settings: Receive,
    secret: str,
    tmp_path: Path,
    database: str,
    count: int,
    kills: int,
    crm: str,
) -> None:
    """Callbacks from 50 connections while the receiver is killed with kill -9 and started again: each that got a 200 is in
    the inbox exactly as sent, what is there was sent, none is there oftener than it was tried; and a pull leaves each once in
    the CRM's tables, those that came again because an answer was lost among them."""
    crm_url = str(request.getfixturevalue(f"{crm}_database"))
    url = settings.inbox.get_secret_value() if database == "sqlite" else request.getfixturevalue("postgres_database")
    told: dict[str, object] = {"secrets": settings.secrets, "inbox": url, "rate": 1e6}
    with closing(socket.create_server(("127.0.0.1", 0), backlog=1024)) as listening:

        async def run() -> Vendor:
            vendor = Vendor(listening.getsockname()[1], secret, count)
            await kill_again_and_again(vendor, told, listening, tmp_path / "log", kills, count)
            return vendor

        vendor = asyncio.run(run())
    found: list[str] = []
    with closing(open_inbox(url)) as inbox:
        while callbacks := inbox.page(len(found), 1000).callbacks:
            assert [each.sequence for each in callbacks] == list(range(len(found) + 1, len(found) + 1 + len(callbacks)))
            found += [each.query for each in callbacks]
    times = Counter(found)
    sent = {kept(callback(number)): number for number in range(count)}
    assert len(sent) == count
    assert vendor.answered == set(range(count))
    assert set(vendor.statuses) == {200}
    assert set(times) == set(sent), "lost, or not as it was sent"
    assert [query for query, n in times.items() if n > vendor.tries[sent[query]]] == []
    assert sum(times.values()) - count <= kills * CONNECTIONS, "stored, and not answered, was more than what was under way"
    assert "Traceback" not in (tmp_path / "log").read_text()
    pulled = pull_into(crm_url, url, tmp_path)
    assert (pulled.fetched, pulled.repeats, pulled.exit_code) == (len(found), len(found) - count, 0)
    with closing(crm_engine(crm_url).connect()) as connection:
        numbers = [number for table in TABLES for number in connection.scalars(sa.text(f"SELECT number_text FROM {table}"))]
    assert sorted(numbers) == [f"+336{number:08d}" for number in range(count)]


def pull_into(crm_url: str, inbox_url: str, folder: Path) -> pulling.Pulled:
    """Pull what is in an inbox into a CRM's database."""
    settings = Settings(
        vendor=config.Vendor(login="me"),
        source=config.Source(path="none.csv"),
        events=config.Events(zone="Europe/Paris", window=600),
        sinks=[config.Sink(name="crm", type="sql", url=SecretStr(crm_url))],
    )
    with closing(open_inbox(inbox_url)) as inbox, closing(open_ledger(f"sqlite:///{folder / 'ledger.db'}", write=True)) as ledger:
        scope = ledger.make_scope("me", "host", "crm")
        return pulling.pull(settings, ledger, scope, inbox, Progress(), lambda: None)
