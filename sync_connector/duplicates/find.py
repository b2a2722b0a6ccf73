"""Which contacts are compared, and what is made of it: columns in, pairs out.

A contact is compared only with those of its block, in one pass after the other (`Columns.passes`): the same e-mail, the same
name and half of the number, the same house number and beginnings of a name, and so on. A block of more than `BLOCK` contacts is
not compared all with all: it is sorted (by address, e-mail or number), and each is compared with the `NEIGHBOURS` next ones. So
no pass compares more than ten pairs a contact.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from sync_connector.duplicates import fold, weigh
from sync_connector.duplicates.columns import Columns, texts_at
from sync_connector.duplicates.weigh import Why

THRESHOLD = 0.9
BLOCK = 20
NEIGHBOURS = 10
CHUNK = 1 << 15  # pairs that are weighed at a time
NATIONAL = 9  # digits from the right: if they are the same, only the country's prefix differs
SCARCE = 0.01  # a spelling that is as rare as this beside another may be a mistyped one

Places = npt.NDArray[np.int64]


class Duplicate(NamedTuple):
    """Two contacts that are likely one person: `key` sorts before `other`; `score` is from 0 to 1."""

    key: str
    other: str
    score: float
    why: tuple[Why, ...]


class Search(NamedTuple):
    """What was found, sorted by score (highest first) and keys; how many pairs were compared; and how many blocks were too
    large to be compared all with all."""

    duplicates: list[Duplicate]
    compared: int
    crowded: int


def find(contacts: pa.Table, threshold: float = THRESHOLD, between: Callable[[], None] = lambda: None) -> Search:
    """The likely duplicates among contacts.

    `contacts`: string columns `key`, `first_name`, `last_name`, `adress`, `email` and `phone_number` (E.164 or `""`); others
    are left alone. Two contacts with the very same number or key are no pair here. `between` is called every
    few hundred milliseconds of work and may raise, to stop.
    """
    columns = Columns(contacts, between)
    found: dict[tuple[int, int], tuple[float, tuple[Why, ...]]] = {}
    compared = crowded = 0
    for block_keys, order in columns.passes():
        between()
        blocks = _Blocks(block_keys, order)
        crowded += blocks.crowded
        for left, right in blocks.pairs():
            between()
            compared += len(left)
            for i, j, score, why in _weighed(columns, left, right, threshold):
                found[min(i, j), max(i, j)] = score, why
    duplicates = []
    for (i, j), (score, why) in found.items():
        key, other = sorted((columns.key(i), columns.key(j)))
        duplicates.append(Duplicate(key, other, score, why))
    duplicates.sort(key=lambda each: (-each.score, each.key, each.other))
    return Search(duplicates, compared, crowded)


class _Blocks:
    """The blocks of one pass, as rows in order and how many follow each in its block."""

    def __init__(self, keys: npt.NDArray[np.uint64], order: npt.NDArray[np.int64]) -> None:
        rows = np.flatnonzero(keys)
        self._rows = rows[np.lexsort((order[rows], keys[rows]))]
        ordered = keys[self._rows]
        starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1]))) if len(rows) else np.array([], np.int64)
        sizes = np.diff(np.append(starts, len(rows)))
        self.crowded = int((sizes > BLOCK).sum())
        follow = np.repeat(starts + sizes, sizes) - np.arange(len(rows)) - 1
        self._partners = np.where(np.repeat(sizes > BLOCK, sizes), np.minimum(follow, NEIGHBOURS), follow)

    def pairs(self) -> Iterator[tuple[Places, Places]]:
        """The pairs of rows to compare, about `CHUNK` at a time."""
        ends = np.cumsum(self._partners)
        start = 0
        while start < len(ends):
            begun = ends[start - 1] if start else 0
            stop = max(start + 1, int(np.searchsorted(ends, begun + CHUNK)))
            partners = self._partners[start:stop]
            left = np.repeat(np.arange(start, stop), partners)
            first = np.repeat(np.cumsum(partners) - partners, partners)
            right = left + 1 + np.arange(len(left)) - first
            if len(left):
                yield self._rows[left], self._rows[right]
            start = stop


def _weighed(
    columns: Columns, left: Places, right: Places, threshold: float
) -> Iterator[tuple[int, int, float, tuple[Why, ...]]]:
    """The pairs that reach the threshold. What is cheap is asked first, and what cannot reach it any more is dropped."""
    apart = columns.key_ids[left] != columns.key_ids[right]
    apart &= (columns.phones[left] != columns.phones[right]) | (columns.phones[left] == 0)
    left, right = left[apart], right[apart]
    bits, names = _names(columns, left, right)
    is_near = _near(columns, left, right)
    bits += weigh.PRIOR + weigh.LIKE_NUMBER * is_near
    hope = bits + _hope(columns, left, right)
    emails, addresses = columns.emails.ids, columns.addresses.ids
    kept = np.flatnonzero(hope >= weigh.bits_of(threshold))
    rows = left[kept], right[kept]
    mails = [[fold.read_email(text) for text in texts_at(columns.emails, side)] for side in rows]
    places = [[fold.read_address(text) for text in texts_at(columns.addresses, side)] for side in rows]
    firsts = [fold.read_name(text).compact for text in texts_at(columns.firsts, rows[0])]
    no_email, no_place = (columns.is_crowd[texts][rows[0]] | columns.is_crowd[texts][rows[1]] for texts in columns.is_crowd)
    shared, buildings = columns.is_shared_email[emails[rows[0]]], columns.is_building[addresses[rows[0]]]
    for at, (one, other, pair) in enumerate(zip(rows[0].tolist(), rows[1].tolist(), kept.tolist(), strict=True)):
        is_shared = bool(shared[at]) or mails[0][at].local in fold.ROLES
        mail = weigh.NOTHING if no_email[at] else weigh.emails(mails[0][at], mails[1][at], is_shared, firsts[at])
        place = weigh.NOTHING if no_place[at] else weigh.addresses(places[0][at], places[1][at], bool(buildings[at]))
        score = weigh.score(float(bits[pair]) + mail.bits + place.bits)
        if score >= threshold:
            number = Why.LIKE_NUMBER if is_near[pair] else None
            yield one, other, round(score, 4), tuple(why for why in (names[pair], mail.why, place.why, number) if why)


def _hope(columns: Columns, left: Places, right: Places) -> npt.NDArray[np.float64]:
    """The most that e-mails and addresses may still speak for each pair."""

    def same(ids: npt.NDArray[np.int32]) -> npt.NDArray[np.bool_]:
        alike: npt.NDArray[np.bool_] = (ids[left] == ids[right]) & (ids[left] >= 0)
        return alike

    like_email = same(columns.mailbox_ids) | same(columns.provider_ids)
    hope = np.where(like_email, weigh.BEST_LIKE_EMAIL, 0.0)
    hope[same(columns.emails.ids)] = weigh.BEST_EMAIL
    ids = columns.addresses.ids
    like_place = same(columns.number_ids) | columns.is_one_number[left] | columns.is_one_number[right]
    places = np.where(like_place, weigh.BEST_LIKE_PLACE, weigh.ANOTHER_HOUSE)
    places[same(ids)] = weigh.SAME_PLACE
    places[(ids[left] < 0) | (ids[right] < 0)] = 0
    for part, texts in ((hope, columns.emails), (places, columns.addresses)):
        part[columns.is_crowd[texts][left] | columns.is_crowd[texts][right]] = 0
    return np.asarray(hope + places, np.float64)


def _names(columns: Columns, left: Places, right: Places) -> tuple[npt.NDArray[np.float64], list[Why | None]]:
    """Bits of the names, −∞ for two people, and what to say of them. Each pair of names is looked at once."""
    full = columns.full_ids.astype(np.int64)
    low, high = np.minimum(full[left], full[right]), np.maximum(full[left], full[right])
    _, at, inverse = np.unique((low << 32) + high, return_index=True, return_inverse=True)
    likely, usual = [], []
    for texts in (columns.firsts, columns.lasts):
        counts = columns.counts[texts]
        one, other = (np.where(texts.ids[rows] >= 0, counts[texts.ids[rows]], 0) for rows in (left[at], right[at]))
        usual.append(np.maximum(one, other).tolist())
        likely.append((np.minimum(one, other) <= np.maximum(2, SCARCE * np.maximum(one, other))).tolist())
    both = columns.holders[np.maximum(columns.name_ids[left[at]], 0)].tolist()
    sides = []
    for rows in (left[at], right[at]):
        firsts, lasts = texts_at(columns.firsts, rows), texts_at(columns.lasts, rows)
        sides.append([(fold.read_name(a), fold.read_name(b)) for a, b in zip(firsts, lasts, strict=True)])
    bits, whys = np.full(len(at), -np.inf), list[Why | None]()
    for place, (one, other, *ways) in enumerate(zip(*sides, *likely, *usual, both, strict=True)):
        weight = weigh.names(one, other, (ways[0], ways[1]))
        whys.append(weight.why if weight else None)
        if weight is not None:
            is_same = weight.bits == weigh.WHOLE_NAME
            bits[place] = weight.bits + (weigh.rarity(ways[2], ways[3], ways[4], len(columns)) if is_same else 0)
    return bits[inverse], [whys[place] for place in inverse.tolist()]


def _near(columns: Columns, left: Places, right: Places) -> npt.NDArray[np.bool_]:
    """Whether two numbers differ in one digit, in two neighbours that changed places, or in the country's prefix alone."""
    known = (columns.phones[left] > 0) & (columns.phones[right] > 0)
    one, other = columns.digits(left), columns.digits(right)
    differ = one != other
    count: Places = differ.sum(axis=1)
    first = differ.argmax(axis=1)
    rows, after = np.arange(len(first)), np.minimum(first + 1, one.shape[1] - 1)
    turned = (count == 2) & (one[rows, first] == other[rows, after]) & (one[rows, after] == other[rows, first])
    near: npt.NDArray[np.bool_] = known & ((count == 1) | turned | ~differ[:, :NATIONAL].any(axis=1))
    return near
