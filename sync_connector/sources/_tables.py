"""What a database has: its tables, their prefix, and the query that fits this version of its schema.

Not a source itself: `sql` reads with it, and `init` recognizes a CRM by it. Nothing is asked of a person that the tables
can tell.
"""

from __future__ import annotations

from typing import NamedTuple

from sync_connector import mapping
from sync_connector.crm_sql import PLACEHOLDER, Sql
from sync_connector.database import Tables, fill
from sync_connector.errors import FixSetup
from sync_connector.recognition import Recognition

SHOWN = 30


class Fitted(NamedTuple):
    """A mapping's query as this database can run it, and the sentence that says what was found."""

    query: str
    why: str


def fit(sql: Sql, tables: Tables, crm: str, prefix: str | None) -> Fitted:
    """Fill a query's placeholders by what is there. Raises `FixSetup`: other tables, or several prefixes to choose from."""
    prefixes = tables.prefixes(sql.tables)
    if prefix is not None:
        prefixes = [found for found in prefixes if found == prefix.casefold()]
    if not prefixes:
        wanted = ", ".join(pattern.replace("{prefix}", "…" if prefix is None else prefix) for pattern in sql.tables)
        raise FixSetup(f"source.url: these are not the tables of {crm}: it has {wanted}, here are {_shown(tables)}")
    if len(prefixes) > 1:
        listed = ", ".join(repr(found) for found in prefixes)
        raise FixSetup(f"source.prefix: several {crm} are in this database, with the prefixes {listed}; choose one")
    chosen = prefixes[0]
    first = sql.tables[0].replace("{prefix}", chosen)
    filled, missing = fill(sql.pick, tables, tables.names[first.casefold()][: len(chosen)], "sql.pick")
    if missing:
        raise FixSetup(
            *missing, f"this version of {crm} has another schema; write a query of your own and name it in source.query"
        )
    names = ", ".join(tables.names[pattern.replace("{prefix}", chosen).casefold()] for pattern in sql.tables)
    return Fitted(PLACEHOLDER.sub(lambda match: filled[match[1]], sql.query), f"it has the tables {names}")


def _shown(tables: Tables) -> str:
    names = sorted(tables.names.values())
    if not names and tables.database == "postgresql":
        return "none; if they are in a schema of their own, name it in the URL: ?options=-csearch_path%3Dschema"
    if not names:
        return "no tables at all"
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def recognize(tables: Tables) -> list[Recognition]:
    """The shipped mappings whose tables are all there, the one with the most tables first.

    Raises `FixSetup` when there is none.
    """
    fits = []
    for name in mapping.names():
        found = mapping.load(name)
        if found.sql is None or tables.database not in found.sql.databases or not tables.prefixes(found.sql.tables):
            continue
        names = ", ".join(found.sql.tables).replace("{prefix}", tables.prefixes(found.sql.tables)[0])
        fits.append(
            Recognition(name, found.crm, float(len(found.sql.tables)), f"it has the tables {names}, as only {found.crm} does")
        )
    if not fits:
        raise FixSetup(
            f"no mapping knows these tables: {_shown(tables)}",
            "write the SELECT that gives your contacts into a file, and name it: sync-connector init URL --query contacts.sql",
        )
    return sorted(fits, key=lambda fit: (-fit.score, fit.name))
