"""How good suggestions are: a seeded corruptor spoils numbers and addresses whose true values are known, and each suggestion is
compared with the truth.

    python bench/suggestions.py            a table, one line a kind of corruption
    python bench/suggestions.py --json     the same for a machine
    python bench/suggestions.py --wrong    every wrong suggestion, with what was typed and what was true

A suggestion is right only if it equals the truth. *right* and *wrong* are suggestions; *left alone* are spoilt values for which
nothing was suggested; *read* were read as the truth, so that nothing needed to be suggested; *misread* are valid as they
stand and another's, which nobody can see.
Precision is right / (right + wrong), recall right / (right + wrong + left alone + misread).
Kinds of which nothing can be known, and values that are not spoilt at all, should have no suggestion: every one there is
wrong, and their recall is not shown.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import NamedTuple

import phonenumbers
from phonenumbers import PhoneNumberFormat, PhoneNumberType

from sync_connector.fields.email import email_address
from sync_connector.fields.phone import phone_number
from sync_connector.rules import advise_invalid_email, advise_invalid_phone, judge
from sync_connector.rules.rule import Row

SEED = 5
CASES = 40
DEFAULT_COUNTRY = "FR"
_OTHERS = "BE CH DE ES IT PT GB IE NL LU PL AT SE DK MA TN SN CI US CA BR IN AU"
COUNTRIES = ("FR",) * 10 + tuple(_OTHERS.split())
ELSEWHERE = tuple(country for country in COUNTRIES if country not in ("FR", "US", "CA"))
PEOPLE = ("jean.dupont", "a.martin", "lea", "marie-claude.petit", "o.brien", "karim.benali", "c.weiss", "anna_k", "m.rossi82")
_PROVIDERS = (
    "gmail.com hotmail.com hotmail.fr outlook.com outlook.fr yahoo.fr yahoo.com icloud.com orange.fr wanadoo.fr laposte.net "
    "hotmail.be telenet.be skynet.be bluewin.ch t-online.de freenet.de libero.it virgilio.it hotmail.it sapo.pt protonmail.com "
    "yahoo.co.uk hotmail.co.uk live.fr free.fr sfr.fr aol.com gmx.de web.de"
)
PROVIDERS = _PROVIDERS.split()
# Distinct enough that a slip can be told from another name; of the shorter ones nothing can be known.
DISTINCT = [domain for domain in PROVIDERS if len(domain.partition(".")[0]) >= 5]
_COMPANIES = (
    "renault.com michelin.com airbus.com boulangerie-martin.fr cabinet-durand.fr mairie-dijon.fr acme.com initech.com globex.com "
    "siemens.com bosch.com swisscom.com kpn.com fiat.it ferrari.it galp.pt iberdrola.es santander.es tesco.com barclays.co.uk "
    "mailo.fr gmaze.com hotmaker.fr outlookers.com yahoon.com orangerie.fr laposterie.com grange.fr mail.com email.com "
    "ymail.com gmx.net live.nl aol.de hotmail.nl rocketmail.com orange.com laposte.fr orage.fr tree.fr frees.fr sfc.fr "
    "libro.it liberty.it planete.fr planetes.fr cloud.com sky.com example.org firm001.example.com univ-lyon1.fr ac-paris.fr "
    "ratp.fr edf.fr axa.fr cic.fr lcl.fr ovh.net ionos.de strato.de mac.com me.com pm.me proton.me neuflize.fr weber.de "
    "freenet.org telnet.be alicia.it virgile.it sapone.pt wanda.fr gail.com hotel.fr outlet.com yahia.com"
)
COMPANIES = _COMPANIES.split()
KEYS = ("azertyuiop", "qsdfghjklm", "wxcvbn", "qwertyuiop", "asdfghjkl", "zxcvbnm")


class Case(NamedTuple):
    """A spoilt value: `typed` in a row of `country` (`""`: the row names none), and what it was."""

    kind: str
    typed: str
    truth: str
    country: str = ""


class Number(NamedTuple):
    """A true number. `home` is how it is dialled in its own country, `national` what stands behind the prefix."""

    e164: str
    code: str
    national: str
    home: str
    country: str


# --- numbers ---------------------------------------------------------------------------------------------------------


def true_number(chance: random.Random, countries: tuple[str, ...] = COUNTRIES, *, mobile: bool = False) -> Number:
    """A valid number, two of three a mobile: the library's example with other digits behind its first three."""
    country = chance.choice(countries)
    kind = PhoneNumberType.MOBILE if mobile or chance.random() < 0.67 else PhoneNumberType.FIXED_LINE
    example = phonenumbers.example_number_for_type(country, kind)
    assert example is not None
    pattern = phonenumbers.national_significant_number(example)
    while True:
        digits = pattern[:2] + "".join(chance.choice("0123456789") for _ in pattern[2:])
        number = phonenumbers.parse(f"+{example.country_code}{digits}")
        e164 = phonenumbers.format_number(number, PhoneNumberFormat.E164)
        if phonenumbers.is_valid_number_for_region(number, country) and e164 == f"+{example.country_code}{digits}":
            written = phonenumbers.format_number(number, PhoneNumberFormat.NATIONAL)
            home = "".join(sign for sign in written if sign.isdecimal())
            return Number(e164, str(number.country_code), digits, home, country)


def _spaced(digits: str, chance: random.Random) -> str:
    """As people space it, or not."""
    if chance.random() < 0.5:
        return digits
    start = digits[:3] if digits[0] == "+" else digits[:2]
    rest = digits[len(start) :]
    return " ".join([start, *(rest[at : at + 2] for at in range(0, len(rest), 2))])


def _written(number: Number, chance: random.Random) -> str:
    """The number as it is written at home, or internationally."""
    return number.home if chance.random() < 0.6 else number.e164


def _changed(text: str, chance: random.Random, change: Callable[[str, int], str]) -> str:
    """The text with a change at one of its digits."""
    while True:
        spoilt = change(text, chance.randrange(2 if text[0] == "+" else 1, len(text)))
        if spoilt != text:
            return spoilt


def _doubled(text: str, at: int) -> str:
    return text[:at] + text[at] + text[at:]


def _dropped(text: str, at: int) -> str:
    return text[:at] + text[at + 1 :]


def _swapped(text: str, at: int) -> str:
    return text[: at - 1] + text[at] + text[at - 1] + text[at + 1 :]


def _look_alike(text: str, chance: random.Random) -> str | None:
    places = [at for at, sign in enumerate(text) if sign in "01" and at > 0]
    if not places:
        return None
    at = chance.choice(places)
    return text[:at] + chance.choice("Oo" if text[at] == "0" else "lI") + text[at + 1 :]


def number_cases(chance: random.Random, count: int) -> Iterator[Case]:
    """So many of each kind."""
    for kind, spoil in NUMBER_KINDS.items():
        made = 0
        while made < count:
            if case := spoil(chance):
                yield Case(kind, *case)
                made += 1


Spoilt = tuple[str, str, str] | None


def _zero_lost(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    if not number.home.startswith("0"):
        return None
    return _spaced(number.home[1:], chance), number.e164, number.country


def _plus_lost(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    return _spaced(number.code + number.national, chance), number.e164, number.country


def _plus_lost_abroad(chance: random.Random) -> Spoilt:
    number = true_number(chance, ELSEWHERE, mobile=True)
    return number.code + number.national, number.e164, chance.choice(("", "FR"))


def _zeros_for_plus(chance: random.Random) -> Spoilt:
    number = true_number(chance, ("FR", *ELSEWHERE))
    return _spaced(f"00{number.code}{number.national}", chance), number.e164, number.country


def _zeros_and_plus(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    return _spaced(f"+00{number.code}{number.national}", chance), number.e164, number.country


def _one_zero_for_plus(chance: random.Random) -> Spoilt:
    number = true_number(chance, ("FR", *ELSEWHERE))
    return f"0{number.code}{number.national}", number.e164, number.country


def _trunk_zero(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    if not number.home.startswith("0") or number.home == number.national:
        return None
    return _spaced(f"+{number.code}0{number.national}", chance), number.e164, number.country


def _prefix_twice(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    head = chance.choice((f"+{number.code}", f"00{number.code}", f"+{number.code} +", f"+{number.code} 00"))
    return f"{head}{number.code}{number.national}", number.e164, number.country


def _wrong_prefix(chance: random.Random) -> Spoilt:
    number = true_number(chance, mobile=True)
    other = str(phonenumbers.country_code_for_region(chance.choice(COUNTRIES)))
    return None if other == number.code else (f"+{other}{number.national}", number.e164, number.country)


def _address_abroad(chance: random.Random) -> Spoilt:
    number = true_number(chance, (DEFAULT_COUNTRY,), mobile=True)
    return _spaced(number.home, chance), number.e164, chance.choice(ELSEWHERE)


def _letters(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    typed = _look_alike(_spaced(_written(number, chance), chance), chance)
    return None if typed is None else (typed, number.e164, number.country)


def _extension(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    extension = "".join(chance.choice("0123456789") for _ in range(chance.choice((2, 3, 4))))
    return _written(number, chance) + extension, number.e164, number.country


def _rounded(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    return f"{int(number.code + number.national):.5E}", number.e164, number.country


def _unrounded(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    digits = number.code + number.national
    return f"{digits[0]}.{digits[1:]}E+{len(digits) - 1}", number.e164, number.country


def _slip(change: Callable[[str, int], str]) -> Callable[[random.Random], Spoilt]:
    def spoil(chance: random.Random) -> Spoilt:
        number = true_number(chance)
        return _spaced(_changed(_written(number, chance), chance, change), chance), number.e164, number.country

    return spoil


def _another_digit(chance: random.Random) -> Spoilt:
    return _slip(lambda text, at: text[:at] + chance.choice("0123456789") + text[at + 1 :])(chance)


def _another_digit_added(chance: random.Random) -> Spoilt:
    return _slip(lambda text, at: text[:at] + chance.choice("0123456789") + text[at:])(chance)


def _whole_number(chance: random.Random) -> Spoilt:
    number = true_number(chance)
    return _spaced(_written(number, chance), chance), number.e164, number.country


NUMBER_KINDS: dict[str, Callable[[random.Random], Spoilt]] = {
    "leading zero lost": _zero_lost,
    "plus lost": _plus_lost,
    "plus lost, seen from abroad": _plus_lost_abroad,
    "00 for plus": _zeros_for_plus,
    "+00 for plus": _zeros_and_plus,
    "one 0 for plus": _one_zero_for_plus,
    "trunk zero kept": _trunk_zero,
    "country's prefix twice": _prefix_twice,
    "prefix of another country": _wrong_prefix,
    "home number, address abroad": _address_abroad,
    "O for 0, l for 1": _letters,
    "extension glued on": _extension,
    "scientific notation, whole": _unrounded,
    "scientific notation, rounded": _rounded,
    "digit doubled": _slip(_doubled),
    "digit added": _another_digit_added,
    "digit dropped": _slip(_dropped),
    "digits swapped": _slip(_swapped),
    "digit replaced": _another_digit,
    "number not spoilt": _whole_number,
}
UNKNOWABLE = {
    "scientific notation, rounded",
    "digit doubled",
    "digit added",
    "digit dropped",
    "digits swapped",
    "digit replaced",
    "number not spoilt",
    "short name: letter spoilt",
    "company's domain: letter spoilt",
    "domain not spoilt",
}

# --- addresses -------------------------------------------------------------------------------------------------------


def _neighbour(letter: str, chance: random.Random) -> str | None:
    beside = [
        row[at + step]
        for row in KEYS
        for at, key in enumerate(row)
        if key == letter
        for step in (-1, 1)
        if 0 <= at + step < len(row)
    ]
    return chance.choice(beside) if beside else None


def _letter(name: str, how: str, chance: random.Random) -> str | None:
    """A name with one letter spoilt, `None` if that changes nothing."""
    at = chance.randrange(1, len(name)) if how == "swapped" else chance.randrange(len(name))
    if how == "replaced":
        key = _neighbour(name[at], chance)
        spoilt = None if key is None else name[:at] + key + name[at + 1 :]
    else:
        spoilt = {"dropped": _dropped, "doubled": _doubled, "swapped": _swapped}[how](name, at)
    return None if spoilt == name else spoilt


def _of_domain(domains: list[str], how: tuple[str, ...], chance: random.Random) -> Spoilt:
    domain, local = chance.choice(domains), chance.choice(PEOPLE)
    name, _, suffix = domain.partition(".")
    spoilt = _letter(name, chance.choice(how), chance)
    if spoilt is None or f"{spoilt}.{suffix}" in {*PROVIDERS, *COMPANIES}:
        return None
    return f"{local}@{spoilt}.{suffix}", f"{local}@{domain}", ""


def _wrong_suffix(chance: random.Random) -> Spoilt:
    local = chance.choice(PEOPLE)
    domain = chance.choice([*PROVIDERS, *(domain for domain in COMPANIES if domain.endswith(".com"))])
    head, _, suffix = domain.rpartition(".")
    spoilt = _letter(suffix, chance.choice(("dropped", "doubled", "swapped", "replaced")), chance)
    return None if spoilt is None or len(spoilt) < 2 else (f"{local}@{head}.{spoilt}", f"{local}@{domain}", "")


def _signs(replace: Callable[[str, str, random.Random], str]) -> Callable[[random.Random], Spoilt]:
    def spoil(chance: random.Random) -> Spoilt:
        local, domain = chance.choice(PEOPLE), chance.choice([*PROVIDERS, *COMPANIES])
        return replace(local, domain, chance), f"{local}@{domain}", ""

    return spoil


def _last_dot(domain: str, sign: str) -> str:
    head, _, suffix = domain.rpartition(".")
    return f"{head}{sign}{suffix}"


def _blank(local: str, domain: str, chance: random.Random) -> str:
    text = f"{local}@{domain}"
    at = chance.choice([text.index("@"), text.index("@") + 1, text.rindex("."), text.rindex(".") + 1])
    return f"{text[:at]} {text[at:]}"


ADDRESS_KINDS: dict[str, Callable[[random.Random], Spoilt]] = {
    "domain: letter dropped": lambda chance: _of_domain(DISTINCT, ("dropped",), chance),
    "domain: letter doubled": lambda chance: _of_domain(DISTINCT, ("doubled",), chance),
    "domain: letters swapped": lambda chance: _of_domain(DISTINCT, ("swapped",), chance),
    "domain: neighbouring key": lambda chance: _of_domain(DISTINCT, ("replaced",), chance),
    "suffix: a letter wrong": _wrong_suffix,
    "comma for dot": _signs(lambda local, domain, _: f"{local}@{_last_dot(domain, ',')}"),
    "two dots": _signs(lambda local, domain, _: f"{local}@{_last_dot(domain, '..')}"),
    "dot left out": _signs(lambda local, domain, _: f"{local}@{_last_dot(domain, '')}"),
    "blank inside": _signs(_blank),
    "(at) for @": _signs(lambda local, domain, chance: f"{local}{chance.choice(('(at)', '[at]', ' (at) ', '@@'))}{domain}"),
    "short name: letter spoilt": lambda chance: _of_domain(
        [domain for domain in PROVIDERS if domain not in DISTINCT], ("dropped", "doubled", "swapped", "replaced"), chance
    ),
    "company's domain: letter spoilt": lambda chance: _of_domain(
        COMPANIES[:28], ("dropped", "doubled", "swapped", "replaced"), chance
    ),
    "domain not spoilt": _signs(lambda local, domain, _: f"{local}@{domain}"),
}


def address_cases(chance: random.Random, count: int) -> Iterator[Case]:
    """So many of each kind; of the unspoilt as many as there are."""
    for kind, spoil in ADDRESS_KINDS.items():
        if kind == "domain not spoilt":
            for domain in (*PROVIDERS, *COMPANIES):
                yield Case(kind, f"lea@{domain}", f"lea@{domain}")
            continue
        made = 0
        while made < count:
            if case := spoil(chance):
                yield Case(kind, *case)
                made += 1


# --- the measurement -------------------------------------------------------------------------------------------------


class Answer(NamedTuple):
    """What the connector makes of a case: what it reads (`""`: invalid) and what it suggests."""

    read: str
    suggestion: str


def answer(case: Case) -> Answer:
    """As a run does it: a valid value goes through the rules, an invalid one is advised on."""
    if case.kind in NUMBER_KINDS:
        region = case.country or DEFAULT_COUNTRY
        read = phone_number(case.typed, region).e164 or ""
        row = Row(mobile=case.typed, country=case.country, default_country=DEFAULT_COUNTRY)
        advised = "" if read else advise_invalid_phone(case.typed, region, DEFAULT_COUNTRY)
    else:
        read = email_address(case.typed).address or ""
        row = Row(email=case.typed)
        advised = "" if read else advise_invalid_email(case.typed)
    found = [finding.suggestion for finding in judge(row.seen()) if finding.suggestion]
    return Answer(read, advised or (found[0] if found else ""))


def outcome(case: Case, given: Answer) -> str:
    """One word for what became of a case."""
    if given.suggestion:
        return "right" if given.suggestion == case.truth else "wrong"
    if given.read:
        return "read" if given.read == case.truth else "misread"
    return "left alone"


OUTCOMES = ("right", "wrong", "left alone", "read", "misread")


class Score(NamedTuple):
    """One kind's counts; `recall` is `None` where nothing can be known."""

    kind: str
    counts: Counter[str]

    @property
    def precision(self) -> float | None:
        """Right of all suggestions; `None` where there is none."""
        given = self.counts["right"] + self.counts["wrong"]
        return self.counts["right"] / given if given else None

    @property
    def recall(self) -> float | None:
        """Right of all that needed a suggestion; `None` where nothing can be known, or nothing was needed."""
        needed = self.counts.total() - self.counts["read"]
        return None if self.kind in UNKNOWABLE or not needed else self.counts["right"] / needed


def measure(seed: int = SEED, count: int = CASES) -> tuple[list[Score], list[tuple[Case, Answer]]]:
    """Each kind's score, in order, and every wrong suggestion."""
    chance = random.Random(seed)
    scores: dict[str, Counter[str]] = {kind: Counter() for kind in (*NUMBER_KINDS, *ADDRESS_KINDS)}
    wrong = []
    for case in [*number_cases(chance, count), *address_cases(chance, count)]:
        given = answer(case)
        became = outcome(case, given)
        scores[case.kind][became] += 1
        if became == "wrong":
            wrong.append((case, given))
    return [Score(kind, counts) for kind, counts in scores.items()], wrong


def together(scores: list[Score]) -> Score:
    """All kinds of which something can be known, with the wrong suggestions of the others."""
    counts: Counter[str] = Counter()
    for score in scores:
        counts += Counter({"wrong": score.counts["wrong"]}) if score.kind in UNKNOWABLE else score.counts
    return Score("together", counts)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def main(words: list[str]) -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=CASES, help="cases of each kind")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--wrong", action="store_true", help="list the wrong suggestions")
    options = parser.parse_args(words)
    scores, wrong = measure(options.seed, options.count)
    rows = [*scores, together(scores)]
    if options.json:
        kinds = {
            score.kind: {**{name: score.counts[name] for name in OUTCOMES}, "precision": score.precision, "recall": score.recall}
            for score in rows
        }
        print(json.dumps({"seed": options.seed, "cases": sum(s.counts.total() for s in scores), "kinds": kinds}, indent=2))
        return 0
    print(f"{'':34}{'cases':>6}" + "".join(f"{name:>11}" for name in OUTCOMES) + f"{'precision':>11}{'recall':>8}")
    for score in rows:
        counts = "".join(f"{score.counts[name]:>11}" for name in OUTCOMES)
        print(f"{score.kind:34}{score.counts.total():>6}{counts}{_share(score.precision):>11}{_share(score.recall):>8}")
    if options.wrong:
        for case, given in wrong:
            print(f"{case.kind}: {case.typed!r} ({case.country}) is {case.truth}, suggested {given.suggestion}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
