"""One suite for every kind of sink: what it is handed is there once, and what it cannot write comes back."""

from __future__ import annotations

import csv
import importlib
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector import sinks
from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup
from sync_connector.model import Kind
from sync_connector.sinks import Sink
from sync_connector.sinks._rows import TABLES
from tests.conftest import crm_engine
from tests.sinks.receiver import receiving
from tests.sinks.records import one_of_each, record
from tests.sinks.test_webhook import SECRET

Read = Callable[[], list[tuple[str, str]]]
"""(event_key, contact_key or blank) of everything that is there, as its user sees it."""


class Place(NamedTuple):
    """A sink's settings, and a look at what is in it."""

    settings: SinkSettings
    read: Read


def _sql(url: str) -> Iterator[Place]:
    engine = crm_engine(url)

    def read() -> list[tuple[str, str]]:
        with engine.connect() as connection:
            queries = [sa.text(f"SELECT event_key, contact_key FROM {table.name}") for table in TABLES.values()]
            return [(row[0], row[1] or "") for query in queries for row in connection.execute(query)]

    yield Place(SinkSettings(name="x", type="sql", url=SecretStr(url)), read)
    engine.dispose()


def _files(kind: str, folder: Path) -> Iterator[Place]:
    def rows(path: Path) -> list[dict[str, Any]]:
        if kind == "csv":
            return list(csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline="")))
        if kind == "jsonl":
            return [orjson.loads(line) for line in path.read_bytes().splitlines()]
        found: list[dict[str, Any]] = pq.read_table(path).to_pylist()
        return found

    def read() -> list[tuple[str, str]]:
        latest: dict[str, str] = {}  # of several files the newest row of an event stands
        for path in sorted(folder.iterdir(), key=lambda path: path.stem.split("-")[1]):
            latest |= {row["event_key"]: row["contact_key"] or "" for row in rows(path)}
        return list(latest.items())

    yield Place(SinkSettings(name="x", type=kind, path=str(folder)), read)


def _webhook() -> Iterator[Place]:
    with receiving() as receiver:

        def read() -> list[tuple[str, str]]:
            by_id = {request.headers["webhook-id"]: request.told["data"] for request in receiver.requests}
            latest = {data["event_key"]: data["contact_key"] or "" for data in by_id.values()}
            return list(latest.items())

        yield Place(
            SinkSettings(name="x", type="webhook", url=SecretStr(receiver.url), secret=SecretStr(SECRET)),
            read,
        )


PLACES: dict[str, Callable[[pytest.FixtureRequest], Iterator[Place]]] = {
    "sql sqlite": lambda request: _sql(request.getfixturevalue("sqlite_database")),
    "sql postgres": lambda request: _sql(request.getfixturevalue("postgres_database")),
    "sql mariadb": lambda request: _sql(request.getfixturevalue("mariadb_database")),
    "csv": lambda request: _files("csv", request.getfixturevalue("tmp_path") / "events"),
    "jsonl": lambda request: _files("jsonl", request.getfixturevalue("tmp_path") / "events"),
    "parquet": lambda request: _files("parquet", request.getfixturevalue("tmp_path") / "events"),
    "webhook": lambda _request: _webhook(),
}


@pytest.fixture(params=list(PLACES))
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """A place of each kind."""
    yield from PLACES[request.param](request)


@pytest.fixture
def sink(place: Place) -> Iterator[Sink]:
    """The sink to it."""
    made = sinks.open_sink(place.settings)
    yield made
    made.close()


def test_every_kind_is_in_this_suite() -> None:
    """A new sink is not there without these tests."""
    assert {name.split()[0] for name in PLACES} == set(sinks.kinds())


def test_every_kind_of_event_arrives(sink: Sink, place: Place) -> None:
    """A record of each kind is there, with its contact."""
    assert sink.write(1, one_of_each()) == []
    assert sorted(place.read()) == sorted((one.event_key, "C1") for one in one_of_each())


def test_the_same_delivery_twice_is_there_once(sink: Sink, place: Place) -> None:
    """A delivery of which nobody knows whether it succeeded leaves, written again, what it left."""
    records = [*one_of_each(), *(record(number) for number in range(2, 30))]
    assert sink.write(7, records) == []
    before = sorted(place.read())
    again = sinks.open_sink(place.settings)
    assert again.write(7, records) == []
    again.close()
    assert sorted(place.read()) == before
    assert len(before) == len(records)


def test_an_event_that_comes_again_stands_as_it_came_last(sink: Sink, place: Place) -> None:
    """A contact that becomes known later is the event's contact."""
    sink.write(1, [record(1, contact=None), record(2, contact=None)])
    assert sink.write(2, [record(1, contact="C9")]) == []
    assert sorted(place.read()) == [("call-000001", "C9"), ("call-000002", "")]


def test_what_cannot_be_written_comes_back_and_keeps_nothing_else(sink: Sink, place: Place) -> None:
    """What nobody understood, and what is no text, is refused with a reason that has none of its texts; the others arrive."""
    half = record(5, Kind.INCOMING_SMS, text="Geheimnis \ud83d")
    refused = sink.write(1, [half, record(6, Kind.UNKNOWN, text="Geheimnis"), *one_of_each()])
    assert sorted(refusal.event_key for refusal in refused) == ["incoming_sms-000005", "unknown-000006"]
    assert all(refusal.reason and "Geheimnis" not in refusal.reason for refusal in refused)
    assert len(place.read()) == 5


def test_a_delivery_of_nothing_is_nothing(sink: Sink, place: Place) -> None:
    """No records are written without complaint, and a sink can be closed twice."""
    assert sink.write(1, []) == []
    sink.close()


@pytest.mark.parametrize("kind", sinks.kinds())
def test_settings_that_lack_everything_are_a_sentence(kind: str) -> None:
    """Each kind says what it needs, by the name of the setting."""
    with pytest.raises(FixSetup, match=r"^sinks\.(url|path): .*x"):
        sinks.open_sink(SinkSettings(name="x", type=kind))


def test_an_unknown_kind_is_a_sentence() -> None:
    """What kinds there are is said."""
    with pytest.raises(FixSetup, match=r"'carrier-pigeon' is unknown; there are: .*webhook"):
        sinks.open_sink(SinkSettings(name="x", type="carrier-pigeon"))


@pytest.mark.parametrize("kind", sinks.kinds())
def test_each_kind_is_one_module_with_a_maker(kind: str) -> None:
    """A sink is found by its module's name."""
    assert callable(importlib.import_module(f"sync_connector.sinks.{kind}").make)
