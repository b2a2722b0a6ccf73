"""Resolve: one phone, one contact. The phone number is the vendor's identity of a contact, so of several contacts with
one number a single one is sent, and the others are held and named.

Law: pure, and a function of the source alone: the same rows give the same winners whatever was sent before. Columns of
64-bit numbers, since a first run hands over every contact there is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Literal, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

_Number = TypeVar("_Number", np.int64, np.uint32)


class Outcome(IntEnum):
    """What becomes of a candidate."""

    SEND = 0
    NONE = 1
    HELD = 2
    REJECTED = 3
    DUPLICATE_KEY = 4
    SHARED_REJECTED = 5
    IN_DOUBT = 6  # no trustworthy answer came to it as it is: not sent again, and its number is still its own


class Incumbent(NamedTuple):
    """A contact whose row did not change and that owns, at the vendor, a number that a candidate wants.

    `ordinal` is that of its row, or −1 for a contact of another source: that one is never displaced.
    """

    id: int
    key: str
    phone: int
    ordinal: int
    recency: int | None


@dataclass(slots=True)
class Resolution:
    """`owners`: candidate → who has its number (a candidate's position, or an incumbent's key). `displaced`: incumbent
    → the position of the candidate that has its number now, −1 when nobody has (policy `reject`)."""

    outcomes: npt.NDArray[np.int8]
    owners: dict[int, int | str] = field(default_factory=dict)
    displaced: list[tuple[Incumbent, int]] = field(default_factory=list)


UNKNOWN_RECENCY = np.iinfo(np.int64).min


def repeated(values: npt.NDArray[_Number]) -> npt.NDArray[_Number]:
    """The values that stand more than once, sorted; 0 is no value."""
    ordered = np.sort(values)
    twice = ordered[1:][ordered[1:] == ordered[:-1]]
    found: npt.NDArray[_Number] = np.unique(twice[twice != 0])
    return found


def groups(values: npt.NDArray[_Number], wanted: npt.NDArray[_Number]) -> dict[int, list[int]]:
    """Positions by value, for the wanted values (sorted) only."""
    found: dict[int, list[int]] = defaultdict(list)
    if not len(wanted):
        return found
    for start in range(0, len(values), 1 << 20):  # a block at a time: the look-up's own memory stays small
        block = values[start : start + (1 << 20)]
        at = np.minimum(np.searchsorted(wanted, block), len(wanted) - 1)
        for position in np.flatnonzero(wanted[at] == block):
            found[int(block[position])].append(start + int(position))
    return found


def resolve(
    outcomes: npt.NDArray[np.int8],
    phones: npt.NDArray[np.int64],
    ordinals: npt.NDArray[np.int32],
    recencies: npt.NDArray[np.int64],
    incumbents: Sequence[Incumbent],
    policy: Literal["newest", "first", "reject"],
) -> Resolution:
    """Decide each contested number.

    `phones` holds numbers as integers, 0 for a candidate that has none (it is rejected already); those of candidates that
    are no contenders are set to 0. `outcomes` comes with
    what is decided so far (SEND, NONE, IN_DOUBT, REJECTED, DUPLICATE_KEY) and goes with the rest.
    """
    resolution = Resolution(outcomes)
    # In place: of five million candidates a copy is forty megabytes.
    phones[(outcomes > Outcome.NONE) & (outcomes != Outcome.IN_DOUBT)] = 0
    by_phone = {incumbent.phone: incumbent for incumbent in incumbents}
    contested = np.union1d(repeated(phones), np.array(sorted(by_phone), dtype=np.int64))
    for phone, positions in groups(phones, contested).items():
        incumbent = by_phone.get(phone)
        if incumbent is None and len(positions) == 1:
            continue
        if policy == "reject":
            _reject(resolution, positions, incumbent)
            continue
        if incumbent is not None and incumbent.ordinal < 0:
            _hold(resolution, positions, incumbent.key)
            continue
        ranked = [(_rank(ordinals[p], recencies[p], policy), p) for p in positions]
        best, winner = max(ranked)
        if incumbent is not None and _rank(incumbent.ordinal, _known(incumbent.recency), policy) > best:
            _hold(resolution, positions, incumbent.key)
            continue
        _hold(resolution, [p for p in positions if p != winner], winner)
        if incumbent is not None:
            resolution.displaced.append((incumbent, winner))
    return resolution


def _known(recency: int | None) -> int:
    return UNKNOWN_RECENCY if recency is None else recency


def _rank(ordinal: int, recency: int, policy: str) -> tuple[int, int]:
    """Larger wins. `newest`: the latest change, and of equals (or where it is unknown) the last row; `first`: the
    first row."""
    return (int(recency), int(ordinal)) if policy == "newest" else (0, -int(ordinal))


def _hold(resolution: Resolution, positions: Sequence[int], owner: int | str) -> None:
    for position in positions:
        resolution.outcomes[position] = Outcome.HELD
        resolution.owners[position] = owner


def _reject(resolution: Resolution, positions: Sequence[int], incumbent: Incumbent | None) -> None:
    for position in positions:
        resolution.outcomes[position] = Outcome.SHARED_REJECTED
        others = [other for other in positions if other != position]
        resolution.owners[position] = others[0] if others else incumbent.key if incumbent else position
    if incumbent is not None and incumbent.ordinal >= 0:
        resolution.displaced.append((incumbent, -1))
