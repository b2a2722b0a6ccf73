"""Source `vcard`: address books as phones and programs write them; one card that is broken costs nobody else."""

from __future__ import annotations

import logging
import quopri
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import mapping as mappings
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.flow.extract import Extraction, extract
from sync_connector.flow.normalize import Choices, Normalized, normalize
from sync_connector.sources import RowSource, open_source, vcard


class Found(NamedTuple):
    """What reading gave. `rows`: the cells that are filled, by header."""

    headers: tuple[str, ...]
    rows: list[tuple[int, dict[str, str]]]
    aside: list[tuple[int, str, str]]
    described: list[str]

    @property
    def cards(self) -> list[dict[str, str]]:
        """The rows without their lines."""
        return [row for _, row in self.rows]


Read = Callable[..., Found]


def _read(path: Path) -> Found:
    source = open_source(Source(type="vcard", path=str(path)))
    rows: list[tuple[int, dict[str, str]]] = []
    aside: list[tuple[int, str, str]] = []
    for chunk in source.chunks():
        for line, row in zip(chunk.lines.tolist(), chunk.rows.to_dict("records"), strict=True):
            rows.append((line, {str(header): cell for header, cell in row.items() if cell}))
        aside += [(piece.place.line, piece.code, piece.reason) for piece in chunk.set_aside]
    return Found(tuple(source.headers()), rows, aside, list(source.describe()))


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads text or bytes as a file; text of a card may leave out its first and last line."""

    def _of(*cards: str | bytes, end: str = "\r\n") -> Found:
        path = tmp_path / "contacts.vcf"
        with open(path, "wb") as out:
            for card in cards:
                out.write(card if isinstance(card, bytes) else _whole(card).replace("\n", end).encode())
        return _read(path)

    return _of


def _whole(card: str) -> str:
    return card if "BEGIN:VCARD" in card.upper() else f"BEGIN:VCARD\n{card.strip()}\nEND:VCARD\n"


# --- what a card says --------------------------------------------------------------------------------------------------

CARDS = {
    "2.1, quoted-printable over several lines": (
        "VERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=44=75=70=6F=6E=74;=41=6D=C3=A9=\n=6C=69=65;;;\n"
        "TEL;CELL;PREF:06 12 34 56 78\nTEL;HOME;VOICE:01 23 45 67 89",
        {
            "Family Name": "Dupont",
            "Given Name": "Amélie",
            "TEL 1 - Type": "CELL",
            "TEL 1 - Value": "06 12 34 56 78",
            "TEL 2 - Type": "HOME",
            "TEL 2 - Value": "01 23 45 67 89",
        },
    ),
    "2.1, a letter cut in two by a soft line break": (
        "VERSION:2.1\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:Ren=C3=\n=A9 x\nTEL:06",
        {"FN": "René x", "TEL 1 - Value": "06"},
    ),
    "2.1, latin1 by its name, and a bare QUOTED-PRINTABLE": (
        "VERSION:2.1\nN;QUOTED-PRINTABLE;CHARSET=ISO-8859-1:Dupont;Am=E9lie\nTEL;FAX;WORK:01",
        {"Family Name": "Dupont", "Given Name": "Amélie", "TEL 1 - Type": "WORK FAX", "TEL 1 - Value": "01"},
    ),
    "2.1, the code page of Windows without a name": (
        "VERSION:2.1\nN;ENCODING=QUOTED-PRINTABLE:Dupont;Am=E9lie\nTEL:06",
        {"Family Name": "Dupont", "Given Name": "Amélie", "TEL 1 - Value": "06"},
    ),
    "2.1, Outlook's own TEL is none": (
        "VERSION:2.1\nFN:Jean\nTEL;WORK;VOICE:01\nX-MS-TEL;VOICE;CALLBACK:0999\nTEL;PAGER:02",
        {"FN": "Jean", "TEL 1 - Type": "WORK", "TEL 1 - Value": "01", "TEL 2 - Type": "PAGER", "TEL 2 - Value": "02"},
    ),
    "3.0, groups and labels of Apple": (
        "VERSION:3.0\nUID:abc\nitem1.TEL;type=pref:+33 6 12 34 56 78\nitem1.X-ABLabel:_$!<HomePage>!$_\n"
        "item2.TEL:07\nitem2.X-ABLabel:Bateau\nTEL;type=IPHONE;type=CELL;type=VOICE:08",
        {
            "UID": "abc",
            "TEL 1 - Type": "HomePage",
            "TEL 1 - Value": "+33 6 12 34 56 78",
            "TEL 2 - Type": "Bateau",
            "TEL 2 - Value": "07",
            "TEL 3 - Type": "CELL IPHONE",
            "TEL 3 - Value": "08",
        },
    ),
    "2.1, labels as Android writes them": (
        "VERSION:2.1\nFN:Jean\nTEL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,Mob=C3=A9):0\nTEL;X-Custom(T=C3=A9l):1\n"
        "TEL;X-CUSTOM(CHARSET=UTF-8,ENCODING=QUOTED-PRINTABLE,Fax):2",
        {
            "FN": "Jean",
            "TEL 1 - Type": "Mobé",
            "TEL 1 - Value": "0",
            "TEL 2 - Type": "T=C3=A9l",
            "TEL 2 - Value": "1",
            "TEL 3 - Type": "Fax",
            "TEL 3 - Value": "2",
        },
    ),
    "3.0, folded lines, escapes, an address": (
        "VERSION:3.0\nN:Du\\;pont;Jean,Paul;de la;M.;Jr\nNICKNAME:JP\nORG:Acme\\, SA;Ventes\nTITLE:Chef\nTEL:0\n 6\n\t1\n"
        "ADR;TYPE=HOME:;;1 rue\\, x\\nbât. B;Paris;IDF;75001;France\nREV:2024-05-01T09:14:00Z",
        {
            "Family Name": "Du;pont",
            "Given Name": "Jean Paul",
            "Additional Names": "de la",
            "Prefix": "M.",
            "Suffix": "Jr",
            "Nickname": "JP",
            "Organization": "Acme, SA, Ventes",
            "Title": "Chef",
            "TEL 1 - Value": "061",
            "ADR 1 - Street": "1 rue, x\nbât. B",
            "ADR 1 - City": "Paris",
            "ADR 1 - Region": "IDF",
            "ADR 1 - Postal Code": "75001",
            "ADR 1 - Country": "France",
            "REV": "2024-05-01T09:14:00Z",
        },
    ),
    "4.0, numbers as addresses, the preferred first": (
        'VERSION:4.0\nFN:Jean\nTEL;VALUE=uri;TYPE="cell,voice":tel:+33-6-12-34-56-78;ext=102\n'
        "TEL;VALUE=uri;PREF=1;TYPE=home:tel:+33123456789\nEMAIL:jean@exemple.fr\nEMAIL;PREF=1:jp@exemple.fr",
        {
            "FN": "Jean",
            "TEL 1 - Type": "HOME",
            "TEL 1 - Value": "+33123456789",
            "TEL 2 - Type": "CELL",
            "TEL 2 - Value": "+33-6-12-34-56-78;ext=102",
            "EMAIL 1 - Value": "jp@exemple.fr",
            "EMAIL 2 - Value": "jean@exemple.fr",
        },
    ),
    "small letters": (
        "begin:vcard\nversion:3.0\nfn:Jean\ntel;type=cell:06\nend:vcard\n",
        {"FN": "Jean", "TEL 1 - Type": "CELL", "TEL 1 - Value": "06"},
    ),
    "a picture that is no picture, and one that is not indented": (
        "VERSION:2.1\nFN:Jean\nPHOTO;ENCODING=BASE64:!!x\nLOGO;ENCODING=BASE64;JPEG:/9j/4AAQ\nabcd==\n\nTEL:06",
        {"FN": "Jean", "TEL 1 - Value": "06"},
    ),
    "somebody else's card inside": (
        "BEGIN:VCARD\nVERSION:2.1\nFN:Jean\nAGENT:\nBEGIN:VCARD\nVERSION:2.1\nFN:Anne\nTEL:01\nEND:VCARD\nTEL:06\nEND:VCARD\n",
        {"FN": "Jean", "TEL 1 - Value": "06"},
    ),
    "commas that nobody protected": (
        "VERSION:3.0\nFN:Dupont, Jean\nTEL:0612345678, 0123456789\nNICKNAME:JP,Jojo\nADR:;;1 rue X, bât. B;Paris;;;",
        {
            "FN": "Dupont, Jean",
            "TEL 1 - Value": "0612345678, 0123456789",
            "Nickname": "JP,Jojo",
            "ADR 1 - Street": "1 rue X, bât. B",
            "ADR 1 - City": "Paris",
        },
    ),
    "2.1, small letters and a blank behind a soft line break": (
        "VERSION:2.1\nfn;encoding=quoted-printable;charset=utf-8:Am= \n=C3=A9lie\nTEL:06",
        {"FN": "Amélie", "TEL 1 - Value": "06"},
    ),
    "no name at all": ("VERSION:3.0\nTEL:06", {"TEL 1 - Value": "06"}),
}


@pytest.mark.parametrize(("card", "cells"), CARDS.values(), ids=CARDS.keys())
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"], ids=["CRLF", "LF", "CR"])
def test_a_card_is_a_row(read: Read, card: str, cells: dict[str, str], end: str) -> None:
    """What each version and program writes comes out under the same names, with any line end."""
    found = read(card, end=end)
    assert found.aside == []
    assert found.cards == [cells]


@pytest.mark.parametrize("line", ["X-ADDRESSBOOKSERVER-KIND:group", "KIND:group"])
def test_a_group_of_contacts_is_left_out(tmp_path: Path, line: str) -> None:
    """iCloud and vCard 4 keep groups as cards: they are counted by that reason, and are no rejects."""
    (tmp_path / "book.vcf").write_text(
        f"BEGIN:VCARD\nVERSION:3.0\nUID:1\nFN:Club\n{line}\nEND:VCARD\n"
        "BEGIN:VCARD\nVERSION:3.0\nUID:2\nFN:Jean\nTEL:0612345678\nEND:VCARD\n"
    )
    source = open_source(Source(type="vcard", path=str(tmp_path / "book.vcf")))
    extraction = Extraction()
    (rows,) = extract(source.chunks(), mappings.bind(mappings.load("vcard"), source.headers()), extraction)
    assert rows.keys.to_pylist() == ["2"]
    assert extraction.deleted == {"group": 1}


def test_the_columns_are_in_one_order(read: Read) -> None:
    """As many phones and e-mails as the fullest card has, at least one of each."""
    head = ("UID", "FN", "Family Name", "Given Name", "Additional Names", "Prefix", "Suffix", "Nickname", "Organization", "Title")
    tail = ("ADR 1 - Street", "ADR 1 - City", "ADR 1 - Region", "ADR 1 - Postal Code", "ADR 1 - Country", "REV", "Kind")
    assert read("FN:x").headers == (*head, "TEL 1 - Type", "TEL 1 - Value", "EMAIL 1 - Value", *tail)
    found = read("FN:x\nTEL:1\nTEL:2", "FN:y\nEMAIL:a@b.fr\nEMAIL:c@d.fr").headers
    assert found[10:16] == (
        "TEL 1 - Type",
        "TEL 1 - Value",
        "TEL 2 - Type",
        "TEL 2 - Value",
        "EMAIL 1 - Value",
        "EMAIL 2 - Value",
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_files_in_any_encoding(read: Read, encoding: str) -> None:
    """UTF-16 and code pages are read as any text is."""
    assert read(_whole("VERSION:3.0\nFN:Amélie\nTEL:06").encode(encoding)).cards == [{"FN": "Amélie", "TEL 1 - Value": "06"}]


def test_a_row_begins_at_its_begin(read: Read) -> None:
    """Lines count through folded lines and blank ones."""
    found = read("FN:a\nTEL:0\n 6", "\nBEGIN:VCARD\nFN:b\nEND:VCARD\n", "FN:c")
    assert [(line, card["FN"]) for line, card in found.rows] == [(1, "a"), (7, "b"), (10, "c")]


# --- what is damaged ---------------------------------------------------------------------------------------------------

BROKEN = {
    "a line that is no property": ("FN:x\ngarbage\nTEL:06", "bad_line", "line 7 is no property"),
    "a CHARSET that does not exist": ("FN;CHARSET=KLINGON;ENCODING=QUOTED-PRINTABLE:=C3\nTEL:06", "bad_card", "does not exist"),
    "bytes that its CHARSET has not": (
        "FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:=E9\nTEL:06",
        "bad_card",
        "CHARSET that it names",
    ),
    "numbers without end": ("FN:x" + "\nTEL:06" * 60, "too_long", "more than 50"),
    "a line without end": ("FN:" + "x" * 70_000 + "\nTEL:06", "too_long", "line 6 is longer than 64 KiB"),
    "lines without end": ("FN:x\nTEL:06" + ("\nADR:" + "x" * 60_000) * 6, "too_long", "longer than 256 KiB"),
    "no end": ("BEGIN:VCARD\nFN:x\nTEL:06\n", "unclosed_card", "another begins on line 8"),
}


@pytest.mark.parametrize(("card", "code", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_card_is_set_aside_alone(read: Read, card: str, code: str, said: str) -> None:
    """Its line and reason are named; the cards around it are read."""
    found = read("FN:a\nTEL:1", card, "FN:b\nTEL:2")
    assert [row["FN"] for row in found.cards] == ["a", "b"]
    ((line, found_code, reason),) = found.aside
    assert (line, found_code) == (5, code)
    assert said in reason


def test_a_file_that_was_cut_says_so(read: Read) -> None:
    """The last card has no end: it may be half a person."""
    found = read("FN:a\nTEL:1", b"BEGIN:VCARD\r\nFN:b\r\nTEL:06123")
    assert [(line, code) for line, code, _ in found.aside] == [(5, "unclosed_card")]
    assert "cut short" in found.aside[0][2]
    assert len(found.cards) == 1


def test_a_large_picture_is_not_kept(read: Read) -> None:
    """Megabytes on one line or on thousands of them cost nothing, and set nothing aside."""
    folded = "\n ".join(["A" * 70] * 10_000)
    found = read("FN:a\nPHOTO;ENCODING=b:" + "A" * 3_000_000 + "\nTEL:1", f"FN:b\nPHOTO;ENCODING=b:{folded}\nTEL:2")
    assert found.cards == [{"FN": "a", "TEL 1 - Value": "1"}, {"FN": "b", "TEL 1 - Value": "2"}]
    assert found.aside == []


def test_a_file_without_a_card_is_a_sentence(read: Read) -> None:
    """It says what to export."""
    with pytest.raises(FixSetup, match=r"no BEGIN:VCARD in it; export the address book as vCard"):
        read(b"id,name\n1,Jean\n")


def test_nothing_of_a_card_is_logged(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    """The library would log the lines that it does not understand."""
    with caplog.at_level(logging.DEBUG):
        read('FN;X="open:Jean Dupont\nTEL:06', "FN:x\nADR:;;;;;;;;;too many\nTEL:06")
    assert "Dupont" not in caplog.text


NAME = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=30)


@settings(max_examples=150)
@given(names=st.lists(NAME, min_size=1, max_size=3))
def test_any_name_in_quoted_printable_comes_back(tmp_path_factory: pytest.TempPathFactory, names: list[str]) -> None:
    """Whatever is encoded, over however many lines, is what is read."""
    path = tmp_path_factory.getbasetemp() / "any.vcf"
    with open(path, "wb") as out:
        for name in names:
            encoded = quopri.encodestring(f"{name}.".encode(), quotetabs=True).replace(b"\n", b"\r\n")
            encoded = encoded.replace(b";", b"=3B").replace(b"\\", b"=5C=5C").replace(b":", b"=3A")
            out.write(b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:" + encoded)
            out.write(b"\r\nTEL:06\r\nEND:VCARD\r\n")
    found = _read(path)
    assert found.aside == []
    assert [card["FN"] for card in found.cards] == [f"{name}." for name in names]


WHOLE = "\r\n".join(_whole(card).replace("\n", "\r\n") for card, _ in CARDS.values()).encode()


@settings(max_examples=150)
@given(st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.sampled_from(b'\n\r:;=", \0\xe9A')), min_size=1, max_size=8))
def test_random_damage_loses_no_card(tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]) -> None:
    """Whatever bytes are changed: no traceback, and each damaged byte costs at most the cards around it."""
    content = bytearray(WHOLE)
    for place, byte in damage:
        content[place] = byte
    path = tmp_path_factory.getbasetemp() / "damaged.vcf"
    path.write_bytes(bytes(content))
    found = _read(path)
    assert len(found.rows) + len(found.aside) >= len(CARDS) - 2 * len(damage)


# --- with the mapping --------------------------------------------------------------------------------------------------


def _normalized(source: RowSource) -> tuple[list[str], list[Normalized]]:
    binding = mappings.bind(mappings.load("vcard"), source.headers())
    keys: list[str] = []
    done: list[Normalized] = []
    for rows in extract(source.chunks(), binding, Extraction()):
        keys += rows.keys.to_pylist()
        done += normalize(rows, binding, Choices("FR", "drop", rules=()))
    return keys, done


def test_the_mapping_prefers_mobiles_and_never_dials_a_fax(tmp_path: Path) -> None:
    """Faxes and pagers, by type or by label, are no phones of a contact; marks of direction do not matter."""
    cards = [
        "UID:1\nFN:Jean Dupont\nN:Dupont;Jean;;;\nTEL;TYPE=HOME;TYPE=pref:0123456789\nTEL;CELL:\u202a06\u00a012 34 56 78\u202c",
        "UID:2\nFN:Anne\nTEL;TYPE=WORK,FAX:0123456789\nTEL;TYPE=PAGER:0612345679",
        "UID:3\nFN:Paul\nitem1.TEL:0123456789\nitem1.X-ABLabel:_$!<HomeFAX>!$_\nTEL:0612345670",
        "UID:4\nFN:Zoé\nTEL;TYPE=WORK;TYPE=CELL:0612345671\nTEL;TYPE=WORK:0123456789\nADR:;;1 rue X;Paris;;75001;France",
    ]
    (tmp_path / "x.vcf").write_text("".join(map(_whole, cards)), encoding="utf-8")
    keys, done = _normalized(open_source(Source(type="vcard", path=str(tmp_path / "x.vcf"))))
    assert keys == ["1", "2", "3", "4"]
    assert [one.contact and one.contact.phone_number for one in done] == [
        "+33612345678",
        None,
        "+33612345670",
        "+33612345671",
    ]
    first, last = done[0].contact, done[3].contact
    assert first is not None
    assert (first.first_name, first.last_name) == ("Jean", "Dupont")
    assert last is not None
    assert (last.last_name, last.adress, last.country_code) == ("Zoé", "1 rue X, 75001, Paris", "FR")


def test_a_card_without_uid_is_known_by_its_names(tmp_path: Path) -> None:
    """The key is the UID where there is one; else names and company, equal ones numbered."""
    cards = ["UID:u1\nFN:A\nTEL:1", "FN:Jean\nN:D;Jean;;;\nORG:Acme\nTEL:1", "FN:Jean\nN:D;Jean;;;\nORG:Acme\nTEL:2", "TEL:3"]
    (tmp_path / "x.vcf").write_text("".join(map(_whole, cards)), encoding="utf-8")
    keys, _ = _normalized(open_source(Source(type="vcard", path=str(tmp_path / "x.vcf"))))
    assert keys == ["u1", "Jean | D | Jean | Acme", "Jean | D | Jean | Acme #2", ""]


def test_memory_holds_a_chunk_of_cards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chunks have a bounded number of rows, and the bytes read go up to the file's size."""
    monkeypatch.setattr(vcard, "ROWS", 10)
    (tmp_path / "x.vcf").write_text("".join(_whole(f"FN:x{n}\nTEL:{n}") for n in range(35)))
    source = open_source(Source(type="vcard", path=str(tmp_path / "x.vcf")))
    chunks = list(source.chunks())
    assert [len(chunk.rows) for chunk in chunks] == [10, 10, 10, 5]
    assert chunks[-1].read_bytes == source.total_bytes
