"""Names and addresses: trimmed, Unicode-normalized (NFC), without control characters; nothing else is touched."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable


def clean(raw: str) -> str:
    """One name or address: NFC, blanks of every kind folded to one space, invisible controls removed.

    A leading apostrophe goes only where it guards a formula (`'=`, `'+`, `'-`, `'@`): `'t Hooft` keeps his.
    """
    if raw.isascii() and raw.isalnum():
        return raw
    text = unicodedata.normalize("NFC", raw)
    if not text.isprintable():
        text = "".join(
            c if c.isspace() or unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co") or c == "\u200d" else "" for c in text
        )
        text = unicodedata.normalize("NFC", text)  # what an invisible sign kept apart
    text = " ".join(text.split())
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def clean_column(raws: Iterable[str]) -> list[str]:
    """A column of names."""
    return [clean(raw) for raw in raws]
