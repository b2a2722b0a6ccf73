"""Contacts for the benchmark: as many as wanted, the same ones for the same seed, none of them kept in memory.

    python bench/generate.py 1000000 contacts.csv            the first file
    python bench/generate.py --night contacts.csv night.csv  the same file, one night later

Every thousand rows hold 600 French contacts and 400 of 29 other countries, 50 bad rows (17 bad numbers, 17 without a
number, 16 bad e-mails) and 10 pairs that share a number. All other numbers are valid and differ: the digits come from a
bijection of the row's rank in its country. Beside each file stands a `.json` that says what is in it, so that whoever
reads the file can be checked.

A night changes the name, the address or the e-mail of 10 rows of a thousand, drops 1, and leaves the rest as it is, byte
for byte.
"""

from __future__ import annotations

import argparse
import csv
import json
import math
import os
import random
import sys
import time
import unicodedata
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import NamedTuple

import phonenumbers
from people import COUNTRIES, NAMES, Country, Numbers

HEADER = ("id", "first_name", "last_name", "mobile", "phone", "email", "address", "postal_code", "city", "country")
FIRST, LAST, EMAIL, ADDRESS = 1, 2, 5, 6
BLOCK = 1_000  # rows that are drawn together; the shares below are exact in each block
BAD_NUMBERS, BLANK_NUMBERS, BAD_EMAILS, SHARED_PAIRS = 17, 17, 16, 10
NIGHT_CHANGED, NIGHT_REMOVED = 10, 1
SAMPLES = 100  # fillings of each prefix that are checked at start-up

WRONG_NUMBERS = ("0612", "00000000", "en cours", "+33 6 12", "+33 6 12 34 56 7", "n/a", "0000000000", "06 xx xx xx xx", "0123")
WRONG_EMAILS = (
    "contact@",
    "jean.dupont(at)example.org",
    "jean..dupont@example.org",
    "n/a",
    "@example.com",
    "jean dupont@example",
    "a@b",
)
DOMAINS = ("example.org", "example.com", "example.net", "mail.example.org", "mail.example.com") * 8 + tuple(
    f"firm{n:03}.example.{top}" for n in range(50) for top in ("com", "org")
)

Writer = Callable[[str], str]


class Digits:
    """The bijection from 0, 1, 2, … to the numbers of a template: a step through all of them, coprime to their count."""

    def __init__(self, numbers: Numbers, seed: random.Random) -> None:
        self.numbers = numbers
        sizes = [10 ** (numbers.length - len(prefix)) for prefix in numbers.prefixes]
        self._starts = [0, *accumulate(sizes)]
        self.count = self._starts.pop()
        self._step = int(self.count * 0.6180339887) - seed.randrange(self.count // 10)
        while math.gcd(self._step, self.count) != 1:
            self._step += 1
        self._first = seed.randrange(self.count)

    def at(self, rank: int) -> str:
        """The national significant number of a rank."""
        if rank >= self.count:
            raise SystemExit(f"too many contacts: a template has only {self.count:,} numbers")
        place = (self._first + rank * self._step) % self.count
        which = bisect_right(self._starts, place) - 1
        prefix = self.numbers.prefixes[which]
        return prefix + str(place - self._starts[which]).zfill(self.numbers.length - len(prefix))


def _writers(country: Country, numbers: Numbers) -> tuple[list[Writer], list[Writer]]:
    """The ways people write a number of this kind: all of them, and those that need no country beside them."""
    ends = list(accumulate(numbers.groups))
    cuts = list(zip([0, *ends[:-1]], ends, strict=True))
    prefix, trunk = country.prefix, country.trunk

    def spaced(mark: str, head: str) -> Writer:
        return lambda digits: head + mark.join([digits[a:b] for a, b in cuts])

    def compact(head: str) -> Writer:
        return lambda digits: head + digits

    abroad = [
        *[spaced(" ", f"+{prefix} ")] * 10,
        *[compact(f"+{prefix}")] * 12,
        spaced("\u00a0", f"+{prefix}\u00a0"),
        *([spaced(" ", f"+{prefix} ({trunk})"), spaced(" ", f"+{prefix} {trunk}")] if trunk == "0" else []),
    ]
    home = [
        *[spaced(" ", trunk)] * 26,
        *[compact(trunk)] * 20,
        *[spaced(".", trunk)] * 10,
        *[spaced("-", trunk)] * 5,
        *([] if prefix in ("1", "81") else [compact(f"00{prefix}"), spaced(".", f"00{prefix} ")]),  # there, 00 dials nobody
        *[spaced("\u00a0", trunk)] * 2,
        spaced("\u202f", trunk),
        compact(""),
        spaced(" ", f"Tél. {trunk}"),
    ]
    return [*home, *abroad], abroad


class Template(NamedTuple):
    """Numbers of one kind in one country, and how they are written."""

    digits: Digits
    ways: list[Writer]
    abroad: list[Writer]


class Source:
    """Everything that the rows are drawn from."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        _check_wrong()
        chance = random.Random(f"{seed}/templates")
        self.mobile = {c.code: self._template(c, c.mobile, chance) for c in COUNTRIES}
        self.landline = {c.code: self._template(c, c.landline, chance) for c in COUNTRIES if c.landline}
        slots = [country for country in COUNTRIES for _ in range(country.weight)]
        chance.shuffle(slots)
        seen: Counter[str] = Counter()
        self._slots: list[tuple[Country, int]] = []
        for country in slots:
            self._slots.append((country, seen[country.code]))
            seen[country.code] += 1

    @staticmethod
    def _template(country: Country, numbers: Numbers, chance: random.Random) -> Template:
        ways, abroad = _writers(country, numbers)
        _check(country, numbers, ways, abroad, chance)
        return Template(Digits(numbers, chance), ways, abroad)

    def country(self, row: int) -> tuple[Country, int]:
        """The country of a row, and the row's rank among the rows of that country."""
        block, place = divmod(row, BLOCK)
        country, rank = self._slots[(place + 389 * block) % BLOCK]
        return country, block * country.weight + rank


def _check(country: Country, numbers: Numbers, ways: list[Writer], abroad: list[Writer], chance: random.Random) -> None:
    """Every prefix gives valid numbers whatever follows, and every way of writing them is read as the same number."""
    for prefix in numbers.prefixes:
        for sample in range(SAMPLES):
            free = numbers.length - len(prefix)
            national = prefix + (f"{sample:02}" + "".join(chance.choices("0123456789", k=free)))[:free]
            number = phonenumbers.parse(f"+{country.prefix}{national}")
            if not phonenumbers.is_valid_number_for_region(number, country.code):
                raise SystemExit(f"{country.code}: {prefix}… is no longer a safe prefix: {national} is not valid")
    for way in [*ways, *abroad]:
        written = way(national).replace("\u202f", " ")
        region = country.code if way in ways else "FR"
        if phonenumbers.parse(written, region) != number:
            raise SystemExit(f"{country.code}: {written!r} is not read as +{country.prefix}{national}")


def _check_wrong() -> None:
    """What stands for a bad number is one in every country."""
    for written in WRONG_NUMBERS:
        for country in COUNTRIES:
            try:
                number = phonenumbers.parse(written, country.code)
            except phonenumbers.NumberParseException:
                continue
            if phonenumbers.is_valid_number(number):
                raise SystemExit(f"{written!r} is a valid number in {country.code}")


def _slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).replace("ø", "o").replace("ł", "l").replace("ß", "ss")
    return "".join(c for c in plain.lower() if c.isascii() and c.isalnum())


SLUGS = {name: _slug(name) for given, family in NAMES.values() for name in (*given, *family)}


def block_of_rows(source: Source, block: int, count: int, totals: Counter[str]) -> Iterator[list[str]]:
    """The rows of one block, `count` of them wanted; what they hold is added to `totals`."""
    chance = random.Random(f"{source.seed}/{block}")
    roll = chance.random
    special = chance.sample(range(BLOCK), BAD_NUMBERS + BLANK_NUMBERS + BAD_EMAILS + 2 * SHARED_PAIRS)
    pairs = sorted(special[: 2 * SHARED_PAIRS])
    shares = dict(zip(pairs[1::2], pairs[::2], strict=True))  # the later one writes the earlier one's number
    owners = set(shares.values())
    bad = special[2 * SHARED_PAIRS :]
    wrong = set(bad[:BAD_NUMBERS])
    blank = set(bad[BAD_NUMBERS : BAD_NUMBERS + BLANK_NUMBERS])
    wrong_email = set(bad[BAD_NUMBERS + BLANK_NUMBERS :])

    def pick(choices: list[Writer]) -> Writer:
        return choices[int(roll() * len(choices))]

    def choose(choices: tuple[str, ...]) -> str:
        return choices[int(roll() * len(choices))]

    for place in range(count):
        row = block * BLOCK + place
        country, rank = source.country(row)
        given, family = NAMES[country.people]
        first, last = choose(given), choose(family)
        spelling = "" if roll() < 0.1 else choose(country.spellings)
        seen_from_home = bool(spelling) or country.code == "FR"

        mobile, landline, line = "", "", source.landline.get(country.code)
        if place in wrong:
            mobile, kind = choose(WRONG_NUMBERS), "bad_number"
        elif place in blank:
            mobile, kind = " " if roll() < 0.2 else "", "blank_number"
        elif place in shares:
            other, at = source.country(block * BLOCK + shares[place])
            there = source.mobile[other.code]
            mobile, kind = pick(there.abroad)(there.digits.at(at)), "shared_number"
        else:
            own = source.mobile[country.code]
            ways = own.ways if seen_from_home else own.abroad
            if roll() < 0.85 or line is None or place in owners:
                mobile = pick(ways)(own.digits.at(rank))
            if line is not None and (not mobile or roll() < 0.4):
                landline = pick(line.ways if seen_from_home else line.abroad)(line.digits.at(rank))
            kind = ""
        totals[kind] += 1

        if place in wrong_email:
            email = choose(WRONG_EMAILS)
            totals["bad_email"] += 1
        elif roll() < 0.12:
            email = ""
        else:
            local = f"{SLUGS[first] or 'contact'}.{SLUGS[last] or country.code.lower()}{row % 9973}"
            email = f"{local}@{choose(DOMAINS)}"
        postal_code, city = country.cities[int(roll() * len(country.cities))]
        number = int(roll() * 180) + 1
        street = choose(country.streets)
        address = f"{number} {street}" if roll() < 0.8 else f"{number}, {street}"
        yield [f"C{row + 1:08}", first, last, mobile, landline, email, address, postal_code, city, spelling]


def write_contacts(rows: int, path: str, seed: int) -> dict[str, int]:
    """Write `rows` contacts; what is in them."""
    source = Source(seed)
    totals: Counter[str] = Counter()
    with open(path + ".part", "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(HEADER)
        for block in range(math.ceil(rows / BLOCK)):
            writer.writerows(block_of_rows(source, block, min(BLOCK, rows - block * BLOCK), totals))
    os.replace(path + ".part", path)
    kinds = ("bad_number", "blank_number", "bad_email", "shared_number")
    return {"rows": rows, "seed": seed, **{kind: totals[kind] for kind in kinds}}


def _changed(line: bytes, chance: random.Random) -> bytes:
    """A row with another name, address or e-mail."""
    cells = next(csv.reader([line.decode()]))
    place = chance.choice((LAST, ADDRESS, EMAIL))
    before = cells[place]
    while cells[place] == before:
        if place == LAST:
            cells[place] = chance.choice(NAMES["fr"][1])
        elif place == ADDRESS:
            cells[place] = f"{chance.randrange(200, 400)} rue du Nouveau Monde"
        else:
            cells[place] = f"{_slug(cells[FIRST]) or 'contact'}.{chance.randrange(10**6)}@{chance.choice(DOMAINS)}"
    out: list[str] = []
    csv.writer(_Into(out), lineterminator="\n").writerow(cells)
    return "".join(out).encode()


class _Into:
    """What csv writes, in a list."""

    def __init__(self, out: list[str]) -> None:
        self.write = out.append


def write_night(before: str, path: str, seed: int) -> dict[str, int]:
    """Write the file that `before` is one night later; what happened to it."""
    totals: Counter[str] = Counter()
    with open(before, "rb") as source, open(path + ".part", "wb") as out:
        out.write(source.readline())
        for row, line in enumerate(source):
            block, place = divmod(row, BLOCK)
            if place == 0:
                chance = random.Random(f"{seed}/night/{block}")
                places = chance.sample(range(BLOCK), NIGHT_CHANGED + NIGHT_REMOVED)
                removed, changed = places[:NIGHT_REMOVED], set(places[NIGHT_REMOVED:])
            if place in removed:
                totals["removed"] += 1
                continue
            if place in changed:
                totals["changed"] += 1
                line = _changed(line, chance)
            out.write(line)
            totals["rows"] += 1
    os.replace(path + ".part", path)
    return {"rows": totals["rows"], "seed": seed, "changed": totals["changed"], "removed": totals["removed"]}


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="Contacts for the benchmark, and the file of the next night.")
    words.add_argument("what", help="how many contacts; with --night, the file of the day before")
    words.add_argument("out", help="the CSV file to write")
    words.add_argument("--night", action="store_true", help="write what the file is one night later")
    words.add_argument("--seed", type=int, default=7)
    given = words.parse_args()
    begun = time.monotonic()
    if given.night:
        told = write_night(given.what, given.out, given.seed)
    elif given.what.isdigit():
        told = write_contacts(int(given.what), given.out, given.seed)
    else:
        words.error(f"{given.what!r} is not a count of contacts; did you mean --night?")
    with open(given.out + ".json", "w", encoding="utf-8") as beside:
        json.dump(told, beside)
    seconds = time.monotonic() - begun
    print(f"{given.out}: {json.dumps(told)} in {seconds:.1f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
