"""Every kind of source × every mapping: the same table, read from each, becomes the same contacts."""

from __future__ import annotations

import csv
import itertools
import json
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pydantic import SecretStr

from sync_connector import mapping as mappings
from sync_connector import sources
from sync_connector.config import Source
from sync_connector.flow.extract import Extraction, extract
from sync_connector.flow.normalize import Choices, normalize
from sync_connector.mapping import Mapping
from sync_connector.recognition import recognize
from tests.conftest import e164
from tests.sources.test_excel import workbook

Table = tuple[list[str], list[list[str]]]


def _csv(folder: Path, table: Table) -> Source:
    path = folder / "contacts.csv"
    with open(path, "w", encoding="utf-8", newline="") as out:
        csv.writer(out).writerows([table[0], *table[1]])
    return Source(type="csv", path=str(path))


def _excel(folder: Path, table: Table) -> Source:
    return Source(type="excel", path=str(workbook(folder / "contacts.xlsx", {"Contacts": [table[0], *table[1]]})))


def _jsonl(folder: Path, table: Table) -> Source:
    path = folder / "contacts.jsonl"
    path.write_text("".join(json.dumps(dict(zip(table[0], row, strict=True))) + "\n" for row in table[1]), encoding="utf-8")
    return Source(type="jsonl", path=str(path))


def _parquet(folder: Path, table: Table) -> Source:
    path = folder / "contacts.parquet"
    columns = [pa.array(cells, pa.string()) for cells in zip(*table[1], strict=True)]
    pq.write_table(pa.table(columns, names=table[0]), path)
    return Source(type="parquet", path=str(path))


def _singer(folder: Path, table: Table) -> Source:
    path = folder / "contacts.singer"
    schema = {"type": "SCHEMA", "stream": "contacts", "key_properties": [], "schema": {"properties": {n: {} for n in table[0]}}}
    records = [{"type": "RECORD", "stream": "contacts", "record": dict(zip(table[0], row, strict=True))} for row in table[1]]
    path.write_text("".join(json.dumps(message) + "\n" for message in [schema, *records]), encoding="utf-8")
    return Source(type="singer", path=str(path))


def _sql(folder: Path, table: Table) -> Source:
    names = ", ".join('"' + name.replace('"', '""') + '"' for name in table[0])
    with closing(sqlite3.connect(folder / "crm.db")) as crm, crm:
        crm.execute(f"CREATE TABLE people ({names})")
        crm.executemany(f"INSERT INTO people VALUES ({', '.join('?' * len(table[0]))})", table[1])
    (folder / "contacts.sql").write_text("SELECT * FROM people")
    return Source(type="sql", url=SecretStr(f"sqlite:///{folder / 'crm.db'}"), query=str(folder / "contacts.sql"))


WRITTEN: dict[str, Callable[[Path, Table], Source]] = {
    "csv": _csv,
    "excel": _excel,
    "jsonl": _jsonl,
    "parquet": _parquet,
    "singer": _singer,
    "sql": _sql,
}
COLUMNS_OF_ITS_OWN = {"vcard"}
"""Kinds whose columns are not the file's: only the mapping of their name reads them (see tests/sources/test_vcard.py)."""


def _header(names: Sequence[str]) -> str:
    return names[0].replace("*", "x")


def _flags(values: Sequence[str]) -> Iterator[str]:
    yield next(value for value in values if not value.startswith("!")).replace("*", "x")


def table_for(mapping: Mapping) -> tuple[Table, list[str], Counter[str]]:
    """A table with the mapping's own headers: its rows, the numbers that must come of it, and who is left out why.

    A contact with every cell filled; one for each phone column with only that; one for each reason to be left out.
    """
    columns = mapping.columns
    roles = [columns.key, columns.phone, columns.first_name, columns.last_name, columns.full_name, columns.adress]
    roles += [columns.email, columns.country, columns.postcode]
    headers = [_header(names) for names in itertools.chain(*roles)]
    phones = [_header(names) for names in columns.phone]
    if mapping.phones is not None:
        phones = [mapping.phones.value[0].replace("{n}", str(n)) for n in (1, 2)]
        headers += [*phones, *(_header(mapping.phones.label).replace("{n}", str(n)) for n in (1, 2))]
    headers += [_header(rule.column) for rule in mapping.deleted]
    headers = list(dict.fromkeys(headers))
    keys = {_header(names) for names in columns.key}
    names = {_header(role) for role in [*columns.first_name, *columns.last_name]}
    rows, wanted, left_out = [], [], Counter[str]()

    def row(number: int, only: str | None = None) -> dict[str, str]:
        cells = dict.fromkeys(headers, "")
        cells |= dict.fromkeys(keys, f"K{number}") | dict.fromkeys(names, f"Jean{number}")
        cells |= {header: e164(number if header == phones[0] else number + 500) for header in phones if only in (None, header)}
        return cells

    rows.append(row(1))
    wanted.append(e164(1))
    for number, phone in enumerate(phones, start=2):
        rows.append(row(number, phone))
        wanted.append(e164(number if phone == phones[0] else number + 500))
    for number, rule in enumerate(mapping.deleted, start=100):
        rows.append(row(number) | {_header(rule.column): flag for flag in _flags(rule.values)})
        left_out[rule.reason] += 1
    return (headers, [list(cells.values()) for cells in rows]), wanted, left_out


def test_every_kind_of_source_takes_part() -> None:
    """A source that is there reads every mapping, or has columns of its own."""
    assert set(sources.kinds()) == set(WRITTEN) | COLUMNS_OF_ITS_OWN


@pytest.mark.parametrize("kind", WRITTEN)
@pytest.mark.parametrize("name", mappings.names())
def test_the_same_table_becomes_the_same_contacts(name: str, kind: str, tmp_path: Path) -> None:
    """Each phone column is read, the most wanted first, and each rule leaves out its row, whatever the table stands in."""
    mapping = mappings.load(name)
    table, wanted, left_out = table_for(mapping)
    source = sources.open_source(WRITTEN[kind](tmp_path, table).model_copy(update={"mapping": name}))
    binding = mappings.bind(mapping, source.headers())
    extraction = Extraction()
    contacts = []
    for rows in extract(source.chunks(), binding, extraction):
        assert all(rows.keys.to_pylist())
        contacts += [normalized.contact for normalized in normalize(rows, binding, Choices("FR", "drop", rules=()))]
    assert sorted(contact.phone_number for contact in contacts if contact) == sorted(wanted)
    assert extraction.deleted == left_out
    assert extraction.set_aside == []


@pytest.mark.parametrize("name", [name for name in mappings.names() if mappings.load(name).sql is None])
def test_a_table_with_a_mappings_headers_is_recognized_as_its(name: str) -> None:
    """`init` chooses the mapping for a file that has the names it knows first, and says why.

    Those of a mapping for a database are its query's: tests/test_sql_crms.py has the headers of their exports.
    """
    (headers, _), _, _ = table_for(mappings.load(name))
    best = recognize(headers)[0]
    assert best.name == name, best.why
    assert best.why
