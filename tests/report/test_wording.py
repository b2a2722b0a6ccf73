"""Figures and text of the outside in words: never more than is so, and nothing that steers the reader's device."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.report import wording


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_only_none_is_no_per_cent_and_only_all_is_a_hundred(part: int, more: int) -> None:
    """A share between them is shown as one, and rounded by half a per cent at most."""
    shown = wording.share(part, part + more)
    assert (shown == "0 %") == (part == 0)
    assert shown != "100 %"
    if exact := re.fullmatch(r"(\d+) %", shown):
        assert abs(int(exact[1]) - part * 100 / (part + more)) <= 0.5
    assert wording.share(more, more) == "100 %"


def test_nothing_has_no_share() -> None:
    """A part of nothing is not 0 %."""
    assert wording.share(0, 0) == "–"


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (wording.clock(7), "0:07"),
        (wording.clock(133), "2:13"),
        (wording.clock(3723), "1:02:03"),
        (wording.clock(360_000), "100:00:00"),
        (wording.talked(59), "59 s"),
        (wording.talked(3599), "59 min"),
        (wording.talked(4_331_100), "1,203 h 05 min"),
        (wording.pause(0), "under a minute"),
        (wording.pause(0.75), "45 min"),
        (wording.pause(13.5), "13.5 h"),
        (wording.pause(2), "2 h"),
        (wording.pause(61.5), "2 days 14 h"),
        (wording.pause(72), "3 days"),
        (wording.compact(250), "250"),
        (wording.compact(20_000), "20k"),
        (wording.compact(1_500_000), "1.5M"),
        (wording.compact(2_000_000_000), "2bn"),
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
