"""Send: planned messages to the vendor, each at most once.

Law: a message is in the ledger before its request leaves, and a request that may have been taken is never sent again: without a
trustworthy answer its messages are unknown, until a callback or a person settles them. Only what certainly never reached the
vendor is tried again. Request bodies carry the access key: they are never logged, and neither is any answer.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

import httpx

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.errors import CredentialsRefused, FixSetup, SyncError, TryLater
from sync_connector.flow.pace import Pace, Patience, retry_after, wait_before
from sync_connector.flow.post import BODY_LIMIT, BODY_LIMIT_EACH, NO_ENTRY, WRONG_ADDRESS, Answer, Endpoint, NoAnswer, post
from sync_connector.flow.turns import Instruments, Turns
from sync_connector.ledger.nouns import Outbound
from sync_connector.model import Manner, MessageReply, Verdict

SILENCE_LIMIT = 5
"""Requests in a row that may have been taken, and of which nobody knows: then it is better to ask a person than to go on."""
NOT_TAKEN = frozenset({411, 413, 415, 429})
"""Answers of a server that has not looked at what the request says."""

UNKNOWN = MessageReply(Verdict.UNKNOWN)
OPTED_OUT = "its number opted out before it left"
REFUSED = "the vendor does not accept the login or the access key ({}); check ARDARY_LOGIN and ARDARY_ACCESS_KEY"


class NotTaken(Exception):
    """The vendor certainly took nothing of this request. `asked`: seconds that it wants to be left in peace."""

    def __init__(self, why: str, *, again: bool = True, asked: float | None = None) -> None:
        super().__init__(why)
        self.again, self.asked = again, asked


@dataclass(slots=True)
class Sender:
    """Sends batches, one after the other, in their order. `begin` is told of one before it leaves, `settle` of its replies,
    `not_sent` that it never left, and why; all are durable when they return. `stopping` is asked before each.

    A vendor that is busy makes us wait, and meanwhile somebody says STOP, it gets late, or another run takes over. So before a
    request is repeated `opted_out` is asked which of these numbers get no more messages, and `may_leave`, whether the others may
    be written to at this hour; it raises `LeaseLost` where we must not send at all."""

    endpoint: Endpoint
    client: httpx.AsyncClient
    begin: Callable[[Sequence[Outbound], Manner], None]
    settle: Callable[[Sequence[Outbound], Sequence[MessageReply]], None]
    not_sent: Callable[[Sequence[Outbound], str], None]
    stopping: Callable[[], bool]
    patience: Patience = field(default_factory=Patience)
    rate: float = 0.0
    instruments: Instruments = field(default_factory=Instruments)
    opted_out: Callable[[Sequence[str]], Collection[str]] = lambda _: ()
    may_leave: Callable[[Sequence[Outbound]], bool] = lambda _: True
    posts: int = 0
    _silent: int = 0
    _turns: Turns = field(init=False)

    async def send(self, batches: Iterable[tuple[Manner, Sequence[Outbound]]]) -> None:
        """Send every batch. Raises `CredentialsRefused`, `FixSetup` (wrong address), `TryLater` (nobody answers); what was
        settled stays, and what was not begun is offered by the next run of the campaign."""
        self._turns = Turns(Pace(1, 1), self.rate, self.instruments, self.stopping)
        async with self._turns.watched():
            await self._send(batches)

    async def _send(self, batches: Iterable[tuple[Manner, Sequence[Outbound]]]) -> None:
        for manner, batch in batches:
            if self.stopping() or not await self._turns.slot():
                return
            self.begin(batch, manner)
            try:
                batch, replies = await self._persist(batch, manner)
            except NotTaken as failure:
                self.not_sent(batch, str(failure))
                if self.stopping():
                    return
                raise TryLater(
                    f"the vendor takes no messages now ({failure}); what was not sent is sent when the same command is run again"
                ) from None
            except SyncError as fault:  # of a setup that is wrong: nobody looked at the messages
                self.not_sent(batch, str(fault))
                raise
            self.settle(batch, replies)
            if self._silent >= SILENCE_LIMIT:
                raise TryLater(
                    f"{self._silent} requests in a row brought no answer, and their messages are unknown; look at "
                    "`sync-connector sms resolve`, and run the same command again for the rest"
                )

    async def _persist(self, batch: Sequence[Outbound], manner: Manner) -> tuple[Sequence[Outbound], Sequence[MessageReply]]:
        """What left in the end, and the replies to it. A request is repeated only while it certainly was not taken."""
        begun = self.instruments.ticks()
        attempt = 1
        while True:
            try:
                return batch, await self._attempt(batch, manner)
            except NotTaken as failure:
                attempt += 1
                spent = self.instruments.ticks() - begun
                wait = wait_before(attempt, self.patience, spent, self.instruments.chance(), failure.asked)
                if wait is None or not failure.again or not await self._turns.pause(wait):
                    raise
            batch = self._still_wanted(batch)
            if not batch:
                return (), ()
            if not self.may_leave(batch):
                raise NotTaken("the allowed hours ended while it was busy")

    def _still_wanted(self, batch: Sequence[Outbound]) -> Sequence[Outbound]:
        """Of messages that were begun those that may still leave; the others did not."""
        stopped = self.opted_out([one.message.phone_number for one in batch])
        out = [one for one in batch if one.message.phone_number in stopped]
        if out:
            self.not_sent(out, OPTED_OUT)
        return [one for one in batch if one.message.phone_number not in stopped]

    async def _attempt(self, batch: Sequence[Outbound], manner: Manner) -> list[MessageReply]:
        messages = [one.message for one in batch]
        endpoint = self.endpoint
        dialect = endpoint.dialect
        body = dialect.messages_request(endpoint.login, endpoint.secret, messages, manner)
        unknown = [UNKNOWN] * len(batch)
        try:
            answer = await post(self.client, endpoint.url, body, BODY_LIMIT + BODY_LIMIT_EACH * len(batch))
            self.posts += 1
        except NoAnswer as failure:
            if failure.sent:
                self.posts += 1
                self._silent += 1
                return unknown
            raise NotTaken(failure.why) from None
        refuse(answer, endpoint, self.instruments.now())
        try:
            replies = dialect.messages_reply(messages, answer.body)
        except WrongCredentials:
            raise CredentialsRefused(REFUSED.format("its answer says so")) from None
        except NotAReply:
            replies = unknown
        if not 200 <= answer.status < 300:
            replies = unknown
        heard = any(reply.verdict is not Verdict.UNKNOWN for reply in replies)
        self._silent = 0 if heard else self._silent + 1
        return replies


def refuse(answer: Answer, endpoint: Endpoint, now: float) -> None:
    """Raise where a status says that nobody looked at the request. `now`: seconds since 1970, for a `Retry-After`.

    Raises `CredentialsRefused`, `FixSetup`, `NotTaken`.
    """
    if answer.status in NO_ENTRY:
        raise CredentialsRefused(REFUSED.format(f"it answered {answer.status}"))
    if answer.status in WRONG_ADDRESS:
        advice = "check vendor.base_url and vendor.dialect"
        raise FixSetup(f"{endpoint.url} is not the vendor's address: it answered {answer.status}; {advice}")
    if answer.status in NOT_TAKEN:
        asked = retry_after(answer.headers.get("Retry-After"), now)
        raise NotTaken(f"status {answer.status}", again=answer.status == 429, asked=asked)
