"""Opening a ledger, and what a run reads of it and writes to it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection, Engine

from sync_connector.errors import AskPerson, FixSetup, TryLater
from sync_connector.flow.diff import Known
from sync_connector.flow.resolve import Incumbent
from sync_connector.flow.sieve import LIVE, REJECTED, WAITING, Index
from sync_connector.ledger import leases
from sync_connector.ledger.schema import (
    accounts,
    contacts,
    in_flight,
    metadata,
    positions,
    rejects,
    runs,
    sources,
    stale_numbers,
    verdicts,
)
from sync_connector.model import Change, Finding, Outgoing, Place, Reply, State, Verdict

HEAD = "0002"
"""The newest migration. A ledger that has it needs no Alembic, which takes longer to import than a quiet night."""

_T = TypeVar("_T")

_OPEN = 3
"""Beside LIVE, REJECTED and WAITING: expected, but not settled."""

CHUNK = 5_000  # bound parameters of one statement; SQLite allows 32,766, PostgreSQL 65,535


class Scope(NamedTuple):
    """Which part of the ledger a run is about; ids are −1 where the ledger has never heard of it."""

    account_id: int
    source_id: int


class Settled(NamedTuple):
    """A row that was settled without the vendor: nothing to send, rejected or held."""

    key: str
    change: Change
    row_fp: bytes | None
    wanted_number: str | None
    recency: int | None
    codes: str | None
    place: Place
    findings: tuple[Finding, ...]


class Position(NamedTuple):
    """Up to where a source is settled. `signature`: of the rules and the question that it was read with; a position says
    nothing about others. `partial_runs`: since the last full read."""

    position: str
    signature: str
    partial_runs: int


class StaleNumber(NamedTuple):
    """A number that the vendor still has, and that no contact of the CRM uses any more."""

    phone_number: str
    key: str
    why: str


@dataclass(slots=True)
class Ledger:
    """An open ledger. Use `open_ledger`."""

    engine: Engine
    holder: str = field(default_factory=leases.this_process)

    def close(self) -> None:
        """Give the connections back."""
        self.engine.dispose()

    # --- scope and lease ---------------------------------------------------------------------------------------------

    def scope(self, login: str, host: str, source: str) -> Scope:
        """Find the scope, without writing anything."""
        with self.engine.connect() as connection:
            account = connection.scalar(sa.select(accounts.c.id).where(accounts.c.login == login, accounts.c.host == host))
            found = connection.scalar(
                sa.select(sources.c.id).where(sources.c.account_id == (account or -1), sources.c.name == source)
            )
        return Scope(-1 if account is None else account, -1 if found is None else found)

    def make_scope(self, login: str, host: str, source: str) -> Scope:
        """Find the scope, or make it."""
        with self.engine.begin() as connection:
            self._upsert(connection, accounts, [{"login": login, "host": host}], ["login", "host"], [])
            account = connection.scalar(sa.select(accounts.c.id).where(accounts.c.login == login, accounts.c.host == host))
            self._upsert(connection, sources, [{"account_id": account, "name": source}], ["account_id", "name"], [])
        return self.scope(login, host, source)

    @contextmanager
    def lease(self, scope: Scope) -> Iterator[None]:
        """Be the only run of this account. Raises `AskPerson` when another one is."""
        try:
            with self.engine.begin() as connection:
                leases.acquire(connection, scope.account_id, self.holder)
        except sa.exc.IntegrityError:
            raise AskPerson("another run began at the same moment; wait for it to end") from None
        try:
            yield
        finally:
            with self.engine.begin() as connection:
                leases.release(connection, scope.account_id, self.holder)

    def renew(self, scope: Scope) -> None:
        """Keep the lease while nothing is written. Raises `LeaseLost`."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)

    # --- what a run reads --------------------------------------------------------------------------------------------

    def index(self, scope: Scope) -> Index:
        """The settled rows of the source (24 bytes of memory each), and the contacts that a full read must meet."""
        no_fingerprint = contacts.c.row_fp.is_(None)
        kind = sa.case(
            (no_fingerprint, _OPEN),
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
        columns = (contacts.c.key, contacts.c.id, contacts.c.state, contacts.c.phone_number, contacts.c.payload_fp)
        found: dict[str, Known] = {}
        with self._reading() as connection:
            uncertain = self._uncertain_numbers(connection, scope)
            for part in _chunks(keys):
                query = sa.select(*columns).where(contacts.c.source_id == scope.source_id, contacts.c.key.in_(part))
                for key, id_, state, number, payload in connection.execute(query):
                    found[key] = Known(id_, state, number, None if number in uncertain else payload)
        return found

    def claims(self, scope: Scope, numbers: Sequence[str]) -> list[Incumbent]:
        """The contacts that own these numbers at the vendor; `ordinal` is −1, for the caller to fill in.

        Of this source only those whose row is settled and live; of other sources only those that are not gone.
        """
        columns = (contacts.c.id, contacts.c.key, contacts.c.phone_number, contacts.c.recency, contacts.c.source_id)
        live = contacts.c.state.in_([State.ACCEPTED, State.WARNED])
        elsewhere = (contacts.c.source_id != scope.source_id) & (contacts.c.state != State.GONE)
        found = []
        with self._reading() as connection:
            for part in _chunks(numbers):
                query = sa.select(*columns).where(
                    contacts.c.account_id == scope.account_id, contacts.c.phone_number.in_(part), live | elsewhere
                )
                found += [Incumbent(id_, key, int(number[1:]), -1 if source == scope.source_id else -2, recency)
                          for id_, key, number, recency, source in connection.execute(query)]  # fmt: skip
        return found

    def waiting(self, scope: Scope) -> dict[str, list[tuple[int, str]]]:
        """Wanted number → the contacts of this source that wait for it, and the ones that have it (id, key)."""
        groups: dict[str, list[tuple[int, str]]] = {}
        # By the index on wanted_number, which holds only those that wait.
        waits = (contacts.c.account_id == scope.account_id) & contacts.c.wanted_number.is_not(None) & _all_of(scope)
        query = sa.select(contacts.c.wanted_number, contacts.c.id, contacts.c.key).where(waits, contacts.c.state != State.GONE)
        has = (contacts.c.account_id == scope.account_id) & contacts.c.state.in_([State.ACCEPTED, State.WARNED])
        with self._reading() as connection:
            for rows in self._stream(connection, query, 20_000):
                for number, id_, key in rows:
                    groups.setdefault(number, []).append((id_, key))
            for part in _chunks(list(groups)):
                owners = sa.select(contacts.c.phone_number, contacts.c.id, contacts.c.key)
                for number, id_, key in connection.execute(owners.where(has, contacts.c.phone_number.in_(part))):
                    if (id_, key) not in groups[number]:
                        groups[number].append((id_, key))
        return groups

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
        found: dict[int, tuple[str, str]] = {}
        with self._reading() as connection:
            for part in _chunks(ids):
                query = sa.select(contacts.c.id, contacts.c.key, contacts.c.codes).where(contacts.c.id.in_(part))
                found.update((id_, (key, codes or "")) for id_, key, codes in connection.execute(query))
        return found

    def keys(self, ids: Sequence[int]) -> dict[int, str]:
        """Id → key."""
        found: dict[int, str] = {}
        with self._reading() as connection:
            for part in _chunks(ids):
                found.update(
                    (id_, key)
                    for id_, key in connection.execute(sa.select(contacts.c.id, contacts.c.key).where(contacts.c.id.in_(part)))
                )
        return found

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

    # --- what a run writes -------------------------------------------------------------------------------------------

    def start_run(self, scope: Scope, identity: str, now: datetime) -> int:
        """A new run; what an earlier one left in flight becomes unknown first."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            connection.execute(
                sa.update(runs)
                .where(runs.c.status == "running", runs.c.source_id.in_(_sources_of(scope)))
                .values(status="failed", ended_at=now)
            )
            values = {"source_id": scope.source_id, "status": "running", "started_at": now, "identity": identity, "filled": {}}
            run = int(connection.scalar(sa.insert(runs).values(rows_read=0, **values).returning(runs.c.id)) or 0)
            left = connection.execute(sa.select(in_flight).where(in_flight.c.account_id == scope.account_id)).all()
            for batch in left:
                part = Scope(batch.account_id, batch.source_id)
                self._unknown(connection, part, batch.run_id, [(key, number) for key, number in batch.contacts])
                connection.execute(sa.delete(in_flight).where(in_flight.c.id == batch.id))
        return run

    def end_run(
        self, run: int, status: str, now: datetime, *, read: int, in_full: bool, filled: Mapping[str, int], result: object
    ) -> None:
        """The run's last word."""
        with self.engine.begin() as connection:
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run)
                .values(status=status, ended_at=now, rows_read=read, read_in_full=in_full, filled=dict(filled), result=result)
            )

    def move_position(self, scope: Scope, position: Position | None) -> None:
        """All that changed in the source until then is settled, or will be asked for by its key; `None`: nobody knows."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            connection.execute(sa.delete(positions).where(positions.c.source_id == scope.source_id))
            if position is not None:
                _insert(connection, positions, [{"source_id": scope.source_id, **position._asdict()}])

    def begin(self, scope: Scope, run: int, batch: Sequence[Outgoing]) -> int:
        """Note, before it leaves, which contacts a batch holds: until `settle`, what the vendor has of them is unknown."""
        pairs = [[outgoing.key, outgoing.contact.phone_number] for outgoing in batch]
        values = {"account_id": scope.account_id, "source_id": scope.source_id, "run_id": run, "contacts": pairs}
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            return int(connection.scalar(sa.insert(in_flight).values(**values).returning(in_flight.c.id)) or 0)

    def settle(self, scope: Scope, run: int, ticket: int, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        """The verdicts on a batch, in one transaction."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            taken = {Verdict.ACCEPTED, Verdict.WARNED}
            pairs = list(zip(batch, replies, strict=True))
            self._accepted(connection, scope, run, [pair for pair in pairs if pair[1].verdict in taken])
            self._refused(connection, scope, run, [pair for pair in pairs if pair[1].verdict is Verdict.REFUSED])
            unknown = [outgoing for outgoing, reply in pairs if reply.verdict is Verdict.UNKNOWN]
            self._unknown(connection, scope, run, [(outgoing.key, outgoing.contact.phone_number) for outgoing in unknown])
            ids = self._ids(connection, scope, [outgoing.key for outgoing in batch])
            _insert(
                connection,
                verdicts,
                [
                    {
                        "contact_id": ids[outgoing.key],
                        "run_id": run,
                        "change": outgoing.change,
                        "verdict": reply.verdict,
                        "phone_number": outgoing.contact.phone_number,
                        "codes": " ".join(reply.codes) or None,
                    }
                    for outgoing, reply in pairs
                ],
            )
            if self._has_rejects(connection, scope):
                connection.execute(sa.delete(rejects).where(rejects.c.contact_id.in_(list(ids.values()))))
            connection.execute(sa.delete(in_flight).where(in_flight.c.id == ticket))

    def _accepted(self, connection: Connection, scope: Scope, run: int, pairs: Sequence[tuple[Outgoing, Reply]]) -> None:
        if not pairs:
            return
        numbers = {outgoing.contact.phone_number: outgoing.key for outgoing, _ in pairs}
        mine = {outgoing.key: outgoing.contact.phone_number for outgoing, _ in pairs}
        columns = sa.select(contacts.c.id, contacts.c.source_id, contacts.c.key, contacts.c.phone_number)
        # Two look-ups, each by its index: as one with OR the databases read the whole table.
        by_number = columns.where(contacts.c.account_id == scope.account_id, contacts.c.phone_number.in_(list(numbers)))
        by_key = columns.where(
            contacts.c.source_id == scope.source_id, contacts.c.key.in_(list(mine)), contacts.c.phone_number.is_not(None)
        )
        claims = {row.id: row for query in (by_number, by_key) for row in connection.execute(query)}.values()
        gone_from = []  # what the vendor has under these numbers is no longer what it accepted from these contacts
        left_behind = []
        for id_, source, key, number in claims:
            owner_now = source == scope.source_id and mine.get(key) == number
            if not owner_now:
                gone_from.append(id_)
            if source == scope.source_id and key in mine and number not in numbers:
                left_behind.append(
                    {
                        "account_id": scope.account_id,
                        "phone_number": number,
                        "source_id": scope.source_id,
                        "key": key,
                        "run_id": run,
                    }
                )
        if gone_from:
            connection.execute(sa.update(contacts).where(contacts.c.id.in_(gone_from)).values(phone_number=None, payload_fp=None))
        self._upsert(connection, stale_numbers, left_behind, ["account_id", "phone_number"], ["source_id", "key", "run_id"])
        connection.execute(
            sa.delete(stale_numbers).where(
                stale_numbers.c.account_id == scope.account_id, stale_numbers.c.phone_number.in_(list(numbers))
            )
        )
        self._upsert(
            connection,
            contacts,
            [
                {
                    "account_id": scope.account_id,
                    "source_id": scope.source_id,
                    "key": outgoing.key,
                    "state": State(reply.verdict.value),
                    "row_fp": outgoing.row_fp,
                    "payload_fp": outgoing.payload_fp,
                    "phone_number": outgoing.contact.phone_number,
                    "wanted_number": None,
                    "recency": outgoing.recency,
                    "codes": " ".join(reply.codes) or None,
                    "run_id": run,
                }
                for outgoing, reply in pairs
            ],
            ["source_id", "key"],
            ["state", "row_fp", "payload_fp", "phone_number", "wanted_number", "recency", "codes", "run_id"],
        )

    def _refused(self, connection: Connection, scope: Scope, run: int, pairs: Sequence[tuple[Outgoing, Reply]]) -> None:
        self._upsert(
            connection,
            contacts,
            [
                {
                    "account_id": scope.account_id,
                    "source_id": scope.source_id,
                    "key": outgoing.key,
                    "state": State.REFUSED,
                    "row_fp": None,
                    "wanted_number": None,
                    "codes": " ".join(reply.codes) or None,
                    "run_id": run,
                }
                for outgoing, reply in pairs
            ],
            ["source_id", "key"],
            ["state", "row_fp", "wanted_number", "codes", "run_id"],
        )

    def _unknown(self, connection: Connection, scope: Scope, run: int, pairs: Sequence[tuple[str, str]]) -> None:
        """The vendor may have these contacts, or not: nothing that it is known to have under their numbers is certain.

        A contact that has no number at the vendor yet takes this one, so that it is told of should it leave the CRM.
        """
        if not pairs:
            return
        numbers = [number for _, number in pairs]
        owners = {
            number: (source, key)
            for number, source, key in connection.execute(
                sa.select(contacts.c.phone_number, contacts.c.source_id, contacts.c.key).where(
                    contacts.c.account_id == scope.account_id, contacts.c.phone_number.in_(numbers)
                )
            )
        }
        connection.execute(
            sa.update(contacts)
            .where(contacts.c.account_id == scope.account_id, contacts.c.phone_number.in_(numbers))
            .values(payload_fp=None)
        )
        values = [
            {
                "account_id": scope.account_id,
                "source_id": scope.source_id,
                "key": key,
                "state": State.UNKNOWN,
                "row_fp": None,
                "wanted_number": None,
                "codes": None,
                "run_id": run,
            }
            for key, _ in pairs
        ]
        self._upsert(connection, contacts, values, ["source_id", "key"], ["state", "row_fp", "wanted_number", "codes", "run_id"])
        mine = {key: number for key, number in pairs if number not in owners}
        has_one = dict(
            connection.execute(
                sa.select(contacts.c.key, contacts.c.phone_number).where(
                    contacts.c.source_id == scope.source_id, contacts.c.key.in_(list(mine)), contacts.c.phone_number.is_not(None)
                )
            ).all()
        )
        for key, number in mine.items():
            if key not in has_one:
                connection.execute(
                    sa.update(contacts)
                    .where(contacts.c.source_id == scope.source_id, contacts.c.key == key)
                    .values(phone_number=number)
                )
        perhaps = [
            {"account_id": scope.account_id, "phone_number": number, "source_id": scope.source_id, "key": key, "run_id": run}
            for key, number in mine.items()
            if key in has_one
        ]
        self._upsert(connection, stale_numbers, perhaps, ["account_id", "phone_number"], ["source_id", "key", "run_id"])

    def settle_rows(self, scope: Scope, run: int, rows: Sequence[Settled]) -> None:
        """Rows that need no verdict: nothing to send (the vendor has it), rejected, or held."""
        keyed = [row for row in rows if row.key and row.row_fp is not None]
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            for change, state in ((Change.REJECTED, State.REJECTED), (Change.HELD, State.HELD), (Change.NONE, State.ACCEPTED)):
                values = [
                    {
                        "account_id": scope.account_id,
                        "source_id": scope.source_id,
                        "key": row.key,
                        "state": state,
                        "row_fp": row.row_fp,
                        "wanted_number": row.wanted_number,
                        "recency": row.recency,
                        "codes": row.codes,
                        "run_id": run,
                    }
                    for row in keyed
                    if row.change is change
                ]
                moved = ["state", "row_fp", "wanted_number", "recency", "codes", "run_id"]
                self._upsert(connection, contacts, values, ["source_id", "key"], moved)
            ids = self._ids(connection, scope, [row.key for row in keyed])
            for part in _chunks(list(ids.values())):
                connection.execute(sa.delete(rejects).where(rejects.c.contact_id.in_(part)))
            _insert(
                connection,
                rejects,
                [
                    {
                        "source_id": scope.source_id,
                        "contact_id": ids.get(row.key) if row.row_fp is not None else None,
                        "run_id": run,
                        "key": row.key or None,
                        "file": row.place.file,
                        "line": row.place.line,
                        "findings": [list(finding) for finding in row.findings],
                    }
                    for row in rows
                    if row.change in (Change.REJECTED, Change.HELD)
                ],
            )

    def displace(self, scope: Scope, run: int, displaced: Sequence[tuple[int, str, State]]) -> None:
        """Contacts (id, wanted number, new state) whose number goes to another: their row is settled, they wait."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            for id_, number, state in displaced:
                connection.execute(
                    sa.update(contacts)
                    .where(contacts.c.id == id_)
                    .values(state=state, wanted_number=number, run_id=run, codes="shared_phone")
                )

    def forget_passing_rejects(self, scope: Scope) -> None:
        """Rows without a key of their own are told of by each run anew."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            connection.execute(sa.delete(rejects).where(rejects.c.source_id == scope.source_id, rejects.c.contact_id.is_(None)))

    def mark_gone(self, scope: Scope, run: int, ids: Sequence[int]) -> None:
        """Contacts that a full read did not meet. What the vendor has of them stays there, and is stale."""
        with self.engine.begin() as connection:
            leases.renew(connection, scope.account_id, self.holder)
            for part in _chunks(ids):
                connection.execute(
                    sa.update(contacts)
                    .where(contacts.c.id.in_(part))
                    .values(state=State.GONE, row_fp=None, wanted_number=None, run_id=run)
                )
                connection.execute(sa.delete(rejects).where(rejects.c.contact_id.in_(part)))

    # --- inside ------------------------------------------------------------------------------------------------------

    def _upsert(
        self,
        connection: Connection,
        table: sa.Table,
        values: Sequence[Mapping[str, object]],
        identity: Sequence[str],
        moved: Sequence[str],
    ) -> None:
        if not values:
            return
        make = postgresql.insert if self.engine.dialect.name == "postgresql" else sqlite.insert
        insert = make(table)
        if moved:
            statement = insert.on_conflict_do_update(
                index_elements=list(identity), set_={name: insert.excluded[name] for name in moved}
            )
        else:
            statement = insert.on_conflict_do_nothing(index_elements=list(identity))
        connection.execute(statement, [dict(row) for row in values])

    def _ids(self, connection: Connection, scope: Scope, keys: Sequence[str]) -> dict[str, int]:
        found: dict[str, int] = {}
        for part in _chunks(keys):
            query = sa.select(contacts.c.key, contacts.c.id).where(
                contacts.c.source_id == scope.source_id, contacts.c.key.in_(part)
            )
            found.update((key, id_) for key, id_ in connection.execute(query))
        return found

    def _has_rejects(self, connection: Connection, scope: Scope) -> bool:
        query = sa.select(rejects.c.id).where(rejects.c.source_id == scope.source_id).limit(1)
        return connection.scalar(query) is not None

    def _uncertain_numbers(self, connection: Connection, scope: Scope) -> frozenset[str]:
        """Numbers of batches that were begun and never settled: what the vendor has under them is not known."""
        query = sa.select(in_flight.c.contacts).where(in_flight.c.account_id == scope.account_id)
        return frozenset(number for batch in connection.scalars(query) for _, number in batch)

    def _uncertain_ids(self, connection: Connection, scope: Scope) -> frozenset[int]:
        query = sa.select(in_flight.c.contacts).where(in_flight.c.source_id == scope.source_id)
        keys = [key for batch in connection.scalars(query) for key, _ in batch]
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


def _insert(connection: Connection, table: sa.Table, values: Sequence[dict[str, object]]) -> None:
    if values:
        connection.execute(sa.insert(table), list(values))


def _chunks(values: Sequence[_T]) -> Iterator[Sequence[_T]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def _all_of(scope: Scope) -> sa.ColumnElement[bool]:
    """All contacts of the source, not by the index on it: that would lead to each row in turn, where most are wanted."""
    return contacts.c.source_id + 0 == scope.source_id


def _sources_of(scope: Scope) -> sa.ScalarSelect[int]:
    return sa.select(sources.c.id).where(sources.c.account_id == scope.account_id).scalar_subquery()


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
    return sa.union_all(
        left_crm.where(here, has_number, contacts.c.state == State.GONE),
        waits.where(here, has_number, contacts.c.state == State.HELD, contacts.c.phone_number != contacts.c.wanted_number),
        listed.where(stale_numbers.c.source_id == scope.source_id, ~owned),
    )


# --- opening ---------------------------------------------------------------------------------------------------------


def open_ledger(url: str, *, write: bool) -> Ledger:
    """Open the ledger, and bring its tables up to date if it is to be written.

    To read only, a ledger that is not there is an empty one. Raises `FixSetup` (the URL, a file that is no ledger, a
    ledger of a newer version) and `TryLater` (a server that does not answer).
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):  # or a port that is no number
        raise FixSetup("ledger.url: is not an SQLAlchemy URL; write sqlite:///sync-ledger.db") from None
    try:
        name = parsed.get_backend_name()
        if name not in ("sqlite", "postgresql"):
            raise FixSetup(f"ledger.url: a ledger is kept in sqlite or postgresql, not in {name}")
        if name == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        elif not write and parsed.database and not Path(parsed.database).exists():
            parsed = parsed.set(database=":memory:")
        engine = _engine(parsed)
        try:
            if _bring_up_to_date(engine, write=write):
                return Ledger(engine)
        except BaseException:
            engine.dispose()
            raise
        engine.dispose()
        engine = _engine(sa.make_url("sqlite://"))
        _bring_up_to_date(engine, write=True)
        return Ledger(engine)
    except ModuleNotFoundError as fault:
        raise FixSetup(f"ledger.url: {fault.name} is not installed; install sync-connector[postgresql]") from None
    except sa.exc.OperationalError as fault:
        raise TryLater(f"the ledger cannot be opened: {_first_line(fault)}") from None
    except sa.exc.DatabaseError as fault:
        raise FixSetup(
            f"the ledger is damaged, or is no ledger: {_first_line(fault)}; restore a backup, it is never reset"
        ) from None


def _first_line(fault: sa.exc.DBAPIError) -> str:
    return str(fault.orig).strip().splitlines()[0] if str(fault.orig).strip() else type(fault.orig).__name__


def _engine(url: sa.URL) -> Engine:
    if url.get_backend_name() == "postgresql":
        return sa.create_engine(url, pool_pre_ping=True)
    if url.database and url.database != ":memory:":
        if not Path(url.database).exists():
            try:
                os.close(os.open(url.database, os.O_CREAT | os.O_RDWR, 0o600))
            except OSError as fault:
                raise FixSetup(f"ledger.url: {url.database} cannot be made: {fault.strerror}") from None
        engine = sa.create_engine(url)
    else:
        engine = sa.create_engine(url, poolclass=sa.pool.StaticPool, connect_args={"check_same_thread": False})

    @sa.event.listens_for(engine, "connect")
    def _prepare(connection: object, _record: object) -> None:
        # The driver's own notion of transactions begins them too late for reads; SQLAlchemy's recipe.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON", "busy_timeout=10000"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN")

    return engine


def _bring_up_to_date(engine: Engine, *, write: bool) -> bool:
    """Whether the ledger is there now: to read only, none is made."""
    version_table = sa.table("alembic_version", sa.column("version_num"))
    with engine.connect() as connection:
        tables = sa.inspect(connection).get_table_names()
        found = connection.scalar(sa.select(version_table.c.version_num)) if "alembic_version" in tables else None
        connection.rollback()
    if found == HEAD:
        return True
    if found is None and set(tables) & set(metadata.tables):
        raise FixSetup("ledger.url: that database has tables of these names that are not a ledger's; choose another")
    if found is not None and found > HEAD:
        raise FixSetup("the ledger was made by a newer version of sync-connector; update this one")
    if not write and found is None:
        return False
    if not write:
        raise FixSetup("the ledger is of an older version; `sync-connector sync` brings it up to date")
    from alembic import command  # a quiet night needs neither of them
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return True


def utc_now() -> datetime:
    """The time, with its zone."""
    return datetime.now(UTC)
