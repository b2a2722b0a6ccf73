"""Odoo's res_partner: 16, 17 with OCA's partner_firstname and the list of blocked numbers, 19 without a mobile column."""

from __future__ import annotations

from typing import Any

from tests.crms import Crm, Later, Row, e164, mobile

COUNTRY = """CREATE TABLE res_country (
    id serial PRIMARY KEY, name jsonb NOT NULL, code varchar(2), phone_code integer, write_date timestamp)"""
PARTNER = """CREATE TABLE res_partner (
    id serial PRIMARY KEY, company_id integer, create_date timestamp, name varchar, title integer, parent_id integer,
    ref varchar, lang varchar, vat varchar, website varchar, active boolean, type varchar, street varchar, street2 varchar,
    zip varchar, city varchar, state_id integer, country_id integer REFERENCES res_country (id), email varchar, phone varchar,
    mobile varchar, is_company boolean, color integer, customer_rank integer, supplier_rank integer, write_date timestamp,
    CONSTRAINT res_partner_check_name CHECK ((type = 'contact' AND name IS NOT NULL) OR type <> 'contact'))"""
TABLES = [COUNTRY, PARTNER, "CREATE INDEX res_partner_parent_id_index ON res_partner (parent_id)"]
OCA = ["ALTER TABLE res_partner ADD firstname varchar, ADD lastname varchar"]
BLOCKED_NUMBERS = [
    "ALTER TABLE res_partner ADD phone_sanitized varchar",
    """CREATE TABLE phone_blacklist (
        id serial PRIMARY KEY, number varchar NOT NULL UNIQUE, active boolean, create_date timestamp, write_date timestamp)""",
]
NO_MOBILE = ["ALTER TABLE res_partner DROP mobile"]
COUNTRIES = [
    ("res_country", {"id": 75, "name": '{"en_US": "France", "fr_FR": "France"}', "code": "FR", "phone_code": 33}),
    ("res_country", {"id": 20, "name": '{"en_US": "Belgium", "fr_FR": "Belgique"}', "code": "BE", "phone_code": 32}),
    ("res_country", {"id": 231, "name": '{"en_US": "United Kingdom"}', "code": "GB", "phone_code": 44}),
]


def _partner(number: int, trap: str | None, **cells: Any) -> tuple[str, Row]:
    row = {
        "id": number,
        "name": trap and f"{trap} Dupont",
        "active": True,
        "is_company": False,
        "type": "contact",
        "country_id": 75,
        "phone": mobile(number),
        "write_date": f"2026-01-{number % 27 + 1:02d} 10:00:00.123456",
    }
    return "res_partner", row | cells


ROWS = [
    *COUNTRIES,
    _partner(1, "ACME", is_company=True, country_id=20),
    _partner(11, "Plain", street="1 rue de la Paix", street2="Bât. A", zip="75002", city="Paris", email="plain@exemple.fr"),
    _partner(12, "Archived", active=False),
    _partner(13, "NeverActive", active=None),
    _partner(14, "PrivateAddress", type="private"),
    _partner(15, "InvoiceAddress", type="invoice", parent_id=1),
    _partner(16, None, type="delivery", parent_id=1),
    _partner(17, "OtherAddress", type="other"),
    _partner(18, "British", phone="020 7946 0018", country_id=231),
    _partner(19, "CountryOfTheCompany", phone="0470 12 34 56", country_id=None, parent_id=1),
    _partner(20, "NoPhone", phone=None),
    _partner(21, "NoDate", write_date=None),
    _partner(22, "GuardedPhone", phone="'+33 6 12 34 00 22"),
    _partner(24, "Deleted"),
]
SENT = {
    e164(11): {
        "first_name": "",
        "last_name": "Plain Dupont",
        "adress": "1 rue de la Paix, Bât. A, 75002, Paris",
        "email": "plain@exemple.fr",
        "country_code": "FR",
    },
    e164(17): {"last_name": "OtherAddress Dupont"},
    "+442079460018": {"country_code": "GB"},
    "+32470123456": {"country_code": "BE"},
    e164(21): {"last_name": "NoDate Dupont"},
    e164(22): {"last_name": "GuardedPhone Dupont"},
    e164(24): {"last_name": "Deleted Dupont"},
}
LEFT_OUT = {"archived": 2, "company": 1, "private": 1, "address only": 2}
LATER = [
    Later(
        "an edit, and a contact with the same second as the newest, whose key stands before all others",
        [
            "UPDATE res_partner SET city = 'Lyon', write_date = '2026-01-28 10:00:00.5' WHERE id = 11",
            "INSERT INTO res_partner (id, name, type, active, phone, write_date)"
            f" VALUES (2, 'Tie', 'contact', TRUE, '{mobile(201)}', '2026-01-28 10:00:00.5')",
        ],
        arrives=[e164(201)],
        shows={e164(11): {"adress": "1 rue de la Paix, Bât. A, 75002, Lyon"}},
    ),
    Later(
        "a contact of the very moment at which the last read ended",
        [
            "INSERT INTO res_partner (id, name, type, active, phone, write_date)"
            f" VALUES (3, 'Tie', 'contact', TRUE, '{mobile(202)}', '2026-01-28 10:00:00.5')",
        ],
        arrives=[e164(202)],
    ),
    Later(
        "an edit of a contact without a date",
        ["UPDATE res_partner SET city = 'Lyon' WHERE id = 21"],
        shows={e164(21): {"adress": "Lyon"}},
    ),
    Later(
        "the company moves to another country, which its own date tells",
        ["UPDATE res_partner SET country_id = 75, write_date = '2026-01-29 10:00:00' WHERE id = 1"],
        arrives=["+33470123456"],
    ),
    Later(
        "a contact is archived",
        ["UPDATE res_partner SET active = FALSE, write_date = '2026-01-30 10:00:00' WHERE id = 17"],
        gone=1,
        reason="archived",
    ),
    Later("a hard deletion", ["DELETE FROM res_partner WHERE id = 24"], gone=1, by_date=False),
]

CRMS = [
    Crm(
        "Odoo 16",
        "odoo",
        "postgresql",
        TABLES,
        [*ROWS, _partner(23, "MobileFirst", phone="01 42 34 00 23", mobile=mobile(23))],
        sent=SENT | {e164(23): {"last_name": "MobileFirst Dupont"}},
        left_out=LEFT_OUT,
        rejected={"#002": 1},
        later=LATER,
    ),
    Crm(
        "Odoo 17 with OCA names and blocked numbers",
        "odoo",
        "postgresql",
        [*TABLES, *OCA, *BLOCKED_NUMBERS],
        [
            *ROWS,
            _partner(23, "TwoNames", firstname="Jeanne", lastname="Martin"),
            _partner(25, "Blocked", phone_sanitized=e164(25)),
            _partner(26, "BlockedAsItStands", phone="+33 6 12 34 00 26"),
            _partner(27, "BlockedNoMore", phone_sanitized=e164(27)),
            _partner(28, "ToBeBlocked", phone_sanitized=e164(28)),
            ("phone_blacklist", {"number": e164(25), "active": True, "write_date": "2026-01-01 00:00:00"}),
            ("phone_blacklist", {"number": e164(26), "active": True, "write_date": "2026-01-01 00:00:00"}),
            ("phone_blacklist", {"number": e164(27), "active": False, "write_date": "2026-01-01 00:00:00"}),
        ],
        sent=SENT
        | {
            e164(23): {"first_name": "Jeanne", "last_name": "Martin"},
            e164(27): {"last_name": "BlockedNoMore Dupont"},
            e164(28): {"last_name": "ToBeBlocked Dupont"},
        },
        left_out=LEFT_OUT | {"do not SMS": 2},
        rejected={"#002": 1},
        later=[
            *LATER,
            Later(
                "a number is blocked, which the list's own date tells",
                [f"INSERT INTO phone_blacklist (number, active, write_date) VALUES ('{e164(28)}', TRUE, '2026-02-01 00:00:00')"],
                gone=1,
                reason="do not SMS",
            ),
        ],
    ),
    Crm(
        "Odoo 19 after OpenUpgrade",
        "odoo",
        "postgresql",
        [*TABLES, *NO_MOBILE],
        [*ROWS, _partner(23, "TwoInOne", phone=f"01 42 34 00 23 | {mobile(23)}")],
        sent=SENT | {e164(23): {"last_name": "TwoInOne Dupont"}},
        left_out=LEFT_OUT,
        rejected={"#002": 1},
        later=LATER,
    ),
]
