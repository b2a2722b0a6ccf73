"""Pace: waits, `Retry-After`, slots, the budget of repetitions, and how much is sent at once. Time and chance are arguments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.flow.pace import Pace, Patience, RetryBudget, Slots, retry_after, wait_before

PATIENCE = Patience(tries=5, give_up_after=300.0, first_wait=0.5, longest_wait=60.0)


def test_waits_double_and_are_taken_at_random_from_their_upper_half() -> None:
    """The n-th wait lies between half of 0.5 · 2^(n−1) seconds and all of it."""
    assert [wait_before(n, PATIENCE, 0, 0.0, None) for n in (2, 3, 4, 5)] == [0.25, 0.5, 1.0, 2.0]
    assert [wait_before(n, PATIENCE, 0, 1.0, None) for n in (2, 3, 4, 5)] == [0.5, 1.0, 2.0, 4.0]


def test_a_wait_is_never_longer_than_the_longest() -> None:
    """Doubling ends at `longest_wait`."""
    assert wait_before(15, PATIENCE._replace(tries=20, give_up_after=1e9), 0, 1.0, None) == 60.0


def test_tries_and_time_are_capped() -> None:
    """After the last try, or where the wait would end behind `give_up_after`, it is given up."""
    assert wait_before(6, PATIENCE, 0, 0, None) is None
    assert wait_before(2, PATIENCE, 299.75, 0.0, None) == 0.25
    assert wait_before(2, PATIENCE, 299.76, 0.0, None) is None


def test_what_the_vendor_asks_is_obeyed() -> None:
    """`Retry-After` prolongs a wait and never shortens it; one that is too long gives up."""
    assert wait_before(2, PATIENCE, 0, 0.5, 120.0) == 120.0
    assert wait_before(2, PATIENCE, 0, 1.0, 0.0) == 0.5
    assert wait_before(2, PATIENCE, 0, 0.5, 301.0) is None


@given(st.integers(2, 40), st.floats(0, 1e4), st.floats(0, 1, exclude_max=True), st.none() | st.floats(0, 1e9))
def test_a_wait_never_passes_the_limits(attempt: int, spent: float, chance: float, asked: float | None) -> None:
    """Whatever is given, a wait is at least what was asked and ends before `give_up_after`."""
    wait = wait_before(attempt, PATIENCE, spent, chance, asked)
    if wait is not None:
        assert attempt <= PATIENCE.tries
        assert wait >= (asked or 0)
        assert wait > 0
        assert spent + wait <= PATIENCE.give_up_after


NOW = datetime(2015, 10, 21, 7, 27, 0, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        (" 7 ", 7.0),
        ("99999999999999999999", 999999999.0),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 60.0),
        ("Wednesday, 21-Oct-15 07:28:00 GMT", 60.0),
        ("Wed, 21 Oct 2015 09:28:00 +0200", 60.0),
        ("Wed Oct 21 07:28:00 2015", 60.0),
        ("Wed, 21 Oct 2015 07:00:00 GMT", 0.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("²", None),
        ("Wed, 21 Oct 99999999999 07:28:00 GMT", None),
        ("Wed, 99 Oct 2015 07:28:00 GMT", None),
    ],
)
def test_retry_after_in_both_forms(value: str | None, seconds: float | None) -> None:
    """Seconds and dates are understood (a past date is now), nonsense is None."""
    assert retry_after(value, NOW) == seconds


@given(st.text(alphabet="MonTueWedOct 0123456789:,+-GMT", max_size=40) | st.text(max_size=20))
def test_retry_after_never_raises(value: str) -> None:
    """A header is the vendor's text: anything gives seconds or None."""
    seconds = retry_after(value, NOW)
    assert seconds is None or seconds >= 0


def test_slots_are_evenly_spaced() -> None:
    """At 4 requests a second, a burst is spread over quarters; after a pause nobody waits."""
    slots = Slots(4.0)
    assert [slots.wait(10.0) for _ in range(4)] == [0.0, 0.25, 0.5, 0.75]
    assert slots.wait(10.5) == 0.5
    assert slots.wait(99.0) == 0.0


def test_no_rate_is_no_wait() -> None:
    """Rate 0 never waits."""
    slots = Slots(0.0)
    assert [slots.wait(1.0) for _ in range(3)] == [0.0, 0.0, 0.0]


# --- the budget of repetitions ------------------------------------------------------------------------------------------


@given(st.lists(st.booleans(), max_size=2_000))
def test_repetitions_never_exceed_their_budget(asked: list[bool]) -> None:
    """Over any sequence of answers (False) and wishes to repeat (True): never more than a hundred, and half of the answers."""
    budget = RetryBudget()
    answers = 0
    for wish in asked:
        if wish:
            budget.take()
        else:
            budget.answered()
            answers += 1
        assert budget.taken <= RetryBudget.TOKENS + RetryBudget.GIVEN_BACK * answers


def test_a_vendor_that_is_down_is_asked_a_hundred_times_more() -> None:
    """Without any answer the budget ends, and answers fill it again, never above the brim."""
    budget = RetryBudget()
    assert [budget.take() for _ in range(102)] == [True] * 100 + [False] * 2
    budget.answered()
    assert not budget.take()
    budget.answered()
    assert budget.take()
    for _ in range(1_000):
        budget.answered()
    assert sum(budget.take() for _ in range(500)) == 100


# --- the pace -----------------------------------------------------------------------------------------------------------

OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from(["answered", "busy", "asked", "too large", "late", "slow"]),
        st.floats(0, 40),  # seconds until it came
        st.floats(0.01, 1),  # of a whole batch
    ),
    max_size=150,
)


def _played(pace: Pace, outcomes: list[tuple[str, float, float]], clock: float = 0.0) -> float:
    """The pace after these outcomes, each seen within its limits; the time at their end."""
    for outcome, seconds, share in outcomes:
        begun, clock = clock, clock + seconds
        contacts = max(1, int(pace.batch_size * share))
        before = pace.batch_size
        match outcome:
            case "answered":
                pace.answered(contacts, begun, clock)
            case "slow":
                pace.answered(pace.batch_size, begun, clock)
            case "busy":
                pace.busy(begun, clock)
            case "asked":
                pace.busy(begun, clock, seconds)
            case "too large":
                pace.too_large(contacts)
                assert pace.batch_size <= max(1, contacts // 2 + 1)
            case "late":
                pace.late(contacts, begun, clock)
        assert outcome in ("answered", "slow") or pace.batch_size <= before
    return clock


@given(st.integers(1, 10_000), st.integers(1, 64), OUTCOMES)
def test_the_pace_stays_within_its_limits(size: int, at_once: int, outcomes: list[tuple[str, float, float]]) -> None:
    """Whatever happens in whatever order: at least one contact and one request, and never more than is configured."""
    pace = Pace(size, at_once)
    for done in range(len(outcomes)):
        _played(pace, outcomes[done : done + 1], float(done) * 50)
        assert 1 <= pace.lowest_batch_size <= pace.batch_size <= size
        assert 1 <= pace.lowest_concurrency <= pace.concurrency <= at_once
    assert pace.lowered == ((pace.lowest_batch_size, pace.lowest_concurrency) != (size, at_once))


@given(st.integers(1, 10_000), st.integers(1, 64), OUTCOMES)
def test_the_pace_comes_back(size: int, at_once: int, outcomes: list[tuple[str, float, float]]) -> None:
    """After enough good answers, each as quick as the last, it is what is configured, whatever happened before."""
    pace = Pace(size, at_once)
    clock = _played(pace, outcomes)
    for _ in range(2_500):
        pace.answered(pace.batch_size, clock, clock + 0.2)
        clock += 1
    assert (pace.batch_size, pace.concurrency) == (size, at_once)


@given(st.lists(st.floats(0, 2.9), max_size=300), st.integers(1, 64))
def test_answers_that_are_quick_enough_lower_nothing(seconds: list[float], at_once: int) -> None:
    """Latency alone, however noisy, counts only above a tenth of the time-out."""
    pace = Pace(100, at_once, timeout=30)
    for at, took in enumerate(seconds):
        pace.answered(100, at * 10.0, at * 10.0 + took)
    assert not pace.lowered


def test_rising_latency_lowers_the_requests_at_once_and_its_fall_raises_them() -> None:
    """Ten times as slow, above a tenth of the time-out: fewer at once, the same batches; as before, and all is as before."""
    pace = Pace(100, 4, timeout=30)
    clock = 0.0
    for took in [1.0] * 20 + [10.0] * 20:
        pace.answered(100, clock, clock + took)
        clock += took
    assert (pace.concurrency, pace.batch_size) == (1, 100)
    for took in [1.0] * 40:
        pace.answered(100, clock, clock + took)
        clock += took
    assert pace.concurrency == 4


def test_a_vendor_that_is_slower_for_good_is_not_held_back_for_good() -> None:
    """The best latency fades: after some hundred answers the new one is what is expected."""
    pace = Pace(100, 4, timeout=30)
    clock = 0.0
    for took in [1.0] * 20 + [10.0] * 400:
        pace.answered(100, clock, clock + took)
        clock += took
    assert (pace.lowest_concurrency, pace.concurrency) == (1, 4)


def test_four_who_are_turned_away_at_once_lower_it_once() -> None:
    """What was begun before a lowering says nothing about it; what comes after it does."""
    pace = Pace(100, 8)
    for _ in range(4):
        pace.busy(begun=1.0, now=2.0)
    assert pace.concurrency == 4
    pace.busy(begun=2.5, now=3.0)
    assert (pace.concurrency, pace.batch_size) == (2, 100)


def test_a_size_that_was_too_large_is_remembered() -> None:
    """After a 413 the size stays below what was refused for 64 answers, then it is tried again."""
    pace = Pace(100, 4)
    pace.too_large(100)
    pace.too_large(50)
    assert (pace.batch_size, pace.concurrency) == (25, 4)
    sizes = []
    for _ in range(Pace.REMEMBERED):
        pace.answered(pace.batch_size, 0.0, 0.1)
        sizes.append(pace.batch_size)
    assert max(sizes) == 43
    for _ in range(100):
        pace.answered(pace.batch_size, 0.0, 0.1)
    assert pace.batch_size == 100


def test_everybody_heeds_a_retry_after() -> None:
    """The longest that was asked for counts; who was not told waits as well."""
    pace = Pace(100, 4)
    assert pace.peace(0.0) == 0.0
    pace.busy(0.0, 10.0, 30.0)
    pace.busy(0.0, 11.0, 2.0)
    assert [pace.peace(now) for now in (11.0, 39.0, 40.0, 99.0)] == [29.0, 1.0, 0.0, 0.0]
