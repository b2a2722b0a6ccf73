"""Erasing a number from the inbox: every callback that tells of it, however it is encoded, and those whose events are erased.

Law: what is acknowledged and what is not go alike; the numbers of the others, and what was acknowledged, stay as they are.
"""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from sync_connector.dialects._callback import read_callback
from sync_connector.events.inbox import Inbox, callbacks
from sync_connector.fault_points import transaction
from sync_connector.fields.phone import phone_number
from sync_connector.fields.spelling import Spellings
from sync_connector.ledger import traces

AT_ONCE = 500


def find(inbox: Inbox, spellings: Spellings, country: str | None, event_keys: Collection[str]) -> list[int]:
    """The numbers of the callbacks, in order. `country`: of numbers that are written without one; `event_keys`: of events whose
    callbacks go as well."""
    mine = {int(key.split("-")[1]) for key in event_keys if key.startswith(f"{inbox.id}-")}
    with inbox.engine.connect() as connection:
        wanted = sa.select(callbacks.c.sequence, callbacks.c.query).execution_options(yield_per=1_000)
        with connection.execute(wanted) as rows:
            return sorted(sequence for sequence, query in rows if sequence in mine or _tells_of(query, spellings, country))


def _tells_of(query: str, spellings: Spellings, country: str | None) -> bool:
    if spellings.found_in(query):
        return True
    said = read_callback(query)  # as a pull would understand it, whatever signs were encoded
    texts = (said.number, said.text, said.link, said.title, said.device, said.login)
    return phone_number(said.number, country).e164 == spellings.e164 or any(map(spellings.found_in, texts))


def erase(inbox: Inbox, sequences: list[int]) -> None:
    """Delete callbacks, and write what is left anew."""
    for start in range(0, len(sequences), AT_ONCE):
        with inbox.engine.connect().execution_options(writing=True) as connection, transaction(connection, "inbox.erase"):
            if connection.dialect.name == "sqlite":
                connection.connection.cursor().execute("PRAGMA secure_delete=ON")
            connection.execute(sa.delete(callbacks).where(callbacks.c.sequence.in_(sequences[start : start + AT_ONCE])))
    traces.rewrite(inbox.engine, [callbacks], "inbox.rewrite")
