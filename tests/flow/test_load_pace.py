"""Load and its pace: what a vendor that is busy, slow or narrow does to the requests, one patience for the run, and its deadline.

As in `test_load`, nothing waits: sleeping moves a clock, and the vendor is a function.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.errors import LeaseLost, TryLater
from sync_connector.flow import load
from sync_connector.flow.pace import Patience, RetryBudget
from sync_connector.model import Outgoing, Verdict
from tests.flow.test_load import Answer, Run, _batches, _good, _phone, _reply


def _asked(seconds: int) -> Answer:
    return httpx.Response(429, headers={"Retry-After": str(seconds)})


@pytest.mark.parametrize("concurrency", [1, 4])
def test_after_a_413_later_batches_are_smaller(concurrency: int) -> None:
    """What is too large is found out once, and tried again only now and then: not by halving each batch anew."""
    run = Run(lambda numbers: httpx.Response(413) if len(numbers) > 26 else _reply(numbers), concurrency).of(_batches(5_000, 100))
    assert run.verdicts == {Verdict.ACCEPTED: 5_000}
    turned_away = [post for post in run.posts if len(post) > 26]
    assert len(turned_away) <= 12 * concurrency
    assert len(run.posts) <= 5_000 / 26 * 1.35
    assert run.loader is not None
    assert run.loader.slowed() == {
        "batch_size": 100, "concurrency": concurrency, "lowest_batch_size": run.loader.pace.lowest_batch_size,
        "lowest_concurrency": concurrency, "retries": 0,
    }  # fmt: skip


def test_a_healthy_vendor_lowers_nothing() -> None:
    """Every batch is whole, and nothing is said of the pace."""
    run = Run(_good, concurrency=4).of(_batches(1_000, 50))
    assert {len(post) for post in run.posts} == {50}
    assert run.loader is not None
    assert run.loader.slowed() is None


def test_a_retry_after_is_heeded_by_all() -> None:
    """One of four is told to wait for 30 seconds: no request of any leaves before they are over."""
    left: list[float] = []
    told: list[float] = []

    def vendor(numbers: list[str]) -> Answer:
        left.append(run.clock)
        if len(left) == 6:
            told.append(run.clock)
            return _asked(30)
        return _reply(numbers)

    run = Run(vendor, concurrency=4)
    run.of(_batches(400, 4))
    assert run.verdicts == {Verdict.ACCEPTED: 400}
    assert [moment for moment in left if told[0] < moment < told[0] + 30] == []
    assert sum(moment == told[0] for moment in left) <= 6 + 3  # those that were under way at that moment


@pytest.mark.parametrize("status", [429, 503])
def test_a_vendor_that_is_down_for_minutes_costs_a_handful_of_requests(status: int) -> None:
    """Busy for two minutes, without a word of when it is not: all ask ever more seldom, the run goes on, and no more than two
    batches of each who sends are left without a verdict."""
    run = Run(lambda numbers: httpx.Response(status) if 10 < run.clock - begun < 130 else _reply(numbers), 4)
    begun = run.clock
    vendor = run.vendor

    def slowly(numbers: list[str]) -> Answer:
        run.clock += 0.1
        return vendor(numbers)

    run.vendor = slowly
    run.of(_batches(40_000, 100))
    assert run.verdicts[Verdict.ACCEPTED] >= 40_000 - 8 * 100
    assert len(run.posts) <= 400 + 40


def test_the_repetitions_of_a_run_are_bounded_whatever_there_is_to_send() -> None:
    """A vendor that is too busy for good after its first answer: a hundred repetitions, not tries × batches."""
    script = iter([_good])
    patience = Patience(tries=20, give_up_after=1e9)
    run = Run(lambda numbers: next(script, lambda _: httpx.Response(429))(numbers), 4, patience).of(_batches(40_000, 100))
    assert isinstance(run.fault, TryLater)
    assert run.loader is not None
    assert run.loader.retries.taken == RetryBudget.TOKENS
    assert len(run.posts) <= 1 + RetryBudget.TOKENS + 4 * load.SILENCE_LIMIT + 4
    assert run.verdicts == {Verdict.ACCEPTED: 100}


@pytest.mark.parametrize("answer", [lambda _: _asked(100), lambda _: httpx.Response(503, headers={"Retry-After": "70"})])
def test_the_patience_is_the_runs_and_not_each_batches(answer: object) -> None:
    """Down after the third answer, with 300 batches to go: the run waits for `give_up_after` in all, and says why it ends."""
    script = iter([_good] * 3)
    run = Run(lambda numbers: next(script, answer)(numbers), patience=Patience(tries=20))  # type: ignore[operator]
    begun = run.clock
    run.of(_batches(600, 2))
    assert isinstance(run.fault, TryLater)
    assert "too busy" in str(run.fault)
    assert 200 <= run.clock - begun <= 300
    assert len(run.begun) == 4


def test_a_late_answer_halves_the_batch_sooner_than_another_fault() -> None:
    """A vendor too slow for a hundred, but not for twelve: all are accepted, within the patience of one run."""

    def vendor(numbers: list[str]) -> Answer:
        if len(numbers) <= 12:
            return _reply(numbers)
        run.clock += 30
        return httpx.ReadTimeout("late")

    run = Run(vendor)
    run.of(_batches(400, 100))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 400}
    assert len(run.posts[-1]) <= 13


def test_a_wait_is_broken_off_when_the_run_is_to_end() -> None:
    """Who waits for the vendor stops waiting, though its sleep never ends; nothing is unknown, and it is no failure."""

    class Sleepless(Run):
        async def _sleep(self, seconds: float) -> None:
            self.waits.append(seconds)
            await asyncio.Event().wait()

        def _stopping(self) -> bool:
            return bool(self.waits)

    run = Sleepless(lambda numbers: _reply(numbers) if len(run.posts) < 3 else _asked(250))
    run.of(_batches(100, 2))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 4}


@pytest.mark.parametrize("poisoned", [0, 1, 49, 99])
def test_a_contact_on_which_the_vendor_hangs_is_not_a_vendor_that_is_silent(poisoned: int) -> None:
    """Wherever it stands in the first batch: it is found before the run's patience is over, and all others are sent."""

    def vendor(numbers: list[str]) -> Answer:
        if _phone(poisoned) not in numbers:
            return _reply(numbers)
        run.clock += 30
        return httpx.ReadTimeout("late")

    run = Run(vendor)
    run.of(_batches(300, 100))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 299, Verdict.UNKNOWN: 1}


@pytest.mark.parametrize("late", [httpx.ReadTimeout("late"), httpx.ConnectTimeout("late"), httpx.Response(503)], ids=repr)
def test_a_run_that_is_to_end_does_not_wait_for_each_part_of_a_batch(late: Answer) -> None:
    """A signal comes while the vendor lets a batch wait: its halves are not asked for one after the other, a time-out each."""
    run = Run(lambda numbers: _reply(numbers) if len(run.posts) < 2 else httpx.ReadTimeout("x") if len(run.posts) < 4 else late)
    run._stopping = lambda: len(run.posts) >= 4  # type: ignore[method-assign]
    run.of(_batches(300, 100))
    assert run.fault is None
    assert len(run.posts) <= 4
    assert run.verdicts == {Verdict.ACCEPTED: 100, Verdict.UNKNOWN: 100}


def test_answers_without_a_verdict_use_up_the_runs_patience() -> None:
    """The vendor answers well at first and then of nobody, in good form: the run does not go on for the rest of the night."""

    def vendor(numbers: list[str]) -> Answer:
        run.clock += 10
        return _reply(numbers if len(run.posts) < 3 else [])

    run = Run(vendor)
    run.of(_batches(10_000, 100))
    assert isinstance(run.fault, TryLater)
    assert len(run.posts) <= 2 + 300 / 10 + 1


@pytest.mark.parametrize("seconds", [-86_400.0, 86_400.0])
def test_a_clock_that_is_set_changes_no_wait_and_no_patience(seconds: float) -> None:
    """The machine's clock is set by a day while the vendor has asked for peace: what is waited is what was asked for."""

    def vendor(numbers: list[str]) -> Answer:
        if len(run.posts) != 3:
            return _reply(numbers)
        run.set_by += seconds
        return httpx.Response(503, headers={"Retry-After": "20"})

    class Set(Run):
        async def _begin(self, batch: Sequence[Outgoing]) -> int:
            self.set_by += seconds
            return await Run._begin(self, batch)

    run = Set(vendor, rate=1.0)
    run.of(_batches(12, 2))
    assert run.fault is None
    assert run.verdicts == {Verdict.ACCEPTED: 12}
    assert max(run.waits) == 20.0
    assert sum(run.waits) < 30


class Overtaken(Run):
    """A run whose lease another took over while it waited for 100 seconds."""

    async def _hold(self) -> None:
        if 100.0 in self.waits:
            raise LeaseLost("another run took over")


def test_a_batch_is_not_sent_again_once_the_lease_is_lost() -> None:
    """It was too much for the vendor, which asks us to come back later; by then another run has sent what is newer."""
    run = Overtaken(lambda numbers: _asked(100) if len(run.posts) == 1 else _reply(numbers))
    run.of(_batches(8, 8))
    assert isinstance(run.fault, LeaseLost)
    assert len(run.posts) == 1
    assert run.verdicts == {}


def test_the_lease_is_looked_at_after_a_wait_and_not_before_it() -> None:
    """Who is asked for peace before it sends the part of a batch may wait for long: another run takes over meanwhile, and nothing
    of ours leaves any more."""

    run = Overtaken(
        lambda numbers: [httpx.Response(400), _asked(100), _good(numbers)][min(len(run.posts), 3) - 1], patience=Patience(1)
    )
    run.of(_batches(8, 8))
    assert isinstance(run.fault, LeaseLost)
    assert [len(post) for post in run.posts] == [8, 4]
    assert run.verdicts == {Verdict.UNKNOWN: 8}


def test_peace_that_is_asked_for_while_a_batch_is_begun_is_kept() -> None:
    """One is told to wait while another's batch is noted in the ledger: that one does not leave before the time is over."""
    left: list[float] = []

    class Slow(Run):
        async def _begin(self, batch: Sequence[Outgoing]) -> int:
            ticket = await Run._begin(self, batch)
            assert self.loader is not None
            while ticket == 2 and not self.loader.pace.peace(self.clock):
                await asyncio.sleep(0)
            return ticket

        async def _sleep(self, seconds: float) -> None:
            for _ in range(50):  # time for the other to send, if it does
                await asyncio.sleep(0)
            await Run._sleep(self, seconds)

    def vendor(numbers: list[str]) -> Answer:
        left.append(run.clock)
        return _asked(30) if len(left) == 2 else _reply(numbers)

    run = Slow(vendor, concurrency=2)
    begun = run.clock
    run.of(_batches(8, 2))
    assert run.verdicts == {Verdict.ACCEPTED: 8}
    assert sum(moment < begun + 30 for moment in left) == 2


# --- the deadline ------------------------------------------------------------------------------------------------------


def test_no_batch_is_begun_after_the_deadline() -> None:
    """Each answer takes ten seconds: of a minute's run six batches are settled, and the rest is no failure."""

    def vendor(numbers: list[str]) -> Answer:
        run.clock += 10
        return _reply(numbers)

    run = Run(vendor)
    run.until = run.clock + 55
    run.of(_batches(100, 2))
    assert run.fault is None
    assert len(run.begun) == 6
    assert run.verdicts == {Verdict.ACCEPTED: 12}


def test_a_wait_that_would_outlast_the_deadline_is_not_begun() -> None:
    """The vendor asks for 100 seconds and there are 50: the run ends now."""
    run = Run(lambda numbers: _reply(numbers) if len(run.posts) < 3 else _asked(100))
    run.until = run.clock + 50
    run.of(_batches(100, 2))
    assert run.fault is None
    assert (run.waits, len(run.posts)) == ([], 3)


def test_a_deadline_that_is_over_sends_nothing() -> None:
    """Not one batch is begun."""
    run = Run(_good, until=1.0).of(_batches(10, 2))
    assert (run.begun, run.posts) == ({}, [])


OUTCOMES = st.tuples(st.sampled_from(["good", "500", "429", "asked", "413", "late", "connect", "half"]), st.integers(0, 40))


@settings(max_examples=60)
@given(st.lists(OUTCOMES, max_size=25), st.integers(1, 5), st.integers(0, 400), st.floats(0, 5))
def test_whatever_happens_nothing_leaves_after_the_deadline(
    outcomes: Sequence[tuple[str, int]], concurrency: int, seconds: int, rate: float
) -> None:
    """Over any accidents, waits and rates: no request leaves at or after it, and every batch that was begun is settled."""
    script = iter(outcomes)

    def vendor(numbers: list[str]) -> Answer:
        what, took = next(script, ("good", 5))
        run.clock += took
        match what:
            case "good":
                return _reply(numbers)
            case "half":
                return _reply(numbers[::2])
            case "asked":
                return _asked(took)
            case "late":
                return httpx.ReadTimeout("late")
            case "connect":
                return httpx.ConnectError("refused")
            case status:
                return httpx.Response(int(status))

    class Punctual(Run):
        async def _handle(self, request: httpx.Request) -> httpx.Response:
            assert self.clock < deadline
            return await Run._handle(self, request)

        async def _begin(self, batch: Sequence[Outgoing]) -> int:
            assert self.clock < deadline
            return await Run._begin(self, batch)

    run = Punctual(vendor, concurrency, rate=rate)
    deadline = run.until = run.clock + seconds
    run.of(_batches(60, 4))
    assert isinstance(run.fault, TryLater | None)
