"""Number → contact: who of those that the ledger has under a number an event belongs to, and what counts as a repeat.

Law: pure. A contact of today comes before one that left the CRM, and that one before one that changed its number since.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Literal

from sync_connector.ledger.nouns import Candidate
from sync_connector.model import Clock, Event, Matched

Policy = Literal["newest", "all", "none"]

_STANDINGS = (("owner", "waiting"), ("gone",), ("former",))

TO_THE_SECOND = re.compile(r"\d:\d{2}:\d{2}", re.ASCII)  # an offset has a colon too
TOLD_TO_THE_SECOND = timedelta(days=7)
"""Two events that say the same and were timed to the second are one, however late the second delivery."""


def choose(candidates: Sequence[Candidate], policy: Policy) -> tuple[Matched, list[int]]:
    """The contacts (ids) that an event is bound to, in the order in which they are told.

    Where several share its number, `newest` takes the one that changed last in the CRM (the one that has the number at the
    vendor, if the CRM does not say), `all` takes each of them, `none` leaves it to people.
    """
    for standings in _STANDINGS:
        found = {one.contact_id: one for one in candidates if one.standing in standings}
        if found:
            break
    else:
        return Matched.NONE, []
    newest_first = sorted(
        found.values(),
        key=lambda one: (one.recency is None, -(one.recency or 0), one.standing != "owner", -one.contact_id),
    )
    ids = [one.contact_id for one in newest_first]
    if len(ids) == 1:
        return Matched.ONE, ids
    return Matched.MANY, {"newest": ids[:1], "all": ids, "none": []}[policy]


def repeat_window(event: Event, window: int) -> timedelta:
    """How long after an event the same words are suspected to be the same event once more.

    Two missed calls of one number on one day are told in the same words where the vendor gives the bare date: only a
    short time (`window`, seconds) tells them apart.
    """
    to_the_second = TO_THE_SECOND.search(event.occurred_text) or event.occurred_text.strip().isdigit()
    timed = to_the_second and event.clock in (Clock.EXACT, Clock.AMBIGUOUS, Clock.NONEXISTENT)
    return max(TOLD_TO_THE_SECOND, timedelta(seconds=window)) if timed else timedelta(seconds=window)
