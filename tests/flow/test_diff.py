"""Diff: what a contact needs, given what the vendor has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.flow.diff import Known, diff, payload_fingerprint
from sync_connector.model import Change, Contact

CONTACT = Contact("+33612345678", "Jean", "Dupont", "1 rue X", "j@x.fr", "FR")
PRINT = payload_fingerprint(CONTACT)


@pytest.mark.parametrize(
    ("known", "change"),
    [
        (None, Change.CREATE),
        (Known(1, "accepted", CONTACT.phone_number, PRINT), Change.NONE),
        (Known(1, "warned", CONTACT.phone_number, PRINT), Change.NONE),
        (Known(1, "accepted", CONTACT.phone_number, b"x" * 16), Change.UPDATE),
        (Known(1, "unknown", CONTACT.phone_number, None), Change.UPDATE),
        (Known(1, "accepted", "+33700000000", PRINT), Change.CREATE),
        (Known(1, "rejected", None, None), Change.CREATE),
    ],
)
def test_what_a_contact_needs(known: Known | None, change: Change) -> None:
    """Nothing if the vendor has exactly this; an update under its number; else it is created."""
    assert diff(CONTACT, PRINT, known) == change


@pytest.mark.parametrize("field", Contact._fields)
def test_every_field_counts(field: str) -> None:
    """A change of any field that is sent changes the fingerprint."""
    assert payload_fingerprint(CONTACT._replace(**{field: "other"})) != PRINT


@given(
    st.lists(st.text(alphabet='a",[]\\ ', max_size=4), min_size=6, max_size=6),
    st.lists(st.text(alphabet='a",[]\\ ', max_size=4), min_size=6, max_size=6),
)
def test_fields_do_not_run_into_each_other(one: list[str], other: list[str]) -> None:
    """Two payloads have one fingerprint only if they are the same; it is 16 bytes."""
    left, right = payload_fingerprint(Contact(*one)), payload_fingerprint(Contact(*other))
    assert (left == right) == (one == other)
    assert len(left) == 16
