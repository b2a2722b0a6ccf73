"""What is compared instead of what was written: names, addresses and e-mails without case, accents, punctuation, titles,
particles and the many ways to write "street"."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

LIMIT = 254  # signs of a cell that are looked at: an e-mail address has no more, and no name and no street

_LETTERS = str.maketrans({"ß": "ss", "ø": "o", "ł": "l", "æ": "ae", "œ": "oe", "đ": "d", "ð": "d", "þ": "th", "ı": "i", "ς": "σ"})
_APOSTROPHES = str.maketrans("", "", "'’‘ʼ`´")
_UMLAUT = re.compile("(?<=[aou])e")  # Müller, Mueller
_WORDS = re.compile(r"\w+")
_ELISION = re.compile(r"\b([dlno]) (?=\w)")  # N Diaye, O Brien
_POSTAL = re.compile(r"(?<=\d)-(?=\d{3}\b)")  # 30-437 Kraków
_INNER = re.compile(r"(?<=[^\W\d_]{4})(?=\d)|(?<=\d)(?=[^\W\d_]{3})")  # 12rue, but neither 12b nor SW1A 1AA


def _set(words: str) -> frozenset[str]:
    return frozenset(words.split())


TITLES = _set(
    "mr mrs ms miss mister monsieur madame mademoiselle mme mlle dr docteur prof professor herr frau sir me sr sra srta sig dhr"
    " mw ing dipl dott"
)
GENERATIONS = {"jr": "jr", "junior": "jr", "fils": "jr", "senior": "sr", "pere": "sr", "ii": "ii", "iii": "iii", "iv": "iv"}
PARTICLES = _set("de du des la le les van von der den del di da das dos do el al ter ten te zu zum zur y e und et af av v")
_HALVES = _set("saint st sainte ste san santa santo sao ben ait abd abu abou bou mac mc")
"""What is half of a name: Martin is not short for Saint-Martin."""
_WAYS = {
    "av": "avenue ave avda avd avenida",
    "bd": "boulevard blvd bld boul",
    "rue": "r",
    "st": "saint sainte ste street",
    "rd": "road",
    "ln": "lane",
    "dr": "drive",
    "ct": "court",
    "sq": "square",
    "cres": "crescent",
    "pl": "place plaza platz plaats piazza",
    "ch": "chemin",
    "che": "chaussee",
    "imp": "impasse",
    "all": "allee",
    "rte": "route",
    "fbg": "faubourg",
    "res": "residence",
    "c": "calle cl",
    "p": "paseo",
    "v": "via",
    "vle": "viale",
    "apt": "appartement apartment appt app",
    "b": "bis",
}
WAYS = {written: short for short, many in _WAYS.items() for written in many.split()}
_IDLE = (PARTICLES - {"v", "av"}) | {"of", "the", "a", "à", "au", "aux", "en", "l", "d", "cedex", "n", "no", "nr"}
ROLES = _set(
    "info contact sales office admin administration hello mail support service accueil commercial compta comptabilite billing"
    " accounts accounting reception secretariat direction team hr rh jobs marketing kontakt vertrieb buero verwaltung bonjour"
    " contacto ventas informacion administracion ufficio segreteria amministrazione geral post postmaster webmaster noreply"
    " enquiries inquiries booking reservation reservations achats purchasing orders order shop boutique famille family"
)


class Name(NamedTuple):
    """A first or last name: its words, and the generation (`jr`, `sr`, `ii`, …) that was written with it."""

    words: tuple[str, ...]
    generation: str = ""

    @property
    def compact(self) -> str:
        """The words without what keeps them apart: Jean-Pierre, Jean Pierre and Jeanpierre are one."""
        return "".join(self.words)

    @property
    def text(self) -> str:
        """The name as one string, from which `read_name` makes it again."""
        return " ".join(self.words) + (f"#{self.generation}" if self.generation else "")


class Address(NamedTuple):
    """Numbers (with a digit in them) and words of an address, in the order in which they stand."""

    numbers: tuple[str, ...]
    words: tuple[str, ...]

    @property
    def text(self) -> str:
        """The address as one string, from which `read_address` makes it again."""
        return f"{' '.join(self.numbers)}|{' '.join(self.words)}" if self.numbers or self.words else ""


class Email(NamedTuple):
    """An address as its mailbox reads it, without tag. `local` is `""` where there is none."""

    local: str
    domain: str


def plain(text: str) -> str:
    """Lower case, no accents, no apostrophes; at most `LIMIT` signs of it."""
    text = text[:LIMIT].lower()
    if text.isascii():
        return text.translate(_APOSTROPHES)
    apart = unicodedata.normalize("NFKD", text.translate(_LETTERS))
    return "".join(c for c in apart if not unicodedata.combining(c)).translate(_LETTERS).translate(_APOSTROPHES)


def name(text: str) -> Name:
    """A first or last name, folded. Particles go unless they are all there is, and so do titles."""
    words = _WORDS.findall(_ELISION.sub(r"\1", _UMLAUT.sub("", " ".join(_WORDS.findall(plain(text))))))
    generation = next((GENERATIONS[word] for word in words[1:] if word in GENERATIONS), "")
    kept = [word for word in words if word not in TITLES and (word not in GENERATIONS or word == words[0])]
    whole, half = [], ""
    for word in [word for word in kept if word not in PARTICLES] or kept:
        if word in _HALVES:
            half += {"st": "saint", "ste": "sainte"}.get(word, word)
        else:
            whole.append(half + word)
            half = ""
    return Name((*whole, half) if half else tuple(whole), generation)


def address(text: str) -> Address:
    """An address, folded: `12, Avenue de la Gare` and `12 av. Gare` are one."""
    numbers, words = [], []
    for word in _WORDS.findall(_INNER.sub(" ", _POSTAL.sub("", plain(text)))):
        if any(map(str.isdigit, word)):
            numbers.append(word)
        elif word not in _IDLE:
            word = WAYS.get(word, word)
            words.append(word[:-6] + "str" if word.endswith("strasse") else word)
    return Address(tuple(numbers), tuple(words))


def email(text: str) -> Email:
    """An e-mail address, folded: no tag behind a plus sign, and no dots where Google reads none."""
    local, _, domain = text[:LIMIT].lower().rpartition("@")
    local = local.partition("+")[0]
    if domain in ("gmail.com", "googlemail.com"):
        return Email(local.replace(".", ""), "gmail.com")
    return Email(local, domain)


def email_text(text: str) -> str:
    """An e-mail address, folded, as one string; `""` where there is none."""
    local, domain = email(text)
    return f"{local}@{domain}" if local and domain else ""


def read_name(text: str) -> Name:
    """What `Name.text` wrote."""
    words, _, generation = text.partition("#")
    return Name(tuple(words.split()), generation)


def read_address(text: str) -> Address:
    """What `Address.text` wrote."""
    numbers, _, words = text.partition("|")
    return Address(tuple(numbers.split()), tuple(words.split()))


def read_email(text: str) -> Email:
    """What `email_text` wrote."""
    local, _, domain = text.rpartition("@")
    return Email(local, domain)
