"""Keeping a lease while its holder is busy elsewhere: reading a CRM, waiting for a sink, or for a person to say yes."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import sqlalchemy as sa

from sync_connector.errors import LeaseLost
from sync_connector.ledger.leases import SECONDS, Purpose
from sync_connector.ledger.nouns import Scope
from sync_connector.ledger.store import Ledger


@contextmanager
def kept(ledger: Ledger, scope: Scope, purpose: Purpose, renew: Callable[[], None]) -> Iterator[None]:
    """Have the lease while the block runs, however long that takes. `renew` prolongs it. Raises `AskPerson` where another has
    it."""
    ended = threading.Event()

    def keep() -> None:
        while not ended.wait(SECONDS / 4):
            # The next thing that is written finds out as well; a ledger that does not answer may do so before the lease expires.
            with suppress(LeaseLost, sa.exc.DBAPIError, sa.exc.TimeoutError):
                renew()

    with ledger.lease(scope, purpose):
        keeper = threading.Thread(target=keep, daemon=True)
        keeper.start()
        try:
            yield
        finally:
            ended.set()
            keeper.join()
