"""Spool: what is kept between deciding and sending comes back as it went."""

from __future__ import annotations

from contextlib import closing

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.flow import spool
from sync_connector.flow.spool import Candidate, Spool
from sync_connector.model import Change, Contact, Finding, Place, Severity

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
CANDIDATES = st.builds(
    Candidate,
    key=TEXT,
    place=st.builds(Place, TEXT, st.integers(1, 2**40)),
    row_fp=st.binary(min_size=16, max_size=16),
    payload_fp=st.none() | st.binary(min_size=16, max_size=16),
    recency=st.none() | st.integers(-(2**40), 2**40),
    change=st.sampled_from(Change),
    contact=st.none() | st.builds(Contact, *[TEXT] * 6),
    findings=st.lists(st.builds(Finding, TEXT, TEXT, st.sampled_from(Severity), TEXT, TEXT, TEXT, TEXT), max_size=3).map(tuple),
    country=TEXT,
    cells=st.fixed_dictionaries({"id": st.none() | TEXT, "mobile": st.none() | TEXT}),
)


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "BATCH", 3)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.lists(CANDIDATES, max_size=5), max_size=4), st.data())
def test_what_goes_in_comes_out(parts: list[list[Candidate]], data: st.DataObject) -> None:
    """Any candidates come back in their order, any choice of them with their positions, and again."""
    everything = [candidate for part in parts for candidate in part]
    mask = np.array(data.draw(st.lists(st.booleans(), min_size=len(everything), max_size=len(everything))), dtype=bool)
    with closing(Spool(["id", "mobile"])) as kept:
        for part in parts:
            columns = {header: [(one.cells or {})[header] for one in part] for header in ("id", "mobile")}
            kept.append(part, {header: pa.array(texts, pa.large_string()) for header, texts in columns.items()})
        assert len(kept) == len(everything)
        for _ in range(2):
            assert list(kept.read(np.ones(len(everything), dtype=bool), with_cells=True)) == list(enumerate(everything))
            bare = [(n, one._replace(cells=None)) for n, one in enumerate(everything) if mask[n]]
            assert list(kept.read(mask)) == bare
        positions = np.flatnonzero(mask).tolist()
        assert kept.keys(positions) == {n: everything[n].key for n in positions}
