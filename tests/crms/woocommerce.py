"""WooCommerce: fields as rows of usermeta, times as text of Unix seconds, roles in serialized PHP, a network of sites."""

from __future__ import annotations

from typing import Any

from tests.crms import Crm, Later, Row, e164, mobile

DAY = 86_400
BEGUN = 1_767_225_600  # 2026-01-01 00:00:00 UTC
CUSTOMER, SUBSCRIBER = 'a:1:{s:8:"customer";b:1;}', 'a:1:{s:10:"subscriber";b:1;}'


def _tables(prefix: str) -> list[str]:
    return [
        f"""CREATE TABLE {prefix}users (
            ID bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_login varchar(60) NOT NULL DEFAULT '',
            user_pass varchar(255) NOT NULL DEFAULT '', user_email varchar(100) NOT NULL DEFAULT '',
            user_registered datetime NOT NULL DEFAULT '2025-01-01 00:00:00', user_status int NOT NULL DEFAULT 0,
            display_name varchar(250) NOT NULL DEFAULT '', KEY user_login_key (user_login), KEY user_email (user_email))""",
        f"""CREATE TABLE {prefix}usermeta (
            umeta_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id bigint unsigned NOT NULL DEFAULT 0,
            meta_key varchar(255), meta_value longtext, KEY user_id (user_id), KEY meta_key (meta_key(191)))""",
        f"""CREATE TABLE {prefix}wc_customer_lookup (
            customer_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY, user_id bigint unsigned,
            first_name varchar(255) NOT NULL, last_name varchar(255) NOT NULL, email varchar(100), country char(2))""",
    ]


def _user(prefix: str, number: int, trap: str, user: Row | None = None, **meta: str | None) -> list[tuple[str, Row]]:
    fields: dict[str, str | None] = {
        "billing_first_name": trap,
        "billing_last_name": "Dupont",
        "billing_phone": mobile(number),
        "billing_country": "FR",
        "last_update": str(BEGUN + number * DAY),
        f"{prefix}capabilities": CUSTOMER,
    }
    rows: list[tuple[str, Row]] = [(f"{prefix}users", {"ID": number, "user_email": f"login{number}@exemple.fr", **(user or {})})]
    for key, value in (fields | meta).items():
        if value is not None:
            rows.append((f"{prefix}usermeta", {"user_id": number, "meta_key": key, "meta_value": value}))
    return rows


def _rows(prefix: str) -> list[tuple[str, Row]]:
    def user(number: int, trap: str, user: Row | None = None, **meta: str | None) -> list[tuple[str, Row]]:
        return _user(prefix, number, trap, user, **meta)

    role = f"{prefix}capabilities"
    nameless: dict[str, Any] = {"billing_first_name": None, "billing_last_name": None}
    return [
        *user(
            11,
            "Plain",
            billing_email="plain@exemple.fr",
            billing_address_1="1 rue de la Paix",
            billing_postcode="75002",
            billing_city="Paris",
        ),
        *user(12, "SubscriberWithoutPhone", None, billing_phone=None, **{role: SUBSCRIBER}),
        *user(13, "CustomerWithoutPhone", None, billing_phone=None),
        *user(14, "BuyerWithoutRole", None, **{role: SUBSCRIBER}),
        *user(15, "ShippingOnly", None, billing_phone="", shipping_phone=mobile(15), shipping_city="Lyon"),
        *user(16, "", {"display_name": "Shown Name"}, **nameless),
        *user(17, "", None, first_name="Own", last_name="Name", **nameless),
        *user(18, "LoginEmailOnly"),
        *user(19, "NoDate", None, last_update=None),
        *user(20, "OddDate", None, last_update="yesterday"),
        *user(21, "Reunion", None, billing_phone="0692 12 34 56", billing_postcode="97400"),
        *user(22, "Belgian", None, billing_phone="0470 12 34 56", billing_country="BE"),
        *user(23, "TwiceThere"),
        (f"{prefix}usermeta", {"user_id": 23, "meta_key": "billing_phone", "meta_value": ""}),
        (f"{prefix}usermeta", {"user_id": 23, "meta_key": "billing_city", "meta_value": "Paris"}),
        (f"{prefix}usermeta", {"user_id": 23, "meta_key": "billing_city", "meta_value": "Paris"}),
        (f"{prefix}users", {"ID": 24, "user_login": "nothing"}),
        (f"{prefix}usermeta", {"user_id": 999, "meta_key": "billing_phone", "meta_value": mobile(99)}),
    ]


SENT = {
    e164(11): {
        "first_name": "Plain",
        "last_name": "Dupont",
        "adress": "1 rue de la Paix, 75002, Paris",
        "email": "plain@exemple.fr",
        "country_code": "FR",
    },
    e164(14): {"first_name": "BuyerWithoutRole"},
    e164(15): {"first_name": "ShippingOnly", "adress": "Lyon"},
    e164(16): {"first_name": "", "last_name": "Shown Name"},
    e164(17): {"first_name": "Own", "last_name": "Name"},
    e164(18): {"email": "login18@exemple.fr"},
    e164(19): {"first_name": "NoDate"},
    e164(20): {"first_name": "OddDate"},
    "+262692123456": {"first_name": "Reunion"},
    "+32470123456": {"country_code": "BE"},
    e164(23): {"first_name": "TwiceThere", "adress": "Paris"},
}


def _later(prefix: str, newest: int) -> list[Later]:
    return [
        Later(
            "an edit, and a customer with the same second as the newest, whose key stands before all others",
            [
                f"UPDATE {prefix}usermeta SET meta_value = 'Martin' WHERE user_id = 11 AND meta_key = 'billing_last_name'",
                f"UPDATE {prefix}usermeta SET meta_value = '{newest}' WHERE user_id = 11 AND meta_key = 'last_update'",
                f"INSERT INTO {prefix}users (ID) VALUES (1)",
                f"INSERT INTO {prefix}usermeta (user_id, meta_key, meta_value)"
                f" VALUES (1, 'billing_phone', '{mobile(201)}'), (1, 'last_update', '{newest}')",
            ],
            arrives=[e164(201)],
            shows={e164(11): {"last_name": "Martin"}},
        ),
        Later(
            "edits of customers without a date, or with one that is no number",
            [
                f"UPDATE {prefix}usermeta SET meta_value = 'Martin' WHERE user_id IN (19, 20) AND meta_key = 'billing_last_name'",
            ],
            shows={e164(19): {"last_name": "Martin"}, e164(20): {"last_name": "Martin"}},
        ),
        Later(
            "a phone is removed from somebody who is no customer",
            [
                f"DELETE FROM {prefix}usermeta WHERE user_id = 14 AND meta_key = 'billing_phone'",
                f"UPDATE {prefix}usermeta SET meta_value = '{newest + DAY}' WHERE user_id = 14 AND meta_key = 'last_update'",
            ],
            gone=1,
            reason="no customer",
        ),
        Later(
            "a hard deletion, which takes the fields with it",
            [f"DELETE FROM {prefix}users WHERE ID = 18", f"DELETE FROM {prefix}usermeta WHERE user_id = 18"],
            gone=1,
            by_date=False,
        ),
    ]


LEFT_OUT = {"no customer": 2}

CRMS = [
    Crm(
        "WooCommerce",
        "woocommerce",
        "mysql",
        _tables("wp_"),
        _rows("wp_"),
        sent=SENT,
        left_out=LEFT_OUT,
        rejected={"#002": 1},
        later=_later("wp_", BEGUN + 23 * DAY),
    ),
    Crm(
        "WooCommerce on a network of sites, with another prefix",
        "woocommerce",
        "mysql",
        [
            *_tables("shop_"),
            "ALTER TABLE shop_users ADD spam tinyint NOT NULL DEFAULT 0, ADD deleted tinyint NOT NULL DEFAULT 0",
            "CREATE TABLE shop_2_options (option_id bigint unsigned NOT NULL AUTO_INCREMENT PRIMARY KEY)",
        ],
        [
            *_rows("shop_"),
            *_user("shop_", 25, "Spam", {"spam": 1}),
            *_user("shop_", 26, "Deleted", {"deleted": 1}),
            *_user(
                "shop_", 27, "OfTheSecondSite", None, shop_capabilities=None, shop_2_capabilities=CUSTOMER, billing_phone=None
            ),
        ],
        sent=SENT,
        left_out=LEFT_OUT | {"spam": 1, "deleted": 1},
        rejected={"#002": 2},
        later=[
            *_later("shop_", BEGUN + 27 * DAY),
            Later(
                "a soft deletion of the network",
                [
                    "UPDATE shop_users SET deleted = 1 WHERE ID = 16",
                    f"UPDATE shop_usermeta SET meta_value = '{BEGUN + 40 * DAY}' WHERE user_id = 16 AND meta_key = 'last_update'",
                ],
                gone=1,
                reason="deleted",
            ),
        ],
    ),
]
