"""Rules for phone numbers that a machine can dial and a person should look at: prefixes, countries, kinds.

Whether a number is valid at all is decided before (`#001`).
"""

from __future__ import annotations

from functools import cache
from typing import Final

import phonenumbers
from phonenumbers import PhoneNumberType

from sync_connector.fields.phone import OVERSEAS, phone_number
from sync_connector.rules._number_kind import calling_code, number_kind, writes_zero
from sync_connector.rules.rule import Cell, Found, Row, Seen, rule

FIELD: Final = "phone_number"
MARKS = str.maketrans("", "", " ()./-\u00a0\u202f")

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


def told(cell: Cell, suggestion: str = "") -> tuple[Found, ...]:
    """One finding about a cell as it stood."""
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
    if cell is None or cell.raw[:1] in "0+" or cell.raw.translate(MARKS) != cell.understood[1:]:
        return ()
    return told(cell, cell.understood)


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
    if cell is None or cell.raw[:1] in "0+" or not writes_zero(code := calling_code(cell.understood)):
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
    return told(cell, "" if either else cell.understood)


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
    if cell is None or cell.raw == cell.understood or not cell.raw.startswith(("+", "00")) or "(0)" in cell.raw:
        return ()
    digits = cell.raw.translate(MARKS)
    digits = digits[1:] if digits[0] == "+" else digits[2:]
    if digits == cell.understood[1:]:
        return ()
    code = calling_code(cell.understood)
    national = f"0{cell.understood[1 + len(code) :]}"
    if digits != code + national:
        return ()
    # Where numbers begin with a zero that is their own, it is rather the prefix that is wrong.
    own = phone_number(national, cell.region or None).e164 or cell.understood
    return told(cell, cell.understood if own == cell.understood or national not in own else "")


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
    return told(cell) if cell is not None and len(region) == 2 and region != "ZZ" else ()


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
            return told(cell, number)
    return told(cell)


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
    return told(cell) if cell is not None else ()
