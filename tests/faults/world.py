"""A company for the crash sweep: a folder, a ledger, a vendor and a web service on a real socket, and what of them must be the
same in the end, whatever died on the way."""

from __future__ import annotations

import copy
import csv
import functools
import json
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import orjson
import sqlalchemy as sa
import uvicorn
from click.testing import CliRunner, Result
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from sync_connector.cli import cli
from sync_connector.ledger.schema import metadata
from sync_connector.listening import beside, bound
from sync_connector.sandbox import app
from sync_connector.sandbox.app import Vendor
from tests.conftest import HEADER, LOGIN, PASSWORD, engines_kept, few_trusted, run_at

TIMES = re.compile(r"_at$|^(since|send_at|expires_at|received_at)$")
LEFT_OUT = {"id", "run_id", "account_id", "source_id", "holder", "tried_by", "result", "identity", "change", "signature"}
LEFT_OUT |= {"content", "inbox"}
"""Of the ledger's columns those that say when, by which run or under which number: two nights are not alike in them."""
BY_ANSWER = {"id_sms_api", "parts", "reason", "settled_by"}
"""What is known of a message from an answer that may have been lost, and who settled it then."""
EVENT_KEY = re.compile(r"[0-9a-f]{32}-(\d+)-[0-9a-f]{8}")


@dataclass
class Town:
    """The vendor and a web service behind one address. Whose they are at the moment is a world's."""

    address: str
    vendor: ASGIApp | None = None
    hooked: list[tuple[str, bytes]] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/hook" and self.hooked is not None:
            request = Request(scope, receive)
            self.hooked.append((request.headers["webhook-id"], await request.body()))
            await Response(status_code=204)(scope, receive, send)
            return
        await (self.vendor or Response("nobody is at home", 503))(scope, receive, send)


@contextmanager
def town() -> Iterator[Town]:
    """It answers while the block runs; an e-mail of `refused@` is one that the vendor does not take."""
    listening = bound("127.0.0.1", 0)
    made = Town(f"http://127.0.0.1:{listening.getsockname()[1]}")
    config = uvicorn.Config(made, log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    valid = app.email_is_valid
    taken = mock.patch.object(app, "email_is_valid", lambda raw: not raw.startswith("refused@") and valid(raw))
    with taken, few_trusted(), engines_kept(), beside(uvicorn.Server(config), [listening]):
        yield made


class Failed(Exception):
    """A command failed as it should where something is lost: with a sentence, and to be run again."""


@dataclass
class World:
    """One company. `ledger_url` names an SQLite file in its folder, or a PostgreSQL database of its own. `failing`: a command may
    fail (1), with one sentence; that is then a `Failed`."""

    folder: Path
    ledger_url: str
    town: Town
    vendor: Vendor = field(default_factory=lambda: Vendor(LOGIN, PASSWORD))
    hooked: list[tuple[str, bytes]] = field(default_factory=list)
    more: dict[str, str] = field(default_factory=dict)
    failing: bool = False

    def __enter__(self) -> World:
        self.town.vendor, self.town.hooked = app.sandbox(self.vendor), self.hooked
        return self

    def __exit__(self, *_: object) -> None:
        self.town.vendor = self.town.hooked = None

    @property
    def environment(self) -> dict[str, str]:
        """What the configuration refers to."""
        return {
            "ARDARY_LOGIN": LOGIN,
            "ARDARY_PASSWORD": PASSWORD,
            "TEST_LEDGER": self.ledger_url,
            "WEBHOOK_SECRET": "whsec_" + "A" * 32,
            "TEST_SINK": self.ledger_url.replace("+psycopg", ""),
            "TOKEN": "t" * 48,
            **self.more,
        }

    @property
    def sink_url(self) -> str:
        """Beside the ledger: a file, or in its database."""
        url = sa.make_url(self.ledger_url)
        return "sqlite:///crm.db" if url.get_backend_name() == "sqlite" else "${TEST_SINK}"

    @property
    def inbox_url(self) -> str:
        """An inbox in a file of its own."""
        return f"sqlite:///{self.folder / 'inbox.db'}"

    def configure(self, **sections: Mapping[str, Any]) -> None:
        """Write `sync.toml`: one connection to the vendor, so that all happens in one order."""
        base: dict[str, dict[str, Any]] = {
            "vendor": {
                "base_url": self.town.address,
                "login": "${ARDARY_LOGIN}",
                "password": "${ARDARY_PASSWORD}",
                "access_key": "${ARDARY_PASSWORD}",
                "batch_size": 3,
                "concurrency": 1,
                "tries": 1,
            },
            "source": {"name": "crm", "path": "contacts.csv", "mapping": "generic", "default_country": "FR"},
            "ledger": {"url": "${TEST_LEDGER}"},
            "brakes": {"gone": 1, "changed": 1, "rejected": 1},
            "events": {"zone": "Europe/Paris", "default_country": "FR"},
            "receive": {"inbox": "sqlite:///inbox.db", "secrets": "secrets", "keep": 3650},
        }
        lines = []
        for name in base | dict(sections):
            lines.append(f"[{name}]")
            lines += [
                f"{key} = {json.dumps(value)}" for key, value in (base.get(name, {}) | dict(sections.get(name, {}))).items()
            ]
        (self.folder / "sync.toml").write_text("\n".join(lines) + "\n", encoding="utf-8")

    def sinks(self, *sinks: Mapping[str, str]) -> None:
        """Add sinks to `sync.toml`."""
        with open(self.folder / "sync.toml", "a", encoding="utf-8") as out:
            for sink in sinks:
                out.write("[[sinks]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in sink.items()))

    def write(self, people: Sequence[Mapping[str, str]], name: str = "contacts.csv", header: Sequence[str] = HEADER) -> None:
        """What the CRM exports today, or another sheet."""
        with open(self.folder / name, "w", encoding="utf-8", newline="") as out:
            writer = csv.DictWriter(out, header, lineterminator="\n", extrasaction="ignore")
            writer.writeheader()
            writer.writerows(people)

    def run(self, *words: str, codes: Sequence[int] = (0,), given: bytes | None = None, config: str = "sync.toml") -> Result:
        """Run a command in this process; its exit code must be one of these."""
        told = [*words, "--config", str(self.folder / config)]
        result = CliRunner().invoke(cli, told, env=self.environment, catch_exceptions=False, input=given)
        assert "Traceback" not in result.output
        if self.failing and result.exit_code == 1 and 1 not in codes:
            assert len(re.findall("^error: ", result.stderr, re.MULTILINE)) == 1, result.stderr
            raise Failed(result.stderr)
        assert result.exit_code in codes, f"{' '.join(words)}: exit {result.exit_code}: {result.output}"
        return result

    def path(self, name: str) -> str:
        """Of a file in the folder."""
        return str(self.folder / name)

    def copied(self, folder: Path) -> World:
        """The same in another folder, with a ledger and a vendor of its own."""
        shutil.copytree(self.folder, folder)
        vendor = copy.deepcopy(self.vendor)
        if self.ledger_url.startswith("sqlite"):
            return World(folder, f"sqlite:///{folder / 'ledger.db'}", self.town, vendor, list(self.hooked))
        url = sa.make_url(self.ledger_url)
        name = f"{url.database}_{folder.name}"
        run_at(url.set(database="postgres"), f"CREATE DATABASE {name} TEMPLATE {url.database}")
        made = url.set(database=name).render_as_string(hide_password=False)
        return World(folder, made, self.town, vendor, list(self.hooked))

    def remove(self) -> None:
        """Folder and ledger."""
        shutil.rmtree(self.folder)
        url = sa.make_url(self.ledger_url)
        if url.get_backend_name() == "postgresql":
            run_at(url.set(database="postgres"), f"DROP DATABASE {url.database} WITH (FORCE)")

    # --- what must be the same -----------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that lasts, as it can be compared."""
        told = {
            "vendor": dict(sorted(self.vendor.contacts.items())),
            "messages": Counter(f"{one.phone_number} {one.message}" for one in self.vendor.messages if one.sent),
            "ledger": self._ledger(self.ledger_url),
            "hooked": sorted({self._same(body.decode()) for _, body in self.hooked}),
        }
        if not self.ledger_url.startswith("sqlite"):
            told["sink"] = self._tables(self.ledger_url, "crm_")
        for path in sorted(self.folder.rglob("*")):
            name = str(path.relative_to(self.folder))
            if path.is_file() and not re.search(r"-(wal|shm|journal)$", name) and name not in ("ledger.db", "sync.toml"):
                told[f"file {name}"] = self._file(path)
        return told

    def _file(self, path: Path) -> Any:
        match path.name.rpartition(".")[2]:
            case "db" if path.name.startswith("backup"):
                return self._ledger(f"sqlite:///{path}")
            case "db":
                return self._tables(f"sqlite:///{path}")
            case "json":
                told = json.loads(path.read_bytes())
                return told | {"plan": "", "body_digest": ""} if path.name == "plan.json" else told
            case "html":
                assert path.read_text().rstrip().endswith("</html>"), f"{path.name} is half a page"
                return "a whole page"
            case "xlsx":
                assert path.read_bytes()[:2] == b"PK"
                return "a workbook"
        if path.name == "secrets":
            return f"{len(path.read_text().split())} secrets"
        return self._same(path.read_text(encoding="utf-8-sig"))

    def _same(self, text: str) -> str:
        """A text without what chance or the clock made of it."""
        for one in self.vendor.messages:
            text = text.replace(one.id_sms_api, f"id of {one.phone_number} {one.message}")
        return EVENT_KEY.sub(r"EVENT-\1", text.replace(str(self.folder), "FOLDER"))

    def _tables(self, url: str, prefix: str = "") -> dict[str, list[Any]]:
        """The rows of any database, as they are; of an inbox without its id and its numbers: a callback may come twice."""
        found = sa.MetaData()
        found.reflect(_engine(url))
        chance = {"id", "newest", "acknowledged"}
        with _engine(url).connect() as connection:
            return {
                name: sorted(self._row(row, chance) for row in connection.execute(sa.select(table)).mappings())
                for name, table in found.tables.items()
                if name.startswith(prefix)
            }

    def _row(self, row: Mapping[Any, Any], left_out: set[str]) -> str:
        told = {str(name): value for name, value in row.items() if name not in left_out and not TIMES.search(str(name))}
        return self._same(orjson.dumps(told, default=_plain, option=orjson.OPT_SORT_KEYS).decode())

    def _ledger(self, url: str) -> dict[str, list[Any]]:
        """Every table of the ledger, its ids told as what they stand for; of each contact's verdicts and of the runs the last."""
        told: dict[str, list[Any]] = {}
        with _engine(url).connect() as connection:
            rows: dict[str, list[dict[str, Any]]] = {
                table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
                for table in metadata.sorted_tables
            }
        names: dict[str, dict[Any, str]] = {
            "contact_id": {row["id"]: row["key"] for row in rows["contacts"]},
            "event_id": {row["id"]: row["event_key"] for row in rows["events"]},
            "message_id": {row["id"]: f"{row['campaign']} {row['identity']}" for row in rows["messages"]},
            "reject_id": {row["id"]: f"line {row['line']}" for row in rows["rejects"]},
            "sink_id": {row["id"]: row["name"] for row in rows["sinks"]},
        }
        names["up_to"] = names["event_id"]
        rows["verdicts"] = list({row["contact_id"]: row for row in sorted(rows["verdicts"], key=lambda one: one["id"])}.values())
        # Whose number another took is held without his row, unless it was read again; who was refused may have a number at the
        # vendor from a request that was never answered.
        states = {row["id"]: row["state"] for row in rows["contacts"]}
        rows["rejects"] = [row for row in rows["rejects"] if states.get(row["contact_id"]) != "held"]
        rows["contacts"] = [row | {"phone_number": None} if row["state"] == "refused" else row for row in rows["contacts"]]
        rows["runs"] = sorted(rows["runs"], key=lambda one: one["id"])[-1:]
        for table, listed in rows.items():
            left_out = LEFT_OUT | (BY_ANSWER if table == "messages" else set())
            told[table] = sorted(
                self._row(
                    {name: names[name].get(value, value) if name in names else value for name, value in row.items()}, left_out
                )
                for row in listed
            )
        return told


@functools.cache
def _engine(url: str) -> sa.Engine:
    return sa.create_engine(url, poolclass=sa.pool.NullPool)


def _plain(value: object) -> object:
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if isinstance(value, datetime | date):
        return str(value)
    raise TypeError(type(value).__name__)


def arrive(world: World, *queries: str, at: datetime) -> None:
    """Callbacks come in at that moment, each stored when this returns."""
    from sync_connector.events.inbox import open_inbox

    with closing(open_inbox(world.inbox_url)) as inbox:
        for query in queries:
            inbox.append([(at, query)])
