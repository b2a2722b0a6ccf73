"""One suite for every kind of source: what it hands over has one shape."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from sync_connector import sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources import Chunk, RowSource
from tests.conftest import crm_engine
from tests.sources.test_excel import workbook

HEADERS = ["id", "name", "phone"]
ROWS = [("1", "Jean", "0612345678"), ("2", "NA", ""), ("3", " ", "1e5"), ("4", "null", "+33 6")]
FILES = Path(__file__).parent / "files"


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


def _jsonl(folder: Path) -> Source:
    path = folder / "contacts.jsonl"
    path.write_bytes(b"".join(orjson.dumps(dict(zip(HEADERS, row, strict=True))) + b"\n" for row in ROWS))
    return Source(type="jsonl", path=str(path))


def _parquet(folder: Path) -> Source:
    path = folder / "contacts.parquet"
    pq.write_table(pa.table(dict(zip(HEADERS, zip(*ROWS, strict=True), strict=True))), path)
    return Source(type="parquet", path=str(path))


def _vcard(folder: Path) -> Source:
    path = folder / "contacts.vcf"
    cards = [f"BEGIN:VCARD\nVERSION:3.0\nUID:{key}\nFN:{name}\nTEL:{phone}\nEND:VCARD\n" for key, name, phone in ROWS]
    path.write_text("".join(cards), encoding="utf-8")
    return Source(type="vcard", path=str(path))


def _xlsx(folder: Path) -> Source:
    return Source(type="excel", path=str(workbook(folder / "contacts.xlsx", {"Contacts": [HEADERS, *ROWS]})))


def _kept(name: str) -> Callable[[Path], Source]:
    return lambda _folder: Source(type="excel", path=str(FILES / name))


def _sql(folder: Path, url: str) -> Source:
    with crm_engine(url).begin() as crm:
        crm.execute(sa.text("CREATE TABLE people (id VARCHAR(9) PRIMARY KEY, name VARCHAR(9), phone VARCHAR(40))"))
        crm.execute(
            sa.text("INSERT INTO people VALUES (:id, :name, :phone)"), [dict(zip(HEADERS, row, strict=True)) for row in ROWS]
        )
    query = folder / "contacts.sql"
    query.write_text("SELECT id, name, phone FROM people;\n")
    return Source(type="sql", url=SecretStr(url), query=str(query))


MADE: dict[str, list[Callable[[Path], Source] | str]] = {
    "csv": [_csv],
    "excel": [_xlsx, _kept("contacts.xls"), _kept("contacts.ods")],
    "jsonl": [_jsonl],
    "parquet": [_parquet],
    "singer": [_singer],
    "sql": ["sqlite_database", "postgres_database", "mariadb_database"],
    "vcard": [_vcard],
}
NAMED = {"vcard": ["UID", "FN", "TEL 1 - Value"]}
"""What a kind calls id, name and phone, where it names its columns itself."""


@pytest.fixture(params=[pytest.param((kind, make), id=f"{kind}{n}") for kind in MADE for n, make in enumerate(MADE[kind])])
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Made:
    """A source of each kind, with the same four rows."""
    kind, make = request.param
    settings = _sql(tmp_path, request.getfixturevalue(make)) if isinstance(make, str) else make(tmp_path)
    return Made(sources.open_source(settings), NAMED.get(kind, HEADERS))


class Made(NamedTuple):
    """A source and its names for id, name and phone."""

    source: RowSource
    named: list[str]


@pytest.fixture
def source(made: Made) -> RowSource:
    """The source alone."""
    return made.source


def test_every_kind_of_source_is_in_this_suite() -> None:
    """A source that is there runs these tests, or somebody has said here why it cannot."""
    assert set(sources.kinds()) == set(MADE)


def _read(source: RowSource) -> list[Chunk]:
    return list(source.chunks())


def test_csv_is_a_kind_of_source() -> None:
    """The file's name is the type's name."""
    assert "csv" in sources.kinds()


def test_an_unknown_kind_is_a_sentence() -> None:
    """A type that does not exist is answered with those that do."""
    with pytest.raises(FixSetup, match=r"'fax' is unknown.*csv"):
        sources.open_source(Source(type="fax", path="x"))


def test_cells_come_as_they_stood(made: Made) -> None:
    """Every column has dtype `str`; numbers, blanks and words for nothing are text."""
    frames = [chunk.rows for chunk in _read(made.source)]
    for frame in frames:
        assert list(frame.columns) == list(made.source.headers())
        assert all(str(dtype) == "str" for dtype in frame.dtypes)
        assert not frame.isna().to_numpy().any()
    assert [row for frame in frames for row in frame[made.named].itertuples(index=False, name=None)] == ROWS


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
