"""What is true: what the vendor has taken, read off the wire, and what the CRM says must be there.

Law: written apart from the product and from the sandbox. It imports neither, so that a mistake cannot be made twice alike.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Policy = Literal["newest", "first", "reject"]
Mood = Literal["takes", "warns", "refuses", "poisoned"]

PHONES: dict[str, dict[str, str]] = {
    "06 12 00 00 00": {"FR": "+33612000000"},
    "06 12 00 00 01": {"FR": "+33612000001"},
    "06.12.00.00.02": {"FR": "+33612000002"},
    "+33 6 12 00 00 01": {"FR": "+33612000001", "BE": "+33612000001"},
    "0470 12 34 50": {"FR": "+33470123450", "BE": "+32470123450"},
    "06 12": {},
    "": {},
}
"""What may stand in a phone cell, and which number that is, seen from France and from Belgium."""

EMAILS = {"": "", "anna@exemple.fr": "anna@exemple.fr", "anna@@exemple": None}
"""What may stand in an e-mail cell, and which address that is; `None`: none."""

ADDRESS = "www.exemple.fr"
"""A last name that is none."""


class Held(NamedTuple):
    """A contact as the vendor has it."""

    first_name: str
    last_name: str
    adress: str
    email: str
    country_code: str


class Sms(NamedTuple):
    """An SMS that the vendor took."""

    id_sms_api: str
    phone_number: str
    text: str


@dataclass
class OracleVendor:
    """Number → the contact, as last taken; and every SMS taken, as often as it was."""

    held: dict[str, Held] = field(default_factory=dict)
    sms: list[Sms] = field(default_factory=list)
    moods: dict[str, Mood] = field(default_factory=dict)
    said: Counter[str] = field(default_factory=Counter)  # of contacts: how often accepted, warned or refused

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        """Take what a request holds; status and what is answered, before anything becomes of the answer."""
        told = json.loads(body)
        header = told["header"][0] if isinstance(told["header"], list) else told["header"]
        assert header["login"] == "demo@example.com"
        if "messages" in told:
            assert "sms" in path.lower()
            return 200, [self._send(message) for message in told["messages"]]
        if any(self.moods.get(contact["phone_number"]) == "poisoned" for contact in told["contacts"]):
            return 500, {"error": "oops"}
        return 200, {"data": {"contact": [self._take(contact) for contact in told["contacts"]]}}

    def _take(self, contact: dict[str, str]) -> dict[str, Any]:
        number = contact["phone_number"]
        mood = self.moods.get(number, "takes")
        self.said[{"warns": "warned", "refuses": "refused"}.get(mood, "accepted")] += 1
        if mood == "refuses":
            return {**contact, "result": "failed", "errors": ["#001"]}
        first, last = (contact.get(one, contact.get(other, "")) for one, other in _NAMES)
        self.held[number] = Held(first, last, contact["adress"], contact["email"], contact.get("country_code", ""))
        return {**contact, "result": "success", "errors": ["#004"] if mood == "warns" else []}

    def _send(self, message: dict[str, str]) -> dict[str, Any]:
        number, identity = message["phone_number"], message["id_sms_api"]
        sent = self.moods.get(number) != "refuses"
        if sent:
            self.sms.append(Sms(identity, number, message["message"]))
        entry = {"id_sms_api": identity, "phone_number": number, "message": message["message"], "sms_per_message": 1}
        return {**entry, "sent": int(sent), "sent_time": "2026-03-02T12:00:00Z", "user": "demo@example.com"}

    def sent_twice(self) -> list[tuple[str, str]]:
        """Number and words of each SMS that somebody got more than once, or that left under an id that another has."""
        times = Counter((sms.phone_number, sms.text) for sms in self.sms)
        assert max(Counter(sms.id_sms_api for sms in self.sms).values(), default=1) == 1 or any(n > 1 for n in times.values())
        return [said for said, count in times.items() if count > 1]


_NAMES = (("first_name", "firstname"), ("last_name", "lastname"))


@dataclass
class Rules:
    """What the settings say."""

    policy: Policy = "newest"
    country: str = "FR"
    on_invalid_email: str = "drop"
    strict_names: bool = False  # a severity: who has an address for a name is rejected

    def wanted(self, row: Mapping[str, str]) -> tuple[str, Held] | None:
        """The number and the contact that a row of the CRM asks for; `None` where it is rejected."""
        number = PHONES[row["mobile"]].get(self.country)
        email = EMAILS[row["email"]]
        if number is None or (email is None and self.on_invalid_email == "reject"):
            return None
        if self.strict_names and row["last name"] == ADDRESS:
            return None
        country = "BE" if number.startswith("+32") else "FR"
        return number, Held(row["first name"], row["last name"], row["city"], email or "", country)


def expected(rows: Sequence[Mapping[str, str]], rules: Rules) -> dict[str, tuple[str, Held]]:
    """Number → key and contact that must be at the vendor, of the rows in their order."""
    who: dict[str, list[tuple[Mapping[str, str], Held]]] = {}
    for row in rows:
        if (wanted := rules.wanted(row)) is not None:
            who.setdefault(wanted[0], []).append((row, wanted[1]))
    found = {}
    for number, these in who.items():
        if rules.policy == "reject" and len(these) > 1:
            continue
        newest = max(range(len(these)), key=lambda place: (these[place][0]["updated_at"], place))
        row, contact = these[newest if rules.policy == "newest" else 0]
        found[number] = (row["id"], contact)
    return found
