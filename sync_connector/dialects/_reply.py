"""Reading a reply about contacts: what both generations share. Not a dialect itself.

Law: a contact is called accepted only if exactly one entry speaks of it and says `success`. Entries are matched by
position *and* number where every one of them agrees, else by number; what is missing, said twice, or of another shape
leaves its contact unknown.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.dialects._answer import codes_of, digits, numbers_of, parsed, says_wrong_login
from sync_connector.model import Contact, Reply, Verdict


def contact_entries(body: bytes) -> list[object]:
    """The entries of `{"data": {"contact": […]}}`. Raises `NotAReply`, `WrongCredentials`."""
    reply = parsed(body)
    data = reply.get("data") if isinstance(reply, dict) else None
    entries = data.get("contact") if isinstance(data, dict) else None
    if isinstance(entries, list) and any(isinstance(entry, dict) and "result" in entry for entry in entries):
        return entries
    if says_wrong_login(body):
        raise WrongCredentials("the answer says that the login is wrong")
    if isinstance(entries, list):
        return entries
    raise NotAReply("JSON without data.contact")


def verdicts(sent: Sequence[Contact], entries: Sequence[object], number_keys: Sequence[str]) -> list[Reply]:
    """A reply for each contact sent, from the entries of an answer."""
    numbers = [numbers_of(entry, number_keys) if isinstance(entry, dict) else set() for entry in entries]
    wanted = [digits(contact.phone_number) for contact in sent]
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


def _judge(entry: object) -> Reply:
    if not isinstance(entry, dict):
        return Reply(Verdict.UNKNOWN)
    codes = codes_of(entry)
    match entry.get("result"):
        case "success":
            return Reply(Verdict.WARNED if codes else Verdict.ACCEPTED, codes)
        case "failed":
            return Reply(Verdict.REFUSED, codes)
        case _:
            return Reply(Verdict.UNKNOWN)
