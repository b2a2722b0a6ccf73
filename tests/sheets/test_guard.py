"""What stands in a cell for a text: nothing that starts or is reformatted, and the text comes back."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector.sheets.guard import CUT, guarded, is_cut, is_fragile, is_said, meant, shown, unguarded, visible

# Texts of the signs that the rules are about are met far more often than by chance among all texts.
NASTY = st.text(st.sampled_from("'\"=+-@;,\t\r\n 0159eE/.:TRUmai\u200b\0_x＝é😀"), max_size=14)
ANY = NASTY | st.text(st.characters(), max_size=40)

GUARDED = [
    "=cmd|' /C calc'!A0",
    "=1+1",
    "+33612345678",
    "-1",
    "@x",
    " \t=1+1",
    '"=1+1',
    "\u200b=1+1",
    "＝1+1",
    "\nx",
    "0612345678",
    "00123",
    "1e5",
    "1E5",
    "-",
    "1-2",
    "1/2",
    "06 12 34 56 78",
    "12:30",
    "12h30",
    "10 %",
    "€ 12",
    "12 EUR",
    "(5)",
    " 12 ",
    "2024-05-01",
    "5 mai",
    "5 mai 2024",
    "lundi 5 mai 2024",
    "May 5 2024 10:30 PM",
    "12 août",
    "5 maja 2024",
    "SEPT1",
    "TRUE",
    "vrai",
    "Falsch",
    "#N/A",
    "#REF!",
    "'0612345678",
    "''=1+1",
]
PLAIN = [
    "",
    " ",
    "Jean",
    "O'Neil",
    "'s-Hertogenbosch",
    "'t Hooft 2 b",
    "12 rue de la Paix",
    "3 Main Street",
    "jean12@exemple.fr",
    "C0001",
    "FR75001",
    "#001",
    "😀",
    "مرحبا",
    "  x  ",
    "a\nb",
    "Maier",
]


@pytest.mark.parametrize("text", GUARDED)
def test_what_a_spreadsheet_takes_for_something_else_gets_an_apostrophe(text: str) -> None:
    """Formulas, numbers, dates, truth and errors of any language; and an apostrophe that is the text's own is not ours."""
    assert guarded(text).startswith("'")
    assert unguarded(guarded(text)) == text


@pytest.mark.parametrize("text", PLAIN)
def test_what_is_text_anyway_stays_as_it_is(text: str) -> None:
    """A sheet is not full of apostrophes, and one that the steward typed before a name is kept."""
    assert guarded(text) == text
    assert unguarded(text) == text


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("'0612345678", "0612345678"),
        ("0612345678", "0612345678"),
        ("+33612345678", "+33612345678"),
        ("'s-Graveland", "'s-Graveland"),
    ],
)
def test_the_guard_may_be_deleted_or_kept(typed: str, text: str) -> None:
    """What the steward types means the same with our apostrophe and without."""
    assert unguarded(typed) == text


@settings(max_examples=400)
@given(ANY)
def test_every_text_comes_back(text: str) -> None:
    """The guard is reversible, whatever the text is."""
    assert unguarded(guarded(text)) == text


@settings(max_examples=400)
@given(ANY)
def test_no_cell_is_a_formula_even_where_it_is_split(text: str) -> None:
    """Neither a cell nor what is behind a separator in it begins as a formula does, blanks and unseen signs apart."""
    for piece in re.split("[;,\t\r\n]", guarded(text)):
        assert piece.lstrip(' \0"\u200b\x0b\x0c\x1c\x1d\x1e\x1f\x85\xa0\u2028\u2029')[:1] not in (*"=+-@＝＋－＠",), piece


@settings(max_examples=200)
@given(ANY)
def test_a_cell_of_a_workbook_holds_what_is_shown(text: str) -> None:
    """No control, no surrogate and no CR is shown; what is lost with them is known; unedited, the text comes back."""
    seen = shown(text)
    assert not re.search("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", seen)
    assert seen == text or is_fragile(text)
    assert meant(seen, text) == text
    assert is_said(visible(text), text)


LONG = ["x" * 32_768, "é😀" * 20_000, "a\n" * 300, "😀" + "y" * 40_000 + "\r\n\x01", "z" * 32_000 + "😀" * 500]


@pytest.mark.parametrize("text", LONG, ids=["letters", "emoji", "lines", "controls", "pairs"])
def test_a_long_text_is_cut_and_whole_again(text: str) -> None:
    """What is shown fits into a cell as Excel counts, ends with a word on it, and stands for the whole."""
    seen = shown(text)
    assert len(seen.encode("utf-16-le")) // 2 <= 32_767
    assert seen.count("\n") <= 253
    assert seen.endswith(CUT)
    assert meant(seen, text) == text


@pytest.mark.parametrize("text", ["x" * 32_767, "😀" * 16_383, "a\n" * 253])
def test_what_just_fits_is_not_cut(text: str) -> None:
    """The largest cell is shown whole."""
    assert shown(text) == text
    assert not is_fragile(text)


def test_an_edited_long_cell_is_what_the_steward_wrote() -> None:
    """His text counts; where he left the mark of the cut, the rest is kept behind it."""
    text = "wrong " + "x" * 50_000
    assert meant("right", text) == "right"
    assert meant(shown(text).replace("wrong", "right"), text) == text.replace("wrong", "right")
    assert meant(f"short{CUT}", f"short{CUT}") == f"short{CUT}"


def test_an_edited_cell_with_unseen_characters_is_what_the_steward_wrote() -> None:
    """Unedited the text comes back; edited it has none of them."""
    assert meant("a\nb", "a\r\n\x01b") == "a\r\n\x01b"
    assert meant("ab", "a\tb") == "a\tb"  # an OpenDocument sheet loses the tab on the way
    assert meant("a\nc", "a\r\n\x01b") == "a\nc"


def test_a_cell_that_a_spreadsheet_cut_is_known() -> None:
    """A CSV cell that ends where a spreadsheet's longest does is cut, one that the steward shortened is not."""
    assert is_cut("x" * 32_767, 40_000)
    assert is_cut("'" + "+" * 32_766, 40_000)
    assert is_cut("😀" * 32_767, 40_000)
    assert not is_cut("x" * 32_000, 40_000)
    assert not is_cut("x" * 32_767, 32_767)
