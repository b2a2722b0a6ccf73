"""What follows from what the sandbox took: told in the generation it was sent in, the same for a seed, and rung in its time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest
from click.testing import CliRunner

from sync_connector.cli import cli
from sync_connector.dialects._callback import read_callback
from sync_connector.errors import FixSetup
from sync_connector.events.understand import understand
from sync_connector.model import Clock, Kind
from sync_connector.sandbox.callbacks import Made
from sync_connector.sandbox.following import LAST, STOPS, Due, follow
from sync_connector.sandbox.ringing import following
from sync_connector.sandbox.vendor import TakenCall, TakenMessage, Vendor

from .conftest import LOGIN, PASSWORD
from .test_sandbox_callbacks import SECRET, receiving
from .test_sandbox_messages import CALL, FIRST, KEYED, MESSAGE

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LATER = timedelta(days=1)


def _message(number: int, **changes: Any) -> TakenMessage:
    dialect = ("ardary", "insim-v1")[number % 2]
    link = "https://x.example/?a=1&b=2" if number % 3 else ""
    taken = TakenMessage(dialect, NOW, LOGIN, f"id-{number}", f"+3361234{number:04d}", "Hello", link)
    return taken._replace(**changes)


TAKEN = [_message(n) for n in range(800)]
CALLS = [TakenCall("insim-v1", NOW + timedelta(seconds=n), f"+3361234{n:04d}") for n in range(40)]


def _follow(taken: list[TakenMessage] | list[TakenCall] = TAKEN, seed: int = 7, until: datetime | None = None) -> list[Due]:
    return follow(taken, seed=seed, zone=PARIS, until=until)


FOLLOWS = _follow()


def test_the_same_seed_follows_in_the_same_way_whatever_else_was_taken() -> None:
    """What becomes of a message hangs on the seed and on itself: alone, among others, asked for early or late."""
    assert _follow() == FOLLOWS
    assert _follow(seed=8) != FOLLOWS
    alone = [due for taken in TAKEN for due in _follow([taken])]
    assert sorted(alone, key=lambda due: due.at) == FOLLOWS
    half = FOLLOWS[len(FOLLOWS) // 2].at
    assert _follow(until=half) == [due for due in FOLLOWS if due.at <= half]
    assert _follow(until=NOW) == []


def test_each_message_is_told_of_in_its_order_and_in_its_generation() -> None:
    """Each is told of as sent; most as received, some of these before they were sent; then clicks, and answers, some a STOP."""
    told: dict[str, list[Made]] = defaultdict(list)
    for due in FOLLOWS:
        assert due.made.said is not None
        assert read_callback(due.made.query) == due.made.said
        told[due.made.said.number].append(due.made)
    statuses = Counter(tuple(said.said.status for said in of if said.said and said.said.status) for of in told.values())
    assert set(statuses) == {("sent", "received"), ("received", "sent"), ("sent",)}
    assert statuses["sent", "received"] > 600
    assert statuses["received", "sent"] > 20
    assert statuses["sent",] > 20
    for taken in TAKEN:
        of = told[taken.phone_number]
        kinds = Counter(made.what for made in of)
        assert kinds["link_click"] <= bool(taken.url)
        if not any("received" in made.query for made in of):
            assert set(kinds) == {"sms_status"}
        for made in of:
            assert made.said is not None
            if made.what != "incoming_sms":
                assert made.said.id_sms_api == taken.id_sms_api
            if made.what == "link_click":
                assert (made.said.link, made.query.partition("=")[0]) == (
                    taken.url,
                    ("click", "clics")[taken.dialect != "ardary"],
                )
            if made.what == "incoming_sms":
                assert bool(made.said.device) == (taken.dialect == "insim-v1")
    whats = Counter(due.made.what for due in FOLLOWS)
    assert whats["link_click"] > 100
    assert whats["incoming_sms"] > 100
    stops = [due for due in FOLLOWS if due.made.said and due.made.said.text in STOPS]
    assert 10 < len(stops) < whats["incoming_sms"] / 2
    assert 0.1 < sum("%257B" in due.made.query for due in FOLLOWS) / len(FOLLOWS) < 0.4


def test_what_is_said_of_the_time_can_be_understood() -> None:
    """Each time is exact, lies where the callback does, and nothing takes longer than seconds."""
    for due in FOLLOWS + _follow(CALLS):
        assert due.made.said is not None
        event = understand(due.made.said, PARIS, "FR")
        assert event.clock is Clock.EXACT
        assert event.occurred_at is not None
        assert timedelta(0) < due.at - NOW < timedelta(seconds=60)
        assert -timedelta(seconds=1) < due.at - event.occurred_at < timedelta(seconds=6)


def test_nothing_follows_from_what_was_not_sent() -> None:
    """A rehearsal, a number that is none, a call that failed: nobody is told."""
    assert _follow([_message(1, mode="test"), _message(2, sent=False)]) == []
    assert _follow([CALLS[0]._replace(code="#002")]) == []


@pytest.mark.parametrize(
    ("wanted", "leaves"),
    [
        ("2026-12-24 18:00:00", datetime(2026, 12, 24, 17, 0, tzinfo=UTC)),
        ("2026-11-23 12:59:59", NOW),
        ("9999-12-31 23:59:59", LAST),
        ("0001-01-01 00:00:00", NOW),
        ("tomorrow", NOW),
        ("", NOW),
    ],
)
def test_a_message_leaves_at_its_date(wanted: str, leaves: datetime) -> None:
    """In the account's zone; what has passed, or is no date, leaves at once."""
    first, *_ = _follow([_message(1, date_to_send=wanted)])
    assert leaves < first.at < leaves + timedelta(seconds=1)


def test_a_call_is_told_of_and_often_noted() -> None:
    """Each is one outgoing call of the second generation, and most that were answered have a qualification behind it."""
    whats: dict[str, list[str]] = defaultdict(list)
    for due in _follow(CALLS):
        assert due.made.said is not None
        whats[due.made.said.number].append(due.made.what)
        if due.made.what == "call":
            assert due.made.said.direction == "outgoing"
            assert due.made.query.startswith("calls=")
    assert Counter(map(tuple, whats.values())).keys() == {("call",), ("call", "call_qualification")}
    assert len(whats) == len(CALLS)


def _queries(targets: list[str]) -> Counter[str]:
    assert all(target.startswith(f"{SECRET}?") for target in targets)
    return Counter(target.partition("?")[2] for target in targets)


def test_a_vendor_that_is_followed_calls_back_about_all_that_it_took(sandbox: str, vendor: Vendor) -> None:
    """Both generations and a call, whose answers were cut: exactly what follows by the pure rule is rung, once each."""
    vendor.cut = 0.5
    with (
        receiving() as receiver,
        following(receiver.url, seed=7, zone=PARIS, now=lambda: datetime.now(UTC) + LATER) as follower,
        httpx.Client() as client,
    ):
        vendor.follow = follower
        cut = 0
        bodies = [
            (path, {**header, "messages": [{**MESSAGE, "id_sms_api": f"{path} {n}"}]})
            for path, header in (("/api/sendSms", FIRST), ("/api/v1/sendsms", KEYED))
            for n in range(10)
        ]
        for path, body in [*bodies, ("/api/v1/clicTocall", CALL)]:
            try:
                client.post(sandbox + path, json=body)
            except httpx.RemoteProtocolError:
                cut += 1
        assert follower.wait(60)
        assert 0 < cut < 21
        due = follow([*vendor.messages, *vendor.calls], seed=7, zone=PARIS)
        assert _queries(receiver.targets) == Counter(each.made.query for each in due)
        assert follower.answers == {"200": len(due)}
    vendor.follow(TAKEN[0])  # whoever has ended is told in vain
    assert not follower.answers - Counter({"200": len(due)})


def test_what_is_not_due_is_not_rung_and_nothing_waits_for_it(sandbox: str, vendor: Vendor) -> None:
    """A message of the future is answered at once; whoever follows can end before its day."""
    dated = {**FIRST, "messages": [{**MESSAGE, "date_to_send": "2199-01-01 10:00:00"}]}
    with receiving() as receiver, following(receiver.url, seed=7, zone=PARIS) as follower:
        vendor.follow = follower
        assert httpx.post(f"{sandbox}/api/sendSms", json=dated).json()[0]["sent"] == 1
        assert not follower.wait(0)
    assert receiver.heard == {}


def test_a_receiver_that_is_not_there_is_counted() -> None:
    """Nobody listens: what follows is tried once, counted, and done."""
    with receiving() as receiver:
        pass
    with following(receiver.url, seed=7, zone=PARIS, now=lambda: NOW + LATER) as follower:
        for taken in TAKEN[:3]:
            follower(taken)
        assert follower.wait(60)
    assert follower.answers == {"no connection": len(_follow(TAKEN[:3]))}


def test_a_url_that_cannot_be_rung_is_said_before_anything_is_served() -> None:
    """A sentence, without the URL's secret."""
    with pytest.raises(FixSetup, match="in clear"), following(f"http://example.com{SECRET}", seed=1, zone=PARIS):
        pass
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", "--callback", f"http://example.com{SECRET}"])
    assert result.exit_code == 2
    assert "in clear" in result.output
    assert SECRET not in result.output


def test_the_command_serves_and_calls_back() -> None:
    """`sandbox --callback URL` as a process: a message and a call are answered, and what follows comes; Ctrl-C ends it, and it
    says how it was answered."""
    environment = os.environ | {"SANDBOX_LOGIN": LOGIN, "SANDBOX_PASSWORD": "x", "SANDBOX_ACCESS_KEY": PASSWORD}
    with receiving() as receiver:
        command = [sys.executable, "-m", "sync_connector", "sandbox", "--port", "0", "--callback", "${CALLBACK_URL}"]
        process = subprocess.Popen(
            command, env=environment | {"CALLBACK_URL": receiver.url}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            address = process.stdout.readline().split()[2]
            body = {**KEYED, "messages": [MESSAGE, {**MESSAGE, "id_sms_api": "id-2"}, {**MESSAGE, "phone_number": "+331"}]}
            assert [entry["sent"] for entry in httpx.post(f"{address}/api/v1/sendsms", json=body).json()] == [1, 1, 0]
            assert httpx.post(f"{address}/api/v1/clicTocall", json=CALL).json()[0]["result"] == "success"
            assert receiver.wait(3)
        finally:
            process.send_signal(signal.SIGINT)
            out, err = process.communicate(timeout=60)
    said = [read_callback(query) for query in _queries(receiver.targets)]
    assert {"sent"} <= {each.status for each in said}
    assert {each.kind for each in said} <= {Kind.SMS_STATUS, Kind.INCOMING_SMS, Kind.CALL, Kind.CALL_QUALIFICATION}
    assert "called back:" in out
    assert "× 200" in out
    assert (process.returncode, err) == (0, "")
    assert SECRET not in out + err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--events", "5"], "--callback URL"),
        (["--events", "5", "--callback", "http://127.0.0.1:1/x", "--cut", "0.5"], "--cut"),
        (["--callback", "${NOT_SET_AT_ALL}"], "is not set"),
        (["--zone", "Europe/Nowhere"], "no time zone"),
        (["--cut", "1.5"], "0<=x<=1"),
    ],
)
def test_what_cannot_be_asked_of_the_sandbox_is_said(words: list[str], why: str) -> None:
    """Words that contradict each other end it before it begins."""
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", *words])
    assert result.exit_code == 2
    assert why in result.output
