"""Which kind of number one is (mobile, landline, premium rate, …), from the library's own metadata.

Law: says what `phonenumbers.number_type` (the installed version) says, for every valid number, in a twentieth of its time;
the tests compare the two over all regions.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache
from typing import Any, NamedTuple

import phonenumbers
from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, PhoneMetadata, PhoneNumberType

# In the order in which the library asks: the first kind that a number fits is its kind.
_SPECIAL = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
)


class _Region(NamedTuple):
    """One region's numbers. `leading` tells them from those of others with the same country's code; `None`: their kind does."""

    leading: re.Pattern[str] | None
    general: re.Pattern[str]
    kinds: tuple[tuple[int, frozenset[int], re.Pattern[str]], ...]


@lru_cache(maxsize=256)  # several rules ask about the same number, one behind the other
def number_kind(e164: str) -> int:
    """The `PhoneNumberType` of a valid number; `UNKNOWN` of what is none."""
    code = calling_code(e164)
    regions = _regions(code)
    national = e164[1 + len(code) :]
    for region in regions:
        if region.leading is None:
            kind = _kind(region, national)
            if kind != PhoneNumberType.UNKNOWN or len(regions) == 1:
                return kind
        elif region.leading.match(national):
            return _kind(region, national)
    return int(PhoneNumberType.UNKNOWN)


def calling_code(e164: str) -> str:
    """The country's code of an E.164 number, `""` if it begins with none."""
    return _longest(e164[1:4])


@cache
def writes_zero(code: str) -> bool:
    """Whether numbers behind a country's code are written with a leading zero at home; not where a country has no code."""
    if not code:
        return False
    region = phonenumbers.region_code_for_country_code(int(code))
    metadata = PhoneMetadata.metadata_for_region_or_calling_code(int(code), region)
    return metadata is not None and metadata.national_prefix == "0"


@cache
def _longest(head: str) -> str:
    """No country's code is the beginning of another."""
    return next((head[:n] for n in (1, 2, 3) if head[:n].isdecimal() and int(head[:n]) in COUNTRY_CODE_TO_REGION_CODE), "")


def _kind(region: _Region, national: str) -> int:
    length = len(national)
    if region.general.fullmatch(national):
        for kind, lengths, pattern in region.kinds:
            if (not lengths or length in lengths) and pattern.fullmatch(national):
                return kind
    return int(PhoneNumberType.UNKNOWN)


@cache
def _regions(code: str) -> tuple[_Region, ...]:
    """All that share a country's code, the main one first; of one that is alone its leading digits decide nothing."""
    names = COUNTRY_CODE_TO_REGION_CODE.get(int(code or 0), ())
    found = [_of(PhoneMetadata.metadata_for_region_or_calling_code(int(code), name)) for name in names]
    return (found[0]._replace(leading=None),) if len(found) == 1 else tuple(found)


def _of(metadata: Any) -> _Region:
    described: list[tuple[int, Any]] = [(getattr(PhoneNumberType, name.upper()), getattr(metadata, name)) for name in _SPECIAL]
    same = metadata.same_mobile_and_fixed_line_pattern
    if same:
        described.append((PhoneNumberType.FIXED_LINE_OR_MOBILE, metadata.fixed_line))
    else:
        both = _both(metadata.fixed_line, metadata.mobile)
        described += [
            (PhoneNumberType.FIXED_LINE_OR_MOBILE, both),
            (PhoneNumberType.FIXED_LINE, metadata.fixed_line),
            (PhoneNumberType.MOBILE, metadata.mobile),
        ]
    kinds = [
        (int(kind), frozenset(desc.possible_length), re.compile(desc.national_number_pattern))
        for kind, desc in described
        if desc and desc.national_number_pattern
    ]
    leading = re.compile(metadata.leading_digits) if metadata.leading_digits is not None else None
    general = metadata.general_desc
    lengths = "|".join(rf"[0-9]{{{length}}}" for length in general.possible_length)
    pattern = general.national_number_pattern or "(?!)"
    return _Region(leading, re.compile(rf"(?=(?:{lengths})\Z)(?:{pattern})" if lengths else pattern), tuple(kinds))


class _Both(NamedTuple):
    """Numbers that fit two descriptions: a landline's and a mobile's."""

    possible_length: tuple[int, ...]
    national_number_pattern: str


def _both(one: Any, other: Any) -> _Both | None:
    if not (one and other and one.national_number_pattern and other.national_number_pattern):
        return None
    lengths = set(one.possible_length) or set(other.possible_length)
    if other.possible_length:
        lengths &= set(other.possible_length)
    if not lengths and (one.possible_length or other.possible_length):
        return None
    return _Both(tuple(lengths), rf"(?=(?:{one.national_number_pattern})\Z)(?:{other.national_number_pattern})")
