"""Pace: waits, `Retry-After`, slots. Time and chance are arguments."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.flow.pace import Patience, Slots, retry_after, wait_before

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
