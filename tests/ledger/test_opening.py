"""Opening a ledger."""

from __future__ import annotations

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
