"""Diff: what a contact needs, given what the vendor is known to have accepted. Pure."""

from __future__ import annotations

from typing import NamedTuple

import orjson
import xxhash

from sync_connector.model import Change, Contact


class Known(NamedTuple):
    """What the ledger knows of a contact. `phone_number` is the number under which the vendor has it, `payload_fp` the
    fingerprint of what the vendor accepted under it; `None` where that is nothing or no longer certain.

    `doubted`: of the contact's own row (see `sieve.own_fingerprints`) as it was sent, where no trustworthy answer came; `None`
    where one did, or where nobody knows how the row was.
    """

    id: int
    state: str
    phone_number: str | None
    payload_fp: bytes | None
    doubted: bytes | None = None


def payload_fingerprint(contact: Contact) -> bytes:
    """16 bytes that differ when anything that is sent differs."""
    return xxhash.xxh3_128_digest(orjson.dumps(list(contact)))


def diff(contact: Contact, payload_fp: bytes, known: Known | None) -> Change:
    """`create` under a number that the vendor has not got from this contact, `update`, or `none`."""
    if known is None or known.phone_number != contact.phone_number:
        return Change.CREATE
    if known.payload_fp is None:
        return Change.UPDATE
    return Change.NONE if known.payload_fp == payload_fp else Change.UPDATE
