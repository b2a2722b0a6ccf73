"""What a run writes to the ledger.

Law: the ledger moves only after a per-contact verdict, batch by batch, each in one transaction that renews the lease as
well; a batch is noted before it leaves. One number has one owner at every commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.fault_points import transaction
from sync_connector.flow.overlay import Overlay
from sync_connector.flow.sieve import own_fingerprints_of
from sync_connector.ledger import findings as flaws
from sync_connector.ledger import leases, overlays
from sync_connector.ledger.findings import Flawed, Since
from sync_connector.ledger.nouns import Position, Scope, Settled
from sync_connector.ledger.reading import Reader, noted
from sync_connector.ledger.schema import contacts, in_flight, positions, runs, sources, stale_numbers, verdicts
from sync_connector.ledger.statements import ask, put
from sync_connector.model import Change, Finding, Outgoing, Reply, Severity, State, Verdict

_SETTLED = {Change.REJECTED: State.REJECTED, Change.HELD: State.HELD, Change.NONE: State.ACCEPTED}

_NOTE = """
INSERT INTO in_flight (account_id, source_id, run_id, contacts)
VALUES (:account_id, :source_id, :run_id, :contacts) RETURNING id
"""

# Two look-ups, each by its index: as one with OR the databases read the whole table.
_MET = """
SELECT id, source_id, key, phone_number FROM contacts WHERE source_id = :source_id AND key AMONG :keys
UNION
SELECT id, source_id, key, phone_number FROM contacts WHERE account_id = :account_id AND phone_number AMONG :numbers
"""

_NO_LONGER_STALE = "DELETE FROM stale_numbers WHERE account_id = :account_id AND phone_number AMONG :numbers"

_OWNED = "SELECT phone_number FROM contacts WHERE account_id = :account_id AND phone_number AMONG :numbers"

_UNCERTAIN = "UPDATE contacts SET payload_fp = NULL WHERE account_id = :account_id AND phone_number AMONG :numbers"

_NUMBERED = "SELECT key FROM contacts WHERE source_id = :source_id AND key AMONG :keys AND phone_number IS NOT NULL"

_DISPLACE = """
UPDATE contacts SET state = :state, wanted_number = :number, run_id = :run, codes = 'shared_phone' WHERE id = :id
"""

_GONE = "UPDATE contacts SET state = :gone, row_fp = NULL, wanted_number = NULL, run_id = :run WHERE id AMONG :ids"


@dataclass(slots=True)
class Writer(Reader):
    """A ledger that one run at a time writes to: `holder` has the lease."""

    holder: str = field(default_factory=leases.this_process)

    def start_run(self, scope: Scope, identity: str, now: datetime) -> int:
        """A new run; what an earlier one left in flight becomes unknown first."""
        with transaction(self.engine, "ledger.start_run") as connection:
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
                self._unknown(connection, part, batch.run_id, list(noted(batch.contacts)))
                connection.execute(sa.delete(in_flight).where(in_flight.c.id == batch.id))
        return run

    def end_run(
        self,
        scope: Scope,
        run: int,
        status: str,
        now: datetime,
        *,
        read: int,
        in_full: bool,
        filled: Mapping[str, int],
        result: object,
    ) -> None:
        """The run's last word."""
        with transaction(self.engine, "ledger.end_run") as connection:
            overlays.close(connection, scope)
            connection.execute(
                sa.update(runs)
                .where(runs.c.id == run)
                .values(status=status, ended_at=now, rows_read=read, read_in_full=in_full, filled=dict(filled), result=result)
            )

    def move_position(self, scope: Scope, position: Position | None) -> None:
        """All that changed in the source until then is settled, or will be asked for by its key; `None`: nobody knows."""
        with transaction(self.engine, "ledger.move_position") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            connection.execute(sa.delete(positions).where(positions.c.source_id == scope.source_id))
            if position is not None:
                connection.execute(sa.insert(positions).values(source_id=scope.source_id, **position._asdict()))

    def begin(self, scope: Scope, run: int, batch: Sequence[Outgoing]) -> int:
        """Note, before it leaves, which contacts a batch holds: until `settle`, what the vendor has of them is unknown."""
        note = [(key, number, doubted.hex() if doubted else None) for key, number, doubted in _doubted(batch)]
        values = {**scope._asdict(), "run_id": run, "contacts": orjson.dumps(note).decode()}
        with transaction(self.engine, "ledger.begin") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            return int(ask(connection, _NOTE, values).scalar_one())

    def settle(self, scope: Scope, run: int, ticket: int, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        """The verdicts on a batch, in one transaction."""
        pairs = list(zip(batch, replies, strict=True))
        accepted = [pair for pair in pairs if pair[1].verdict in (Verdict.ACCEPTED, Verdict.WARNED)]
        refused = [pair for pair in pairs if pair[1].verdict is Verdict.REFUSED]
        unknown = _doubted([one for one, reply in pairs if reply.verdict is Verdict.UNKNOWN])
        keys = [one.key for one in batch]
        numbers = [one.contact.phone_number for one, _ in accepted]
        with transaction(self.engine, "ledger.settle") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            met = ask(connection, _MET, {**scope._asdict(), "keys": keys, "numbers": numbers}).all()
            self._accepted(connection, scope, run, accepted, met)
            self._refused(connection, scope, run, refused)
            self._unknown(connection, scope, run, unknown)
            among = set(keys)
            ids = {key: id_ for id_, source, key, _ in met if source == scope.source_id and key in among}
            since = flaws.forget(connection, list(ids.values()))  # who is new has none
            if len(ids) < len(among):
                ids |= self._ids(connection, scope, [key for key in keys if key not in ids])
            rows = [
                (ids[one.key], run, one.change.value, reply.verdict.value, one.contact.phone_number, _codes(reply))
                for one, reply in pairs
            ]
            put(connection, verdicts, ("contact_id", "run_id", "change", "verdict", "phone_number", "codes"), rows)
            flawed = [
                _flawed(ids[one.key], one, reply)
                for one, reply in pairs
                if one.findings or reply.codes or reply.verdict is Verdict.REFUSED
            ]
            flaws.keep(connection, scope, run, flawed, since)
            ask(connection, "DELETE FROM in_flight WHERE id = :ticket", {"ticket": ticket})

    def _accepted(
        self,
        connection: Connection,
        scope: Scope,
        run: int,
        pairs: Sequence[tuple[Outgoing, Reply]],
        met: Sequence[sa.Row[*tuple[Any, ...]]],
    ) -> None:
        """`met`: id, source, key and number of the contacts that have one of these keys or numbers; others are ignored."""
        if not pairs:
            return
        mine = {one.key: one.contact.phone_number for one, _ in pairs}
        numbers = set(mine.values())
        gone_from = []  # what the vendor has under these numbers is no longer what it accepted from these contacts
        left_behind = {}
        for id_, source, key, number in met:
            of_batch = source == scope.source_id and key in mine
            if number is None or not (of_batch or number in numbers) or (of_batch and mine[key] == number):
                continue
            gone_from.append(id_)
            if of_batch and number not in numbers:
                left_behind[number] = key
        if gone_from:
            update = "UPDATE contacts SET phone_number = NULL, payload_fp = NULL WHERE id AMONG :ids"
            ask(connection, update, {"ids": gone_from})
        self._stale(connection, scope, run, left_behind)
        ask(connection, _NO_LONGER_STALE, {"account_id": scope.account_id, "numbers": list(numbers)})
        self._move(
            connection,
            scope,
            run,
            ("state", "row_fp", "payload_fp", "phone_number", "wanted_number", "recency", "codes", "country"),
            [
                (
                    one.key,
                    reply.verdict.value,
                    one.row_fp,
                    one.payload_fp,
                    one.contact.phone_number,
                    None,
                    one.recency,
                    _codes(reply),
                    one.contact.country_code or None,
                )
                for one, reply in pairs
            ],
        )

    def _refused(self, connection: Connection, scope: Scope, run: int, pairs: Sequence[tuple[Outgoing, Reply]]) -> None:
        rows = [
            (one.key, State.REFUSED.value, None, None, _codes(reply), one.contact.country_code or None) for one, reply in pairs
        ]
        self._move(connection, scope, run, ("state", "row_fp", "wanted_number", "codes", "country"), rows)

    def _unknown(self, connection: Connection, scope: Scope, run: int, doubted: Sequence[tuple[str, str, bytes | None]]) -> None:
        """The vendor may have these contacts (key, number, own fingerprint of the row), or not: nothing that it is known to have
        under their numbers is certain.

        A contact that has no number at the vendor yet takes this one, so that it is told of should it leave the CRM.
        """
        if not doubted:
            return
        of_numbers = {"account_id": scope.account_id, "numbers": [number for _, number, _ in doubted]}
        owned = set(ask(connection, _OWNED, of_numbers).scalars())
        ask(connection, _UNCERTAIN, of_numbers)
        rows = [(key, State.UNKNOWN.value, own, number, None) for key, number, own in doubted]
        self._move(connection, scope, run, ("state", "row_fp", "wanted_number", "codes"), rows)
        mine = {key: number for key, number, _ in doubted if number not in owned}
        has_one = set(ask(connection, _NUMBERED, {"source_id": scope.source_id, "keys": list(mine)}).scalars())
        self._move(
            connection, scope, run, ("state", "phone_number"),
            [(key, State.UNKNOWN.value, number) for key, number in mine.items() if key not in has_one],
        )  # fmt: skip
        self._stale(connection, scope, run, {number: key for key, number in mine.items() if key in has_one})

    def _move(
        self, connection: Connection, scope: Scope, run: int, moved: tuple[str, ...], rows: Sequence[tuple[object, ...]]
    ) -> None:
        """Contacts, new or not, become this: of each its key, then what is named."""
        whole = [(*scope, run, *row) for row in rows]
        columns = ("account_id", "source_id", "run_id", "key", *moved)
        put(connection, contacts, columns, whole, over=("source_id", "key"), moved=("run_id", *moved))

    def _stale(self, connection: Connection, scope: Scope, run: int, numbers: Mapping[str, str]) -> None:
        """Numbers that the vendor still has, and whose they were."""
        put(
            connection,
            stale_numbers,
            ("account_id", "source_id", "run_id", "phone_number", "key"),
            [(*scope, run, number, key) for number, key in numbers.items()],
            over=("account_id", "phone_number"),
            moved=("source_id", "run_id", "key"),
        )

    def settle_rows(self, scope: Scope, run: int, rows: Sequence[Settled], since: Since) -> None:
        """Rows that need no verdict: nothing to send (the vendor has it), rejected, or held. `since`: of rows that have no key
        of their own, what was wrong with them before."""
        keyed = [row for row in rows if row.key and row.row_fp is not None]
        with transaction(self.engine, "ledger.settle_rows") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            self._move(
                connection,
                scope,
                run,
                ("state", "row_fp", "wanted_number", "recency", "codes", "country"),
                [
                    (
                        row.key,
                        _SETTLED[row.change].value,
                        row.row_fp,
                        row.wanted_number,
                        row.recency,
                        row.codes,
                        row.country or None,
                    )
                    for row in keyed
                ],
            )
            ids = self._ids(connection, scope, [row.key for row in keyed])
            since = {**since, **flaws.forget(connection, list(ids.values()))}
            flawed = [
                Flawed(
                    contact_id=ids.get(row.key) if row.row_fp is not None else None,
                    key=row.key,
                    place=row.place,
                    findings=row.findings,
                    cells=row.cells,
                    rejected=row.change in (Change.REJECTED, Change.HELD),
                )
                for row in rows
                if row.findings
            ]
            flaws.keep(connection, scope, run, flawed, since)

    def displace(self, scope: Scope, run: int, displaced: Sequence[tuple[int, str, State, Finding]]) -> None:
        """Contacts (id, wanted number, new state, why) whose number goes to another: their row is settled, they wait."""
        with transaction(self.engine, "ledger.displace") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            for id_, number, state, finding in displaced:
                ask(connection, _DISPLACE, {"state": state.value, "number": number, "run": run, "id": id_})
                flaws.add(connection, scope, run, finding.code, {id_: finding})

    def forget_keyless(self, scope: Scope, met: Sequence[Settled] | None) -> Since:
        """Rows without a key of their own are told of by each full read anew, and by a read of changes those that it `met`;
        what was wrong with them, and since when."""
        with transaction(self.engine, "ledger.forget_keyless") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            return flaws.forget_keyless(connection, scope, met)

    def mark_gone(self, scope: Scope, run: int, ids: Sequence[int]) -> None:
        """Contacts that a full read did not meet. What the vendor has of them stays there, and is stale."""
        with transaction(self.engine, "ledger.mark_gone") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            ask(connection, _GONE, {"gone": State.GONE.value, "run": run, "ids": list(ids)})
            flaws.forget(connection, ids)
            overlays.drop_of_gone(connection, scope, ids)

    def lay(self, scope: Scope, run: int, laid: Sequence[tuple[Overlay, Mapping[str, str]]], outdated: Sequence[str]) -> None:
        """What was corrected in a sheet, and what it changes; and the keys of corrections that lie on no row any more."""
        with transaction(self.engine, "ledger.lay") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            overlays.drop(connection, scope, outdated)
            overlays.lay(connection, scope, run, laid)

    def replace_findings(self, scope: Scope, about: Mapping[str, Mapping[str, Finding]]) -> int:
        """Code → key → what is wrong with its contact, in place of all findings of these codes; how many of the keys the ledger
        does not know. They count as found by the last run."""
        unknown = 0
        with transaction(self.engine, "ledger.replace_findings") as connection:
            leases.renew(connection, scope.account_id, self.holder)
            last = connection.scalar(sa.select(sa.func.max(runs.c.id)).where(runs.c.source_id == scope.source_id)) or 0
            for code, found in about.items():
                since = flaws.forget_code(connection, scope, code)
                keys = list(found)
                for start in range(0, len(keys), 5_000):
                    part = keys[start : start + 5_000]
                    ids = self._ids(connection, scope, part)
                    unknown += len(part) - len(ids)
                    rows = [Flawed(ids[key], key, None, (found[key],), None, rejected=False) for key in part if key in ids]
                    flaws.keep(connection, scope, last, rows, since)
        return unknown


def _flawed(contact_id: int, one: Outgoing, reply: Reply) -> Flawed:
    """A contact that was offered to the vendor, with our findings and the vendor's."""
    refused = reply.verdict is Verdict.REFUSED
    severity = Severity.REJECT if refused else Severity.WARN
    advice = (
        "the vendor refused the contact for this; correct it in the CRM"
        if refused
        else "the vendor took the contact, and said this"
    )
    said = []
    for code in reply.codes:
        name = "email" if code == "#004" else "phone_number"
        said.append(Finding(code, name, severity, getattr(one.contact, name), advice))
    if refused and not said:
        said.append(Finding("refused", "row", severity, "", "the vendor refused the contact and gave no reason; ask the vendor"))
    return Flawed(contact_id, one.key, one.place, (*one.findings, *said), one.cells, refused)


def _doubted(batch: Sequence[Outgoing]) -> list[tuple[str, str, bytes | None]]:
    """Key, number, and the own fingerprint of the row where it is at hand: by it the row is known again under whatever rules."""
    own: Iterable[bytes | None] = [None] * len(batch)
    if all(one.cells for one in batch):
        own = own_fingerprints_of([one.key for one in batch], [one.cells or {} for one in batch])
    return [(one.key, one.contact.phone_number, doubted) for one, doubted in zip(batch, own, strict=True)]


def _codes(reply: Reply) -> str | None:
    return " ".join(reply.codes) or None


def _sources_of(scope: Scope) -> sa.ScalarSelect[int]:
    return sa.select(sources.c.id).where(sources.c.account_id == scope.account_id).scalar_subquery()
