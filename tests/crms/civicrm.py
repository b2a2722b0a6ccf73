"""CiviCRM: individuals without a name, phones by type, bounced e-mails, trash, deceased, and four ways to say no."""

from __future__ import annotations

from typing import Any

from tests.crms import Crm, Later, Row, e164, mobile

TABLES = [
    """CREATE TABLE civicrm_country (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, name varchar(64), iso_code char(2), country_code varchar(4))""",
    """CREATE TABLE civicrm_contact (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, contact_type varchar(64), contact_sub_type varchar(255),
        do_not_email tinyint DEFAULT 0, do_not_phone tinyint DEFAULT 0, do_not_mail tinyint DEFAULT 0,
        do_not_sms tinyint DEFAULT 0, do_not_trade tinyint DEFAULT 0, is_opt_out tinyint NOT NULL DEFAULT 0,
        external_identifier varchar(64) UNIQUE, sort_name varchar(128), display_name varchar(128), first_name varchar(64),
        last_name varchar(64), is_deceased tinyint DEFAULT 0, is_deleted tinyint NOT NULL DEFAULT 0,
        modified_date timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
        KEY index_contact_type (contact_type), KEY index_is_deleted_sort_name (is_deleted, sort_name, id))""",
    """CREATE TABLE civicrm_phone (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, contact_id int unsigned, location_type_id int unsigned,
        is_primary tinyint DEFAULT 0, is_billing tinyint DEFAULT 0, phone varchar(32), phone_ext varchar(16),
        phone_numeric varchar(32), phone_type_id int unsigned, KEY FK_phone_contact (contact_id))""",
    """CREATE TABLE civicrm_email (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, contact_id int unsigned, location_type_id int unsigned,
        email varchar(254), is_primary tinyint DEFAULT 0, is_billing tinyint DEFAULT 0, on_hold int unsigned NOT NULL DEFAULT 0,
        is_bulkmail tinyint DEFAULT 0, KEY FK_email_contact (contact_id))""",
    """CREATE TABLE civicrm_address (
        id int unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, contact_id int unsigned, location_type_id int unsigned,
        is_primary tinyint DEFAULT 0, street_address varchar(96), supplemental_address_1 varchar(96),
        supplemental_address_2 varchar(96), supplemental_address_3 varchar(96), city varchar(64), postal_code varchar(64),
        country_id int unsigned, KEY FK_address_contact (contact_id))""",
    # One of CiviCRM's own triggers: what changes beside a contact is a change of the contact.
    """CREATE TRIGGER civicrm_phone_after_update AFTER UPDATE ON civicrm_phone FOR EACH ROW
        UPDATE civicrm_contact SET modified_date = CURRENT_TIMESTAMP WHERE id = NEW.contact_id""",
]
PHONE, MOBILE, FAX, PAGER, VOICEMAIL = 1, 2, 3, 4, 5


def _contact(number: int, trap: str, *phones: tuple[str, int | None], **cells: Any) -> list[tuple[str, Row]]:
    row = {
        "id": number,
        "contact_type": "Individual",
        "first_name": trap,
        "last_name": "Dupont",
        "display_name": f"{trap} Dupont",
        "modified_date": f"2026-01-{number % 27 + 1:02d} 10:00:00",
    }
    rows: list[tuple[str, Row]] = [("civicrm_contact", row | cells)]
    for place, (phone, kind) in enumerate(phones or ((mobile(number), MOBILE),)):
        rows.append(
            ("civicrm_phone", {"contact_id": number, "phone": phone, "phone_type_id": kind, "is_primary": int(place == 0)})
        )
    return rows


def _address(contact: int, country: int, *, primary: int = 1, **cells: Any) -> tuple[str, Row]:
    return "civicrm_address", {"contact_id": contact, "is_primary": primary, "country_id": country, **cells}


ROWS = [
    ("civicrm_country", {"id": 1076, "name": "France", "iso_code": "FR", "country_code": "33"}),
    ("civicrm_country", {"id": 1020, "name": "Belgium", "iso_code": "BE", "country_code": "32"}),
    *_contact(11, "Plain"),
    _address(11, 1076, street_address="1 rue de la Paix", postal_code="75002", city="Paris"),
    ("civicrm_email", {"contact_id": 11, "email": "plain@exemple.fr", "is_primary": 1}),
    *_contact(12, "Trash", is_deleted=1),
    *_contact(13, "Deceased", is_deceased=1),
    *_contact(14, "DoNotPhone", do_not_phone=1),
    *_contact(15, "DoNotSms", do_not_sms=1),
    *_contact(16, "OptOut", is_opt_out=1),
    *_contact(17, "DoNotEmail", do_not_email=1),
    *_contact(18, "PrimaryLandline", ("01 42 34 00 18", PHONE), (mobile(18), MOBILE)),
    *_contact(19, "TwoMobiles", (mobile(19), MOBILE), (mobile(191), MOBILE)),
    *_contact(20, "FaxPagerVoicemail", ("01 42 34 00 20", FAX), (mobile(20), PAGER), (mobile(203), VOICEMAIL)),
    *_contact(21, "NoType", (mobile(21), None)),
    *_contact(22, "x", first_name=None, last_name=None, display_name="known@exemple.fr"),
    ("civicrm_email", {"contact_id": 22, "email": "known@exemple.fr", "is_primary": 1}),
    *_contact(23, "BouncedEmail"),
    ("civicrm_email", {"contact_id": 23, "email": "bounced@exemple.fr", "is_primary": 1, "on_hold": 1}),
    ("civicrm_email", {"contact_id": 23, "email": "works@exemple.fr", "is_primary": 0}),
    *_contact(24, "TwoPrimaryAddresses", ("0470 12 34 56", MOBILE)),
    _address(24, 1020, city="Bruxelles"),
    _address(24, 1076, city="Paris"),
    *_contact(25, "ACME", contact_type="Organization"),
    *_contact(26, "NoDate", modified_date=None),
]

CRMS = [
    Crm(
        "CiviCRM 5",
        "civicrm",
        "mysql",
        TABLES,
        ROWS,
        sent={
            e164(11): {
                "first_name": "Plain",
                "adress": "1 rue de la Paix, 75002, Paris",
                "email": "plain@exemple.fr",
                "country_code": "FR",
            },
            e164(17): {"first_name": "DoNotEmail"},
            e164(18): {"first_name": "PrimaryLandline"},
            e164(19): {"first_name": "TwoMobiles"},
            e164(21): {"first_name": "NoType"},
            e164(22): {"first_name": "", "last_name": "known@exemple.fr", "email": "known@exemple.fr"},
            e164(23): {"first_name": "BouncedEmail", "email": "works@exemple.fr"},
            "+32470123456": {"adress": "Bruxelles", "country_code": "BE"},
            e164(26): {"first_name": "NoDate"},
        },
        left_out={"deleted": 1, "deceased": 1, "do not call": 1, "do not SMS": 1, "opted out": 1},
        rejected={"#002": 1},
        later=[
            Later(
                "contacts with the same second as the newest, on both sides of its key",
                [
                    "INSERT INTO civicrm_contact (id, contact_type, modified_date)"
                    " VALUES (1, 'Individual', '2026-01-26 10:00:00')",
                    f"INSERT INTO civicrm_phone (contact_id, phone, phone_type_id) VALUES (1, '{mobile(201)}', 2)",
                    "INSERT INTO civicrm_contact (id, contact_type, modified_date)"
                    " VALUES (99, 'Individual', '2026-01-26 10:00:00')",
                    f"INSERT INTO civicrm_phone (contact_id, phone, phone_type_id) VALUES (99, '{mobile(202)}', 2)",
                ],
                arrives=[e164(201), e164(202)],
            ),
            Later(
                "an edit of a contact without a date",
                ["UPDATE civicrm_contact SET last_name = 'Martin', modified_date = NULL WHERE id = 26"],
                shows={e164(26): {"last_name": "Martin"}},
            ),
            Later(
                "a soft deletion",
                ["UPDATE civicrm_contact SET is_deleted = 1, modified_date = '2026-01-28 10:00:00' WHERE id = 17"],
                gone=1,
                reason="deleted",
            ),
            Later(
                "a person dies",
                ["UPDATE civicrm_contact SET is_deceased = 1, modified_date = '2026-01-29 10:00:00' WHERE id = 18"],
                gone=1,
                reason="deceased",
            ),
            Later(
                "an edited phone, which a trigger notes in the contact",
                [f"UPDATE civicrm_phone SET phone = '{mobile(119)}' WHERE contact_id = 19 AND is_primary = 1"],
                arrives=[e164(119)],
            ),
            Later(
                "a hard deletion, which takes the rows below with it",
                ["DELETE FROM civicrm_phone WHERE contact_id = 21", "DELETE FROM civicrm_contact WHERE id = 21"],
                gone=1,
                by_date=False,
            ),
        ],
    )
]
