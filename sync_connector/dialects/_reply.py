"""Reading a reply about contacts: what both generations share. Not a dialect itself.

Law: a contact is called accepted only if exactly one entry speaks of it and says `success`. Entries are matched by
position *and* number where every one of them agrees, else by number; what is missing, said twice, or of another shape
leaves its contact unknown.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

import orjson

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.model import Contact, Reply, Verdict

_NAMED = r"(login|password|passwd|mot de passe|identifiants?|credentials?|access ?key)"
_WRONG = r"(wrong|invalid|incorrect|bad|unknown|erron|refus|denied|expired|not found)"
WRONG_LOGIN = re.compile(
    rf"(?i){_WRONG}.{{0,40}}{_NAMED}|{_NAMED}.{{0,40}}{_WRONG}|unknown user|user not found"
    r"|account (disabled|suspended|expired|not found)|unauthori[sz]ed|authentication failed"
)


def contact_entries(body: bytes) -> list[object]:
    """The entries of `{"data": {"contact": […]}}`. Raises `NotAReply`, `WrongCredentials`."""
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        start = body[:200].lstrip().lower()
        if start.startswith((b"<!doctype", b"<html", b"<?xml")):
            raise NotAReply("an HTML page instead of JSON") from None
        raise NotAReply("an empty answer" if not body.strip() else "not JSON, or JSON cut short") from None
    data = reply.get("data") if isinstance(reply, dict) else None
    entries = data.get("contact") if isinstance(data, dict) else None
    if isinstance(entries, list) and any(isinstance(entry, dict) and "result" in entry for entry in entries):
        return entries
    if WRONG_LOGIN.search(body[:2_000].decode("utf-8", "replace")):
        raise WrongCredentials("the answer says that the login is wrong")
    if isinstance(entries, list):
        return entries
    raise NotAReply("JSON without data.contact")


def verdicts(sent: Sequence[Contact], entries: Sequence[object], number_keys: Sequence[str]) -> list[Reply]:
    """A reply for each contact sent, from the entries of an answer."""
    numbers = [_numbers_of(entry, number_keys) for entry in entries]
    wanted = [_digits(contact.phone_number) for contact in sent]
    times = Counter(wanted)
    if numbers == [{number} for number in wanted] and len(times) == len(wanted):
        return [_judge(entry) for entry in entries]
    by_number: dict[str, list[object]] = defaultdict(list)
    for said, entry in zip(numbers, entries, strict=True):
        for number in said:
            by_number[number].append(entry if len(said) == 1 else None)
    return [
        _judge(by_number[number][0]) if len(by_number[number]) == 1 and times[number] == 1 else Reply(Verdict.UNKNOWN)
        for number in wanted
    ]


def _numbers_of(entry: object, keys: Sequence[str]) -> set[str]:
    """Its number; none, or one for each spelling of the key, where it does not speak of a single contact."""
    if not isinstance(entry, dict):
        return set()
    values = [entry.get(key) for key in keys]
    return {_digits(str(value)) for value in values if isinstance(value, str | int) and not isinstance(value, bool)} - {""}


def _digits(number: str) -> str:
    """A number without the signs that an echo may add or drop."""
    return "".join(c for c in number if c.isascii() and c.isdigit())


def _judge(entry: object) -> Reply:
    if not isinstance(entry, dict):
        return Reply(Verdict.UNKNOWN)
    errors = entry.get("errors", [])
    listed = errors if isinstance(errors, list) else [errors]
    codes = tuple(code for code in listed if isinstance(code, str) and code)
    codes = tuple(code[:32] for code in codes[:16])
    match entry.get("result"):
        case "success":
            return Reply(Verdict.WARNED if codes else Verdict.ACCEPTED, codes)
        case "failed":
            return Reply(Verdict.REFUSED, codes)
        case _:
            return Reply(Verdict.UNKNOWN)
