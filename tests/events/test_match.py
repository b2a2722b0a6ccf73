"""Who an event belongs to, and what counts as a repeat."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.events.match import TOLD_TO_THE_SECOND, Policy, choose, repeat_window
from sync_connector.ledger.nouns import Candidate
from sync_connector.model import Clock, Event, Kind, Matched

STANDINGS = ["owner", "waiting", "gone", "former"]
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 20), st.sampled_from(STANDINGS), st.none() | st.integers(0, 5)), max_size=8
)


def candidate(id_: int, standing: str = "owner", recency: int | None = None) -> Candidate:
    """A contact that has the number, or had it."""
    return Candidate(id_, standing, recency)


POLICIES: list[tuple[Policy, tuple[Matched, list[int]]]] = [
    ("newest", (Matched.MANY, [2])),
    ("all", (Matched.MANY, [2, 3, 1])),
    ("none", (Matched.MANY, [])),
]


@pytest.mark.parametrize(("policy", "wanted"), POLICIES)
def test_a_shared_number_follows_the_policy(policy: Policy, wanted: tuple[Matched, list[int]]) -> None:
    """The newest, all of them newest first, or nobody; who has no date comes last."""
    shared = [candidate(1, "owner", None), candidate(2, "waiting", 20), candidate(3, "waiting", 10)]
    assert choose(shared, policy) == wanted


def test_without_dates_the_owner_of_the_number_is_the_newest() -> None:
    """Where the CRM does not say when, the contact that has the number at the vendor is taken."""
    assert choose([candidate(9, "waiting"), candidate(1, "owner"), candidate(5, "waiting")], "newest") == (Matched.MANY, [1])


def test_a_contact_of_today_comes_before_one_that_left_or_moved() -> None:
    """Gone contacts count where no other has the number, former owners last of all."""
    assert choose([candidate(1, "former", 99), candidate(2, "gone", 50), candidate(3, "owner", 1)], "all") == (Matched.ONE, [3])
    assert choose([candidate(1, "former", 99), candidate(2, "gone", 50)], "all") == (Matched.ONE, [2])
    assert choose([candidate(1, "former", 99)], "none") == (Matched.ONE, [1])


@given(CANDIDATES, st.sampled_from(["newest", "all", "none"]))
def test_every_choice_is_a_choice_among_those_that_are_there(candidates: list[Candidate], policy: Policy) -> None:
    """Nobody twice, nobody invented, nobody without candidates, and the order in which they are told does not matter."""
    matched, ids = choose(candidates, policy)
    assert len(set(ids)) == len(ids)
    assert set(ids) <= {one.contact_id for one in candidates}
    assert (matched is Matched.NONE) == (not candidates)
    if matched is Matched.ONE:
        assert len(ids) == 1
    if policy != "none":
        assert bool(ids) == bool(candidates)


@pytest.mark.parametrize(
    ("clock", "text", "wanted"),
    [
        (Clock.EXACT, "2020-01-21 10:01:38", TOLD_TO_THE_SECOND),
        (Clock.AMBIGUOUS, "2020-10-25 02:30:00", TOLD_TO_THE_SECOND),
        (Clock.EXACT, "1579597298", TOLD_TO_THE_SECOND),
        (Clock.EXACT, "2020-01-21 10:01", timedelta(seconds=60)),
        (Clock.EXACT, "2020-01-21T10:01+01:00", timedelta(seconds=60)),
        (Clock.DATE, "2019-07-05", timedelta(seconds=60)),
        (Clock.UNKNOWN, "", timedelta(seconds=60)),
    ],
)
def test_only_a_time_to_the_second_makes_a_late_repeat_suspicious(clock: Clock, text: str, wanted: timedelta) -> None:
    """Two missed calls on one day, told by the bare date, are two unless they come within the window."""
    assert repeat_window(Event(Kind.CALL, clock=clock, occurred_text=text), 60) == wanted
