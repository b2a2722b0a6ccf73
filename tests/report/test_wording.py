"""Figures and text of the outside on a terminal: in the unit that is read, and nothing that steers the reader's device."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.report import wording


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (wording.clock(7), "0:07"),
        (wording.clock(133), "2:13"),
        (wording.clock(3723), "1:02:03"),
        (wording.clock(360_000), "100:00:00"),
        (wording.counted(1, "call", "calls"), "1 call"),
        (wording.counted(1200, "call", "calls"), "1,200 calls"),
    ],
)
def test_figures_are_said_as_people_say_them(shown: str, expected: str) -> None:
    """Each in the unit that it is read in."""
    assert shown == expected


@pytest.mark.parametrize(
    ("iso", "shown"),
    [
        ("2026-11-23T09:15:59+00:00", "2026-11-23 10:15"),
        ("2026-07-01T22:30:00Z", "2026-07-02 00:30"),
        ("2026-07-01T22:30:00", "2026-07-02 00:30"),
        ("9999-12-31T23:30:00+00:00", "9999-12-31 23:30"),
        ("0001-01-01T00:00:00+05:00", "0001-01-01 00:09"),
    ],
)
def test_times_are_shown_on_the_clocks_of_the_zone(iso: str, shown: str) -> None:
    """In summer and winter; and a callback that claims the end of the calendar breaks nothing."""
    assert wording.local(iso, "Europe/Paris") == shown


@given(st.text(), st.integers(2, 40))
def test_text_of_the_outside_is_one_short_line_that_steers_nothing(text: str, limit: int) -> None:
    """No line end, no control or direction mark, no odd blank; cut text says so; short printable text stays."""
    shown = wording.one_line(text, limit)
    assert len(shown) <= limit
    assert shown.replace(wording.JOINER, "").isprintable()
    assert len(shown.splitlines()) <= 1
    if len(wording.one_line(text)) > limit:
        assert shown.endswith("…")
    if text.isprintable() and "  " not in text and text == text.strip() and len(text) <= limit:
        assert shown == text


def test_a_blank_of_any_kind_is_a_space_and_a_family_stays_one_picture() -> None:
    """French puts narrow blanks before its signs, and a picture may be several characters."""
    assert (
        wording.one_line("Intéressé\u202f!\u00a0Oui\r\n👨\u200d👩\u200d👧 \u202e\x1b[31m")
        == "Intéressé ! Oui 👨\u200d👩\u200d👧 \ufffd\ufffd[31m"
    )
