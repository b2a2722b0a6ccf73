"""Where the link of a message stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.model import LINK
from sync_connector.sms.links import LONGEST_URL, counted, link_fault, with_link
from sync_connector.sms.segments import segments

URL = "https://example.org/mai?a=1#b"
PLACEHOLDERS = [
    "[Link]", "[link]", "[LIEN]", "[Lien]", "[Lien_Tracking]", "[Link_Tracking]", "[lien tracking]", "[URL]", "[ url ]",
    "[link-tracking]", "[LienTracking]",
]  # fmt: skip


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_every_placeholder_in_use_becomes_ours(placeholder: str) -> None:
    """Whichever of the vendor's documents its writer read."""
    assert with_link(f"Voir {placeholder}.") == (f"Voir {LINK}.", 1)


@pytest.mark.parametrize("text", ["link", "[linked]", "[Link", "(Link)", "[mon lien]", "", "[]"])
def test_nothing_else_is_a_placeholder(text: str) -> None:
    """Words and brackets that only look like one stay as they are."""
    assert with_link(text) == (text, 0)


@given(st.lists(st.sampled_from(PLACEHOLDERS) | st.text(max_size=5), max_size=8))
def test_placing_the_link_twice_is_placing_it_once(pieces: list[str]) -> None:
    """What was written as ours stays so, and is counted the same."""
    text, places = with_link("".join(pieces))
    assert with_link(text) == (text, places)
    assert text.count(LINK) == places


@pytest.mark.parametrize(("text", "url"), [("Bonjour", ""), ("Voir [lien]", URL), ("Voir [Link]", "HTTP://xn--caf-dma.fr:8080")])
def test_a_text_with_its_link_or_with_neither_is_right(text: str, url: str) -> None:
    """One place and one url, or none of both."""
    assert link_fault(text, url) == ""


@pytest.mark.parametrize(
    ("text", "url", "said"),
    [
        ("Voir [lien]", "", "no url"),
        ("Bonjour", URL, f"write {LINK} where"),
        ("[Link] ou [URL]", URL, "2 places"),
        ("[Link]", "example.org", "not whole"),
        ("[Link]", "/mai", "not whole"),
        ("[Link]", "ftp://example.org", "not whole"),
        ("[Link]", "javascript:alert(1)", "not whole"),
        ("[Link]", "https://", "not whole"),
        ("[Link]", "https://[1", "not whole"),
        ("[Link]", "https://example.org:99999", "not whole"),
        ("[Link]", "https://example.org/a b", "%20"),
        ("[Link]", "https://example.org/\n", "%20"),
        ("[Link]", "https://example.org/\u200b", "%20"),
        ("[Link]", " ", "%20"),
        ("[Link]", "https://example.org/" + "a" * LONGEST_URL, "longer"),
    ],
)
def test_a_link_that_cannot_work_is_told(text: str, url: str, said: str) -> None:
    """A sentence on one line, that does not repeat a long url whole."""
    fault = link_fault(text, url)
    assert said in fault
    assert "\n" not in fault
    assert len(fault) < 250


def test_a_link_is_counted_as_what_the_vendor_makes_of_it() -> None:
    """As so many signs of GSM-7 where there is a url, and as it stands where there is none."""
    assert counted("Voir [Lien] !", URL, 24) == f"Voir {'x' * 24} !"
    assert segments(counted("[Link]", URL, 24)).units == 24
    assert counted("Voir [Lien] !", "", 24) == "Voir [Lien] !"
