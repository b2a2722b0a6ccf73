"""What an invalid number or address was probably meant to be.

Law: one explanation, or none. Every way in which the text may have come to be as it is gives a candidate; where two ways lead
to different values, and where digits are lost or mixed up, nothing is suggested: a wrong suggestion is worse than none.
Nothing here is ever applied: a person reads it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import phonenumbers
from phonenumbers import PhoneNumberType

from sync_connector.fields.email import email_address
from sync_connector.fields.phone import Judge, by_shortcut
from sync_connector.rules._domains import KNOWN, meant_domain
from sync_connector.rules._number_kind import number_kind, writes_zero

MAX_TEXT = 254
"""Longer texts are no cell of one number or address."""

LOOK_ALIKES = str.maketrans({"O": "0", "o": "0", "l": "1", "I": "1", "|": "1"})
MARKS = re.compile(r"[\s().\-/\u00ad\u200b-\u200f\u2060·_,'’]+")
NUMBER = re.compile(r"\+*[0-9]{6,20}")
MISPLACED_PLUS = re.compile(r"0{0,2}\+*(0{0,2}[1-9][0-9]*)\+?([0-9]*)")


def advise_invalid_phone(raw: str, region: str, default_country: str, judge: Judge = by_shortcut) -> str:
    """The E.164 number that a cell without a valid number was meant to hold, `""` when that is not sure.

    `region` (ISO alpha-2 or `""`) is the country from which the cell was seen, `default_country` the source's. `judge` says
    what is valid.
    """
    if len(raw) > MAX_TEXT:
        return ""
    text = MARKS.sub("", raw)
    replaced = text.translate(LOOK_ALIKES)
    if replaced != text and not re.search(r"[0-9]{2}", text):
        return ""  # a word
    home = region or default_country
    found = set(_candidates(replaced, home, default_country, judge))
    if replaced != text and NUMBER.fullmatch(replaced) and (number := judge(replaced, home or None)):
        found.add(number)
    return found.pop() if len(found) == 1 else ""


def _candidates(text: str, home: str, default_country: str, judge: Judge) -> Iterator[str]:
    """Every number that the text may have been, each by one mistake; valid ones only."""
    digits = _misplaced_plus(text)
    if digits is None:
        return
    abroad = digits.startswith("+")
    bare = digits.lstrip("+")
    for code in dict.fromkeys(_code(country) for country in (home, default_country) if _code(country)):
        yield from _prefix_once(bare, code, judge)
    if abroad and bare.startswith("0"):
        yield from _valid(f"+{bare.lstrip('0')}", judge)
    if home:
        yield from _another_country(digits, home, default_country, judge)
        yield from _zero_of_the_number(digits, home, judge)
    if not abroad and not bare.startswith("0"):
        yield from _plus_lost(bare, home, judge)
    yield from _extension_glued_on(digits, home, judge)


def _misplaced_plus(text: str) -> str | None:
    """The digits, with the plus sign at their front if there is one, wherever it stands; `None` where it is no number."""
    if not re.fullmatch(r"[+0-9]{6,24}", text) or text.rstrip("+") != text:
        return None
    head, plus, tail = text.rpartition("+")
    if not plus:
        return text
    return f"+{tail}" if not head.strip("+0") or tail.startswith(head.strip("+0")) else None


def _valid(text: str, judge: Judge, region: str | None = None) -> Iterator[str]:
    if found := judge(text, region):
        yield found


def _code(country: str) -> str:
    """The country's dialling prefix, without plus; `""` if there is none."""
    return str(phonenumbers.country_code_for_region(country) or "") if country else ""


def _prefix_once(bare: str, code: str, judge: Judge) -> Iterator[str]:
    """The prefix of one's own country, without its plus, behind some zeros, or twice."""
    rest = bare.lstrip("0")
    if len(bare) - len(rest) > 4 or not rest.startswith(code):
        return
    if bare != rest or not bare.startswith("+"):
        yield from _valid(f"+{rest}", judge)
    twice = rest[len(code) :].lstrip("0")
    if twice.startswith(code):
        yield from _valid(f"+{twice}", judge)


def _another_country(digits: str, home: str, default_country: str, judge: Judge) -> Iterator[str]:
    """A mobile of the source's country under an address elsewhere, or behind the prefix of another country."""
    if not digits.startswith(("+", "00")):
        if default_country and default_country != home and digits.startswith("0"):
            yield from (number for number in _mobiles(digits, default_country, judge) if not _misdialled(digits, home, judge))
        return
    rest = digits[1:] if digits.startswith("+") else digits[2:]
    code = next((rest[:n] for n in (1, 2, 3) if int(rest[:n] or 0) in phonenumbers.COUNTRY_CODE_TO_REGION_CODE), "")
    if code and code != _code(home):
        other = phonenumbers.region_code_for_country_code(int(code))
        national = rest[len(code) :]
        yield from (number for number in _mobiles(national, home, judge) if not _misdialled(national, other, judge))


def _mobiles(digits: str, country: str, judge: Judge) -> Iterator[str]:
    for number in _valid(digits, judge, country):
        if number_kind(number) == PhoneNumberType.MOBILE:
            yield number


def _misdialled(digits: str, country: str, judge: Judge) -> bool:
    """Whether two digits changed places, or a doubled one, would explain a number that a country does not know."""
    for at in range(len(digits) - 1):
        if digits[at] == digits[at + 1]:
            other = digits[:at] + digits[at + 1 :]
        else:
            other = digits[:at] + digits[at + 1] + digits[at] + digits[at + 2 :]
        if judge(other, country):
            return True
    return False


def _zero_of_the_number(digits: str, home: str, judge: Judge) -> Iterator[str]:
    """A leading zero that a spreadsheet took, in a country where it is part of the number and not of the way to dial it."""
    if digits[0] in "+0" or (home in ("IT", "SM", "VA") and digits[0] == "3"):  # a mobile that lacks another digit
        return
    for number in _valid(f"0{digits}", judge, home):
        if number == f"+{_code(home)}0{digits}":
            yield number


def _plus_lost(bare: str, home: str, judge: Judge) -> Iterator[str]:
    """A foreign mobile without its plus, where it is too long to be a number of one's own with a digit too many."""
    longest = 9
    if home:
        example = phonenumbers.example_number_for_type(home, PhoneNumberType.MOBILE)
        longest = len(str(example.national_number)) if example else longest
    if len(bare) < longest + 2:
        return
    if home and not writes_zero(_code(home)) and any(judge(bare[:-extra], home) for extra in range(1, 6)):
        return  # a number of one's own, with something behind it
    for number in _valid(f"+{bare}", judge):
        if number == f"+{bare}" and number_kind(number) == PhoneNumberType.MOBILE:
            yield number


def _extension_glued_on(digits: str, home: str, judge: Judge) -> Iterator[str]:
    """A number with the three to five digits of an extension behind it, where numbers have one length only."""
    if digits[0] not in "+0" or digits.startswith("000") or (digits[0] == "+" and not digits[1:].startswith(_code(home) or "+")):
        return
    whole = {extra: number for extra in range(1, 6) if (number := judge(digits[:-extra], home or None))}
    if len(whole) == 1 and min(whole) >= 3:
        yield from whole.values()


AT = re.compile(r"\s*(?:[(\[{<]\s*(?:at|arobase|a|@)\s*[)\]}>]|@{2,})\s*", re.IGNORECASE)
BESIDE = re.compile(r"\s*([@.])\s*")
DOTS = re.compile(r"\.{2,}")


def advise_invalid_email(raw: str) -> str:
    """The address that a cell without a valid address was meant to hold, `""` when that is not sure."""
    if len(raw) > MAX_TEXT:
        return ""
    text = AT.sub("@", raw.strip().strip("'\"<>").strip().removeprefix("mailto:"))
    text = BESIDE.sub(r"\1", text)
    local, at, domain = text.partition("@")
    if not at or "@" in domain or not local or not domain:
        return ""
    domain = DOTS.sub(".", re.sub(r"[,;:]", ".", domain)).strip(".").lower()
    closed = re.sub(r"\s+", "", domain)
    if closed != domain and closed not in KNOWN:
        return ""
    local = DOTS.sub(".", local).strip(".")
    domain = meant_domain(closed) or closed
    if re.search(r"\s|[,;:]", local) or "." not in domain:
        return ""
    return email_address(f"{local}@{domain}").address or ""
