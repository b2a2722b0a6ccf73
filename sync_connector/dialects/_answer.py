"""Reading any answer of the vendor: what every kind of it shares. Not a dialect itself.

Law: what is not JSON is no answer, however much of it looks like one; and a fault says what came in a few words of ours, never
in those of the answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import orjson

from sync_connector.dialects import NotAReply

_NAMED = r"(login|password|passwd|mot de passe|identifiants?|credentials?|access ?key)"
_WRONG = r"(wrong|invalid|incorrect|bad|unknown|erron|refus|denied|expired|not found)"
WRONG_LOGIN = re.compile(
    rf"(?i){_WRONG}.{{0,40}}{_NAMED}|{_NAMED}.{{0,40}}{_WRONG}|unknown user|user not found"
    r"|account (disabled|suspended|expired|not found)|unauthori[sz]ed|authentication failed"
)


def parsed(body: bytes) -> object:
    """The JSON of a body. Raises `NotAReply`."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        start = body[:200].lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml")):
            raise NotAReply("an HTML page instead of JSON") from None
        raise NotAReply("an empty answer" if not body.strip() else "not JSON, or JSON cut short") from None


def says_wrong_login(body: bytes) -> bool:
    """Whether its first words say that the login, the password or the key is wrong."""
    return WRONG_LOGIN.search(body[:2_000].decode("utf-8", "replace")) is not None


def digits(number: str) -> str:
    """A number without the signs that an echo may add or drop."""
    return "".join(c for c in number if c.isascii() and c.isdigit())


def numbers_of(entry: Mapping[str, object], keys: Sequence[str]) -> set[str]:
    """The digits of the number that an entry speaks of; several, where the spellings of the key contradict each other."""
    values = [entry.get(key) for key in keys]
    return {digits(str(value)) for value in values if isinstance(value, str | int) and not isinstance(value, bool)} - {""}


def codes_of(entry: Mapping[str, object]) -> tuple[str, ...]:
    """The codes of an entry: at most 16, of 32 signs each."""
    errors = entry.get("errors", [])
    listed = errors if isinstance(errors, list) else [errors]
    codes = [code for code in listed if isinstance(code, str) and code]
    return tuple(code[:32] for code in codes[:16])
