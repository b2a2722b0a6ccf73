"""Overlays in the ledger: what a person corrected in a sheet, for as long as the CRM's own row is the one that he corrected.

Law: of what is applied again the cells are kept, and of a one-off with which the row is not sent yet, so that a person goes on
where he was; of one that the vendor took only which they were. All go when the row changes in the CRM or leaves it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.flow.overlay import Overlay
from sync_connector.ledger.nouns import Scope
from sync_connector.ledger.schema import contacts, overlays
from sync_connector.ledger.statements import ask, put
from sync_connector.model import State

TAKEN = (State.ACCEPTED, State.WARNED)
STAYING = (*TAKEN, State.REJECTED, State.HELD)
"""In these states a row is settled: it is not looked at again while it does not change."""

_DROP = "DELETE FROM overlays WHERE source_id = :source_id AND key AMONG :keys"
_OPEN = "UPDATE contacts SET row_fp = NULL WHERE source_id = :source_id AND key AMONG :keys"
_STANDING = "SELECT key, state FROM contacts WHERE source_id = :source_id AND key AMONG :keys"
_OF_GONE = "DELETE FROM overlays WHERE source_id = :source_id AND key IN (SELECT key FROM contacts WHERE id AMONG :ids)"


def stored(connection: Connection, scope: Scope) -> list[Overlay]:
    """Those of a source, by key."""
    query = sa.select(overlays.c.key, overlays.c.fingerprint, overlays.c.cells, overlays.c.kept)
    found = connection.execute(query.where(overlays.c.source_id == scope.source_id).order_by(overlays.c.key))
    return [Overlay(row.key, row.fingerprint, row.cells, row.kept, resubmitted=False) for row in found]


def lay(connection: Connection, scope: Scope, run: int, laid: Sequence[tuple[Overlay, Mapping[str, str]]]) -> None:
    """Overlays and what they change (header → text). A contact whose overlay is kept is looked at by each run until it is
    settled: should this one die, the next goes on."""
    rows = []
    for overlay, edited in laid:
        cells = orjson.dumps(edited).decode()
        rows.append((scope.source_id, overlay.key, overlay.fingerprint, cells, overlay.kept, run))
    columns = ("source_id", "key", "fingerprint", "cells", "kept", "run_id")
    put(connection, overlays, columns, rows, over=("source_id", "key"), moved=columns[2:])
    kept = [overlay.key for overlay, _ in laid if overlay.kept]
    ask(connection, _OPEN, {"source_id": scope.source_id, "keys": kept})


def drop(connection: Connection, scope: Scope, keys: Sequence[str]) -> None:
    """They lie on no row any more."""
    ask(connection, _DROP, {"source_id": scope.source_id, "keys": list(keys)})


def drop_of_gone(connection: Connection, scope: Scope, ids: Sequence[int]) -> None:
    """Those of contacts that left the source."""
    ask(connection, _OF_GONE, {"source_id": scope.source_id, "ids": list(ids)})


def close(connection: Connection, scope: Scope) -> None:
    """The run is over: of one-offs that the vendor took, what they said is forgotten; those whose contact nobody knows to be
    taken or not are none, since the next run asks the CRM's own row."""
    of_contact = (contacts.c.source_id == overlays.c.source_id) & (contacts.c.key == overlays.c.key)
    one_offs = (overlays.c.source_id == scope.source_id) & ~overlays.c.kept
    told = sa.select(overlays.c.key, overlays.c.cells, contacts.c.state).join(contacts, of_contact, isouter=True).where(one_offs)
    vain, taken = [], []
    for key, cells, state in connection.execute(told):
        if state not in STAYING:
            vain.append(key)
        elif state in TAKEN and any(cells.values()):
            taken.append({"of_key": key, "said": dict.fromkeys(cells, "")})
    drop(connection, scope, vain)
    if taken:
        of_key = one_offs & (overlays.c.key == sa.bindparam("of_key"))
        connection.execute(sa.update(overlays).where(of_key).values(cells=sa.bindparam("said")), taken)


def standing(connection: Connection, scope: Scope, keys: Sequence[str]) -> dict[str, str]:
    """Key → state of its contact."""
    found = ask(connection, _STANDING, {"source_id": scope.source_id, "keys": list(keys)})
    return {row.key: row.state for row in found}
