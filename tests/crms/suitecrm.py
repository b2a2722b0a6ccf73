"""SuiteCRM 7: GUIDs, e-mail in two other tables, free-text countries, soft deletion, do_not_call."""

from __future__ import annotations

from tests.crms import Crm, Later, Row, e164, mobile

TABLES = [
    """CREATE TABLE contacts (
        id char(36) NOT NULL PRIMARY KEY, date_entered datetime, date_modified datetime, deleted tinyint(1) DEFAULT 0,
        salutation varchar(255), first_name varchar(100), last_name varchar(100), do_not_call tinyint(1) DEFAULT 0,
        phone_home varchar(100), phone_mobile varchar(100), phone_work varchar(100), phone_other varchar(100),
        phone_fax varchar(100), assistant_phone varchar(100), primary_address_street varchar(150),
        primary_address_city varchar(100), primary_address_state varchar(100), primary_address_postalcode varchar(20),
        primary_address_country varchar(255), alt_address_street varchar(150),
        KEY idx_cont_last_first (last_name, first_name, deleted), KEY idx_contacts_del_last (deleted, last_name))""",
    """CREATE TABLE email_addresses (
        id char(36) NOT NULL PRIMARY KEY, email_address varchar(255), email_address_caps varchar(255),
        invalid_email tinyint(1) DEFAULT 0, opt_out tinyint(1) DEFAULT 0, date_modified datetime, deleted tinyint(1) DEFAULT 0,
        KEY idx_ea_caps_opt_out_invalid (email_address_caps, opt_out, invalid_email))""",
    """CREATE TABLE email_addr_bean_rel (
        id char(36) NOT NULL PRIMARY KEY, email_address_id char(36) NOT NULL, bean_id char(36) NOT NULL,
        bean_module varchar(100), primary_address tinyint(1) DEFAULT 0, reply_to_address tinyint(1) DEFAULT 0,
        date_created datetime, date_modified datetime, deleted tinyint(1) DEFAULT 0,
        KEY idx_email_address_id (email_address_id), KEY idx_bean_id (bean_id, bean_module))""",
    """CREATE TABLE accounts (
        id char(36) NOT NULL PRIMARY KEY, name varchar(150), date_modified datetime, deleted tinyint(1) DEFAULT 0,
        billing_address_country varchar(255))""",
    """CREATE TABLE accounts_contacts (
        id varchar(36) NOT NULL PRIMARY KEY, contact_id varchar(36), account_id varchar(36), date_modified datetime,
        deleted tinyint(1) DEFAULT 0, KEY idx_account_contact (account_id, contact_id),
        KEY idx_contid_del_accid (contact_id, deleted, account_id))""",
    "CREATE TABLE leads (id char(36) NOT NULL PRIMARY KEY, first_name varchar(100), phone_mobile varchar(100))",
]


def _guid(number: int) -> str:
    return f"3f2a0000-0000-4000-8000-{number:012d}"


def _contact(number: int, trap: str, **cells: object) -> tuple[str, Row]:
    row = {
        "id": _guid(number),
        "first_name": trap,
        "last_name": "Dupont",
        "phone_mobile": mobile(number),
        "primary_address_country": "France",
        "date_modified": f"2026-01-{number % 27 + 1:02d} 10:00:00",
    }
    return "contacts", row | cells


def _email(number: int, contact: int, address: str, *, link: Row | None = None, **cells: object) -> list[tuple[str, Row]]:
    row: Row = {"id": _guid(5000 + number), "email_address": address, "email_address_caps": address.upper()}
    relation: Row = {
        "id": _guid(7000 + number),
        "email_address_id": _guid(5000 + number),
        "bean_id": _guid(contact),
        "bean_module": "Contacts",
        "primary_address": 1,
    }
    return [("email_addresses", dict(row) | cells), ("email_addr_bean_rel", dict(relation) | dict(link or {}))]


ROWS = [
    _contact(
        1,
        "Plain",
        primary_address_street="1 rue de la Paix",
        primary_address_postalcode="75002",
        primary_address_city="Paris",
    ),
    _contact(2, "SoftDeleted", deleted=1),
    _contact(3, "DoNotCall", do_not_call=1),
    _contact(4, "RemovedEmail"),
    _contact(5, "EmailOfAnAccount"),
    _contact(6, "TwoEmails"),
    _contact(7, "InvalidEmail"),
    _contact(8, "EmailOptOut"),
    _contact(9, "OfficeOnly", phone_mobile="", phone_work="01 42 34 00 09"),
    _contact(10, "FaxAndAssistantOnly", phone_mobile=None, phone_fax="01 42 34 00 10", assistant_phone="01 42 34 00 11"),
    _contact(11, "UnknownNumber", phone_mobile="12"),
    _contact(12, "CountryOfTheCompany", phone_mobile="0470 12 34 56", primary_address_country=""),
    _contact(13, "Reunion", phone_mobile="0692 12 34 56", primary_address_postalcode="97400"),
    _contact(14, "NoDate", date_modified=None),
    *_email(1, 1, "plain@exemple.fr"),
    *_email(4, 4, "removed@exemple.fr", link={"deleted": 1}),
    *_email(5, 5, "account@exemple.fr", link={"bean_module": "Accounts"}),
    *_email(60, 6, "second@exemple.fr", link={"primary_address": 0}),
    *_email(61, 6, "first@exemple.fr"),
    *_email(62, 6, "another-first@exemple.fr", deleted=1),
    *_email(7, 7, "invalid@exemple.fr", invalid_email=1),
    *_email(8, 8, "optout@exemple.fr", opt_out=1),
    ("accounts", {"id": _guid(9001), "name": "ACME", "billing_address_country": "Belgique"}),
    ("accounts", {"id": _guid(9002), "name": "Former", "billing_address_country": "Suisse"}),
    (
        "accounts_contacts",
        {"id": "1", "contact_id": _guid(12), "account_id": _guid(9001), "date_modified": "2026-01-01 00:00:00"},
    ),
    ("accounts_contacts", {"id": "2", "contact_id": _guid(12), "account_id": _guid(9002), "deleted": 1}),
    ("leads", {"id": _guid(99), "first_name": "Lead", "phone_mobile": mobile(99)}),
]

CRMS = [
    Crm(
        "SuiteCRM 7",
        "suitecrm",
        "mysql",
        TABLES,
        ROWS,
        sent={
            e164(1): {
                "first_name": "Plain",
                "last_name": "Dupont",
                "adress": "1 rue de la Paix, 75002, Paris",
                "email": "plain@exemple.fr",
                "country_code": "FR",
            },
            e164(4): {"first_name": "RemovedEmail", "email": ""},
            e164(5): {"first_name": "EmailOfAnAccount", "email": ""},
            e164(6): {"first_name": "TwoEmails", "email": "first@exemple.fr"},
            e164(7): {"first_name": "InvalidEmail", "email": ""},
            e164(8): {"first_name": "EmailOptOut", "email": "optout@exemple.fr"},
            "+33142340009": {"first_name": "OfficeOnly"},
            "+32470123456": {"first_name": "CountryOfTheCompany", "country_code": "BE"},
            "+262692123456": {"first_name": "Reunion"},
            e164(14): {"first_name": "NoDate"},
        },
        left_out={"deleted": 1, "do not call": 1},
        rejected={"#001": 1, "#002": 1},
        incremental=False,
        later=[
            Later(
                "an edit",
                [
                    f"UPDATE contacts SET last_name = 'Martin', date_modified = '2026-03-01 08:00:00' WHERE id = '{_guid(1)}'",
                ],
                shows={e164(1): {"last_name": "Martin"}},
            ),
            Later(
                "an e-mail is removed, which no date tells",
                [f"UPDATE email_addr_bean_rel SET deleted = 1 WHERE bean_id = '{_guid(1)}'"],
                shows={e164(1): {"email": ""}},
            ),
            Later(
                "a soft deletion, which bumps the date",
                [f"UPDATE contacts SET deleted = 1, date_modified = '2026-03-02 08:00:00' WHERE id = '{_guid(4)}'"],
                gone=1,
                reason="deleted",
            ),
            Later("a purge of the deleted", [f"DELETE FROM contacts WHERE id = '{_guid(5)}'"], gone=1, by_date=False),
        ],
    )
]
