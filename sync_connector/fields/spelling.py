"""How a number may stand in a text: to find every trace of it, not to understand it.

Law: pure. A text that holds the number in any of the ways in which people and programs write it is found: with a country's prefix
or without, with separators, percent-encoded up to twice, escaped as in JSON. Within longer digits it is another number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import phonenumbers

_BETWEEN = r"(?:[\s.,\-/()_+·‐-―]|&nbsp;){0,4}"
_ESCAPED = re.compile(r"\\u([0-9a-fA-F]{4})")
_TELLING = 8
"""Digits from which on a number's own ones, without any prefix, are taken for it."""


class Spellings:
    """The ways in which one number (E.164) is written."""

    def __init__(self, e164: str) -> None:
        number = phonenumbers.parse(e164)
        code, own = str(number.country_code), phonenumbers.national_significant_number(number)
        forms = phonenumbers.PhoneNumberFormat
        national = phonenumbers.format_number(number, forms.NATIONAL)
        dialled = "".join(sign for sign in national if sign.isdigit())
        trunk = dialled.removesuffix(own) if dialled.endswith(own) else ""
        prefix = rf"(?:00|011)?{_BETWEEN}{_apart(code)}{_BETWEEN}"
        if trunk:
            prefix = rf"{prefix}(?:{_apart(trunk)}{_BETWEEN})?|{_apart(trunk)}{_BETWEEN}"
        optional = "?" if len(own) >= _TELLING else ""
        self._pattern = re.compile(rf"(?<!\d)(?:{prefix}){optional}{_apart(own)}(?!\d)")
        self.e164 = e164
        self.plain = tuple(
            dict.fromkeys((e164, e164[1:], dialled, national, phonenumbers.format_number(number, forms.INTERNATIONAL)))
        )
        """E.164, its digits, those that are dialled at home, and as it is printed at home and abroad."""

    def found_in(self, text: str) -> bool:
        """Whether the number stands in a text, as it is or encoded."""
        return any(self._pattern.search(form) for form in _decoded(text))


def _apart(digits: str) -> str:
    return _BETWEEN.join(digits)


def _decoded(text: str) -> Iterator[str]:
    """The text, and what it says should it be percent-encoded once or twice, or escaped as in JSON."""
    for times in range(3):
        yield text
        if "\\u" in text:
            yield _ESCAPED.sub(lambda sign: chr(int(sign[1], 16)), text)
        if times == 2 or "%" not in text:
            return
        text = unquote(text)
