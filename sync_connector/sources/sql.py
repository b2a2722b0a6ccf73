"""Source `sql`: contacts read from the CRM's own database, by SQLAlchemy's URL.

Law: read-only, in one transaction and one snapshot, row by row from a server-side cursor: neither the driver nor we ever
hold more than a chunk. Every cell comes as the database writes it, as text. What is read incrementally is what changed
since the last settled position, less an overlap; a row without a date is always read, and now and then all are.
"""

from __future__ import annotations

import zoneinfo
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa

from sync_connector import crm_sql, mapping
from sync_connector.config import Source
from sync_connector.database import STANDARD_MODE, Tables, said
from sync_connector.errors import FixSetup
from sync_connector.mapping import Mapping, bind
from sync_connector.recognition import Recognition, recognize
from sync_connector.sources import Chunk, _tables
from sync_connector.sources._database import Database, as_text, bits_of, columns, let_go

ROWS = 8_192  # of a chunk, and of one fetch from the server
KEYS_AT_ONCE = 500
MAX_QUERY = 1 << 20
FIRST_DATE = datetime(1971, 1, 1, tzinfo=UTC)  # what is earlier ("0000-00-00", a blank, 0) is no date
CLOCK_BACK = timedelta(hours=1)  # by which a clock that is put back makes a later change look earlier


def open_source(settings: Source) -> SqlSource:
    """The database that the settings name; its tables are looked at. Raises `FixSetup`, `TryLater`."""
    return SqlSource(settings, mapping.load(settings.mapping))


def recognized(settings: Source) -> list[Recognition]:
    """The mappings that can read a database, the best first: by its tables, or by the columns of the user's own query.

    Raises `FixSetup` when there is none, `TryLater`.
    """
    database = Database(settings)
    with database.connection() as connection:
        if not settings.query:
            return _tables.recognize(Tables(connection))
        headers = _headers(connection, _own_query(settings.query), database.wraps)
    fits = recognize(headers)
    if not fits:
        bind(mapping.load("generic"), headers)  # says what is missing
    return fits


class SqlSource:
    """Rows of a query. `full` until `resume` is called."""

    total_bytes = None

    def __init__(self, settings: Source, crm: Mapping) -> None:
        self.full = True
        self.position: str | None = None
        self._since: datetime | None = None
        self._resumed: str | None = None
        self._overlap = timedelta(seconds=settings.overlap)
        self._database = Database(settings)
        with self._database.connection() as connection:
            self._query, self._why = _query(settings, crm, connection)
            self._headers = _headers(connection, self._query, self._database.wraps)
            binding = bind(crm, self._headers)
            self._key = binding.key
            self._one_key = len(self._key) == 1 and binding.key_is_unique and not binding.key_otherwise
            self._modified = self._modified_column(crm, own=bool(settings.query))
            self._zone = _zone(settings, crm, connection) if self._modified else "UTC"
            if self._modified:
                self._try_comparing(connection)

    def describe(self) -> Sequence[str]:
        """The database, what its tables told, and how it is read."""
        how = "every contact is read each time"
        if self._modified:
            how = f"changes are found by {self._modified} ({self._zone})"
        if self._since is not None:
            how = f"reading what changed since {self._since:%Y-%m-%d %H:%M:%S} ({self._zone}) by {self._modified}"
        return [f"{self._database.shown}: {self._why}, {len(self._headers)} columns; {how}"]

    def headers(self) -> Sequence[str]:
        """The query's columns."""
        return self._headers

    @property
    def signature(self) -> str:
        """Of what is asked of which database: a position says nothing about another question, nor about other rows."""
        return f"{self._database.shown}; {self._query}; {self._modified} in {self._zone}"

    def resume(self, position: str) -> bool:
        """Read only what changed since a position of an earlier read; `False` where only a full read is possible."""
        if not self._modified:
            return False
        since = datetime.fromisoformat(position) - self._overlap
        self._since = since.replace(tzinfo=None)
        if self._zone not in ("UTC", "unix"):
            there = (since - CLOCK_BACK).astimezone(zoneinfo.ZoneInfo(self._zone)).replace(tzinfo=None)
            # PostgreSQL may keep the zone with the time: it is then compared in UTC.
            self._since = min(there, self._since) if self._database.name == "postgresql" else there
        self.full, self._resumed = False, position
        return True

    def chunks(self) -> Iterator[Chunk]:
        """All rows, or those that changed, in the order of their keys. `position` is set when the last of them was read,
        unless one has a key by which it could not be asked for."""
        self.position = None
        latest: datetime | None = None
        askable = True
        with self._database.connection() as connection:
            # A date beyond the database's own clock is a mistake, and must not hide what changes until then.
            now = self._database.now(connection) if self._modified else datetime.now(UTC)
            for chunk in self._stream(connection, self._statement(self._condition()), self._parameters()):
                latest = self._latest(chunk, latest)
                askable = askable and self._askable(chunk)
                yield chunk
        if self._modified and askable:
            self.position = min(latest, now).isoformat() if latest is not None else self._resumed

    def chunks_for(self, keys: Sequence[str]) -> Iterator[Chunk]:
        """The rows with these keys, as they are now; of those that are there no more, none."""
        if len(self._key) != 1:
            raise AssertionError("rows are looked up by a key of one column")
        condition = f"{self._quoted(self._key[0])} IN :wanted"
        if self._database.name == "sqlite":  # to which a computed number is never equal to text
            condition = f"({condition} OR CAST({self._quoted(self._key[0])} AS TEXT) IN :wanted)"
        statement = self._statement(condition).bindparams(sa.bindparam("wanted", expanding=True, type_=sa.types.NullType()))
        with self._database.connection() as connection:
            for start in range(0, len(keys), KEYS_AT_ONCE):
                wanted = list(keys[start : start + KEYS_AT_ONCE])
                for chunk in self._stream(connection, statement, {"wanted": wanted}):
                    # To a database "a" may be "A", and a number too long for it another one.
                    theirs = pc.is_in(self._keys(chunk), pa.array(wanted, pa.large_string())).to_numpy(zero_copy_only=False)
                    yield replace(chunk, rows=chunk.rows[theirs], lines=chunk.lines[theirs])

    # --- the query ---------------------------------------------------------------------------------------------------

    def _quoted(self, name: str) -> str:
        return self._database.engine.dialect.identifier_preparer.quote_identifier(name).replace(":", "\\:")

    def _statement(self, condition: str = "") -> sa.TextClause:
        query = _escaped(self._query)
        if not self._database.wraps:
            return sa.text(query)
        order = ", ".join(self._quoted(header) for header in self._key)
        where = f" WHERE {condition}" if condition else ""
        return sa.text(f"SELECT * FROM (\n{query}\n) AS contacts{where} ORDER BY {order}")  # noqa: S608  # no value is in it

    def _condition(self) -> str:
        if self._since is None:
            return ""
        modified = self._quoted(self._modified)
        return f"({modified} >= :since OR {modified} IS NULL OR {modified} < :dated)"

    def _parameters(self) -> dict[str, object]:
        if self._since is None:
            return {}
        if self._zone == "unix":
            return {"since": int(self._since.replace(tzinfo=UTC).timestamp()), "dated": int(FIRST_DATE.timestamp())}
        dated = FIRST_DATE.replace(tzinfo=None)
        if self._database.name == "sqlite":  # it keeps times as text, and days without one
            since = self._since.isoformat(sep=" ", timespec="seconds").removesuffix(" 00:00:00")
            return {"since": since, "dated": dated.isoformat(sep=" ")}
        return {"since": self._since, "dated": dated}

    def _try_comparing(self, connection: sa.Connection) -> None:
        """Whether changes can be found by that column is seen now, not by the second night. Raises `FixSetup`."""
        self._since = FIRST_DATE.replace(tzinfo=None)
        try:
            connection.execute(self._statement(f"1 = 0 AND {self._condition()}"), self._parameters()).close()
        except sa.exc.ProgrammingError as fault:
            kind = "a number of seconds" if self._zone == "unix" else "a time"
            words = said(fault, self._database.url)
            raise FixSetup(
                f"sql.modified: {self._modified} is not {kind}; make it one in the query, with CAST ({words})"
            ) from None
        finally:
            self._since = None

    def _modified_column(self, crm: Mapping, *, own: bool) -> str:
        """The column by which changes are found, as the query writes it; blank where only a full read is possible."""
        wanted = crm.sql.modified if crm.sql is not None else ""
        found = next((header for header in self._headers if wanted and header.casefold() == wanted.casefold()), "")
        if wanted and not found and not own:
            raise FixSetup(f"mapping {crm.crm}: sql.modified: the query gives no column {wanted!r}")
        return found if self._database.wraps and self._one_key else ""

    # --- reading -----------------------------------------------------------------------------------------------------

    def _stream(self, connection: sa.Connection, statement: sa.TextClause, parameters: dict[str, object]) -> Iterator[Chunk]:
        as_text(connection)
        reading = connection.execution_options(stream_results=True, yield_per=ROWS)
        done = read_bytes = 0
        with reading.execute(statement, parameters) as result, let_go(result):
            bits = bits_of(result)
            keys = {at for at, header in enumerate(self._headers) if header in self._key}
            for part in result.partitions(ROWS):
                table = pa.table(columns(part, bits, keys), names=list(self._headers))
                read_bytes += table.nbytes
                lines = np.arange(done + 1, done + len(part) + 1, dtype=np.int64)
                done += len(part)
                yield Chunk(table.to_pandas(), self._database.shown, lines, [], read_bytes)

    def _keys(self, chunk: Chunk) -> pa.Array:
        return pc.utf8_trim_whitespace(pa.array(chunk.rows[self._key[0]], pa.large_string()))

    def _askable(self, chunk: Chunk) -> bool:
        """Whether the database will find these rows by their keys as the ledger has them: trimmed, and never bytes."""
        if not self._modified:
            return False
        keys = self._keys(chunk)
        same = pc.equal(keys, pa.array(chunk.rows[self._key[0]], pa.large_string()))
        return bool(pc.all(pc.and_(same, pc.invert(pc.match_substring_regex(keys, "^0x[0-9a-f]*$")))).as_py())

    def _latest(self, chunk: Chunk, latest: datetime | None) -> datetime | None:
        """The newest change that was read so far, in UTC."""
        if not self._modified:
            return None
        column = pa.array(chunk.rows[self._modified], pa.large_string())
        times = column.filter(
            pc.match_substring_regex(column, r"^\d{9,11}$" if self._zone == "unix" else r"^[12]\d{3}-\d\d-\d\d")
        )
        newest = pc.max(pc.cast(times, pa.int64()) if self._zone == "unix" else times).as_py()
        if newest is None:
            return latest
        try:
            read = self._instant(newest)
        except ValueError:
            return latest
        return read if latest is None or read > latest else latest

    def _instant(self, newest: int | str) -> datetime:
        if isinstance(newest, int):
            return datetime.fromtimestamp(newest, UTC)
        time = datetime.fromisoformat(newest)
        if time.tzinfo is None:  # of two times with one name the earlier: what was read may then be read again
            time = time.replace(tzinfo=zoneinfo.ZoneInfo(self._zone), fold=0)
        return time.astimezone(UTC)


def _query(settings: Source, crm: Mapping, connection: sa.Connection) -> tuple[str, str]:
    """The query, and a sentence on where it comes from."""
    if settings.query:
        return _own_query(settings.query), f"by the query in {settings.query}"
    if crm.sql is None:
        raise FixSetup(
            f"the mapping for {crm.crm} reads files; for a database name your own SELECT in source.query, "
            "or choose another mapping"
        )
    fitted = _tables.fit(crm.sql, Tables(connection), crm.crm, settings.prefix)
    return fitted.query, fitted.why


def _own_query(path: str) -> str:
    try:
        with open(path, encoding="utf-8-sig") as file:
            text = file.read(MAX_QUERY + 1)
    except (OSError, UnicodeDecodeError) as fault:
        raise FixSetup(f"source.query: {path} cannot be read: {fault}") from None
    bare = text.strip().rstrip(";").rstrip()
    if not bare or len(text) > MAX_QUERY:
        raise FixSetup(f"source.query: {path} must hold one SELECT")
    return bare


def _escaped(query: str) -> str:
    """The query as SQLAlchemy's text: a colon in it is no parameter of ours."""
    return query.replace(":", "\\:")


def _headers(connection: sa.Connection, query: str, wraps: bool) -> tuple[str, ...]:
    text = f"SELECT * FROM (\n{_escaped(query)}\n) AS contacts WHERE 1 = 0" if wraps else _escaped(query)  # noqa: S608
    with connection.execution_options(stream_results=True).execute(sa.text(text)) as result:
        headers = tuple(map(str, result.keys()))
    if twice := sorted({name for name in headers if headers.count(name) > 1}):
        raise FixSetup(f"the query gives two columns the name {twice[0]!r}; name one of them otherwise, with AS")
    return headers


def _zone(settings: Source, crm: Mapping, connection: sa.Connection) -> str:
    """The zone in which the column of changes is kept: what the user says, what the CRM says, what the mapping says."""
    zone = settings.zone or ""
    if not zone and crm.sql is not None and crm.sql.zone_query:
        is_mysql = connection.dialect.name in ("mysql", "mariadb")
        try:
            if is_mysql:
                connection.exec_driver_sql("SET @own_mode = @@SESSION.sql_mode")
                connection.exec_driver_sql(STANDARD_MODE)
            # From a cursor of the server, to which PostgreSQL gives one statement and no more.
            asking = connection.execution_options(stream_results=True)
            zone = str(asking.scalar(sa.text(_escaped(crm.sql.zone_query))) or "")
        except sa.exc.DBAPIError as fault:  # to guess would be to lose changes
            asked = f"the CRM does not tell in which time zone it keeps its times ({said(fault, connection.engine.url)})"
            raise FixSetup(f"{asked}; name it in source.zone") from None
        if is_mysql:
            connection.exec_driver_sql("SET SESSION sql_mode = @own_mode")
    zone = zone or (crm.sql.zone if crm.sql is not None else "UTC")
    if zone == "database":
        zone = "UTC"  # MySQL's timestamps are told in the session's zone
        if connection.dialect.name == "postgresql":
            zone = str(connection.scalar(sa.text("SELECT reset_val FROM pg_settings WHERE name = 'TimeZone'")))
    if not crm_sql.is_zone(zone):
        raise FixSetup(f"the CRM keeps its times in {zone!r}, which is no known time zone; name it in source.zone")
    return zone
