"""Load: batches to the vendor and a verdict for each contact, against every way in which a vendor can answer.

Nothing waits here: sleeping is recorded and moves a clock, chance is fixed, the vendor is a function.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.errors import CredentialsRefused, FixSetup, LeaseLost, SyncError, TryLater
from sync_connector.flow import load
from sync_connector.flow.load import Instruments, Loader
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import Endpoint, new_client
from sync_connector.model import Change, Contact, Outgoing, Place, Reply, Verdict

PASSWORD = "hunter2-very-secret"
URL = "https://vendor.invalid/api/contact"
Answer = httpx.Response | Exception
Vendor = Callable[[list[str]], Answer]


def _outgoing(number: int) -> Outgoing:
    contact = Contact(f"+336{number:08d}", f"Jean{number}")
    return Outgoing(f"k{number}", contact, Change.CREATE, b"r" * 16, b"p" * 16, None, Place("x.csv", number + 2))


def _phone(number: int) -> str:
    return f"+336{number:08d}"


def _batches(count: int, size: int) -> list[list[Outgoing]]:
    contacts = [_outgoing(number) for number in range(count)]
    return [contacts[start : start + size] for start in range(0, count, size)]


def _reply(numbers: Sequence[str], failed: Sequence[str] = ()) -> httpx.Response:
    entries = [
        {"phone_number": n, "result": "failed", "errors": ["#001"]} if n in failed else {"phone_number": n, "result": "success"}
        for n in numbers
    ]
    return httpx.Response(200, json={"data": {"contact": entries}})


def _good(numbers: list[str]) -> Answer:
    return _reply(numbers)


@dataclass
class Run:
    """One load, with everything that happened in it. `set_by`: seconds by which somebody set the machine's clock."""

    vendor: Vendor
    concurrency: int = 1
    patience: Patience = field(default_factory=Patience)
    rate: float = 0.0
    chance: float = 0.0
    clock: float = 1_000_000.0
    set_by: float = 0.0
    waits: list[float] = field(default_factory=list)
    posts: list[list[str]] = field(default_factory=list)
    begun: dict[int, list[str]] = field(default_factory=dict)
    settled: dict[int, dict[str, Reply]] = field(default_factory=dict)
    stop_after: int | None = None
    until: float | None = None
    fault: SyncError | None = None
    answered: Callable[[], Awaitable[None]] | None = None
    loader: Loader | None = None

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.clock += seconds
        await asyncio.sleep(0)

    async def _handle(self, request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        assert body["header"] == [{"login": "me@x.fr", "password": PASSWORD, "api": True}]
        assert request.headers["Content-Type"] == "application/json"
        numbers = [contact["phone_number"] for contact in body["contacts"]]
        self.posts.append(numbers)
        await asyncio.sleep(0)
        answer = self.vendor(numbers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def _begin(self, batch: Sequence[Outgoing]) -> int:
        ticket = len(self.begun)
        self.begun[ticket] = [outgoing.contact.phone_number for outgoing in batch]
        await asyncio.sleep(0)
        return ticket

    async def _settle(self, ticket: int, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        await asyncio.sleep(0)
        assert ticket not in self.settled
        numbers = [outgoing.contact.phone_number for outgoing in batch]
        self.settled[ticket] = dict(zip(numbers, replies, strict=True))
        assert set(numbers) <= set(self.begun[ticket])
        assert set(numbers) <= {number for post in self.posts for number in post}, "a verdict on what was never posted"

    async def _hold(self) -> None:
        await asyncio.sleep(0)

    def _stopping(self) -> bool:
        return self.stop_after is not None and len(self.settled) >= self.stop_after

    async def _load(self, batches: Sequence[Sequence[Outgoing]]) -> None:
        client = new_client(30, self.concurrency)
        headers = client.headers
        await client.aclose()
        async with httpx.AsyncClient(transport=httpx.MockTransport(self._handle), headers=headers) as client:
            self.loader = Loader(
                Endpoint(dialects.find("ardary"), URL, "me@x.fr", PASSWORD),
                client,
                self._begin,
                self._settle,
                self._stopping,
                self.concurrency,
                self.patience,
                self.rate,
                Instruments(lambda: self.clock + self.set_by, self._sleep, lambda: self.chance, lambda: self.clock),
                max(map(len, batches), default=1),
                self.until,
                self._hold,
            )
            await self.loader.load(one for batch in batches for one in batch)
            await asyncio.sleep(0)  # a generator of a test may be closed by the loop just now
            assert len(asyncio.all_tasks()) == 1

    def of(self, batches: Sequence[Sequence[Outgoing]]) -> Run:
        """Load these; a `SyncError` is kept."""
        try:
            asyncio.run(self._load(batches))
        except SyncError as fault:
            self.fault = fault
        shown = [repr(self.fault), repr(self.fault and self.fault.__cause__), *(self.fault.faults if self.fault else ())]
        assert PASSWORD not in "".join(shown)
        assert set(self.settled) == set(self.begun), "a batch was begun and never settled"
        return self

    @property
    def replies(self) -> dict[str, Reply]:
        """Number → reply, over all batches."""
        return {number: reply for batch in self.settled.values() for number, reply in batch.items()}

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many contacts have which verdict."""
        return Counter(reply.verdict for reply in self.replies.values())


# --- what goes well ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("concurrency", [1, 4, 8])
def test_every_contact_has_its_verdict(concurrency: int) -> None:
    """Accepted, warned and refused contacts are settled as such, each batch with one post."""

    def vendor(numbers: list[str]) -> Answer:
        return _reply(numbers, failed=[_phone(3), _phone(17)])

    run = Run(vendor, concurrency).of(_batches(25, 4))
    assert run.fault is None
    assert len(run.posts) == 7
    assert run.verdicts == {Verdict.ACCEPTED: 23, Verdict.REFUSED: 2}
    assert run.replies[_phone(3)] == Reply(Verdict.REFUSED, ("#001",))
    assert run.loader is not None
    assert run.loader.posts == 7
    assert run.waits == []


def test_nothing_to_send_posts_nothing() -> None:
    """No batch, no post, no begun batch."""
    run = Run(_good).of([])
    assert run.posts == []
    assert run.begun == {}


def test_a_batch_is_begun_before_it_leaves_and_settled_before_the_next() -> None:
    """One worker's order is begin, post, settle, begin, …"""
    story: list[str] = []

    def vendor(numbers: list[str]) -> Answer:
        story.append(f"post after {len(run.begun)} begun, {len(run.settled)} settled")
        return _reply(numbers)

    run = Run(vendor)
    run.of(_batches(3, 1))
    assert story == [f"post after {n + 1} begun, {n} settled" for n in range(3)]


def test_a_rate_spaces_the_requests() -> None:
    """At two requests a second, five of them take two seconds of waiting."""
    run = Run(_good, rate=2.0).of(_batches(5, 1))
    assert sum(run.waits) == pytest.approx(2.0)


# --- trying again ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [500, 502, 503, 504, 429, 408])
def test_a_passing_fault_is_tried_again(status: int) -> None:
    """A batch that meets a fault of the moment is sent again, after waits with jitter, and is accepted."""
    answers = iter([httpx.Response(status), httpx.Response(status)])
    run = Run(lambda numbers: next(answers, None) or _reply(numbers), chance=0.5).of(_batches(3, 3))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 3}
    assert len(run.posts) == 3
    assert run.waits == [0.375, 0.75]


@pytest.mark.parametrize(("asked", "seconds"), [("7", 7.0), ("Mon, 12 Jan 1970 13:46:50 GMT", 10.0), ("nonsense", 0.25)])
def test_retry_after_is_obeyed(asked: str, seconds: float) -> None:
    """Both forms of `Retry-After` set the wait; nonsense leaves ours."""
    answers = iter([httpx.Response(429, headers={"Retry-After": asked})])
    run = Run(lambda numbers: next(answers, None) or _reply(numbers)).of(_batches(1, 1))
    assert run.waits == [seconds]
    assert run.verdicts == {Verdict.ACCEPTED: 1}


def test_tries_are_capped() -> None:
    """A contact that never gets an answer is tried `tries` times, and is unknown."""
    run = Run(lambda _: httpx.Response(500), patience=Patience(tries=3)).of(_batches(1, 1))
    assert len(run.posts) == 3
    assert run.verdicts == {Verdict.UNKNOWN: 1}


def test_elapsed_time_is_capped() -> None:
    """No wait begins that would end after `give_up_after`."""
    run = Run(lambda _: httpx.Response(503, headers={"Retry-After": "100"}), patience=Patience(tries=20, give_up_after=250)).of(
        _batches(1, 1)
    )
    assert run.waits == [100.0, 100.0]
    assert len(run.posts) == 3


def test_too_busy_for_too_long_leaves_the_contacts_unsent() -> None:
    """429 to the end: the vendor took nothing, nothing is settled as unknown, and the run says to come back later."""
    run = Run(lambda _: httpx.Response(429), patience=Patience(tries=2)).of(_batches(4, 2))
    assert isinstance(run.fault, TryLater)
    assert "4 contacts could not be sent" in str(run.fault)
    assert run.replies == {}


# --- answers that are none ---------------------------------------------------------------------------------------------

NO_ANSWERS: list[Callable[[list[str]], httpx.Response]] = [
    lambda _: httpx.Response(200, html="<!DOCTYPE html><html>Maintenance</html>"),
    lambda _: httpx.Response(200, content=b""),
    lambda _: httpx.Response(204),
    lambda numbers: httpx.Response(200, content=_reply(numbers).content[:-20]),
    lambda numbers: httpx.Response(200, content=b"<br />\n<b>Warning</b>: in x.php on line 3<br />" + _reply(numbers).content),
    lambda _: httpx.Response(200, json={"data": {"contact": []}}),
    lambda _: httpx.Response(200, json={"data": {"contact": ["success"] * 4}}),
    lambda _: httpx.Response(200, json={"result": "success"}),
    lambda numbers: httpx.Response(500, content=_reply(numbers).content),
    lambda _: httpx.Response(200, content=b"x" * 3_000_000),
    lambda numbers: httpx.Response(200, content=_reply(numbers).content, headers={"Content-Encoding": "gzip"}),
    lambda numbers: _reply([number[:-1] for number in numbers]),
]


@pytest.mark.parametrize("answer", NO_ANSWERS, ids=range(len(NO_ANSWERS)))
def test_what_is_no_answer_accepts_nobody(answer: Callable[[list[str]], httpx.Response]) -> None:
    """HTML, nothing, half an answer, a warning before it, a 500 around it: unknown, each contact of the batch."""
    run = Run(answer, patience=Patience(tries=2)).of(_batches(4, 4))
    assert run.verdicts == {Verdict.UNKNOWN: 4}
    assert len(run.posts) > 4  # the halves were tried, down to the single contact


@pytest.mark.parametrize(
    "fault", [httpx.ReadTimeout, httpx.WriteTimeout, httpx.RemoteProtocolError, httpx.ReadError, httpx.WriteError]
)
def test_a_request_whose_answer_was_lost_is_unknown(fault: type[httpx.TransportError]) -> None:
    """The vendor may have taken what it did not answer."""
    run = Run(lambda _: fault(f"secret {PASSWORD}"), patience=Patience(tries=2)).of(_batches(2, 2))
    assert run.verdicts == {Verdict.UNKNOWN: 2}


@pytest.mark.parametrize("concurrency", [1, 8])
def test_missing_entries_are_sent_again_on_their_own(concurrency: int) -> None:
    """Contacts without an entry are sent in a request of their own, and no other contact is sent twice."""
    forgetful = {_phone(2), _phone(5)}

    def vendor(numbers: list[str]) -> Answer:
        return _reply([n for n in numbers if len(numbers) < 8 or n not in forgetful])

    run = Run(vendor, concurrency).of(_batches(8, 8))
    assert run.verdicts == {Verdict.ACCEPTED: 8}
    assert run.posts[1:] == [[_phone(2), _phone(5)]]


def test_a_contact_that_is_never_answered_stays_unknown_alone() -> None:
    """One that the vendor never mentions is unknown; its batch is accepted; it is not asked about for ever."""
    run = Run(lambda numbers: _reply([n for n in numbers if n != _phone(2)])).of(_batches(8, 8))
    assert run.verdicts == {Verdict.ACCEPTED: 7, Verdict.UNKNOWN: 1}
    assert run.replies[_phone(2)].verdict is Verdict.UNKNOWN
    assert len(run.posts) == 2


POISONS: list[Answer] = [
    httpx.Response(500),
    httpx.Response(400, json={"error": "bad request"}),
    httpx.Response(422),
    httpx.Response(200, html="<html>Fatal error</html>"),
    httpx.ReadTimeout("late"),
    httpx.RemoteProtocolError("cut"),
]


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize("poison", POISONS, ids=range(len(POISONS)))
def test_a_poisoned_contact_is_alone_in_the_end(poison: Answer, concurrency: int) -> None:
    """A contact on which the vendor chokes is isolated by halving: unknown itself, all others accepted."""

    def vendor(numbers: list[str]) -> Answer:
        return poison if _phone(37) in numbers else _reply(numbers)

    run = Run(vendor, concurrency, Patience(tries=3)).of(_batches(100, 100))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 99, Verdict.UNKNOWN: 1}
    assert run.replies[_phone(37)].verdict is Verdict.UNKNOWN
    assert len(run.posts) <= 3 + 2 * 8 * 2


@pytest.mark.parametrize("concurrency", [1, 8])
def test_a_poison_in_every_batch_does_not_stop_the_run(concurrency: int) -> None:
    """Workers that all isolate a contact at once are no vendor that has fallen silent."""
    poisoned = {_phone(number) for number in range(0, 900, 100)}

    def vendor(numbers: list[str]) -> Answer:
        return httpx.Response(500) if poisoned & set(numbers) else _reply(numbers)

    run = Run(vendor, concurrency, Patience(tries=2)).of(_batches(900, 100))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 891, Verdict.UNKNOWN: 9}


@pytest.mark.parametrize("limit", [1, 3, 7])
def test_a_request_that_is_too_large_is_halved(limit: int) -> None:
    """413 halves until it fits; everybody is accepted."""
    run = Run(lambda numbers: httpx.Response(413) if len(numbers) > limit else _reply(numbers)).of(_batches(20, 10))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 20}
    assert run.waits == []


def test_an_answer_without_end_is_not_swallowed() -> None:
    """An answer is read up to a limit only, and then is none."""
    taken = 0

    async def pieces() -> Iterator[bytes]:  # type: ignore[misc]  # an asynchronous generator
        nonlocal taken
        while True:
            taken += 1
            yield b" " * 65_536

    run = Run(lambda _: httpx.Response(200, content=pieces()), patience=Patience(tries=1)).of(_batches(1, 1))
    assert run.verdicts == {Verdict.UNKNOWN: 1}
    assert taken < 100


# --- what stops the run ------------------------------------------------------------------------------------------------

WRONG_LOGINS: list[Callable[[], httpx.Response]] = [
    lambda: httpx.Response(401),
    lambda: httpx.Response(403, html="<html>Forbidden</html>"),
    lambda: httpx.Response(200, json={"error": "Wrong login or password"}),
    lambda: httpx.Response(400, json={"error": "Invalid credentials"}),
    lambda: httpx.Response(500, json={"message": "unknown user"}),
    lambda: httpx.Response(200, json={"data": {"contact": []}, "error": "wrong password"}),
    lambda: httpx.Response(401, content=b"x" * 3_000_000),
]


@pytest.mark.parametrize("answer", WRONG_LOGINS, ids=range(len(WRONG_LOGINS)))
def test_a_wrong_login_is_refused_once(answer: Callable[[], httpx.Response]) -> None:
    """Eight workers, a hundred batches, one post: no retry storm on an account; nothing is settled."""
    run = Run(lambda _: answer(), concurrency=8).of(_batches(200, 2))
    assert isinstance(run.fault, CredentialsRefused)
    assert "ARDARY_PASSWORD" in str(run.fault)
    assert len(run.posts) == 1
    assert run.waits == []
    assert run.replies == {}


def test_a_refusal_whose_body_breaks_off_is_still_one_refusal() -> None:
    """The status alone says it; a body that is cut does not make it a passing fault."""

    async def cut() -> Iterator[bytes]:  # type: ignore[misc]  # an asynchronous generator
        yield b"{"
        raise httpx.ReadError("cut")

    run = Run(lambda _: httpx.Response(401, content=cut()), concurrency=8).of(_batches(8, 2))
    assert isinstance(run.fault, CredentialsRefused)
    assert len(run.posts) == 1


def test_a_login_that_is_refused_midway_stops_all_workers() -> None:
    """Each worker has at most its batch in flight; what was accepted before stays settled."""

    script = iter([_good] * 10)
    run = Run(lambda numbers: next(script, lambda _: httpx.Response(401))(numbers), concurrency=8).of(_batches(200, 2))
    assert isinstance(run.fault, CredentialsRefused)
    assert len(run.posts) <= 10 + 8
    assert run.verdicts == {Verdict.ACCEPTED: 20}


@pytest.mark.parametrize("status", [301, 302, 307, 308, 404, 405, 410])
def test_a_wrong_address_is_a_setting_to_fix(status: int) -> None:
    """A redirect is not followed (the password would go along), and neither it nor a 404 is tried again."""
    answer = httpx.Response(status, headers={"Location": "https://elsewhere.invalid/"})
    run = Run(lambda _: answer, concurrency=4).of(_batches(20, 2))
    assert isinstance(run.fault, FixSetup)
    assert not isinstance(run.fault, CredentialsRefused)
    assert str(status) in str(run.fault)
    assert len(run.posts) == 1
    assert run.replies == {}


@pytest.mark.parametrize("fault", [httpx.ConnectError, httpx.ConnectTimeout])
def test_nobody_there_settles_nothing(fault: type[httpx.TransportError]) -> None:
    """A connection that is refused carried nothing: come back later, with no contact unknown."""
    run = Run(lambda _: fault(f"refused {PASSWORD}"), concurrency=4, patience=Patience(tries=3)).of(_batches(20, 2))
    assert isinstance(run.fault, TryLater)
    assert len(run.begun) == 1
    assert len(run.posts) == 3
    assert run.replies == {}


def test_a_vendor_that_goes_away_midway() -> None:
    """What was answered is settled, what was not sent is not; the run says to come back later."""

    script = iter([_good] * 5)
    run = Run(
        lambda numbers: next(script, lambda _: httpx.ConnectError("refused"))(numbers), concurrency=2, patience=Patience(tries=2)
    ).of(_batches(40, 2))
    assert isinstance(run.fault, TryLater)
    assert run.verdicts == {Verdict.ACCEPTED: 10}
    assert len(run.posts) < 20


@pytest.mark.parametrize("concurrency", [1, 8])
@pytest.mark.parametrize(
    "answer",
    [
        lambda _: httpx.Response(500),
        lambda _: httpx.ReadTimeout("late"),
        lambda _: httpx.Response(200, html="<html>Maintenance</html>"),
        lambda _: httpx.Response(200, json={"data": {"contact": []}}),
    ],
    ids=range(4),
)
def test_a_vendor_that_only_ever_fails_is_not_stormed(answer: Vendor, concurrency: int) -> None:
    """A vendor without one verdict is left alone after a bounded number of requests, whatever there is to send."""
    run = Run(answer, concurrency, Patience(tries=2)).of(_batches(20_000, 100))
    assert isinstance(run.fault, TryLater)
    assert len(run.posts) <= 2 * load.SILENCE_LIMIT
    assert set(run.verdicts) == {Verdict.UNKNOWN}
    assert run.verdicts.total() == 100


def test_a_fault_of_one_worker_lets_the_others_settle() -> None:
    """When one worker stops the run, the answers that the others wait for are still written down."""
    late: list[asyncio.Event] = []

    class Slow(Run):
        async def _handle(self, request: httpx.Request) -> httpx.Response:
            numbers = [contact["phone_number"] for contact in json.loads(request.content)["contacts"]]
            self.posts.append(numbers)
            if len(self.posts) == 1:
                return _reply(numbers)
            if len(self.posts) < 4:
                late.append(asyncio.Event())
                await late[-1].wait()
                return _reply(numbers)
            for event in late:
                asyncio.get_running_loop().call_later(0, event.set)
            return httpx.Response(401)

    run = Slow(_good, concurrency=3).of(_batches(100, 2))
    assert isinstance(run.fault, CredentialsRefused)
    assert run.verdicts == {Verdict.ACCEPTED: 6}
    assert len(run.posts) == 4


def test_a_worker_that_is_retrying_gives_up_when_the_run_has_failed() -> None:
    """Once one worker has stopped the run, the others do not go on trying with all their patience."""

    def vendor(numbers: list[str]) -> Answer:
        if _phone(0) in numbers:
            return _reply(numbers)
        if _phone(1) in numbers:
            return httpx.Response(500)
        return httpx.Response(401) if len(run.posts) > 2 else httpx.Response(500)

    run = Run(vendor, concurrency=2, patience=Patience(tries=20))
    run.of(_batches(10, 1))
    assert isinstance(run.fault, CredentialsRefused)
    assert len(run.posts) < 8


@pytest.mark.parametrize("concurrency", [1, 4])
def test_stopping_begins_no_more_batches(concurrency: int) -> None:
    """After a signal the batches in flight are finished and settled, and no other is begun."""
    run = Run(_good, concurrency, stop_after=3).of(_batches(100, 2))
    assert run.fault is None
    assert 3 <= len(run.begun) <= 3 + concurrency
    assert run.verdicts == {Verdict.ACCEPTED: 2 * len(run.begun)}


def test_stopping_before_the_first_batch_sends_nothing() -> None:
    """A signal that comes before the first post is in time."""
    run = Run(_good, stop_after=0).of(_batches(4, 2))
    assert run.posts == []


def test_a_lost_lease_stops_the_run() -> None:
    """When the ledger says that another run took over, nothing more is posted."""

    class Overtaken(Run):
        async def _begin(self, batch: Sequence[Outgoing]) -> int:
            if len(self.begun) >= 3:
                raise LeaseLost("another run took over")
            return await Run._begin(self, batch)

    run = Overtaken(_good, concurrency=2).of(_batches(40, 2))
    assert isinstance(run.fault, LeaseLost)
    assert len(run.posts) == 3


def test_a_fault_in_our_own_code_is_not_hidden() -> None:
    """What is no `SyncError` goes up as it is, and leaves its batch open for the next run."""

    def vendor(numbers: list[str]) -> Answer:
        raise ZeroDivisionError

    run = Run(vendor)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(run._load(_batches(2, 2)))
    assert run.begun
    assert run.settled == {}


ANSWERS = st.sampled_from(
    ["good", "refuse", "500", "429", "503", "html", "empty", "half", "cut", "late", "connect", "400", "mixed"]
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ANSWERS, max_size=30), st.integers(1, 5), st.integers(1, 6), st.integers(0, 20))
def test_whatever_the_vendor_does_nobody_is_accepted_without_its_word(
    answers: list[str], concurrency: int, size: int, count: int
) -> None:
    """Over any sequence of accidents: accepted are exactly those that some post's answer called accepted, every begun
    batch is settled, unknown are only contacts that were posted, and what has no verdict makes the run fail."""
    script = iter(answers)
    said: set[str] = set()

    def vendor(numbers: list[str]) -> Answer:
        match next(script, "good"):
            case "good":
                said.update(numbers)
                return _reply(numbers)
            case "refuse":
                return _reply(numbers, failed=numbers)
            case "half":
                said.update(numbers[::2])
                return _reply(numbers[::2])
            case "mixed":
                said.update(numbers)
                return _reply(numbers[::-1])
            case "html":
                return httpx.Response(200, html="<html></html>")
            case "empty":
                return httpx.Response(200)
            case "cut":
                return httpx.RemoteProtocolError("cut")
            case "late":
                return httpx.ReadTimeout("late")
            case "connect":
                return httpx.ConnectError("refused")
            case status:
                return httpx.Response(int(status))

    run = Run(vendor, concurrency, Patience(tries=3)).of(_batches(count, size))
    accepted = {number for number, reply in run.replies.items() if reply.verdict is Verdict.ACCEPTED}
    posted = {number for post in run.posts for number in post}
    assert accepted <= said
    assert set(run.replies) <= posted
    assert said <= set(run.replies), "an answer was thrown away"
    if run.fault is None:
        assert len(run.replies) == count
    else:
        assert isinstance(run.fault, TryLater)
