"""Rules for phone numbers that a machine can dial and a person should look at: prefixes, kinds, countries, placeholders.

Whether a number is valid at all is decided before (`#001`); these rules say what is odd about a valid one, and what an
invalid one was meant to be.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

from sync_connector.fields.phone import OVERSEAS, phone_number
from sync_connector.rules._number_kind import calling_code, number_kind, writes_zero
from sync_connector.rules.rule import Cell, Found, Row, Seen, rule

FIELD: Final = "phone_number"
MARKS = str.maketrans("", "", " ()./-\u00a0\u202f")
SHORT = 6
"""Digits of the longest number that is dialled inside one country only."""

# Numbers that end like this are typed to fill a field: one digit eight times, or eight in a row, up or down.
_RUNS = {"01234567890"[start : start + 8] for start in range(4)} | {"09876543210"[start : start + 8] for start in range(4)}
TAILS = frozenset(_RUNS | {digit * 8 for digit in "0123456789"})

# Whose people ordinarily have a number of the neighbour's: its numbering is theirs, or as good as.
NEIGHBOURS = {
    "MC": ("FR",), "AD": ("ES", "FR"), "LI": ("CH",), "SM": ("IT",), "VA": ("IT",), "XK": ("RS", "MC", "SI"),
    "MF": ("GP",), "BL": ("GP",), "PM": ("FR",), "GG": ("GB",), "JE": ("GB",), "IM": ("GB",),
} | OVERSEAS  # fmt: skip


def sent(seen: Seen) -> Cell | None:
    """The cell of the number that is sent."""
    for cell in seen.phones:
        if cell.understood:
            return cell
    return None


def unread(seen: Seen) -> list[Cell]:
    """The cells that were tried before the number that is sent was found, and are no numbers."""
    cells = []
    for cell in seen.phones:
        if cell.understood:
            break
        cells.append(cell)
    return cells


def _found(cell: Cell, suggestion: str = "") -> tuple[Found, ...]:
    return (Found(FIELD, cell.raw, suggestion, cell.column),)


@rule(
    "plus_lost",
    FIELD,
    title="country's prefix without its plus sign",
    advice="Write the number with + before the country's prefix: without it, it is read right only in its own country.",
    examples=(
        Row(mobile="33612348765").gives(FIELD, "33612348765", "+33612348765"),
        Row(mobile="33 6 12 34 87 65").gives(FIELD, "33 6 12 34 87 65", "+33612348765"),
        Row(mobile="41791234865", country="CH").gives(FIELD, "41791234865", "+41791234865"),
        Row(mobile="+33612348765").passes(),
        Row(mobile="0033612348765").passes(),
        Row(mobile="0612348765").passes(),
        Row(mobile="32475123486").passes(),  # invalid, as seen from France
    ),
)
def plus_lost(seen: Seen) -> tuple[Found, ...]:
    """A valid number whose digits begin with its country's prefix, where a plus sign or 00 belongs."""
    cell = sent(seen)
    if cell is None or cell.raw[0] in "0+" or cell.raw.translate(MARKS) != cell.understood[1:]:
        return ()
    return _found(cell, cell.understood)


@rule(
    "zero_lost",
    FIELD,
    title="number without its leading zero",
    advice="Format the column as text and write the number with its leading zero, or with + and the country's prefix.",
    examples=(
        Row(mobile="612348765").gives(FIELD, "612348765", "+33612348765"),
        Row(mobile="6 12 34 87 65").gives(FIELD, "6 12 34 87 65", "+33612348765"),
        Row(mobile="7400123486", country="GB").gives(FIELD, "7400123486", "+447400123486"),
        Row(mobile="0612348765").passes(),
        Row(mobile="612348765", country="ES").passes(),  # no zero is written there
        Row(mobile="33612348765").passes(),
        Row(mobile="4915559520037", country="DE").gives(FIELD, "4915559520037"),  # or its plus?
        Row(mobile="201 555 3456", country="US").passes(),
    ),
)
def zero_lost(seen: Seen) -> tuple[Found, ...]:
    """A valid number without the zero with which it is written at home: a spreadsheet took it for a quantity."""
    cell = sent(seen)
    if cell is None or cell.raw[0] in "0+" or not writes_zero(code := calling_code(cell.understood)):
        return ()
    digits = cell.raw.translate(MARKS)
    if digits != cell.understood[1 + len(code) :]:
        return ()
    number = phonenumbers.parse(cell.understood)
    written = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.NATIONAL)
    if written.translate(MARKS) != f"0{digits}":
        return ()
    # In Germany a number may be long enough to hold the country's prefix: then either may be meant.
    either = digits.startswith(code) and phone_number(f"+{digits}", None).e164 is not None
    return _found(cell, "" if either else cell.understood)


@rule(
    "trunk_zero",
    FIELD,
    title="zero kept behind the country's prefix",
    advice="Leave out the zero behind the country's prefix: many phones and systems dial it, and reach nobody.",
    examples=(
        Row(mobile="+33 06 12 34 87 65").gives(FIELD, "+33 06 12 34 87 65", "+33612348765"),
        Row(mobile="0033 0612348765").gives(FIELD, "0033 0612348765", "+33612348765"),
        Row(mobile="+330190705004", country="CI").gives(FIELD, "+330190705004"),  # or a number of Côte d'Ivoire
        Row(mobile="+33 (0)6 12 34 87 65").passes(),  # so written on purpose, and read right everywhere
        Row(mobile="+33612348765").passes(),
        Row(phone="+39 06 6982 4321").passes(),  # the zero is part of the number
        Row(mobile="06 12 34 87 65").passes(),
    ),
)
def trunk_zero(seen: Seen) -> tuple[Found, ...]:
    """A valid international number with the zero that is dialled at home only."""
    cell = sent(seen)
    if cell is None or (cell.raw[0] != "+" and cell.raw[:2] != "00") or "(0)" in cell.raw:
        return ()
    digits = cell.raw.translate(MARKS)
    digits = digits[1:] if digits[0] == "+" else digits[2:]
    code = calling_code(cell.understood)
    national = f"0{cell.understood[1 + len(code) :]}"
    if digits != code + national:
        return ()
    # Where numbers begin with a zero that is their own, it is rather the prefix that is wrong.
    own = phone_number(national, cell.region or None).e164 or cell.understood
    return _found(cell, cell.understood if own == cell.understood or national not in own else "")


@rule(
    "foreign_number",
    FIELD,
    title="number of another country than the address",
    advice="Check the number's prefix and the contact's country: one of them may be wrong. Both may be right, of course.",
    examples=(
        Row(mobile="+32 475 12 34 86", country="FR").gives(FIELD, "+32 475 12 34 86"),
        Row(mobile="+33 6 12 34 87 65", country="BE").gives(FIELD, "+33 6 12 34 87 65"),
        Row(mobile="+33 6 12 34 87 65", country="FR").passes(),
        Row(mobile="+32 475 12 34 86").passes(),  # the row names no country
        Row(mobile="+33 6 12 34 87 65", country="MC").passes(),
        Row(mobile="+262 692 12 34 87", country="FR").passes(),
        Row(mobile="+1 514 234 5687", country="US").passes(),  # one numbering
        Row(mobile="+800 1234 5687", country="FR").passes(),  # of no country
    ),
)
def foreign_number(seen: Seen) -> tuple[Found, ...]:
    """A valid number with the prefix of another country than the row's own."""
    if not seen.country or not seen.phone_number or seen.phone_number.startswith(_prefixes(seen.country)):
        return ()
    cell = sent(seen)
    region = phonenumbers.region_code_for_country_code(int(calling_code(seen.phone_number) or 0))
    return _found(cell) if cell is not None and len(region) == 2 and region != "ZZ" else ()


@cache
def _prefixes(country: str) -> tuple[str, ...]:
    """How numbers may begin that are no wonder in a country; any, where the library does not know it."""
    own = phonenumbers.country_code_for_region(country)
    return (
        tuple(f"+{phonenumbers.country_code_for_region(near)}" for near in (country, *NEIGHBOURS.get(country, ())))
        if own
        else ("",)
    )


@rule(
    "landline",
    FIELD,
    title="landline where an SMS is wanted",
    advice="An SMS does not reach a landline: give the contact a mobile, or map the mobile's column before the landline's.",
    examples=(
        Row(phone="01 42 68 53 00").gives(FIELD, "01 42 68 53 00"),
        Row(mobile="01 42 68 53 00", phone="06 12 34 87 65").gives(FIELD, "01 42 68 53 00", "+33612348765"),
        Row(mobile="01 42 68 53 00", phone="01 42 68 53 01").gives(FIELD, "01 42 68 53 00"),
        Row(mobile="06 12 34 87 65").passes(),
        Row(mobile="06 12 34 87 65", phone="01 42 68 53 00").passes(),
        Row(mobile="+1 201 234 5687").passes(),  # mobiles and landlines are alike there
    ),
)
def landline(seen: Seen) -> tuple[Found, ...]:
    """A number that can only be a landline; suggested is the mobile of another cell of the row."""
    if not seen.phone_number or number_kind(seen.phone_number) != PhoneNumberType.FIXED_LINE:
        return ()
    cell = sent(seen)
    if cell is None:
        return ()
    for other in seen.phones:
        number = other.understood or phone_number(other.raw, other.region or None).e164
        if number and number_kind(number) == PhoneNumberType.MOBILE:
            return _found(cell, number)
    return _found(cell)


@rule(
    "premium_rate",
    FIELD,
    title="premium-rate or shared-cost number",
    advice="Replace the number: to call it costs extra, and no person has it as their own.",
    examples=(
        Row(phone="0899 70 12 34").gives(FIELD, "0899 70 12 34"),
        Row(phone="0820 12 34 65").gives(FIELD, "0820 12 34 65"),
        Row(phone="0900 1234567", country="DE").gives(FIELD, "0900 1234567"),
        Row(phone="0800 12 34 65").passes(),
        Row(phone="01 42 68 53 00").passes(),
        Row(mobile="06 12 34 87 65").passes(),
    ),
)
def premium_rate(seen: Seen) -> tuple[Found, ...]:
    """A number that costs whoever calls it."""
    if not seen.phone_number:
        return ()
    if number_kind(seen.phone_number) not in (PhoneNumberType.PREMIUM_RATE, PhoneNumberType.SHARED_COST):
        return ()
    cell = sent(seen)
    return _found(cell) if cell is not None else ()


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
    return tuple(found for cell in unread(seen) if _is_emergency(cell) for found in _found(cell))


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
    return tuple(found for cell in unread(seen) if _is_service(cell) for found in _found(cell))


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
        return _found(seen.phones[0])
    cells = unread(seen)
    if (cell := sent(seen)) and (number[-8:] in TAILS or (number[5:10] == "55501" and number[:2] == "+1")):
        cells.append(cell)
        return tuple(found for each in cells if each is cell or _is_filler(each) for found in _found(each))
    return tuple(found for each in cells if _is_filler(each) for found in _found(each))


def _is_filler(cell: Cell) -> bool:
    digits = re.sub(r"[^0-9]", "", cell.raw)
    if len(digits) < SHORT or len(digits) > 20:
        return False
    return digits[-8:] in TAILS or len(set(digits)) == 1 or digits in "01234567890" or digits in "09876543210"
