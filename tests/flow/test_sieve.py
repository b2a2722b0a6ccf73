"""Sieve: fingerprints that tell every two rows apart, and the index of settled rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.flow.sieve import (
    LIVE,
    REJECTED,
    Fingerprints,
    Index,
    as_bytes,
    fingerprints,
    own_fingerprints,
    own_fingerprints_of,
    seed_of,
)

Row = tuple[str, str | None, str | None]


def _prints(rows: Sequence[Row], seed: int = 1) -> list[bytes]:
    keys, first, second = (pa.array(column, pa.large_string()) for column in zip(*rows, strict=True))
    return [as_bytes(fp) for fp in fingerprints(keys, [first, second], seed)]


CELLS = st.none() | st.text(alphabet="ab\x1e\x1f012\x00é", max_size=4) | st.text(max_size=6)
ROWS = st.lists(st.tuples(CELLS.map(lambda c: c or ""), CELLS, CELLS), min_size=1, max_size=6)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (("k", "ab", "c"), ("k", "a", "bc")),
        (("k", "a", ""), ("k", "", "a")),
        (("ka", "", "b"), ("k", "a", "b")),
        (("k", "a\x1f", "b"), ("k", "a", "\x1fb")),
        (("k", "\x1f", ""), ("k", "", "\x1f")),
        (("k", "\x1e", ""), ("k", None, "")),
        (("k", "\x1e2", ""), ("k", None, "")),
        (("k", "\x1e1", ""), ("k", "\x1f", "")),
        (("k", "\x1e0", ""), ("k", "\x1e", "")),
        (("k", None, "a"), ("k", "", "a")),
        (("k", "NULL", "a"), ("k", None, "a")),
        (("k", "None", "a"), ("k", None, "a")),
        (("k", "nan", "a"), ("k", "", "a")),
        (("k", "a ", "b"), ("k", "a", "b")),
        (("k", "é", "b"), ("k", "e\u0301", "b")),
        (("k", "1", "b"), ("k", "1.0", "b")),
    ],
)
def test_cells_do_not_run_into_each_other(one: Row, other: Row) -> None:
    """Two rows that differ in any way differ in their fingerprint, in one chunk and apart."""
    assert len(set(_prints([one, other]))) == 2
    assert _prints([one]) != _prints([other])


@settings(deadline=None)
@given(ROWS)
def test_equal_rows_and_only_they_have_equal_fingerprints(rows: list[Row]) -> None:
    """Fingerprints are a function of the row, and an injective one."""
    found = dict(zip(rows, _prints(rows), strict=True))
    assert len(set(found.values())) == len(found)


@settings(deadline=None)
@given(ROWS, ROWS)
def test_the_rest_of_the_chunk_does_not_matter(rows: list[Row], others: list[Row]) -> None:
    """A row has the same fingerprint alone, among others, and as a slice of a larger column."""
    alone = [_prints([row])[0] for row in rows]
    assert _prints(rows + others)[: len(rows)] == alone
    assert _prints(others + rows)[len(others) :] == alone
    columns = [pa.array(column, pa.large_string()).slice(len(others)) for column in zip(*(others + rows), strict=True)]
    assert [as_bytes(fp) for fp in fingerprints(columns[0], columns[1:], 1)] == alone


@settings(deadline=None)
@given(ROWS, st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
def test_another_seed_changes_every_fingerprint(rows: list[Row], one: int, other: int) -> None:
    """New rules reopen every row."""
    if one != other:
        assert not set(_prints(rows, one)) & set(_prints(rows, other))


def test_a_seed_is_of_all_its_parts() -> None:
    """Each part of the identity counts, and its place."""
    assert len({seed_of("a", "b"), seed_of("a", "c"), seed_of("b", "a"), seed_of("ab"), seed_of("a")}) == 5
    assert 0 <= seed_of("a", "b") < 2**64
    assert seed_of("a", "b") == seed_of("a", "b")


def test_an_empty_chunk_has_no_fingerprints() -> None:
    """No rows, no fingerprints."""
    empty = pa.array([], pa.large_string())
    assert fingerprints(empty, [empty], 1).shape == (0, 2)


def _index(pairs: Sequence[tuple[int, int]], ids: Sequence[int], open_ids: Sequence[int] = ()) -> Index:
    fps: Fingerprints = np.array(pairs, dtype=np.uint64).reshape(-1, 2)
    kinds = np.array([LIVE if id_ % 2 else REJECTED for id_ in ids], dtype=np.uint8)
    return Index.build(fps, np.array(ids, dtype=np.int64), kinds, np.array(open_ids, dtype=np.int64))


def _ids(index: Index, pairs: Sequence[tuple[int, int]]) -> list[int]:
    found = index.find(np.array(pairs, dtype=np.uint64).reshape(-1, 2))
    return [int(index.ids[at]) if at >= 0 else -1 for at in found]


def test_a_fingerprint_is_found_by_both_halves() -> None:
    """Equal high halves are told apart by the low one, wherever they stand; what is not there is −1."""
    top = 2**64 - 1
    index = _index([(5, 1), (5, 2), (5, 3), (9, 1), (0, 0), (top, top)], [10, 11, 12, 13, 14, 15])
    assert _ids(index, [(5, 3), (5, 1), (5, 2), (5, 4), (9, 1), (9, 2), (0, 0), (top, top), (top, 0), (7, 7)]) == [
        12, 10, 11, -1, 13, -1, 14, 15, -1, -1,
    ]  # fmt: skip


PAIRS = st.tuples(st.integers(0, 3) | st.just(2**64 - 1), st.integers(0, 3) | st.just(2**64 - 1))


@settings(deadline=None)
@given(st.lists(PAIRS, max_size=12, unique=True), st.lists(PAIRS, max_size=12))
def test_finding_is_looking_up(known: list[tuple[int, int]], wanted: list[tuple[int, int]]) -> None:
    """The vectorized search answers what a dictionary answers, many equal high halves included."""
    index = _index(known, range(100, 100 + len(known)))
    plain = {pair: id_ for id_, pair in enumerate(known, start=100)}
    assert _ids(index, wanted) == [plain.get(pair, -1) for pair in wanted]


def test_an_empty_index_finds_nothing() -> None:
    """A first run knows nobody."""
    index = _index([], [])
    assert _ids(index, [(1, 2)]) == [-1]
    assert index.known == 0
    assert index.missing().tolist() == []
    assert not index.holds(0)
    assert index.ordinal(0) == -1


def _met(index: Index, ids: Sequence[int], ordinals: Sequence[int]) -> list[bool]:
    fresh: npt.NDArray[np.bool_] = index.meet(np.array(ids, dtype=np.int64), np.array(ordinals, dtype=np.int64))
    return [bool(one) for one in fresh]


def test_a_contact_is_met_once() -> None:
    """The first row in which a contact is met counts, within a chunk and over several."""
    index = _index([(1, 1), (2, 2)], [10, 13], open_ids=[11])
    assert _met(index, [13, 10, 13], [0, 1, 2]) == [True, True, False]
    assert _met(index, [10], [7]) == [False]
    assert (index.ordinal(13), index.ordinal(10), index.ordinal(11)) == (0, 1, -1)
    assert _met(index, [], []) == []


def test_who_was_expected_and_not_met_is_missing() -> None:
    """Settled and open contacts are expected; an id between them that is nobody's is not."""
    index = _index([(1, 1), (2, 2)], [10, 13], open_ids=[11])
    assert index.known == 3
    assert [index.holds(id_) for id_ in (9, 10, 11, 12, 13, 14)] == [False, True, True, False, True, False]
    _met(index, [10], [0])
    assert index.missing().tolist() == [11, 13]
    _met(index, [11, 13], [1, 2])
    assert index.missing().tolist() == []


@settings(deadline=None)
@given(ROWS)
def test_a_row_that_is_apart_has_the_fingerprint_that_it_has_among_others(rows: list[Row]) -> None:
    """Whichever rows stand beside it, alone or in a batch: by it a row is known again."""
    keys, first, second = (pa.array(column, pa.large_string()) for column in zip(*rows, strict=True))
    among = own_fingerprints(keys, [first, second])
    cells = [{"a": a, "b": b} for _, a, b in rows]
    assert own_fingerprints_of([key for key, _, _ in rows], cells) == among
    assert [own_fingerprints_of([key], [one])[0] for (key, _, _), one in zip(rows, cells, strict=True)] == among
    assert own_fingerprints_of([], []) == []
