"""What a mapping says in SQL: how contacts are read from a CRM's own database, and how events become activities in it.

Law: statements only, and only of the kinds that their place allows; what differs between versions of a CRM is picked by which
tables and columns are there. Values never stand in the text.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterable, Sequence, Set
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sync_connector.faults import ALSO

PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Alternative(BaseModel):
    """A piece of a query, and the table or `table.column` that must be there for it; none: it always serves."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sql: str
    has: str = ""


class Sql(BaseModel):
    """How the contacts are read from the CRM's own database.

    `query` is one SELECT in standard SQL (`"quoted"` names and `||` are understood by MySQL as well). `{prefix}` in it
    stands for the prefix of the tables, and `{name}` for the first of `pick.name` whose table or column is there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    databases: list[Literal["postgresql", "mysql", "sqlite"]] = Field(
        default=["postgresql", "mysql", "sqlite"], min_length=1, description="those that the query is written for"
    )
    tables: list[str] = Field(min_length=1, description="those by which the CRM is recognized; {prefix} stands for any prefix")
    query: str
    pick: dict[str, list[Alternative]] = {}
    modified: str = Field(default="", description="the query's column by which changes are found; blank: read in full each time")
    zone: str = Field(
        default="UTC",
        description="in which `modified` is kept: UTC, database, unix (seconds since 1970), or a name such as Europe/Paris",
    )
    zone_query: str = Field(default="", description="asks the CRM for its zone, where it keeps it in a table")

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        faults = []
        if not re.match(r"\s*(select|with)\b", self.query, re.IGNORECASE) or self.query.rstrip().endswith(";"):
            faults.append("sql.query: is one SELECT (or WITH … SELECT), without a semicolon behind it")
        wanted = set(PLACEHOLDER.findall(self.query)) - {"prefix"}
        faults += [
            f"sql.query: {{{name}}} stands for nothing; say what in [sql.pick]" for name in sorted(wanted - set(self.pick))
        ]
        faults += [f"sql.pick.{name}: is not in the query" for name in sorted(set(self.pick) - wanted)]
        if self.zone_query and (not re.match(r"\s*select\b", self.zone_query, re.IGNORECASE) or ";" in self.zone_query):
            faults.append("sql.zone_query: is one SELECT, without a semicolon in it")
        if self.modified and not re.search(rf"\b{re.escape(self.modified)}\b", self.query):
            faults.append(f"sql.modified: the query gives no column {self.modified!r}")
        if self.zone != "database" and not is_zone(self.zone):
            advice = "write UTC, database, unix, or one like Europe/Paris"
            faults.append(f"sql.zone: {self.zone!r} is no time zone; {advice}")
        if faults:
            raise ValueError(ALSO.join(faults))
        return self


PARAMETERS = frozenset(
    {
        "id",
        "id_text",
        "link_id",
        "event_key",
        "contact_key",
        "user",
        "started",
        "ended",
        "received",
        "seconds",
        "hours",
        "minutes",
        "direction",
        "answered",
        "title",
        "description",
        "html",
        "text",
        "phone_number",
    }
)
"""What the statements of `[activities]` may say with a colon before it; mappings/README.md tells what each is."""

PARAMETER = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")
_GIVEN = re.compile(r'\bAS\s+"?(\w+)"?', re.IGNORECASE)


class Activities(BaseModel):
    """How events become activities of the CRM's own, in its own tables.

    Each kind of event that the CRM has a place for has its statements. Values stand in them as `:names`, of `PARAMETERS` or
    of what `contact` and `user` give under a name (`AS name`); `{prefix}` and `{name}` as in `Sql`. A statement that is
    left blank by `pick` is passed over.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    databases: list[Literal["postgresql", "mysql", "sqlite"]] = Field(min_length=1)
    tables: list[str] = Field(min_length=1, description="that are read and written; {prefix} stands for any prefix")
    id: Literal["uuid", "hex17", "sequence", "database"] = Field(
        description="how an activity gets its key: 36 or 17 signs made of the event's, by `next_id`, or from the database itself"
    )
    id_column: str = Field(default="", description="with `database`: the column that the database fills, of the first statement")
    next_id: list[str] = Field(default=[], description="with `sequence`: the last statement gives the last of :count new keys")
    zone: str = Field(default="UTC", description="in which the CRM keeps times: UTC, account, or a name such as Europe/Paris")
    user: str = Field(description="one SELECT that finds the user :user")
    contact: str = Field(description="one SELECT that finds the contact :contact_key")
    pick: dict[str, list[Alternative]] = {}
    call: list[str] = Field(min_length=1)
    call_qualification: list[str] = []
    sms_status: list[str] = []
    incoming_sms: list[str] = []
    link_click: list[str] = []

    @property
    def statements(self) -> dict[str, list[str]]:
        """Kind of event → what is run for it; kinds without a place are left out."""
        kinds = ("call", "call_qualification", "sms_status", "incoming_sms", "link_click")
        return {kind: found for kind in kinds if (found := getattr(self, kind))}

    @model_validator(mode="after")
    def _hangs_together(self) -> Self:
        selects = {"user": [self.user], "contact": [self.contact]}
        given = _GIVEN.findall(f"{self.user} {self.contact}")
        known = PARAMETERS | {name for name in given if name.islower()}  # PostgreSQL gives all names in lower case
        faults = _statement_faults("user", selects["user"], {"user"}, ("SELECT",))
        faults += _statement_faults("contact", selects["contact"], {"contact_key"}, ("SELECT",))
        faults += _statement_faults("next_id", self.next_id, {"count"}, ("UPDATE", "INSERT", "SELECT"))
        for kind, texts in self.statements.items():
            faults += _statement_faults(kind, texts, known, ("INSERT", "UPDATE"))
        faults += _statement_faults("pick", [piece.sql for pieces in self.pick.values() for piece in pieces], known)
        texts = [text for texts in (*selects.values(), self.next_id, *self.statements.values()) for text in texts]
        wanted = {name for text in texts for name in PLACEHOLDER.findall(text)} - {"prefix"}
        faults += [f"activities.pick: {{{name}}} stands for nothing; say what, here" for name in sorted(wanted - set(self.pick))]
        faults += [f"activities.pick.{name}: is in no statement" for name in sorted(set(self.pick) - wanted)]
        if bool(self.next_id) != (self.id == "sequence"):
            faults.append('activities.next_id: goes with id = "sequence"')
        if bool(self.id_column) != (self.id == "database"):
            faults.append('activities.id_column: goes with id = "database"')
        if self.zone != "account" and (self.zone == "unix" or not is_zone(self.zone)):
            faults.append(f"activities.zone: {self.zone!r} is no time zone; write UTC, account, or one like Europe/Paris")
        if faults:
            raise ValueError(ALSO.join(faults))
        return self


def _statement_faults(setting: str, texts: Iterable[str], known: Set[str], verbs: Sequence[str] = ()) -> list[str]:
    """What is wrong with statements of `[activities]`: each begins with one of the verbs, or with a placeholder."""
    faults = []
    for text in texts:
        if verbs and not text.lstrip().startswith(("{", *verbs)):
            faults.append(f"activities.{setting}: each is one statement, and begins with {' or '.join(verbs)}")
        if ";" in text:  # where no value is in it, PostgreSQL would run what is behind
            faults.append(f"activities.{setting}: stands without a semicolon; in a text write CHR(59)")
        unknown = sorted(set(PARAMETER.findall(text)) - known)
        faults += [f"activities.{setting}: there is no :{name}; mappings/README.md tells what there is" for name in unknown]
    return faults


def is_zone(name: str) -> bool:
    """Whether times can be read in it: `unix` for seconds since 1970, or a time zone's name."""
    try:
        return name == "unix" or bool(zoneinfo.ZoneInfo(name))
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return False
