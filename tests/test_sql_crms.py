"""Each CRM read from its own database: real tables, a row for every trap, and what the vendor then has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import pytest
import sqlalchemy as sa

from sync_connector import mapping as mappings
from sync_connector.recognition import recognize
from sync_connector.sandbox.app import Vendor
from tests.conftest import Project
from tests.crms import Crm, Row, all_crms

pytestmark = pytest.mark.usefixtures("one_engine")
EXPORTS = {
    "suitecrm": "ID,First Name,Last Name,Title,Department,Account Name,Email Address,Mobile,Office Phone,Home,Other Phone,Fax,"
    "Primary Address Street,Primary Address City,Primary Address State,Primary Address Postal Code,Primary Address Country,"
    "Alternate Address Street,Do Not Call,Date Created,Date Modified,Assigned to,Deleted",
    "espocrm": "id,name,deleted,salutationName,firstName,lastName,accountName,emailAddress,phoneNumber,phoneNumberIsOptedOut,"
    "doNotCall,addressStreet,addressCity,addressState,addressCountry,addressPostalCode,createdAt,modifiedAt,assignedUserName",
    "vtiger": "Salutation,First Name,Contact Id,Office Phone,Last Name,Mobile Phone,Organization Name,Home Phone,Lead Source,"
    "Other Phone,Title,Fax,Department,Primary Email,Assistant,Secondary Email,Assistant Phone,Do Not Call,Email Opt Out,"
    "Assigned To,Notify Owner,Created Time,Modified Time,Portal User,Support Start Date,Mailing Street,Other Street,"
    "Mailing City,Mailing State,Mailing Zip,Mailing Country,Mailing Po Box,Description",
    "dolibarr FR": "Id contact,Code civilité,Nom,Prénom,Poste/Fonction,Privé,Adresse,Code postal,Ville,Pays,Code pays,Tél pro.,"
    "Tél perso.,Tél portable,Email,État",
    "dolibarr EN": "Contact ID,Civility code,Last name,First name,Post/Function,Private,Address,Zip code,Town,Country,"
    "Country code,Phone,Mobile,Email,Status",
    "odoo EN": "External ID,Name,Phone,Mobile,Email,Street,Street2,Zip,City,Country,Is a Company,Active,Last Updated on",
    "odoo FR": "Identifiant externe,Nom,Téléphone,Portable,E-mail,Rue,Rue 2,Code postal,Ville,Pays,Est une société,Actif",
    "odoo, technical names": "id,name,phone,mobile,email,street,street2,zip,city,country_id,is_company,active,write_date",
    "civicrm": "Contact ID,Contact Type,Contact Subtype,Do Not Email,Do Not Phone,Do Not Mail,Do Not Sms,Do Not Trade,"
    "No Bulk Emails (User Opt Out),External Identifier,Sort Name,Display Name,First Name,Last Name,Is Deceased,"
    "Street Address,City,Postal Code,State,Country,Phone,Email",
    "erpnext": "ID,First Name,Last Name,Full Name,Email Address,Status,Phone,Mobile No,Company Name,Unsubscribed,"
    "Is Primary Contact,Sync with Google Contacts",
    "woocommerce": "ID,user_login,user_email,user_registered,first_name,last_name,billing_first_name,billing_last_name,"
    "billing_phone,billing_email,billing_address_1,billing_city,billing_postcode,billing_country,shipping_address_1",
}
CRMS = {crm.name: crm for crm in all_crms()}


@contextmanager
def _connected(url: str, database: str) -> Iterator[sa.Connection]:
    driver = {"mysql": "mysql+pymysql", "postgresql": "postgresql+psycopg"}[database]
    engine = sa.create_engine(sa.make_url(url).set(drivername=driver), poolclass=sa.pool.NullPool)
    with engine.begin() as connection:
        if database == "mysql":
            connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',ANSI_QUOTES'), time_zone = '+00:00'")
        yield connection


def _insert(connection: sa.Connection, table: str, row: Row) -> None:
    connection.execute(sa.table(table, *map(sa.column, row)).insert().values(dict(row)))


def _happens(url: str, database: str, statements: Sequence[str]) -> None:
    with _connected(url, database) as connection:
        for statement in statements:
            connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.fixture(params=list(CRMS.values()), ids=list(CRMS))
def crm(request: pytest.FixtureRequest) -> Crm:
    """Each CRM in each of its versions."""
    found: Crm = request.param
    return found


@pytest.fixture
def database(crm: Crm, request: pytest.FixtureRequest) -> str:
    """The URL of a database with the CRM's tables and rows."""
    url = str(request.getfixturevalue("mariadb_database" if crm.database == "mysql" else "postgres_database"))
    _happens(url, crm.database, crm.tables)
    with _connected(url, crm.database) as connection:
        for table, row in crm.rows:
            _insert(connection, table, row)
    return url


@pytest.fixture
def night(project: Project, database: str) -> Project:
    """A project that `init` made from nothing but the database's URL. Boundaries are sharp, and nothing is read in full
    unasked."""
    project.environment |= {"CRM_URL": database, "ARDARY_URL": project.address}
    project.config.unlink()
    project.run("init", "${CRM_URL}")
    text = project.config.read_text(encoding="utf-8")
    project.config.write_text(text.replace("[source]", "[source]\noverlap = 0\nfull_every = 1000", 1), encoding="utf-8")
    return project


@pytest.fixture
def ledger_url(tmp_path: object) -> str:
    """The ledger that `init` writes: the CRMs are what differs here, not the ledger."""
    return f"sqlite:///{tmp_path}/sync-ledger.db"


def _shows(vendor: Vendor, number: str, fields: dict[str, str]) -> None:
    held = vendor.contacts[number]
    assert {name: held.get(name, "") for name in fields} == fields, number


def test_init_recognizes_the_crm_by_its_tables(crm: Crm, night: Project) -> None:
    """The URL alone picks the mapping, and the reason is said; the password stays out of the file."""
    night.config.unlink()
    said = night.run("init", "${CRM_URL}").stdout
    assert f"mapping {crm.mapping}:" in said
    assert "tables" in said
    text = night.config.read_text(encoding="utf-8")
    assert f'mapping = "{crm.mapping}"' in text
    assert 'url = "${CRM_URL}"' in text


def test_every_trap_is_counted_and_only_the_right_contacts_are_sent(crm: Crm, night: Project, vendor: Vendor) -> None:
    """The plan's counts are those of the traps; after the sync the vendor holds exactly the contacts that may be held."""
    planned = night.json("plan")
    rejected = sum(crm.rejected.values())
    rows = {
        "read": len(crm.sent) + rejected,
        "unchanged": 0,
        "to_send": len(crm.sent),
        "rejected": rejected,
        "held": 0,
        "in_doubt": 0,
    }
    assert planned["rows"] == rows
    assert planned["left_out"] == crm.left_out
    assert {code: planned["codes"].get(code, 0) for code in crm.rejected} == crm.rejected
    result = night.sync()
    assert result["verdicts"]["accepted"] == len(crm.sent)
    assert set(vendor.contacts) == set(crm.sent)
    for number, fields in crm.sent.items():
        _shows(vendor, number, dict(fields))


def test_what_happens_in_the_crm_later_is_seen(crm: Crm, database: str, night: Project, vendor: Vendor) -> None:
    """Edits, ties, rows without a date and soft deletions are seen by the next read; hard deletions by the next full one."""
    night.sync()
    expected = set(crm.sent)
    for step in crm.later:
        _happens(database, crm.database, step.statements)
        if crm.incremental and not step.by_date:
            unseen = night.sync()
            assert (unseen["gone"], unseen["posts"]) == (0, 0), f"{step.what}: no date tells it"
            result = night.sync("--full")
            assert result["read_since"] is None
        else:
            result = night.sync()
            assert (result["read_since"] is not None) == crm.incremental
        expected |= set(step.arrives)
        assert set(vendor.contacts) == expected, step.what
        assert result["gone"] == step.gone, step.what
        for number, fields in step.shows.items():
            _shows(vendor, number, dict(fields))
        assert not step.reason or result["left_out"][step.reason] >= 1, step.what
        assert night.sync()["posts"] == 0, f"{step.what}: it is settled"


def test_each_crm_shows_what_may_happen(crm: Crm) -> None:
    """An edit or a new contact, one that leaves by a mark (where the CRM has one), and one that is deleted for good."""
    assert any(step.arrives or step.shows for step in crm.later)
    assert any(step.gone and step.reason for step in crm.later)
    assert any(step.gone and not step.by_date for step in crm.later)


@pytest.mark.parametrize(("name", "headers"), EXPORTS.items(), ids=EXPORTS.keys())
def test_the_same_mapping_reads_the_crms_own_export(name: str, headers: str) -> None:
    """The headers of its export pick it; a key, a phone, a name, an e-mail and what says "do not" are found among them."""
    wanted = name.split()[0].rstrip(",")
    best = recognize(headers.split(","))[0]
    assert best.name == wanted
    binding = mappings.bind(mappings.load(wanted), headers.split(","))
    assert binding.key
    assert binding.phone
    assert binding.first_name or binding.full_name
    assert binding.email
    marks = {"Deleted", "deleted", "Do Not Call", "doNotCall", "phoneNumberIsOptedOut", "Privé", "Private", "Is a Company"}
    marks |= {"Est une société", "is_company", "Do Not Phone", "Do Not Sms", "Is Deceased", "Unsubscribed"}
    assert marks & set(headers.split(",")) <= {header for header, _, _ in binding.deleted}


def test_every_crm_with_a_database_is_tested() -> None:
    """A mapping with a query has its tables here."""
    with_query = {name for name in mappings.names() if mappings.load(name).sql is not None}
    assert with_query == {crm.mapping for crm in CRMS.values()}
