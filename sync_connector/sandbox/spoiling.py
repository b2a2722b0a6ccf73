"""What a fault makes of an answer's body.

Law: pure; chance is an argument. Only the answer is spoiled: what the vendor took it has taken.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import orjson

from sync_connector.sandbox.faults import Met

PAGE = (
    b"<!DOCTYPE html>\n<html><head><title>Just a moment</title></head>"
    b"<body><h1>The site is under maintenance</h1><p>Please come back later.</p></body></html>\n"
)
WARNING = b'<br />\n<b>Warning</b>:  Undefined array key "adress" in <b>/var/www/api/contact.php</b> on line <b>42</b><br />\n'
SPELLINGS = {"phone_number": "phonenumber", "first_name": "firstname", "last_name": "lastname"}
OTHER_KEYS = SPELLINGS | {other: key for key, other in SPELLINGS.items()}
NUMBER_KEYS = ("phone_number", "phonenumber")
STRANGER = {
    "phone_number": "+33700000000",
    "phonenumber": "+33700000000",
    "result": "success",
    "sent": 1,
    "id_sms_api": "nobodys",
}
Entries = list[object]


def spoiled(met: Met, body: bytes) -> bytes:
    """An answer's body as the fault leaves it; as it was, where the fault does not touch it or it has no entries."""
    match met.name:
        case "html":
            return PAGE
        case "warning":
            return WARNING + body
        case "truncated":
            return body[: int(met.value) if met.value else met.chance.randrange(max(1, len(body)))]
        case "huge":
            return b" " * int(met.value) + body
    spoil = _ENTRIES.get(met.name)
    return body if spoil is None else _with_entries(body, lambda entries: spoil(entries, met))


def _with_entries(body: bytes, spoil: Callable[[Entries], Entries]) -> bytes:
    """The entries of an answer on contacts (`{"data": {"contact": […]}}`), or on messages and calls (a list), spoiled."""
    told = orjson.loads(body)
    if isinstance(told, list):
        return orjson.dumps(spoil(told))
    data = told.get("data")
    if isinstance(data, dict) and isinstance(data.get("contact"), list):
        data["contact"] = spoil(data["contact"])
    return orjson.dumps(told)


def _missing(entries: Entries, met: Met) -> Entries:
    left_out = set(met.chance.sample(range(len(entries)), min(int(met.value), len(entries))))
    return [entry for place, entry in enumerate(entries) if place not in left_out]


def _repeated(entries: Entries, met: Met) -> Entries:
    again = met.chance.sample(entries, min(int(met.value), len(entries)))
    return [*entries, *again]


def _surplus(entries: Entries, met: Met) -> Entries:
    place = met.chance.randrange(len(entries) + 1)
    return [*entries[:place], *([STRANGER] * min(int(met.value), 10_000)), *entries[place:]]


def _reordered(entries: Entries, met: Met) -> Entries:  # noqa: ARG001 (as every kind)
    return entries[::-1]


def _other_keys(entries: Entries, met: Met) -> Entries:  # noqa: ARG001 (as every kind)
    return [
        {OTHER_KEYS.get(key, key): value for key, value in entry.items()} if isinstance(entry, dict) else entry
        for entry in entries
    ]


def _reformatted(entries: Entries, met: Met) -> Entries:
    def of(value: object) -> object:
        digits = "".join(sign for sign in str(value) if sign.isdigit())
        if not isinstance(value, str) or not digits:
            return value
        spaced = f"+{digits[:2]} {digits[2:3]} " + " ".join(digits[at : at + 2] for at in range(3, len(digits), 2))
        return met.chance.choice([digits, spaced, f"00{digits}", int(digits)])

    return [
        {key: of(value) if key in NUMBER_KEYS else value for key, value in entry.items()} if isinstance(entry, dict) else entry
        for entry in entries
    ]


def _wrong_types(entries: Entries, met: Met) -> Entries:
    return [_mistyped(entry, met.chance) for entry in entries]


def _mistyped(entry: object, chance: random.Random) -> object:
    wrong: list[object] = [None, 7, "success", ["success"]]
    if not isinstance(entry, dict) or chance.random() < 0.25:
        return chance.choice(wrong)
    key = chance.choice(["result", "sent", "errors", *NUMBER_KEYS])
    if key not in entry:
        key = "errors"
    value: object = {"#001": True} if key == "errors" else chance.choice([None, 7, True, ["success"], {"success": 1}])
    return {**entry, key: value}


_ENTRIES: dict[str, Callable[[Entries, Met], Entries]] = {
    "missing": _missing,
    "repeated": _repeated,
    "surplus": _surplus,
    "reordered": _reordered,
    "other-keys": _other_keys,
    "reformatted": _reformatted,
    "wrong-types": _wrong_types,
}
