"""Messages from a file: whatever file it is, each of its rows is a draft or is set aside."""

from __future__ import annotations

from pathlib import Path

import pytest
import xlsxwriter

from sync_connector.errors import FixSetup
from sync_connector.sms.draft import Draft
from sync_connector.sms.from_file import open_file

ROWS = [
    ["Téléphone portable", "Message", "Lien", "Date_to_send", "Priorité", "Référence", "Date de RDV"],
    ["06 12 34 56 78", "Bonjour Ana", "https://example.com", "2026-03-28 10:00", "high", "R-1", "samedi"],
    ["+33612345679", "Bonjour, à demain", "", "", "", "", "lundi"],
]


def drafts(path: Path, *, with_text: bool = True) -> list[Draft]:
    """What a file holds."""
    return list(open_file(str(path), with_text=with_text).drafts(with_text=with_text))


def csv(folder: Path, rows: list[list[str]], delimiter: str = ";", encoding: str = "utf-8") -> Path:
    """A file as a spreadsheet writes it."""
    path = folder / "messages.csv"
    lines = [delimiter.join(f'"{cell}"' if delimiter in cell else cell for cell in row) for row in rows]
    path.write_bytes("\r\n".join([*lines, ""]).encode(encoding))
    return path


@pytest.mark.parametrize(("delimiter", "encoding"), [(";", "utf-8"), (",", "utf-8-sig"), ("\t", "utf-16"), (";", "cp1252")])
def test_a_csv_of_any_shape_is_read(tmp_path: Path, delimiter: str, encoding: str) -> None:
    """Delimiter, encoding and the language of its headers are found out; a row is a draft with its line."""
    first, second = drafts(csv(tmp_path, ROWS, delimiter, encoding))
    assert first.place.line == 2
    assert (first.number, first.text, first.url) == ("06 12 34 56 78", "Bonjour Ana", "https://example.com")
    assert (first.at, first.priority, first.identity) == ("2026-03-28 10:00", "high", "id R-1")
    assert first.fields["date_de_rdv"] == "samedi"
    assert (second.text, second.url, second.at) == ("Bonjour, à demain", "", "")


def test_a_workbook_is_read_alike(tmp_path: Path) -> None:
    """What a workbook says is what a CSV says."""
    path = tmp_path / "messages.xlsx"
    with xlsxwriter.Workbook(str(path)) as book:
        sheet = book.add_worksheet()
        for at, row in enumerate(ROWS):
            sheet.write_row(at, 0, row)
    from_text = drafts(csv(tmp_path, ROWS))
    assert [one._replace(place=from_text[0].place) for one in drafts(path)] == [
        one._replace(place=from_text[0].place) for one in from_text
    ]


def test_a_row_is_the_same_message_however_its_number_is_written(tmp_path: Path) -> None:
    """Without a reference of its own a row is what it says; another word in it makes another message."""
    header, _, row = ROWS
    identities = []
    for number, text in (("+33612345679", row[1]), ("06 12 34 56 79", f" {row[1]} "), ("+33612345679", "Bonjour")):
        (one,) = drafts(csv(tmp_path, [header, [number, text, *row[2:]]]))
        identities.append(one.identity)
    assert identities[0] == identities[1] != identities[2]
    assert identities[0]


def test_a_row_that_cannot_be_read_is_a_draft_that_says_so(tmp_path: Path) -> None:
    """It is counted and named with its line; its neighbours are read."""
    path = csv(tmp_path, ROWS)
    path.write_bytes(path.read_bytes() + b"06 12 34 56 70;Bonjour;a;b;c;d;e;f;g;h\r\n")
    *read, bad = sorted(drafts(path), key=lambda one: one.place.line)
    assert [one.unreadable for one in read] == ["", ""]
    assert bad.place.line == 4
    assert bad.unreadable


def test_a_file_for_a_template_needs_no_text(tmp_path: Path) -> None:
    """Its columns are the fields; a column of messages is a field as well."""
    found = open_file(str(csv(tmp_path, [[*row[:1], *row[2:]] for row in ROWS])), with_text=False)
    assert {"date_de_rdv", "priorite", "reference"} < set(found.fields)
    assert [one.text for one in found.drafts(with_text=False)] == [None, None]


def test_what_a_file_has_not_is_said_all_at_once(tmp_path: Path) -> None:
    """No number, no text: both, with the headers that are there. A picture is no file of messages."""
    with pytest.raises(FixSetup) as fault:
        open_file(str(csv(tmp_path, [["a", "b"], ["1", "2"]])), with_text=True)
    assert [sentence.split(":")[1] for sentence in fault.value.faults[:2]] == [
        " no column for the number",
        " no column for the text",
    ]
    assert "'a', 'b'" in fault.value.faults[2]
    with pytest.raises(FixSetup, match="--text"):
        open_file(str(csv(tmp_path, [["phone", "b"], ["1", "2"]])), with_text=True)
    (tmp_path / "cards.vcf").write_text("BEGIN:VCARD\nEND:VCARD\n")
    with pytest.raises(FixSetup, match="CSV and from workbooks"):
        open_file(str(tmp_path / "cards.vcf"), with_text=True)
