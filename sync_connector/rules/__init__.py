"""Data-quality rules: what is odd about a row that can be sent, and what an invalid cell was meant to hold.

One file a field, one small function a rule; a new rule is a function under `@rule` with its table of examples, and is found,
listed and tested by itself. Law: pure, and no rule changes what is sent; a finding says, a person decides.

    @rule("exclaimed", "last_name", title="name with an exclamation mark", advice="Write the name alone.",
          examples=(Row(last_name="Dupont!").gives("last_name", "Dupont!", "Dupont"), Row(last_name="Dupont").passes()))
    def exclaimed(seen: Seen) -> tuple[Found, ...]:
        ...
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sync_connector.model import Finding, Severity
from sync_connector.rules import email, name, phone, phone_nobodys
from sync_connector.rules.catalogue import AUDITED, SEVERITIES, Entry, catalogue
from sync_connector.rules.rule import Cell, Found, Rule, Seen
from sync_connector.rules.suggestion import advise_invalid_email, advise_invalid_phone

__all__ = [
    "AUDITED",
    "CATALOGUE",
    "DEFAULT",
    "RULES",
    "SEVERITIES",
    "Cell",
    "Chosen",
    "Entry",
    "Found",
    "Seen",
    "advise_invalid_email",
    "advise_invalid_phone",
    "chosen",
    "judge",
]

RULES: dict[str, Rule] = {
    each.code: each for module in (phone, phone_nobodys, name, email) for each in vars(module).values() if isinstance(each, Rule)
}
CATALOGUE: dict[str, Entry] = catalogue(RULES.values())

Chosen = tuple[tuple[Rule, Severity], ...]
"""The rules that run, each with its severity."""


def chosen(severities: Mapping[str, Literal["off", "warn", "reject"]]) -> Chosen:
    """The rules that run where these codes are set otherwise than by default; codes of other rooms are not looked at."""
    wanted = [(each, severities.get(each.code, each.severity.value)) for each in RULES.values()]
    return tuple((each, Severity(severity)) for each, severity in wanted if severity != "off")


DEFAULT = chosen({})


def judge(seen: Seen, rules: Chosen = DEFAULT) -> tuple[Finding, ...]:
    """What the rules find in one row, in the order of the catalogue."""
    return tuple(
        Finding(each.code, found.field, severity, found.value, each.advice, found.column, found.suggestion)
        for each, severity in rules
        for found in each.look(seen)
    )
