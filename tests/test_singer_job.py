"""The main job from a Singer tap: its messages on stdin, and STATE on stdout once it is true."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from sync_connector import pipeline
from sync_connector.cli import cli
from sync_connector.errors import Stopped
from sync_connector.ledger.store import Ledger
from sync_connector.sandbox import app
from sync_connector.sandbox.app import Vendor
from tests.conftest import HEADER, Project, accepted_by_ledger, e164, person
from tests.sources.test_singer import Message, active, record, schema, state

FILES = Path(__file__).parent / "sources" / "files"
SCHEMA = schema(*HEADER, "_sdc_deleted_at")
MANY = 6_000


def contact(number: int, version: int | None = None, **changes: str) -> Message:
    """A RECORD of one person."""
    message = record(**person(number, **changes))
    return message if version is None else message | {"version": version}


def lines(messages: Sequence[Message]) -> str:
    """What a tap writes."""
    return "".join(json.dumps(message) + "\n" for message in messages)


def run(project: Project, text: str, *words: str, code: int = 0) -> Result:
    """A command, with a tap piped in."""
    words = (*words, "--config", str(project.config))
    result = CliRunner().invoke(cli, words, input=text, env=project.environment, catch_exceptions=False)
    assert result.exit_code == code, f"exit {result.exit_code}: {result.output}"
    return result


def sync(project: Project, messages: Sequence[Message], *words: str, code: int = 0) -> tuple[Any, list[Any]]:
    """`sync --singer - --json`: the result, and the STATE values that were given back."""
    result = run(project, lines(messages), "sync", "--singer", "-", "--json", *words, code=code)
    return json.loads(result.stderr), [json.loads(line) for line in result.stdout.splitlines()]


def state_in_ledger(project: Project, key: str) -> str:
    """What `explain` tells of a contact."""
    project.configure(source={"type": "singer", "path": ""})
    return str(project.json("explain", key)["contacts"][0]["state"])


def test_a_tap_is_synced_and_gets_its_last_state(project: Project, vendor: Vendor) -> None:
    """Every contact is at the vendor, stdout holds the last STATE and nothing else, the result is on stderr."""
    messages = [SCHEMA, state({"at": 0})]
    for n in range(120):
        messages += [contact(n), state({"at": n + 1})]
    result, states = sync(project, messages)
    assert states == [{"at": 120}]
    assert result["rows"] == {"read": 120, "unchanged": 0, "to_send": 120, "rejected": 0, "held": 0, "in_doubt": 0}
    assert set(vendor.contacts) == {e164(n) for n in range(120)} == set(accepted_by_ledger(project.ledger_url))
    human = run(project, lines(messages), "sync", "--singer", "-")
    assert human.stdout == '{"at": 120}\n'
    assert "120" in human.stderr
    assert "finished in" in human.stderr


def test_a_configuration_for_a_tap_needs_no_path(project: Project, vendor: Vendor) -> None:
    """`type = "singer"` alone is whole, and then --singer may be left out; stdout is the tap's all the same."""
    project.configure(source={"type": "singer", "path": ""})
    assert run(project, lines([SCHEMA, contact(1), state(5)]), "sync").stdout == "5\n"
    assert e164(1) in vendor.contacts
    assert state_in_ledger(project, "K00001") == "accepted"


def test_a_recorded_stream_is_read_from_where_the_user_is(
    project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """--singer FILE is a path as typed, not one seen from the configuration's folder."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tap.singer").write_text(lines([SCHEMA, contact(1), state("x")]))
    monkeypatch.chdir(elsewhere)
    assert run(project, "", "sync", "--singer", "tap.singer").stdout == '"x"\n'


def test_an_incremental_read_makes_nobody_gone_and_an_update_sends_itself(project: Project, vendor: Vendor) -> None:
    """The second night brings one contact twice: only its last form is sent, the others are still known."""
    sync(project, [SCHEMA, *[contact(n) for n in range(10)], state(1)])
    result, states = sync(project, [SCHEMA, contact(3, city="Lyon"), contact(3, city="Brest"), contact(4), state(2)])
    assert (result["gone"], result["rows"]["read"], result["rows"]["unchanged"], result["codes"]) == (0, 2, 1, {})
    assert result["changes"] == {"create": 0, "update": 1}
    assert vendor.contacts[e164(3)]["adress"] == "Brest"
    assert states == [2]
    assert state_in_ledger(project, "K00007") == "accepted"


def test_a_contact_that_comes_twice_is_sent_once(project: Project, vendor: Vendor) -> None:
    """Insert and update in one run of the tap are one contact, no duplicate key, one post."""
    result, _ = sync(project, [SCHEMA, contact(1, city="Lyon"), contact(2), contact(1, city="Nice")])
    assert result["rows"] == {"read": 2, "unchanged": 0, "to_send": 2, "rejected": 0, "held": 0, "in_doubt": 0}
    assert vendor.contacts[e164(1)]["adress"] == "Nice"
    assert vendor.times[e164(1)] == 1


def test_a_full_table_read_shows_who_is_gone(project: Project, vendor: Vendor) -> None:
    """With ACTIVATE_VERSION behind the records, a contact that is missing is gone; with one in front of them it is not."""
    sync(project, [SCHEMA, *[contact(n, 1) for n in range(10)], active(1)])
    result, _ = sync(project, [SCHEMA, active(2), *[contact(n, 2) for n in range(9)]])
    assert result["gone"] == 0
    result, states = sync(project, [SCHEMA, active(3), *[contact(n, 3) for n in range(9)], active(3), state("full")])
    assert (result["gone"], states) == (1, ["full"])
    assert state_in_ledger(project, "K00009") == "gone"


def test_a_tombstone_is_left_out_and_settled(project: Project, vendor: Vendor) -> None:
    """A record with `_sdc_deleted_at` is counted as deleted, not sent, and does not withhold STATE."""
    dead = record(id="K00002", _sdc_deleted_at="2026-01-02T00:00:00Z")
    result, states = sync(project, [SCHEMA, contact(1), contact(2), dead, state(1)])
    assert (result["left_out"], result["rows"]["read"], states) == ({"deleted": 1}, 1, [1])
    assert set(vendor.contacts) == {e164(1)}


def test_rejected_held_and_unreadable_records_are_settled(project: Project, vendor: Vendor) -> None:
    """What has a reason in the report need not come again."""
    twin = person(5, mobile=person(1)["mobile"])
    messages = [SCHEMA, *[contact(n) for n in range(5)], contact(8, mobile="12"), record(**twin), {**contact(9), "record": None}]
    result, states = sync(project, [*messages, record(name="nobody"), state("all")])
    assert (result["rows"]["rejected"], result["rows"]["held"]) == (3, 1)
    assert set(result["codes"]) >= {"#001", "bad_record", "no_key", "shared_phone"}
    assert states == ["all"]


@pytest.fixture
def refusing(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Numbers that the sandbox refuses for now."""
    numbers: set[str] = set()
    judge = app.judge_number

    def refuse(contact: dict[str, Any], *, national: bool) -> tuple[str | None, str | None]:
        number, code = judge(contact, national=national)
        return (None, "#001") if number in numbers else (number, code)

    monkeypatch.setattr(app, "judge_number", refuse)
    return numbers


def test_a_refused_contact_withholds_the_states_behind_it(project: Project, vendor: Vendor, refusing: set[str]) -> None:
    """Exit 3 and the last STATE before the refused record; once the vendor accepts it, the last of all."""
    project.configure(vendor={"batch_size": 2})
    messages = [SCHEMA, contact(0), state(1), contact(1), state(2), contact(2), state(3), contact(3), contact(4), state(5)]
    refusing.add(e164(2))
    result, states = sync(project, messages, code=3)
    assert (result["verdicts"]["accepted"], result["verdicts"]["refused"]) == (4, 1)
    assert states == [2]
    refusing.clear()
    result, states = sync(project, messages)
    assert (result["verdicts"]["sent"], states) == (1, [5])


def test_before_the_first_state_there_is_none_to_give(project: Project, vendor: Vendor, refusing: set[str]) -> None:
    """The first record refused: stdout stays empty, so the tap begins where it began."""
    refusing.add(e164(0))
    assert sync(project, [SCHEMA, contact(0), state(1), contact(1), state(2)], code=3)[1] == []
    refusing.clear()
    assert sync(project, [SCHEMA, contact(0), contact(1)])[1] == []


def test_a_newer_record_behind_a_state_does_not_withhold_it(project: Project, vendor: Vendor, refusing: set[str]) -> None:
    """The STATE between a record and the refused one that took its place is given back: the newer comes again."""
    refusing.add(e164(0))
    messages = [SCHEMA, contact(0, city="Lyon"), state(1), contact(0, city="Nice"), state(2)]
    assert sync(project, messages, code=3)[1] == [1]


class Forgetful(httpx.AsyncBaseTransport):
    """The sandbox, whose answers leave one contact out; or, past a number of requests, nobody."""

    def __init__(self, vendor: Vendor, left_out: str = "", requests: int = 1_000_000) -> None:
        self._app = httpx.ASGITransport(app.sandbox(vendor))
        self._left_out, self._requests = left_out, requests

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self._requests -= 1
        if self._requests < 0:
            raise httpx.ConnectError("refused", request=request)
        answer = await self._app.handle_async_request(request)
        body = json.loads(await answer.aread())
        entries = body["data"]["contact"]
        body["data"]["contact"] = [entry for entry in entries if entry.get("phone_number") != self._left_out]
        return httpx.Response(200, json=body)


def behind(monkeypatch: pytest.MonkeyPatch, transport: httpx.AsyncBaseTransport) -> None:
    """The next runs talk to this transport."""
    monkeypatch.setattr(pipeline, "new_client", lambda *_: httpx.AsyncClient(transport=transport))


def test_an_unknown_contact_withholds_the_states_behind_it(
    project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No trustworthy answer is not settled: the STATE before it is the last that is true."""
    project.configure(vendor={"batch_size": 2, "tries": 1})
    behind(monkeypatch, Forgetful(vendor, left_out=e164(3)))
    messages = [SCHEMA, *[m for n in range(6) for m in (contact(n), state(n))]]
    result, states = sync(project, messages, code=3)
    assert (result["verdicts"]["unknown"], states) == (1, [2])


def test_a_run_that_fails_gives_back_only_what_is_true(project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """The vendor vanishes after three batches: exit 1, and the STATE behind exactly those contacts; then all the rest."""
    project.configure(vendor={"batch_size": 10, "concurrency": 1, "tries": 1})
    behind(monkeypatch, Forgetful(vendor, requests=3))
    messages = [SCHEMA, *[m for n in range(100) for m in (contact(n), state(n))]]
    failed = run(project, lines(messages), "sync", "--singer", "-", "--json", code=1)
    assert failed.stdout == "29\n"
    assert len(accepted_by_ledger(project.ledger_url)) == 30
    behind(monkeypatch, Forgetful(vendor))
    result, states = sync(project, [SCHEMA, *messages[61:]])
    assert (result["rows"]["read"], result["verdicts"]["accepted"], states) == (70, 70, [99])


def test_nothing_is_settled_while_rejections_are_not_recorded(
    project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ledger that fails before the first batch gives no STATE back, though no contact was to be sent."""
    monkeypatch.setattr(pipeline, "settle_rows", lambda *_: (_ for _ in ()).throw(Stopped(15)))
    stopped = run(project, lines([SCHEMA, contact(1, mobile="12"), state(1)]), "sync", "--singer", "-", "--approve", code=143)
    assert stopped.stdout == ""


def test_who_is_gone_is_settled_last(project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """While contacts that left are not recorded as gone, no STATE is given back: the next read must show it again."""
    sync(project, [SCHEMA, *[contact(n, 1) for n in range(10)], active(1)])
    monkeypatch.setattr(Ledger, "mark_gone", lambda *_: (_ for _ in ()).throw(Stopped(15)))
    full = [SCHEMA, *[contact(n, 2) for n in range(9)], active(2), state(2)]
    assert run(project, lines(full), "sync", "--singer", "-", code=143).stdout == ""
    monkeypatch.undo()
    result, states = sync(project, full)
    assert (result["gone"], states) == (1, [2])


def test_a_brake_gives_no_state_back(project: Project, vendor: Vendor) -> None:
    """Exit 4: nothing was sent, stdout is empty, and approval passes once."""
    sync(project, [SCHEMA, *[contact(n, 1) for n in range(10)], active(1)])
    full = [SCHEMA, *[contact(n, 2) for n in range(5)], active(2), state(2)]
    requests = len(vendor.requests)
    stopped = run(project, lines(full), "sync", "--singer", "-", code=4)
    assert (stopped.stdout, len(vendor.requests)) == ("", requests)
    assert "gone: 5 of 10 known contacts" in stopped.stderr
    assert sync(project, full, "--approve")[1] == [2]


def test_a_stream_that_is_broken_or_a_batch_sends_nothing(project: Project, vendor: Vendor) -> None:
    """Exit 2, no request, no run in the ledger, no STATE: a tap that failed half-way begins again."""
    batch = {"type": "BATCH", "stream": "contacts", "encoding": {}, "manifest": []}
    whole = lines([SCHEMA, contact(1), state(1), contact(2)])
    for text, sentence in (
        (whole[:-30], "the tap may have failed"),
        (whole + lines([batch]), "take batch_config out"),
        (lines([contact(1), SCHEMA]), "line 1: is a RECORD of stream 'contacts' before any SCHEMA"),
        ("", "did the tap start?"),
    ):
        result = run(project, text, "sync", "--singer", "-", code=2)
        assert sentence in result.stderr
        assert (result.stdout, vendor.requests) == ("", [])
    assert project.json("runs") == []


def test_two_streams_and_the_setting(project: Project, vendor: Vendor) -> None:
    """A question about the stream ends in exit 2; the setting answers it, and STATE covers both streams."""
    messages = [schema(*HEADER, stream="a"), schema(*HEADER, stream="b")]
    messages += [record("a", **person(1)), record("b", **person(2)), state({"a": 1, "b": 1})]
    assert "set source.stream" in run(project, lines(messages), "sync", "--singer", "-", code=2).stderr
    project.configure(source={"stream": "b"})
    assert sync(project, messages)[1] == [{"a": 1, "b": 1}]
    assert set(vendor.contacts) == {e164(2)}


def test_plan_shows_a_tap_and_gives_nothing_back(project: Project, vendor: Vendor) -> None:
    """A plan's stdout is its result, no STATE is in it, and nothing is written; a recorded stream can be applied."""
    messages = lines([SCHEMA, contact(1), contact(2), state("secret-state")])
    shown = run(project, messages, "plan", "--singer", "-", "--json")
    assert json.loads(shown.stdout)["changes"] == {"create": 2, "update": 0}
    assert "secret-state" not in shown.output
    assert vendor.requests == []
    recorded, plan = project.folder / "tap.singer", project.folder / "plan.json"
    recorded.write_text(messages)
    run(project, "", "plan", "--singer", str(recorded), "--out", str(plan))
    assert run(project, "", "sync", "--singer", str(recorded), "--apply", str(plan)).stdout == '"secret-state"\n'
    assert len(vendor.contacts) == 2


# --- as processes ----------------------------------------------------------------------------------------------------


def start(project: Project, recorded: Path) -> subprocess.Popen[str]:
    """`sync --singer -` as a process, the stream on its stdin."""
    words = [sys.executable, "-m", "sync_connector", "sync", "--singer", "-", "--json", "--config", str(project.config)]
    with open(recorded, "rb") as stream:
        return subprocess.Popen(
            words, env=os.environ | project.environment, stdin=stream, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )


def many(folder: Path) -> Path:
    """A long stream, with a STATE behind every tenth record that names the next."""
    messages = [SCHEMA]
    for n in range(MANY):
        messages.append(contact(n))
        if n % 10 == 9:
            messages.append(state({"next": n + 1}))
    path = folder / "many.singer"
    path.write_text(lines(messages))
    return path


def wait_for_contacts(vendor: Vendor, process: subprocess.Popen[str], count: int) -> None:
    """Until the vendor holds so many contacts."""
    while len(vendor.contacts) < count:
        assert process.poll() is None, process.communicate()
        select.select([], [], [], 0.01)


def test_a_killed_run_gives_no_state_and_the_next_goes_on(on_sqlite: Project, vendor: Vendor) -> None:
    """kill -9 in the middle: stdout is empty, so the tap sends all again; what was recorded is not sent twice."""
    project, recorded = on_sqlite, many(on_sqlite.folder)
    project.configure(vendor={"rate": 20})
    process = start(project, recorded)
    wait_for_contacts(vendor, process, MANY // 3)
    process.kill()
    out, _ = process.communicate()
    assert out == ""
    project.configure()
    known = len(accepted_by_ledger(project.ledger_url))
    assert known < MANY
    process = start(project, recorded)
    out, err = process.communicate()
    assert process.returncode == 0, err
    assert json.loads(out) == {"next": MANY}
    assert json.loads(err)["rows"]["unchanged"] == known
    assert set(vendor.contacts) == set(accepted_by_ledger(project.ledger_url)) == {e164(n) for n in range(MANY)}


def test_a_stopped_run_gives_back_a_true_state(on_sqlite: Project, vendor: Vendor) -> None:
    """SIGTERM in the middle: the STATE on stdout has only accepted contacts before it, and is the last such one."""
    project, recorded = on_sqlite, many(on_sqlite.folder)
    project.configure(vendor={"rate": 20})
    process = start(project, recorded)
    wait_for_contacts(vendor, process, MANY // 3)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert process.returncode == 143, err
    begin = json.loads(out)["next"]
    known = set(accepted_by_ledger(project.ledger_url).values())
    missing = [n for n in range(MANY) if f"K{n:05d}" not in known]
    assert missing
    assert begin == min(missing) // 10 * 10


# --- a real tap ------------------------------------------------------------------------------------------------------

PEOPLE = [
    (1, "Jean", "Dupont", "06 12 00 00 01", "jean@exemple.fr", "2026-01-01T10:00:00Z"),
    (2, "Zoé", "Lefèvre", "+33 6 12 00 00 02", None, "2026-01-02T10:00:00Z"),
    (3, "Noé", None, None, "noe@exemple.fr", "2026-01-03T10:00:00Z"),
]
TABLE = """
CREATE TABLE contacts (id integer PRIMARY KEY, first_name text, last_name text, mobile text, email text,
                       updated_at timestamptz NOT NULL)
"""


def tapped(tap: str, database: str, folder: Path, given_back: str) -> str:
    """What the real tap writes of that database, begun at the STATE that was given back."""
    url = sa.make_url(database)
    # The tap wants a host and a password, even where a socket in the query is used and nobody asks for one.
    url = url.set(drivername="postgresql+psycopg2", host=url.host or "localhost", password=url.password or "none")
    config = {"sqlalchemy_url": url.render_as_string(hide_password=False), "filter_schemas": ["public"]}
    (folder / "tap.json").write_text(json.dumps(config))
    words = [tap, "--config", str(folder / "tap.json")]
    catalog = json.loads(subprocess.run([*words, "--discover"], capture_output=True, text=True, check=True).stdout)
    for stream in catalog["streams"]:
        stream |= {"replication_method": "INCREMENTAL", "replication_key": "updated_at", "selected": True}
        for entry in stream["metadata"]:
            entry["metadata"]["selected"] = True
    (folder / "catalog.json").write_text(json.dumps(catalog))
    words += ["--catalog", str(folder / "catalog.json")]
    if given_back:
        (folder / "state.json").write_text(given_back)
        words += ["--state", str(folder / "state.json")]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def the_nights(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Any]:
    """The first night's messages, and a function from the STATE given back to those of the second night.

    From the tap that SYNC_CONNECTOR_TEST_TAP names (`meltanolabs-tap-postgres`), reading a real PostgreSQL; without it,
    as that tap wrote them when it was recorded.
    """
    tap = os.environ.get("SYNC_CONNECTOR_TEST_TAP")
    if not tap:
        first, second = ((FILES / f"tap_postgres_{night}.singer").read_text() for night in ("first", "second"))
        return first, lambda given_back: second
    database = str(request.getfixturevalue("postgres_ledger"))
    engine = sa.create_engine(database)
    insert = sa.text("INSERT INTO contacts VALUES (:a, :b, :c, :d, :e, :f)")
    with engine.begin() as connection:
        connection.execute(sa.text(TABLE))
        connection.execute(insert, [dict(zip("abcdef", row, strict=True)) for row in PEOPLE])

    def second_night(given_back: str) -> str:
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE contacts SET first_name = 'Jeanne', updated_at = '2026-02-01Z' WHERE id = 1"))
        engine.dispose()
        return tapped(tap, database, tmp_path, given_back)

    return tapped(tap, database, tmp_path, ""), second_night


def test_a_real_tap_is_synced_incrementally(
    on_sqlite: Project, vendor: Vendor, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Three rows of a PostgreSQL table, then the STATE goes back to the tap and an edit comes alone, with the row that is
    on the boundary."""
    first, second_night = the_nights(request, tmp_path)
    result = run(on_sqlite, first, "sync", "--singer", "-", "--json")
    told = json.loads(result.stderr)
    assert told["rows"] == {"read": 3, "unchanged": 0, "to_send": 2, "rejected": 1, "held": 0, "in_doubt": 0}
    assert told["codes"]["#002"] == 1
    assert vendor.contacts["+33612000002"] | {"adress": ""} == {
        "first_name": "Zoé", "last_name": "Lefèvre", "adress": "", "email": "", "country_code": "FR",
    }  # fmt: skip
    given_back = json.loads(result.stdout)
    assert given_back["bookmarks"]["public-contacts"]["replication_key_value"].startswith("2026-01-03")
    result = run(on_sqlite, second_night(result.stdout), "sync", "--singer", "-", "--json")
    told = json.loads(result.stderr)
    assert (told["changes"], told["rows"]["read"], told["rows"]["rejected"]) == ({"create": 0, "update": 1}, 2, 1)
    assert vendor.contacts["+33612000001"]["first_name"] == "Jeanne"
    assert json.loads(result.stdout)["bookmarks"]["public-contacts"]["replication_key_value"].startswith("2026-02-01")


def test_a_known_contact_with_a_tombstone_is_gone(project: Project, vendor: Vendor) -> None:
    """A deletion that an incremental read shows makes that contact gone, and nobody else."""
    sync(project, [SCHEMA, *[contact(n) for n in range(10)], state(1)])
    dead = record(id="K00002", _sdc_deleted_at="2026-01-02T00:00:00Z")
    result, states = sync(project, [SCHEMA, dead, state(2)])
    assert (result["left_out"], result["gone"], states) == ({"deleted": 1}, 1, [2])
    assert state_in_ledger(project, "K00002") == "gone"


def test_a_night_without_records_gives_its_state_back(project: Project, vendor: Vendor) -> None:
    """Nothing changed: no brake, no request, and STATE goes on."""
    sync(project, [SCHEMA, *[contact(n) for n in range(10)], state(1)])
    result, states = sync(project, [SCHEMA, state(2)])
    assert (result["rows"]["read"], result["posts"], result["gone"], states) == (0, 0, 0, [2])


def test_a_contact_that_is_not_in_the_read_keeps_its_number(project: Project, vendor: Vendor) -> None:
    """Who wants the number of a contact that did not change tonight is held where it is older."""
    sync(project, [SCHEMA, contact(1), contact(2), state(1)])
    older = contact(3, mobile=person(1)["mobile"], updated_at="2025-01-01T00:00:00Z")
    result, states = sync(project, [SCHEMA, older, state(2)])
    assert (result["rows"]["held"], states) == (1, [2])
    assert vendor.contacts[e164(1)]["first_name"] == "Jean1"
