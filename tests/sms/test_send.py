"""Send: each message at most once, against every way in which a vendor can answer.

Nothing waits here: sleeping is recorded and moves a clock, chance is fixed, the vendor is a function.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.errors import CredentialsRefused, FixSetup, SyncError, TryLater
from sync_connector.flow.load import Instruments
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import Endpoint
from sync_connector.ledger.nouns import Outbound
from sync_connector.model import Manner, Message, MessageReply, Verdict
from sync_connector.sms.send import SILENCE_LIMIT, Sender

KEY = "hunter2-very-secret"
URL = "https://vendor.invalid/api/sendSms"
Answer = httpx.Response | Exception
Vendor = Callable[[list[str]], Answer]
BUSY = httpx.Response(429, headers={"Retry-After": "7"})


def outbound(number: int) -> Outbound:
    """A message; each number makes another."""
    return Outbound(Message(f"id-{number}", f"+3361234{number:04d}", "Bonjour"), "march", f"{number}", 1)


def batches(count: int, size: int) -> list[list[Outbound]]:
    """So many messages, cut."""
    made = [outbound(number) for number in range(count)]
    return [made[start : start + size] for start in range(0, count, size)]


def good(ids: list[str], sent: int = 1) -> Answer:
    """The answer of the vendor's page."""
    return httpx.Response(200, json=[{"id_sms_api": one, "sms_per_message": 1, "sent": sent} for one in ids])


@dataclass
class Run:
    """One sending, with everything that happened in it."""

    vendor: Vendor
    patience: Patience = field(default_factory=Patience)
    stop_after: int | None = None
    clock: float = 1_000_000.0
    waits: list[float] = field(default_factory=list)
    posts: list[list[str]] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    replies: dict[str, MessageReply] = field(default_factory=dict)
    unsent: dict[str, str] = field(default_factory=dict)
    fault: SyncError | None = None

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += seconds

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert body["header"][0]["accesskey"] == KEY
        ids = [message["id_sms_api"] for message in body["messages"]]
        self.posts.append(ids)
        assert set(ids) <= set(self.begun), "a request left before the ledger knew of it"
        answer = self.vendor(ids)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _begin(self, batch: Sequence[Outbound], _: Manner) -> None:
        self.begun += [one.message.id_sms_api for one in batch]

    def _settle(self, batch: Sequence[Outbound], replies: Sequence[MessageReply]) -> None:
        self.replies.update((one.message.id_sms_api, reply) for one, reply in zip(batch, replies, strict=True))

    def _not_sent(self, batch: Sequence[Outbound], reason: str) -> None:
        self.unsent.update((one.message.id_sms_api, reason) for one in batch)

    def _stopping(self) -> bool:
        return self.stop_after is not None and len(self.replies) >= self.stop_after

    async def _send(self, these: Sequence[Sequence[Outbound]]) -> None:
        async with httpx.AsyncClient(transport=httpx.MockTransport(self._handle)) as client:
            endpoint = Endpoint(dialects.find("ardary"), URL, "me@x.fr", KEY)
            instruments = Instruments(lambda: self.clock, self._sleep, lambda: 0.0)
            sender = Sender(endpoint, client, self._begin, self._settle, self._not_sent, self._stopping, self.patience)
            sender.instruments = instruments
            await sender.send((Manner(), batch) for batch in these)

    def of(self, these: Sequence[Sequence[Outbound]]) -> Run:
        """Send these; a `SyncError` is kept."""
        try:
            asyncio.run(self._send(these))
        except SyncError as fault:
            self.fault = fault
        assert KEY not in repr(self.fault) + repr(self.fault and self.fault.__cause__)
        assert set(self.begun) == set(self.replies) | set(self.unsent), "a message was begun and nothing became of it"
        assert not set(self.replies) & set(self.unsent)
        return self

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many messages have which verdict."""
        return Counter(reply.verdict for reply in self.replies.values())


def test_a_signal_breaks_off_a_wait() -> None:
    """Who waits for the vendor's peace to end goes when the run is to end: the batch is unsent, and nothing failed."""

    class Sleepless(Run):
        async def _sleep(self, seconds: float) -> None:
            self.waits.append(seconds)
            await asyncio.Event().wait()

        def _stopping(self) -> bool:
            return bool(self.waits)

    run = Sleepless(lambda ids: good(ids) if "id-0" in ids else httpx.Response(429, headers={"Retry-After": "250"}))
    run.of(batches(6, 2))
    assert run.fault is None
    assert run.waits == [250.0]
    assert run.verdicts == {Verdict.ACCEPTED: 2}
    assert set(run.unsent) == {"id-2", "id-3"}
    assert len(run.posts) == 2


def test_every_message_has_its_verdict() -> None:
    """Batches leave in their order, one request each; what the vendor refuses is refused by itself."""
    run = Run(lambda ids: good(ids, sent=0) if "id-4" in ids else good(ids)).of(batches(7, 3))
    assert [len(post) for post in run.posts] == [3, 3, 1]
    assert run.verdicts == {Verdict.ACCEPTED: 4, Verdict.REFUSED: 3}
    assert run.fault is None


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        httpx.ReadError("cut"),
        httpx.RemoteProtocolError("cut"),
        httpx.WriteError("cut"),
        httpx.Response(200, text="<html>502</html>"),
        httpx.Response(200, text='[{"id_sms_api": "id-0", "se'),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"data": {}}),
        httpx.Response(400, json={"error": "no"}),
        httpx.Response(500, json=[{"id_sms_api": "id-0", "sent": 1}, {"id_sms_api": "id-1", "sent": 1}]),
        httpx.Response(502, text="Bad Gateway"),
        httpx.Response(503, headers={"Retry-After": "1"}),
    ],
    ids=repr,
)
def test_what_may_have_been_taken_is_unknown_and_never_sent_again(answer: Answer) -> None:
    """One request, whatever came in place of its answer; the next batch is sent."""
    run = Run(lambda ids: answer if "id-0" in ids else good(ids)).of(batches(4, 2))
    assert run.posts == [["id-0", "id-1"], ["id-2", "id-3"]]
    assert run.verdicts == {Verdict.UNKNOWN: 2, Verdict.ACCEPTED: 2}
    assert (run.waits, run.fault) == ([], None)


@pytest.mark.parametrize("answer", [httpx.ConnectError("refused"), httpx.ConnectTimeout("late"), BUSY], ids=repr)
def test_what_certainly_never_arrived_is_tried_again(answer: Answer) -> None:
    """A vendor that is not reached, or too busy to look, is asked again after a while, and then takes the message once."""
    answers = iter([answer, answer])
    run = Run(lambda ids: next(answers, None) or good(ids)).of(batches(2, 2))
    assert len(run.posts) == 3
    assert run.verdicts == {Verdict.ACCEPTED: 2}
    assert run.waits == ([7.0, 7.0] if answer is BUSY else [0.25, 0.5])


def test_a_vendor_that_stays_away_leaves_the_rest_unsent() -> None:
    """What never left says so, and what was not begun is not begun: the same command sends it."""
    run = Run(lambda ids: httpx.ConnectError("refused") if "id-2" in ids else good(ids), Patience(tries=3)).of(batches(6, 2))
    assert isinstance(run.fault, TryLater)
    assert run.verdicts == {Verdict.ACCEPTED: 2}
    assert run.unsent == {"id-2": "no connection", "id-3": "no connection"}
    assert run.begun == ["id-0", "id-1", "id-2", "id-3"]


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(401), CredentialsRefused),
        (httpx.Response(403), CredentialsRefused),
        (httpx.Response(200, json={"error": "wrong access key"}), CredentialsRefused),
        (httpx.Response(404), FixSetup),
        (httpx.Response(301, headers={"Location": "https://elsewhere.invalid"}), FixSetup),
        (httpx.Response(413), TryLater),
    ],
    ids=repr,
)
def test_a_wrong_setup_stops_at_the_first_request(answer: Answer, kind: type[SyncError]) -> None:
    """No storm on an account: one request, nothing unknown, all of it to be sent once the setup is mended."""
    run = Run(lambda _: answer).of(batches(6, 2))
    assert isinstance(run.fault, kind)
    assert len(run.posts) == 1
    assert (set(run.unsent), run.replies) == ({"id-0", "id-1"}, {})


def test_a_silent_vendor_is_not_sent_a_whole_campaign() -> None:
    """After some requests in a row of which nobody knows, a person is asked; one answer in between begins the count anew."""
    silent = Run(lambda _: httpx.ReadTimeout("late")).of(batches(100, 2))
    assert isinstance(silent.fault, TryLater)
    assert len(silent.posts) == SILENCE_LIMIT
    assert silent.verdicts == {Verdict.UNKNOWN: 2 * SILENCE_LIMIT}
    asked: list[int] = []

    def now_and_then(ids: list[str]) -> Answer:
        asked.append(1)
        return good(ids) if len(asked) % SILENCE_LIMIT == 0 else httpx.ReadTimeout("late")

    assert Run(now_and_then).of(batches(100, 2)).fault is None


def test_a_vendor_that_is_busy_is_not_one_that_is_silent() -> None:
    """Of what it certainly did not take nobody is in doubt: a vendor that turns requests away, and once gives no answer, is sent
    the rest."""
    script = iter([BUSY] * SILENCE_LIMIT + [httpx.ReadTimeout("late")])
    run = Run(lambda ids: next(script, None) or good(ids), Patience(tries=20)).of(batches(6, 2))
    assert run.fault is None
    assert run.verdicts == {Verdict.UNKNOWN: 2, Verdict.ACCEPTED: 4}


def test_a_signal_ends_between_requests() -> None:
    """The request under way is finished and recorded; no other begins."""
    run = Run(good, stop_after=2).of(batches(6, 2))
    assert (run.begun, run.verdicts) == (["id-0", "id-1"], {Verdict.ACCEPTED: 2})


ANSWERS = st.sampled_from(["good", "refused", "cut", "late", "away", "busy", "html", "halved", "500"])


@given(st.lists(ANSWERS, max_size=40), st.integers(1, 5))
def test_whatever_the_vendor_does_no_message_is_taken_twice(answers: list[str], size: int) -> None:
    """A vendor that takes each request that reaches it has no message twice, whatever it answers; and what is told of each is
    true: accepted ones it has, unsent ones it has not."""
    script = iter(answers)
    taken: Counter[str] = Counter()

    def vendor(ids: list[str]) -> Answer:
        word = next(script, "good")
        if word == "away":
            return httpx.ConnectError("refused")
        if word == "busy":
            return httpx.Response(429)
        taken.update(ids if word != "refused" else [])
        match word:
            case "good":
                return good(ids)
            case "refused":
                return good(ids, sent=0)
            case "halved":
                return good(ids[::2])
            case "html":
                return httpx.Response(200, text="<html>")
            case "500":
                return httpx.Response(500)
        return httpx.ReadTimeout("late") if word == "late" else httpx.ReadError("cut")

    run = Run(vendor, Patience(tries=3)).of(batches(20, size))
    assert max(taken.values(), default=0) <= 1
    assert all(taken[one] for one, reply in run.replies.items() if reply.verdict is Verdict.ACCEPTED)
    assert not any(taken[one] for one in run.unsent)
    assert not any(taken[one] for one, reply in run.replies.items() if reply.verdict is Verdict.REFUSED)
