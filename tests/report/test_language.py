"""A page is wholly in one language: every sentence has its French, and figures and dates are written as people write them."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date
from gettext import NullTranslations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.ledger import reading
from sync_connector.ledger.nouns import Scope
from sync_connector.report.language import LOCALES, words_of
from sync_connector.report.quality_page import quality_page
from sync_connector.rules import CATALOGUE
from tests.report import told, told_quality
from tests.report.catalogue import REASONS, extracted, french
from tests.report.html import Page
from tests.report.pages import events_page

ENGLISH, FRENCH = words_of("en"), words_of("fr")
PLACEHOLDER = re.compile(r"%\(\w+\)s|<[^<>]+>|%%")


def forms(text: str | tuple[str, ...] | list[str] | None) -> list[str]:
    """A message in its forms: one, or one for each number that the language knows."""
    return [text or ""] if isinstance(text, str | None) else list(text)


def test_every_sentence_has_its_french_and_no_french_is_left_over() -> None:
    """The code, the templates and the catalogue have the same messages, and each is translated; mend it with
    `python -m tests.report.catalogue`."""
    wanted = {message.id for message in extracted() if message.id}
    there = {message.id: message for message in french() if message.id}
    assert wanted - set(there) == set()
    assert set(there) - wanted == set()
    assert [text for text, message in there.items() if message.fuzzy or not all(forms(message.string))] == []
    assert len(wanted) > 100
    assert not french().obsolete


def test_french_has_the_same_places_for_values() -> None:
    """What is put into the English is put into the French, tags included; a value that is missing would break the page."""
    for message in french():
        if message.id:
            expected = {place for form in forms(message.id) for place in PLACEHOLDER.findall(form)}
            for form in forms(message.string):
                assert set(PLACEHOLDER.findall(form)) == expected, message.id


class Marked(NullTranslations):
    """Puts what it translates into brackets, so that what was not translated can be seen."""

    def gettext(self, message: str) -> str:
        """See NullTranslations."""
        return f"⟦{message}⟧"

    def ngettext(self, msgid1: str, msgid2: str, n: int) -> str:
        """See NullTranslations."""
        return f"⟦{msgid1 if n == 1 else msgid2}⟧"


def outside(text: str) -> str:
    """What stands in no brackets; they may stand in each other."""
    while text != (text := re.sub("⟦[^⟦⟧]*⟧", "", text)):
        pass
    return text


def test_every_word_of_a_page_went_through_the_catalogue() -> None:
    """What is not translated is what came from outside, commands, figures and dates."""
    marked = replace(ENGLISH, translations=Marked())
    data = r"sales@example.com at www.example.com|Intéressé|À rappeler|crm|it is too long|sync-connector [a-z -]+"
    dates = r"((Sun|Mon|Tue), )?\d+ (Oct|Nov)( 2026)?"
    data += r"|Rentrée d'automne|Rappel|NAME"
    messages = told.of_events(messages=told.of_two_campaigns())
    for facts in (told.of_events(), messages, told.of_nothing(), told.of_nothing("2026-10-20T10:00:00+00:00")):
        page = Page(events_page(facts, marked))
        spoken = [value for _, one in page.elements for name, value in one.items() if name in ("aria-label", "title", "alt")]
        for text in [page.text, *spoken]:
            assert re.search(r"[^\W\d_]", re.sub(f"{data}|{dates}", "", outside(text))) is None, outside(text)


def test_every_word_of_the_page_on_quality_went_through_the_catalogue() -> None:
    """What is not translated are codes, columns, keys, countries' names, commands, and what was said of a file."""
    marked = replace(ENGLISH, translations=Marked())
    codes = "|".join(re.escape(code) for code in sorted(CATALOGUE, key=len, reverse=True))
    commands = r"sync-connector (rejects|sync|runs|explain|rules)( --\w+| KEY| rejects.xlsx| '#001'| shared_phone)*"
    data = (
        rf"sales@\S+ at \S+ · crm|{commands}|C0\d+|({codes}|\d+)-\d+|{codes}|mobile|phone|remarks|\bid(?=\d|\b)|contacts.csv[^⟦]*"
    )
    described = "mapping generic: 11 of 11 headers"
    names = r"France|Belgium|\d+ Nov( 2026)?"
    facts = [told_quality.of_report(), told_quality.of_file(), told_quality.of_no_run(), told_quality.of_clean()]
    for told_of in facts:
        page = Page(quality_page(told_of, marked))
        spoken = [value for _, one in page.elements for name, value in one.items() if name in ("aria-label", "title", "alt")]
        for text in [page.text.replace(described, ""), *spoken]:
            bare = re.sub(rf"{data}|{names}| and |UTC", "", outside(text))
            assert re.search(r"[^\W\d_]", bare) is None, bare


def test_reasons_of_the_ledger_have_their_french() -> None:
    """The catalogue has the very words that the ledger gives for a stale number."""
    told_of = reading._stale(Scope(1, 1)).compile().params.values()
    assert {said for said in told_of if isinstance(said, str) and " " in said} == set(REASONS)


def test_every_code_is_told_in_french() -> None:
    """Its title and its advice, in the page of a ledger in which all codes were found; none is left in English."""
    text = Page(quality_page(told_quality.of_plenty(), FRENCH)).text
    for entry in CATALOGUE.values():
        assert FRENCH.phrase(entry.title) in text
        assert FRENCH.phrase(entry.title) != entry.title
        assert FRENCH.phrase(entry.advice) != entry.advice


def test_a_page_says_its_language() -> None:
    """To the browser and to what reads aloud; and it is in that language."""
    pages = {words.code: Page(events_page(told.of_events(), words)) for words in (ENGLISH, FRENCH)}
    assert {code: page.all("html") for code, page in pages.items()} == {"en": [{"lang": "en"}], "fr": [{"lang": "fr"}]}
    assert "60 calls" not in pages["fr"].text
    assert "Appels et messages" in pages["fr"].text
    assert "2 événements sont mis de côté\xa0: crm les a refusés" in pages["fr"].text


def test_a_language_that_is_not_there_is_refused() -> None:
    """The languages are those that are named."""
    assert list(LOCALES) == ["en", "fr"]
    with pytest.raises(KeyError):
        words_of("de")


@given(st.integers(0, 10**9), st.integers(1, 10**9))
def test_only_none_is_no_per_cent_and_only_all_is_a_hundred(part: int, more: int) -> None:
    """A share between them is shown as one, and rounded by half a per cent at most, in each language."""
    for words in (ENGLISH, FRENCH):
        shown = words.share(part, part + more)
        assert (shown in ("0%", "0\xa0%")) == (part == 0)
        assert shown not in ("100%", "100\xa0%")
        if exact := re.fullmatch(r"(\d+)\xa0?%", shown):
            assert abs(int(exact[1]) - part * 100 / (part + more)) <= 0.5
        assert words.share(more, more) in ("100%", "100\xa0%")


def test_nothing_has_no_share() -> None:
    """A part of nothing is not 0 %."""
    assert ENGLISH.share(0, 0) == FRENCH.share(0, 0) == "–"


@pytest.mark.parametrize(
    ("how", "given_", "english", "french_"),
    [
        ("number", (1234567.5,), "1,234,567.5", "1\u202f234\u202f567,5"),
        ("number", (12,), "12", "12"),
        ("share", (864, 1000), "86%", "86\xa0%"),
        ("share", (1, 1000), "<1%", "<\u202f1\xa0%"),
        ("share", (999, 1000), ">99%", ">\u202f99\xa0%"),
        ("talked", (59,), "59 s", "59\xa0s"),
        ("talked", (3599,), "59 min", "59\xa0min"),
        ("talked", (4_331_100,), "1,203 h 05 min", "1\u202f203\xa0h 05\xa0min"),
        ("pause", (0,), "under a minute", "moins d’une minute"),
        ("pause", (0.75,), "45 min", "45\xa0min"),
        ("pause", (13.5,), "13.5 h", "13,5\xa0h"),
        ("pause", (2,), "2 h", "2\xa0h"),
        ("pause", (61.5,), "2 days 14 h", "2 jours 14\xa0h"),
        ("pause", (72,), "3 days", "3 jours"),
        ("pause", (30_000,), "1,250 days", "1\u202f250 jours"),
        ("day", (date(2026, 2, 1),), "1 Feb 2026", "1 févr. 2026"),
        ("day", (date(2026, 2, 1), "yMMMEd"), "Sun, 1 Feb 2026", "dim. 1 févr. 2026"),
        ("days", (date(2026, 2, 1), date(2026, 2, 1)), "1 Feb 2026", "1 févr. 2026"),
        ("days", (date(2026, 2, 1), date(2026, 2, 7)), "1–7 Feb 2026", "1–7 févr. 2026"),
        ("moment", ("2026-11-23T09:15:59+00:00", "Europe/Paris"), "23 Nov 2026, 10:15", "23 nov. 2026, 10:15"),
        ("moment", ("2026-07-01T22:30:00Z", "Europe/Paris"), "2 Jul 2026, 00:30", "2 juil. 2026, 00:30"),
        ("moment", ("9999-12-31T23:30:00+00:00", "Europe/Paris"), "31 Dec 9999, 23:30", "31 déc. 9999, 23:30"),
        ("listed", (["a", "b", "c"],), "a, b and c", "a, b et c"),
    ],
)
def test_figures_are_said_as_people_say_them(how: str, given_: tuple[Any, ...], english: str, french_: str) -> None:
    """Each in the unit that it is read in, and with the signs and blanks of the language."""
    assert getattr(ENGLISH, how)(*given_) == english
    assert getattr(FRENCH, how)(*given_) == french_


@pytest.mark.parametrize(
    ("count", "english", "french_"),
    [(0, "0 others", "0 autre"), (1, "1 other", "1 autre"), (2000, "2,000 others", "2\u202f000 autres")],
)
def test_a_count_has_the_form_of_its_language(count: int, english: str, french_: str) -> None:
    """Nothing is many in English and one in French."""
    assert ENGLISH.ngettext("%(count)s other", "%(count)s others", count) == english
    assert FRENCH.ngettext("%(count)s other", "%(count)s others", count) == french_
