"""EspoCRM on MariaDB and on PostgreSQL: phones and e-mails in tables of their own, flags that are true booleans."""

from __future__ import annotations

from typing import Any, Literal

from tests.crms import Crm, Later, Row, e164, mobile


def _tables(database: Literal["mysql", "postgresql"]) -> list[str]:
    flag = "tinyint(1) DEFAULT 0" if database == "mysql" else "boolean DEFAULT false"
    time = "datetime" if database == "mysql" else "timestamp(0) without time zone"
    return [
        f"""CREATE TABLE account (id varchar(17) NOT NULL PRIMARY KEY, name varchar(249), deleted {flag},
            billing_address_country varchar(100), modified_at {time})""",
        f"""CREATE TABLE contact (
            id varchar(17) NOT NULL PRIMARY KEY, deleted {flag}, salutation_name varchar(100), first_name varchar(100),
            last_name varchar(100), account_id varchar(17), description text, do_not_call {flag}, address_street varchar(255),
            address_city varchar(100), address_state varchar(100), address_country varchar(100),
            address_postal_code varchar(40), created_at {time}, modified_at {time})""",
        f"""CREATE TABLE phone_number (
            id varchar(17) NOT NULL PRIMARY KEY, name varchar(36), deleted {flag}, "type" varchar(100), "numeric" varchar(36),
            invalid {flag}, opt_out {flag})""",
        f"""CREATE TABLE entity_phone_number (
            id bigint NOT NULL PRIMARY KEY, entity_id varchar(17), phone_number_id varchar(17), entity_type varchar(100),
            "primary" {flag}, deleted {flag}, UNIQUE (entity_id, phone_number_id, entity_type))""",
        "CREATE INDEX epn_phone_number_id ON entity_phone_number (phone_number_id)",
        f"""CREATE TABLE email_address (
            id varchar(17) NOT NULL PRIMARY KEY, name varchar(255), deleted {flag}, "lower" varchar(255), invalid {flag},
            opt_out {flag})""",
        f"""CREATE TABLE entity_email_address (
            id bigint NOT NULL PRIMARY KEY, entity_id varchar(17), email_address_id varchar(17), entity_type varchar(100),
            "primary" {flag}, deleted {flag}, UNIQUE (entity_id, email_address_id, entity_type))""",
    ]


def _contact(number: int, trap: str, **cells: Any) -> tuple[str, Row]:
    row = {
        "id": f"c{number:016d}",
        "first_name": trap,
        "last_name": "Dupont",
        "address_country": "France",
        "modified_at": f"2026-01-{number % 27 + 1:02d} 10:00:00",
    }
    return "contact", row | cells


def _phone(
    number: int, contact: int, name: str, kind: str | None = "Mobile", *, link: dict[str, Any] | None = None, **cells: Any
) -> list[tuple[str, Row]]:
    row = {"id": f"p{number:016d}", "name": name, "type": kind, "numeric": "".join(filter(str.isdigit, name))}
    relation = {
        "id": number,
        "entity_id": f"c{contact:016d}",
        "phone_number_id": f"p{number:016d}",
        "entity_type": "Contact",
        "primary": True,
    }
    return [("phone_number", row | cells), ("entity_phone_number", relation | (link or {}))]


def _email(number: int, contact: int, name: str, *, link: dict[str, Any] | None = None, **cells: Any) -> list[tuple[str, Row]]:
    row = {"id": f"e{number:016d}", "name": name, "lower": name.lower()}
    relation = {
        "id": number,
        "entity_id": f"c{contact:016d}",
        "email_address_id": f"e{number:016d}",
        "entity_type": "Contact",
        "primary": True,
    }
    return [("email_address", row | cells), ("entity_email_address", relation | (link or {}))]


ROWS = [
    ("account", {"id": "a0000000000000001", "name": "ACME", "billing_address_country": "Belgium"}),
    _contact(1, "Plain", address_street="1 rue de la Paix", address_postal_code="75002", address_city="Paris"),
    *_phone(10, 1, "+33612340001"),
    *_email(10, 1, "Plain@exemple.fr"),
    _contact(2, "SoftDeleted", deleted=True),
    *_phone(20, 2, mobile(2)),
    _contact(3, "DoNotCall", do_not_call=True),
    *_phone(30, 3, mobile(3)),
    _contact(4, "OptedOutNumber"),
    *_phone(40, 4, mobile(4), opt_out=True),
    _contact(5, "OptedOutMobileOnly"),
    *_phone(50, 5, mobile(5), opt_out=True),
    *_phone(51, 5, "01 42 34 00 05", "Office", link={"primary": False}),
    _contact(6, "InvalidNumber"),
    *_phone(60, 6, mobile(6), invalid=True),
    _contact(7, "ManyNumbers"),
    *_phone(70, 7, "01 42 34 00 07", "Office"),
    *_phone(71, 7, mobile(71), link={"primary": False}),
    *_phone(72, 7, mobile(72), link={"primary": False, "deleted": True}),
    *_phone(73, 7, mobile(73), deleted=True, link={"primary": False}),
    *_phone(74, 7, "01 42 34 00 74", "Fax", link={"primary": False}),
    _contact(8, "FaxOnly"),
    *_phone(80, 8, "01 42 34 00 08", "Fax"),
    _contact(9, "NumberOfALead"),
    *_phone(90, 9, mobile(9), link={"entity_type": "Lead"}),
    _contact(10, "GuardedApostrophe"),
    *_phone(100, 10, "'+33 6 12 34 00 10"),
    _contact(11, "CustomType"),
    *_phone(110, 11, mobile(11), "WhatsApp"),
    _contact(12, "NoType", modified_at=None),
    *_phone(120, 12, mobile(12), None, link={"primary": None}),
    _contact(13, "CountryOfTheCompany", address_country=None, account_id="a0000000000000001"),
    *_phone(130, 13, "0470 12 34 56"),
    _contact(14, "TwoEmails"),
    *_phone(140, 14, mobile(14)),
    *_email(140, 14, "second@exemple.fr", link={"primary": False}),
    *_email(141, 14, "first@exemple.fr"),
    *_email(142, 14, "deleted@exemple.fr", deleted=True),
    _contact(15, "EmailOptOut"),
    *_phone(150, 15, mobile(15)),
    *_email(150, 15, "optout@exemple.fr", opt_out=True),
]


def _crm(database: Literal["mysql", "postgresql"], name: str) -> Crm:
    return Crm(
        name,
        "espocrm",
        database,
        _tables(database),
        ROWS,
        sent={
            e164(1): {
                "first_name": "Plain",
                "adress": "1 rue de la Paix, 75002, Paris",
                "email": "Plain@exemple.fr",
                "country_code": "FR",
            },
            "+33142340005": {"first_name": "OptedOutMobileOnly"},
            e164(71): {"first_name": "ManyNumbers"},
            e164(10): {"first_name": "GuardedApostrophe"},
            e164(11): {"first_name": "CustomType"},
            e164(12): {"first_name": "NoType"},
            "+32470123456": {"first_name": "CountryOfTheCompany", "country_code": "BE"},
            e164(14): {"first_name": "TwoEmails", "email": "first@exemple.fr"},
            e164(15): {"first_name": "EmailOptOut", "email": "optout@exemple.fr"},
        },
        left_out={"deleted": 1, "do not call": 1, "opted out": 1},
        rejected={"#002": 3},
        later=[
            Later(
                "an edit, and a contact with the same second as the newest, whose key stands before all others",
                [
                    "UPDATE contact SET last_name = 'Martin', modified_at = '2026-01-16 10:00:00' WHERE id = 'c0000000000000001'",
                    "INSERT INTO contact (id, first_name, modified_at) VALUES ('a', 'Tie', '2026-01-16 10:00:00')",
                    f"INSERT INTO phone_number (id, name, \"type\") VALUES ('pa', '{mobile(201)}', 'Mobile')",
                    "INSERT INTO entity_phone_number (id, entity_id, phone_number_id, entity_type)"
                    " VALUES (1, 'a', 'pa', 'Contact')",
                ],
                arrives=[e164(201)],
                shows={e164(1): {"last_name": "Martin"}},
            ),
            Later(
                "a contact without a date",
                [
                    "INSERT INTO contact (id, first_name) VALUES ('b', 'NoDate')",
                    f"INSERT INTO phone_number (id, name, \"type\") VALUES ('pb', '{mobile(202)}', 'Mobile')",
                    "INSERT INTO entity_phone_number (id, entity_id, phone_number_id, entity_type)"
                    " VALUES (2, 'b', 'pb', 'Contact')",
                ],
                arrives=[e164(202)],
            ),
            Later(
                "the company's country, which is seen by the company's date",
                ["UPDATE account SET billing_address_country = 'France', modified_at = '2026-02-01 10:00:00'"],
                arrives=["+33470123456"],
            ),
            Later(
                "a soft deletion",
                ["UPDATE contact SET deleted = TRUE, modified_at = '2026-02-02 10:00:00' WHERE id = 'c0000000000000010'"],
                gone=1,
                reason="deleted",
            ),
            Later(
                "an opt-out on the number alone, which no date tells",
                ["UPDATE phone_number SET opt_out = TRUE WHERE id = 'p0000000000000110'"],
                gone=1,
                by_date=False,
            ),
            Later(
                "the tombstone is purged, and another contact with it",
                ["DELETE FROM contact WHERE id IN ('c0000000000000010', 'c0000000000000014')"],
                gone=1,
                by_date=False,
            ),
        ],
    )


CRMS = [_crm("mysql", "EspoCRM on MariaDB"), _crm("postgresql", "EspoCRM on PostgreSQL")]
