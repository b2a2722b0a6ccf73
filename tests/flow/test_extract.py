"""Extract: chunks → the columns that the mapping reads, with a key for every row."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sync_connector import mapping as mappings
from sync_connector.flow.extract import Extraction, Rows, extract
from sync_connector.model import FOOTER, Place, SetAside
from sync_connector.sources import Chunk
from tests.flow.tables import Table, chunk_of


def _extracted(tables: Sequence[Table], name: str = "generic") -> tuple[list[Rows], Extraction]:
    into = Extraction()
    binding = mappings.bind(mappings.load(name), list(tables[0]))
    return list(extract([chunk_of(table) for table in tables], binding, into)), into


def test_rows_carry_what_the_mapping_reads_and_nothing_else() -> None:
    """Columns that no role needs are dropped; the others come as they stood, with lines, ordinals and trimmed keys."""
    table = {"Id": ["1", " 2 "], "Mobile": ["0612345678", ""], "Shoe size": ["42", "43"], "Name": ["NA", "1e5"]}
    (rows,), into = _extracted([table])
    assert "Shoe size" not in rows.columns
    assert rows.columns["Name"].to_pylist() == ["NA", "1e5"]
    assert rows.keys.to_pylist() == ["1", "2"]
    assert rows.lines.tolist() == [2, 3]
    assert rows.ordinals.tolist() == [0, 1]
    assert into.read == 2
    assert into.filled["Mobile"] == 1


def test_ordinals_count_over_all_chunks() -> None:
    """The second chunk goes on where the first ended; an empty one is passed over."""
    table = {"id": ["1", "2"], "phone": ["1", "2"]}
    chunks, into = _extracted([table, {"id": [], "phone": []}, table])
    assert [rows.ordinals.tolist() for rows in chunks] == [[0, 1], [2, 3]]
    assert into.read == 4


def test_deleted_rows_stop_here_and_are_counted() -> None:
    """What the CRM marks as deleted is no row, in any spelling of yes."""
    table = {"id": ["1", "2", "3", "4"], "phone": ["a", "b", "c", "d"], "Deleted": ["TRUE", "", " yes ", "0"]}
    (rows,), into = _extracted([table])
    assert rows.keys.to_pylist() == ["2", "4"]
    assert rows.lines.tolist() == [3, 5]
    assert rows.ordinals.tolist() == [0, 1]
    assert into.read == 2
    assert into.deleted.total() == 2
    assert into.filled["phone"] == 2


def test_a_row_with_a_nul_byte_is_set_aside_whatever_it_came_from() -> None:
    """No database of a team's ledger takes one; what the mapping does not read, and who is deleted, does not matter."""
    table = {"id": ["1", "2\0", "3", "4", "5\0"], "phone": ["a", "b", "c\0", "d", "e"], "hat": ["", "", "", "\0", ""]}
    (rows,), into = _extracted([table | {"deleted": ["", "", "", "", "yes"]}])
    assert rows.keys.to_pylist() == ["1", "4"]
    assert rows.ordinals.tolist() == [0, 1]
    assert [(piece.place.line, piece.code, piece.text) for piece in into.set_aside] == [
        (3, "nul_byte", "2 | b"),
        (4, "nul_byte", "3 | c"),
    ]
    assert (into.read, into.deleted.total()) == (2, 1)


def test_any_filled_cell_may_mark_a_row_but_for_a_placeholder() -> None:
    """A weekly export of Salesforce writes zeros where there is no identifier: they mark nobody as merged."""
    merged = ["", "000000000000000AAA", " 000000000000000aaa ", "003Aa0000000001IAA"]
    table = {"Id": ["1", "2", "3", "4"], "Phone": ["a", "b", "c", "d"], "MasterRecordId": merged}
    (rows,), into = _extracted([table], "salesforce")
    assert rows.keys.to_pylist() == ["1", "2", "3"]
    assert into.deleted == {"merged": 1}


def test_keys_of_several_columns_are_joined_and_numbered() -> None:
    """Without an identifier, equal keys are told apart in order, over all chunks; a wholly blank key stays blank."""
    table = {"First Name": ["A", "A", ""], "Last Name": ["B", "B", ""], "Phone 1 - Value": ["1", "2", "3"]}
    chunks, _ = _extracted([table, table], "google")
    assert [rows.keys.to_pylist() for rows in chunks] == [["A | B", "A | B #2", ""], ["A | B #3", "A | B #4", ""]]


def test_what_was_set_aside_is_kept() -> None:
    """What a source could not read as a row is handed on with its place."""
    aside = SetAside(Place("x.csv", 7), "ragged_row", "why", "text")
    chunk = chunk_of({"id": ["1"], "phone": ["2"]})
    into = Extraction()
    binding = mappings.bind(mappings.load("generic"), ["id", "phone"])
    list(extract([Chunk(chunk.rows, chunk.file, chunk.lines, [aside], 99)], binding, into))
    assert into.set_aside == [aside]
    assert into.read_bytes == 99


def test_lines_behind_the_data_are_counted_and_not_rejected() -> None:
    """A footer is neither a row nor unreadable."""
    chunk = chunk_of({"id": ["1"], "phone": ["2"]})
    pieces = [SetAside(Place("x.csv", 7), FOOTER, "why", "Total"), SetAside(Place("x.csv", 6), "ragged_row", "why", "x")]
    into = Extraction()
    binding = mappings.bind(mappings.load("generic"), ["id", "phone"])
    list(extract([Chunk(chunk.rows, chunk.file, chunk.lines, pieces)], binding, into))
    assert into.footers == 1
    assert into.set_aside == [pieces[1]]


def test_other_columns_identify_rows_whose_key_is_blank() -> None:
    """`key_otherwise` is asked row by row."""
    text = 'crm = "x"\ntitle = "x"\nkey_is_unique = false\n[columns]\nkey = ["id"]\nphone = ["phone"]\n'
    mapping = mappings.parse(text + 'key_otherwise = ["first", "last"]\n', "own.toml")
    table = {"id": ["1", "", ""], "first": ["A", "B", ""], "last": ["C", "D", ""], "phone": ["1", "2", "3"]}
    binding = mappings.bind(mapping, list(table))
    (rows,) = extract([chunk_of(table)], binding, Extraction())
    assert rows.keys.to_pylist() == ["1", "B | D", ""]
    assert set(rows.columns) == set(table)


def test_a_mask_takes_rows_with_everything_that_is_theirs() -> None:
    """Columns, keys, lines and ordinals stay together."""
    (rows,), _ = _extracted([{"id": ["1", "2", "3"], "phone": ["a", "b", "c"]}])
    taken = rows.take(np.array([True, False, True]))
    assert len(taken) == 2
    assert taken.keys.to_pylist() == ["1", "3"]
    assert taken.columns["phone"].to_pylist() == ["a", "c"]
    assert taken.lines.tolist() == [2, 4]
    assert taken.ordinals.tolist() == [0, 2]
