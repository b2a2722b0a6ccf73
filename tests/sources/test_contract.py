"""One suite for every kind of source: what it hands over has one shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sync_connector import sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources import Chunk, RowSource

HEADERS = ["id", "name", "phone"]
ROWS = [("1", "Jean", "0612345678"), ("2", "NA", ""), ("3", " ", "1e5"), ("4", "null", "+33 6")]


def _csv(folder: Path) -> Source:
    path = folder / "contacts.csv"
    path.write_text("\n".join(",".join(row) for row in [HEADERS, *ROWS]) + "\n", encoding="utf-8")
    return Source(type="csv", path=str(path))


def _singer(folder: Path) -> Source:
    path = folder / "contacts.singer"
    described = {"properties": {name: {"type": "string"} for name in HEADERS}}
    messages: list[object] = [{"type": "SCHEMA", "stream": "contacts", "schema": described, "key_properties": ["id"]}]
    messages += [{"type": "RECORD", "stream": "contacts", "record": dict(zip(HEADERS, row, strict=True))} for row in ROWS]
    path.write_text("".join(json.dumps(message) + "\n" for message in messages), encoding="utf-8")
    return Source(type="singer", path=str(path))


MADE: dict[str, Callable[[Path], Source]] = {"csv": _csv, "singer": _singer}


@pytest.fixture(params=[kind for kind in sources.kinds() if kind in MADE])
def source(request: pytest.FixtureRequest, tmp_path: Path) -> RowSource:
    """A source of each kind, with the same four rows."""
    return sources.open_source(MADE[request.param](tmp_path))


def _read(source: RowSource) -> list[Chunk]:
    return list(source.chunks())


def test_csv_is_a_kind_of_source() -> None:
    """The file's name is the type's name."""
    assert "csv" in sources.kinds()


def test_an_unknown_kind_is_a_sentence() -> None:
    """A type that does not exist is answered with those that do."""
    with pytest.raises(FixSetup, match=r"'fax' is unknown.*csv"):
        sources.open_source(Source(type="fax", path="x"))


def test_cells_come_as_they_stood(source: RowSource) -> None:
    """Every column has dtype `str`; numbers, blanks and words for nothing are text."""
    frames = [chunk.rows for chunk in _read(source)]
    for frame in frames:
        assert list(frame.columns) == HEADERS == list(source.headers())
        assert all(str(dtype) == "str" for dtype in frame.dtypes)
        assert not frame.isna().to_numpy().any()
    assert [row for frame in frames for row in frame.itertuples(index=False, name=None)] == ROWS


def test_lines_go_with_rows(source: RowSource) -> None:
    """There is a line for each row, an int64, and lines rise."""
    chunks = _read(source)
    lines = np.concatenate([chunk.lines for chunk in chunks])
    assert lines.dtype == np.int64
    assert all(len(chunk.lines) == len(chunk.rows) for chunk in chunks)
    assert (np.diff(lines) > 0).all()
    assert [aside for chunk in chunks for aside in chunk.set_aside] == []


def test_reading_again_gives_the_same(source: RowSource) -> None:
    """`chunks` may be called twice."""
    first, second = (pd.concat([chunk.rows for chunk in _read(source)], ignore_index=True) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)


def test_a_source_describes_itself(source: RowSource) -> None:
    """It says in sentences what it found out, whether it is complete, and how large it is."""
    assert source.describe()
    assert isinstance(source.full, bool)
    assert source.total_bytes is None or source.total_bytes > 0
    assert all(chunk.read_bytes >= 0 for chunk in _read(source))
