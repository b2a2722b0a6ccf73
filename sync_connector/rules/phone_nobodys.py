"""Rules for phone numbers that are nobody's own: those of emergency and other services, and those that fill a field.

Most of them are invalid, so that the row has an `#001` already; these rules say why, and catch those that are valid.
"""

from __future__ import annotations

import re

import phonenumbers

from sync_connector.rules.phone import FIELD, MARKS, sent, told
from sync_connector.rules.rule import Cell, Found, Row, Seen, rule

SHORT = 6
"""Digits of the longest number that is dialled inside one country only."""

# Numbers that end like this are typed to fill a field: one digit eight times, or eight in a row, up or down.
_RUNS = {"01234567890"[start : start + 8] for start in range(4)} | {"09876543210"[start : start + 8] for start in range(4)}
TAILS = frozenset(_RUNS | {digit * 8 for digit in "0123456789"})


def unread(seen: Seen) -> list[Cell]:
    """The cells that were tried before the number that is sent was found, and are no numbers."""
    cells = []
    for cell in seen.phones:
        if cell.understood:
            break
        cells.append(cell)
    return cells


@rule(
    "emergency_number",
    FIELD,
    title="emergency number",
    advice="Delete the number: it is that of an emergency service, and must never be called by a machine.",
    examples=(
        Row(mobile="112").gives(FIELD, "112"),
        Row(mobile="17", phone="06 12 34 87 65").gives(FIELD, "17"),
        Row(mobile="911", country="US").gives(FIELD, "911"),
        Row(mobile="06 12 34 87 65").passes(),
        Row(mobile="0612").passes(),
        Row(mobile="112 rue du Bac").passes(),
        Row(mobile="999").passes(),  # not in France
    ),
)
def emergency_number(seen: Seen) -> tuple[Found, ...]:
    """A cell that holds the number of an emergency service, as seen from its country."""
    if not seen.phones or seen.phones[0].understood:
        return ()
    return tuple(found for cell in unread(seen) if _is_emergency(cell) for found in told(cell))


def _is_emergency(cell: Cell) -> bool:
    digits = cell.raw.translate(MARKS)
    return _is_short(digits) and bool(cell.region) and phonenumbers.is_emergency_number(digits, cell.region)


def _is_short(digits: str) -> bool:
    return 2 <= len(digits) <= SHORT and digits.isascii() and digits.isdecimal()


@rule(
    "short_number",
    FIELD,
    title="short number of a service",
    advice="Replace the number: it is dialled inside one country only, and belongs to a service, not to a person.",
    examples=(
        Row(phone="3615").gives(FIELD, "3615"),
        Row(phone="118 218").gives(FIELD, "118 218"),
        Row(phone="112").passes(),  # an emergency number
        Row(phone="0612").passes(),
        Row(phone="1234").passes(),
        Row(phone="01 42 68 53 00").passes(),
    ),
)
def short_number(seen: Seen) -> tuple[Found, ...]:
    """A cell that holds a service's short number, as seen from its country."""
    if not seen.phones or seen.phones[0].understood:
        return ()
    return tuple(found for cell in unread(seen) if _is_service(cell) for found in told(cell))


def _is_service(cell: Cell) -> bool:
    digits = cell.raw.translate(MARKS)
    if not _is_short(digits) or cell.region not in phonenumbers.SUPPORTED_SHORT_REGIONS or _is_emergency(cell):
        return False
    # Parsed by hand: the library's parser takes a leading digit for a trunk prefix.
    number = phonenumbers.PhoneNumber(phonenumbers.country_code_for_region(cell.region), int(digits))
    return not digits.startswith("0") and phonenumbers.is_valid_short_number_for_region(number, cell.region)


@rule(
    "placeholder_number",
    FIELD,
    title="placeholder instead of a number",
    advice="Give the contact's own number, or leave the cell blank: this one was typed to fill a field.",
    examples=(
        Row(mobile="0000000000").gives(FIELD, "0000000000"),
        Row(mobile="01 23 45 67 89").gives(FIELD, "01 23 45 67 89"),
        Row(mobile="06 12 34 56 78").gives(FIELD, "06 12 34 56 78"),
        Row(mobile="+33 6 00 00 00 00").gives(FIELD, "+33 6 00 00 00 00"),
        Row(mobile="11 11 11 11 11").gives(FIELD, "11 11 11 11 11"),
        Row(mobile="9876543210", country="US").gives(FIELD, "9876543210"),
        Row(mobile="123456").gives(FIELD, "123456"),
        Row(mobile="212 555 0123", country="US").gives(FIELD, "212 555 0123"),  # kept for films
        Row(mobile="06 12 34 87 65").passes(),
        Row(mobile="06 66 66 12 34").passes(),
        Row(mobile="212 555 3456", country="US").passes(),
        Row(phone="020 7946 0123", country="GB").passes(),  # kept for films too, but nobody types it to fill a field
        Row(mobile="0612").passes(),
    ),
)
def placeholder_number(seen: Seen) -> tuple[Found, ...]:
    """One digit over and over, digits in a row, or a North American 555-01xx."""
    if (number := seen.phone_number) and seen.phones and seen.phones[0].understood:
        if number[-8:] not in TAILS and not (number[5:10] == "55501" and number[:2] == "+1"):
            return ()
        return told(seen.phones[0])
    cells = unread(seen)
    if (cell := sent(seen)) and (number[-8:] in TAILS or (number[5:10] == "55501" and number[:2] == "+1")):
        cells.append(cell)
        return tuple(found for each in cells if each is cell or _is_filler(each) for found in told(each))
    return tuple(found for each in cells if _is_filler(each) for found in told(each))


def _is_filler(cell: Cell) -> bool:
    digits = re.sub(r"[^0-9]", "", cell.raw)
    if len(digits) < SHORT or len(digits) > 20:
        return False
    return digits[-8:] in TAILS or len(set(digits)) == 1 or digits in "01234567890" or digits in "09876543210"
