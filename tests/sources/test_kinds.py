"""What kind of file a file is, by its content; and `init`, which asks."""

from __future__ import annotations

import gzip
import io
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from sync_connector import config, sources
from sync_connector.errors import FixSetup
from sync_connector.sources import _text, kind_of
from tests.conftest import Project, e164, person
from tests.sources.test_excel import workbook

FILES = Path(__file__).parent / "files"
CARD = "BEGIN:VCARD\r\nVERSION:3.0\r\nFN:Jean\r\nTEL:0612345678\r\nEND:VCARD\r\n"
CONTENT: dict[str, tuple[bytes, str]] = {
    "csv": (b"id,name,phone\n1,Jean,0612345678\n", "csv"),
    "csv, gzip": (gzip.compress(b"id,name\n1,Jean\n"), "csv"),
    "csv, UTF-16": ("id;name\n1;Jean\n".encode("utf-16"), "csv"),
    "nothing": (b"", "csv"),
    "vcard": (CARD.encode(), "vcard"),
    "vcard, small letters, behind blank lines": (b"\r\n\r\nbegin:vcard\r\n", "vcard"),
    "vcard, BOM": (CARD.encode("utf-8-sig"), "vcard"),
    "vcard, UTF-16": (CARD.encode("utf-16"), "vcard"),
    "vcard, UTF-32": (CARD.encode("utf-32"), "vcard"),
    "vcard, gzip": (gzip.compress(CARD.encode()), "vcard"),
    "jsonl": (b'{"id": 1, "type": "person"}\n', "jsonl"),
    "jsonl, BOM and blanks": (b'\xef\xbb\xbf \n{"id": 1}\n', "jsonl"),
    "an empty JSON array": (b"[]", "jsonl"),
    "csv, UTF-16 without a mark": ("id;prénom\n1;Jean\n".encode("utf-16-le"), "csv"),
    "vcard, UTF-16 without a mark": (CARD.encode("utf-16-be"), "vcard"),
    "one JSON array": (b'[\n  {"id": 1}\n]', "jsonl"),
    "singer": (b'{"type": "SCHEMA", "stream": "contacts", "schema": {}}\n', "singer"),
    "singer, type behind": (b'{"value": {"a": 1}, "type":"STATE"}\n', "singer"),
    "a record of a CRM that has a type": (b'{"type": "Record of a person"}\n', "jsonl"),
    "csv that begins with a bracket": (b"[id],name\n1,Jean\n", "csv"),
}


@pytest.mark.parametrize(("content", "kind"), CONTENT.values(), ids=CONTENT.keys())
def test_a_file_is_what_is_in_it(tmp_path: Path, content: bytes, kind: str) -> None:
    """Its name does not matter."""
    (tmp_path / "contacts.dat").write_bytes(content)
    assert kind_of(str(tmp_path / "contacts.dat")) == kind


def test_workbooks_and_tables_are_known_by_their_first_bytes(tmp_path: Path) -> None:
    """.xlsx, .xls, .ods and those with a password are workbooks; Parquet says its name."""
    workbook(tmp_path / "x.dat", {"S": [["a"]]})
    assert [kind_of(str(path)) for path in (tmp_path / "x.dat", *sorted(FILES.glob("[cl]*")))] == ["excel"] * 4
    pq.write_table(pa.table({"id": [1]}), tmp_path / "y.dat")
    assert kind_of(str(tmp_path / "y.dat")) == "parquet"


def test_an_archive_is_no_workbook(tmp_path: Path) -> None:
    """A ZIP file with something else in it is a sentence."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as out:
        out.writestr("contacts.csv", "id,name\n")
    with pytest.raises(FixSetup, match=r"x\.zip: it is a ZIP archive and no workbook; unpack it"):
        kind_of(str(tmp_path / "x.zip"))


FOREIGN: dict[str, tuple[bytes, str]] = {
    "HTML called .xls": (b"<html xmlns:x='urn:x'>\r\n<table><tr><td>id</td></tr></table>", "web page"),
    "HTML that begins with a table": (b"\n<TABLE border=1>\n<tr><td>id</td></tr>", "web page"),
    "a page to sign in": (b"<!DOCTYPE html>\n<html><title>Sign in, please</title>", "asks to sign in"),
    "XHTML": (b'<?xml version="1.0"?>\n<!-- x -->\n<html>', "web page"),
    "HTML, UTF-16": ("<html><body>".encode("utf-16"), "web page"),
    "XML of Excel 2003": (
        b'<?xml version="1.0"?>\n<?mso-application progid="Excel.Sheet"?>\n'
        b'<Workbook xmlns="urn:schemas-microsoft-com:office:spreadsheet">',
        "XML of Excel 2003",
    ),
    "XML": (b'<?xml version="1.0"?>\n<contacts><contact id="1"/></contacts>', "XML; export"),
    "PDF": (b"%PDF-1.7\n%\xe2\xe3", "a PDF"),
    "RTF": (b"{\\rtf1\\ansi id, phone}", "a text document"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "a picture"),
    "a database": (b"SQLite format 3\0\x10\0", "sqlite:///"),
    "LDIF": (b"version: 1\n\ndn: cn=Jean Dupont,mail=jean@exemple.fr\ncn: Jean Dupont\n", "LDIF"),
    "bzip2": (b"BZh91AY&SY\x00", "unpack it"),
    "xz": (b"\xfd7zXZ\0\0", "unpack it"),
}


@pytest.mark.parametrize(("content", "said"), FOREIGN.values(), ids=FOREIGN.keys())
@pytest.mark.parametrize("kind", ["csv", "excel", "jsonl", "parquet", "vcard"])
def test_what_is_no_list_of_contacts_is_called_by_its_name(tmp_path: Path, content: bytes, said: str, kind: str) -> None:
    """Whoever asks, and whatever the settings say, is told what the file is and what to do with it."""
    path = tmp_path / "contacts.xls"
    path.write_bytes(content)
    with pytest.raises(FixSetup, match=rf"contacts\.xls: it is .*{said}"):
        kind_of(str(path))
    with pytest.raises(FixSetup, match=rf"contacts\.xls: it is .*{said}"):
        sources.open_source(config.Source(type=kind, path=str(path)))


def test_a_file_of_another_kind_than_the_settings_say_is_said_to_be_one(tmp_path: Path) -> None:
    """Tonight's export is a workbook where yesterday's was text: the steward is told which setting to change."""
    workbook(tmp_path / "contacts.csv", {"S": [["id", "phone"], ["1", "0612345678"]]})
    with pytest.raises(FixSetup, match=r'it is a workbook, not delimited text; set source\.type to "excel"'):
        sources.open_source(config.Source(path=str(tmp_path / "contacts.csv")))
    (tmp_path / "contacts.vcf").write_text(CARD)
    with pytest.raises(FixSetup, match=r"an address book \(vCard\), not JSON"):
        sources.open_source(config.Source(type="jsonl", path=str(tmp_path / "contacts.vcf")))


def test_a_pattern_that_means_several_kinds_is_a_sentence(tmp_path: Path) -> None:
    """One source reads one kind of file: two of them are named."""
    (tmp_path / "a.csv").write_text("id,phone\n1,0612345678\n")
    workbook(tmp_path / "b.xlsx", {"S": [["id", "phone"], ["1", "0612345678"]]})
    with pytest.raises(FixSetup, match=r"several kinds: .*a\.csv is delimited text, .*b\.xlsx is a workbook"):
        kind_of(str(tmp_path / "*"))


def test_patterns_and_standard_input_are_looked_at_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first file of a pattern decides; standard input is kept for reading."""
    (tmp_path / "a.vcf").write_text(CARD)
    (tmp_path / "b.vcf").write_text("id,name\n")
    assert kind_of(str(tmp_path / "*.vcf")) == "vcard"
    with pytest.raises(FixSetup, match="no such file"):
        kind_of(str(tmp_path / "*.csv"))
    monkeypatch.setattr(_text, "_kept_stdin", [])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CARD.encode())))
    assert kind_of("-") == "vcard"
    assert sources.open_source(config.Source(type="vcard", path="-")).headers()[1] == "FN"
    _text.forget_stdin()


# --- init and sync, from each kind of file -----------------------------------------------------------------------------

PEOPLE = [person(1), person(2)]


def _xlsx(path: Path) -> None:
    workbook(path, {"Cover": [["Contacts"]], "People": [list(PEOPLE[0]), *[list(one.values()) for one in PEOPLE]]})


def _jsonl(path: Path) -> None:
    path.write_bytes(b"".join(orjson.dumps(one) + b"\n" for one in PEOPLE))


def _parquet(path: Path) -> None:
    pq.write_table(pa.Table.from_pylist(PEOPLE), path)


def _vcard(path: Path) -> None:
    cards = [
        f"BEGIN:VCARD\nVERSION:3.0\nN:{one['last name']};{one['first name']};;;\nTEL;TYPE=WORK,FAX:0123456789\n"
        f"TEL;TYPE=CELL:{one['mobile']}\nEND:VCARD\n"
        for one in PEOPLE
    ]
    path.write_text("".join(cards), encoding="utf-16")


@pytest.mark.parametrize(
    ("kind", "name", "write"),
    [
        ("excel", "generic", _xlsx),
        ("jsonl", "generic", _jsonl),
        ("parquet", "generic", _parquet),
        ("vcard", "vcard", _vcard),
    ],
    ids=["excel", "jsonl", "parquet", "vcard"],
)
def test_init_and_sync_work_untouched(on_sqlite: Project, kind: str, name: str, write: Callable[[Path], None]) -> None:
    """`init FILE` writes the kind and the mapping; the first sync sends both contacts, the second none."""
    project = on_sqlite
    path = project.folder / "contacts.file"
    write(path)
    project.environment["ARDARY_URL"] = project.address
    project.run("init", str(path), "--force")
    written = project.config.read_text(encoding="utf-8")
    assert f'type = "{kind}"' in written
    assert f'mapping = "{name}"' in written
    project.config.write_text(written.replace("sqlite:///sync-ledger.db", "${TEST_LEDGER}"), encoding="utf-8")
    assert project.sync()["verdicts"]["accepted"] == 2
    again = project.sync()
    assert (again["posts"], again["rows"]["unchanged"]) == (0, 2)
    assert e164(1) in project.run("explain", e164(1)).output


@pytest.mark.parametrize(
    ("kind", "name", "whole", "broken"),
    [
        ("jsonl", "generic", '{"id": 7, "phone": "0612345678"}\n', '{"id": 7, "phone": "0612\n'),
        (
            "vcard",
            "vcard",
            CARD.replace("FN:", "UID:7\r\nFN:"),
            "BEGIN:VCARD\r\nUID:7\r\nbroken\r\nTEL:0612345678\r\nEND:VCARD\r\n",
        ),
    ],
    ids=["jsonl", "vcard"],
)
def test_a_record_that_cannot_be_read_makes_nobody_gone(
    on_sqlite: Project, kind: str, name: str, whole: str, broken: str
) -> None:
    """Its key is seen in what was set aside, between the marks of its own format."""
    project = on_sqlite
    other = whole.replace("7", "8", 1).replace("0612345678", "0612345679")
    path = project.folder / "contacts.file"
    project.configure(source={"type": kind, "path": path.name, "mapping": name}, brakes={"rejected": 1, "gone": 1})
    path.write_text(whole + other, encoding="utf-8", newline="")
    assert project.sync()["verdicts"]["accepted"] == 2
    path.write_text(broken + other, encoding="utf-8", newline="")
    result = project.sync()
    assert (result["rows"]["rejected"], result["gone"]) == (1, 0)
