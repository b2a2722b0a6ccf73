"""Load: batches to the vendor, and a verdict for every contact of them.

Law: async here and nowhere else in the flow. Nothing is called accepted without the vendor's word; each batch's verdicts
are handed over (to the ledger) before the next batch of that worker is begun. Request bodies carry the password: they
are never logged, and neither is any answer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import NoReturn

import httpx

from sync_connector.errors import SyncError, TryLater
from sync_connector.flow.attempt import Failed, Sign, attempt
from sync_connector.flow.pace import Pace, Patience, RetryBudget, wait_before
from sync_connector.flow.post import Endpoint
from sync_connector.flow.turns import Instruments, Turns
from sync_connector.model import Contact, Outgoing, Reply, Verdict

__all__ = ["Instruments", "Loader"]

UNREACHABLE_LIMIT = 3  # requests in a row, tries included, that reached nobody
SILENCE_LIMIT = 20  # batches and parts in a row, for each worker, without an answer of the API; a poisoned batch stays below
LATE_TRIES = 2  # of a batch whose answer is late, and one of its parts: a smaller one may be in time, the same one hardly

Part = list[tuple[int, Outgoing]]
"""Some contacts of a batch, each with its place in it."""
Unknown = Reply(Verdict.UNKNOWN)
GIVEN_UP = "the vendor gives no answer, or is too busy, for longer than this run has patience ({}); "
AGAIN = "what was settled is kept, run it again later"


class _Ended(Exception):
    """The run ends before this could leave."""


@dataclass(slots=True)
class _Course:
    """What the attempts at one request have come to. `whole`: it is a batch, and no part of one that failed."""

    whole: bool
    sent: bool = False
    reached: bool = False


async def _nobody_else() -> None:
    return None


@dataclass(slots=True)
class Loader:
    """Sends contacts in batches. `begin` is told of a batch before it leaves, `settle` of its verdicts; both must be durable
    when they return. `stopping` is asked before each batch: if true, no more batches are begun; and none after `until` (seconds
    since 1970). `batch_size` and `concurrency` are the most; the pace says how much of them is used.

    `hold` is awaited before anything is sent again: it raises where another run has taken over, whose newer contacts ours would
    overwrite. The patience's `give_up_after` is the whole run's: so long it goes on without any verdict of the vendor."""

    endpoint: Endpoint
    client: httpx.AsyncClient
    begin: Callable[[Sequence[Outgoing]], Awaitable[int]]
    settle: Callable[[int, Sequence[Outgoing], Sequence[Reply]], Awaitable[None]]
    stopping: Callable[[], bool]
    concurrency: int = 4
    patience: Patience = field(default_factory=Patience)
    rate: float = 0.0
    instruments: Instruments = field(default_factory=Instruments)
    batch_size: int = 100
    until: float | None = None
    hold: Callable[[], Awaitable[None]] = _nobody_else
    posts: int = 0
    unsent: int = 0
    pace: Pace = field(init=False)
    retries: RetryBudget = field(default_factory=RetryBudget)
    _turns: Turns = field(init=False)
    _heard_at: float = 0.0  # when the vendor last gave a verdict
    _unreachable: int = 0
    _silent: int = 0
    _workers: int = 1
    _judged: bool = False  # some contact has had a verdict: whoever answers is the vendor

    def __post_init__(self) -> None:
        self.pace = Pace(self.batch_size, self.concurrency, self.client.timeout.read or 30.0)
        self._turns = Turns(self.pace, self.rate, self.instruments, self.stopping, self.until)

    async def load(self, contacts: Iterator[Outgoing]) -> None:
        """Send all of them. The first batch goes alone: wrong credentials are refused once, not once a worker.

        Raises `CredentialsRefused`, `FixSetup` (wrong address), `TryLater` (nobody answers); what was settled stays.
        """
        self._heard_at = self.instruments.ticks()
        async with self._turns.watched():
            await self._work(contacts, most=1)
            self._workers = self.concurrency
            workers = [asyncio.create_task(self._work(contacts)) for _ in range(self.concurrency)]
            try:
                await asyncio.gather(*workers)
            except SyncError:
                # The others finish the batch that they have in flight, without patience: its verdicts are worth having.
                self._turns.end()
                self.patience = self.patience._replace(tries=1)
                await asyncio.gather(*workers, return_exceptions=True)
                raise
            if self.unsent and not self._turns.ending:
                raise TryLater(
                    f"{self.unsent} contacts could not be sent: the vendor was not reached, or was too busy; run it again later"
                )

    def slowed(self) -> dict[str, int] | None:
        """How far the pace was lowered and how often a request was repeated, if the pace ever was."""
        pace = self.pace
        if not pace.lowered:
            return None
        lowest = {"lowest_batch_size": pace.lowest_batch_size, "lowest_concurrency": pace.lowest_concurrency}
        return {"batch_size": self.batch_size, "concurrency": self.concurrency, **lowest, "retries": self.retries.taken}

    async def _work(self, contacts: Iterator[Outgoing], most: int | None = None) -> None:
        """Send batch after batch, so many at most, each when it is its turn."""
        while (most is None or most > 0) and not self._turns.ending:
            async with self._turns.place():
                if self._turns.ending or not (batch := list(islice(contacts, self.pace.batch_size))):
                    return
                if not await self._ready():
                    return
                await self._send(batch)
            most = most and most - 1

    async def _ready(self) -> bool:
        """Wait until the vendor may be asked again, and for the rate. False: the run ends before. Raises `TryLater`."""
        while (peace := self.pace.peace(self.instruments.ticks())) > 0:
            if self._spent() + peace > self.patience.give_up_after:
                raise TryLater(GIVEN_UP.format(f"it asks to be left in peace for {peace:.0f} s") + AGAIN)
            if not await self._turns.pause(peace):
                return False
        return await self._turns.slot() and not self._turns.overdue

    def _spent(self) -> float:
        return self.instruments.ticks() - self._heard_at

    async def _send(self, batch: Sequence[Outgoing]) -> None:
        ticket = await self.begin(batch)
        replies: dict[int, Reply] = {}
        failure = None
        try:
            await self._resolve([list(enumerate(batch))], replies, self.patience, whole=True)
        except _Ended:
            pass
        except SyncError as fault:  # anything else leaves the ticket open: the next run takes the batch for unknown
            failure = fault
        answered = sorted(replies)
        self.unsent += len(batch) - len(answered)
        await self.settle(ticket, [batch[p] for p in answered], [replies[p] for p in answered])
        if failure is not None:
            raise failure

    async def _resolve(
        self, parts: Iterable[Part], replies: dict[int, Reply], patience: Patience, *, whole: bool = False
    ) -> None:
        """Verdicts for a batch, or for its parts: what has none is halved until the contact that spoils it is alone.

        Both halves are asked before a quarter of one is: where one contact keeps the vendor from answering, the other half shows
        soon that it is not the vendor who is silent, and the run's patience has not run out. A contact that the vendor cannot
        have seen gets no reply; one that it may have seen gets one in any case. Raises `_Ended`.
        """
        waiting, open_parts = deque(parts), []
        while waiting:
            part = waiting.popleft()
            if len(part) > self.pace.batch_size and not whole:
                waiting.appendleft(part[self.pace.batch_size :])
                part = part[: self.pace.batch_size]
            open_parts.append(await self._ask(part, replies, patience, whole=whole))
        for smaller in filter(None, open_parts):
            await self._resolve(smaller, replies, patience._replace(tries=min(2, patience.tries)))

    async def _ask(self, part: Part, replies: dict[int, Reply], patience: Patience, *, whole: bool) -> list[Part]:
        """Verdicts for a part of a batch, and what of it is to be asked for again, in smaller parts."""
        contacts = [outgoing.contact for _, outgoing in part]
        course = _Course(whole)
        try:
            answers = await self._persist(contacts, patience, course)
        except (Failed, _Ended, SyncError) as failure:
            if course.sent:
                replies.update((position, Unknown) for position, _ in part)
            if not isinstance(failure, Failed):
                raise
            self._count(failure, course)
            if not failure.split or len(part) == 1:
                return []
            answers = [Unknown] * len(part)
        else:
            self._judged = self._judged or any(answer.verdict is not Verdict.UNKNOWN for answer in answers)
            self._unreachable = 0
            self._silent = 0 if self._judged else self._silent + 1
        open_part = []
        for (position, outgoing), reply in zip(part, answers, strict=True):
            replies[position] = reply
            if reply.verdict is Verdict.UNKNOWN:
                open_part.append((position, outgoing))
        if self._silent >= SILENCE_LIMIT * self._workers or self._spent() > self.patience.give_up_after:
            self._end("the vendor answers without a verdict on any contact; run it again later")
        if len(part) == 1 or not open_part:
            return []
        if len(open_part) < len(part):  # a few without an answer are sent again on their own
            return [open_part]
        half = (len(part) + 1) // 2
        return [open_part[:half], open_part[half:]]

    def _count(self, failure: Failed, course: _Course) -> None:
        """One more request without an answer. Raises `TryLater` or `_Ended` where there were enough of them."""
        if course.reached:
            self._silent += 1
        else:
            self._unreachable += 1
        if self._turns.ending and (failure.silent or not failure.split):
            raise _Ended  # who told the run to end does not wait for a vendor that lets each part of a batch wait
        if self._spent() > self.patience.give_up_after:
            self._end(GIVEN_UP.format(failure) + AGAIN)
        if self._unreachable >= UNREACHABLE_LIMIT or self._silent >= SILENCE_LIMIT * self._workers or not self.posts:
            self._end(f"the vendor gives no answer ({failure}); {AGAIN}")

    def _end(self, why: str) -> NoReturn:
        """Enough. Raises `TryLater`, or `_Ended` where the run ends anyway."""
        raise _Ended if self._turns.ending else TryLater(why)

    async def _persist(self, contacts: Sequence[Contact], patience: Patience, course: _Course) -> list[Reply]:
        """The answer to one request, tried again as patience and budget allow. Raises `Failed`, `_Ended`, `TryLater`."""
        tried = 0
        if not course.whole or self.pace.peace(self.instruments.ticks()):  # asked for while the ledger noted the batch
            if not await self._ready():
                raise _Ended
            await self.hold()
        while True:
            if self._turns.overdue:  # the ledger took its time to note that the batch leaves
                raise _Ended
            try:
                return await self._attempt(contacts, whole=course.whole)
            except Failed as failure:
                course.sent |= failure.sent
                course.reached |= failure.reached
                tries = min(patience.tries, self.patience.tries)
                if failure.silent and len(contacts) > 1:
                    tries = min(tries, LATE_TRIES if course.whole else 1)
                tried += 1
                if tried >= tries or not failure.again or self._turns.ending:
                    raise
                wait = wait_before(tried + 1, patience, self._spent(), self.instruments.chance(), failure.asked)
                if wait is None and not failure.split:
                    raise TryLater(GIVEN_UP.format(failure) + AGAIN) from None
                if wait is None or not self.retries.take():
                    raise
                await self._turns.leave()
                try:
                    waited = await self._turns.pause(wait)
                finally:
                    await self._turns.enter()
                if not waited or not await self._ready():
                    raise
                await self.hold()

    async def _attempt(self, contacts: Sequence[Contact], *, whole: bool) -> list[Reply]:
        """One request; how it goes sets the pace. Raises what `attempt` raises."""
        self.posts += 1
        begun = self.instruments.ticks()
        try:
            replies = await attempt(self.client, self.endpoint, contacts, self.instruments.now)
        except Failed as failure:
            self.posts -= not failure.reached
            now = self.instruments.ticks()
            if failure.sign is Sign.BUSY:
                self.pace.busy(begun, now, failure.asked)
            elif failure.sign is Sign.TOO_LARGE:
                self.pace.too_large(len(contacts))
            elif failure.sign is Sign.LATE and whole:  # one contact can make a part of a batch late, however small
                self.pace.late(len(contacts), begun, now)
            raise
        if any(reply.verdict is not Verdict.UNKNOWN for reply in replies):
            self._heard_at = self.instruments.ticks()
            self.pace.answered(len(contacts), begun, self._heard_at)
            self.retries.answered()
        return replies
