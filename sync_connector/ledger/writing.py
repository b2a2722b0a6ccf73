"""What a run writes to the ledger.

Law: the ledger moves only after a per-contact verdict, batch by batch, each in one transaction that renews the lease as
well; a batch is noted before it leaves. One number has one owner at every commit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import Connection

from sync_connector.ledger import leases
from sync_connector.ledger.nouns import Position, Scope, Settled
from sync_connector.ledger.reading import Reader, chunks
from sync_connector.ledger.schema import contacts, in_flight, positions, rejects, runs, sources, stale_numbers, verdicts
from sync_connector.model import Change, Outgoing, Reply, State, Verdict


@dataclass(slots=True)
class Writer(Reader):
    """A ledger that one run at a time writes to: `holder` has the lease."""

    holder: str = field(default_factory=leases.this_process)

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
            for part in chunks(list(ids.values())):
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
            for part in chunks(ids):
                connection.execute(
                    sa.update(contacts)
                    .where(contacts.c.id.in_(part))
                    .values(state=State.GONE, row_fp=None, wanted_number=None, run_id=run)
                )
                connection.execute(sa.delete(rejects).where(rejects.c.contact_id.in_(part)))

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

    def _has_rejects(self, connection: Connection, scope: Scope) -> bool:
        query = sa.select(rejects.c.id).where(rejects.c.source_id == scope.source_id).limit(1)
        return connection.scalar(query) is not None


def _insert(connection: Connection, table: sa.Table, values: Sequence[dict[str, object]]) -> None:
    if values:
        connection.execute(sa.insert(table), list(values))


def _sources_of(scope: Scope) -> sa.ScalarSelect[int]:
    return sa.select(sources.c.id).where(sources.c.account_id == scope.account_id).scalar_subquery()
