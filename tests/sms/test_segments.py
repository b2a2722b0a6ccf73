"""How many SMS a text makes, against a sharing out by hand."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.sms.segments import Segments, plain, segments

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENDED = "\f^{}\\[~]|€"
GSM = st.text(st.sampled_from(BASIC + EXTENDED) | st.sampled_from("a€"), max_size=500).filter(str.strip)
ANY = st.text(st.characters() | st.sampled_from("a€ê😀\u200d"), max_size=250).filter(str.strip)


def by_hand(text: str) -> int:
    """Parts, by trying for each how many whole signs fit."""
    septets = all(sign in BASIC + EXTENDED for sign in text)

    def long(piece: str) -> int:
        return sum(1 + (c in EXTENDED) for c in piece) if septets else len(piece.encode("utf-16-le", "surrogatepass")) // 2

    alone, each = (160, 153) if septets else (70, 67)
    if long(text) <= alone:
        return 1
    parts = 0
    while text:
        fits = max(n for n in range(1, min(len(text), each) + 1) if long(text[:n]) <= each)
        text, parts = text[fits:], parts + 1
    return parts


@pytest.mark.parametrize(
    ("text", "encoding", "parts", "units"),
    [
        ("", "GSM-7", 0, 0),
        (" \n\t", "GSM-7", 0, 0),
        ("a", "GSM-7", 1, 1),
        ("a" * 160, "GSM-7", 1, 160),
        ("a" * 161, "GSM-7", 2, 161),
        *(("a" * 153 * n, "GSM-7", n, 153 * n) for n in (2, 3, 10)),
        *(("a" * (153 * n + 1), "GSM-7", n + 1, 153 * n + 1) for n in (2, 3, 10)),
        ("€" * 80, "GSM-7", 1, 160),
        ("a" * 159 + "€", "GSM-7", 2, 161),
        ("a" * 152 + "€" + "a" * 152, "GSM-7", 3, 306),  # 306 septets, and the first part's last one stays free
        ("a" * 151 + "€" + "a" * 153, "GSM-7", 2, 306),
        ("a" * 152 + "{" + "a" * 151, "GSM-7", 2, 305),
        ("ê" * 70, "UCS-2", 1, 70),
        ("ê" * 71, "UCS-2", 2, 71),
        *(("ê" * 67 * n, "UCS-2", n, 67 * n) for n in (2, 3, 10)),
        ("ê" * 135, "UCS-2", 3, 135),
        ("😀" * 35, "UCS-2", 1, 70),
        ("ê" * 66 + "😀" + "ê" * 66, "UCS-2", 3, 134),
        ("ê" * 65 + "😀" + "ê" * 67, "UCS-2", 2, 134),
        ("ê" * 66 + "👩\u200d👧" + "ê" * 62, "UCS-2", 2, 133),
        ("ê" * 59 + "👩\u200d👩\u200d👧\u200d👦", "UCS-2", 1, 70),
        ("ê" * 60 + "👩\u200d👩\u200d👧\u200d👦", "UCS-2", 2, 71),
        ("a\x1be", "UCS-2", 1, 3),
        ("\ud800", "UCS-2", 1, 1),
    ],
)
def test_the_limits_are_those_of_the_standard(text: str, encoding: str, parts: int, units: int) -> None:
    """160 and 153 septets, 70 and 67 units of 16 bits, and nothing of two units torn apart."""
    assert segments(text)[:3] == (encoding, parts, units)


def test_the_signs_that_make_it_dear_are_named_in_their_order() -> None:
    """Each once, as they appear; none where GSM-7 has them all."""
    assert segments("L’été, ça coûte 3 € – ça ’").culprits == ("’", "ç", "û", "–")
    assert segments("Ça coûtait".replace("û", "u")) == Segments("GSM-7", 1, 10, ())


@pytest.mark.parametrize("sign", BASIC + EXTENDED)
def test_the_alphabet_is_that_of_the_standard(sign: str) -> None:
    """Every sign of the tables is one septet, or two if it is behind the escape."""
    assert segments("a" + sign) == Segments("GSM-7", 1, 2 + (sign in EXTENDED), ())


@given(GSM | ANY)
def test_the_sharing_out_is_that_by_hand(text: str) -> None:
    """As many parts as when each is filled with whole signs, never fewer than the units need."""
    found = segments(text)
    assert found.parts == by_hand(text)
    each = 153 if found.encoding == "GSM-7" else 67
    assert found.parts == 1 or (found.units <= found.parts * each and found.parts <= found.units // (each - 1) + 1)
    assert (found.encoding == "UCS-2") == bool(found.culprits)


@given(GSM, GSM)
def test_a_longer_text_never_costs_less(one: str, other: str) -> None:
    """Two texts in one have the units of both, and at most the parts of both."""
    both, first, second = segments(one + other), segments(one), segments(other)
    assert both.units == first.units + second.units
    assert max(first.parts, second.parts) <= both.parts <= first.parts + second.parts + 1


@pytest.mark.parametrize(
    ("dear", "cheap"),
    [
        ("L’été… « œuvre » – “oui”", 'L\'été... "oeuvre" - "oui"'),
        ("Ça coûte : êîôûç ÀÊ", "Ça coute : eiouc AE"),
        ("à\u00a08\u202fh", "à 8 h"),
        ("e\u0301te\u0301", "été"),
        ("Łódź, Đuro", "Lodz, Duro"),
        ("so\u00adlde\u200b", "solde"),
        ("n°5, 50 m²", "no5, 50 m2"),
        ("10², ½, 20 °C", "10², ½, 20 °C"),
        ("Привет 😀👩\u200d👧", "Привет 😀👩\u200d👧"),
    ],
)
def test_typographic_signs_have_a_cheaper_likeness(dear: str, cheap: str) -> None:
    """What is known to mean the same is replaced, and what would mean something else stays."""
    assert plain(dear) == cheap


@given(ANY)
def test_the_likeness_adds_no_dear_sign_and_is_its_own(text: str) -> None:
    """Written so, a text has no culprit that it had not, and writing it so again changes nothing."""
    once = plain(text)
    seen = unicodedata.normalize("NFC", re.sub("[\u00ad\u200b\u200e\u200f\u2060\ufeff]", "", text))
    assert set(segments(once).culprits) <= set(segments(seen).culprits)
    assert plain(once) == once


@given(GSM)
def test_a_text_that_is_cheap_already_stays(text: str) -> None:
    """Nothing is changed where there is nothing to gain."""
    assert plain(text) == text
