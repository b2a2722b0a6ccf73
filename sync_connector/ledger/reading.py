"""What a run reads of the ledger.

Law: each look is one moment of the database, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from sync_connector.flow.diff import Known
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.resolve import Incumbent
from sync_connector.flow.sieve import LIVE, REJECTED, WAITING, Index
from sync_connector.ledger import overlays
from sync_connector.ledger.nouns import Contest, Position, Scope, StaleNumber
from sync_connector.ledger.schema import contacts, findings, in_flight, positions, runs, sources, stale_numbers
from sync_connector.ledger.statements import ask
from sync_connector.model import Change, State

_OPEN = 3
"""Beside LIVE, REJECTED and WAITING: expected, but not settled."""

_KNOWN = """
SELECT key, id, state, phone_number, payload_fp, CASE WHEN state = 'unknown' THEN row_fp END
FROM contacts WHERE source_id = :source_id AND key AMONG :keys
"""

_IDS = "SELECT key, id FROM contacts WHERE source_id = :source_id AND key AMONG :keys"

_CLAIMS = """
SELECT id, key, phone_number, recency, source_id FROM contacts
WHERE account_id = :account_id AND phone_number AMONG :numbers
AND (state IN (:accepted, :warned) OR (source_id <> :source_id AND state <> :gone))
"""

_OWNERS = """
SELECT phone_number, id FROM contacts
WHERE account_id = :account_id AND phone_number AMONG :numbers AND state IN (:accepted, :warned)
"""


_SENT_BY_US = """
SELECT state, COUNT(*) AS contacts FROM contacts WHERE source_id = :source_id AND key AMONG :keys
AND EXISTS (SELECT 1 FROM verdicts WHERE contact_id = contacts.id AND change <> :adopted) GROUP BY state
"""


@dataclass(slots=True)
class Reader:
    """A ledger that is read. The last part is for those who write to it."""

    engine: Engine

    def index(self, scope: Scope) -> Index:
        """The settled rows of the source (24 bytes of memory each), and the contacts that a full read must meet."""
        no_fingerprint = contacts.c.row_fp.is_(None)
        kind = sa.case(
            (sa.or_(no_fingerprint, contacts.c.state == State.UNKNOWN), _OPEN),
            (contacts.c.wanted_number.is_not(None), WAITING),
            (contacts.c.state == State.REJECTED, REJECTED),
            else_=LIVE,
        )
        # The database strings the rows together, so that Python meets one text for twenty thousand of them: of each row
        # 32 hexadecimal digits of its fingerprint, then 16 decimal ones that begin with 1, its id, and its kind.
        is_postgres = self.engine.dialect.name == "postgresql"
        digits = sa.func.encode(contacts.c.row_fp, "hex") if is_postgres else sa.func.hex(contacts.c.row_fp)
        tail = sa.cast(10**15 + contacts.c.id * 10 + kind, sa.Text)
        strung = sa.func.aggregate_strings(sa.case((no_fingerprint, "0" * 32), else_=digits).concat(tail), "")
        expected = sa.select(strung).where(_all_of(scope), contacts.c.state != State.GONE).group_by(contacts.c.id // 20_000)
        fps, tails = bytearray(), [np.empty(0, dtype=np.int64)]
        with self._reading() as connection:
            uncertain = np.array(sorted(self._uncertain_ids(connection, scope)), dtype=np.int64)
            for parts in self._stream(connection, expected, 10):
                for (text,) in parts:
                    rows = np.frombuffer(text.encode("ascii"), dtype=[("fp", "S32"), ("tail", "S16")])
                    fps += bytes.fromhex(rows["fp"].tobytes().decode("ascii"))
                    tails.append(rows["tail"].astype(np.int64) - 10**15)
        ids = np.concatenate(tails)
        kinds = (ids % 10).astype(np.uint8)
        ids //= 10
        closed = kinds != _OPEN
        both = np.frombuffer(fps, ">u8").reshape(-1, 2)
        if closed.all():
            return Index.build(both, ids, kinds, np.empty(0, dtype=np.int64), uncertain)
        return Index.build(both[closed], ids[closed], kinds[closed], ids[~closed], uncertain)

    def holds_contacts(self) -> bool:
        """Whether there is anything to look up: on a first run there is not."""
        with self._reading() as connection:
            return connection.scalar(sa.select(contacts.c.id).limit(1)) is not None

    def known(self, scope: Scope, keys: Sequence[str]) -> dict[str, Known]:
        """What the ledger knows of the contacts with these keys."""
        with self._reading() as connection:
            uncertain = self._uncertain_numbers(connection, scope)
            found = ask(connection, _KNOWN, {"source_id": scope.source_id, "keys": list(keys)})
            return {
                key: Known(id_, state, number, None if number in uncertain else payload, doubted)
                for key, id_, state, number, payload, doubted in found
            }

    def left_in_flight(self, scope: Scope) -> dict[str, bytes | None]:
        """Key → own fingerprint of its row as it was sent, of the contacts whose batch was begun and never settled: the next run
        takes them for unknown. `None` where the row was not noted."""
        query = sa.select(in_flight.c.contacts).where(in_flight.c.source_id == scope.source_id).order_by(in_flight.c.id)
        with self._reading() as connection:
            return {key: doubted for batch in connection.scalars(query) for key, _, doubted in noted(batch)}

    def claims(self, scope: Scope, numbers: Sequence[str]) -> list[Incumbent]:
        """The contacts that own these numbers at the vendor; `ordinal` is −1, for the caller to fill in.

        Of this source only those whose row is settled and live; of other sources only those that are not gone.
        """
        values = {
            "account_id": scope.account_id,
            "source_id": scope.source_id,
            "numbers": list(numbers),
            "accepted": State.ACCEPTED.value,
            "warned": State.WARNED.value,
            "gone": State.GONE.value,
        }
        with self._reading() as connection:
            return [
                Incumbent(id_, key, int(number[1:]), -1 if source == scope.source_id else -2, recency)
                for id_, key, number, recency, source in ask(connection, _CLAIMS, values)
            ]

    def waiting(self, scope: Scope) -> dict[str, Contest]:
        """Wanted number → the contacts of this source that wait for it, and the one that has it, if one is known to."""
        groups: dict[str, list[int]] = {}
        owned: set[str] = set()
        # By the index on wanted_number, which holds only those that wait.
        waits = (contacts.c.account_id == scope.account_id) & contacts.c.wanted_number.is_not(None) & _all_of(scope)
        no_longer = (State.GONE, State.UNKNOWN)
        query = sa.select(contacts.c.wanted_number, contacts.c.id).where(waits, contacts.c.state.not_in(no_longer))
        with self._reading() as connection:
            for rows in self._stream(connection, query, 20_000):
                for number, id_ in rows:
                    groups.setdefault(number, []).append(id_)
            live = {"accepted": State.ACCEPTED.value, "warned": State.WARNED.value}
            values = {"account_id": scope.account_id, "numbers": list(groups), **live}
            for number, id_ in ask(connection, _OWNERS, values):
                owned.add(number)
                if id_ not in groups[number]:
                    groups[number].append(id_)
        return {number: Contest(members, number in owned) for number, members in groups.items()}

    def rejection_codes(self, scope: Scope) -> dict[str, int]:
        """How many contacts are rejected, by their codes."""
        query = (
            sa.select(contacts.c.codes, sa.func.count().label("contacts"))
            .where(_all_of(scope), contacts.c.state == State.REJECTED)
            .group_by(contacts.c.codes)
        )
        with self._reading() as connection:
            return {row.codes or "": row.contacts for row in connection.execute(query)}

    def rejected_codes(self, scope: Scope) -> Iterator[tuple[int, str]]:
        """Id and codes of the rejections that are remembered."""
        query = sa.select(contacts.c.id, contacts.c.codes).where(_all_of(scope), contacts.c.state == State.REJECTED)
        with self._reading() as connection:
            for rows in self._stream(connection, query, 20_000):
                yield from ((id_, codes or "") for id_, codes in rows)

    def rejections(self, ids: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Id → key and codes."""
        with self._reading() as connection:
            found = ask(connection, "SELECT id, key, codes FROM contacts WHERE id AMONG :ids", {"ids": list(ids)})
            return {id_: (key, codes or "") for id_, key, codes in found}

    def keys(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → key."""
        with self._reading() as connection:
            found = ask(connection, "SELECT id, key FROM contacts WHERE id AMONG :ids", {"ids": list(ids)})
            return {row.id: row.key for row in found}

    def last_filled(self, scope: Scope) -> tuple[int, dict[str, int]]:
        """Of the last full run that finished: rows read, and in how many each column was filled."""
        query = (
            sa.select(runs.c.rows_read, runs.c.filled)
            .where(runs.c.source_id == scope.source_id, runs.c.status == "finished", runs.c.read_in_full)
            .order_by(runs.c.id.desc())
            .limit(1)
        )
        with self._reading() as connection:
            row = connection.execute(query).one_or_none()
        return (0, {}) if row is None else (row[0], dict(row[1]))

    def position(self, scope: Scope) -> Position | None:
        """Up to where the source is settled, `None` where only a full read can tell."""
        query = sa.select(positions.c.position, positions.c.signature, positions.c.partial_runs)
        with self._reading() as connection:
            row = connection.execute(query.where(positions.c.source_id == scope.source_id)).one_or_none()
        return None if row is None else Position(*row)

    def last_run(self, scope: Scope) -> int:
        """The newest run of the account, 0 if there is none: it moves whenever the ledger does."""
        query = sa.select(sa.func.max(runs.c.id)).join(sources).where(sources.c.account_id == scope.account_id)
        with self._reading() as connection:
            return connection.scalar(query) or 0

    def stale(self, scope: Scope, limit: int | None = None) -> list[StaleNumber]:
        """What is stale at the vendor because of this source, by number."""
        statement = _stale(scope).order_by("phone_number").limit(limit)
        with self._reading() as connection:
            return [StaleNumber(*row) for row in connection.execute(statement)]

    def stale_count(self, scope: Scope) -> int:
        """How many numbers are."""
        with self._reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(_stale(scope).subquery())) or 0

    def states(self, scope: Scope) -> dict[str, int]:
        """How many contacts are in each state."""
        query = (
            sa.select(contacts.c.state, sa.func.count().label("contacts"))
            .where(contacts.c.source_id == scope.source_id)
            .group_by(contacts.c.state)
        )
        with self._reading() as connection:
            return {row.state: row.contacts for row in connection.execute(query)}

    def overlays(self, scope: Scope) -> list[Overlay]:
        """What was corrected in sheets: what is kept, and which rows were sent with a one-off."""
        with self._reading() as connection:
            return overlays.stored(connection, scope)

    def standing(self, scope: Scope, keys: Sequence[str]) -> dict[str, str]:
        """Key → state of its contact, of those that the ledger knows."""
        with self._reading() as connection:
            return overlays.standing(connection, scope, keys)

    def open_findings(self, scope: Scope) -> dict[str, int]:
        """How many findings there are of each code."""
        query = (
            sa.select(findings.c.code, sa.func.count().label("found"))
            .where(findings.c.source_id == scope.source_id)
            .group_by(findings.c.code)
        )
        with self._reading() as connection:
            return {row.code: row.found for row in connection.execute(query)}

    def sent_by_us(self, scope: Scope, keys: Sequence[str]) -> dict[str, int]:
        """State → how many of these contacts have a verdict on something that was sent."""
        with self.engine.connect() as connection:
            values = {"source_id": scope.source_id, "keys": list(keys), "adopted": Change.ADOPTED.value}
            return {row.state: row.contacts for row in ask(connection, _SENT_BY_US, values)}

    def _ids(self, connection: Connection, scope: Scope, keys: Sequence[str]) -> dict[str, int]:
        found = ask(connection, _IDS, {"source_id": scope.source_id, "keys": list(keys)})
        return {row.key: row.id for row in found}

    def _uncertain_numbers(self, connection: Connection, scope: Scope) -> frozenset[str]:
        """Numbers of batches that were begun and never settled: what the vendor has under them is not known."""
        query = sa.select(in_flight.c.contacts).where(in_flight.c.account_id == scope.account_id)
        return frozenset(number for batch in connection.scalars(query) for _, number, _ in noted(batch))

    def _uncertain_ids(self, connection: Connection, scope: Scope) -> frozenset[int]:
        query = sa.select(in_flight.c.contacts).where(in_flight.c.source_id == scope.source_id)
        keys = [key for batch in connection.scalars(query) for key, _, _ in noted(batch)]
        return frozenset(self._ids(connection, scope, keys).values())

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with self.engine.connect() as connection:
            yield connection
            connection.rollback()

    def _stream(self, connection: Connection, query: sa.Select[*tuple[Any, ...]], size: int) -> Iterator[Sequence[Sequence[Any]]]:
        """Rows in parts, never all at once, by the driver's own cursor: a quiet night is mostly this. The statement is
        ours and holds no text from outside."""
        text = str(query.compile(self.engine, compile_kwargs={"literal_binds": True}))
        driver: Any = connection.connection.driver_connection
        server_side = {"name": "stream"} if self.engine.dialect.name == "postgresql" else {}
        with closing(driver.cursor(**server_side)) as cursor:
            cursor.execute(text)
            while rows := cursor.fetchmany(size):
                yield rows


def noted(batch: Sequence[Sequence[str | None]]) -> Iterator[tuple[str, str, bytes | None]]:
    """What was noted of a batch before it left: key, number, own fingerprint of the row where that is known."""
    for key, number, *rest in batch:
        yield str(key), str(number), bytes.fromhex(rest[0]) if rest and rest[0] else None


def _all_of(scope: Scope) -> sa.ColumnElement[bool]:
    """All contacts of the source, not by the index on it: that would lead to each row in turn, where most are wanted."""
    return contacts.c.source_id + 0 == scope.source_id


def _stale(scope: Scope) -> sa.CompoundSelect[str, str, str]:
    here = _all_of(scope)
    has_number = contacts.c.phone_number.is_not(None)
    left_crm = sa.select(contacts.c.phone_number, contacts.c.key, sa.literal("the contact left the CRM").label("why"))
    renumbered = sa.literal("the contact changed its number").label("why")
    waits = sa.select(contacts.c.phone_number, contacts.c.key, renumbered)
    listed = sa.select(stale_numbers.c.phone_number, stale_numbers.c.key, renumbered)
    owner = contacts.alias()
    owned = sa.exists().where(
        owner.c.account_id == stale_numbers.c.account_id, owner.c.phone_number == stale_numbers.c.phone_number
    )
    others = contacts.c.phone_number != contacts.c.wanted_number
    return sa.union_all(
        left_crm.where(here, has_number, contacts.c.state == State.GONE, ~_sent_under(contacts)),
        waits.where(here, has_number, contacts.c.state.in_((State.HELD, State.UNKNOWN)), others, ~_sent_under(contacts)),
        listed.where(stale_numbers.c.source_id == scope.source_id, ~owned, ~_sent_under(stale_numbers)),
    )


def _sent_under(table: sa.Table) -> sa.Exists:
    """Whether a contact was sent under a number of that table, and nobody knows whether it is there: it is the CRM's number."""
    sent = contacts.alias()
    same = (sent.c.account_id == table.c.account_id) & (sent.c.wanted_number == table.c.phone_number)
    return sa.exists().where(same, sent.c.state == State.UNKNOWN)
