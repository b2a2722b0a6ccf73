"""The library's yes to a phone number, from its own metadata and without its detours.

Law: says yes only where phonenumbers (the installed version) says yes, to the same E.164; everything unusual, and every
no, is left to the library. Each branch here repeats one of `parse` or of `is_valid_number`; the tests compare the two.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any, NamedTuple

from phonenumbers import COUNTRY_CODE_TO_REGION_CODE, SUPPORTED_REGIONS, PhoneMetadata

# Between digits the library ignores these, and nothing that is made of them alone means an extension to it.
_SAFE = re.compile(r"\(?\+?\(?[0-9][0-9 ()./-]{2,39}")
_MARKS = str.maketrans("", "", " ()./-")
_KINDS = (
    "premium_rate",
    "toll_free",
    "shared_cost",
    "voip",
    "personal_number",
    "pager",
    "uan",
    "voicemail",
    "fixed_line",
    "mobile",
)


class _Region(NamedTuple):
    """A region's numbering. `abroad`: what is dialled before a country's code. `trunk`: what is dialled before a number at
    home, `None` for nothing; `rewrites`: that is more than leaving it out. `lengths`: of numbers that may be dialled from
    everywhere."""

    country_code: str
    abroad: re.Pattern[str] | None
    trunk: re.Pattern[str] | None
    rewrites: bool
    general: re.Pattern[str]
    lengths: frozenset[int]
    leading: re.Pattern[str] | None
    valid: re.Pattern[str] | None


def affirmed(text: str, region: str | None) -> str | None:
    """The E.164 of a number that the library calls valid; `None` where only the library itself can tell."""
    if not _SAFE.fullmatch(text):
        return None
    digits = text.translate(_MARKS)
    if digits[0] == "+":
        return _international(digits[1:])
    home = None if region is None else _region(region)
    if home is None:
        return None
    if home.abroad is not None and (dialled := home.abroad.match(digits)):
        return _international(digits[dialled.end() :])  # of a 0 behind it no country's code is made
    if digits.startswith(home.country_code):
        return None  # that may be the country's code without its plus
    national = _national(home, digits)
    return f"+{home.country_code}{national}" if national and _is_valid(home.country_code, national) else None


def _international(digits: str) -> str | None:
    for end in (1, 2, 3):
        if main := _main_region(digits[:end]):
            national = _national(main, digits[end:])
            return f"+{digits[:end]}{national}" if national and _is_valid(digits[:end], national) else None
    return None


def _national(region: _Region, digits: str) -> str | None:
    """The number without its trunk prefix. A zero that is left is Italian, or a mistake."""
    if region.trunk is not None and (dialled := region.trunk.match(digits)):
        if region.rewrites:
            return None
        digits = digits[dialled.end() :]
        if len(digits) not in region.lengths or not region.general.fullmatch(digits):
            return None
    return None if digits.startswith("0") else digits


def _is_valid(country_code: str, national: str) -> bool:
    regions = _regions(country_code)
    for region in regions:
        if region.leading is None:
            if region.valid is not None and region.valid.fullmatch(national):
                return True
        elif region.leading.match(national):
            return region.valid is not None and region.valid.fullmatch(national) is not None
    return False


@cache
def _regions(country_code: str) -> tuple[_Region, ...]:
    """All that share a country's code, the main one first. Of one that is alone its leading digits decide nothing."""
    names = COUNTRY_CODE_TO_REGION_CODE.get(int(country_code), ())
    found = [_of(PhoneMetadata.metadata_for_region_or_calling_code(int(country_code), name)) for name in names]
    if len(found) == 1:
        return (found[0]._replace(leading=None),)
    return tuple(found)


@cache
def _main_region(country_code: str) -> _Region | None:
    """That of a country's code, `None` if it is none."""
    if not country_code or country_code.startswith("0") or int(country_code) not in COUNTRY_CODE_TO_REGION_CODE:
        return None
    return _regions(country_code)[0]


@cache
def _region(name: str) -> _Region | None:
    if name not in SUPPORTED_REGIONS:  # the library takes no name in small letters
        return None
    return _of(PhoneMetadata.metadata_for_region(name, None))


def _of(metadata: Any) -> _Region:
    general = metadata.general_desc
    trunk = re.compile(metadata.national_prefix_for_parsing) if metadata.national_prefix_for_parsing else None
    kinds = [kind for name in _KINDS if (kind := getattr(metadata, name)) and kind.national_number_pattern]
    any_kind = "|".join(f"{_of_length(kind)}(?:{kind.national_number_pattern})" for kind in kinds)
    # The general pattern and one kind's must hold of the whole number: the first looks ahead to its end.
    valid = rf"{_of_length(general)}(?=(?:{general.national_number_pattern})\Z)(?:{any_kind})"
    return _Region(
        country_code=str(metadata.country_code),
        abroad=re.compile(metadata.international_prefix) if metadata.international_prefix else None,
        trunk=trunk,
        rewrites=trunk is not None and bool(trunk.groups or metadata.national_prefix_transform_rule),
        general=re.compile(general.national_number_pattern),
        lengths=frozenset(general.possible_length) - frozenset(general.possible_length_local_only),
        leading=re.compile(metadata.leading_digits) if metadata.leading_digits else None,
        valid=re.compile(valid) if kinds and general.national_number_pattern else None,
    )


def _of_length(kind: Any) -> str:
    """The lengths that a kind of number may have, as a look ahead; none are named where any may."""
    return rf"(?=(?:{'|'.join(rf'[0-9]{{{length}}}' for length in kind.possible_length)})\Z)" if kind.possible_length else ""
