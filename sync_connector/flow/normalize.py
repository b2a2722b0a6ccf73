"""Normalize: rows → contacts and findings, so that the vendor never has to answer `#001` … `#004`.

Law: pure. A fault is a `Finding`, never an exception; a contact is either whole or rejected with its reasons.
Each field's rule is handed a whole column; only the choice between several cells of a row is made row by row.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Literal, NamedTuple

import pandas as pd
import phonenumbers

from sync_connector.fields.country import country_code, territory
from sync_connector.fields.email import NAME_LEFT_OUT, email_address
from sync_connector.fields.name import clean, clean_column
from sync_connector.fields.phone import Judge, Phone, by_library, by_shortcut, phone_column, phone_number, region_of
from sync_connector.flow.extract import Rows
from sync_connector.mapping import INTERNATIONAL, Binding, fold
from sync_connector.model import Contact, Finding, Severity
from sync_connector.rules import DEFAULT, Cell, Chosen, Seen, advise_invalid_email, advise_invalid_phone, judge

RULES_VERSION = "3"
"""Raise it when the same row may become another contact: every ledger then looks at every row again."""

Cells = list[str | None]
WHOLE = re.compile(r"[.,]0+$")
"""What a spreadsheet writes behind a whole number."""


class Normalized(NamedTuple):
    """What a row became. `contact` is `None` when a finding rejects it. `recency`: seconds since 1970, if known. `country`:
    the contact's, or from which the numbers of a rejected row were seen; `""` where nothing tells."""

    contact: Contact | None
    findings: tuple[Finding, ...]
    recency: int | None
    country: str


class Choices(NamedTuple):
    """Where the data leave a choice."""

    default_country: str | None
    on_invalid_email: Literal["drop", "reject"]
    phone_shortcut: bool = True
    rules: Chosen = DEFAULT

    @property
    def judge(self) -> Judge:
        """Who says whether a number is valid."""
        return by_shortcut if self.phone_shortcut else by_library


def normalize(rows: Rows, binding: Binding, choices: Choices) -> list[Normalized]:
    """A contact or its rejection for each row, in order."""
    cells = {header: column.to_pylist() for header, column in rows.columns.items()}
    count = len(rows)
    findings: list[list[Finding]] = [[] for _ in range(count)]
    countries = _countries(cells, binding, count, findings, choices.default_country)
    candidates = _candidates(cells, binding, count, choices.judge)
    phones, phone_at = _phones(cells, binding, countries, candidates, choices, findings)
    emails, email_at = _emails(cells, binding, count, findings, choices)
    first_names = _first_filled(cells, binding.first_name, count)
    last_names = _first_filled(cells, binding.last_name, count)
    full_names = _first_filled(cells, binding.full_name, count)
    adresses = _joined(cells, binding.adress, count)
    if binding.adress_otherwise and not all(adresses):
        otherwise = _joined(cells, binding.adress_otherwise, count)
        adresses = [adress or other for adress, other in zip(adresses, otherwise, strict=True)]
    recencies = _recencies(cells, binding, count)
    addresses = [(header, cells[header]) for header in binding.email]
    named_in = ((binding.first_name or ("",))[0], (*binding.last_name, *binding.full_name, "")[0])
    default = choices.default_country or ""
    done = []
    for row in range(count):
        phone, first, last = phones[row], first_names[row], last_names[row]
        contact = None
        country = here = countries[row]
        if not first and not last:
            last = full_names[row]
        if choices.rules:
            numbers_seen = [
                Cell(header, raw, here or own or default, phone or "" if at == phone_at[row] else "")
                for at, (raw, own, header) in enumerate(candidates[row])
            ]
            addresses_seen = [
                Cell(header, raw, "", emails[row] if at == email_at[row] else "")
                for at, (header, column) in enumerate(addresses)
                if (raw := column[row])
            ]
            words = (first, last, adresses[row], emails[row], phone or "", here, default)
            findings[row] += judge(Seen(*words, tuple(numbers_seen), tuple(addresses_seen), *named_in), choices.rules)
        if phone is not None and not any(finding.severity is Severity.REJECT for finding in findings[row]):
            country = here or _country_of(phone, choices.default_country)
            contact = Contact(phone, first, last, adresses[row], emails[row], country)
        done.append(Normalized(contact, tuple(findings[row]), recencies[row], country or default))
    return done


class Number(NamedTuple):
    """What one phone cell of a row holds, whether it was taken or not. `region`: from which it was seen."""

    header: str
    raw: str
    region: str | None
    phone: Phone


def numbers(rows: Rows, binding: Binding, choices: Choices) -> list[list[Number]]:
    """All phone cells of each row, most wanted first: the first with a number is the one that is sent."""
    cells = {header: column.to_pylist() for header, column in rows.columns.items()}
    count = len(rows)
    countries = _countries(cells, binding, count, [[] for _ in range(count)], choices.default_country)
    seen = []
    for country, candidates in zip(countries, _candidates(cells, binding, count, choices.judge), strict=True):
        regions = [country or own or choices.default_country for _, own, _ in candidates]
        answers = phone_column([raw for raw, _, _ in candidates], regions, choices.judge)
        seen.append([Number(c[2], c[0], region, phone) for c, region, phone in zip(candidates, regions, answers, strict=True)])
    return seen


def _countries(
    cells: dict[str, Cells], binding: Binding, count: int, findings: list[list[Finding]], default_country: str | None
) -> list[str]:
    countries = [""] * count
    for header in binding.country:
        for row, raw in enumerate(cells[header]):
            if countries[row] or not raw:
                continue
            code = country_code(raw)
            if code is None:
                advice = "write the country's two-letter code or its full name"
                findings[row].append(Finding("unknown_country", "country_code", Severity.WARN, raw, advice, header))
            countries[row] = code or ""
    for header in binding.postcode:
        for row, postcode in enumerate(cells[header]):
            here = countries[row] or default_country
            if postcode and here and (found := territory(here, postcode)) != here:
                countries[row] = found
    return countries


def _phones(
    cells: dict[str, Cells],
    binding: Binding,
    countries: Sequence[str],
    candidates: list[list[tuple[str, str | None, str]]],
    choices: Choices,
    findings: list[list[Finding]],
) -> tuple[list[str | None], list[int]]:
    """Each row's first valid number, in the order that the mapping prefers, seen from the row's country, else from the
    column's, else from the source's; and which of its candidates that is."""
    count = len(countries)
    chosen: list[str | None] = [None] * count
    chosen_at = [-1] * count
    refused: list[Finding | None] = [None] * count
    turn = 0
    while open_rows := [row for row in range(count) if chosen[row] is None and len(candidates[row]) > turn]:
        raws = [candidates[row][turn][0] for row in open_rows]
        headers = [candidates[row][turn][2] for row in open_rows]
        regions = [countries[row] or candidates[row][turn][1] or choices.default_country for row in open_rows]
        answers = phone_column(raws, regions, choices.judge)
        for row, raw, region, header, phone in zip(open_rows, raws, regions, headers, answers, strict=True):
            chosen[row] = phone.e164
            if phone.e164 is not None:
                chosen_at[row] = turn
            elif refused[row] is None:
                advice = f"{phone.reason}; correct the number in the CRM"
                meant = advise_invalid_phone(raw, region or "", choices.default_country or "", choices.judge)
                refused[row] = Finding("#001", "phone_number", Severity.REJECT, raw, advice, header, meant)
            for note in phone.notes:
                findings[row].append(
                    Finding("phone_mended", "phone_number", Severity.REPAIR, raw, note, header, phone.e164 or "")
                )
        turn += 1
    wanted = binding.phone[0].value
    for row, finding in enumerate(refused):
        if chosen[row] is not None:
            if finding is not None:
                advice = f"{finding.advice}; {chosen[row]} from another column was taken instead"
                findings[row].append(finding._replace(severity=Severity.REPAIR, advice=advice))
        elif finding is not None:
            findings[row].append(finding)
        elif all(cells[column.value][row] is None for column in binding.phone):
            findings[row].append(Finding("#003", "phone_number", Severity.REJECT, "", "the row has no phone cell", wanted))
        else:
            findings[row].append(
                Finding("#002", "phone_number", Severity.REJECT, "", "give the contact a phone number in the CRM", wanted)
            )
    return chosen, chosen_at


def _candidates(cells: dict[str, Cells], binding: Binding, count: int, judge: Judge) -> list[list[tuple[str, str | None, str]]]:
    """Each row's filled phone cells, most wanted first, each with its column's country and header."""
    plusless = [column.value for column in binding.phone if column.country == INTERNATIONAL]
    cells = cells | {header: [_with_plus(raw, judge) for raw in cells[header]] for header in plusless}
    own = [None if column.country == INTERNATIONAL else column.country for column in binding.phone]
    if all(column.label is None for column in binding.phone):
        columns = [cells[column.value] for column in binding.phone]
        headers = [column.value for column in binding.phone]
        return [
            [(raw, country, header) for raw, country, header in zip(row, own, headers, strict=True) if raw and not raw.isspace()]
            for row in zip(*columns, strict=True)
        ]
    candidates = []
    for row in range(count):
        ranked = []
        for column, country in zip(binding.phone, own, strict=True):
            raw = cells[column.value][row]
            label = fold((column.label and cells[column.label][row]) or "").removeprefix("*").strip()
            if raw and not raw.isspace() and label not in binding.never:
                ranked.append((label not in binding.prefer, column.rank, raw, country, column.value))
        candidates.append([one[2:] for one in sorted(ranked, key=lambda one: one[:2])])
    return candidates


def _with_plus(raw: str | None, judge: Judge) -> str | None:
    """A number written with its prefix but without the plus sign, with it; what that makes no number of stays as it is."""
    digits = WHOLE.sub("", (raw or "").strip())
    if digits.isascii() and digits.isdecimal() and phone_number(f"+{digits}", None, judge).e164:
        return f"+{digits}"
    return raw


def _emails(
    cells: dict[str, Cells], binding: Binding, count: int, findings: list[list[Finding]], choices: Choices
) -> tuple[list[str], list[int]]:
    """Each row's first valid address, and in which of the e-mail columns it stands."""
    emails = [""] * count
    chosen_at = [-1] * count
    refused: list[Finding | None] = [None] * count
    reject = choices.on_invalid_email == "reject"
    severity = Severity.REJECT if reject else Severity.REPAIR
    consequence = "correct it in the CRM" if reject else "left out; correct it in the CRM"
    for at, header in enumerate(binding.email):
        for row, raw in enumerate(cells[header]):
            if emails[row] or not raw or raw.isspace():
                continue
            email = email_address(raw)
            if email.address is None:
                if refused[row] is None:
                    advice = f"{email.reason} {consequence}"
                    refused[row] = Finding("#004", "email", severity, raw, advice, header, advise_invalid_email(raw))
                continue
            emails[row], chosen_at[row] = email.address, at
            for note in email.notes:
                code = "email_with_name" if note == NAME_LEFT_OUT else "email_mended"
                findings[row].append(Finding(code, "email", Severity.REPAIR, raw, note, header, email.address))
    for row, finding in enumerate(refused):
        if finding is not None:
            if emails[row]:
                finding = finding._replace(
                    severity=Severity.REPAIR, advice=f"{finding.advice}; another address was taken instead"
                )
            findings[row].append(finding)
    return emails, chosen_at


def _first_filled(cells: dict[str, Cells], headers: Sequence[str], count: int) -> list[str]:
    if not headers:
        return [""] * count
    filled = clean_column(raw or "" for raw in cells[headers[0]])
    for header in headers[1:]:
        filled = [kept or clean(raw or "") for kept, raw in zip(filled, cells[header], strict=True)]
    return filled


def _joined(cells: dict[str, Cells], headers: Sequence[str], count: int) -> list[str]:
    """Parts of an address, joined by commas; the lines of one cell are parts as well."""
    if not headers:
        return [""] * count
    columns = [cells[header] for header in headers]
    joined = []
    for row in zip(*columns, strict=True):
        parts = []
        for raw in row:
            for line in (raw or "").replace("\\n", "\n").splitlines():
                if part := clean(line).strip(", "):
                    parts.append(part)
        joined.append(", ".join(parts))
    return joined


def _recencies(cells: dict[str, Cells], binding: Binding, count: int) -> list[int | None]:
    """When each row last changed: ISO 8601, or seconds or milliseconds since 1970. What is neither is unknown, never guessed."""
    recencies: list[int | None] = [None] * count
    for header in binding.modified:
        raws = cells[header]
        times = pd.to_datetime(pd.Series(raws, dtype="object"), format="ISO8601", errors="coerce", utc=True)
        for row, time in enumerate(times):
            if recencies[row] is not None:
                continue
            raw = (raws[row] or "").strip()
            if raw.isdecimal() and 9 <= len(raw) <= 14:
                recencies[row] = int(raw) if len(raw) <= 11 else int(raw) // 1000
            elif not pd.isna(time):
                recencies[row] = int(time.timestamp())
    return recencies


@functools.cache
def _only_region(prefix: int) -> str | None:
    regions = phonenumbers.region_codes_for_country_code(prefix)
    return regions[0] if len(regions) == 1 else None


def _country_of(e164: str, likely: str | None) -> str:
    """The country of a number, without asking the library where the prefix alone tells."""
    if likely is not None:
        prefix = phonenumbers.country_code_for_region(likely)
        if e164.startswith(f"+{prefix}") and _only_region(prefix) == likely:
            return likely
    return region_of(e164)
