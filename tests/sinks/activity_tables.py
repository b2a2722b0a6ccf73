"""The CRMs' own activity tables, as their sources and dumps of running systems define them, beside the contacts' of tests/crms.

salesagility/SuiteCRM modules/Calls/vardefs.php and metadata/calls_contactsMetaData.php; espocrm/espocrm entityDefs/Call.json
and Note.json (EspoCRM 8); Dolibarr/dolibarr install/mysql/tables/llx_actioncomm.sql (9 and 22); vtiger-crm/vtigercrm
schema/DatabaseSchema.xml (5.4) and 8.2; odoo/odoo addons/mail/models/mail_message.py (12 and 17).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SUITECRM = [
    """CREATE TABLE calls (
        id char(36) NOT NULL PRIMARY KEY, name varchar(50), date_entered datetime, date_modified datetime,
        modified_user_id char(36), created_by char(36), description text, deleted tinyint(1) DEFAULT 0,
        assigned_user_id char(36), duration_hours int(2), duration_minutes int(2), date_start datetime, date_end datetime,
        parent_type varchar(255), status varchar(100) DEFAULT 'Planned', direction varchar(100), parent_id char(36),
        reminder_time int(11) DEFAULT -1, email_reminder_time int(11) DEFAULT -1, email_reminder_sent tinyint(1) DEFAULT 0,
        outlook_id varchar(255), repeat_type varchar(36), repeat_interval int(3) DEFAULT 1, repeat_dow varchar(7),
        repeat_until date, repeat_count int(7), repeat_parent_id char(36), recurring_source varchar(36),
        KEY idx_call_name (name), KEY idx_calls_par_del (parent_id, parent_type, deleted)) ENGINE=InnoDB DEFAULT CHARSET=utf8""",
    """CREATE TABLE calls_contacts (
        id varchar(36) NOT NULL PRIMARY KEY, call_id varchar(36), contact_id varchar(36), required varchar(1) DEFAULT '1',
        accept_status varchar(25) DEFAULT 'none', date_modified datetime, deleted tinyint(1) DEFAULT 0,
        KEY idx_con_call_call (call_id), KEY idx_con_call_con (contact_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8""",
    """CREATE TABLE notes (
        assigned_user_id char(36), id char(36) NOT NULL PRIMARY KEY, date_entered datetime, date_modified datetime,
        modified_user_id char(36), created_by char(36), name varchar(255), file_mime_type varchar(100), filename varchar(255),
        parent_type varchar(255), parent_id char(36), contact_id char(36), portal_flag tinyint(1),
        embed_flag tinyint(1) DEFAULT 0, description text, deleted tinyint(1) DEFAULT 0,
        KEY idx_note_contact (contact_id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4""",
    "CREATE TABLE users (id char(36) NOT NULL PRIMARY KEY, user_name varchar(60), deleted tinyint(1))",
    "INSERT INTO users VALUES ('1', 'admin', 0), ('gone', 'former', 1)",
]


def _espocrm(key: str, flag: str, time: str, number: str) -> list[str]:
    return [
        f"""CREATE TABLE "call" (
            id varchar(17) NOT NULL PRIMARY KEY, name varchar(255), deleted {flag}, status varchar(255) DEFAULT 'Planned',
            date_start {time}, date_end {time}, direction varchar(255) DEFAULT 'Outbound', description text, uid varchar(255),
            created_at {time}, modified_at {time}, parent_id varchar(17), parent_type varchar(100), account_id varchar(17),
            created_by_id varchar(17), modified_by_id varchar(17), assigned_user_id varchar(17))""",
        f"""CREATE TABLE call_contact (
            id {key}, call_id varchar(17), contact_id varchar(17), status varchar(36) DEFAULT 'None', deleted {flag},
            UNIQUE (call_id, contact_id))""",
        f"""CREATE TABLE call_user (
            id {key}, user_id varchar(17), call_id varchar(17), status varchar(36) DEFAULT 'None', deleted {flag},
            UNIQUE (user_id, call_id))""",
        f"""CREATE TABLE note (
            id varchar(17) NOT NULL PRIMARY KEY, deleted {flag}, post text, data text, "type" varchar(24),
            target_type varchar(7), number {number}, is_global {flag}, is_internal {flag}, created_at {time},
            modified_at {time}, parent_id varchar(17), parent_type varchar(100), related_id varchar(17),
            related_type varchar(100), created_by_id varchar(17), modified_by_id varchar(17))""",
        f'CREATE TABLE "user" (id varchar(17) NOT NULL PRIMARY KEY, user_name varchar(50), deleted {flag})',
        """INSERT INTO "user" (id, user_name) VALUES ('u1', 'admin')""",
        "INSERT INTO account (id, name) VALUES ('a1', 'ACME')",
        "UPDATE contact SET account_id = 'a1' WHERE id = 'c0000000000000001'",
    ]


ESPO_MYSQL = _espocrm(
    "bigint AUTO_INCREMENT PRIMARY KEY", "tinyint(1) DEFAULT 0", "datetime", "int unsigned NOT NULL AUTO_INCREMENT UNIQUE"
)
ESPO_POSTGRES = _espocrm(
    "bigserial PRIMARY KEY", "boolean NOT NULL DEFAULT false", "timestamp(0) without time zone", "serial UNIQUE"
)


def _dolibarr(prefix: str, *, recent: bool, postgres: bool = False) -> list[str]:
    number = "serial PRIMARY KEY" if postgres else "integer AUTO_INCREMENT PRIMARY KEY"
    time = "timestamp" if postgres else "datetime"
    ref = "ref varchar(30) NOT NULL, " if recent else ""
    resources = ", answer_status varchar(50), mandatory smallint, transparency smallint DEFAULT 1" if recent else ""
    return [
        f"""CREATE TABLE {prefix}actioncomm (
            id {number}, {ref}ref_ext varchar(255), entity integer DEFAULT 1 NOT NULL, datep {time}, datep2 {time},
            fk_action integer, code varchar(50), datec {time}, tms timestamp NULL, fk_user_author integer, fk_user_mod integer,
            fk_project integer, fk_soc integer, fk_contact integer, fk_parent integer NOT NULL DEFAULT 0,
            fk_user_action integer, fk_user_done integer, transparency integer, priority smallint,
            visibility varchar(12) DEFAULT 'default', fulldayevent smallint NOT NULL DEFAULT 0,
            percent smallint NOT NULL DEFAULT 0, location varchar(128), durationp double precision,
            label varchar(255) NOT NULL, note text, calling_duration integer, email_subject varchar(255),
            email_msgid varchar(255), recurid varchar(128), fk_element integer, elementtype varchar(255),
            import_key varchar(14), extraparams varchar(255))""",
        f"""CREATE TABLE {prefix}actioncomm_resources (
            rowid {number}, fk_actioncomm integer NOT NULL, element_type varchar(50) NOT NULL,
            fk_element integer NOT NULL{resources})""",
        f"CREATE UNIQUE INDEX uk_resources ON {prefix}actioncomm_resources (fk_actioncomm, element_type, fk_element)",
        f"""CREATE TABLE {prefix}c_actioncomm (
            id integer PRIMARY KEY, code varchar(50) NOT NULL UNIQUE, type varchar(50) NOT NULL,
            libelle varchar(128) NOT NULL)""",
        f"INSERT INTO {prefix}c_actioncomm VALUES (1, 'AC_TEL', 'system', 'Phone call'), (50, 'AC_OTH', 'systemauto', 'Other')",
        f"CREATE TABLE {prefix}user (rowid integer PRIMARY KEY, login varchar(50), statut integer DEFAULT 1)",
        f"INSERT INTO {prefix}user VALUES (7, 'admin', 1), (8, 'former', 0)",
    ]


def _vtiger(*, recent: bool) -> list[str]:
    int_or_text = "int" if recent else "varchar(100)"
    more = ", userid varchar(100), is_private int(1) DEFAULT 0" if recent else ""
    return [
        """ALTER TABLE vtiger_crmentity ADD modifiedby int(19) NOT NULL DEFAULT 0, ADD version int(19) NOT NULL DEFAULT 0,
            ADD presence int(1) DEFAULT 1""",
        "CREATE TABLE vtiger_crmentity_seq (id int(11) NOT NULL)",
        "INSERT INTO vtiger_crmentity_seq VALUES (1000)",
        """CREATE TABLE vtiger_activity (
            activityid int(19) NOT NULL DEFAULT 0 PRIMARY KEY, subject varchar(100) NOT NULL, semodule varchar(20),
            activitytype varchar(200) NOT NULL, date_start date NOT NULL, due_date date, time_start varchar(50),
            time_end varchar(50), sendnotification varchar(3) NOT NULL DEFAULT '0', duration_hours varchar(200),
            duration_minutes varchar(200), status varchar(200), eventstatus varchar(200), priority varchar(200),
            location varchar(150), notime varchar(3) NOT NULL DEFAULT '0', visibility varchar(50) NOT NULL DEFAULT 'all',
            recurringtype varchar(200),
            CONSTRAINT fk_1_vtiger_activity FOREIGN KEY (activityid) REFERENCES vtiger_crmentity (crmid) ON DELETE CASCADE)""",
        """CREATE TABLE vtiger_activitycf (activityid int(19) NOT NULL DEFAULT 0 PRIMARY KEY,
            FOREIGN KEY (activityid) REFERENCES vtiger_activity (activityid) ON DELETE CASCADE)""",
        """CREATE TABLE vtiger_cntactivityrel (
            contactid int(19) NOT NULL DEFAULT 0, activityid int(19) NOT NULL DEFAULT 0, PRIMARY KEY (contactid, activityid),
            CONSTRAINT fk_2_vtiger_cntactivityrel FOREIGN KEY (contactid) REFERENCES vtiger_contactdetails (contactid))""",
        f"""CREATE TABLE vtiger_modcomments (
            modcommentsid int, commentcontent text, related_to {int_or_text} NOT NULL, parent_comments {int_or_text}{more})""",
        "CREATE TABLE vtiger_modcommentscf (modcommentsid int NOT NULL DEFAULT 0 PRIMARY KEY)",
        "CREATE TABLE vtiger_users (id int(11) PRIMARY KEY, user_name varchar(255), status varchar(25))",
        "INSERT INTO vtiger_users VALUES (1, 'admin', 'Active'), (5, 'former', 'Inactive')",
    ]


def _odoo(*, recent: bool) -> list[str]:
    more = ", is_internal boolean, email_layout_xmlid varchar, email_add_signature boolean" if recent else ", layout varchar"
    return [
        "CREATE TABLE mail_message_subtype (id serial PRIMARY KEY, name varchar)",
        "INSERT INTO mail_message_subtype VALUES (1, 'Discussions'), (2, 'Note')",
        """CREATE TABLE ir_model_data (
            id serial PRIMARY KEY, name varchar NOT NULL, module varchar NOT NULL, model varchar NOT NULL, res_id integer,
            UNIQUE (module, name))""",
        """INSERT INTO ir_model_data (module, name, model, res_id) VALUES
            ('mail', 'mt_comment', 'mail.message.subtype', 1), ('mail', 'mt_note', 'mail.message.subtype', 2)""",
        """INSERT INTO res_partner (id, name, active, type, write_date) VALUES
            (90, 'Administrator', TRUE, 'contact', '2026-01-01')""",
        """CREATE TABLE res_users (
            id serial PRIMARY KEY, login varchar NOT NULL, active boolean, partner_id integer NOT NULL REFERENCES res_partner)""",
        "INSERT INTO res_users VALUES (2, 'admin', TRUE, 90)",
        f"""CREATE TABLE mail_message (
            id serial PRIMARY KEY, subject varchar, "date" timestamp, body text,
            parent_id integer REFERENCES mail_message ON DELETE SET NULL, model varchar, res_id integer, record_name varchar,
            message_type varchar NOT NULL, subtype_id integer REFERENCES mail_message_subtype ON DELETE SET NULL,
            mail_activity_type_id integer, email_from varchar, author_id integer REFERENCES res_partner ON DELETE SET NULL,
            message_id varchar, reply_to varchar, mail_server_id integer, create_uid integer REFERENCES res_users,
            create_date timestamp, write_uid integer REFERENCES res_users, write_date timestamp{more})""",
    ]


@dataclass(frozen=True)
class Own:
    """A CRM with its activity tables. `crm`: its name in tests/crms. `shown`: kind → the query by which the CRM shows what
    there is: title, what else is told, start, end or null, contact, user, description. `away`: contacts that are not in the CRM.
    `emptied`, `undone`: the tables, and the statements, by which a test's activities are gone again."""

    crm: str
    tables: Sequence[str]
    user: str
    contact: str
    away: Sequence[str]
    shown: Mapping[str, str]
    wrong_user: str = "no-such-user"
    prefix: str = ""
    emptied: Sequence[str] = ()
    undone: Sequence[str] = ()


_SUITE_CALLS = """SELECT c.name, CONCAT(c.status, ' ', c.direction, ' ', c.duration_hours, ':', c.duration_minutes), c.date_start,
    c.date_end, r.contact_id, c.assigned_user_id, c.description
    FROM calls c JOIN calls_contacts r ON r.call_id = c.id AND r.deleted = 0
    JOIN contacts p ON p.id = r.contact_id AND c.parent_type = 'Contacts' AND c.parent_id = p.id
    WHERE c.deleted = 0 ORDER BY c.date_start, c.id"""
_SUITE_NOTES = """SELECT n.name, '', n.date_entered, NULL, n.contact_id, n.assigned_user_id, n.description FROM notes n
    JOIN contacts p ON p.id = n.contact_id WHERE n.deleted = 0 ORDER BY n.name"""
_ESPO_CALLS = """SELECT c.name, CONCAT(c.status, ' ', c.direction, ' ', COALESCE(c.account_id, '-')), c.date_start, c.date_end,
    r.contact_id, u.user_id, c.description FROM "call" c JOIN call_contact r ON r.call_id = c.id AND NOT r.deleted
    JOIN call_user u ON u.call_id = c.id AND u.user_id = c.assigned_user_id WHERE NOT c.deleted ORDER BY c.date_start, c.id"""
_ESPO_NOTES = """SELECT '', n."type", n.created_at, NULL, n.parent_id, n.created_by_id, n.post FROM note n
    WHERE n.parent_type = 'Contact' AND NOT n.deleted AND n.data = '{}' AND n.number > 0 ORDER BY n.number"""
_DOLIBARR = """SELECT a.label, CONCAT(a.code, ' ', t.libelle, ' ', a.percent), a.datep, a.datep2,
    r.fk_element, u.fk_element, a.note
    FROM {0}actioncomm a JOIN {0}c_actioncomm t ON t.id = a.fk_action
    JOIN {0}actioncomm_resources r ON r.fk_actioncomm = a.id AND r.element_type = 'socpeople' AND r.fk_element = a.fk_contact
    JOIN {0}actioncomm_resources u ON u.fk_actioncomm = a.id AND u.element_type = 'user' AND u.fk_element = a.fk_user_action
    WHERE a.entity = 1 AND a.code = '{1}' ORDER BY a.id"""
_VTIGER_CALLS = """SELECT a.subject, CONCAT(a.eventstatus, ' ', a.activitytype, ' ', a.duration_hours, ':', a.duration_minutes),
    CONCAT(a.date_start, ' ', a.time_start), CONCAT(a.due_date, ' ', a.time_end), r.contactid, e.smownerid, e.description
    FROM vtiger_activity a JOIN vtiger_crmentity e ON e.crmid = a.activityid AND e.setype = 'Calendar' AND e.deleted = 0
    JOIN vtiger_activitycf f ON f.activityid = a.activityid JOIN vtiger_cntactivityrel r ON r.activityid = a.activityid
    ORDER BY a.activityid"""
_VTIGER_COMMENTS = """SELECT '', '', e.createdtime, NULL, m.related_to, e.smownerid, m.commentcontent FROM vtiger_modcomments m
    JOIN vtiger_crmentity e ON e.crmid = m.modcommentsid AND e.setype = 'ModComments' AND e.deleted = 0
    JOIN vtiger_modcommentscf f ON f.modcommentsid = m.modcommentsid WHERE m.parent_comments = '' ORDER BY m.modcommentsid"""
_ODOO = """SELECT '', m.message_type, m."date", NULL, m.res_id, m.create_uid, m.body FROM mail_message m
    JOIN mail_message_subtype s ON s.id = m.subtype_id AND s.name = 'Note' JOIN res_users u ON u.id = m.create_uid AND
    u.partner_id = m.author_id WHERE m.model = 'res.partner' AND m.message_id LIKE '<%%@%%>' ORDER BY m.id"""


def _dolibarr_crm(name: str, prefix: str, *, recent: bool = True, postgres: bool = False) -> Own:
    shown = {"call": _DOLIBARR.format(prefix, "AC_TEL"), "note": _DOLIBARR.format(prefix, "AC_OTH")}
    return Own(
        name,
        _dolibarr(prefix, recent=recent, postgres=postgres),
        "7",
        "11",
        ["999"],
        shown,
        "8",
        prefix,
        [f"{prefix}actioncomm", f"{prefix}actioncomm_resources"],
    )


OWN = [
    Own(
        "SuiteCRM 7",
        SUITECRM,
        "1",
        "3f2a0000-0000-4000-8000-000000000001",
        ["3f2a0000-0000-4000-8000-000000000002", "elsewhere"],
        {"call": _SUITE_CALLS, "note": _SUITE_NOTES},
        "gone",
        emptied=["calls_contacts", "calls", "notes"],
    ),
    *(
        Own(
            name,
            tables,
            "u1",
            "c0000000000000001",
            ["elsewhere"],
            {"call": _ESPO_CALLS, "note": _ESPO_NOTES},
            emptied=["call_contact", "call_user", "call", "note"],
        )
        for name, tables in (("EspoCRM on MariaDB", ESPO_MYSQL), ("EspoCRM on PostgreSQL", ESPO_POSTGRES))
    ),
    _dolibarr_crm("Dolibarr 22", "llx_"),
    _dolibarr_crm("Dolibarr 22 with another prefix", "Erp7_", recent=False),
    _dolibarr_crm("Dolibarr 22 on PostgreSQL", "llx_", postgres=True),
    *(
        Own(
            name,
            _vtiger(recent=recent),
            "1",
            "11",
            ["12", "999"],
            {"call": _VTIGER_CALLS, "note": _VTIGER_COMMENTS},
            "5",
            emptied=[
                "vtiger_cntactivityrel",
                "vtiger_activitycf",
                "vtiger_activity",
                "vtiger_modcommentscf",
                "vtiger_modcomments",
            ],
            undone=["DELETE FROM vtiger_crmentity WHERE crmid > 1000", "UPDATE vtiger_crmentity_seq SET id = 1000"],
        )
        for name, recent in (("vTiger 5.4", False), ("vTiger 8.2", True))
    ),
    *(
        Own(name, _odoo(recent=recent), "2", "11", ["999"], {"call": _ODOO, "note": _ODOO}, "3", emptied=["mail_message"])
        for name, recent in (("Odoo 16", False), ("Odoo 19 after OpenUpgrade", True))
    ),
]
