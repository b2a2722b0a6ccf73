"""Load: batches to the vendor, and a verdict for every contact of them.

Law: async here and nowhere else in the flow. Nothing is called accepted without the vendor's word; each batch's verdicts
are handed over (to the ledger) before the next batch of that worker is begun. Request bodies carry the password: they
are never logged, and neither is any answer.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.errors import CredentialsRefused, FixSetup, SyncError, TryLater
from sync_connector.flow.pace import Patience, Slots, retry_after, wait_before
from sync_connector.flow.post import (
    BODY_LIMIT,
    BODY_LIMIT_EACH,
    CREDENTIALS,
    NO_ENTRY,
    TOO_BUSY,
    TRANSIENT,
    WRONG_ADDRESS,
    Endpoint,
    NoAnswer,
    post,
)
from sync_connector.model import Contact, Outgoing, Reply, Verdict

UNREACHABLE_LIMIT = 3  # requests in a row, tries included, that reached nobody
SILENCE_LIMIT = 20  # batches and parts in a row, for each worker, without an answer of the API; a poisoned batch stays below

Unknown = Reply(Verdict.UNKNOWN)


@dataclass(slots=True)
class Instruments:
    """Time and chance, so that a test needs neither."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    chance: Callable[[], float] = random.random


class _Failed(Exception):
    """One attempt at a batch brought no answer to it. `split`: a smaller batch may fare better. `sent`: the vendor may
    have taken it. `reached`: somebody was there. `again`: the same request may fare better later."""

    def __init__(
        self, why: str, *, split: bool, sent: bool = True, reached: bool = True, asked: float | None = None, again: bool = True
    ) -> None:
        super().__init__(why)
        self.split, self.sent, self.reached, self.asked, self.again = split, sent, reached, asked, again


@dataclass(slots=True)
class _Course:
    """What the attempts at one request have come to."""

    sent: bool = False
    reached: bool = False


async def _nobody_else() -> None:
    return None


@dataclass(slots=True)
class Loader:
    """Sends batches. `begin` is told of a batch before it leaves, `settle` of its verdicts; both must be durable when
    they return. `stopping` is asked before each batch: if true, no more batches are begun. `hold` is awaited before anything is
    sent again: it raises where another run has taken over, whose newer contacts ours would overwrite."""

    endpoint: Endpoint
    client: httpx.AsyncClient
    begin: Callable[[Sequence[Outgoing]], Awaitable[int]]
    settle: Callable[[int, Sequence[Outgoing], Sequence[Reply]], Awaitable[None]]
    stopping: Callable[[], bool]
    concurrency: int = 4
    patience: Patience = field(default_factory=Patience)
    rate: float = 0.0
    instruments: Instruments = field(default_factory=Instruments)
    hold: Callable[[], Awaitable[None]] = _nobody_else
    posts: int = 0
    unsent: int = 0
    _slots: Slots = field(default_factory=lambda: Slots(0.0))
    _unreachable: int = 0
    _silent: int = 0
    _workers: int = 1
    _judged: bool = False  # some contact has had a verdict: whoever answers is the vendor

    async def load(self, batches: Iterator[Sequence[Outgoing]]) -> None:
        """Send every batch. The first goes alone: wrong credentials are refused once, not once a worker.

        Raises `CredentialsRefused`, `FixSetup` (wrong address), `TryLater` (nobody answers); what was settled stays.
        """
        self._slots = Slots(self.rate)
        first = next(batches, None)
        if first is None or self.stopping():
            return
        await self._send(first)
        self._workers = self.concurrency
        workers = [asyncio.create_task(self._work(batches)) for _ in range(self.concurrency)]
        try:
            await asyncio.gather(*workers)
        except SyncError:
            # The others finish the batch that they have in flight, without patience: its verdicts are worth having.
            self.stopping = lambda: True
            self.patience = self.patience._replace(tries=1)
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        if self.unsent:
            raise TryLater(
                f"{self.unsent} contacts could not be sent: the vendor was not reached, or was too busy; run it again later"
            )

    async def _work(self, batches: Iterator[Sequence[Outgoing]]) -> None:
        while not self.stopping() and (batch := next(batches, None)) is not None:
            await self._send(batch)

    async def _send(self, batch: Sequence[Outgoing]) -> None:
        ticket = await self.begin(batch)
        replies: dict[int, Reply] = {}
        failure = None
        try:
            await self._resolve(list(enumerate(batch)), replies, self.patience)
        except SyncError as fault:  # anything else leaves the ticket open: the next run takes the batch for unknown
            failure = fault
        answered = sorted(replies)
        self.unsent += len(batch) - len(answered)
        await self.settle(ticket, [batch[p] for p in answered], [replies[p] for p in answered])
        if failure is not None:
            raise failure

    async def _resolve(self, part: list[tuple[int, Outgoing]], replies: dict[int, Reply], patience: Patience) -> None:
        """Verdicts for a part of a batch: what has none is halved until the contact that spoils it is alone.

        A contact that the vendor cannot have seen gets no reply; one that it may have seen gets one in any case.
        """
        contacts = [outgoing.contact for _, outgoing in part]
        course = _Course()
        try:
            answers = await self._persist(contacts, patience, course)
        except (_Failed, SyncError) as failure:
            if course.sent:
                replies.update((position, Unknown) for position, _ in part)
            if isinstance(failure, SyncError):
                raise
            if course.reached:
                self._silent += 1
            else:
                self._unreachable += 1
            if self._unreachable >= UNREACHABLE_LIMIT or self._silent >= SILENCE_LIMIT * self._workers or not self.posts:
                raise TryLater(f"the vendor gives no answer ({failure}); what was settled is kept, run it again later") from None
            if not failure.split or len(part) == 1:
                return
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
        if self._silent >= SILENCE_LIMIT * self._workers:
            raise TryLater("the vendor answers without a verdict on any contact; run it again later")
        if len(part) == 1:
            return
        # A few without an answer are sent again on their own; a part without any is halved.
        middle = len(open_part) // 2 if len(open_part) == len(part) else 0
        for smaller in (open_part[:middle], open_part[middle:]):
            if smaller:
                await self.hold()
                await self._resolve(smaller, replies, patience._replace(tries=min(2, patience.tries)))

    async def _persist(self, contacts: Sequence[Contact], patience: Patience, course: _Course) -> list[Reply]:
        """The answer to one request, tried again as patience allows. Raises `_Failed`."""
        begun = self.instruments.now()
        attempt = 1
        while True:
            try:
                return await self._attempt(contacts)
            except _Failed as failure:
                course.sent |= failure.sent
                course.reached |= failure.reached
                attempt += 1
                spent = self.instruments.now() - begun
                allowed = patience._replace(tries=min(patience.tries, self.patience.tries))
                wait = wait_before(attempt, allowed, spent, self.instruments.chance(), failure.asked)
                if wait is None or not failure.again or self.stopping():
                    raise
                await self.instruments.sleep(wait)
                await self.hold()

    async def _attempt(self, contacts: Sequence[Contact]) -> list[Reply]:
        wait = self._slots.wait(self.instruments.now())
        if wait > 0:
            await self.instruments.sleep(wait)
        dialect, url = self.endpoint.dialect, self.endpoint.url
        body = dialect.contacts_request(self.endpoint.login, self.endpoint.secret, contacts)
        self.posts += 1
        try:
            status, headers, answer = await post(self.client, url, body, BODY_LIMIT + BODY_LIMIT_EACH * len(contacts))
        except NoAnswer as failure:
            if not failure.reached:
                self.posts -= 1
            raise _Failed(failure.why, split=failure.sent, sent=failure.sent, reached=failure.reached) from None
        if status in NO_ENTRY:
            raise CredentialsRefused(CREDENTIALS.format(f"it answered {status}"))
        if status in WRONG_ADDRESS:
            raise FixSetup(f"{url} is not the vendor's address: it answered {status}; check vendor.base_url and vendor.dialect")
        if status in TOO_BUSY:
            asked = retry_after(headers.get("Retry-After"), self.instruments.now())
            raise _Failed(f"status {status}", split=False, sent=status != 429, asked=asked)
        try:
            replies = dialect.contacts_reply(contacts, answer)
        except WrongCredentials:
            raise CredentialsRefused(CREDENTIALS.format("its answer says so")) from None
        except NotAReply as problem:
            why = str(problem) if 200 <= status < 300 else f"status {status}"
            raise _Failed(why, split=True, again=status in TRANSIENT or 200 <= status < 300) from None
        if not 200 <= status < 300:
            raise _Failed(f"status {status}", split=True, again=status in TRANSIENT)
        return replies
