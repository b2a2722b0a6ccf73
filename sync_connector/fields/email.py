"""E-mail addresses, as email-validator understands them, without asking the network."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

from email_validator import EmailNotValidError, validate_email
from email_validator.rfc_constants import (
    CASE_INSENSITIVE_MAILBOX_NAMES,
    EMAIL_MAX_LENGTH,
    LOCAL_PART_MAX_LENGTH,
)

GUARD = re.compile(r"(?i)^(?:['\s]|mailto:)+")
INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]")
NAMED = re.compile(r"[^<>]*<\s*([^<>]*)>\s*")
SPLIT = re.compile(r"\s*(?::::|[;|\n])\s*|,\s*(?=[^,@\s]+@)|(?<=>)\s*,\s*")


# A local part of which the library says yes whatever it is; the domain alone then decides, and few domains are many.
PLAIN = re.compile(r"([A-Za-z0-9_+-]+(?:\.[A-Za-z0-9_+-]+)*)@([A-Za-z0-9.-]+)")


NAME_LEFT_OUT = "display name left out"
"""What is noted of an address that stood behind a name."""


class Email(NamedTuple):
    """What a cell holds: its first valid address, `""` for a blank cell, or `None` with a reason."""

    address: str | None
    reason: str = ""
    notes: tuple[str, ...] = ()


def email_address(raw: str) -> Email:
    """The first valid address of a cell, normalized (domain in lower case, NFC)."""
    if (plain := PLAIN.fullmatch(raw)) and (address := _plain_address(plain[1], plain[2])):
        return Email(address)
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
            notes = (NAME_LEFT_OUT,) if named and not named[0].startswith("<") else ()
        else:
            rest += 1
    if rest:
        notes = (*notes, f"{rest} more address{'es' if rest > 1 else ''} in the cell left out")
    return Email(found, "" if found else reason or "no address in it", notes)


def _plain_address(local: str, domain: str) -> str | None:
    """The address, if the library is known to accept it; `None` leaves the answer to the library."""
    if len(local) > LOCAL_PART_MAX_LENGTH or local.lower() in CASE_INSENSITIVE_MAILBOX_NAMES:
        return None
    normalized = _domain(domain)
    address = f"{local}@{normalized}"
    return address if normalized and len(address) <= EMAIL_MAX_LENGTH else None


@functools.lru_cache(maxsize=65_536)
def _domain(domain: str) -> str:
    """What the library makes of a domain, `""` if it refuses it."""
    try:
        return validate_email(f"a@{domain}", check_deliverability=False).domain
    except EmailNotValidError:
        return ""


def email_column(raws: Iterable[str]) -> list[Email]:
    """A whole column."""
    return [email_address(raw) for raw in raws]
