"""Tracked links: where in a message the link stands, whatever placeholder its writer knows.

Pure. Law: nobody ever reads a placeholder. A text goes out with a link and one place for it, or with neither.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import urlsplit

from sync_connector.model import LINK

LONGEST_URL = 2_000
"""Characters; browsers and the vendor's short links take no longer ones for granted."""

PLACEHOLDER = re.compile(r"\[\s*(?:link|lien|url)(?:[\s_-]*tracking)?\s*\]", re.IGNORECASE)


def with_link(text: str) -> tuple[str, int]:
    """The text with every placeholder that is in use (`[Lien]`, `[link]`, `[Lien_Tracking]`, `[URL]`, …) written as `LINK`,
    and how many there are."""
    return PLACEHOLDER.subn(LINK, text)


def link_fault(text: str, url: str) -> str:
    """What is wrong with a text and the url of its link (`""`: it has none), as a sentence; `""` if nothing is."""
    places = with_link(text)[1]
    if not url:
        if not places:
            return ""
        return f"the message has {LINK} and no url that it leads to: people would read just that; give the url, or take it out"
    if fault := _url_fault(url):
        return fault
    if not places:
        return f"there is a url, and no place for it in the message; write {LINK} where the link is to stand"
    if places > 1:
        return f"the message has {places} places for its link; the vendor tells what becomes of one only: write {LINK} once"
    return ""


def counted(text: str, url: str, length: int) -> str:
    """The text as its segments are counted: where it has a url, the link stands as `length` signs of GSM-7, since the vendor
    shortens it."""
    return with_link(text)[0].replace(LINK, "x" * length) if url else text


def _url_fault(url: str) -> str:
    shown = ascii(url if len(url) <= 80 else url[:79] + "…")
    if len(url) > LONGEST_URL:
        return f"the url {shown} is longer than {LONGEST_URL:,} characters; use a shorter one"
    if any(sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf", "Cs") for sign in url):
        return f"the url {shown} has blanks or invisible signs; write a blank as %20"
    try:
        parts = urlsplit(url)
        whole = parts.scheme.lower() in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a bracket or a port that is none
        whole = False
    return "" if whole else f"the url {shown} is not whole; write it with https:// and its host"
