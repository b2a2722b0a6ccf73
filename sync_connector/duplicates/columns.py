"""The contacts of a source as columns of numbers: what is folded, who has the same, and in which blocks each stands.

Rows are put in the order of their keys first, so nothing depends on the order in which they came. A text is kept once,
folded; rows hold its number (`ids`, −1 for a blank).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sync_connector.duplicates import fold

NAMES = ("key", "first_name", "last_name", "adress", "email", "phone_number")
CHUNK = 1 << 16
HALF = 100_000  # the last five digits of a number, and the rest
DIGITS = 15  # of an E.164 number, at most
MAILBOX = 3  # people with one e-mail address: from here on it is nobody's own
BUILDING = 10  # people at one address: from here on it is a company's, or a tower's
CROWD = 20  # contacts with one e-mail, or with one name at one address: beyond, it stands for "unknown", and says nothing

Ids = npt.NDArray[np.int32]
Hashes = npt.NDArray[np.uint64]
Ranks = npt.NDArray[np.int64]


class Texts:
    """A folded column: `ids` by row, `texts` by id."""

    def __init__(self, column: pa.ChunkedArray, folded: Callable[[str], str], between: Callable[[], None]) -> None:
        encoded = pc.dictionary_encode(pc.fill_null(column, "")).combine_chunks()
        written, rows = encoded.dictionary, encoded.indices.to_numpy()
        pieces = []
        for start in range(0, len(written), CHUNK):
            between()
            pieces.append(pa.array([folded(text) for text in written[start : start + CHUNK].to_pylist()], pa.string()))
        again = pa.chunked_array(pieces, pa.string()).combine_chunks().dictionary_encode()
        self.texts: pa.Array = again.dictionary
        kept = again.indices.to_numpy().astype(np.int32)
        kept[pc.equal(pc.take(self.texts, again.indices), "").to_numpy(zero_copy_only=False)] = -1
        self.ids: Ids = kept[rows]

    def counts(self) -> npt.NDArray[np.int64]:
        """Rows by id."""
        return np.bincount(self.ids[self.ids >= 0], minlength=len(self.texts))

    def parts(self, part: Callable[[str], str]) -> Ids:
        """By row, the number of a part of the text; −1 where that is blank."""
        pieces = [
            pa.array([part(text) for text in self.texts[start : start + CHUNK].to_pylist()], pa.string())
            for start in range(0, len(self.texts), CHUNK)
        ]
        encoded = pa.chunked_array(pieces, pa.string()).combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy().astype(np.int32)
        numbers[pc.equal(pc.take(encoded.dictionary, encoded.indices), "").to_numpy(zero_copy_only=False)] = -1
        return np.where(self.ids >= 0, numbers[self.ids] if len(numbers) else -1, -1).astype(np.int32)

    def ranks(self) -> Ranks:
        """By row, the place of its text in the alphabet; blanks first."""
        place = np.empty(len(self.texts) + 1, np.int64)
        place[pc.sort_indices(self.texts).to_numpy()] = np.arange(1, len(self.texts) + 1)
        place[-1] = 0
        return place[self.ids]


class Columns:
    """What is compared of the contacts, by row in the order of keys. `between` is called between pieces of work."""

    def __init__(self, contacts: pa.Table, between: Callable[[], None]) -> None:
        missing = [name for name in NAMES if name not in contacts.column_names]
        if missing:
            raise ValueError(f"contacts have no column {', '.join(missing)}")
        contacts = contacts.select(NAMES).cast(pa.schema([(name, pa.string()) for name in NAMES]))
        contacts = contacts.take(pc.sort_indices(contacts, [(name, "ascending") for name in NAMES]))
        self._keys = contacts["key"]
        self.key_ids: Ids = self._keys.dictionary_encode().combine_chunks().indices.to_numpy()
        self.firsts = Texts(contacts["first_name"], lambda text: fold.name(text).text, between)
        self.lasts = Texts(contacts["last_name"], lambda text: fold.name(text).text, between)
        self.emails = Texts(contacts["email"], fold.email_text, between)
        self.addresses = Texts(contacts["adress"], lambda text: fold.address(text).text, between)
        self.counts = {texts: texts.counts() for texts in (self.firsts, self.lasts)}
        self.full_ids = self._full()
        self.name_ids = self._names(between)
        self.holders = np.bincount(self.name_ids[self.name_ids >= 0], minlength=len(contacts))
        self.number_ids = self.addresses.parts(lambda text: next(iter(numbers_of(text)), ""))
        self.is_one_number = self.addresses.parts(lambda text: "1" if len(numbers_of(text)) < 2 else "") >= 0
        self.mailbox_ids = self.emails.parts(lambda text: text.rpartition("@")[0].replace(".", ""))
        self.provider_ids = self.emails.parts(provider_and_ending)
        digits = pc.replace_substring_regex(pc.fill_null(contacts["phone_number"], ""), "[^0-9]", "")
        digits = pc.utf8_slice_codeunits(pc.if_else(pc.equal(digits, ""), "0", digits), 0, DIGITS)
        self.phones: Hashes = pc.cast(digits, pa.uint64()).to_numpy()
        self.is_shared_email = self._held_by(self.emails, MAILBOX)
        self.is_building = self._held_by(self.addresses, BUILDING)
        self.is_crowd = self._crowds()

    def __len__(self) -> int:
        return len(self._keys)

    def key(self, row: int) -> str:
        """The key of a row."""
        return str(self._keys[row].as_py())

    def _full(self) -> Ids:
        """By row, the number of its first and last name together."""
        both = (self.firsts.ids.astype(np.int64) << 32) + self.lasts.ids
        self._first_of_full, inverse = np.unique(both, return_index=True, return_inverse=True)[1:]
        ids: Ids = inverse.astype(np.int32)
        return ids

    def _names(self, between: Callable[[], None]) -> Ids:
        """By row, the number of its names' words in alphabetical order, −1 without any."""
        pieces = [pa.array([], pa.string())]
        for start in range(0, len(self._first_of_full), CHUNK):
            between()
            rows = self._first_of_full[start : start + CHUNK]
            firsts, lasts = (texts_at(texts, rows) for texts in (self.firsts, self.lasts))
            pieces.append(pa.array([" ".join(sorted(f"{a} {b}".split())) for a, b in zip(firsts, lasts, strict=True)]))
        encoded = pa.chunked_array(pieces).combine_chunks().dictionary_encode()
        numbers = encoded.indices.to_numpy().astype(np.int32)
        numbers[pc.equal(pc.take(encoded.dictionary, encoded.indices), "").to_numpy(zero_copy_only=False)] = -1
        by_row: Ids = numbers[self.full_ids]
        return by_row

    def _held_by(self, texts: Texts, many: int) -> npt.NDArray[np.bool_]:
        """By id of a text, whether at least so many names have it."""
        rows = np.flatnonzero((texts.ids >= 0) & (self.name_ids >= 0))
        pairs = np.unique((texts.ids[rows].astype(np.int64) << 32) + self.name_ids[rows])
        held: npt.NDArray[np.bool_] = np.bincount((pairs >> 32).astype(np.int64), minlength=len(texts.texts)) >= many
        return held

    def _crowds(self) -> dict[Texts, npt.NDArray[np.bool_]]:
        """By row, whether more than `CROWD` share its e-mail, or its name and address."""
        crowds = {}
        for texts, names in ((self.emails, 0), (self.addresses, self.name_ids)):
            _, inverse, counts = np.unique(mixed(texts.ids, names + texts.ids * 0), return_inverse=True, return_counts=True)
            crowds[texts] = counts[inverse] > CROWD
        return crowds

    def digits(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
        """The digits of the rows' numbers, the last one first."""
        phones = self.phones[rows]
        found: npt.NDArray[np.uint8] = np.empty((len(rows), DIGITS), np.uint8)
        for place in range(DIGITS):
            phones, found[:, place] = np.divmod(phones, np.uint64(10))
        return found

    def passes(self) -> Iterator[tuple[Hashes, Ranks]]:
        """By row, the number of its block (0: it stands in none) and its place in it, for one pass after the other."""
        names, full = self.name_ids, self.full_ids.astype(np.int64)
        street_begins = self.addresses.parts(lambda text: longest_word(text)[:3])
        postal = self.addresses.parts(lambda text: max(numbers_of(text), key=len, default=""))
        house = self.addresses.parts(lambda text: " ".join(sorted(numbers_of(text))))
        street = self.addresses.parts(longest_word)
        first_begins, last_begins = (texts.parts(lambda text: text[:3]) for texts in (self.firsts, self.lasts))
        first_initial, last_initial = (texts.parts(lambda text: text[:1]) for texts in (self.firsts, self.lasts))
        by_address, by_email = self.addresses.ranks(), self.emails.ranks()
        by_number = self.phones.astype(np.int64)
        head, tail = (np.where(by_number > 0, half, -1) for half in (by_number // HALF, by_number % HALF))
        yield mixed(self.emails.ids), full
        yield mixed(names, head), by_number
        yield mixed(names, tail), by_number
        yield mixed(tail, first_initial, last_initial), by_number
        yield mixed(names, house), by_address
        yield mixed(names, street), by_address
        yield mixed(names, postal), by_address
        yield mixed(names, self.mailbox_ids), by_email
        yield mixed(names, self.provider_ids), by_email
        yield mixed(house, street_begins, last_begins), full
        yield mixed(house, street_begins, first_begins), full
        yield mixed(self.number_ids, first_begins, last_begins), by_address
        yield mixed(street, first_initial, last_begins), by_address


@lru_cache(maxsize=1 << 16)
def longest_word(text: str) -> str:
    """The longest word of a folded address, the first in the alphabet of several: it is the street's or the town's own."""
    return max(text.partition("|")[2].split(), key=len, default="")


def numbers_of(text: str) -> list[str]:
    """The numbers of a folded address."""
    return text.partition("|")[0].split()


def provider_and_ending(text: str) -> str:
    """Of a folded e-mail address the domain, and the digits and last two signs of the mailbox."""
    local, _, domain = text.rpartition("@")
    return f"{domain} {''.join(filter(str.isdigit, local))} {local[-2:]}" if local else ""


def texts_at(texts: Texts, rows: npt.NDArray[np.int64]) -> list[str]:
    """The texts of rows, `""` for a blank."""
    ids = texts.ids[rows]
    found: list[str] = pc.fill_null(pc.take(texts.texts, pa.array(ids, mask=ids < 0)), "").to_pylist()
    return found


def mixed(*parts: npt.NDArray[np.integer]) -> Hashes:
    """One number for several, by row; 0 where any of them is −1. Two combinations that meet in one number are compared in
    vain, and nothing else."""
    whole = np.zeros(len(parts[0]), np.uint64)
    known = np.ones(len(parts[0]), np.bool_)
    for part in parts:
        known &= part >= 0
        whole = (whole ^ (part.astype(np.int64).view(np.uint64) + np.uint64(1))) * np.uint64(0x9E3779B97F4A7C15)
        whole ^= whole >> np.uint64(29)
    return np.where(known, np.maximum(whole, np.uint64(1)), np.uint64(0))
