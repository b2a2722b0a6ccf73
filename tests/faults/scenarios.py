"""What the crash sweep kills, one job of the program each.

`prepare` makes the company and `act` is what is killed; `again` is what a person or the next night does after any death: the
same commands once more. None of them looks where it died.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import NamedTuple

from sync_connector import config, fault_points, forgetting, planning
from sync_connector.dialects._callback import callback_query
from sync_connector.events import serving
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.events import EventBook
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.store import open_ledger
from sync_connector.sandbox.faults import Faults, Step
from tests.conftest import e164, person
from tests.faults.world import World, arrive

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


class Scenario(NamedTuple):
    """`by_command`: all it does can be done by a process of its own. `ignored`: points of another program beside it.
    `any_ledger`: it is for a ledger in PostgreSQL as well."""

    name: str
    prepare: Callable[[World], None]
    act: Callable[[World], None]
    again: Callable[[World], None]
    by_command: bool = True
    any_ledger: bool = True
    ignored: tuple[str, ...] = ()


class Stop(BaseException):
    """A run that is to leave a batch under way stops here."""


def stopped_at(world: World, point: str, *words: str) -> None:
    """A command that dies when it reaches this point."""
    dead = False

    def listener(name: str) -> None:
        nonlocal dead
        dead = dead or name == point
        if dead:
            raise Stop

    with suppress(Stop), fault_points.told(listener):
        world.run(*words, codes=range(256))
    assert dead


def crm(*changed: dict[str, str], without: tuple[int, ...] = ()) -> list[dict[str, str]]:
    """Eight contacts, with these in place of theirs or beside them."""
    rows = {row["id"]: row for row in (person(n) for n in range(8) if n not in without)}
    return list((rows | {row["id"]: row for row in changed}).values())


def started(world: World) -> None:
    """A company whose eight contacts are at the vendor."""
    world.configure()
    world.write(crm())
    world.run("sync")


def synced(world: World) -> None:
    """The next night, at a vendor that is well again."""
    world.vendor.faults = Faults()
    world.run("sync", codes=(0, 3))


# --- a night: creates, updates, renumbered, shared, rejected, gone, refused, unknown, a batch that a dead run left ---------


def before_the_night(world: World) -> None:
    started(world)
    world.write(crm(person(1, city="Lyon")))
    stopped_at(world, "vendor.request.after", "sync")
    world.write(
        crm(
            person(1, city="Lyon"),
            person(2, mobile=person(30)["mobile"]),
            person(3, mobile="1"),
            person(4, city="Nice"),
            person(10),
            person(11),
            person(12, mobile=person(5)["mobile"], updated_at="2026-02-01T00:00:00Z"),
            person(13, mobile="06 12"),
            person(14, email="refused@exemple.fr"),
            {**person(15), "id": ""},
            without=(6, 7),
        )
    )
    world.vendor.faults = Faults((Step("poisoned", e164(4)),))


def the_night(world: World) -> None:
    world.run("sync", codes=(3,))


def first_night(world: World) -> None:
    world.configure()
    world.write(crm(person(9, mobile="1")))


# --- a plan that is reviewed, then sent -----------------------------------------------------------------------------------


def before_a_plan(world: World) -> None:
    started(world)
    world.write(crm(person(1, city="Lyon"), person(9), person(10, mobile="1"), without=(7,)))


def a_plan(world: World) -> None:
    world.run("plan", "--out", world.path("plan.json"))
    world.run("sync", "--apply", world.path("plan.json"))


def a_plan_again(world: World) -> None:
    if not (world.folder / "plan.json").exists():
        world.run("plan", "--out", world.path("plan.json"))
    synced(world)


# --- rejects into a sheet, mended, resubmitted ----------------------------------------------------------------------------


def before_rejects(world: World) -> None:
    world.configure()
    world.write(crm(person(2, mobile="06 12"), person(3, mobile="1"), person(4, mobile="")))
    world.run("sync")


def rejects(world: World) -> None:
    for name in ("sheet.csv", "sheet.xlsx"):
        if not (world.folder / name).exists():
            world.run("rejects", f"--{name.rpartition('.')[2]}", world.path(name))
    with open(world.folder / "sheet.csv", encoding="utf-8-sig", newline="") as lines:
        told = list(csv.DictReader(lines))
    for row in told:
        if row["id"] != person(3)["id"]:
            row["mobile"] = person(20 + int(row["id"][1:]))["mobile"]
    world.write(told, "mended.csv", list(told[0]))
    world.run("sync", "--resubmit", world.path("mended.csv"), "--keep")


def rejects_again(world: World) -> None:
    rejects(world)
    synced(world)


# --- callbacks: stored, pulled, written into a database, files and a web service ------------------------------------------


def call(number: int, minute: int) -> str:
    """A call as the second generation tells of it."""
    payload = {"device_identification": "d", "title": "incoming_call", "phone_number": e164(number), "duration": "00:01:00"}
    return callback_query("calls", payload | {"call_time": f"2026-03-02 10:{minute:02d}:00"})


def wrote(number: int, text: str) -> str:
    """Somebody writes."""
    return callback_query("message", {"title": "incoming sms", "from": e164(number), "message": text, "date": "2026-03-02 12:30"})


def status(id_sms_api: str, number: str, said: str) -> str:
    """What became of a message."""
    payload = {"user": "me", "phone_number": number, "status": said, "date_status": "2026-03-02T10:00:00Z"}
    return callback_query("status", payload | {"id_sms_api": id_sms_api})


def before_a_pull(world: World) -> None:
    started(world)
    arrive(world, call(40, 0), at=NOON)
    world.run("pull")  # of one whom the CRM does not know yet
    world.write(crm(person(40)))
    world.run("sync")
    world.sinks(
        {"name": "crm", "type": "sql", "url": world.sink_url, "prefix": "crm_"},
        {"name": "files", "type": "jsonl", "path": "out"},
        {"name": "hook", "type": "webhook", "url": f"{world.town.address}/hook", "secret": "${WEBHOOK_SECRET}"},
    )
    said = [status("a", e164(1), "sent"), status("a", e164(1), "received"), "x=1"]
    arrive(world, *(call(n, n) for n in range(4)), call(50, 4), wrote(2, "Bonjour"), wrote(3, "STOP"), *said, at=NOON)


def a_pull(world: World) -> None:
    world.run("pull")


def before_a_remote_pull(world: World) -> None:
    before_a_pull(world)
    with open(world.folder / "secrets", "w", opener=_private) as out:
        out.write("s" * 43)
    text = (world.folder / "sync.toml").read_text()
    settings = text.replace("[receive]", '[receive]\ntoken = "${TOKEN}"')
    (world.folder / "sync.toml").write_text(settings + '[pull]\nurl = "${RECEIVER}"\ntoken = "${TOKEN}"\n')


def _private(name: str, flags: int) -> int:
    return os.open(name, flags, 0o600)


def a_remote_pull(world: World) -> None:
    settings = config.load(world.folder / "sync.toml", world.environment | {"RECEIVER": "http://127.0.0.1:1"}, purpose="pull")
    with serving.in_background(settings.receive) as address:
        world.more["RECEIVER"] = address
        world.run("pull")


CALLBACKS = [call(n, n) for n in range(3)]


def receiving(world: World) -> None:
    """As a receiver does it: each is stored, then it is answered; the vendor calls again where no answer came. What is old and
    safely inside is forgotten."""
    answered = world.folder / "answered.txt"
    with closing(open_inbox(world.inbox_url)) as inbox:
        for query in CALLBACKS:
            if query not in (answered.read_text().split("\n") if answered.exists() else []):
                inbox.append([(NOON, query)])
                with open(answered, "a") as out:
                    out.write(f"{query}\n")
        newest = inbox.page(0, 100).newest
        told = {one.query for one in inbox.page(0, 100).callbacks}
        kept = json.loads((world.folder / "told.json").read_text()) if (world.folder / "told.json").exists() else []
        (world.folder / "told.json").write_text(json.dumps(sorted(told | set(kept))))
        assert told | set(kept) == set(CALLBACKS)  # whatever was answered is there
        inbox.acknowledge(newest)
        inbox.forget(datetime.now(UTC))
        assert inbox.page(0, 100).callbacks == []


# --- messages: each at most once ------------------------------------------------------------------------------------------


def before_messages(world: World) -> None:
    started(world)
    first = [{"phone_number": e164(n), "message": "Avant"} for n in range(2)]
    world.write(first, "first.csv", ["phone_number", "message"])
    world.vendor.faults = Faults((Step("500-taken", of="messages"),))
    world.run("sms", "send", "--file", world.path("first.csv"), "--any-hour", "--yes", codes=(3,))
    world.run("sms", "opt-outs", "--add", e164(6))
    rows = [{"phone_number": e164(n), "message": f"Bonjour {n}"} for n in range(7)]
    world.write(rows, "march.csv", ["phone_number", "message"])
    world.vendor.faults = Faults((Step("429", "1", after=len(world.vendor.requests), lasts=1, of="messages"),))


def messages(world: World) -> None:
    send = ("sms", "send", "--file", world.path("march.csv"), "--any-hour", "--yes")
    world.run("sms", "resolve", "--all", "--sent")
    world.run("sms", "opt-outs", "--add", e164(5))
    world.run("sms", "opt-outs", "--remove", e164(6))
    world.run(*send, codes=(1,))
    world.run(*send)


def messages_again(world: World) -> None:
    """The same; of what is unknown then, a person knows from the telephone whether it was sent. At last the vendor tells of
    each."""
    world.vendor.faults = Faults()
    unknown = json.loads(world.run("sms", "resolve", "--json").stdout)
    _resolved(world, unknown)
    world.run("sms", "opt-outs", "--add", e164(5))
    world.run("sms", "opt-outs", "--remove", e164(6), codes=(0, 2))
    world.run("sms", "send", "--file", world.path("march.csv"), "--any-hour", "--yes", codes=(0, 3))
    taken = sorted((one.phone_number, one.message, one.id_sms_api) for one in world.vendor.messages if one.sent)
    assert len({one[:2] for one in taken}) == len(taken), "somebody got the same twice"
    arrive(world, *(status(id_, number, said) for number, _, id_ in taken for said in ("sent", "received")), at=NOON)
    world.run("pull")


def _resolved(world: World, unknown: list[dict[str, str]]) -> None:
    taken = {one.id_sms_api for one in world.vendor.messages}
    for one in unknown:
        how = ("--sent",) if one["id_sms_api"] in taken else ("--resend", "--yes")
        world.run("sms", "resolve", one["id_sms_api"], *how)


# --- care of the ledger ---------------------------------------------------------------------------------------------------


def adopting(world: World) -> None:
    world.run("state", "adopt", "--yes")


def adopting_again(world: World) -> None:
    adopting(world)
    synced(world)


def before_forgetting(world: World) -> None:
    before_messages(world)
    world.vendor.faults = Faults()
    arrive(world, call(1, 0), call(2, 1), wrote(1, "STOP"), at=NOON)
    world.run("pull")
    world.write(crm(person(3, mobile="1"), without=(1,)))
    world.run("sync")


def forget(world: World) -> None:
    world.run("state", "forget", e164(1), "--yes")


def backup(world: World) -> None:
    world.run("state", "backup", world.path("backup.db"))


def backup_again(world: World) -> None:
    world.run("state", "backup", world.path("backup.db"), codes=(0, 2))  # what is there already is not overwritten


def before_a_restored_copy(world: World) -> None:
    """A copy of the ledger, an edit that is sent after it, and its undoing."""
    started(world)
    world.run("state", "backup", world.path("backup.db"))
    world.write(crm(person(1, city="Lyon")))
    world.run("sync")
    world.write(crm())
    (world.folder / "restored.toml").write_text(
        (world.folder / "sync.toml").read_text().replace("${TEST_LEDGER}", "sqlite:///backup.db")
    )


def a_restored_copy(world: World) -> None:
    world.run("sync", config="restored.toml")


# --- what is written for people -------------------------------------------------------------------------------------------


def before_papers(world: World) -> None:
    before_rejects(world)
    (world.folder / "stdin.toml").write_text((world.folder / "sync.toml").read_text().replace('"contacts.csv"', '"-"'))


def papers(world: World) -> None:
    world.run("audit")
    world.run("report", "--out", world.path("report.html"))
    if not (world.folder / "secrets").exists():
        world.run("receive", "--new-secret")
    if not (world.folder / "made.toml").exists():
        world.run("init", world.path("contacts.csv"), "--mapping", "generic", config="made.toml")
    world.run("sync", config="stdin.toml", given=(world.folder / "contacts.csv").read_bytes())


def renewing(world: World) -> None:
    """What a run does that waits for long: it keeps its leases."""
    settings = config.load(world.folder / "sync.toml", world.environment)
    with closing(open_ledger(world.ledger_url, write=True)) as ledger:
        scope = ledger.make_scope(*planning.scope_names(settings))
        with ledger.lease(scope), ledger.lease(scope, "pull"), ledger.lease(scope, "sms"):
            ledger.renew(scope)
            EventBook(ledger, scope.account_id).renew()
            MessageBook(ledger, scope.account_id).renew()
            forgetting._renew(ledger, scope.account_id, "pull")


SCENARIOS = [
    Scenario("night", before_the_night, the_night, synced),
    Scenario("first night", first_night, synced, synced),
    Scenario("plan", before_a_plan, a_plan, a_plan_again),
    Scenario("rejects", before_rejects, rejects, rejects_again),
    Scenario("pull", before_a_pull, a_pull, a_pull),
    Scenario("remote pull", before_a_remote_pull, a_remote_pull, a_remote_pull, by_command=False, ignored=("inbox.", "secret.")),
    Scenario("receive", started, receiving, receiving, any_ledger=False),
    Scenario("messages", before_messages, messages, messages_again),
    Scenario("adopt", first_night, adopting, adopting_again),
    Scenario("forget", before_forgetting, forget, forget),
    Scenario("backup", started, backup, backup_again, any_ledger=False),
    Scenario("restore", before_a_restored_copy, a_restored_copy, a_restored_copy, any_ledger=False),
    Scenario("papers", before_papers, papers, papers),
    Scenario("renewals", started, renewing, renewing),
]
