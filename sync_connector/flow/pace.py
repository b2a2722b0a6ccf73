"""Pace: when to send, when to try again, when to stop trying. Pure: time and chance are arguments."""

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
