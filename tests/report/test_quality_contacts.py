"""Where the findings stand, and what is wrong between contacts, vendor and CRM, as the page on quality tells it."""

from __future__ import annotations

from tests.report import told_quality as of
from tests.report.pages import html_of, rows, text_of

USUAL, PLENTY = of.of_report(), of.of_plenty()


def test_countries_have_their_names_and_hold_all_contacts() -> None:
    """In the language of the page; twelve of them and the others; no contact is left out."""
    facts = PLENTY
    shown = rows(facts, "countries")
    assert sum(int(row[3].replace(",", "")) for row in shown[1:]) == facts["quality"]["contacts"]["known"]
    assert shown[-1][0] == "3 other countries"
    assert [row[0] for row in rows(USUAL, "countries")[1:]] == ["France", "Belgium", "(country not known)"]
    assert "Most that are not sent: France 10 and (country not known) 6." in text_of(USUAL, "countries")
    assert "Belgique" in html_of(USUAL, "fr")


def test_completeness_shows_what_is_read_and_a_few_of_the_others() -> None:
    """Each with what it is read as, and its share of the rows."""
    shown = rows(USUAL, "completeness")[1:]
    assert shown == [
        ["id", "identifier", "", "1,999", ">99%"],
        ["mobile", "phone number", "", "1,500", "75%"],
        ["remarks", "not read", "", "40", "2%"],
    ]
    assert "and 32 more columns that are not read" in text_of(PLENTY, "completeness")


def test_shared_stale_and_corrected_are_listed_as_far_as_a_person_reads() -> None:
    """The first ones, how many there are, and the command that lists them all."""
    shared, facts = text_of(USUAL, "shared"), PLENTY
    assert "+336••••••78 9 C0006 C0007 , C0008 and 6 more" in shared
    assert "+336••••••79 2 – C0009 , C0010" in shared
    assert len(rows(facts, "shared")) == len(rows(facts, "stale")) == 11
    assert "and 302 more numbers" in text_of(facts, "shared")
    assert "and 1,224 more numbers" in text_of(facts, "stale")
    assert "sync-connector runs --stale" in text_of(facts, "stale")
    assert "C0200 kept C0201 sent once" in text_of(USUAL, "corrected")
