"""Pages, and the parts of them that a test looks at."""

from __future__ import annotations

import html as markup
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from sync_connector.report import wording
from sync_connector.report.events_page import events_sections
from sync_connector.report.language import ENGLISH, Words
from sync_connector.report.page import Part, page
from sync_connector.report.quality_page import page_of
from tests.report.html import Page


def events_page(told: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """A page of the sections on events alone, from what `events_sections` is told."""
    return page(
        [Part(words.gettext("Calls and messages"), [wording.one_line(told["account"], 120)], events_sections(told, words))], words
    )


@cache
def _drawn(facts: str, lang: str) -> str:
    return page_of(json.loads(facts), lang)


def html_of(facts: dict[str, Any], lang: str = "en") -> str:
    """A page on quality, drawn once however many tests look at it: charts take their time."""
    return _drawn(json.dumps(facts), lang)


def words_in(html: str) -> str:
    """What a person reads, each blank a single space; without pictures."""
    bare = re.sub(r"<(svg|style|title)\b.*?</\1>", "", html, flags=re.DOTALL)
    return " ".join(markup.unescape(re.sub(r"<[^>]+>", " ", bare)).split())


def section(facts: dict[str, Any], anchor: str) -> str:
    """The HTML of one section."""
    return html_of(facts).split(f'<section id="{anchor}"')[1].split("</section>")[0].split(">", 1)[1]


def text_of(facts: dict[str, Any], anchor: str = "") -> str:
    """The words of an English page, or of one of its sections."""
    return words_in(section(facts, anchor) if anchor else html_of(facts))


def anchors(facts: dict[str, Any]) -> list[str]:
    """The sections of a page in their order."""
    return [one["id"] for one in Page(html_of(facts)).all("section")]


def rows(facts: dict[str, Any], anchor: str) -> list[list[str]]:
    """The cells of the tables in a section."""
    found = re.findall(r"<tr.*?</tr>", section(facts, anchor), re.DOTALL)
    return [[words_in(cell) for cell in re.findall(r"<t[hd].*?</t[hd]>", row, re.DOTALL)] for row in found]
