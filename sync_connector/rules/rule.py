"""What a rule is: one small function, with the table of examples that is its test.

A rule is handed one row as it was understood and answers with what it found, mostly nothing. What a person reads (title,
advice) and what proves the rule (examples) stands in its decorator, beside the function, so that a new rule is one place to
write and no test file to open.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from sync_connector.fields.email import email_address
from sync_connector.fields.phone import phone_number
from sync_connector.model import Severity

Field = Literal["phone_number", "first_name", "last_name", "adress", "email", "country_code"]


class Cell(NamedTuple):
    """A phone or e-mail cell of a row. `column`: its header in the CRM; `raw`: its text as it stood; `region`: the country
    (ISO alpha-2) from which a phone was seen; `understood`: the number (E.164) or address that was read, `""` if none was."""

    column: str
    raw: str
    region: str = ""
    understood: str = ""


class Seen(NamedTuple):
    """One row, as a rule sees it. The first six are as they are sent, `""` if blank; `phone_number` is E.164, `""` if the row
    has no valid one. `country` is the row's own (ISO alpha-2), `""` if it names none; `default_country` is the source's.
    `phones` and `emails` are the filled cells, most wanted first; phone cells behind the one that is sent need not be
    understood yet. The last two are the headers that the names came from."""

    first_name: str = ""
    last_name: str = ""
    adress: str = ""
    email: str = ""
    phone_number: str = ""
    country: str = ""
    default_country: str = ""
    phones: tuple[Cell, ...] = ()
    emails: tuple[Cell, ...] = ()
    first_name_column: str = ""
    last_name_column: str = ""


class Found(NamedTuple):
    """What a rule found in a row: the field, the offending text as it stood, what it should probably be (`""`: not known
    for sure), and the header of its column, if it is one column's."""

    field: str
    value: str
    suggestion: str = ""
    column: str = ""


class Example(NamedTuple):
    """A row and what a rule finds in it; `found` is `None` where it must find nothing."""

    row: Row
    found: Found | None


class Row(NamedTuple):
    """A row of a CRM, in short, for examples: cells as a person would type them."""

    first_name: str = ""
    last_name: str = ""
    mobile: str = ""
    phone: str = ""
    email: str = ""
    country: str = ""
    default_country: str = "FR"

    def seen(self) -> Seen:
        """The row as the pipeline would hand it to the rules."""
        region = self.country or self.default_country
        cells = [(column, raw) for column, raw in (("mobile", self.mobile), ("phone", self.phone)) if raw]
        phones = tuple(Cell(column, raw, region, phone_number(raw, region).e164 or "") for column, raw in cells)
        address = email_address(self.email).address or ""
        return Seen(
            first_name=self.first_name,
            last_name=self.last_name,
            email=address,
            phone_number=next((cell.understood for cell in phones if cell.understood), ""),
            country=self.country,
            default_country=self.default_country,
            phones=phones,
            emails=(Cell("email", self.email, "", address),) if self.email else (),
            first_name_column="first_name",
            last_name_column="last_name",
        )

    def gives(self, field: Field, value: str, suggestion: str = "") -> Example:
        """An example in which the rule finds this."""
        column = field if field != "phone_number" else "mobile" if self.mobile == value else "phone"
        return Example(self, Found(field, value, suggestion, column))

    def passes(self) -> Example:
        """An example in which the rule finds nothing."""
        return Example(self, None)


Look = Callable[[Seen], tuple[Found, ...]]


class Rule(NamedTuple):
    """One rule. `code` names it in settings and findings; `title` is a short noun phrase, `advice` a sentence to the data
    steward that holds for every finding of this code; `look` is the function."""

    code: str
    field: str
    severity: Severity
    title: str
    advice: str
    examples: tuple[Example, ...]
    look: Look


def rule(
    code: str,
    field: Field,
    *,
    title: str,
    advice: str,
    examples: tuple[Example, ...],
    severity: Severity = Severity.WARN,
) -> Callable[[Look], Rule]:
    """Make a rule of a function from a row to what is found in it.

    `severity` is `reject` only where sending is surely wrong: a row that has other good cells is sent with what it has.
    """
    return lambda look: Rule(code, field, severity, title, advice, examples, look)
