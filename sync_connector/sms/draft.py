"""A message as it was asked for, and the reasons for which one is not sent. Pure.

Law: what is asked for is either planned or left out, with a code and a sentence; nothing is dropped in silence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import xxhash

from sync_connector.model import Place
from sync_connector.sms.template import field_name

NOWHERE = Place("", 0)
"""Of a message that was typed on the command line."""


NAMED = "id "
"""What the identity begins with of a message that has a name of its own."""
LONGEST_IDENTITY = 200
"""Characters of such a name that stand in the identity as they are."""


class Draft(NamedTuple):
    """A message as it was asked for.

    `number`: as it was written, seen from `country` (`""`: the account's). `text`: its own, or `None`: the template's, made of
    `fields`. `url`, `at` and `priority`: its own where they are filled. `identity`: what makes it the same message to its number
    when it is asked for again; `""`: the number alone does, `None`: nothing. `unreadable`: why it is no message at all.
    """

    place: Place
    number: str
    country: str = ""
    fields: Mapping[str, str] = {}
    text: str | None = None
    url: str = ""
    at: str = ""
    priority: str = ""
    identity: str | None = None
    contact_key: str | None = None
    contact_source: str | None = None
    unreadable: str = ""


class LeftOut(NamedTuple):
    """A message that is not sent: why, in a word of `REASONS` and in a sentence."""

    place: Place
    number: str
    code: str
    advice: str
    contact_key: str | None = None


REASONS: Mapping[str, str] = {
    "#001": "invalid phone number",
    "#002": "blank phone number",
    "no_sms_number": "a number that receives no SMS",
    "opted_out": "answered STOP, or was opted out by a person",
    "crm_opt_out": "the CRM says not to call or write",
    "blank_field": "a field of the text is blank",
    "bad_text": "no text, or one that cannot be sent",
    "bad_link": "a link that cannot be tracked",
    "bad_date": "a date that cannot be, or is over",
    "bad_priority": "a priority that there is not",
    "no_hour": "no allowed hour within two weeks",
    "twice": "the same message twice in this run",
    "already": "sent by an earlier run of the campaign",
    "unknown": "an earlier run does not know whether it was sent",
    "refused": "refused by the vendor in an earlier run",
    "unreadable": "a row that cannot be read",
}
"""Every code for which a message is left out, and what it means."""


def fields_of(headers: Iterable[str]) -> tuple[dict[str, str], dict[str, list[str]]]:
    """Under which name a template finds each column: name → header; and the names that several headers share, which no
    template may use."""
    named: dict[str, list[str]] = defaultdict(list)
    for header in headers:
        if header.strip():
            named[field_name(header)].append(header)
    shared = {name: several for name, several in named.items() if len(several) > 1}
    return {name: one[0] for name, one in named.items() if name not in shared}, shared


def named(name: str) -> str:
    """The identity of a message that has a name of its own, which may be longer than a database can index."""
    return NAMED + (name if len(name) <= LONGEST_IDENTITY else digest({"": name}))


def digest(cells: Mapping[str, str]) -> str:
    """16 signs of what a row of a file says, column by column."""
    said = "\x1e".join(f"{header}\x1f{cell.strip()}" for header, cell in cells.items())
    return xxhash.xxh3_64_hexdigest(said.encode("utf-8", "surrogatepass"))
