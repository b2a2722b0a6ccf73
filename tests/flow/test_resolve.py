"""Resolve: of several contacts with one number a single one is sent."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.flow.resolve import UNKNOWN_RECENCY, Incumbent, Outcome, Resolution, groups, repeated, resolve

Policy = Literal["newest", "first", "reject"]
S, N, H, R, D, X, Q = Outcome  # SEND NONE HELD REJECTED DUPLICATE_KEY SHARED_REJECTED IN_DOUBT
POLICIES: tuple[Policy, ...] = ("newest", "first", "reject")


def _resolve(
    policy: Policy,
    phones: Sequence[int],
    *,
    recencies: Sequence[int | None] = (),
    outcomes: Sequence[int] = (),
    ordinals: Sequence[int] = (),
    incumbents: Sequence[Incumbent] = (),
) -> Resolution:
    return resolve(
        np.array(outcomes or [S] * len(phones), dtype=np.int8),
        np.array(phones, dtype=np.int64),
        np.array(ordinals or range(len(phones)), dtype=np.int32),
        np.array([UNKNOWN_RECENCY if r is None else r for r in recencies or [None] * len(phones)], dtype=np.int64),
        incumbents,
        policy,
    )


def _outcomes(resolution: Resolution) -> list[Outcome]:
    return [Outcome(int(one)) for one in resolution.outcomes]


@pytest.mark.parametrize("policy", POLICIES)
def test_numbers_that_differ_are_nobody_elses_business(policy: Policy) -> None:
    """Without a shared number every candidate stays what it is."""
    resolution = _resolve(policy, [1, 2, 3, 0, 0], outcomes=[S, N, S, R, R])
    assert _outcomes(resolution) == [S, N, S, R, R]
    assert resolution.owners == {}
    assert resolution.displaced == []


def test_newest_takes_the_latest_change() -> None:
    """The contact that changed last has the number; of equals, and where it is unknown, the last row has it."""
    resolution = _resolve("newest", [7, 7, 7, 8, 8, 9, 9], recencies=[5, 9, 9, None, None, 3, None])
    assert _outcomes(resolution) == [H, H, S, H, S, S, H]
    assert resolution.owners == {0: 2, 1: 2, 3: 4, 6: 5}


def test_first_takes_the_first_row() -> None:
    """The order of rows decides, whatever changed last."""
    resolution = _resolve("first", [7, 7, 7], recencies=[1, 9, None], ordinals=[5, 3, 9])
    assert _outcomes(resolution) == [H, S, H]
    assert resolution.owners == {0: 1, 2: 1}


def test_reject_sends_nobody() -> None:
    """All contacts with a shared number are rejected, each naming another of them."""
    resolution = _resolve("reject", [7, 7, 8])
    assert _outcomes(resolution) == [X, X, S]
    assert resolution.owners == {0: 1, 1: 0}


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_rejected_already_contests_nothing(policy: Policy) -> None:
    """A rejected row and a repeated key do not hold their number against anybody."""
    resolution = _resolve(policy, [7, 7, 7], outcomes=[R, S, D])
    assert _outcomes(resolution) == [R, S, D]


def test_a_contact_that_needs_nothing_still_holds_its_number() -> None:
    """NONE competes as SEND does: the winner may be one that the vendor has already."""
    assert _outcomes(_resolve("newest", [7, 7], outcomes=[S, N], recencies=[1, 2])) == [H, N]
    assert _outcomes(_resolve("newest", [7, 7], outcomes=[S, N], recencies=[2, 1])) == [S, H]


@pytest.mark.parametrize(
    ("policy", "incumbent", "displaced"),
    [
        ("newest", Incumbent(1, "old", 7, 0, 50), True),
        ("newest", Incumbent(1, "old", 7, 0, 150), False),
        ("newest", Incumbent(1, "old", 7, 0, None), True),
        ("newest", Incumbent(1, "old", 7, 0, 100), True),
        ("newest", Incumbent(1, "old", 7, 9, 100), False),
        ("first", Incumbent(1, "old", 7, 0, 0), False),
        ("first", Incumbent(1, "old", 7, 9, 999), True),
    ],
)
def test_an_unchanged_owner_competes_too(policy: Policy, incumbent: Incumbent, displaced: bool) -> None:
    """The owner of a number whose row did not change wins or loses by the same rule as everyone."""
    resolution = _resolve(policy, [7], recencies=[100], ordinals=[5], incumbents=[incumbent])
    if displaced:
        assert _outcomes(resolution) == [S]
        assert resolution.displaced == [(incumbent, 0)]
    else:
        assert _outcomes(resolution) == [H]
        assert resolution.owners == {0: "old"}
        assert resolution.displaced == []


@pytest.mark.parametrize("policy", ["newest", "first"])
def test_another_sources_contact_is_never_displaced(policy: Policy) -> None:
    """A number that another source has at the vendor stays there, and the candidates are held in its name."""
    resolution = _resolve(policy, [7, 7], recencies=[100, 200], incumbents=[Incumbent(1, "theirs", 7, -1, 1)])
    assert _outcomes(resolution) == [H, H]
    assert resolution.owners == {0: "theirs", 1: "theirs"}
    assert resolution.displaced == []


def test_reject_takes_the_number_from_its_owner_but_not_from_another_sources() -> None:
    """Under `reject` an unchanged owner of the same source loses the number to nobody; a foreign one keeps it."""
    own, foreign = Incumbent(1, "own", 7, 4, None), Incumbent(2, "theirs", 8, -1, None)
    resolution = _resolve("reject", [7, 8], incumbents=[own, foreign])
    assert _outcomes(resolution) == [X, X]
    assert resolution.owners == {0: "own", 1: "theirs"}
    assert resolution.displaced == [(own, -1)]


def test_an_incumbent_that_nobody_contests_is_left_alone() -> None:
    """An owner whose number no candidate wants is not touched."""
    resolution = _resolve("reject", [1], incumbents=[Incumbent(1, "own", 7, 4, None)])
    assert _outcomes(resolution) == [S]
    assert resolution.displaced == []


def test_repeated_values_and_their_groups() -> None:
    """What stands more than once is found with all its positions; 0 is no value."""
    values = np.array([3, 0, 5, 3, 0, 9, 5, 5], dtype=np.int64)
    twice = repeated(values)
    assert twice.tolist() == [3, 5]
    assert groups(values, twice) == {3: [0, 3], 5: [2, 6, 7]}
    assert groups(values, np.array([], dtype=np.int64)) == {}


CANDIDATES = st.lists(
    st.tuples(st.integers(0, 4), st.none() | st.integers(0, 3), st.sampled_from([S, N, R, D])), min_size=1, max_size=12
)
INCUMBENTS = st.lists(
    st.builds(
        Incumbent, st.integers(1, 9), st.text("abc", min_size=1, max_size=2), st.integers(1, 5), st.integers(-1, 0), st.none()
    ),
    unique_by=lambda incumbent: incumbent.phone,
    max_size=3,
)


@settings(deadline=None)
@given(st.sampled_from(POLICIES), CANDIDATES, INCUMBENTS)
def test_one_number_has_one_owner(
    policy: Policy, candidates: list[tuple[int, int | None, Outcome]], incumbents: list[Incumbent]
) -> None:
    """At most one contact has a number in the end; who is held or rejected for it says who has it; the rest is untouched."""
    phones = [0 if outcome == R else phone for phone, _, outcome in candidates]
    before = [R if phone == 0 else outcome for phone, (_, _, outcome) in zip(phones, candidates, strict=True)]
    resolution = _resolve(
        policy,
        phones,
        recencies=[recency for _, recency, _ in candidates],
        outcomes=[int(outcome) for outcome in before],
        ordinals=range(1, len(candidates) + 1),
        incumbents=incumbents,
    )
    after = _outcomes(resolution)
    gave_way = {incumbent.phone for incumbent, _ in resolution.displaced}
    for phone in set(phones) - {0}:
        owners = [p for p, one in enumerate(phones) if one == phone and after[p] in (S, N)]
        staying = [incumbent for incumbent in incumbents if incumbent.phone == phone and phone not in gave_way]
        wanting = [p for p, one in enumerate(phones) if one == phone and before[p] in (S, N)]
        if wanting:
            assert len(owners) + len(staying) <= 1
            if policy != "reject":
                assert len(owners) + len(staying) == 1
    for position, (old, new) in enumerate(zip(before, after, strict=True)):
        if new != old:
            assert old in (S, N)
            assert new == (X if policy == "reject" else H)
        assert (position in resolution.owners) == (new in (H, X))
    assert all(incumbent.ordinal >= 0 for incumbent, _ in resolution.displaced)


@pytest.mark.parametrize("policy", POLICIES)
def test_who_is_in_doubt_contends_for_the_number(policy: Policy) -> None:
    """It is not sent, and its number is nobody else's for that: it wins or waits as it would if it were sent."""
    doubtful = _resolve(policy, [7, 7], outcomes=[Q, S])
    sent = _resolve(policy, [7, 7], outcomes=[S, S])
    assert [Q if one is S and place == 0 else one for place, one in enumerate(_outcomes(sent))] == _outcomes(doubtful)
    assert doubtful.owners == sent.owners
    assert _outcomes(_resolve(policy, [7], outcomes=[Q])) == [Q]
