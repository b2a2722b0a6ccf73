"""Group commit: what waits to be stored goes into one transaction, so that being durable costs no throughput.

Law: who waits for `store` is told only after the commit. One transaction is under way at a time; what comes meanwhile is the
next one. When the inbox fails, those who wait are told so, and the next callback tries again.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import NamedTuple

from sync_connector.errors import SyncError, TryLater
from sync_connector.events.inbox import Inbox
from sync_connector.events.meters import Meters

WAITING = 10_000  # callbacks that wait at most
WAITING_SIZE = 32 << 20  # characters of them

log = logging.getLogger("sync_connector.receive")


class _Waiting(NamedTuple):
    received_at: datetime
    query: str
    stored: asyncio.Future[None]


class GroupCommit:
    """Stores callbacks into an inbox. `fault` says why the last commit failed, and is `None` if it did not."""

    def __init__(self, inbox: Inbox, meters: Meters) -> None:
        self.fault: SyncError | None = None
        self._inbox, self._meters = inbox, meters
        self._waiting: list[_Waiting] = []
        self._size = 0
        self._writer: asyncio.Task[None] | None = None
        self._thread = ThreadPoolExecutor(1, "inbox")

    async def store(self, query: str) -> None:
        """Return when the callback is on disk. Raises `SyncError` when it is not stored: too many wait, or the inbox failed.

        A caller that is cancelled does not take its callback back.
        """
        if len(self._waiting) >= WAITING or self._size + len(query) > WAITING_SIZE:
            raise TryLater("too many callbacks wait to be stored")
        stored = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(datetime.now(UTC), query, stored))
        self._size += len(query)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write())
        await stored

    async def works(self) -> bool:
        """Whether the inbox can be written. It is tried with nothing, unless callbacks are being stored: then that tells."""
        if self._writer is None or self._writer.done():
            self._tell(await self._commit(()))
        return self.fault is None

    async def close(self) -> None:
        """Store what waits, and end."""
        if self._writer is not None:
            await self._writer
        self._thread.shutdown()

    async def _write(self) -> None:
        while self._waiting:
            batch, self._waiting, self._size = self._waiting, [], 0
            began = time.perf_counter()
            fault = await self._commit([(each.received_at, each.query) for each in batch])
            self._tell(fault)
            if fault is None:
                self._meters.seconds.observe(time.perf_counter() - began)
                self._meters.size.observe(len(batch))
                self._meters.stored.inc(len(batch))
                self._meters.last = batch[-1].received_at.timestamp()
            for each in batch:
                if each.stored.done():  # its request was cancelled
                    continue
                if fault is None:
                    each.stored.set_result(None)
                else:
                    each.stored.set_exception(TryLater(*fault.faults))

    async def _commit(self, arrivals: Sequence[tuple[datetime, str]]) -> SyncError | None:
        try:
            await asyncio.get_running_loop().run_in_executor(self._thread, self._inbox.append, arrivals)
        except SyncError as fault:
            return fault
        except Exception as fault:  # whatever it is, those who wait must be told, and it may hold a callback
            return SyncError(f"the inbox failed: {type(fault).__name__}")
        return None

    def _tell(self, fault: SyncError | None) -> None:
        if fault is not None and self.fault is None:
            log.error("callbacks cannot be stored, and are answered 503 until they can: %s", fault)
        elif fault is None and self.fault is not None:
            log.warning("callbacks are stored again")
        self.fault = fault
