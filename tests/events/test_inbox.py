"""The inbox: nothing is lost, nothing comes out of order, and a cursor never passes what is not there yet."""

from __future__ import annotations

import os
import secrets
import select
import sqlite3
import stat
import threading
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sync_connector.errors import FixSetup, SyncError, TryLater
from sync_connector.events import inbox as inbox_module
from sync_connector.events.inbox import Arrival, Inbox, open_inbox
from tests.conftest import crm_engine

NOON = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)
QUERIES = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=40)


def test_what_is_stored_comes_out_as_it_was(inbox: Inbox) -> None:
    """Order, number, moment (in UTC, to the microsecond) and query are those that were stored."""
    elsewhere = timezone(timedelta(hours=5, minutes=30))
    assert inbox.append([(NOON, "a=1"), (NOON.astimezone(elsewhere), "b=%00\"'\\;--")]) == 2
    assert inbox.append([(NOON + timedelta(days=1), "c")]) == 3
    page = inbox.page(0, 10)
    assert page.callbacks == [
        Arrival(1, NOON, "a=1"),
        Arrival(2, NOON, "b=%00\"'\\;--"),
        Arrival(3, NOON + timedelta(days=1), "c"),
    ]
    assert {each.received_at.utcoffset() for each in page.callbacks} == {timedelta(0)}
    assert (page.newest, page.inbox) == (3, inbox.id)
    assert [each.sequence for each in inbox.page(1, 1).callbacks] == [2]
    assert inbox.page(3, 10).callbacks == []


@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(batches=st.lists(st.lists(QUERIES, max_size=5), max_size=6), limit=st.integers(1, 4))
def test_pages_give_everything_once_and_in_order(inbox: Inbox, batches: list[list[str]], limit: int) -> None:
    """However it was stored and however small the pages are, following the cursor gives each callback once, in order."""
    begin = inbox.page(0, 1).newest
    for batch in batches:
        inbox.append([(NOON, query) for query in batch])
    cursor, found = begin, []
    while callbacks := inbox.page(cursor, limit).callbacks:
        assert len(callbacks) <= limit
        assert [each.sequence for each in callbacks] == list(range(cursor + 1, cursor + 1 + len(callbacks)))
        found += [each.query for each in callbacks]
        cursor = callbacks[-1].sequence
    assert found == [query for batch in batches for query in batch]
    assert cursor == inbox.page(cursor, 1).newest


def test_a_page_has_a_size(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Long callbacks make a page shorter than its limit, but never empty."""
    monkeypatch.setattr(inbox_module, "PAGE_SIZE", 100)
    inbox.append([(NOON, "x" * 40), (NOON, "y" * 40), (NOON, "z" * 500), (NOON, "w")])
    assert [len(each.query) for each in inbox.page(0, 10).callbacks] == [40, 40]
    assert [len(each.query) for each in inbox.page(2, 10).callbacks] == [500]
    assert [len(each.query) for each in inbox.page(3, 10).callbacks] == [1]


def test_acknowledging_goes_forward_only(inbox: Inbox) -> None:
    """An older acknowledgement, or the same again, changes nothing; one past the end is refused, with a sentence."""
    inbox.append([(NOON, str(n)) for n in range(10)])
    assert inbox.waiting() == 10
    inbox.acknowledge(6)
    inbox.acknowledge(6)
    inbox.acknowledge(2)
    assert inbox.waiting() == 4
    with pytest.raises(FixSetup, match="callback 11 cannot be acknowledged: the inbox has handed out 10 so far"):
        inbox.acknowledge(11)
    assert inbox.waiting() == 4


def test_only_what_is_acknowledged_and_old_is_forgotten(inbox: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is inside and old is deleted, in slices; what is young, or not acknowledged however old, stays."""
    monkeypatch.setattr(inbox_module, "FORGET_AT_ONCE", 3)
    inbox.append([(NOON + timedelta(days=n), str(n)) for n in range(20)])
    inbox.acknowledge(10)
    assert inbox.forget(NOON) == 0
    assert [inbox.forget(NOON + timedelta(days=7)) for _ in range(4)] == [3, 3, 1, 0]
    assert [inbox.forget(NOON + timedelta(days=100)) for _ in range(2)] == [3, 0]
    assert [each.sequence for each in inbox.page(0, 100).callbacks] == list(range(11, 21))
    assert inbox.append([(NOON, "next")]) == 21
    assert inbox.waiting() == 11


def test_a_clock_that_was_wrong_for_a_while_keeps_nothing_back(inbox: Inbox) -> None:
    """A callback that came, as the clock had it, later than those behind it stays until then; they are forgotten."""
    inbox.append([(NOON + timedelta(days=n), str(n)) for n in (1, 50, 2, 51, 3)])
    inbox.acknowledge(5)
    assert inbox.forget(NOON + timedelta(days=10)) == 3
    assert [each.query for each in inbox.page(0, 10).callbacks] == ["50", "51"]


def test_looking_for_what_is_old_keeps_no_callback_waiting(tmp_path: Path) -> None:
    """The lock that a callback needs is not wanted as long as there is nothing to delete, however much there is to look at."""
    with (
        closing(open_inbox(f"sqlite:///{tmp_path / 'inbox.db'}")) as opened,
        closing(crm_engine(str(opened.engine.url)).connect()) as other,
    ):
        opened.append([(NOON, "young")])
        opened.acknowledge(1)
        other.exec_driver_sql("BEGIN IMMEDIATE")
        assert opened.forget(NOON) == 0
        other.exec_driver_sql("ROLLBACK")


def test_an_inbox_is_the_same_when_it_is_opened_again(inbox_url: str) -> None:
    """Its id is made once and its numbers go on; another inbox has another id."""
    with closing(open_inbox(inbox_url)) as first:
        first.append([(NOON, "a")])
    with closing(open_inbox(inbox_url)) as again:
        assert again.id == first.id
        assert again.append([(NOON, "b")]) == 2
    assert len(first.id) == 32


def test_inboxes_have_ids_of_their_own(tmp_path: Path) -> None:
    """A cursor of one inbox can be told from that of another."""
    ids = set()
    for name in "ab":
        with closing(open_inbox(f"sqlite:///{tmp_path / name}.db")) as opened:
            ids.add(opened.id)
    assert len(ids) == 2


def test_a_reader_never_sees_a_number_before_the_ones_below_it(postgres_database: str) -> None:
    """Several receivers on one PostgreSQL: at no moment does a page have a hole, so a cursor passes nothing; at the end
    everything is there once."""
    with closing(open_inbox(postgres_database)) as reader:
        writers, each = 4, 60
        faults: list[BaseException] = []

        def write(writer: int) -> None:
            try:
                with closing(open_inbox(postgres_database)) as own:
                    for n in range(each):
                        own.append([(NOON, f"{writer}-{n}-{k}") for k in range(1 + n % 3)])
            except BaseException as fault:
                faults.append(fault)

        threads = [threading.Thread(target=write, args=(n,)) for n in range(writers)]
        for thread in threads:
            thread.start()
        cursor = 0
        found: list[str] = []

        def follow() -> None:
            nonlocal cursor
            while (page := reader.page(cursor, 50)).callbacks:
                sequences = [arrival.sequence for arrival in page.callbacks]
                assert sequences == list(range(cursor + 1, cursor + 1 + len(sequences)))
                found.extend(arrival.query for arrival in page.callbacks)
                cursor = sequences[-1]

        while any(thread.is_alive() for thread in threads):
            follow()
        follow()
    assert faults == []
    assert len(found) == len(set(found)) == writers * sum(1 + n % 3 for n in range(each))


def test_a_number_waits_for_the_one_before_it(postgres_database: str) -> None:
    """While one transaction that took a number is not committed, a second one waits, and a reader sees neither."""
    with closing(open_inbox(postgres_database)) as opened:
        other = crm_engine(postgres_database)
        with other.connect() as connection:
            connection.execute(sa.text("UPDATE inbox SET newest = newest + 1"))
            thread = threading.Thread(target=opened.append, args=([(NOON, "second")],))
            thread.start()
            waiting = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted AND locktype IN ('transactionid', 'tuple')")
            with other.connect() as observer:
                while not observer.scalar(waiting):
                    assert thread.is_alive()
                    observer.rollback()
                    select.select([], [], [], 0.01)
            assert opened.page(0, 10).newest == 0
            connection.execute(sa.text("INSERT INTO callbacks VALUES (1, now(), 'first')"))
            connection.commit()
            thread.join()
        other.dispose()
        assert [each.query for each in opened.page(0, 10).callbacks] == ["first", "second"]


def test_each_commit_goes_to_the_disk(inbox_url: str) -> None:
    """The connections that write are set up so that a commit returns after it is on disk, whatever the server's default is."""
    if inbox_url.startswith("postgresql"):
        other = crm_engine(inbox_url)
        with other.connect() as connection:
            name = connection.scalar(sa.text("SELECT current_database()"))
            connection.execute(sa.text(f"ALTER DATABASE {name} SET synchronous_commit = off"))
            connection.commit()
        other.dispose()
    with closing(open_inbox(inbox_url)) as opened, opened.engine.connect() as connection:
        if inbox_url.startswith("postgresql"):
            assert connection.scalar(sa.text("SHOW synchronous_commit")) == "on"
        else:
            assert connection.scalar(sa.text("PRAGMA synchronous")) == 2  # FULL
            assert connection.scalar(sa.text("PRAGMA journal_mode")) == "wal"


def test_the_file_is_its_owners(tmp_path: Path) -> None:
    """Nobody else can read the callbacks, nor the files that SQLite keeps beside them, whatever the umask is."""
    former = os.umask(0)
    try:
        with closing(open_inbox(f"sqlite:///{tmp_path / 'inbox.db'}")) as opened:
            opened.append([(NOON, "a")])
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    finally:
        os.umask(former)
    assert modes == {"inbox.db": 0o600, "inbox.db-wal": 0o600, "inbox.db-shm": 0o600}


def contents(path: Path) -> list[str]:
    """All that is in an SQLite file, as SQL."""
    with closing(sqlite3.connect(path)) as opened:
        return list(opened.iterdump())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nonsense", "receive.inbox: is not an SQLAlchemy URL"),
        ("postgresql://host:port/name", "receive.inbox: is not an SQLAlchemy URL"),
        ("mysql://root@127.0.0.1/x", "kept in sqlite or postgresql, not in mysql"),
        ("sqlite://", "an inbox in memory would lose what it acknowledged"),
        ("sqlite:///{folder}/none/inbox.db", "none/inbox.db cannot be made: No such file or directory"),
        ("sqlite:///{folder}", "unable to open database file"),
        ("sqlite:///{folder}/picture.db", "file is not a database"),
        ("sqlite:///{folder}/foreign.db", "tables that are not an inbox's (look at callbacks)"),
        ("sqlite:///{folder}/newer.db", "made by a newer version"),
        ("sqlite:///{folder}/empty.db", "No row was found"),
        ("postgresql://postgres@127.0.0.1:1/x", "the inbox cannot be used"),
    ],
)
def test_what_is_no_inbox_is_a_sentence(tmp_path: Path, url: str, said: str) -> None:
    """An address, a folder, a file or a database that cannot be an inbox is told in one sentence, and is left as it is."""
    (tmp_path / "picture.db").write_bytes(secrets.token_bytes(4096))
    shape = "CREATE TABLE inbox (slot INTEGER, version INTEGER, id TEXT, newest INTEGER, acknowledged INTEGER)"
    for name, row in (("foreign", "1, 1, 'a', 0, 0"), ("newer", "1, 2, 'a', 0, 0"), ("empty", None)):
        with closing(sqlite3.connect(tmp_path / f"{name}.db")) as made:
            made.execute(shape)
            if row:
                made.execute(f"INSERT INTO inbox VALUES ({row})")
            made.commit()
    picture, tables = (tmp_path / "picture.db").read_bytes(), contents(tmp_path / "foreign.db")
    with pytest.raises(SyncError) as fault:
        open_inbox(url.format(folder=tmp_path))
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)
    assert ((tmp_path / "picture.db").read_bytes(), contents(tmp_path / "foreign.db")) == (picture, tables)


def test_a_full_disk_stores_nothing_and_passes(tmp_path: Path) -> None:
    """When the file cannot grow, the whole batch is refused as TryLater; when it can again, storing goes on without a hole."""
    with closing(open_inbox(f"sqlite:///{tmp_path / 'inbox.db'}")) as opened:
        opened.append([(NOON, "before")])
        with opened.engine.connect() as connection:
            pages = connection.scalar(sa.text("PRAGMA page_count"))
            connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        with pytest.raises(TryLater, match="database or disk is full"):
            opened.append([(NOON, "x" * 1000)] * 50)
        with opened.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA max_page_count = 1000000")
        assert opened.append([(NOON, "after")]) == 2
        assert [each.query for each in opened.page(0, 10).callbacks] == ["before", "after"]


def test_a_file_that_is_moved_away_is_not_written(tmp_path: Path) -> None:
    """Moved, deleted or replaced while it is open: nothing is taken that nobody would find again; put back, it goes on."""
    path, elsewhere = tmp_path / "inbox.db", tmp_path / "elsewhere.db"
    with closing(open_inbox(f"sqlite:///{path}")) as opened:
        opened.append([(NOON, "before")])
        os.rename(path, elsewhere)
        for replaced in (False, True):
            if replaced:
                path.touch()
            with pytest.raises(FixSetup, match=r"inbox\.db was moved, deleted or replaced while it was open"):
                opened.append([(NOON, "lost")])
        os.replace(elsewhere, path)
        assert opened.append([(NOON, "after")]) == 2
    with closing(open_inbox(f"sqlite:///{path}")) as again:
        assert [each.query for each in again.page(0, 10).callbacks] == ["before", "after"]


def test_a_fault_shows_no_callback(inbox: Inbox) -> None:
    """What a callback said is personal data: no fault repeats it."""
    with inbox.engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE callbacks"))
    with pytest.raises(SyncError) as fault:
        inbox.append([(NOON, "call=0612345678")])
    assert "0612345678" not in str(fault.value)
