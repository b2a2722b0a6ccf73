"""What is said of a database wherever one is opened: its URL, its modes, its tables, its words, and what its errors mean.

Law: no message shows a login, a password, or a statement's values. What an error means is decided by its code, and only where
a driver gives none by its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from enum import Enum
from typing import Any

import sqlalchemy as sa

from sync_connector.crm_sql import Alternative
from sync_connector.errors import FixSetup, SyncError, TryLater

INSTALL = {"psycopg": "postgresql", "pymysql": "mysql"}
DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
}
ADVICE = "write postgresql://user@host/database, mysql://user@host/database, or sqlite:///file.db"

# SQLAlchemy asks for the mode once, as it connects: set later, it would misread how MySQL shows its tables.
STANDARD_MODE = "SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',ANSI_QUOTES,PIPES_AS_CONCAT')"

REFUSED = re.compile(
    r"(?i)authentication|access denied|does not exist|unknown database|permission|not a database|malformed|pg_hba\.conf|"
    r"not allowed to connect"
)
PASSING = re.compile(
    r"(?i)is locked|deadlock|lock wait|lost connection|gone away|terminating connection|conflict with recovery|timeout|"
    r"max_(statement|execution)_time"
)


class Cause(Enum):
    """Whose fault an error is: what was to be written, a state of the server that passes, or the setup."""

    DATA = "data"
    PASSING = "passing"
    SETUP = "setup"


# The first two signs of PostgreSQL's SQLSTATE are its class; whole codes go before classes.
_SQLSTATE = {
    "22": Cause.DATA,  # too long, out of range, no such sign in the database's encoding
    "23": Cause.DATA,  # a constraint
    "44": Cause.DATA,  # a view's check option
    "54": Cause.DATA,  # beyond a limit of the program, such as an index's row
    "P0": Cause.DATA,  # what a trigger raises
    "08": Cause.PASSING,
    "25006": Cause.PASSING,  # a server that was made read-only, or is a copy
    "40": Cause.PASSING,
    "53": Cause.PASSING,  # disk, memory, connections
    "55": Cause.PASSING,
    "57": Cause.PASSING,
    "58": Cause.PASSING,
    "28": Cause.SETUP,
    "3D": Cause.SETUP,
    "3F": Cause.SETUP,
    "42": Cause.SETUP,
}
# A constraint, a blank that may not be, a value too long, out of range or of a wrong sign, what a trigger signals.
_MYSQL_DATA = """1048 1062 1118 1153 1216 1217 1264 1265 1292 1364 1366 1367 1406 1411 1451 1452 1557 1586 1644 1690
    3140 3156 3157 3819 3854 3988 4025"""
# Too many connections, out of disk or memory, locks, shutdown, read-only, a lost connection, a time limit.
_MYSQL_PASSING = """1020 1021 1030 1037 1038 1040 1041 1053 1114 1129 1159 1161 1203 1205 1206 1213 1226 1290 1317 1792
    1836 1927 1969 2002 2003 2006 2013 2055 3024 3032 3100 3101 4031"""
_MYSQL = {int(code): Cause.DATA for code in _MYSQL_DATA.split()} | {int(code): Cause.PASSING for code in _MYSQL_PASSING.split()}
# Too big, a constraint, a wrong type; busy, locked, out of memory, interrupted, a failing disk, a full one, another's change.
_SQLITE = dict.fromkeys((18, 19, 20), Cause.DATA) | dict.fromkeys((5, 6, 7, 9, 10, 13, 15), Cause.PASSING)


def cause_of(fault: sa.exc.DBAPIError, url: sa.URL) -> Cause:
    """What an error of a driver means: the data, something that passes, or the setup."""
    state = getattr(fault.orig, "sqlstate", None)
    if isinstance(state, str) and (known := _SQLSTATE.get(state) or _SQLSTATE.get(state[:2])):
        return known
    arguments: tuple[Any, ...] = getattr(fault.orig, "args", ())
    if fault.orig.__class__.__module__.startswith("pymysql") and arguments and (known := _MYSQL.get(arguments[0])):
        return known
    code = getattr(fault.orig, "sqlite_errorcode", None)
    if code is not None and (known := _SQLITE.get(code & 0xFF)):
        return known
    if isinstance(fault, sa.exc.DataError | sa.exc.IntegrityError):  # the driver itself says so, before the server sees it
        return Cause.DATA
    words = said(fault, url)
    # No statement: the connection could not be made, or was lost while rows were fetched.
    lost = fault.statement is None and isinstance(fault, sa.exc.OperationalError | sa.exc.InterfaceError)
    passing = lost or fault.connection_invalidated or PASSING.search(words)
    return Cause.PASSING if passing and not REFUSED.search(words) else Cause.SETUP


def said(fault: sa.exc.DBAPIError, url: sa.URL) -> str:
    """The server's own words in one line, without the password, should a driver repeat it."""
    arguments: tuple[Any, ...] = getattr(fault.orig, "args", ())
    text = str(arguments[1]) if len(arguments) > 1 and isinstance(arguments[0], int) else str(fault.orig)
    text = " ".join(text.split()) or type(fault.orig).__name__
    password = url.password
    return text.replace(str(password), "…") if password else text


def shown(url: sa.URL) -> str:
    """What a database is called in messages: without login, password and options."""
    bare = url._replace(username=None, password=None, drivername=url.get_backend_name())
    return bare.set(query={}).render_as_string()


def server_url(text: str, setting: str) -> sa.URL:
    """A database's URL, with the driver that we bring; an SQLite file need not be there. `setting` is named where it is wrong.

    Raises `FixSetup`.
    """
    try:
        url = sa.make_url(text)
        name = url.get_backend_name()
    except (sa.exc.ArgumentError, ValueError):  # a port that is no number; the fault may show a part of the password
        raise FixSetup(f"{setting}: is not a database's URL; {ADVICE}") from None
    if name == "sqlite":
        return url
    if "@" in f"{url.host}{url.database}":  # else the rest of the password would stand in every message
        raise FixSetup(f"{setting}: a sign in the login or password ends it too early; write @ as %40, : as %3A and / as %2F")
    if name in ("mysql", "mariadb") and not url.database:
        raise FixSetup(f"{setting}: names no database; {ADVICE}")
    wanted = DRIVERS.get(url.drivername, url.drivername)
    if wanted in DRIVERS.values():
        url = url.set(drivername=wanted).update_query_dict({"connect_timeout": "15"}, append=False)
    if wanted == "postgresql+psycopg":  # SQLAlchemy cannot speak with a server of no encoding (SQL_ASCII) otherwise
        url = url.update_query_dict({"client_encoding": "utf8"}, append=False)
    return url


def not_installed(fault: Exception, setting: str) -> FixSetup:
    """The sentence for a driver that is missing."""
    missing = getattr(fault, "name", None) or str(fault)
    wanted = f"sync-connector[{INSTALL[missing]}]" if missing in INSTALL else "the driver of that database"
    return FixSetup(f"{setting}: {missing} is not installed; install {wanted}")


class Tables:
    """The tables and views that a connection sees without naming a schema; columns are looked up when they are asked for."""

    def __init__(self, connection: sa.Connection) -> None:
        self.database = "mysql" if connection.dialect.name == "mariadb" else connection.dialect.name
        self._inspector = sa.inspect(connection)
        names = [*self._inspector.get_view_names(), *self._inspector.get_table_names()]
        if self.database == "postgresql":
            names += self._inspector.get_materialized_view_names()
        self.names = {name.casefold(): name for name in names}
        self._columns: dict[str, set[str]] = {}

    def has(self, name: str) -> bool:
        """Whether there is such a `table`, or such a `table.column`. Upper and lower case do not matter."""
        table, _, column = name.casefold().partition(".")
        if table not in self.names or not column:
            return table in self.names
        if table not in self._columns:
            self._columns[table] = {str(found["name"]).casefold() for found in self._inspector.get_columns(self.names[table])}
        return column in self._columns[table]

    def prefixes(self, patterns: Iterable[str]) -> list[str]:
        """What `{prefix}` may stand for, so that all of these tables are there; `[""]` where none begins with it."""
        patterns = [pattern.casefold() for pattern in patterns]
        fixed = [pattern for pattern in patterns if "{prefix}" not in pattern]
        open_ = [pattern.replace("{prefix}", "") for pattern in patterns if "{prefix}" in pattern]
        if not all(pattern in self.names for pattern in fixed):
            return []
        if not open_:
            return [""]
        found = [name.removesuffix(open_[0]) for name in self.names if name.endswith(open_[0])]
        return sorted(prefix for prefix in found if all(prefix + rest in self.names for rest in open_))


def fill(
    pick: Mapping[str, Sequence[Alternative]], tables: Tables, prefix: str, section: str
) -> tuple[dict[str, str], list[str]]:
    """What each placeholder of a mapping's SQL stands for in this database, `{prefix}` included: the first alternative whose
    table or column is there. With it, a sentence for each that has none; `section` is named in them."""
    filled, missing = {"prefix": prefix}, []
    for name, alternatives in pick.items():
        fitting = (a for a in alternatives if not a.has or tables.has(a.has.replace("{prefix}", prefix)))
        if (alternative := next(fitting, None)) is None:
            missing.append(f"{section}.{name}: none of its alternatives is in this database")
        else:
            filled[name] = alternative.sql.replace("{prefix}", prefix)
    return filled, missing


def connected(engine: sa.Engine, name: str) -> sa.Connection:
    """A connection. `name`: what the database is called in messages. Raises `FixSetup` for what a driver says of the URL."""
    try:
        return engine.connect()
    except (TypeError, ValueError) as fault:  # of an option that it does not know
        raise FixSetup(f"{name}: the driver does not take the URL's options: {fault}") from None
    except RuntimeError as fault:  # PyMySQL, of a way to log in that needs another package
        raise FixSetup(f"{name}: {fault}") from None


@contextmanager
def sentences(url: sa.URL, name: str, consoling: str) -> Iterator[None]:
    """What goes wrong in a database is a sentence, without the password: `TryLater` for what passes, and `consoling` says what
    became of the work; else `FixSetup`."""
    try:
        yield
    except SyncError:
        raise
    except sa.exc.DBAPIError as fault:
        words = said(fault, url)
        if cause_of(fault, url) is Cause.PASSING:
            raise TryLater(f"{name}: the database does not answer: {words}; {consoling}") from None
        raise FixSetup(f"{name}: the database says: {words}") from None
    except sa.exc.SQLAlchemyError as fault:
        raise FixSetup(f"{name}: {str(fault).splitlines()[0]}") from None
