"""Personal data as it is shown where it need not be read: enough to recognize, too little to use."""

from __future__ import annotations

import re

STEERING = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]")
"""Signs that no terminal shows and many obey: controls but the line feed, and what turns the direction of writing."""


def number(e164: str) -> str:
    """`+33612345678` → `+336•••••78`."""
    return e164 if len(e164) < 8 else f"{e164[:4]}{'•' * (len(e164) - 6)}{e164[-2:]}"


def word(text: str) -> str:
    """`Dupont` → `D•••`."""
    return f"{text[0]}•••" if text else ""


def email(address: str) -> str:
    """`jean@exemple.fr` → `j•••@e•••.fr`."""
    local, _, domain = address.rpartition("@")
    name, dot, rest = domain.rpartition(".")
    return f"{word(local)}@{word(name)}{dot}{rest}" if local and name else word(address)


def field(name: str, value: str) -> str:
    """A contact's field, masked as its kind is. The country tells nothing of a person."""
    if name == "phone_number":
        return number(value)
    if name == "email":
        return email(value)
    return value if name == "country_code" else word(value)


def visible(text: str) -> str:
    """Text of the outside as a terminal may show it: what would steer the terminal is replaced."""
    return text if text.isprintable() else "".join(c if c.isprintable() else "\ufffd" for c in text)


def raw(text: str) -> str:
    """An offending value: its shape stays (that is what is wrong with it), most letters and digits go."""
    shown = visible("".join("•" if c.isalnum() and position % 3 else c for position, c in enumerate(text[:40])))
    return shown + ("…" if len(text) > 40 else "")
