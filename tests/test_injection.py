"""Text of the outside stays text: in SQL, in paths, on a terminal, in addresses. A CRM's cells and headers are strangers', and a
mapping may come from one."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Sequence
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from sync_connector import config, mapping
from sync_connector.cli import cli
from sync_connector.errors import FixSetup
from sync_connector.report import mask
from sync_connector.sandbox.app import Vendor
from tests.conftest import Project, accepted_by_ledger, crm_engine, e164, person

STEERS = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\u2066\x08\r"
KEYS = [
    "'; DROP TABLE people; --", '"; DROP TABLE people; --', "') OR 1=1 --", "%s", "%(id)s", "100%", ":id", "{key}", "{{ 7*7 }}",
    "\\", "\\'", "a\\' OR '1'='1", "${HOME}", "$(id)", "`id`", "../../etc/passwd", "--", "/*", "?1", "=1+1",
    "<script>alert(1)</script>",
    "a,b;c|d", "🙂", "x'||(SELECT 1)||'", "x' IN ('", "[bold]x[/bold]",
]  # fmt: skip


def _people(url: str, keys: Sequence[str]) -> None:
    """A CRM with a contact for each key, in columns whose names are as bad."""
    with crm_engine(url).begin() as connection:
        if url.startswith("mysql"):
            connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@SESSION.sql_mode, ',ANSI_QUOTES')")
        columns = 'id VARCHAR(80) PRIMARY KEY, mobile VARCHAR(40), "first name" VARCHAR(80), "odd:col %s {x} \' ;--" VARCHAR(80)'
        connection.exec_driver_sql(f"CREATE TABLE people ({columns.replace('%', '%%')})")
        rows = [{"k": key, "m": e164(number), "n": key} for number, key in enumerate(keys)]
        connection.execute(sa.text("INSERT INTO people VALUES (:k, :m, :n, :n)"), rows)


def _left(url: str) -> list[str]:
    with crm_engine(url).connect() as connection:
        return sorted(connection.scalars(sa.text("SELECT id FROM people")))


def test_keys_and_cells_of_a_database_are_data(crm_url: str, project: Project, vendor: Vendor) -> None:
    """Quotes, comments, parameters, braces and formulas as identifiers, names and headers: each contact is sent under its own key
    and no other, found again by it, quiet the next night, and forgotten alone; the CRM has lost nothing."""
    _people(crm_url, KEYS)
    quote = "`" if crm_url.startswith("mysql") else '"'
    wanted = ", ".join(f"{quote}{name}{quote}" for name in ("id", "mobile", "first name", "odd:col %s {x} ' ;--"))
    (project.folder / "own.sql").write_text(f"SELECT {wanted} FROM people -- ' : %s {{x}}\n")
    project.environment["CRM"] = crm_url
    source = {"type": "sql", "url": "${CRM}", "path": "", "query": "own.sql", "mapping": "generic"}
    project.configure(source=source)
    told = project.sync("--approve")
    assert told["verdicts"]["accepted"] == len(KEYS)
    assert accepted_by_ledger(project.ledger_url) == {e164(number): key for number, key in enumerate(KEYS)}
    assert project.sync()["verdicts"]["sent"] == 0
    for number, key in enumerate(KEYS):
        if number % 4 == 1:  # (a key that begins with a dash click takes for an option)
            assert [one["key"] for one in project.json("explain", key)["contacts"]] == [key], key
        if number % 9 == 0:
            project.run("state", "forget", e164(number), "--yes")
            assert key not in accepted_by_ledger(project.ledger_url).values()
    assert len(accepted_by_ledger(project.ledger_url)) == len(KEYS) - len(KEYS[::9])
    assert _left(crm_url) == sorted(KEYS)


MAPPING = """
crm = "test"
title = "test"
[columns]
key = ["id"]
phone = ["mobile"]
[sql]
tables = ["{{prefix}}people"]
query = {query}
{more}
"""
SECOND = "; COMMIT; DROP TABLE people; CREATE TABLE owned (a INT); SELECT 1"


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("SELECT id, mobile FROM people" + SECOND, ""),
        ("SELECT id, mobile FROM people) AS x" + SECOND + " FROM (SELECT 1", ""),
        ("SELECT id, mobile FROM people -- \n" + SECOND, ""),
        ("SELECT id, mobile FROM {it}", f'[sql.pick]\nit = [{{sql = "people) AS x{SECOND} FROM (SELECT 1 AS a"}}]'),
        ("SELECT id, mobile, '2026-01-01 00:00:00' AS at FROM people", f'modified = "at"\nzone_query = "SELECT 1{SECOND}"'),
        ("WITH gone AS (DELETE FROM people RETURNING id, mobile) SELECT * FROM gone", ""),
        ("SELECT id, mobile FROM people WHERE set_config('transaction_read_only', 'off', false) = 'off'", ""),
    ],
)
def test_a_mapping_changes_nothing_in_the_source(crm_url: str, query: str, more: str, project: Project) -> None:
    """More statements than one, wherever a mapping may have SQL, writes within a SELECT, and leave to write: the run ends with a
    sentence, and every table is as it was."""
    _people(crm_url, ["1", "2"])
    (project.folder / "own.toml").write_text(MAPPING.format(query=json.dumps(query), more=more))
    project.environment["CRM"] = crm_url
    project.configure(source={"type": "sql", "url": "${CRM}", "path": "", "mapping": "own.toml"})
    mapping.load.cache_clear()
    said = project.run("sync", "--approve", code=2)
    assert said.stderr.startswith("error: ")
    assert _left(crm_url) == ["1", "2"]
    assert not sa.inspect(crm_engine(crm_url)).has_table("owned")


@pytest.mark.parametrize("zone_query", ["DELETE FROM people", "SELECT 1; DROP TABLE people", "INSERT INTO x SELECT 1"])
def test_a_zone_is_asked_for_by_one_select(zone_query: str) -> None:
    """What asks a CRM for its time zone cannot do anything else."""
    with pytest.raises(FixSetup, match=r"sql\.zone_query: is one SELECT"):
        mapping.parse(MAPPING.format(query='"SELECT id FROM people"', more=f'zone_query = "{zone_query}"'), "own.toml")


def test_an_activity_is_one_statement(tmp_path: Path) -> None:
    """Of `[activities]`, which may write, each statement is one: a second behind a semicolon is refused as it is read."""
    text = (Path(__file__).parents[1] / "mappings" / "suitecrm.toml").read_text()
    worse = re.sub(r"INSERT INTO", "INSERT INTO x VALUES (1); INSERT INTO", text)
    assert worse != text
    with pytest.raises(FixSetup, match="stands without a semicolon"):
        mapping.parse(worse, "own.toml")


WRONG_SETTINGS: list[tuple[str, dict[str, object], str]] = [
    ("source", {"type": "../csv"}, "source.type"),
    ("source", {"type": "_text"}, "source.type"),
    ("source", {"mapping": "../../etc/passwd"}, "no mapping"),
    ("source", {"name": "../crm"}, "source.name"),
    ("source", {"name": "a\nb"}, "source.name"),
    ("source", {"type": "sql", "url": "sqlite:///none.db", "prefix": "x'; DROP TABLE y; --"}, "source.url"),
    ("vendor", {"dialect": "../ardary"}, "vendor.dialect"),
    ("vendor", {"base_url": "https://example.com/a\r\nX-Injected: 1"}, "vendor.base_url"),
    ("vendor", {"base_url": "https://example.com/\u202e"}, "vendor.base_url"),
    ("vendor", {"base_url": "https://example.com/\x01"}, "vendor.base_url"),
    ("vendor", {"base_url": "https://user:word@example.com"}, "credentials do not belong"),
    ("vendor", {"base_url": "file:///etc/passwd"}, "vendor.base_url"),
    ("ledger", {"url": "nonsense:///x"}, "ledger.url"),
    ("receive", {"public_url": "https://example.com/x?y"}, "receive.public_url"),
    ("events", {"zone": "../../etc/passwd"}, "events.zone"),
]


@pytest.mark.parametrize(("section", "values", "named"), WRONG_SETTINGS)
def test_a_setting_is_no_path_no_statement_and_no_header(
    section: str, values: dict[str, object], named: str, on_sqlite: Project
) -> None:
    """Names of plug-ins, zones, prefixes and addresses are refused where they are more than that, with a sentence that names the
    setting, whose line feeds and escapes do nothing."""
    on_sqlite.write([person(1)])
    on_sqlite.configure(**{section: values})
    said = on_sqlite.run("sync", code=2)
    assert named in said.stderr
    assert not mask.STEERING.search(said.stderr)


@pytest.mark.parametrize("prefix", ['x"; DROP TABLE y; --', "x y", "a" * 33, "x`"])
def test_a_sinks_tables_have_names(prefix: str, on_sqlite: Project) -> None:
    """The prefix of a sink's tables is letters, digits and underscores."""
    on_sqlite.write([person(1)])
    sink = f'[[sinks]]\nname = "crm"\ntype = "sql"\nurl = "sqlite:///crm.db"\nprefix = {json.dumps(prefix)}\n'
    on_sqlite.config.write_text(on_sqlite.config.read_text() + sink)
    with pytest.raises(FixSetup, match=r"sinks\.0\.prefix"):
        config.load(on_sqlite.config, on_sqlite.environment)


def test_nothing_from_a_file_steers_the_terminal(on_sqlite: Project, tmp_path: Path) -> None:
    """Escapes, C1 controls, carriage returns and turned writing in cells, headers, names of files and mappings, countries and
    e-mail addresses: no command lets them through, neither on stdout nor on stderr nor in JSON."""
    odd = f"x{STEERS}y"
    people = [
        person(1, **{"first name": odd, "last name": STEERS, "city": odd}),
        person(2, email=f"{odd}@exemple.fr", country=odd),
        person(3, mobile=odd, id=f"K{odd}"),
        person(4, mobile="", phone="", id=odd),
        person(5, id=""),
    ]
    header = [*person(1), f"header{odd}"]
    path = tmp_path / f"con{odd}.csv"
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.DictWriter(out, header, restval="1")
        writer.writeheader()
        writer.writerows(people)
    own = tmp_path / f"map{odd}.toml"
    generic = (Path(__file__).parents[1] / "mappings" / "generic.toml").read_text()
    own.write_text(re.sub(r"^title = .*$", lambda _: f"title = {json.dumps(odd)}", generic, flags=re.MULTILINE))
    on_sqlite.configure(source={"path": path.name, "mapping": own.name})
    bare = [
        ["mappings", str(own)],
        ["report", "--file", str(path), "--out", str(tmp_path / f"page{odd}.html"), "--show-values"],
        ["init", str(path), "--config", str(tmp_path / f"made{odd}.toml")],
        ["init", str(tmp_path / f"none{odd}"), "--config", str(tmp_path / "none.toml")],
        ["plan", "--config", str(tmp_path / f"none{odd}.toml")],
    ]
    said = [CliRunner().invoke(cli, words, env=on_sqlite.environment) for words in bare]
    said.append(CliRunner().invoke(cli, ["mappings", str(own), "--json"]))
    for words in (
        ["check"], ["plan"], ["plan", "--out", str(tmp_path / f"plan{odd}.json")], ["sync", "--approve"],
        ["rejects", "--show-values"],
        ["rejects", "--all"], ["rejects", "--csv", str(tmp_path / f"rejects{odd}.csv")], ["audit"],
        ["report", "--show-values", "--out", str(tmp_path / "page.html")],
        ["explain", "K00001"], ["explain", f"K{odd}"], ["explain", odd], ["runs"], ["runs", "--stale"], ["state", "verify"],
    ):  # fmt: skip
        said.append(on_sqlite.run(*words, code=None))
        said.append(on_sqlite.run(*words, "--json", code=None))
    for result in said:
        assert result.exception is None or isinstance(result.exception, SystemExit)
        assert not mask.STEERING.search(result.stdout + result.stderr), (result.stdout, result.stderr)
    assert {result.exit_code for result in said} <= {0, 2, 3}


def test_nothing_from_a_file_is_markup(on_sqlite: Project) -> None:
    """Tags in cells, keys and headers are text in the report, and square brackets no colours on the terminal."""
    tag = "[red]<img src=x>"
    on_sqlite.write([person(1, mobile=tag, id=tag)], [*person(1), tag])
    on_sqlite.sync("--approve", code=0)
    listed = on_sqlite.run("rejects", "--show-values").stdout
    assert tag in listed
    on_sqlite.run("report", "--show-values", "--out", str(on_sqlite.folder / "page.html"))
    page = (on_sqlite.folder / "page.html").read_text()
    assert "<img src=x" not in page
    assert html.escape(tag, quote=False).replace("&#x27;", "'") in html.escape(html.unescape(page), quote=False)
