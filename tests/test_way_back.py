"""The way back as its people use it: commands, processes, two machines, exit codes."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
import trustme

from sync_connector import pulling
from sync_connector.cli import events as commands
from sync_connector.config import load
from sync_connector.errors import AskPerson, Stopped, TryLater
from sync_connector.events import serving
from sync_connector.events.inbox import open_inbox
from sync_connector.events.secret_file import read_secrets
from tests.conftest import Project, e164, person
from tests.test_pulling import NOON, call, status

TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def office(on_sqlite: Project, tmp_path: Path) -> Project:
    """A project whose contacts are at the vendor, and whose events go into a database and into files."""
    on_sqlite.write([person(n) for n in range(10)])
    on_sqlite.sync()
    on_sqlite.environment["PULL_TOKEN"] = TOKEN
    on_sqlite.settings = {"events": {"zone": "Europe/Paris"}, "receive": {"inbox": f"sqlite:///{tmp_path / 'inbox.db'}"}}
    with_sinks(on_sqlite)
    return on_sqlite


def with_sinks(project: Project) -> None:
    """Write the configuration, with a database and a folder of files behind it."""
    project.configure()
    with open(project.config, "a", encoding="utf-8") as out:
        out.write('[[sinks]]\nname = "crm"\ntype = "sql"\nurl = "sqlite:///crm.db"\n')
        out.write('[[sinks]]\nname = "files"\ntype = "csv"\npath = "events"\n')


def arrive(project: Project, *queries: str) -> None:
    """Callbacks come in."""
    with closing(open_inbox(f"sqlite:///{project.folder / 'inbox.db'}")) as inbox:
        inbox.append([(NOON, query) for query in queries])


def crm(project: Project, query: str) -> list[tuple[object, ...]]:
    """What stands in the CRM's database."""
    with closing(sqlite3.connect(project.folder / "crm.db")) as connection:
        return connection.execute(query).fetchall()


def test_a_new_secret_is_a_url_to_paste(office: Project) -> None:
    """Only the URL is on stdout; the file is its owner's alone; the next one leaves the former valid."""
    first = office.run("receive", "--new-secret")
    second = office.run("receive", "--new-secret")
    path = office.folder / "callback-secrets"
    newest, former = read_secrets(str(path))
    assert (first.stdout, second.stdout) == (
        f"http://127.0.0.1:8026/callbacks/{former}\n",
        f"http://127.0.0.1:8026/callbacks/{newest}\n",
    )
    assert newest not in second.stderr
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_receiver_needs_its_own_section_only(tmp_path: Path) -> None:
    """At the edge there is no CRM, no login, no ledger; without a secret it says what to do."""
    edge = Project(tmp_path, "", "", {})
    edge.config.write_text('[receive]\npublic_url = "https://hooks.example.com"\n')
    assert "receive --new-secret" in edge.run("receive", code=2).stderr
    assert edge.run("receive", "--new-secret").stdout.startswith("https://hooks.example.com/callbacks/")
    edge.config.write_text("[receive]\nprot = 1\n")
    assert "receive.prot: there is no such setting" in " ".join(edge.run("receive", code=2).stderr.split())


@contextmanager
def process(project: Project, *words: str) -> Iterator[subprocess.Popen[str]]:
    """A command as a process of its own, ended by SIGTERM if it is not ended before."""
    command = [sys.executable, "-m", "sync_connector", *words, "--config", str(project.config)]
    environment = os.environ | project.environment
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        try:
            yield running
        finally:
            running.terminate()


def test_the_vendor_calls_back_and_the_crm_knows(office: Project) -> None:
    """receive as a process, the sandbox calling it, SIGTERM, pull: each callback was answered 200 and is an event; what the log
    says holds neither secret nor content."""
    office.settings["receive"]["port"] = 0
    with_sinks(office)
    url = office.run("receive", "--new-secret").stdout.strip()
    with process(office, "receive", "--access-log") as receiver:
        assert receiver.stderr is not None
        port = receiver.stderr.readline().rpartition(":")[2].partition(";")[0]
        office.environment["CALLBACK_URL"] = url.replace(":0/", f":{port}/")
        words = ["sandbox", "--callback", "${CALLBACK_URL}", "--events", "120", "--port", office.address.rpartition(":")[2]]
        command = [sys.executable, "-m", "sync_connector", *words]
        rung = subprocess.run(command, env=os.environ | office.environment, capture_output=True, text=True)
        assert rung.returncode == 0, rung.stderr
        assert "10 contacts are at the sandbox" in rung.stdout
        assert "answered: 120 × 200" in rung.stdout
        receiver.terminate()
        log = receiver.stderr.read()
    assert receiver.returncode == 143
    assert log.count("GET /callbacks/… 200") == 120
    secret = url.rpartition("/")[2]
    assert secret not in log + rung.stdout + rung.stderr
    assert "%7B" not in log
    told = office.json("pull")
    assert told["fetched"] == sum(told["events"].values()) == 120
    (written,) = {sink["written"] for sink in told["sinks"]}
    tables = ["calls", "call_qualifications", "sms_statuses", "incoming_sms", "link_clicks"]
    assert sum(int(str(crm(office, f"SELECT count(*) FROM {table}")[0][0])) for table in tables) == written > 60
    assert crm(office, "SELECT count(*) FROM calls WHERE contact_key LIKE 'K%'")[0][0] != 0


def test_edge_and_inside_are_two_machines(office: Project, tmp_path: Path) -> None:
    """The receiver has its own folder and knows no login; inside fetches over HTTPS with the token. A wrong token, and a
    receiver that is not there, are sentences without it."""
    edge = Project(tmp_path / "edge", "", "", {"PULL_TOKEN": TOKEN})
    edge.folder.mkdir()
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(edge.folder / "cert.pem"))
    certificate.private_key_pem.write_to_path(str(edge.folder / "key.pem"))
    edge.config.write_text('[receive]\ntoken = "${PULL_TOKEN}"\ntls_cert = "cert.pem"\ntls_key = "key.pem"\n')
    edge.run("receive", "--new-secret")
    settings = load(edge.config, edge.environment, purpose="receive").receive
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        inbox.append([(NOON, call(e164(n))) for n in range(3)])
        with serving.in_background(settings) as address:
            office.settings["pull"] = {"url": address, "token": "${PULL_TOKEN}", "ca": str(tmp_path / "ca.pem")}
            with_sinks(office)
            told = office.json("pull")
            assert (told["fetched"], told["bound"], inbox.waiting()) == (3, 3, 0)
            assert office.json("pull")["fetched"] == 0
            office.environment["PULL_TOKEN"] = "another-token-of-somebody"
            refused = office.run("pull", code=2).stderr
            assert "token" in refused
            assert "another-token" not in refused
            office.settings["pull"].pop("ca")
            with_sinks(office)
            assert "certificate" in office.run("pull", code=2).stderr.lower()
        office.settings["pull"]["ca"] = str(tmp_path / "ca.pem")
        with_sinks(office)
        assert "cannot be reached" in office.run("pull", code=1).stderr
    assert len(office.json("events")) == 3


def test_edge_and_inside_share_one_postgresql(office: Project, postgres_database: str) -> None:
    """Both name it as the inbox: nothing is fetched over the network, and nothing is done twice."""
    office.environment["INBOX_URL"] = postgres_database
    office.settings["receive"] = {"inbox": "${INBOX_URL}"}
    with_sinks(office)
    with closing(open_inbox(postgres_database)) as inbox:
        inbox.append([(NOON, call(e164(n))) for n in range(3)])
        assert office.json("pull")["fetched"] == 3
        assert inbox.waiting() == 0
    assert office.json("pull")["fetched"] == 0


def test_events_are_listed_by_what_is_asked(office: Project) -> None:
    """By kind, number in any form, contact, time of the account, and what there is to do about them."""
    stranger = "+33699999999"
    arrive(office, call(e164(1)), call(e164(1)), call(stranger, when="2026-03-01 23:30:00"), status("a", e164(2), "sent", ""))
    office.run("pull")

    def asked(*words: str) -> list[str]:
        return [event["number"] for event in office.json("events", *words)]

    assert asked() == [e164(2), stranger, e164(1), e164(1)]
    assert asked("--kind", "call", "--count", "1") == [stranger]
    assert asked("--number", "06 12 00 00 01") == [e164(1)] * 2
    assert asked("--contact", "K00002") == [e164(2)]
    assert asked("--until", "2026-03-02") == [stranger]
    assert asked("--since", "2026-03-02") == [e164(2), e164(1), e164(1)]
    assert asked("--unmatched") == [stranger]
    assert asked("--repeats") == [e164(1)]
    assert asked("--parked") == []
    assert asked("--contact", "\udcff") == []
    assert "--number: '12'" in office.run("events", "--number", "12", code=2).stderr
    listed = office.run("events").stdout
    assert stranger not in listed
    assert stranger in office.run("events", "--number", stranger).stdout


@pytest.mark.parametrize("command", ["events", "report"])
@pytest.mark.parametrize("day", ["0001-01-05", "9999-12-31", "1999-12-31", "2026-02-30"])
def test_a_day_that_cannot_be_is_a_sentence(office: Project, command: str, day: str) -> None:
    """However far away: no traceback, and no page of two thousand years."""
    for option in ("--since", "--until"):
        refused = office.run(command, option, day, code=2)
        assert f"'{option}': '{day}'" in refused.stderr


def test_exit_codes_tell_how_a_pull_went(office: Project) -> None:
    """0 done; 3 a sink refused something, which `events --parked` shows; 1 a sink is not there, and 2 it is set up wrongly:
    the others got everything."""
    arrive(office, call(e164(1)))
    office.run("pull")
    with closing(sqlite3.connect(office.folder / "crm.db")) as connection:
        connection.execute("CREATE TRIGGER no BEFORE INSERT ON calls BEGIN SELECT RAISE(ABORT, 'not on a Sunday'); END")
    arrive(office, call(e164(2)))
    parked = office.run("pull", code=3)
    assert "1 parked" in parked.stdout
    (event,) = office.json("events", "--parked")
    assert "not on a Sunday" in event["reasons"]["crm"]
    assert event["sinks"] == {"crm": "parked", "files": "written"}
    with closing(sqlite3.connect(office.folder / "crm.db")) as connection:
        connection.execute("DROP TRIGGER no")
        connection.execute("BEGIN EXCLUSIVE")
        arrive(office, call(e164(3)))
        config = office.config.read_text().replace('type = "sql"\n', 'type = "sql"\ntimeout = 0.1\n')
        office.config.write_text(config)
        locked = office.run("pull", code=1)
        assert "error: sink crm: " in locked.stderr
        assert "nothing is lost" in locked.stderr
    assert len(list((office.folder / "events").glob("calls-*.csv"))) == 3
    office.run("pull")
    assert crm(office, "SELECT count(*) FROM calls") == [(3,)]
    office.config.write_text(config.replace("sqlite:///crm.db", "nonsense://x"))
    arrive(office, call(e164(4)))
    wrong = office.run("pull", code=2)
    assert "error: sink crm: sinks.url: " in wrong.stderr


def test_pulling_again_and_again_until_a_signal(office: Project) -> None:
    """`--every` tells of each pull that did something, as one object with --json, and ends by SIGTERM with 143."""
    arrive(office, call(e164(1)))
    with process(office, "pull", "--every", "1", "--json") as running:
        assert running.stdout is not None
        lines: list[str] = []
        while not lines or lines[-1] != "}\n":
            lines.append(running.stdout.readline())
        assert json.loads("".join(lines))["fetched"] == 1
        running.send_signal(signal.SIGTERM)
        out, err = running.communicate()
    assert (running.returncode, out) == (143, "")
    assert "stopped by signal 15" in err


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (TryLater("the inbox cannot be used"), "the inbox cannot be used"),
        (AskPerson("another pull is at work"), "another pull is at work"),
        (sa.exc.OperationalError("", {}, Exception("terminating connection")), "the ledger does not answer: terminating"),
    ],
    ids=["inbox", "another pull", "ledger"],
)
def test_pulling_again_and_again_outlives_what_passes(
    office: Project, monkeypatch: pytest.MonkeyPatch, fault: Exception, said: str
) -> None:
    """An inbox or a ledger that does not answer, or somebody who pulls by hand, does not end `--every`: it tries again."""
    tried: list[int] = []

    def pull(*_: object) -> None:
        tried.append(1)
        raise fault if len(tried) < 3 else Stopped(15)

    monkeypatch.setattr(pulling, "pull", pull)
    monkeypatch.setattr(commands, "_wait", lambda *_: None)
    ended = office.run("pull", "--every", "1", code=143)
    assert (len(tried), ended.stderr.count(f"error: {said}")) == (3, 2)


def test_the_report_is_a_page_and_an_object(office: Project) -> None:
    """The page is its owner's alone and holds no request to anywhere; the object's sums add up."""
    queries = [call(e164(n), when=f"2026-03-0{n + 1} 10:00:00") for n in range(5)]
    queries += [call(e164(7), title="missed_call", duration="0"), call("anonymous", title="outgoing_call", duration="0")]
    arrive(office, *queries, status("a", e164(1), "received", "2026-03-02T10:00:00Z"), "x=1")
    office.run("pull")
    span = ["--since", "2026-03-01", "--until", "2026-03-04"]
    page = office.folder / "page.html"
    assert "calls from 2026-03-01 to 2026-03-04" in office.run("report", "--out", str(page), *span).stdout
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert "http" not in page.read_text().replace("http-equiv", "")
    told = office.json("report", *span)["events"]
    assert told["totals"] | {"unknown": 0} == told["totals"] | {"call": 6, "sms_status": 1, "unknown": 0}
    days = [{name: day[name] for name in ("incoming", "outgoing", "missed")} for day in told["calls_per_day"]]
    assert days == [
        {"incoming": 1, "outgoing": 0, "missed": 0},
        {"incoming": 1, "outgoing": 1, "missed": 1},
        {"incoming": 1, "outgoing": 0, "missed": 0},
        {"incoming": 1, "outgoing": 0, "missed": 0},
    ]
    assert (told["by_hour"][10], told["answered"]["outgoing"]["unanswered"], told["sms"]["received"]) == (6, 1, 1)
    assert told["matching"] == {"matched": 6, "unmatched": 0, "anonymous": 1, "unreadable": 0}
    assert "--since: 2026-03-05 is after 2026-03-04" in office.run("report", "--since", "2026-03-05", *span[2:], code=2).stderr


@pytest.mark.parametrize(
    ("since", "until", "longest"),
    [
        ("2026-03-01", "2026-03-31", ("2026-03-10T12:00:00Z", "2026-03-31T22:00:00Z")),  # to the end of the span
        ("2026-03-01", "2026-03-10", ("2026-03-02T12:00:00Z", "2026-03-09T12:00:00Z")),  # between two
        ("2026-03-04", "2026-03-10", ("2026-03-03T23:00:00Z", "2026-03-09T12:00:00Z")),  # from its beginning
        ("2026-03-04", "2026-03-06", ("2026-03-03T23:00:00Z", "2026-03-06T23:00:00Z")),  # the whole of it
        ("2026-02-01", "2026-03-02", ("2026-03-02T12:00:00Z", "2026-03-02T23:00:00Z")),  # nothing is said of the time before
        ("2026-02-01", "2026-03-01", (None, None)),
    ],
)
def test_a_silence_is_of_what_came_not_of_what_it_tells(
    office: Project, since: str, until: str, longest: tuple[str | None, str | None]
) -> None:
    """The longest pause is between callbacks as they were received, whatever day they tell of, and reaches to the edges of the
    span once there was one."""
    with closing(open_inbox(f"sqlite:///{office.folder / 'inbox.db'}")) as inbox:
        days = ((0, "2026-03-02 10:00:00"), (7, "2026-03-28 10:00:00"), (8, "2019-07-05 10:00:00"))
        inbox.append([(NOON + timedelta(days=after), call(e164(1), when=when)) for after, when in days])
    office.run("pull")
    silence = office.json("report", "--since", since, "--until", until)["events"]["silence"]
    assert (silence["longest_from"], silence["longest_to"]) == longest
    assert silence["last_callback"] == "2026-03-10T12:00:00Z"


def test_explain_tells_of_calls(office: Project) -> None:
    """A contact's story ends with what came back."""
    arrive(office, call(e164(1)))
    office.run("pull")
    told = office.run("explain", "K00001").stdout
    assert "accepted" in told
    assert "2026-03-02 10:00" in told
