"""How a number may stand in a text."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.fields.spelling import Spellings

FRENCH = Spellings("+33612345678")
FOUND = [
    "+33612345678",
    "0033612345678",
    "33612345678",
    "0612345678",
    "612345678",
    "06 12 34 56 78",
    "+33 (0)6-12-34-56-78",
    "06.12.34.56.78, bureau",
    "6 12 34 56 78.0",
    "tel:+33-6-12-34-56-78;ext=2",
    "06\u202f12\u202f34\u202f56\u202f78",
    '{"mobile": "06\\u00a012\\u00a034\\u00a056\\u00a078"}',
]
OTHERS = ["+33612345679", "06123456789", "1233612345678", "00000612345678", "6 12 34 56 7", "", "+44612345678", "10612345678"]


@pytest.mark.parametrize("times", range(3))
@pytest.mark.parametrize("text", FOUND)
def test_every_spelling_is_found_however_it_is_encoded(text: str, times: int) -> None:
    """Plain, percent-encoded once and twice."""
    for _ in range(times):
        text = quote(text, safe="")
    assert FRENCH.found_in(f"from={text}&x=1")


@pytest.mark.parametrize("text", OTHERS)
def test_another_number_is_not_taken_for_it(text: str) -> None:
    """One digit more, less or other is somebody else."""
    assert not FRENCH.found_in(text)


@given(st.text(st.characters(exclude_categories=["Nd"]), max_size=20), st.sampled_from(FOUND[:8]))
def test_it_is_found_between_any_words(around: str, spelt: str) -> None:
    """What stands before and behind has no digits."""
    assert FRENCH.found_in(f"{around}|{spelt}|{around}")


def test_a_number_without_a_trunk_prefix() -> None:
    """Where nothing is dialled before it at home."""
    italian = Spellings("+390612345678")
    assert italian.found_in("06 1234 5678")
    assert italian.found_in("+39 06 12345678")
    assert Spellings("+12015550123").found_in("(201) 555-0123")
