"""Every code that a finding may have: what it means, how grave it is, whether that may be changed, and one example.

Half of them are rules of this room; the others are given on the way, by sources, normalize, resolve and audits, and are listed
here because whoever reads a report meets them all alike.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sync_connector.model import Severity
from sync_connector.rules.rule import Found, Rule

SEVERITIES = "rules.severity"
"""The setting that turns a code `off`, or to `warn` or `reject`."""


AUDITED = ("likely_duplicate", "no_mx")
"""What only an audit of all contacts finds."""


class Entry(NamedTuple):
    """One code. `settable`: the setting that changes its severity, `""` if nothing does."""

    code: str
    field: str
    severity: Severity
    title: str
    advice: str
    example: Found
    settable: str = ""

    def as_json(self) -> dict[str, object]:
        """What `rules --json` prints."""
        example = {"value": self.example.value, "suggestion": self.example.suggestion}
        return self._asdict() | {"severity": self.severity.value, "example": example}


def entry_of(rule: Rule) -> Entry:
    """A rule's entry; its first example stands for it."""
    example = next(example.found for example in rule.examples if example.found is not None)
    return Entry(rule.code, rule.field, rule.severity, rule.title, rule.advice, example, SEVERITIES)


def _given(
    code: str, field: str, severity: Severity, title: str, advice: str, value: str, suggestion: str = "", settable: str = ""
) -> Entry:
    return Entry(code, field, severity, title, advice, Found(field, value, suggestion), settable)


REJECT, REPAIR, WARN = Severity.REJECT, Severity.REPAIR, Severity.WARN
SOURCE = "Correct it where the file is made, or in the file itself."

ON_THE_WAY: tuple[Entry, ...] = (
    _given("#001", "phone_number", REJECT, "invalid number", "Correct the number in the CRM.", "06 12 34", ""),
    _given("#002", "phone_number", REJECT, "blank number", "Give the contact a phone number in the CRM.", ""),
    _given("#003", "phone_number", REJECT, "no phone cell", "Export the row with its phone columns.", ""),
    _given(
        "#004",
        "email",
        REPAIR,
        "invalid e-mail",
        "Correct the address in the CRM; the contact is sent without it.",
        "jean@gmail,com",
        "jean@gmail.com",
        "rules.on_invalid_email",
    ),
    _given(
        "phone_mended",
        "phone_number",
        REPAIR,
        "number mended",
        "Write the number alone in its cell; what stood beside it was left out.",
        "06 12 34 87 65 poste 12",
        "+33612348765",
    ),
    _given(
        "email_mended",
        "email",
        REPAIR,
        "e-mail mended",
        "Write one address alone in its cell; what stood beside it was left out.",
        "jean@example.org; anna@example.org",
        "jean@example.org",
    ),
    _given(
        "email_with_name",
        "email",
        REPAIR,
        "e-mail with a name beside it",
        "Keep the address alone in its column; the name has columns of its own.",
        "Jean Dupont <jean@example.org>",
        "jean@example.org",
    ),
    _given(
        "unknown_country",
        "country_code",
        WARN,
        "country not understood",
        "Write the country's two-letter code or its full name.",
        "Francophonie",
    ),
    _given(
        "refused",
        "row",
        REJECT,
        "refused by the vendor without a reason",
        "Compare the row with one that was taken, and ask the vendor what is wrong with it.",
        "",
    ),
    _given("no_key", "key", REJECT, "row without an identifier", "Give the row an identifier in the CRM.", ""),
    _given(
        "duplicate_key",
        "key",
        REJECT,
        "identifier that stands twice",
        "Give each row its own identifier; only the first of them is read.",
        "C0001",
    ),
    _given(
        "shared_phone",
        "phone_number",
        WARN,
        "one number on several contacts",
        "Correct the number of one of them, or leave it so: one is sent, the others are held.",
        "+33612348765",
        "",
        "rules.shared_phone",
    ),
    _given(
        "likely_duplicate",
        "row",
        WARN,
        "same person under two identifiers",
        "Compare the two in the CRM, and merge them if they are one person.",
        "C0001",
        "",
        SEVERITIES,
    ),
    _given(
        "no_mx",
        "email",
        WARN,
        "domain that takes no mail",
        "Check the address: nobody receives mail at its domain.",
        "jean@example.invalid",
        "",
        SEVERITIES,
    ),
    _given("ragged_row", "row", REJECT, "row with too many or too few cells", SOURCE, "C0001,Jean,Dupont,,,"),
    _given("bad_quote", "row", REJECT, "quotes that do not match", SOURCE, 'C0001,Jean "Jo" Dupont"'),
    _given("unclosed_quote", "row", REJECT, "quote that is never closed", SOURCE, 'C0001,"Jean'),
    _given("stray_return", "row", REJECT, "carriage return inside a line", SOURCE, "C0001,Jean␍C0002,Anna"),
    _given("nul_byte", "row", REJECT, "NUL byte in a row", SOURCE, "C0001,Jean"),
    _given(
        "undecodable",
        "row",
        REJECT,
        "bytes that are no text",
        "Set the source's encoding, or export the file again as UTF-8.",
        "C0001,Ren\ufffde",
    ),
    _given("changed", "row", REJECT, "file that changed while it was read", "Run again when the file is complete.", ""),
    _given("too_long", "row", REJECT, "row that is too long", SOURCE, "C0001,…"),
    _given("bad_json", "row", REJECT, "line that is not JSON", SOURCE, '{"id": 1'),
    _given("no_object", "row", REJECT, "JSON that is no object", SOURCE, "[1, 2]"),
    _given("bad_record", "row", REJECT, "record that cannot be read", "Correct the tap, or leave the stream out.", "7"),
    _given("unclosed_card", "row", REJECT, "vCard without an end", SOURCE, "BEGIN:VCARD"),
    _given("bad_card", "row", REJECT, "vCard that cannot be read", SOURCE, "BEGIN:VCARD"),
    _given("bad_line", "row", REJECT, "line that is no property of a vCard", SOURCE, "FN Jean Dupont"),
)


def catalogue(rules: Iterable[Rule]) -> dict[str, Entry]:
    """All entries by code, those of the way first."""
    entries = [*ON_THE_WAY, *map(entry_of, rules)]
    return {entry.code: entry for entry in entries}
