"""How much speaks for two contacts being one person: each field gives or takes bits of evidence, and names may veto.

A bit doubles the odds. `PRIOR` is what speaks against any two contacts that share a block; the sum of bits becomes a score from
0 to 1. The weights were set by hand on sample_data/duplicates.csv and FEBRL 1 and 3; `bench/duplicates.py` says how well they do.
"""

from __future__ import annotations

import math
from enum import StrEnum
from typing import NamedTuple

from rapidfuzz import fuzz
from rapidfuzz.distance import OSA

from sync_connector.duplicates.fold import Address, Email, Name
from sync_connector.duplicates.nicknames import one_person, two_people

PRIOR = -8.0
WHOLE_NAME = 7.0  # the same first and the same last name
RARITY = 1.5  # at most for a name that is rare in this source, at least for one that is common
LIKE_NUMBER = 6.5
BEST_EMAIL = 12.5  # the same one, and it holds the first name
BEST_LIKE_EMAIL = 5.0
SAME_PLACE = 6.0
BEST_LIKE_PLACE = 5.5
ANOTHER_HOUSE = 0.5
LIKE_PLACE = {
    # what words are left when those of both are taken away; bits by how the numbers agree (`_numbers`)
    "like": (BEST_LIKE_PLACE, 5.0, 4.5, 3.5, ANOTHER_HOUSE, 0.0),
    "other, of many": (4.0, 3.5, 2.5, 1.0, 0.0, -1.0),
    "other": (2.5, 1.5, 0.0, -1.0, -1.0, -1.0),
}


class Why(StrEnum):
    """What two contacts have in common. The value is what a person reads."""

    SAME_NAME = "same name"
    SWAPPED = "first and last name swapped"
    SHORT_FORM = "a short form of the name"
    LIKE_NAMES = "like names"
    OTHER_LAST_NAME = "same first name"
    SAME_EMAIL = "same e-mail"
    LIKE_EMAIL = "like e-mails"
    SAME_ADDRESS = "same address"
    LIKE_ADDRESS = "like addresses"
    LIKE_NUMBER = "numbers differ in one digit"


class Weight(NamedTuple):
    """Bits for (more than 0) or against, and what is told of it."""

    bits: float
    why: Why | None = None


NOTHING = Weight(0.0)
SURE_LENGTH = 6  # of a first name: of five letters, two names may differ in one (Carla and Clara, Karin and Katrin)
VOWELS = set("aeiouy")


class _Part(NamedTuple):
    bits: float
    kind: str


def mistyped(one: str, other: str, is_first: bool) -> bool:
    """Whether two words (compact, different) may be one with a typing error: one sign in five, two in eight or more.

    Never the first sign, which is seldom mistyped, and never the ending of a first name, which makes another person of it
    (Louis and Louise, Paul and Paula).
    """
    shorter, longer = sorted((one, other), key=len)
    if len(shorter) < 5 or one[0] != other[0]:
        return False
    limit = 2 if len(shorter) >= 8 else 1
    if OSA.distance(one, other, score_cutoff=limit) > limit:
        return False
    return not is_first or not (shorter[-1] != longer[-1] or longer.startswith(shorter) or _another_vowel(one, other))


def _another_vowel(one: str, other: str) -> bool:
    """Whether a vowel stands for another: Julien and Julian, Marion and Marian."""
    if len(one) != len(other):
        return False
    differing = [{a, b} for a, b in zip(one, other, strict=True) if a != b]
    return len(differing) == 1 and differing[0] <= VOWELS


def _first(one: Name, other: Name, plausible: bool) -> _Part | None:
    """`None`: two people. `plausible`: neither is so frequent beside the other that a typing error is unlikely."""
    a, b = one.compact, other.compact
    if a == b:
        return _Part(3.0 if a else 0.0, "same" if a else "none")
    if not a or not b:
        return _Part(0.0, "blank")
    if one_person(a, b):
        return _Part(2.5, "short")
    if _initials(one, other):
        return _Part(0.5, "short")
    if set(one.words) < set(other.words) or set(other.words) < set(one.words):
        return _Part(1.0, "short")
    if not plausible or two_people(a, b) or not mistyped(a, b, is_first=True):
        return None
    return _Part(2.5 if min(len(a), len(b)) >= SURE_LENGTH else 1.0, "like")


def _initials(one: Name, other: Name) -> bool:
    """J. for Jean, J.-P. for Jean-Pierre."""
    for short, long in ((one, other), (other, one)):
        letters = "".join(short.words)
        if all(len(word) == 1 for word in short.words) or len(letters) == len(long.words) > 1:
            initials = "".join(word[0] for word in long.words)
            if initials.startswith(letters):
                return True
    return False


def _last(one: Name, other: Name, plausible: bool) -> _Part:
    a, b = one.compact, other.compact
    if a == b:
        return _Part(4.0 if a else 0.0, "same" if a else "none")
    if not a or not b:
        return _Part(-1.0, "blank")
    if set(one.words) < set(other.words) or set(other.words) < set(one.words):
        return _Part(2.5, "short")
    return _Part(3.5, "like") if plausible and mistyped(a, b, is_first=False) else _Part(-3.0, "other")


def names(one: tuple[Name, Name], other: tuple[Name, Name], likely: tuple[bool, bool]) -> Weight | None:
    """Two names, each a first and a last one; `None`: these are two people.

    `likely`: whether the first, the last names may be mistaken for one another, by how often this source has each.
    """
    generations = [(first.generation or last.generation) for first, last in (one, other)]
    if generations[0] != generations[1]:
        return None
    if not any(part.words for part in one) or not any(part.words for part in other):
        return None
    straight = _whole(_first(one[0], other[0], likely[0]), _last(one[1], other[1], likely[1]))
    if straight is not None and straight.why is Why.SAME_NAME:
        return straight
    if sorted(one[0].words + one[1].words) == sorted(other[0].words + other[1].words):
        return Weight(WHOLE_NAME if len(one[0].words + one[1].words) > 1 else 3.0, Why.SWAPPED)
    crossed = None
    if one[0].words and other[0].words:
        crossed = _crossed(one, other)
    if crossed is not None and (straight is None or crossed.bits > straight.bits):
        return crossed
    return straight


def _crossed(one: tuple[Name, Name], other: tuple[Name, Name]) -> Weight | None:
    """First and last names swapped, with a typing error in one of them."""
    pairs = [(one[0].compact, other[1].compact), (one[1].compact, other[0].compact)]
    same = [a == b for a, b in pairs]
    like = [a == b or mistyped(a, b, is_first=True) for a, b in pairs if a and b]
    return Weight(5.5, Why.SWAPPED) if any(same) and len(like) == 2 and all(like) else None


def _whole(first: _Part | None, last: _Part) -> Weight | None:
    if first is None or (last.kind == "other" and first.kind != "same"):
        return None
    bits, kinds = first.bits + last.bits, {first.kind, last.kind}
    if "other" in kinds:
        return Weight(bits, Why.OTHER_LAST_NAME)
    if kinds <= {"same", "none"}:
        return Weight(bits, Why.SAME_NAME)
    return Weight(bits, Why.LIKE_NAMES if "like" in kinds else Why.SHORT_FORM)


def emails(one: Email, other: Email, is_shared: bool, first: str) -> Weight:
    """Two e-mail addresses. `is_shared`: a role's, or held by several people; `first`: the first name (compact), which
    makes the address a person's own where it stands in it."""
    if not one.local or not other.local:
        return NOTHING
    if one == other:
        if is_shared:
            return Weight(4.0, Why.SAME_EMAIL)
        return Weight(BEST_EMAIL if len(first) >= 4 and first in one.local else 8.0, Why.SAME_EMAIL)
    mailboxes = one.local.replace(".", ""), other.local.replace(".", "")
    if mailboxes[0] == mailboxes[1] and one.domain != other.domain:
        if min(len(one.domain), len(other.domain)) >= 7 and OSA.distance(one.domain, other.domain) <= 2:
            return Weight(BEST_LIKE_EMAIL, Why.LIKE_EMAIL)
        own = sum(map(str.isdigit, one.local)) >= 2
        return Weight(4.5, Why.LIKE_EMAIL) if own else NOTHING
    if one.domain == other.domain and min(len(one.local), len(other.local)) >= 8 and OSA.distance(one.local, other.local) == 1:
        digits = ["".join(filter(str.isdigit, local)) for local in (one.local, other.local)]
        if digits[0] == digits[1]:
            return Weight(4.5, Why.LIKE_EMAIL)
    return Weight(-1.0)


def addresses(one: Address, other: Address, is_building: bool) -> Weight:
    """Two addresses. `is_building`: many people have it. One that names neither a house nor a street (a city alone) says
    nothing."""
    if not _says_where(one) or not _says_where(other):
        if len(one.numbers) != len(other.numbers) and _begins(one, other):
            return Weight(4.5, Why.LIKE_ADDRESS)
        return NOTHING
    if sorted(one.numbers) == sorted(other.numbers) and sorted(one.words) == sorted(other.words):
        return Weight(SAME_PLACE - is_building, Why.SAME_ADDRESS)
    bits = LIKE_PLACE[_words(one.words, other.words)][_numbers(one.numbers, other.numbers)]
    return Weight(bits - is_building, Why.LIKE_ADDRESS) if bits > 1 else Weight(bits)


def _words(one: tuple[str, ...], other: tuple[str, ...]) -> str:
    """How the words of two addresses agree: what only one of them has must be like what only the other has, or nothing."""
    shared = set(one) & set(other)
    mine, yours = ("".join(word for word in words if word not in shared) for words in (one, other))
    if ((not mine or not yours) and shared) or fuzz.ratio(mine, yours) >= 70:
        return "like"
    whole = fuzz.ratio("".join(one), "".join(other))
    return "like" if whole >= 90 else "other, of many" if whole >= 75 else "other"


def _numbers(one: tuple[str, ...], other: tuple[str, ...]) -> int:
    """How the numbers of two addresses agree: 0 all, 1 but for a typing error in the longest (the postal code), 2 as far as
    both tell them, 3 the house, 4 another, 5 none."""
    mine, yours = set(one), set(other)
    if mine == yours:
        return 0
    if len(mine) == len(yours) == len(mine & yours) + 1:
        (left,), (right,) = mine - yours, yours - mine
        if len(left) >= 4 and len(right) >= 4 and OSA.distance(left, right) == 1:
            return 1
    if mine & yours and (mine < yours or yours < mine):
        return 2
    if not mine & yours:
        return 5
    return 3 if one[0] == other[0] else 4


def _says_where(given: Address) -> bool:
    """A house number and a street, two numbers and a word, or many words."""
    numbers, words = len(given.numbers), len(given.words)
    if any(len(number) <= 3 for number in given.numbers):
        return words >= 2 or (words == 1 and numbers >= 2)
    return words >= 2 and (numbers >= 2 or (words >= 3 and numbers == 1))


def _begins(one: Address, other: Address) -> bool:
    """Whether one is the beginning of the other: a street and a house without the town."""
    short, long = sorted((one, other), key=lambda each: len(each.numbers))
    begins = bool(short.words) and long.words[: len(short.words)] == short.words
    return begins and bool(short.numbers) and set(short.numbers) < set(long.numbers)


def rarity(first: float, last: float, both: float, contacts: int) -> float:
    """Bits for the same name, by how many would have it by chance, and how many have: holders of the first name, of the
    last name, of both, and all contacts."""
    by_chance = max(max(first, 1) * max(last, 1) / contacts, (both - 2) / 2)
    return max(-RARITY, min(RARITY, -math.log2(by_chance) / 2))


def bits_of(score: float) -> float:
    """The bits that make a score."""
    return math.log2(score / (1 - score)) if 0 < score < 1 else math.copysign(math.inf, score - 0.5)


def score(bits: float) -> float:
    """Bits, as a probability from 0 to 1."""
    return float(1.0 / (1.0 + 2.0**-bits))
