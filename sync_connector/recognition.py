"""Which CRM wrote this? The shipped mappings, held against a source's headers.

Law: says how sure it is, and why; what only one CRM writes counts most.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from sync_connector.errors import FixSetup
from sync_connector.mapping import Mapping, bind, by_folded_name, either, find, fold, load, names


class Recognition(NamedTuple):
    """How well a mapping fits a source, how sure that is ("certain", "likely", "a guess"), and why we think so."""

    name: str
    crm: str
    score: float
    why: str
    sure: str = "certain"


SURE = ("a guess", "likely", "certain")
MOST = 0.7
"""A mapping of no CRM in particular is likely to be right where it knows this share of the headers."""
CLOSE = 0.85
"""Another CRM's mapping that scores this share of one's own is a rival: one is then less sure."""


def recognize(headers: Sequence[str]) -> list[Recognition]:
    """Every shipped mapping that could read a source with these headers, the best first.

    The score is the share of headers that are known, where one that is peculiar to a CRM counts three times, less where
    several CRMs claim it. A CRM of which nothing peculiar is there counts half, and so does a plain list of which another
    mapping knows more, the identifier included.
    """
    fits = []
    followed = 0  # the most headers that are known to a mapping with an identifier
    for name in names():
        mapping = load(name)
        try:
            binding = bind(mapping, headers)
        except FixSetup:
            continue
        understood = len(binding.used)
        followed = max(followed, understood if mapping.key_is_unique else 0)
        fits.append((name, mapping, understood, *_fit(mapping, understood, by_folded_name(headers))))
    scored = []
    for name, mapping, understood, score, evidence, why in fits:
        doubtful = is_plain(mapping) and understood < followed
        scored.append((name, mapping.crm, score / 2 if doubtful else score, 0 if doubtful else evidence, why))
    scored.sort(key=lambda fit: (-fit[2], fit[0] != "generic", fit[0]))
    recognized = []
    for place, (name, crm, score, evidence, why) in enumerate(scored):
        rival = max((other[2] for at, other in enumerate(scored) if at != place), default=0.0)
        sure = SURE[max(0, evidence - (rival >= CLOSE * score))]
        recognized.append(Recognition(name, crm, round(score, 3), f"{why} ({sure})", sure))
    return recognized


def is_plain(mapping: Mapping) -> bool:
    """Whether a mapping is of no CRM in particular, and knows no identifier."""
    return not mapping.key_is_unique and not mapping.recognize


def resembled(headers: Sequence[str]) -> str | None:
    """The shipped mapping of the CRM that these headers speak of, whether it can read them or not; `None`: of none."""
    known = by_folded_name(headers)
    spoken = {}
    for name in names():
        peculiar = [header for header in load(name).recognize if find([header], known)]
        spoken[name] = sum(1 / _claims()[fold(header)] for header in peculiar)
    best = max(spoken, key=lambda name: spoken[name])
    return best if spoken[best] >= 1 else None


def _fit(mapping: Mapping, understood: int, known: dict[str, str]) -> tuple[float, int, str]:
    """A mapping's score, how much speaks for it (0 to 2, rivals apart), and why."""
    peculiar = [header for header in mapping.recognize if find([header], known)]
    own = [header for header in peculiar if _claims()[fold(header)] == 1]
    score = (understood + sum(2 / _claims()[fold(header)] for header in peculiar)) / max(1, len(known))
    why = f"{understood} of {len(known)} headers are known"
    if not mapping.recognize:
        return score, int(understood >= MOST * len(known)), why
    if not peculiar:
        return score / 2, 0, why
    if not own:
        return score, 1, f"{why}, among them {either(peculiar[:3])}, which few others write"
    return score, min(len(own), 2), f"{why}, among them {either(own[:3])}, which only {mapping.crm} writes"


@functools.cache
def _claims() -> Counter[str]:
    """Folded header → how many of the shipped mappings call it peculiar to their CRM."""
    return Counter(claimed for name in names() for claimed in {fold(header) for header in load(name).recognize})
