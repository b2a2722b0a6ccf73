"""Pages of a part of what a report tells, for tests that look at that part alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sync_connector.report import wording
from sync_connector.report.events_page import events_sections
from sync_connector.report.language import ENGLISH, Words
from sync_connector.report.page import Part, page


def events_page(told: Mapping[str, Any], words: Words = ENGLISH) -> str:
    """A page of the sections on events alone, from what `events_sections` is told."""
    return page(
        [Part(words.gettext("Calls and messages"), [wording.one_line(told["account"], 120)], events_sections(told, words))], words
    )
