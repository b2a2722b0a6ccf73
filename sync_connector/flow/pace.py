"""Pace: how much to send at once, when to send, when to try again, when to stop trying. Pure: time and chance are arguments."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple


class Patience(NamedTuple):
    """How a batch is tried: at most `tries` times and `give_up_after` seconds; waits double from `first_wait` seconds
    to `longest_wait`, each taken at random between half of itself and itself."""

    tries: int = 5
    give_up_after: float = 300.0
    first_wait: float = 0.5
    longest_wait: float = 60.0


def wait_before(attempt: int, patience: Patience, spent: float, chance: float, asked: float | None) -> float | None:
    """Seconds to wait before attempt number `attempt` (2 is the first repetition), or `None`: give up.

    `spent`: seconds since the first attempt. `chance`: uniform in [0, 1). `asked`: the seconds of a `Retry-After`,
    which is obeyed even where it is longer than our own wait.
    """
    if attempt > patience.tries:
        return None
    own = min(patience.longest_wait, patience.first_wait * 2.0 ** (attempt - 2))
    wait = max(own * (0.5 + chance / 2), asked or 0.0)
    return wait if spent + wait <= patience.give_up_after else None


def retry_after(value: str | None, now: float) -> float | None:
    """The seconds that a `Retry-After` header asks for, in either of its forms (RFC 9110, 10.2.3), from `now` (seconds
    since 1970). `None` where there is none or it makes no sense."""
    text = (value or "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        when = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return max(0.0, when.timestamp() - datetime.fromtimestamp(now, UTC).timestamp())


class Slots:
    """Start times that keep to a rate (requests a second; 0 is no limit), evenly spaced."""

    def __init__(self, rate: float) -> None:
        self._gap = 1.0 / rate if rate else 0.0
        self._next = float("-inf")

    def wait(self, now: float) -> float:
        """Seconds to wait until the slot that is hereby taken."""
        start = max(now, self._next)
        self._next = start + self._gap
        return start - now


class RetryBudget:
    """How many requests of a run may be repetitions: a bucket of tokens, full at first. A repetition takes one, an answer gives a
    part of one back, never above the brim: a vendor that fails now and then is asked again each time, one that fails all the time
    a bounded number of times, whatever there is to send.

    So have it AWS's SDKs (500 tokens, 5 for a repetition: a hundred of them) and gRPC's retry throttling (A6: an answer gives
    `tokenRatio` back). The share is higher than theirs or Finagle's (20 %), since a run of a night is not in a hurry: it bears a
    vendor that turns away every third request.
    """

    TOKENS = 100.0
    GIVEN_BACK = 0.5

    def __init__(self) -> None:
        self._tokens = self.TOKENS
        self.taken = 0

    def answered(self) -> None:
        """A request brought an answer."""
        self._tokens = min(self.TOKENS, self._tokens + self.GIVEN_BACK)

    def take(self) -> bool:
        """Whether a request may be repeated; it counts as done."""
        if self._tokens < 1:
            return False
        self._tokens -= 1
        self.taken += 1
        return True


class Pace:
    """How many contacts go in a request, and how many requests at once: additive increase, multiplicative decrease, between one
    and what is configured. Times are seconds of one clock.

    Each sign lowers what it is about. Too busy (429, 503) and answers that become slow: requests at once; smaller batches would
    only make more requests. Too large (413): the batch. A time-out: both. One lowering is given time: what was begun before it
    says nothing about it.
    """

    REMEMBERED = 64
    """Answers for which a size that was too large is not tried again."""
    TOLERANCE = 4.0
    """Times that answers may take longer than at best before that counts, and only where it is more than …"""
    SLOW = 0.1
    """… this share of the time-out."""
    SMOOTHING, FADING = 1 / 8, 1.005
    """Of the latency, as TCP's (RFC 6298); the best fades, so that a vendor that is slower for good is not held back for good."""

    SHORTEST_PEACE, LONGEST_PEACE = 0.5, 60.0
    """Seconds in which nobody asks a vendor that was busy twice in a row and said no time of its own: doubled each time. Else all
    who send would spend the budget of repetitions within half a minute, and batch after batch would fail behind them."""

    def __init__(self, batch_size: int, concurrency: int, timeout: float = 30.0) -> None:
        self._most, self._most_at_once = batch_size, concurrency
        self._size, self._at_once = float(batch_size), float(concurrency)
        self.lowest_batch_size, self.lowest_concurrency = batch_size, concurrency
        self._slow = self.SLOW * timeout
        self._lowered = float("-inf")
        self._too_large: int | None = None
        self._since = 0
        self._free = float("-inf")
        self._busy_at, self._busy_in_a_row = float("-inf"), 0
        self._smoothed, self._best = 0.0, float("inf")

    @property
    def batch_size(self) -> int:
        """Contacts in the next batch."""
        return int(self._size)

    @property
    def concurrency(self) -> int:
        """Requests that may be under way at once."""
        return int(self._at_once)

    @property
    def lowered(self) -> bool:
        """Whether it ever was below what is configured."""
        return self.lowest_batch_size < self._most or self.lowest_concurrency < self._most_at_once

    def answered(self, contacts: int, begun: float, now: float) -> None:
        """A request of so many contacts, sent at `begun`, brought verdicts."""
        self._busy_in_a_row = 0
        if contacts >= self._size / 2:  # of what is sent again on its own nothing follows for whole batches
            self._grow()
            if self._slowed(max(0.0, now - begun)):
                self._fewer(begun, now)
                return
        if begun >= self._lowered:
            self._at_once = min(float(self._most_at_once), self._at_once + 1 / self._at_once)

    def busy(self, begun: float, now: float, asked: float | None = None) -> None:
        """The vendor has too much to do. `asked`: the seconds for which it wants to be left in peace, by everybody."""
        if begun >= self._busy_at:  # those under way at once say it once
            self._busy_at, self._busy_in_a_row = now, self._busy_in_a_row + 1
        again = self._busy_in_a_row - 2
        own = min(self.LONGEST_PEACE, self.SHORTEST_PEACE * 2.0 ** min(again, 10)) if again >= 0 else 0.0
        self._free = max(self._free, now + max(asked or 0.0, own))
        self._fewer(begun, now)

    def too_large(self, contacts: int) -> None:
        """The vendor does not take a request of so many contacts."""
        self._too_large = contacts if self._too_large is None else min(contacts, self._too_large)
        self._since = 0
        self._smaller(contacts)

    def late(self, contacts: int, begun: float, now: float) -> None:
        """A batch of so many contacts brought no answer in time."""
        self._smaller(contacts)
        self._fewer(begun, now)

    def peace(self, now: float) -> float:
        """Seconds for which nobody sends anything."""
        return max(0.0, self._free - now)

    def _grow(self) -> None:
        self._since += 1
        if self._since > self.REMEMBERED:
            self._too_large = None
        limit = self._most if self._too_large is None else max(1, self._too_large * 7 // 8)
        if self._size < limit:
            self._size = min(float(limit), self._size + max(1.0, self._most / 100))

    def _slowed(self, took: float) -> bool:
        self._smoothed += (took - self._smoothed) * (self.SMOOTHING if self._best < float("inf") else 1)
        self._best = min(self._best * self.FADING, self._smoothed)
        # That many requests at once wait for each other, even at a vendor that is well.
        tolerated = max(self.TOLERANCE, 2 * self._at_once) * self._best
        return self._smoothed > max(self._slow, tolerated)

    def _smaller(self, contacts: int) -> None:
        self._size = max(1.0, min(self._size, contacts / 2))
        self.lowest_batch_size = min(self.lowest_batch_size, self.batch_size)

    def _fewer(self, begun: float, now: float) -> None:
        if begun >= self._lowered:
            self._at_once = max(1.0, self._at_once / 2)
            self._lowered = now
            self.lowest_concurrency = min(self.lowest_concurrency, self.concurrency)
