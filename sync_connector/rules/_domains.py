"""Domains that everyone has mail at, and the slips by which people miss them.

Law: a domain that exists for mail near a well-known one is never "corrected"; a suggestion needs a single slip of the kind
that fingers make (a letter doubled, left out, swapped with its neighbour, or replaced by the key beside it), and a single
answer. A company's domain that is a random letter away from a well-known one is left alone.
"""

from __future__ import annotations

from functools import cache, lru_cache
from itertools import pairwise

from disposable_email_domains import blocklist
from rapidfuzz.distance import OSA

from sync_connector.fields.country import country_code

# Each provider's name, and what may stand behind it.
_PROVIDERS = {
    "gmail": "com",
    "googlemail": "com",
    "hotmail": "com fr co.uk it es de be nl ch at ca se no dk fi gr pt com.br com.ar com.tr co.jp co.il cl",
    "outlook": "com fr be de es it pt dk at ie cz hu sk jp kr in cl com.br com.ar com.au com.tr com.gr co.th co.id co.il",
    "live": "com fr co.uk it be de nl se no dk ca at ie pt cl cn jp com.mx com.ar com.au com.pt",
    "msn": "com",
    "yahoo": "com fr co.uk it es de be gr ro pl pt se no dk ca ie in com.br com.ar com.mx com.au com.tr co.jp co.in co.id",
    "icloud": "com",
    "aol": "com fr de it es co.uk",
    "protonmail": "com ch",
    "orange": "fr",
    "wanadoo": "fr",
    "laposte": "net",
    "free": "fr",
    "sfr": "fr",
    "neuf": "fr",
    "bbox": "fr",
    "numericable": "fr",
    "club-internet": "fr",
    "bluewin": "ch",
    "hispeed": "ch",
    "skynet": "be",
    "telenet": "be",
    "proximus": "be",
    "voo": "be",
    "libero": "it",
    "virgilio": "it",
    "tiscali": "it",
    "alice": "it",
    "t-online": "de",
    "freenet": "de",
    "arcor": "de",
    "web": "de",
    "gmx": "de net at ch com fr",
    "telefonica": "net",
    "sapo": "pt",
    "ziggo": "nl",
    "planet": "nl",
    "btinternet": "com",
    "comcast": "net",
    "verizon": "net",
    "seznam": "cz",
    "wp": "pl",
}
PROVIDERS = {name: tuple(suffixes.split()) for name, suffixes in _PROVIDERS.items()}
KNOWN = frozenset(f"{name}.{suffix}" for name, suffixes in PROVIDERS.items() for suffix in suffixes)
DISTINCT = 5
"""Letters that a name must have before a slip in it can be told from another name (`free`, `tree`; `sfr`, `sfc`)."""
WORDS = frozenset(("alice", "libero", "planet"))
"""Names that are words: only a letter too many or two that changed places are no other word."""

# Real, and a slip away from a provider's.
_REAL = (
    "mail.com email.com ymail.com fmail.com hmail.com vmail.com gail.com gmall.com hotmall.com "
    "mail.fr mail.ru gmx.us gmx.info gmx.eu outlook.co.uk orange.com orange.net orange.be orange.es orange.lu orange.ro "
    "orange.pl orange.sk orange.jo orange.sn orange.ci orange.ma oranges.fr orage.fr orane.fr orang.fr range.fr "
    "laposte.fr yahoo.net libero.com libro.it liber.it libera.it liberi.it wanadoo.es wanadoo.nl wanadoo.be free.com "
    "freenet.com planet.com planeta.nl plant.nl plane.nl alice.com alive.it alce.it tiscali.co.uk bluewin.com cloud.com "
    "icloud.net skynet.com skype.be telnet.be telenet.com arcor.com arco.de me.com mac.com googlemail.de "
    "protonmail.net proton.me live.com.br 21cn.com sapo.com hotmail.org hotmail.eu seznam.com sezam.cz "
)
REAL = frozenset(_REAL.split())
# No top-level domains, and what they are slips of.
SUFFIXES = {
    wrong: right
    for right, slips in {
        "com": "con cpm xom vom comm ocm cmo coom ccom comn conm cim coml c0m",
        "net": "nett nnet neet",
        "org": "ogr orgg orrg oorg",
        "fr": "frr ffr",
    }.items()
    for wrong in slips.split()
}
ELSEWHERE = {"gmail.fr": "gmail.com", "icloud.fr": "icloud.com", "laposte.com": "laposte.net", "wanadoo.com": "wanadoo.fr"}
"""Names at which a provider gives nobody an address, in a country where it is the habit to try."""

_ROWS = (
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
    "qwertzuiop",
    "yxcvbnm",
)  # three keyboards


@cache
def _neighbours() -> frozenset[tuple[str, str]]:
    """Keys side by side, or one above the other, on a keyboard; and signs that look alike."""
    pairs = {(row[at], row[at + 1]) for row in _ROWS for at in range(len(row) - 1)}
    for board in (_ROWS[:3], _ROWS[3:6], (_ROWS[6], _ROWS[1], _ROWS[7])):
        for upper, lower in pairwise(board):
            for at, key in enumerate(lower):
                pairs |= {(key, upper[near]) for near in (at, at + 1) if near < len(upper)}
    pairs |= {("l", "1"), ("i", "1"), ("o", "0"), ("l", "i")}
    return frozenset(pairs | {(b, a) for a, b in pairs})


def is_slip(typed: str, meant: str, *, first: bool = False) -> bool:
    """Whether one slip of a finger makes `typed` of `meant`. The first letter is left out or replaced only if `first`: people
    begin a name right, and what begins otherwise is another name (`mail`, `range`)."""
    if typed == meant or OSA.distance(typed, meant, score_cutoff=1) != 1:
        return False
    if len(typed) == len(meant):
        at = next(place for place in range(len(meant)) if typed[place] != meant[place])
        swapped = typed[at + 1 :] != meant[at + 1 :]
        return swapped or ((first or at > 0) and (typed[at], meant[at]) in _neighbours())
    if len(typed) < len(meant):
        return first or typed[0] == meant[0]
    return any(typed[at] == typed[at - 1] and typed[:at] + typed[at + 1 :] == meant for at in range(1, len(typed)))


@lru_cache(maxsize=65_536)
def meant_domain(domain: str) -> str:
    """The domain that was meant by this one (in lower case), `""` where it may be right, or several may be meant."""
    if domain in KNOWN or domain in REAL:
        return ""
    if domain in ELSEWHERE:
        return ELSEWHERE[domain]
    if domain.startswith("www.") and domain[4:] in KNOWN:
        return domain[4:]
    name, _, suffix = domain.partition(".")
    if not suffix:
        return _without_dot(name)
    if name in PROVIDERS:
        return _with_suffix(name, suffix)
    found = {
        f"{provider}.{suffix}"
        for provider, suffixes in PROVIDERS.items()
        if suffix in suffixes and len(provider) >= DISTINCT and _is_slip_of(name, provider)
    }
    if found:
        return found.pop() if len(found) == 1 else ""
    head, _, last = domain.rpartition(".")
    if last in SUFFIXES:
        mended = f"{head}.{SUFFIXES[last]}"
        return meant_domain(mended) or mended
    return ""


def _is_slip_of(name: str, provider: str) -> bool:
    return is_slip(name, provider) and (provider not in WORDS or len(name) > len(provider) or sorted(name) == sorted(provider))


def _with_suffix(name: str, suffix: str) -> str:
    """A provider's name with the suffix that was meant."""
    suffixes = PROVIDERS[name]
    if suffix in ("cm", "co", "om"):  # countries, but here what is left of com
        return f"{name}.com" if "com" in suffixes and not any(own.startswith(("co.", "ch", "ca")) for own in suffixes) else ""
    last = suffix.rpartition(".")[2]
    if len(last) == 2 and (country_code(last) or last == "eu"):
        return ""  # another country's, and somebody's
    found = {own for own in suffixes if own == SUFFIXES.get(suffix) or is_slip(suffix, own, first=True)}
    return f"{name}.{found.pop()}" if len(found) == 1 else ""


def _without_dot(name: str) -> str:
    found = [known for known in KNOWN if known.replace(".", "") == name]
    if name in PROVIDERS and len(PROVIDERS[name]) == 1 and len(name) >= DISTINCT:
        found.append(f"{name}.{PROVIDERS[name][0]}")
    return found[0] if len(found) == 1 else ""


@lru_cache(maxsize=65_536)
def is_disposable(domain: str) -> bool:
    """Whether a domain (in lower case), or one that it belongs to, gives addresses that are thrown away."""
    if domain in KNOWN or domain in REAL:
        return False
    labels = domain.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1)) and not meant_domain(domain)
