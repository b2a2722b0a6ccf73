"""E-mail addresses, as email-validator understands them, without asking the network."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email

GUARD = re.compile(r"(?i)^(?:['\s]|mailto:)+")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
NAMED = re.compile(r"[^<>]*<\s*([^<>]*)>\s*")
SPLIT = re.compile(r"\s*(?::::|[;|\n])\s*|,\s*(?=[^,@\s]+@)|(?<=>)\s*,\s*")


class Email(NamedTuple):
    """What a cell holds: its first valid address, `""` for a blank cell, or `None` with a reason."""

    address: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def email_address(raw: str) -> Email:
    """The first valid address of a cell, normalized (domain in lower case, NFC)."""
    text = GUARD.sub("", INVISIBLE.sub("", raw)).rstrip()
    if not text:
        return Email("")
    reason, found, rest = "", None, 0
    notes: tuple[str, ...] = ()
    for piece in SPLIT.split(text):
        named = NAMED.fullmatch(piece)
        piece = GUARD.sub("", named[1] if named else piece).rstrip()
        if not piece:
            continue
        try:
            valid = validate_email(piece, check_deliverability=False)
        except EmailNotValidError as fault:
            reason = reason or str(fault)
            continue
        if found is None:
            found = valid.normalized
            notes = ("display name left out",) if named and not named[0].startswith("<") else ()
        else:
            rest += 1
    if rest:
        notes = (*notes, f"{rest} more address{'es' if rest > 1 else ''} in the cell left out")
    return Email(found, "" if found else reason or "no address in it", notes)


def email_column(raws: Iterable[str]) -> list[Email]:
    """A whole column."""
    return [email_address(raw) for raw in raws]
