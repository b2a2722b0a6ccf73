"""The token of a line: any key in letters that no spreadsheet reformats, and no damage unseen."""

from __future__ import annotations

import base64
import json
import re
import string
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.sheets.guard import guarded, shown
from sync_connector.sheets.token import Form, Token, letters, opened, sealed

TEXT = st.text(st.characters(), max_size=20)


@given(st.sampled_from(Form), TEXT, TEXT, st.integers(1), st.lists(TEXT, max_size=4), st.dictionaries(TEXT, TEXT, max_size=3))
def test_any_key_comes_back(form: Form, key: str, fingerprint: str, number: int, cells: list[str], kept: dict[str, str]) -> None:
    """Blanks, bars, emoji, surrogates, leading zeros: the token holds them, and no spreadsheet changes it."""
    token = Token(form, key, fingerprint, number, letters(cells), {"a": key}, kept, {"b": number})
    text = sealed(token)
    assert opened(text) == (token, True)
    assert guarded(text) == shown(text) == text
    assert re.match(r"[xc]1\.[A-Za-z0-9.-]+( \S+)?$", text)


@pytest.mark.parametrize("key", ["", " ", "a | b", "😀", "00123", "x" * 40, "=1+1", "_x000D_", "r1.", "é\u0301"])
def test_keys_of_all_kinds(key: str) -> None:
    """The keys that CRMs have."""
    opening = opened(sealed(Token(Form.CSV, key, "ab12", 1, "", {})))
    assert opening is not None
    assert opening[0].key == key


@given(st.data())
def test_a_changed_token_is_none(data: st.DataObject) -> None:
    """A letter typed over, or a number counted up by dragging the cell, is found out."""
    text = sealed(Token(Form.WORKBOOK, "C0001", "ab12", 7, "", {}))
    place = data.draw(st.integers(3, len(text) - 1))
    letter = data.draw(st.sampled_from(string.ascii_letters + string.digits + ".-").filter(lambda sign: sign != text[place]))
    opening = opened(text[:place] + letter + text[place + 1 :])
    assert opening is None or opening[0] == Token(Form.WORKBOOK, "C0001", "ab12", 7, "", {})  # unused bits of the last letter


@pytest.mark.parametrize("text", ["", "x1.", "C0001", "x1.AAAA", "y1.AAAAAAAA", "x1.é", "x1." + "A" * 50, "x2.AAAAAAAA"])
def test_what_is_no_token_is_none(text: str) -> None:
    """Anything that stands in the column."""
    assert opened(text) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
)


@given(st.lists(JSON, max_size=8) | st.tuples(TEXT, TEXT, st.integers(), TEXT, JSON, JSON, JSON) | JSON)
def test_a_token_of_another_shape_is_none(content: object) -> None:
    """Somebody may have made it on purpose: it is taken only if all of it is what a token says."""
    body = json.dumps(content).encode()
    text = base64.b64encode(zlib.crc32(body).to_bytes(4, "big") + body, b"-.").decode().rstrip("=")
    opening = opened(f"c1.{text}")
    if opening is not None:
        assert isinstance(content, tuple)
        assert opening[0] == (Form.CSV, *content)
        assert all(isinstance(value, dict) for value in content[4:])


def test_letters_are_those_that_an_encoding_loses() -> None:
    """Each once, the highest sixteen; no ASCII, no blank, no control, no combining mark."""
    assert letters(["Zoë", "Łódź 😀", "ab\u00a0\u0301\x85", "Zoë"]) == "ëóŁź😀"
    assert letters(["".join(map(chr, range(0x4E00, 0x4E40)))]) == "".join(map(chr, range(0x4E30, 0x4E40)))
    assert letters(["Jean"]) == ""


def test_lost_letters_are_told() -> None:
    """What became of the letters behind the body is compared with the body."""
    token = Token(Form.CSV, "k", "f", 1, "éŁ", {})
    text = sealed(token)
    assert opened(text.encode("cp1252", "replace").decode("cp1252")) == (token, False)
    assert opened(text.removesuffix(" éŁ")) == (token, False)
