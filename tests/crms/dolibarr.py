"""Dolibarr: today's schema, that of 3.3 with other names, another prefix, and PostgreSQL.

Hard deletion, private and disabled contacts, entities, countries by id with a row "-", empty strings for NULL.
"""

from __future__ import annotations

from typing import Any, Literal

from tests.crms import Crm, Later, Row, e164, mobile


def _today(prefix: str, database: Literal["mysql", "postgresql"] = "mysql") -> list[str]:
    number = "integer AUTO_INCREMENT PRIMARY KEY" if database == "mysql" else "serial PRIMARY KEY"
    stamp = "timestamp NULL DEFAULT CURRENT_TIMESTAMP"
    stamp += " ON UPDATE CURRENT_TIMESTAMP" if database == "mysql" else ""
    time = "datetime" if database == "mysql" else "timestamp"
    tiny = "tinyint" if database == "mysql" else "smallint"
    return [
        f"""CREATE TABLE {prefix}c_country (
            rowid integer PRIMARY KEY, code varchar(2) NOT NULL, code_iso varchar(3), label varchar(128) NOT NULL,
            active {tiny} DEFAULT 1 NOT NULL)""",
        f"""CREATE TABLE {prefix}societe (
            rowid {number}, nom varchar(128), name_alias varchar(128), entity integer DEFAULT 1 NOT NULL, tms {stamp},
            status {tiny} DEFAULT 1, address varchar(255), zip varchar(25), town varchar(50), fk_pays integer DEFAULT 0,
            phone varchar(30), phone_mobile varchar(30), email varchar(128), client {tiny} DEFAULT 0,
            fournisseur {tiny} DEFAULT 0)""",
        f"""CREATE TABLE {prefix}socpeople (
            rowid {number}, datec {time}, tms {stamp}, fk_soc integer, entity integer DEFAULT 1 NOT NULL,
            civility varchar(6), lastname varchar(50), firstname varchar(50), address varchar(255), zip varchar(25),
            town varchar(255), fk_departement integer, fk_pays integer DEFAULT 0, poste varchar(80), phone varchar(30),
            phone_perso varchar(30), phone_mobile varchar(30), fax varchar(30), url varchar(255), email varchar(255),
            socialnetworks text, no_email smallint DEFAULT 0 NOT NULL, priv smallint DEFAULT 0 NOT NULL,
            statut {tiny} DEFAULT 1 NOT NULL, default_lang varchar(6), import_key varchar(14))""",
        f"CREATE INDEX idx_socpeople_fk_soc ON {prefix}socpeople (fk_soc)",
    ]


OF_3_3 = [
    "CREATE TABLE llx_c_pays (rowid integer PRIMARY KEY, code varchar(2) NOT NULL, code_iso varchar(3), libelle varchar(50))",
    """CREATE TABLE llx_societe (
        rowid integer AUTO_INCREMENT PRIMARY KEY, nom varchar(60), entity integer DEFAULT 1 NOT NULL,
        tms timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, status tinyint DEFAULT 1,
        address varchar(255), cp varchar(10), ville varchar(50), fk_pays integer DEFAULT 0, tel varchar(20))""",
    """CREATE TABLE llx_socpeople (
        rowid integer AUTO_INCREMENT PRIMARY KEY, datec datetime,
        tms timestamp NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP, fk_soc integer,
        entity integer DEFAULT 1 NOT NULL, civilite varchar(6), name varchar(50), firstname varchar(50), address varchar(255),
        cp varchar(25), ville varchar(255), fk_departement integer, fk_pays integer DEFAULT 0, poste varchar(80),
        phone varchar(30), phone_perso varchar(30), phone_mobile varchar(30), fax varchar(30), email varchar(255),
        priv smallint DEFAULT 0 NOT NULL, no_email smallint DEFAULT 0 NOT NULL, note text, KEY idx_socpeople_fk_soc (fk_soc))""",
]
COUNTRIES = [
    {"rowid": 0, "code": "", "code_iso": None, "label": "-"},
    {"rowid": 1, "code": "FR", "code_iso": "FRA", "label": "France"},
    {"rowid": 2, "code": "BE", "code_iso": "BEL", "label": "Belgium"},
]
COMPANIES = [
    {"rowid": 1, "nom": "ACME", "fk_pays": 2, "tms": "2026-01-01 00:00:00"},
    {"rowid": 2, "nom": "Closed", "fk_pays": 1, "status": 0, "tms": "2026-01-01 00:00:00"},
    {"rowid": 3, "nom": "Bourbon", "fk_pays": 1, "zip": "97400", "tms": "2026-01-01 00:00:00"},
]


def _person(number: int, trap: str, **cells: Any) -> dict[str, Any]:
    row = {
        "rowid": number,
        "firstname": trap,
        "lastname": "Dupont",
        "phone_mobile": mobile(number),
        "phone": "",
        "email": "",
        "fk_pays": 1,
        "tms": f"2026-01-{number % 27 + 1:02d} 10:00:00",
    }
    return row | cells


PEOPLE = [
    _person(11, "Plain", address="1 rue de la Paix", zip="75002", town="Paris", email="plain@exemple.fr"),
    _person(13, "Private", priv=1),
    _person(14, "OtherEntity", entity=2),
    _person(15, "SharedEntity", entity=0),
    _person(16, "OfTheCompany", fk_soc=1, fk_pays=0, phone_mobile="0470 12 34 56"),
    _person(17, "OfAClosedCompany", fk_soc=2),
    _person(18, "ProPhoneOnly", phone_mobile="", phone="01 42 34 00 18"),
    _person(19, "PersonalPhoneOnly", phone_mobile=None, phone="", phone_perso="01 42 34 00 19"),
    _person(20, "FaxOnly", phone_mobile="", fax="01 42 34 00 20"),
    _person(21, "", lastname="NoFirstName", fk_pays=None),
    _person(22, "Reunion", phone_mobile="0692 12 34 56", zip="97400"),
    _person(23, "EmailOptOut", email="optout@exemple.fr", no_email=1),
    _person(24, "NoDate", tms=None),
]
SENT = {
    e164(11): {
        "first_name": "Plain",
        "last_name": "Dupont",
        "adress": "1 rue de la Paix, 75002, Paris",
        "email": "plain@exemple.fr",
        "country_code": "FR",
    },
    e164(15): {"first_name": "SharedEntity"},
    "+32470123456": {"first_name": "OfTheCompany", "country_code": "BE"},
    "+33142340018": {"first_name": "ProPhoneOnly"},
    "+33142340019": {"first_name": "PersonalPhoneOnly"},
    e164(21): {"first_name": "", "last_name": "NoFirstName"},
    "+262692123456": {"first_name": "Reunion"},
    e164(23): {"first_name": "EmailOptOut", "email": "optout@exemple.fr"},
    e164(24): {"first_name": "NoDate"},
}
OLD_NAMES = {"lastname": "name", "zip": "cp", "town": "ville", "label": "libelle"}


def _old(row: Row) -> Row:
    return {OLD_NAMES.get(name, name): value for name, value in row.items()}


def _rows(prefix: str, *, more: list[dict[str, Any]]) -> list[tuple[str, Row]]:
    return [
        *((f"{prefix}c_country", row) for row in COUNTRIES),
        *((f"{prefix}societe", row) for row in COMPANIES),
        *((f"{prefix}socpeople", row) for row in [*PEOPLE, *more]),
    ]


def _later(prefix: str, lastname: str, stamp: str) -> list[Later]:
    return [
        Later(
            "an edit, and a contact with the same second as the newest, whose key stands before all others",
            [
                f"UPDATE {prefix}socpeople SET {lastname} = 'Martin', tms = '{stamp}' WHERE rowid = 11",
                f"INSERT INTO {prefix}socpeople (rowid, firstname, phone_mobile, tms)"
                f" VALUES (1, 'Tie', '{mobile(201)}', '{stamp}')",
            ],
            arrives=[e164(201)],
            shows={e164(11): {"last_name": "Martin"}},
        ),
        Later(
            "a contact of the second at which the last read ended",
            [
                f"INSERT INTO {prefix}socpeople (rowid, firstname, phone_mobile, tms)"
                f" VALUES (2, 'Tie', '{mobile(202)}', '{stamp}')",
            ],
            arrives=[e164(202)],
        ),
        Later(
            "an edit of a contact without a date",
            [f"UPDATE {prefix}socpeople SET {lastname} = 'Martin', tms = NULL WHERE rowid = 24"],
            shows={e164(24): {"last_name": "Martin"}},
        ),
        Later(
            "the company moves to another country, which its own date tells",
            [f"UPDATE {prefix}societe SET fk_pays = 1, tms = '2026-01-30 10:00:00' WHERE rowid = 1"],
            arrives=["+33470123456"],
        ),
        Later(
            "a contact becomes private",
            [f"UPDATE {prefix}socpeople SET priv = 1, tms = '2026-01-30 11:00:00' WHERE rowid = 15"],
            gone=1,
            reason="private",
        ),
        Later(
            "a company is closed, and its contact with it",
            [f"UPDATE {prefix}societe SET status = 0, tms = '2026-01-30 12:00:00' WHERE rowid = 1"],
            gone=1,
            reason="company closed",
        ),
        Later("a hard deletion", [f"DELETE FROM {prefix}socpeople WHERE rowid = 23"], gone=1, by_date=False),
    ]


DISABLED = _person(12, "Disabled", statut=0)
BOURBON = _person(25, "PostcodeOfTheCompany", phone_mobile="0692 12 34 57", fk_soc=3, fk_pays=0)
LEFT_OUT = {"disabled": 1, "private": 1, "other entity": 1, "company closed": 1}
BEYOND = {"+262692123457": {"first_name": "PostcodeOfTheCompany"}}


def _crm(name: str, prefix: str, database: Literal["mysql", "postgresql"] = "mysql") -> Crm:
    return Crm(
        name,
        "dolibarr",
        database,
        _today(prefix, database),
        _rows(prefix, more=[DISABLED, BOURBON]),
        sent=SENT | BEYOND,
        left_out=LEFT_OUT,
        rejected={"#002": 1},
        later=_later(prefix, "lastname", "2026-01-29 10:00:00"),
    )


CRMS = [
    _crm("Dolibarr 22", "llx_"),
    _crm("Dolibarr 22 with another prefix", "Erp7_"),
    _crm("Dolibarr 22 on PostgreSQL", "llx_", "postgresql"),
    Crm(
        "Dolibarr 3.3",
        "dolibarr",
        "mysql",
        OF_3_3,
        [(table.replace("c_country", "c_pays"), _old(row)) for table, row in _rows("llx_", more=[])],
        sent=SENT,
        left_out={reason: count for reason, count in LEFT_OUT.items() if reason != "disabled"},
        rejected={"#002": 1},
        later=_later("llx_", "name", "2026-01-29 10:00:00"),
    ),
]
