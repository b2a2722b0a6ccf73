"""ERPNext: names as keys, blanks in the names of tables, the site's own zone, addresses through two links."""

from __future__ import annotations

from typing import Any

from tests.crms import Crm, Later, Row, e164, mobile

STANDARD = """"name" varchar(140) NOT NULL PRIMARY KEY, creation datetime(6), modified datetime(6), owner varchar(140),
    docstatus tinyint NOT NULL DEFAULT 0, idx int NOT NULL DEFAULT 0"""
CHILD = f"{STANDARD}, parent varchar(140), parentfield varchar(140), parenttype varchar(140), KEY parent (parent)"
TABLES = [
    f"""CREATE TABLE "tabContact" (
        {STANDARD}, first_name varchar(140), middle_name varchar(140), last_name varchar(140), full_name varchar(140),
        email_id varchar(140), "user" varchar(140), address varchar(140), status varchar(140) DEFAULT 'Passive',
        phone varchar(140), mobile_no varchar(140), company_name varchar(140), unsubscribed tinyint NOT NULL DEFAULT 0,
        is_primary_contact tinyint NOT NULL DEFAULT 0, KEY modified (modified), KEY email_id (email_id))""",
    f"""CREATE TABLE "tabContact Phone" (
        {CHILD}, phone varchar(140), is_primary_phone tinyint NOT NULL DEFAULT 0,
        is_primary_mobile_no tinyint NOT NULL DEFAULT 0)""",
    f"""CREATE TABLE "tabContact Email" ({CHILD}, email_id varchar(140), is_primary tinyint NOT NULL DEFAULT 0)""",
    f"""CREATE TABLE "tabAddress" (
        {STANDARD}, address_title varchar(140), address_type varchar(140), address_line1 varchar(240),
        address_line2 varchar(240), city varchar(140), state varchar(140), country varchar(140), pincode varchar(140),
        is_primary_address tinyint NOT NULL DEFAULT 0, disabled tinyint NOT NULL DEFAULT 0)""",
    f"""CREATE TABLE "tabDynamic Link" (
        {CHILD}, link_doctype varchar(140), link_name varchar(140), link_title varchar(140),
        KEY link_doctype_link_name_index (link_doctype, link_name))""",
    f"""CREATE TABLE "tabCountry" ({STANDARD}, country_name varchar(140), code varchar(140), time_zones text)""",
    """CREATE TABLE "tabSingles" (
        doctype varchar(255), field varchar(255), "value" text, KEY singles_doctype_field_index (doctype, field))""",
]


def _contact(number: int, trap: str, **cells: Any) -> tuple[str, Row]:
    row = {
        "name": f"{trap} Dupont",
        "first_name": trap,
        "last_name": "Dupont",
        "full_name": f"{trap} Dupont",
        "mobile_no": mobile(number),
        "modified": f"2026-01-{number:02d} 10:00:00.000000",
    }
    return "tabContact", row | cells


def _phone(name: str, parent: str, phone: str, **cells: Any) -> tuple[str, Row]:
    return "tabContact Phone", {"name": name, "parent": parent, "parenttype": "Contact", "phone": phone, **cells}


def _link(name: str, parenttype: str, parent: str, customer: str) -> tuple[str, Row]:
    row = {"name": name, "parent": parent, "parenttype": parenttype, "link_doctype": "Customer", "link_name": customer}
    return "tabDynamic Link", row


ROWS = [
    ("tabSingles", {"doctype": "System Settings", "field": "time_zone", "value": "Indian/Reunion"}),
    ("tabCountry", {"name": "France", "code": "fr"}),
    ("tabCountry", {"name": "Belgium", "code": "be"}),
    (
        "tabAddress",
        {
            "name": "Paris-Billing",
            "address_line1": "1 rue de la Paix",
            "pincode": "75002",
            "city": "Paris",
            "country": "France",
            "modified": "2026-01-01 00:00:00",
        },
    ),
    ("tabAddress", {"name": "ACME-Billing", "city": "Bruxelles", "country": "Belgium", "modified": "2026-01-01 00:00:00"}),
    _contact(1, "Plain", email_id="plain@exemple.fr", address="Paris-Billing"),
    _contact(2, "Unsubscribed", unsubscribed=1),
    _contact(3, "Replied", status="Replied", address="Paris-Billing"),
    _contact(4, "PhoneOnly", mobile_no="", phone="01 42 34 00 04"),
    _contact(5, "ChildRowOnly", mobile_no=None),
    _phone("c5a", "ChildRowOnly Dupont", mobile(5), idx=2),
    _phone("c5b", "ChildRowOnly Dupont", mobile(55), idx=1),
    _contact(6, "ChildRowOfALead", mobile_no=None),
    ("tabContact Phone", {"name": "c6", "parent": "ChildRowOfALead Dupont", "parenttype": "Lead", "phone": mobile(6)}),
    _contact(7, "AddressOfTheCustomer", mobile_no="0470 12 34 56"),
    _link("l7", "Contact", "AddressOfTheCustomer Dupont", "ACME"),
    _link("l7a", "Address", "ACME-Billing", "ACME"),
    _contact(8, "NoAddress", address=""),
    _contact(9, 'O\'Brien "the" Great', last_name=""),
    _contact(10, "NoDate", modified=None),
    _contact(11, "ChildEmailOnly"),
    (
        "tabContact Email",
        {"name": "e11", "parent": "ChildEmailOnly Dupont", "parenttype": "Contact", "email_id": "child@exemple.fr"},
    ),
]

CRMS = [
    Crm(
        "ERPNext 15",
        "erpnext",
        "mysql",
        TABLES,
        ROWS,
        sent={
            e164(1): {
                "first_name": "Plain",
                "adress": "1 rue de la Paix, 75002, Paris",
                "email": "plain@exemple.fr",
                "country_code": "FR",
            },
            e164(3): {"first_name": "Replied"},
            "+33142340004": {"first_name": "PhoneOnly"},
            e164(55): {"first_name": "ChildRowOnly"},
            "+32470123456": {"first_name": "AddressOfTheCustomer", "adress": "Bruxelles", "country_code": "BE"},
            e164(8): {"first_name": "NoAddress", "adress": ""},
            e164(9): {"first_name": 'O\'Brien "the" Great', "last_name": ""},
            e164(10): {"first_name": "NoDate"},
            e164(11): {"email": "child@exemple.fr"},
        },
        left_out={"opted out": 1},
        rejected={"#002": 1},
        later=[
            Later(
                "an edit, and a contact with the same microsecond as the newest, whose key stands before all others",
                [
                    "UPDATE \"tabContact\" SET last_name = 'Martin', modified = '2026-01-12 10:00:00.000001'"
                    " WHERE name = 'Plain Dupont'",
                    'INSERT INTO "tabContact" (name, first_name, mobile_no, modified)'
                    f" VALUES ('!', 'Tie', '{mobile(201)}', '2026-01-12 10:00:00.000001')",
                ],
                arrives=[e164(201)],
                shows={e164(1): {"last_name": "Martin"}},
            ),
            Later(
                "a contact of the very moment at which the last read ended",
                [
                    'INSERT INTO "tabContact" (name, first_name, mobile_no, modified)'
                    f" VALUES ('!!', 'Tie', '{mobile(202)}', '2026-01-12 10:00:00.000001')",
                ],
                arrives=[e164(202)],
            ),
            Later(
                "an edit of a contact without a date",
                ["UPDATE \"tabContact\" SET last_name = 'Martin' WHERE name = 'NoDate Dupont'"],
                shows={e164(10): {"last_name": "Martin"}},
            ),
            Later(
                "the address moves, which its own date tells",
                ["UPDATE \"tabAddress\" SET city = 'Lyon', modified = '2026-01-13 10:00:00' WHERE name = 'Paris-Billing'"],
                shows={
                    e164(1): {"adress": "1 rue de la Paix, 75002, Lyon"},
                    e164(3): {"adress": "1 rue de la Paix, 75002, Lyon"},
                },
            ),
            Later(
                "a person unsubscribes",
                ["UPDATE \"tabContact\" SET unsubscribed = 1, modified = '2026-01-14 10:00:00' WHERE name = 'Replied Dupont'"],
                gone=1,
                reason="opted out",
            ),
            Later(
                "a contact is renamed: another key, the same number, and nothing to send",
                [
                    "UPDATE \"tabContact\" SET name = 'NoAddress' WHERE name = 'NoAddress Dupont'",
                ],
                gone=1,
                by_date=False,
            ),
            Later("a hard deletion", ["DELETE FROM \"tabContact\" WHERE first_name = 'ChildEmailOnly'"], gone=1, by_date=False),
        ],
    )
]
