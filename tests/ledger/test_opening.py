"""Opening a ledger."""

from __future__ import annotations

import multiprocessing
from multiprocessing.synchronize import Barrier

import pytest
import sqlalchemy as sa

from sync_connector.ledger.opening import open_engine


def test_a_fault_of_the_database_shows_nobodys_number(ledger_url: str) -> None:
    """What a statement was given is personal data: a fault names the statement, not the values."""
    engine = open_engine(ledger_url, write=True)
    with engine.connect() as connection, pytest.raises(sa.exc.SQLAlchemyError) as fault:
        connection.execute(
            sa.text("SELECT no_such_column FROM contacts WHERE phone_number = :number"), {"number": "+33612345678"}
        )
    engine.dispose()
    assert "no_such_column" in str(fault.value)
    assert "612345678" not in str(fault.value)


def _open(url: str, together: Barrier) -> None:
    together.wait(60)
    open_engine(url, write=True).dispose()


def test_several_that_open_a_ledger_at_once_make_it_once(ledger_url: str) -> None:
    """A sync, a pull and a sender that start at the same moment, before the ledger is there, wait for each other, and all have
    it."""
    spawning = multiprocessing.get_context("spawn")
    together = spawning.Barrier(4)
    processes = [spawning.Process(target=_open, args=(ledger_url, together)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0] * 4
