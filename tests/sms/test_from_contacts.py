"""Messages to contacts of the CRM: who is chosen, and whom the CRM speaks against."""

from __future__ import annotations

from pathlib import Path

import pytest

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.flow.normalize import Choices
from sync_connector.sms.draft import Draft
from sync_connector.sms.from_contacts import Contacts, open_contacts

CONTACTS = """\
id,first name,last name,mobile,phone,city,country,do_not_sms,deleted,do_not_call,Date de RDV
K1,Ana,Durand,06 12 34 56 71,,Lyon,FR,,,,lundi
K2,Bob,Martin,06 12 34 56 72,06 12 34 56 82,lyon ,FR,yes,,,
K3,Cid,Petit,06 12 34 56 73,,Paris,FR,,1,,
K4,Dan,Roux,06 12 34 56 74,,,FR,,,1,
K5,Eva,Blanc,06 12 34 56 75,,LYON,FR,,,,mardi
K6,Fay,Noir,12,,Lyon,FR,,,,
"""


def contacts(folder: Path, text: str = CONTACTS) -> Contacts:
    """The contacts of an export."""
    path = folder / "contacts.csv"
    path.write_text(text, encoding="utf-8")
    return open_contacts(Source(name="crm", path=str(path)), Choices("FR", "drop"))


def keys(drafts: list[Draft]) -> list[str | None]:
    """Whose drafts they are."""
    return [one.contact_key for one in drafts]


@pytest.mark.parametrize(
    ("wheres", "chosen"),
    [
        ((), ["K1", "K2", "K4", "K5", "K6"]),
        (("City=lyon",), ["K1", "K2", "K5", "K6"]),
        (("city!=Lyon",), ["K4"]),
        (("city=",), ["K4"]),
        (("city=*", "Date de RDV=*"), ["K1", "K5"]),
        (("city=Lyon", "first_name != Ana"), ["K2", "K5", "K6"]),
        (("city=Nice",), []),
    ],
)
def test_a_column_chooses(tmp_path: Path, wheres: tuple[str, ...], chosen: list[str]) -> None:
    """Case and outer blanks do not matter, all filters must hold; whom the CRM deleted is counted and never chosen."""
    found = contacts(tmp_path)
    assert keys(list(found.drafts(wheres))) == chosen
    assert dict(found.left_out) == {"deleted": 1}


def test_a_draft_knows_its_contact_and_its_row(tmp_path: Path) -> None:
    """A template may name the contact's fields and the row's columns; who has no number is told by what stands there."""
    found = contacts(tmp_path)
    first, *_, last = list(found.drafts(()))
    assert (first.number, first.identity, first.contact_source) == ("+33612345671", "", "crm")
    assert (first.fields["first_name"], first.fields["date_de_rdv"], first.fields["city"]) == ("Ana", "lundi", "Lyon")
    assert set(first.fields) <= found.known_fields
    assert (last.number, first.place.line, last.place.line) == ("12", 2, 7)


def test_no_number_of_a_contact_that_said_no_is_written_to(tmp_path: Path) -> None:
    """Every number of the row counts, and the reason is the CRM's own; who is merely deleted said nothing."""
    assert contacts(tmp_path).opted_out() == {
        "+33612345672": "do not SMS",
        "+33612345682": "do not SMS",
        "+33612345674": "do not call",
    }
    assert contacts(tmp_path, "id,mobile\nK1,06 12 34 56 71\n").opted_out() == {}


def test_filters_that_make_no_sense_are_all_named(tmp_path: Path) -> None:
    """A column that is not there, and what is no filter; with the columns that are."""
    with pytest.raises(FixSetup) as fault:
        list(contacts(tmp_path).drafts(("town=Lyon", "Lyon")))
    assert ["town" in fault.value.faults[0], "'Lyon' is no filter" in fault.value.faults[1]] == [True, True]
    assert "city" in fault.value.faults[0]


def test_a_tap_has_no_contacts_to_write_to() -> None:
    """It was piped in, and is not there any more."""
    with pytest.raises(FixSetup, match="Singer"):
        open_contacts(Source(type="singer", path="-"), Choices("FR", "drop"))
