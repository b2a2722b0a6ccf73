"""Messages to contacts of the CRM: those of the source that a filter lets through, and what the CRM says against it.

Law: whom the CRM marks as deleted or private is no contact; whom it marks as not to be called or written to is counted as
that, and none of the numbers of such a row gets a message, whatever row or file else it stands in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from sync_connector import mapping, sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.flow.extract import Extraction, Rows, extract, marked
from sync_connector.flow.normalize import Choices, normalize, numbers
from sync_connector.model import Contact, Place
from sync_connector.sms.draft import Draft, fields_of

OPT_OUTS = ("do not SMS", "do not call", "opted out")
"""The reasons of a mapping's `deleted` that are a person's own wish; the others say that there is nobody to write to."""

OWN_FIELDS = (*Contact._fields, "address")
"""What a text may name of every contact, whatever its columns are called."""

FILTER = re.compile(r"(?P<header>.+?)\s*(?P<sign>!=|=)\s*(?P<value>.*)", re.DOTALL)


class Filter(NamedTuple):
    """A column that must say a value, or must not."""

    header: str
    value: str
    wanted: bool

    def mask(self, column: pa.Array) -> npt.NDArray[np.bool_]:
        """The rows that pass. Case and outer blanks do not matter; `*` is any filled cell."""
        said = pc.fill_null(pc.utf8_lower(pc.utf8_trim_whitespace(column)), "")
        same = pc.not_equal(said, "") if self.value == "*" else pc.equal(said, self.value.lower())
        mask: npt.NDArray[np.bool_] = same.to_numpy(zero_copy_only=False)
        return mask if self.wanted else ~mask


def filters(wheres: Sequence[str], headers: Sequence[str]) -> list[Filter]:
    """What `--where` says, in terms of the source's headers. Raises `FixSetup`, every fault at once."""
    known = mapping.by_folded_name(headers)
    found, faults = [], []
    for where in wheres:
        said = FILTER.fullmatch(where.strip())
        header = known.get(mapping.fold(said["header"])) if said else None
        if said is None:
            faults.append(f"--where: {where!r} is no filter; write COLUMN=VALUE or COLUMN!=VALUE")
        elif header is None:
            faults.append(f"--where: there is no column {said['header']!r}; there are: {', '.join(headers)}")
        else:
            found.append(Filter(header, said["value"].strip(), said["sign"] == "="))
    if faults:
        raise FixSetup(*faults)
    return found


@dataclass(slots=True)
class Contacts:
    """The source's contacts, to be read more than once. `fields`: name → column; `shared`: names that several columns have.
    `left_out`: reason → rows that are no contacts any more."""

    settings: Source
    choices: Choices
    source: sources.RowSource
    binding: mapping.Binding
    opt_outs: tuple[tuple[str, tuple[str, ...], str], ...]
    fields: dict[str, str]
    shared: dict[str, list[str]]
    left_out: Counter[str] = field(default_factory=Counter)

    @property
    def known_fields(self) -> set[str]:
        """What a text may name: the contact's fields, and the source's columns."""
        return {*OWN_FIELDS, *self.fields}

    def opted_out(self) -> dict[str, str]:
        """Every number (E.164) of the rows that the CRM marks as not to be called or written to, and the reason."""
        found: dict[str, str] = {}
        if self.opt_outs:
            for rows in self._rows(Extraction()):
                for header, values, reason in self.opt_outs:
                    hit = marked(rows.columns[header], values)
                    if hit.any():
                        for seen in numbers(rows.take(hit), self.binding, self.choices):
                            each = [e164 for one in seen for e164 in (one.phone.e164, *one.phone.others) if e164]
                            found.update(dict.fromkeys(each, reason))
        return found

    def drafts(self, wheres: Sequence[str]) -> Iterator[Draft]:
        """A draft of each contact that passes every filter, its text being the template's. A row without a number that can be
        sent to the vendor has a draft with the number as it stands."""
        passing = filters(wheres, self.source.headers())
        extraction = Extraction()
        for rows in self._rows(extraction):
            for one in passing:
                rows = rows.take(one.mask(rows.columns[one.header]))
            if len(rows):
                yield from self._drafts(rows)
        self.left_out = extraction.deleted
        yield from (Draft(piece.place, "", unreadable=piece.reason) for piece in extraction.set_aside)

    def _rows(self, extraction: Extraction) -> Iterator[Rows]:
        return extract(self.source.chunks(), self.binding, extraction)

    def _drafts(self, rows: Rows) -> Iterator[Draft]:
        normalized = normalize(rows, self.binding, self.choices)
        seen = numbers(rows, self.binding, self.choices)
        cells = {header: column.to_pylist() for header, column in rows.columns.items()}
        for at, (one, phones) in enumerate(zip(normalized, seen, strict=True)):
            own = {name: (cells[header][at] or "").strip() for name, header in self.fields.items()}
            key = rows.keys[at].as_py()
            number = one.contact.phone_number if one.contact else next((phone.raw for phone in phones if phone.raw), "")
            yield Draft(
                Place(rows.file, int(rows.lines[at])),
                number,
                country=one.country,
                fields=own | _told(one.contact),
                identity="",
                contact_key=key or None,
                contact_source=self.settings.name,
                unreadable=""
                if one.contact or not number
                else "; ".join(f.advice for f in one.findings if f.severity == "reject"),
            )


def _told(contact: Contact | None) -> dict[str, str]:
    """A contact's fields under their names, and `address` as people write it."""
    if contact is None:
        return {}
    return contact._asdict() | {"address": contact.adress}


def open_contacts(settings: Source, choices: Choices) -> Contacts:
    """Look at the source. Raises `FixSetup`, `TryLater`."""
    if settings.type == "singer":
        raise FixSetup("a Singer tap is read once and by whoever pipes it in: messages cannot be sent to its contacts")
    source = sources.open_source(settings)
    headers = list(source.headers())
    binding = mapping.bind(mapping.load(settings.mapping), headers)
    wishes = tuple(rule for rule in binding.deleted if rule[2] in OPT_OUTS)
    rest = tuple(rule for rule in binding.deleted if rule[2] not in OPT_OUTS)
    binding = binding._replace(deleted=rest, besides=tuple(headers))
    fields, shared = fields_of(headers)
    return Contacts(settings, choices, source, binding, wishes, fields, {n: h for n, h in shared.items() if n not in OWN_FIELDS})
