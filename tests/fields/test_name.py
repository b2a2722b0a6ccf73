"""Names and addresses: trimmed, NFC, without invisible controls, and otherwise untouched."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.fields.name import clean, clean_column

CLEANED = [
    ("Jean", "Jean"),
    ("  Jean  ", "Jean"),
    ("Jean\u00a0Marc", "Jean Marc"),
    ("Jean\u202f\u2009Marc", "Jean Marc"),
    ("Jean\t\r\nMarc", "Jean Marc"),
    ("Ame\u0301lie", "Amélie"),
    ("e\u200b\u0301", "é"),
    ("Je\u200ban", "Jean"),
    ("\ufeffJean", "Jean"),
    ("\u202dJean\u202c", "Jean"),
    ("Jean\x00", "Jean"),
    ("\ud800Jean", "Jean"),
    ("'t Hooft", "'t Hooft"),
    ("'s-Gravenhage", "'s-Gravenhage"),
    ("O'Neil", "O'Neil"),
    ("'=1+1", "=1+1"),
    ("'+33", "+33"),
    ("'-Jean", "-Jean"),
    ("'@jean", "@jean"),
    ("👨\u200d👩\u200d👧", "👨\u200d👩\u200d👧"),
    ("山田 太郎", "山田 太郎"),
    ("ﬁ", "ﬁ"),
    ("", ""),
    (" \u200b ", ""),
]


@pytest.mark.parametrize(("raw", "expected"), CLEANED, ids=ascii)
def test_a_name_is_cleaned(raw: str, expected: str) -> None:
    """Blanks, controls and formula guards go; everything that belongs to a name stays."""
    assert clean(raw) == expected


def test_a_column_is_cleaned_cell_by_cell() -> None:
    """A column of names gives a column of names."""
    assert clean_column([" a ", "b"]) == ["a", "b"]


@given(st.one_of(st.text(max_size=20), st.text(alphabet="ae'=+-@ \u0301\u200b\u200d\u00a0\ufeff\u030a\u0338", max_size=8)))
def test_cleaning_once_is_enough(raw: str) -> None:
    """A cleaned name is NFC, has single inner blanks only, can be sent as UTF-8, and cleaning changes it no more."""
    name = clean(raw)
    assert clean(name) == name
    assert unicodedata.is_normalized("NFC", name)
    assert name == " ".join(name.split())
    assert name.encode().decode() == name
