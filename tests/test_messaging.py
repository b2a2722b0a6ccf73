"""Messages from end to end, over a real socket: campaigns, lost answers, opt-outs, hours, and who decides."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest

from sync_connector import dialects, messaging, planning
from sync_connector.cli import sms as commands
from sync_connector.config import load
from sync_connector.dialects._callback import callback_query
from sync_connector.events.inbox import open_inbox
from sync_connector.flow.post import NoAnswer
from sync_connector.flow.turns import Instruments
from sync_connector.ledger import leases
from sync_connector.ledger.store import open_ledger
from sync_connector.model import Callback, Kind
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import Faults, from_options
from sync_connector.sandbox.following import STOPS, Due, follow
from sync_connector.sandbox.vendor import judge_number
from sync_connector.sms import send as sending
from tests.conftest import PASSWORD, Project, e164, person

MONDAY = datetime(2026, 3, 2, 11, tzinfo=UTC)  # noon in Paris
INBOX = "inbox.db"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[datetime]:
    """The time that the commands see: the last of the list."""
    moments = [MONDAY]
    monkeypatch.setattr(commands, "utc_now", lambda: moments[-1])
    monkeypatch.setattr(messaging, "utc_now", lambda: moments[-1])
    return moments


def ready(project: Project) -> Project:
    """A project that can send messages and take callbacks in."""
    project.environment["ARDARY_ACCESS_KEY"] = PASSWORD
    project.settings = {
        "vendor": {"access_key": "${ARDARY_ACCESS_KEY}", "tries": 1},
        "events": {"zone": "Europe/Paris"},
        "receive": {"inbox": f"sqlite:///{project.folder / INBOX}"},
    }
    project.write([person(n) for n in range(10)])
    project.configure()
    return project


@pytest.fixture
def office(project: Project, clock: list[datetime]) -> Project:
    """A project on each ledger, at noon on a Monday."""
    return ready(project)


@pytest.fixture
def desk(on_sqlite: Project, clock: list[datetime]) -> Project:
    """The same on SQLite alone, where the database makes no difference."""
    return ready(on_sqlite)


def campaign(project: Project, rows: list[dict[str, str]], name: str = "march.csv") -> str:
    """A file of messages."""
    headers = list(rows[0])
    lines = [",".join(headers), *(",".join(f'"{row[header]}"' for header in headers) for row in rows)]
    path = project.folder / name
    path.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return str(path)


def message(number: int, text: str = "Bonjour", **more: str) -> dict[str, str]:
    """A row of such a file."""
    return {"phone_number": e164(number), "message": text, **more}


def send(project: Project, *words: str, code: int | None = 0) -> Any:
    """`sms send --yes --json`; the object, or what was printed where there is none."""
    result = project.run("sms", "send", *words, "--yes", "--json", code=code)
    return json.loads(result.stdout) if result.stdout else result.stderr


def arrive(project: Project, *queries: str, at: datetime = MONDAY) -> None:
    """Callbacks come in, and are pulled."""
    with closing(open_inbox(f"sqlite:///{project.folder / INBOX}")) as inbox:
        inbox.append([(at, query) for query in queries])
    project.run("pull")


def said_in(dialect: str, said: Callback) -> str:
    """A callback in a generation, as its query."""
    return callback_query(*dialects.find(dialect).callback(said))


def incoming(number: str, text: str) -> str:
    """Somebody writes."""
    return said_in("ardary", Callback(Kind.INCOMING_SMS, number, "2026-03-02 12:30:00", text=text))


def out_of(told: dict[str, Any]) -> dict[str, int]:
    """Why messages of a plan were left out."""
    return {one["code"]: one["count"] for one in told["plan"]["left_out"]}


def test_a_campaign_that_is_run_twice_sends_nothing_twice(office: Project, vendor: Vendor) -> None:
    """The second run of a file sends what was added to it, and nothing else; a text that was changed is another message."""
    rows = [message(1), message(2), message(3, "Adieu")]
    assert send(office, "--file", campaign(office, rows))["messages"]["sent"] == 3
    again = send(office, "--file", campaign(office, [*reversed(rows), message(4)]))
    assert (again["messages"]["sent"], out_of(again)) == (1, {"already": 3})
    assert send(office, "--file", campaign(office, rows), "--campaign", "april")["messages"]["sent"] == 3
    assert Counter(taken.phone_number for taken in vendor.messages) == {e164(1): 2, e164(2): 2, e164(3): 2, e164(4): 1}
    assert len({taken.id_sms_api for taken in vendor.messages}) == 7


def test_a_file_that_was_saved_anew_sends_nothing_twice(office: Project, vendor: Vendor) -> None:
    """Its columns in another order, one more of them, the message dated in another form: all that is read is the same."""
    rows = [message(1, date_to_send=""), message(2, date_to_send="2026-03-03 10:00")]
    assert send(office, "--file", campaign(office, rows))["messages"]["sent"] == 2
    anew = [{"town": "Lyon", **dict(reversed(row.items()))} for row in rows]
    anew[1]["date_to_send"] = "03/03/2026 10:00"
    assert out_of(send(office, "--file", campaign(office, anew))) == {"already": 2}
    named = [{**row, "id": str(at)} for at, row in enumerate(rows)]
    assert out_of(send(office, "--file", campaign(office, named))) == {"already": 2}
    assert len(vendor.messages) == 2


def test_a_row_may_have_an_id_of_any_length(office: Project, vendor: Vendor) -> None:
    """Longer than a database can index; it is the same one in the next run."""
    path = campaign(
        office, [message(1, id="".join(f"{n:x}" for n in range(9_000))), message(1, id="".join(f"{n:x}" for n in range(9_001)))]
    )
    assert send(office, "--file", path)["messages"]["sent"] == 2
    assert out_of(send(office, "--file", path)) == {"already": 2}


def test_contacts_are_written_to_by_a_template(office: Project, vendor: Vendor) -> None:
    """Those that the filter lets through, each with their own name; whom the CRM marks gets nothing, from no file either."""
    header = [*person(0), "do_not_sms"]
    people = [
        person(
            n,
            city="Lyon" if n < 4 else "Paris",
            **{"do_not_sms": "1" if n == 3 else "", "first name": "" if n == 2 else f"jean{n}"},
        )
        for n in range(6)
    ]
    office.write(people, header)
    words = ("--contacts", "--where", "city=lyon", "--campaign", "open day", "--link", "https://example.com/a")
    told = send(office, *words, "--text", "Bonjour {first_name|title}, voici [lien]")
    assert [taken.message for taken in vendor.messages] == ["Bonjour Jean0, voici [Link]", "Bonjour Jean1, voici [Link]"]
    assert {taken.url for taken in vendor.messages} == {"https://example.com/a"}
    assert out_of(told) == {"blank_field": 1, "crm_opt_out": 1}
    assert out_of(send(office, "--file", campaign(office, [message(3), message(4)]))) == {"crm_opt_out": 1}
    again = send(office, *words, "--text", "Bonjour {first_name|default('vous')}, [Link]")
    assert (out_of(again), again["messages"]["sent"]) == ({"already": 2, "crm_opt_out": 1}, 1)
    listed = office.json("sms", "status", "--campaign", "open day")
    assert {one["contact_key"] for one in listed} == {"K00000", "K00001", "K00002"}
    assert {one["contact_source"] for one in listed} == {"crm"}


def test_nothing_is_sent_before_it_was_confirmed(desk: Project, vendor: Vendor) -> None:
    """Neither by a plan, nor where nobody can be asked, nor beyond the limit; each says how to go on."""
    path = campaign(desk, [message(n) for n in range(5)])
    plan = desk.json("sms", "send", "--file", path, "--plan")
    assert (plan["plan"]["to_send"], plan["plan"]["segments"], plan["brakes"]) == (5, 5, [])
    assert "--yes" in desk.run("sms", "send", "--file", path, code=4).stderr
    assert "nothing was sent" in desk.run("sms", "send", "--file", path, code=4).stderr
    desk.configure(sms={"limit": 4})
    assert "sms.limit" in send(desk, "--file", path, code=4)
    assert vendor.messages == []
    elsewhere = open_ledger(f"sqlite:///{desk.folder / 'ledger.db'}", write=True)
    scope = elsewhere.make_scope(*planning.scope_names(load(desk.config, desk.environment)))
    with elsewhere.engine.begin() as connection:
        leases.acquire(connection, scope.account_id, "elsewhere/1/2/3", "sms")
    assert desk.json("sms", "send", "--file", path, "--plan")["plan"]["to_send"] == 5
    assert "another sending of messages is at work" in send(desk, "--file", path, "--limit", "5", code=4)
    with elsewhere.engine.begin() as connection:
        leases.release(connection, scope.account_id, "elsewhere/1/2/3", "sms")
    elsewhere.close()
    assert send(desk, "--file", path, "--limit", "5")["messages"]["sent"] == 5


def test_who_answers_nothing_on_a_terminal_sends_nothing(desk: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C at the question is a no, told as one; and who wants JSON is shown in words what is asked about."""
    monkeypatch.setattr("sync_connector.cli.sms.sys.stdin", SimpleNamespace(isatty=lambda: True))

    def interrupted(*_: object, **__: object) -> bool:
        raise click.Abort

    monkeypatch.setattr("sync_connector.cli.sms.click.confirm", interrupted)
    result = desk.run("sms", "send", e164(1), "Bonjour Ana", "--json", code=4)
    assert "nothing was sent" in result.stderr
    assert "Bonjour Ana" in result.stderr
    assert vendor.messages == []


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("0612", "Bonjour"), 2, "not a valid number"),
        ((e164(1), "Voici [Link]"), 2, "no url"),
        ((e164(2), "Bonjour"), 4, "opted out"),
        ((e164(1), "\udcff"), 2, "UTF-8"),
        ((e164(1), "Bonjour", "--sender-name", "\udcff"), 2, "UTF-8"),
        (("--contacts", "--text", "Bonjour", "--campaign", " "), 2, "--campaign is missing"),
    ],
)
def test_what_cannot_be_sent_is_no_success(desk: Project, vendor: Vendor, words: tuple[str, ...], code: int, said: str) -> None:
    """A single message that is left out, and an argument that is blank or no text, end with a sentence and their own code."""
    desk.run("sms", "opt-outs", "--add", e164(2))
    assert said in desk.run("sms", "send", *words, "--yes", code=code).stderr
    assert vendor.messages == []


def test_an_opt_out_that_names_nobody_is_a_fault(desk: Project) -> None:
    """A blank number is none, and of two wishes neither is done where one cannot be."""
    assert "no number" in desk.run("sms", "opt-outs", "--add", "", code=2).stderr
    assert "had not opted out" in desk.run("sms", "opt-outs", "--add", e164(1), "--remove", e164(2), code=2).stderr
    assert desk.json("sms", "opt-outs") == []


def test_the_plan_is_told_before_it_is_sent(desk: Project) -> None:
    """Count, price, who is left out and why, and samples with masked numbers; the dear sign is named."""
    rows = [message(1, "L’été " + "a" * 80), message(2), {"phone_number": "12", "message": "x"}, message(2)]
    shown = desk.run("sms", "send", "--file", campaign(desk, rows), "--yes").stdout
    for words in (
        "4  asked for",
        "2  to send",
        "3 SMS; 1 message in UCS-2",
        "#001",
        "twice",
        "’ in 1",
        "2 messages in 1 request",
    ):
        assert words in " ".join(shown.split()) or words in shown, words
    assert e164(1) not in shown
    assert "+336•" in shown


def test_the_same_words_to_one_number_are_a_mistake_unless_said(desk: Project, vendor: Vendor) -> None:
    """Within a day; other words, or another number, are not."""
    assert send(desk, "06 12 00 00 01", "Bonjour")["messages"]["sent"] == 1
    assert "--again" in send(desk, e164(1), "Bonjour", code=4)
    assert send(desk, e164(1), "Bonsoir")["messages"]["sent"] == 1
    assert send(desk, e164(2), "Bonjour")["messages"]["sent"] == 1
    assert send(desk, e164(1), "Bonjour", "--again")["messages"]["sent"] == 1
    assert len(vendor.messages) == 4


def test_what_the_vendor_refuses_is_told_by_message(desk: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sent: 0` is exit 3, is in the status with its reason, and is not offered again by itself."""

    # A valid number for our library may be none for the vendor's: here that is played by ours.
    def stricter(fields: dict[str, Any], *, national: bool) -> tuple[str | None, str | None]:
        return (None, "#001") if fields.get("phone_number") == e164(2) else judge_number(fields, national=national)

    monkeypatch.setattr("sync_connector.sandbox.messages.judge_number", stricter)
    path = campaign(desk, [message(1), message(2)])
    assert send(desk, "--file", path, code=3)["messages"] == {"sent": 1, "refused": 1, "unknown": 0, "unsent": 0}
    (refused,) = desk.json("sms", "status", "--state", "refused")
    assert (refused["number"], refused["reason"]) == (e164(2), "the vendor says that it was not sent")
    assert out_of(send(desk, "--file", path)) == {"already": 1, "refused": 1}


def test_a_rehearsal_sends_nothing_and_counts_for_nothing(desk: Project, vendor: Vendor) -> None:
    """The vendor answers; the campaign itself is still to be sent. A generation without a test mode refuses."""
    path = campaign(desk, [message(1)])
    assert send(desk, "--file", path, "--mode", "test")["messages"]["sent"] == 1
    assert [taken.mode for taken in vendor.messages] == ["test"]
    assert send(desk, "--file", path)["messages"]["sent"] == 1
    desk.settings["vendor"] |= {"dialect": "insim-v1", "base_url": f"{desk.address}/api/v1"}
    desk.configure()
    assert "no test mode" in send(desk, "--file", path, "--mode", "test", "--campaign", "x", code=2)
    assert send(desk, "--file", path, "--campaign", "x")["messages"]["sent"] == 1
    assert vendor.messages[-1].dialect == "insim-v1"
    shown = desk.run("sms", "send", "--file", path, "--campaign", "y", "--sender-name", "Us", "--plan").stdout
    assert "no sender settings" in shown


def test_a_field_that_does_not_exist_is_an_error_before_anything_is_sent(desk: Project, vendor: Vendor) -> None:
    """All that is wrong with what was asked for is said at once."""
    said = send(desk, "--contacts", "--campaign", "c", "--text", "Bonjour {frist_name}", code=2)
    assert "frist_name" in said
    assert "first_name" in said
    twice = campaign(desk, [{"phone": e164(1), "Prénom": "Ana", "prenom": "Bob"}], "twice.csv")
    assert "may mean 'Prénom' or 'prenom'" in send(desk, "--file", twice, "--text", "Bonjour {prenom}", code=2)
    said = send(desk, "--contacts", "--text", "Bonjour {first_name", "--at", "2026-02-30 10:00", code=2)
    assert ["--at" in said, "--campaign" in said, "template" in said] == [True, True, True]
    assert "--campaign" in send(desk, "--contacts", "--campaign", "a\0b", "--text", "x", code=2)
    assert "no database" in send(desk, "--contacts", "--campaign", "c", "--text", "x", "--query", str(desk.config), code=2)
    assert "in one way" in send(desk, e164(1), "Bonjour", "--contacts", code=2)
    assert vendor.messages == []


@pytest.mark.parametrize(
    ("now", "hours", "arrives"),
    [
        ("2026-03-28T22:30", "08:00-20:00", "2026-03-30 08:00:00"),  # Saturday night; on Sunday the clocks go forward
        ("2026-03-27T20:30", "08:00-20:00", "2026-03-28 08:00:00"),
        ("2026-10-24T20:30", "08:00-20:00", "2026-10-26 08:00:00"),  # on Sunday they go back
        ("2026-03-29T00:30", "02:15-20:00", "2026-03-29 03:00:00"),  # that hour begins in the one that is left out
        ("2026-10-24T23:30", "02:30-20:00", "2026-10-25 03:00:00"),  # it comes twice, and cannot be written
    ],
)
def test_allowed_hours_hold_over_a_change_of_the_clocks(
    desk: Project, vendor: Vendor, clock: list[datetime], now: str, hours: str, arrives: str
) -> None:
    """By the recipient's clock before and after it, and in the words of the account's."""
    clock.append(datetime.fromisoformat(now).replace(tzinfo=UTC))
    days = ["mon", "tue", "wed", "thu", "fri", "sat"] if hours == "08:00-20:00" else ["sun"]
    desk.configure(sms={"hours": hours, "days": days})
    told = send(desk, "--file", campaign(desk, [message(1)]))
    assert [taken.date_to_send for taken in vendor.messages] == [arrives]
    assert told["plan"]["postponed"] == 1


def test_no_secret_is_shown(desk: Project) -> None:
    """A wrong access key is exit 2, one request, one sentence; neither key nor texts are in what is printed."""
    desk.environment["ARDARY_ACCESS_KEY"] = "another-secret-key"
    ended = desk.run("sms", "send", "--file", campaign(desk, [message(n) for n in range(60)]), "--yes", code=2)
    assert "ARDARY_ACCESS_KEY" in ended.stderr
    assert "another-secret-key" not in ended.output
    desk.environment["ARDARY_ACCESS_KEY"] = PASSWORD
    assert send(desk, "--file", str(desk.folder / "march.csv"))["messages"]["sent"] == 60


def followed(project: Project, vendor: Vendor, seed: int = 1) -> list[Due]:
    """All that follows from what the vendor took comes in, and is pulled."""
    due = follow(vendor.messages, seed=seed, zone=ZoneInfo("Europe/Paris"))
    with closing(open_inbox(f"sqlite:///{project.folder / INBOX}")) as inbox:
        for start in range(0, len(due), 1_000):
            inbox.append([(one.at, one.made.query) for one in due[start : start + 1_000]])
    project.run("pull")
    return due


def states(project: Project) -> Counter[str]:
    """How many messages are where."""
    return Counter(one["state"] for one in project.json("sms", "status", "--campaign", "march", "--count", "100000"))


def test_of_five_thousand_messages_none_is_sent_twice_though_answers_are_lost(office: Project, vendor: Vendor) -> None:
    """A vendor that takes each request and cuts every fifth connection has every message once, by its id and by its number and
    text, however often the command is run; each is sent or unknown, and the callbacks settle all that are unknown. Then a STOP
    that was among them stops the next campaign for that number."""
    vendor.cut = 0.2
    vendor.now = lambda: MONDAY
    rows = [message(n, f"Bonjour {n % 7}") for n in range(5_000)]
    words = ("--file", campaign(office, rows), "--limit", "5000")
    runs = 0
    while send(office, *words, code=None) and sum(states(office).values()) != 5_000:
        runs += 1
        assert runs < 50
    assert set(states(office)) == {"sent", "unknown"}
    assert states(office)["unknown"] > 500
    assert Counter(Counter(taken.id_sms_api for taken in vendor.messages).values()) == {1: 5_000}
    assert Counter(Counter((taken.phone_number, taken.message) for taken in vendor.messages).values()) == {1: 5_000}
    due = followed(office, vendor)
    assert states(office) == {"sent": 5_000}
    assert office.json("sms", "resolve") == []
    assert send(office, *words)["messages"]["sent"] == 0
    assert len(vendor.messages) == 5_000
    stops = {one.made.said.number for one in due if one.made.said and one.made.said.text in STOPS}
    assert len(stops) > 50
    assert {one["number"] for one in office.json("sms", "opt-outs")} == stops
    vendor.cut = 0.0
    told = send(office, *words, "--campaign", "april")
    assert (out_of(told), told["messages"]["sent"]) == ({"opted_out": len(stops)}, 5_000 - len(stops))
    assert not stops & {taken.phone_number for taken in vendor.messages[5_000:]}


@pytest.mark.parametrize("text", ["STOP", "stop.", "Stop SMS", "ARRÊT", "arret", " STOPSMS !"])
def test_a_stop_stops_the_next_campaign_for_that_number(desk: Project, vendor: Vendor, text: str) -> None:
    """In any spelling; another number is written to, and a person can let the number in again."""
    path = campaign(desk, [message(1), message(2)])
    send(desk, "--file", path)
    arrive(desk, incoming(e164(1), text), incoming(e164(2), "Stop by at five o'clock"))
    told = send(desk, "--file", path, "--campaign", "april")
    assert (out_of(told), told["messages"]["sent"]) == ({"opted_out": 1}, 1)
    (one,) = desk.json("sms", "opt-outs")
    assert (one["number"], one["text"]) == (e164(1), text)
    desk.run("sms", "opt-outs", "--remove", "06 12 00 00 01")
    assert send(desk, "--file", path, "--campaign", "april")["messages"]["sent"] == 1
    desk.run("sms", "opt-outs", "--add", e164(2))
    assert out_of(send(desk, "--file", path, "--campaign", "may")) == {"opted_out": 1}


def test_what_is_unknown_waits_for_a_person_or_a_callback(desk: Project, vendor: Vendor) -> None:
    """It is listed and never sent again by itself; a person takes it for sent, or sends it again, under the same id."""
    vendor.cut = 1.0
    path = campaign(desk, [message(n) for n in range(3)])
    assert send(desk, "--file", path, code=3)["messages"]["unknown"] == 3
    vendor.cut = 0.0
    assert out_of(send(desk, "--file", path)) == {"unknown": 3}
    first, second, third = (one["id_sms_api"] for one in desk.json("sms", "resolve"))
    assert "say which" in desk.run("sms", "resolve", "--sent", code=2).stderr
    assert "--sent or --resend" in desk.run("sms", "resolve", first, code=2).stderr
    assert "not among the unknown" in desk.run("sms", "resolve", "nonsense", "--sent", code=2).stderr
    assert desk.json("sms", "resolve", first, "--sent") == {"sent": 1}
    assert "--yes" in desk.run("sms", "resolve", second, "--resend", code=4).stderr
    assert desk.json("sms", "resolve", second, "--resend", "--yes")["messages"]["sent"] == 1
    assert Counter(taken.id_sms_api for taken in vendor.messages) == {first: 1, second: 2, third: 1}
    followed(desk, vendor)
    assert desk.json("sms", "resolve") == []
    left_out = Counter(out_of(send(desk, "--file", path)))
    assert left_out["already"] + left_out["opted_out"] == left_out.total() == 3  # by chance, of its id, one is answered by a STOP


def test_who_opts_out_while_the_plan_waits_gets_nothing(office: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """A STOP that comes in between the plan and the request counts, and is told; the others are written to."""

    def meanwhile(*_: object, **__: object) -> None:
        office.run("sms", "opt-outs", "--add", e164(1))

    monkeypatch.setattr(commands, "confirmed", meanwhile)
    told = send(office, "--file", campaign(office, [message(1), message(2)]))
    assert (told["plan"]["to_send"], told["opted_out"]) == (2, 1)
    assert told["messages"] == {"sent": 1, "refused": 0, "unknown": 0, "unsent": 1}
    assert [taken.phone_number for taken in vendor.messages] == [e164(2)]


def test_what_was_confirmed_too_late_does_not_leave_at_night(
    desk: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan of the afternoon that is confirmed in the evening waits at the vendor for the next allowed hour, and says so; what
    has a date of its own keeps it."""
    path = campaign(desk, [message(1, date_to_send=""), message(2, date_to_send="2026-03-03 10:00")])
    monkeypatch.setattr(messaging, "utc_now", lambda: datetime(2026, 3, 2, 20, 30, tzinfo=UTC))
    told = send(desk, "--file", path)
    assert (told["late"], told["messages"]["sent"]) == (1, 2)
    dates = {taken.phone_number: taken.date_to_send for taken in vendor.messages}
    assert dates == {e164(1): "2026-03-03 08:00:00", e164(2): "2026-03-03 10:00:00"}


def busy_while(project: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """The vendor is too busy once, and while it is given time, something happens."""
    vendor.faults = Faults(tuple(step._replace(lasts=1) for step in from_options(["429=200"])))
    project.configure(vendor={**project.settings["vendor"], "tries": 3})

    async def sleep(_: float) -> None:
        happens()

    monkeypatch.setattr(messaging, "Instruments", lambda: Instruments(sleep=sleep))


def test_a_request_is_not_repeated_once_it_is_late(
    desk: Project, vendor: Vendor, clock: list[datetime], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The allowed hours end while the vendor is too busy: nothing leaves at night, and the same command has it sent tomorrow."""
    busy_while(desk, vendor, monkeypatch, lambda: clock.append(datetime(2026, 3, 2, 20, 30, tzinfo=UTC)))
    path = campaign(desk, [message(1)])
    said = desk.run("sms", "send", "--file", path, "--yes", code=1).stderr
    assert "the allowed hours ended" in said
    assert (vendor.messages, states(desk)) == ([], {"unsent": 1})
    assert send(desk, "--file", path)["messages"]["sent"] == 1
    assert [taken.date_to_send for taken in vendor.messages] == ["2026-03-03 08:00:00"]


def test_who_lost_the_lease_while_it_waited_repeats_nothing(
    desk: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another sender may have begun, and a person have decided what becomes of the messages: ours stay where they are."""

    def overtaken() -> None:
        with closing(sqlite3.connect(desk.folder / "ledger.db")) as ledger, ledger:
            ledger.execute("UPDATE leases SET holder = 'elsewhere/1/2/3' WHERE purpose = 'sms'")

    busy_while(desk, vendor, monkeypatch, overtaken)
    said = desk.run("sms", "send", "--file", campaign(desk, [message(1)]), "--yes", code=1).stderr
    assert "took over" in said
    assert (vendor.messages, states(desk)) == ([], {"begun": 1})


@pytest.fixture
def unknown(desk: Project, vendor: Vendor) -> Project:
    """A project of which the messages to two people are unknown, and the vendor is well again."""
    vendor.cut = 1.0
    send(desk, "--file", campaign(desk, [message(1), message(2)]), code=3)
    vendor.cut = 0.0
    return desk


def test_a_message_is_not_resent_to_who_opted_out(unknown: Project, vendor: Vendor) -> None:
    """The telephone that answered STOP gets nothing, whatever is decided of what it may have got before."""
    arrive(unknown, incoming(e164(1), "STOP"))
    told = unknown.json("sms", "resolve", "--all", "--resend", "--yes")
    assert (told["messages"]["sent"], told["opted_out"]) == (1, 1)
    assert Counter(taken.phone_number for taken in vendor.messages) == {e164(1): 1, e164(2): 2}
    assert states(unknown) == {"unknown": 1, "sent": 1}


def test_a_message_that_has_no_allowed_hour_is_not_resent_at_any(unknown: Project, vendor: Vendor, clock: list[datetime]) -> None:
    """Where hours and days leave none within two weeks, it stays unknown, and what to change is said."""
    with closing(sqlite3.connect(unknown.folder / "ledger.db")) as ledger, ledger:  # it may be anywhere in the United States
        ledger.execute("UPDATE messages SET phone_number = '+18005550199' WHERE phone_number = ?", (e164(1),))
    unknown.configure(sms={"hours": "09:00-09:30", "days": ["mon"]})
    assert "sms.hours" in unknown.run("sms", "resolve", "--all", "--resend", "--yes", code=2).stderr
    assert states(unknown) == {"unknown": 2}
    assert len(vendor.messages) == 2


def test_what_could_not_be_resent_is_still_unknown(unknown: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows more of it than before, so the same command finds it again, and no campaign sends it by itself."""

    async def nobody(*_: object) -> object:
        raise NoAnswer("no connection", sent=False, reached=False)

    with monkeypatch.context() as patch:
        patch.setattr(sending, "post", nobody)
        unknown.run("sms", "resolve", "--all", "--resend", "--yes", code=1)
    assert states(unknown) == {"unknown": 2}
    assert unknown.json("sms", "resolve", "--all", "--resend", "--yes")["messages"]["sent"] == 2


def test_a_run_that_was_killed_leaves_its_last_request_unknown(
    desk: Project, vendor: Vendor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was under way is never sent again by itself, and what was not begun is sent by the same command."""
    path = campaign(desk, [message(n) for n in range(60)])

    async def dies(*_: object) -> object:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(sending, "post", dies)
        assert "Aborted" in desk.run("sms", "send", "--file", path, "--yes", code=1).stderr
    told = send(desk, "--file", path)
    assert (out_of(told), told["messages"]["sent"]) == ({"unknown": 25}, 35)
    assert states(desk) == {"unknown": 25, "sent": 35}
    assert len(vendor.messages) == 35


def test_the_whole_story_of_a_contact(office: Project, vendor: Vendor) -> None:
    """Campaign → delivered → clicked → answered → call → qualification: `explain` tells all of it in order, and the CRM's tables
    have each with the contact's key, and the campaign where it is about a message."""
    vendor.now = lambda: MONDAY
    office.sync()
    office.configure()
    with open(office.config, "a", encoding="utf-8") as out:
        out.write('[[sinks]]\nname = "crm"\ntype = "sql"\nurl = "sqlite:///crm.db"\n')
    send(office, "--contacts", "--campaign", "spring", "--text", "Bonjour {first_name}, [Link]", "--link", "https://example.com/")
    (taken,) = [one for one in vendor.messages if one.phone_number == e164(1)]
    status = Callback(Kind.SMS_STATUS, e164(1), "2026-03-02T11:00:05Z", status="sent", id_sms_api=taken.id_sms_api)
    story = [
        status,
        status._replace(status="received", when="2026-03-02T11:00:09Z"),
        Callback(Kind.LINK_CLICK, e164(1), "2026-03-02 12:05:00", link="https://example.com/", id_sms_api=taken.id_sms_api),
        Callback(Kind.INCOMING_SMS, e164(1), "2026-03-02 12:06:00", text="Oui, rappelez-moi"),
        Callback(Kind.CALL, e164(1), "2026-03-02 12:10:00", "outgoing", "00:02:00"),
        Callback(Kind.CALL_QUALIFICATION, e164(1), "2026-03-02 12:13:00", "mobile", text="Rendez-vous pris"),
    ]
    arrive(office, *(said_in("insim-v1", said) for said in story), at=MONDAY + timedelta(minutes=20))
    told = office.json("explain", "K00001")
    (sent,) = told["messages"]
    assert (sent["campaign"], sent["state"], sent["delivery"], sent["text"]) == (
        "spring",
        "sent",
        "received",
        "Bonjour Jean1, [Link]",
    )
    assert [bool(sent["clicked_at"]), bool(sent["answered_at"]), sent["opted_out"]] == [True, True, False]
    assert [one["kind"] for one in told["events"]] == [said.kind for said in story]
    shown = office.run("explain", "K00001").stdout
    for words in ("spring", "Bonjour Jean1", "delivered", "Oui, rappelez-moi", "Rendez-vous pris", "2:00"):
        assert words in shown, words
    with closing(sqlite3.connect(office.folder / "crm.db")) as crm:
        of_a_message = {
            table: crm.execute(f"SELECT contact_key, campaign FROM {table}").fetchall()
            for table in ("sms_statuses", "link_clicks", "incoming_sms")
        }
        assert of_a_message == {table: [("K00001", "spring")] for table in of_a_message}
        assert crm.execute("SELECT status, message FROM sms_statuses").fetchall() == [("received", "Bonjour Jean1, [Link]")]
        assert crm.execute("SELECT answers FROM incoming_sms").fetchall() == [(taken.id_sms_api,)]
        assert crm.execute("SELECT contact_key, duration FROM calls").fetchall() == [("K00001", 120)]
        assert crm.execute("SELECT contact_key, qualification FROM call_qualifications").fetchall() == [
            ("K00001", "Rendez-vous pris")
        ]
    (line,) = office.json("sms", "status")
    counts = {name: line[name] for name in ("messages", "sent", "delivered", "clicked", "answered", "opted_out")}
    assert counts == {"messages": 10, "sent": 10, "delivered": 1, "clicked": 1, "answered": 1, "opted_out": 0}


def test_click_to_call(desk: Project, vendor: Vendor) -> None:
    """The mobile calls; its own error codes have their own meanings; the first generation has no such call."""
    assert "no click-to-call" in desk.run("call", e164(1), code=2).stderr
    desk.settings["vendor"] |= {"dialect": "insim-v1", "base_url": f"{desk.address}/api/v1"}
    desk.configure()
    assert desk.json("call", "06 12 00 00 01")["result"] == "accepted"
    assert [taken.phone_number for taken in vendor.calls] == [e164(1)]
    assert "no number to call" in desk.run("call", "12", code=2).stderr
    vendor.offline = True
    assert "app" in desk.run("call", e164(1), code=1).stderr
    vendor.servers_down = True
    assert "servers are down" in desk.run("call", e164(1), code=1).stderr
    vendor.offline = vendor.servers_down = False
    vendor.cut = 1.0
    assert "may be ringing" in desk.run("call", e164(1), code=3).stderr
    assert desk.json("call", e164(1), code=3)["result"] == "unknown"
    desk.environment["ARDARY_ACCESS_KEY"] = "wrong-key"
    refused = desk.run("call", e164(1), code=2)
    assert "ARDARY_ACCESS_KEY" in refused.stderr
    assert "wrong-key" not in refused.output
