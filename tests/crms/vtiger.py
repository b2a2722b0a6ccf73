"""vTiger 5.4 and 8.2: a contact in four tables that share one key, dates and deletion in a fifth that serves all modules."""

from __future__ import annotations

from typing import Any

from tests.crms import Crm, Later, Row, e164, mobile

TABLES = [
    """CREATE TABLE vtiger_crmentity (
        crmid int(19) NOT NULL PRIMARY KEY, smcreatorid int(19) NOT NULL DEFAULT 0, smownerid int(19) NOT NULL DEFAULT 0,
        setype varchar(30) NOT NULL, description text, createdtime datetime NOT NULL DEFAULT '2025-01-01 00:00:00',
        modifiedtime datetime NOT NULL, deleted int(1) NOT NULL DEFAULT 0, KEY crmentity_deleted_idx (deleted),
        KEY crm_ownerid_del_setype_idx (smownerid, deleted, setype))""",
    """CREATE TABLE vtiger_contactdetails (
        contactid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, contact_no varchar(100) NOT NULL, accountid int(19),
        salutation varchar(200), firstname varchar(40), lastname varchar(80) NOT NULL, email varchar(100), phone varchar(50),
        mobile varchar(50), fax varchar(50), otheremail varchar(100), secondaryemail varchar(100), donotcall varchar(3),
        emailoptout varchar(3) DEFAULT '0', KEY contactdetails_accountid_idx (accountid))""",
    """CREATE TABLE vtiger_contactsubdetails (
        contactsubscriptionid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, homephone varchar(50), otherphone varchar(50),
        assistant varchar(30), assistantphone varchar(50))""",
    """CREATE TABLE vtiger_contactaddress (
        contactaddressid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, mailingcity varchar(40), mailingstreet varchar(250),
        mailingcountry varchar(40), othercountry varchar(30), mailingstate varchar(30), mailingpobox varchar(30),
        mailingzip varchar(30), otherzip varchar(30))""",
    "CREATE TABLE vtiger_contactscf (contactid int(19) NOT NULL DEFAULT 0 PRIMARY KEY)",
]
COMPANIES = [
    "CREATE TABLE vtiger_account (accountid int(19) NOT NULL PRIMARY KEY, account_no varchar(100), accountname varchar(100))",
    """CREATE TABLE vtiger_accountbillads (
        accountaddressid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, bill_city varchar(30), bill_code varchar(30),
        bill_country varchar(30))""",
]
SINCE_7 = [
    "ALTER TABLE vtiger_crmentity ADD label varchar(255), ADD smgroupid int(19), ADD source varchar(100)",
    "ALTER TABLE vtiger_crmentity MODIFY setype varchar(100) NOT NULL",
    "ALTER TABLE vtiger_contactdetails ADD isconvertedfromlead varchar(3) DEFAULT '0'",
]


def _contact(
    number: int,
    trap: str,
    *,
    entity: dict[str, Any] | None = None,
    sub: Row | None = None,
    address: Row | None = None,
    **cells: Any,
) -> list[tuple[str, Row]]:
    of_entity = {"crmid": number, "setype": "Contacts", "modifiedtime": f"2026-01-{number % 27 + 1:02d} 10:00:00"}
    row = {"contactid": number, "contact_no": f"CON{number}", "firstname": trap, "lastname": "Dupont", "mobile": mobile(number)}
    return [
        ("vtiger_crmentity", of_entity | (entity or {})),
        ("vtiger_contactdetails", row | cells),
        ("vtiger_contactsubdetails", {"contactsubscriptionid": number, **(sub or {})}),
        ("vtiger_contactaddress", {"contactaddressid": number, "mailingcountry": "France", **(address or {})}),
    ]


ROWS = [
    *_contact(
        11,
        "Plain",
        email="plain@exemple.fr",
        address={"mailingstreet": "1 rue de la Paix", "mailingzip": "75002", "mailingcity": "Paris"},
    ),
    *_contact(12, "SoftDeleted", entity={"deleted": 1}),
    *_contact(13, "DoNotCall", donotcall="1"),
    *_contact(14, "MayBeCalled", donotcall="0"),
    *_contact(15, "EmailOptOut", emailoptout="1", email="optout@exemple.fr"),
    *_contact(16, "OfficeOnly", mobile="", phone="01 42 34 00 16"),
    *_contact(17, "HomeOnly", mobile="", sub={"homephone": "01 42 34 00 17"}),
    *_contact(18, "AssistantAndFaxOnly", mobile="", fax="01 42 34 00 18", sub={"assistantphone": "01 42 34 00 19"}),
    *_contact(19, "SecondaryEmail", email="", secondaryemail="second@exemple.fr"),
    *_contact(20, "Belgian", mobile="0470 12 34 56", address={"mailingcountry": "Belgium"}),
    ("vtiger_crmentity", {"crmid": 30, "setype": "Accounts", "modifiedtime": "2026-01-02 10:00:00"}),
    ("vtiger_contactdetails", {"contactid": 21, "contact_no": "X", "lastname": "EntityIsNoContact", "mobile": mobile(21)}),
    ("vtiger_crmentity", {"crmid": 21, "setype": "Vendors", "modifiedtime": "2026-01-02 10:00:00"}),
    ("vtiger_contactdetails", {"contactid": 22, "contact_no": "Y", "lastname": "NoOtherRows", "mobile": mobile(22)}),
    ("vtiger_crmentity", {"crmid": 22, "setype": "Contacts", "modifiedtime": "2026-01-23 10:00:00"}),
]
OF_THE_COMPANY = [
    *_contact(23, "CountryOfTheCompany", mobile="0470 12 34 57", accountid=30, address={"mailingcountry": ""}),
    ("vtiger_account", {"accountid": 30, "account_no": "ACC1", "accountname": "ACME"}),
    ("vtiger_accountbillads", {"accountaddressid": 30, "bill_country": "Belgique"}),
]
SENT = {
    e164(11): {
        "first_name": "Plain",
        "adress": "1 rue de la Paix, 75002, Paris",
        "email": "plain@exemple.fr",
        "country_code": "FR",
    },
    e164(14): {"first_name": "MayBeCalled"},
    e164(15): {"first_name": "EmailOptOut", "email": "optout@exemple.fr"},
    "+33142340016": {"first_name": "OfficeOnly"},
    "+33142340017": {"first_name": "HomeOnly"},
    e164(19): {"first_name": "SecondaryEmail", "email": "second@exemple.fr"},
    "+32470123456": {"first_name": "Belgian", "country_code": "BE"},
    e164(22): {"first_name": "", "last_name": "NoOtherRows"},
}
LATER = [
    Later(
        "an edit, and a contact with the same second as the newest, whose key stands before all others",
        [
            "UPDATE vtiger_contactdetails SET lastname = 'Martin' WHERE contactid = 11",
            "UPDATE vtiger_crmentity SET modifiedtime = '2026-01-25 10:00:00' WHERE crmid = 11",
            "INSERT INTO vtiger_crmentity (crmid, setype, modifiedtime) VALUES (1, 'Contacts', '2026-01-25 10:00:00')",
            "INSERT INTO vtiger_contactdetails (contactid, contact_no, lastname, mobile)"
            f" VALUES (1, 'T', 'Tie', '{mobile(201)}')",
        ],
        arrives=[e164(201)],
        shows={e164(11): {"last_name": "Martin"}},
    ),
    Later(
        "a contact of the second at which the last read ended",
        [
            "INSERT INTO vtiger_crmentity (crmid, setype, modifiedtime) VALUES (2, 'Contacts', '2026-01-25 10:00:00')",
            "INSERT INTO vtiger_contactdetails (contactid, contact_no, lastname, mobile)"
            f" VALUES (2, 'T', 'Tie', '{mobile(202)}')",
        ],
        arrives=[e164(202)],
    ),
    Later(
        "a soft deletion, which sets the date",
        ["UPDATE vtiger_crmentity SET deleted = 1, modifiedtime = '2026-02-02 10:00:00' WHERE crmid = 14"],
        gone=1,
        reason="deleted",
    ),
    Later(
        "it is restored",
        ["UPDATE vtiger_crmentity SET deleted = 0, modifiedtime = '2026-02-03 10:00:00' WHERE crmid = 14"],
    ),
    Later(
        "a row is deleted from the database", ["DELETE FROM vtiger_contactdetails WHERE contactid = 15"], gone=1, by_date=False
    ),
]

CRMS = [
    Crm(
        "vTiger 5.4",
        "vtiger",
        "mysql",
        TABLES,
        ROWS,
        sent=SENT,
        left_out={"deleted": 1, "do not call": 1},
        rejected={"#002": 1},
        later=LATER,
    ),
    Crm(
        "vTiger 8.2",
        "vtiger",
        "mysql",
        [*TABLES, *COMPANIES, *SINCE_7],
        [*ROWS, *OF_THE_COMPANY],
        sent=SENT | {"+32470123457": {"first_name": "CountryOfTheCompany", "country_code": "BE"}},
        left_out={"deleted": 1, "do not call": 1},
        rejected={"#002": 1},
        later=[
            *LATER,
            Later(
                "the company's country, which is seen by the company's date",
                [
                    "UPDATE vtiger_accountbillads SET bill_country = 'France'",
                    "UPDATE vtiger_crmentity SET modifiedtime = '2026-02-05 10:00:00' WHERE crmid = 30",
                ],
                arrives=["+33470123457"],
            ),
        ],
    ),
]
