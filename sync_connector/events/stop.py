"""Whether an answer is a STOP: somebody who wants no more messages.

Pure. Law: a STOP that is missed is worse than one too many, yet a person who merely uses the word is not silenced. So the
answer must begin with a keyword, in whatever case, accents and signs it was typed, and go on with nothing but courtesy
and what is to stop: "Stop SVP", "STOP au 36111", not "Stop by at 5pm".
"""

from __future__ import annotations

import re
import unicodedata

LONGEST = 200
"""Characters; who writes more than this says something else."""

_KEYWORDS = (
    "stop stopp stopsms stoppub stopall arret arrete arreter arretez "
    "unsubscribe desabonner desabonnement desinscrire desinscription"
)
KEYWORDS = frozenset(_KEYWORDS.split())
_ADDED = (
    "a all au aux bonjour ces d de des envoi envois il it l la le les me merci message messages moi mes now maintenant "
    "plait please pub publicite publicites pubs s sms svp texto textos thank thanks the these to tous tout toute toutes "
    "vos vous you your"
)
TARGETS_AND_COURTESY = frozenset(_ADDED.split())
SHORT_NUMBER = re.compile(r"\d{3,6}", re.ASCII)
"""A service's number, as in "STOP au 36111"."""

_WORD = re.compile(r"[^\W_]+")
_QUOTE = re.compile(r"\s*>")


def is_stop(text: str) -> bool:
    """Whether an answer opts out. What it quotes (further lines that begin with `>`) does not count."""
    first, *further = text.strip()[: LONGEST + 1].splitlines() or [""]
    own = "\n".join([first, *(line for line in further if not _QUOTE.match(line))])
    if len(own) > LONGEST:
        return False
    words = _WORD.findall(_folded(own))
    return bool(words) and words[0] in KEYWORDS and all(map(_adds_nothing, words[1:]))


def _adds_nothing(word: str) -> bool:
    return word in TARGETS_AND_COURTESY or word in KEYWORDS or SHORT_NUMBER.fullmatch(word) is not None


def _folded(text: str) -> str:
    """Small letters without accents, wide ones as narrow ones, nothing that cannot be seen."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return "".join(sign for sign in apart if unicodedata.category(sign) not in ("Mn", "Me", "Cf"))
