"""Turns: who may send now, and how anybody waits.

Law: nobody waits on when the run is to end. A wait is broken off by a signal within a moment, and one that would last beyond the
run's deadline is not begun. What the vendor asks of one, all who send heed.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from sync_connector.flow.pace import Pace, Slots

LOOK_EVERY = 0.1  # a signal's handler cannot wake a task, so somebody looks
WALL = time.time


@dataclass(slots=True)
class Instruments:
    """Time and chance, so that a test needs neither. `now`: seconds since 1970, which dates are held against; `ticks`: seconds of
    a clock that nobody sets, by which waits are measured. Whoever brings a time of his own has but one."""

    now: Callable[[], float] = WALL
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random
    ticks: Callable[[], float] = time.monotonic

    def __post_init__(self) -> None:
        if self.now is not WALL and self.ticks is time.monotonic:
            self.ticks = self.now


@dataclass(slots=True)
class Turns:
    """Who sends takes a place, waits until it may send, and leaves. `stopping` says that the run is to end; `until`: when it is
    to end by itself, in seconds since 1970."""

    pace: Pace
    rate: float
    instruments: Instruments
    stopping: Callable[[], bool]
    until: float | None = None
    _slots: Slots = field(init=False)
    _inside: int = 0
    _places: asyncio.Condition = field(default_factory=asyncio.Condition)
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._slots = Slots(self.rate)

    @property
    def ending(self) -> bool:
        """Whether nothing more is begun."""
        return self._stop.is_set() or self.stopping() or self.overdue

    @property
    def overdue(self) -> bool:
        """Whether the deadline is over."""
        return self.until is not None and self.instruments.now() >= self.until

    def end(self) -> None:
        """Nobody waits any longer."""
        self._stop.set()

    @asynccontextmanager
    async def watched(self) -> AsyncIterator[None]:
        """While the block runs, waits end as soon as the run is to end."""

        async def watch() -> None:
            while not self.ending:
                await asyncio.sleep(LOOK_EVERY)
            self.end()

        watching = asyncio.create_task(watch())
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.wait({watching})

    @asynccontextmanager
    async def place(self) -> AsyncIterator[None]:
        """A place among those who may be under way at once, while the block runs."""
        await self.enter()
        try:
            yield
        finally:
            await self.leave()

    async def enter(self) -> None:
        """Wait for a place, and take it."""
        async with self._places:
            await self._places.wait_for(lambda: self._inside < self.pace.concurrency)
            self._inside += 1

    async def leave(self) -> None:
        """Give the place to another."""
        async with self._places:
            self._inside -= 1
            self._places.notify_all()

    async def pause(self, seconds: float) -> bool:
        """Wait for so many seconds. False: not all of them, since the run ends before; then it ends for all, for who asks on
        without waiting meets a vendor that has just asked us to wait."""
        if self.until is not None and self.instruments.now() + seconds >= self.until:
            self.end()
        if self.ending:
            return False
        waits = [asyncio.ensure_future(self.instruments.sleep(seconds)), asyncio.ensure_future(self._stop.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        return not self.ending

    async def slot(self) -> bool:
        """Wait for a start time that keeps to the rate. False: the run ends before."""
        wait = self._slots.wait(self.instruments.ticks())
        return wait <= 0 or await self.pause(wait)
