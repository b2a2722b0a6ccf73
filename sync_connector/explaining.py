"""`explain`: one contact's whole story, from its row to the vendor's verdict, what was written to it and what came back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from sync_connector import mapping, sources
from sync_connector.config import Settings
from sync_connector.fields.phone import phone_number
from sync_connector.flow.extract import Extraction, Rows, extract
from sync_connector.flow.normalize import Choices, Number, normalize, numbers
from sync_connector.flow.overlay import Overlays
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.ledger.history import Story, story
from sync_connector.ledger.message_history import WantedMessages
from sync_connector.ledger.message_history import listed as listed_messages
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import Contact, State
from sync_connector.planning import choices_of
from sync_connector.sources import ResumableSource

LAST_EVENTS = 50
LAST_MESSAGES = 50


def explain(settings: Settings, ledger: Ledger, scope: Scope, asked: str) -> dict[str, Any]:
    """What is known of a key or a number: the ledger's side, and the row as the source has it now.

    `asked` is a key of the source, or a number in any form. `messages` are the last that were written to the contacts or to one
    of their numbers, or to the number that was asked for, whoever has it.
    """
    number = phone_number(asked, settings.events.default_country).e164
    stories = story(ledger, scope, asked, number)
    keys = [one.key for one in stories] or [asked]
    overlays = Overlays.of(ledger.overlays(scope))
    rows = _rows(settings, ledger, scope, keys, number if not stories else None, overlays)
    found = [one.phone_number for one in stories] + [one["contact"]["phone_number"] for one in rows if one["contact"]]
    numbers_of = {one for one in (number, *found) if one}
    return {
        "asked": asked,
        "number": number,
        "contacts": [_told(one, holds_unknown=settings.source.on_unknown == "hold") for one in stories],
        "rows": rows,
        "events": _events(ledger, scope, [one.id for one in stories], number),
        "messages": _messages(ledger, scope, keys, settings.source.name, numbers_of),
    }


def _events(ledger: Ledger, scope: Scope, contact_ids: list[int], number: str | None) -> list[dict[str, Any]]:
    """The last calls and messages of these contacts and of this number, in the order in which they came."""
    wanted = [Wanted(contact_ids=(id_,)) for id_ in contact_ids] + ([Wanted(phone_number=number)] if number is not None else [])
    found = {one["event_key"]: one for asked in wanted for one in listed(ledger, scope.account_id, asked, LAST_EVENTS)}
    return sorted(found.values(), key=lambda one: (one["received_at"], one["event_key"]))[-LAST_EVENTS:]


def _messages(ledger: Ledger, scope: Scope, keys: list[str], source: str, numbers_of: set[str]) -> list[dict[str, Any]]:
    """The last messages to these contacts of the source and to these numbers, in the order in which they may leave."""
    wanted = [WantedMessages(contact_keys=tuple(keys), contact_source=source)]
    wanted += [WantedMessages(phone_number=one) for one in sorted(numbers_of)]
    found = {
        one["id_sms_api"]: one for asked in wanted for one in listed_messages(ledger, scope.account_id, asked, LAST_MESSAGES)
    }
    return sorted(found.values(), key=lambda one: (one["send_at"] or one["begun_at"], one["id_sms_api"]))[-LAST_MESSAGES:]


def _told(one: Story, *, holds_unknown: bool) -> dict[str, Any]:
    """`perhaps_at_vendor`: the number under which it was sent, where no trustworthy answer came; `in_doubt`: it is not sent again
    until it is released."""
    is_unknown = one.state == State.UNKNOWN
    return {
        "key": one.key,
        "state": one.state,
        "number_at_vendor": one.phone_number,
        "perhaps_at_vendor": (one.wanted_number or one.phone_number) if is_unknown else None,
        "in_doubt": is_unknown and holds_unknown and one.is_noted,
        "waits_for_number": None if is_unknown else one.wanted_number,
        "number_taken_by": None if is_unknown else one.owner,
        "codes": one.codes.split() if one.codes else [],
        "last_moved_by_run": one.run,
        "verdicts": one.verdicts,
        "findings": one.findings,
        "stale_at_vendor": one.stale,
    }


def _rows(
    settings: Settings, ledger: Ledger, scope: Scope, keys: list[str], number: str | None, overlays: Overlays
) -> list[dict[str, Any]]:
    """The rows with these keys, or failing that with this number, as they stand and as they are understood. What a tap
    has piped in is not there any more."""
    if settings.source.type == "singer" and settings.source.path in ("", "-"):
        return []
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    choices = choices_of(settings)
    wanted = pa.array(keys, pa.large_string())
    found = []
    # Where a position was reached, rows can be asked for by their keys; else all are looked at.
    if number is None and isinstance(source, ResumableSource) and ledger.position(scope) is not None:
        chunks = source.chunks_for(keys)
    else:
        chunks = source.chunks()
    for rows in extract(chunks, binding, Extraction()):
        hit = pc.is_in(rows.keys, wanted)
        if number is not None:
            hit = pc.or_(hit, _may_hold(rows, binding, number))
        for position in np.flatnonzero(hit.to_numpy(zero_copy_only=False)).tolist():
            told = _row(rows, position, choices, binding, overlays)
            contact = told["contact"]
            if told["key"] in keys or (contact is not None and contact["phone_number"] == number):
                found.append(told)
    return found


def _may_hold(rows: Rows, binding: mapping.Binding, number: str) -> pa.Array:
    """Rows in which a phone cell ends in the digits of a number: few enough to look at closely."""
    hits = pa.array(np.zeros(len(rows), dtype=bool))
    for column in binding.phone:
        digits = pc.replace_substring_regex(pc.fill_null(rows.columns[column.value], ""), r"\D", "")
        hits = pc.or_(hits, pc.match_substring(digits, number[-8:]))
    return hits


def _numbers(seen: list[Number], contact: Contact | None) -> list[dict[str, Any]]:
    """Every phone cell of a row: its number, from which country it was seen, and whether it is sent or why it is not."""
    told: list[dict[str, Any]] = []
    for number in seen:
        fate = number.phone.reason
        if number.phone.e164 is not None:
            known = any(number.phone.e164 == earlier["number"] for earlier in told)
            fate = "the same number again" if known else "left out: a contact has one number"
            if contact is not None and number.phone.e164 == contact.phone_number and not known:
                fate = "taken"
        told.append(
            {
                "column": number.header,
                "cell": number.raw,
                "seen_from": number.region,
                "number": number.phone.e164,
                "others_in_cell": list(number.phone.others),
                "fate": fate,
            }
        )
    return told


def _row(rows: Rows, position: int, choices: Choices, binding: mapping.Binding, overlays: Overlays) -> dict[str, Any]:
    """A row as the source has it, and as it is understood with what a sheet says in its place."""
    own = rows.take(rows.ordinals == rows.ordinals[position])
    one = overlays.lay(own, binding, own_fingerprints)
    normalized = normalize(one, binding, choices)[0]
    key = own.keys[0].as_py()
    overlay = overlays.by_key.get(key)
    corrected = None if overlay is None else {"kept": overlay.kept, "cells": dict(overlay.cells)}
    return {
        "key": key,
        "file": one.file,
        "line": int(one.lines[0]),
        "cells": {header: column[0].as_py() for header, column in own.columns.items()},
        "corrected_in_sheet": corrected,
        "contact": normalized.contact._asdict() if normalized.contact else None,
        "numbers": _numbers(numbers(one, binding, choices)[0], normalized.contact),
        "findings": [finding._asdict() for finding in normalized.findings],
    }
