"""The sandbox's callbacks: the same ones each time, believable, with all that goes wrong, and rung without telling the secret."""

from __future__ import annotations

import itertools
import logging
import re
import socket
import ssl
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from zoneinfo import ZoneInfo

import pytest
import trustme

from sync_connector import dialects
from sync_connector.dialects._callback import callback_query, read_callback
from sync_connector.errors import FixSetup
from sync_connector.events.understand import understand
from sync_connector.model import Clock, Kind
from sync_connector.sandbox import ringing
from sync_connector.sandbox.callbacks import EXAMPLES, WRONG, Made, make
from sync_connector.sandbox.ringing import ring

from .dialects.golden_callbacks import golden_callbacks

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
NUMBERS = [f"+3361234{number:04d}" for number in range(40)]
SECRET = "/callbacks/Zx7-never-shown"
FIRST = len(EXAMPLES) * len(dialects.names())


def _make(count: int, seed: int = 7, numbers: list[str] | None = None) -> list[Made]:
    return list(make(count, seed=seed, numbers=NUMBERS if numbers is None else numbers, now=NOW, zone=PARIS))


MADE = _make(3_000)


def test_the_examples_of_the_page_come_first_in_their_very_bytes() -> None:
    """Each example of the vendor's page, as the golden files have it, is among the first, and each generation has all of them."""
    page = [golden for golden in golden_callbacks() if golden.name.endswith("as on the page")]
    assert len(page) == len(EXAMPLES)
    first = MADE[:FIRST]
    assert {golden.query for golden in page} <= {made.query for made in first}
    assert Counter(made.said.kind for made in first if made.said) == {
        kind: number * len(dialects.names()) for kind, number in Counter(said.kind for said in EXAMPLES).items()
    }


@pytest.mark.parametrize("count", [0, 1, FIRST, FIRST + 1, 100])
def test_there_are_as_many_as_were_asked_for(count: int) -> None:
    """Not one more, not one less."""
    assert len(_make(count)) == count


def test_the_same_seed_makes_the_same() -> None:
    """A seed can be had again; another one tells another story."""
    assert _make(200) == _make(200)
    assert _make(200) != _make(200, seed=8)


def test_what_is_said_is_what_is_read() -> None:
    """What stands beside a query is what a reader gets from it; of what is wrong nobody gets a kind."""
    for made in MADE:
        if made.what == "wrong":
            assert made.said is None
            assert read_callback(made.query).kind is Kind.UNKNOWN
        else:
            assert read_callback(made.query) == made.said
    assert {made.query for made in MADE if made.what == "wrong"} == set(WRONG)


def test_all_that_goes_wrong_is_there() -> None:
    """Every kind in each generation and encoding, repeats behind their originals, disorder, withheld numbers, bare dates."""
    whats = Counter(made.what for made in MADE)
    assert set(whats) == {*Kind, "repeat", "wrong"} - {Kind.UNKNOWN}
    assert whats["call"] > whats["sms_status"] > whats["call_qualification"] > whats["incoming_sms"] > whats["wrong"]
    twice = Counter("%257B" in made.query for made in MADE if made.said)
    assert 0.15 < twice[True] / twice.total() < 0.35
    parameters = {(made.what, made.query.partition("=")[0]) for made in MADE if made.said}
    assert {
        ("call", "call"),
        ("call", "calls"),
        ("call_qualification", "calls"),
        ("call_qualification", "qualification"),
    } <= parameters
    assert {("link_click", "click"), ("link_click", "clics"), ("sms_status", "status"), ("incoming_sms", "message")} <= parameters
    assert any("clicked_link" in made.query for made in MADE)
    for position, made in enumerate(MADE):
        if made.what == "repeat":
            assert made.query in {earlier.query for earlier in MADE[:position]}
    events = [understand(made.said, PARIS, "FR") for made in MADE[FIRST:] if made.said]
    assert {event.clock for event in events} == {Clock.EXACT, Clock.DATE}
    assert any(event.phone_number is None for event in events)
    assert any(event.phone_number not in NUMBERS for event in events)
    assert {event.answered for event in events if event.kind is Kind.CALL} == {True, False}
    order = [(made.said.id_sms_api, made.said.status) for made in MADE if made.said and made.said.status]
    overtaken = [
        identity
        for identity, status in order
        if status == "sent" and (identity, "received") in order[: order.index((identity, "sent"))]
    ]
    assert overtaken


def test_it_happened_within_the_last_days() -> None:
    """Nothing lies in the future, and nothing is older than a week and a day."""
    for made in MADE[FIRST:]:
        if made.said and (at := understand(made.said, PARIS, "FR").occurred_at):
            assert NOW - timedelta(days=8) < at < NOW


def test_without_contacts_only_strangers_call() -> None:
    """No numbers are needed; those of strangers are valid ones."""
    events = [understand(made.said, PARIS, "FR") for made in _make(200, numbers=[])[FIRST:] if made.said]
    numbers = {event.phone_number for event in events} - {None}
    assert numbers
    assert all(number and number.startswith("+337933") for number in numbers)


@dataclass
class Receiver:
    """What a receiver heard: the targets by connection. `answers`: the statuses that it gives, the last of them for good."""

    url: str
    answers: list[int] = field(default_factory=lambda: [200])
    heard: dict[tuple[str, int], list[str]] = field(default_factory=dict)
    cut: ClassVar[int] = 0


@contextmanager
def receiving(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """A receiver on a real socket, with TLS if it is given; the answer `Receiver.cut` is none at all."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = -1  # one packet an answer

        def do_GET(self) -> None:
            with lock:
                receiver.heard.setdefault(self.client_address, []).append(self.path)
                status = receiver.answers.pop(0) if len(receiver.answers) > 1 else receiver.answers[0]
            if status == Receiver.cut:
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, format: str, *args: object) -> None:
            pass

    lock = threading.Lock()
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        receiver = Receiver(f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}{SECRET}", list(answers) or [200])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield receiver
        finally:
            server.shutdown()
            thread.join()


def test_each_is_rung_once_in_order_and_in_its_very_bytes() -> None:
    """Every query arrives as it was made, on as many connections as asked for, on each in their order."""
    made = MADE[:300]
    with receiving() as receiver:
        rung = ring(receiver.url, made, connections=4)
    targets = list(itertools.chain.from_iterable(receiver.heard.values()))
    assert Counter(targets) == Counter(f"{SECRET}?{callback.query}" for callback in made)
    assert len(receiver.heard) <= 4
    positions: dict[str, list[int]] = {f"{SECRET}?{callback.query}": [] for callback in made}
    for position, callback in enumerate(made):
        positions[f"{SECRET}?{callback.query}"].append(position)
    for heard in receiver.heard.values():
        once = [positions[target][0] for target in heard if len(positions[target]) == 1]
        assert once == sorted(once)
    assert rung.sent == 300
    assert rung.answers == {"200": 300}
    assert rung.whats == Counter(callback.what for callback in made)


def test_answers_are_counted_and_nothing_is_tried_again() -> None:
    """A status counts as it is, a connection that was cut in words; each was rung once, and the rest went on."""
    with receiving(503, Receiver.cut, 404, 200) as receiver:
        rung = ring(receiver.url, MADE[:10], connections=1)
    assert rung.answers == {"503": 1, "the connection was cut": 1, "404": 1, "200": 7}
    assert sum(map(len, receiver.heard.values())) == 10


def test_a_receiver_that_is_not_there_is_counted() -> None:
    """Nobody listens: no error, and all are counted."""
    with receiving() as receiver:
        pass
    assert ring(receiver.url, MADE[:10], connections=2).answers == {"no connection": 10}


def test_an_answer_that_does_not_come_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that takes the connection and says nothing is waited for as long as the vendor would, and counted."""
    monkeypatch.setattr(ringing, "TIMEOUT", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        rung = ring(f"http://127.0.0.1:{silent.getsockname()[1]}{SECRET}", MADE[:3], connections=1)
    assert rung.answers == {"no answer in time": 3}


def test_a_certificate_that_nobody_trusts_gets_no_secret() -> None:
    """A receiver whose certificate is of an unknown authority hears nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with receiving(tls=context) as receiver:
        rung = ring(receiver.url, MADE[:2], connections=1)
    assert rung.answers == {"its TLS certificate is not trusted": 2}
    assert receiver.heard == {}


def test_the_secret_is_in_no_log(caplog: pytest.LogCaptureFixture) -> None:
    """With every library's log open, neither the URL's secret nor what is said is written."""
    caplog.set_level(logging.DEBUG)
    with receiving(200, 503, Receiver.cut, 200) as receiver:
        ring(receiver.url, MADE[:5], connections=1)
    assert "HTTP Request" in caplog.text
    assert SECRET not in caplog.text
    assert "RECIPIENT" not in caplog.text


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (f"http://example.com{SECRET}", "in clear"),
        (f"ftp://127.0.0.1{SECRET}", "not an address"),
        (SECRET, "not an address"),
        ("", "not an address"),
        (f"http://127.0.0.1:http{SECRET}", "not an address"),
        (f"http://[{SECRET}", "not an address"),
        (f"https://example.com{SECRET}?a=1", "in the path"),
        (f"https://example.com{SECRET}?", "in the path"),
        (f"https://example.com{SECRET}#a", "in the path"),
        (f"https://me:pw@example.com{SECRET}", "credentials"),
        (f"https://example.com{SECRET} é", "percent-encoded"),
    ],
)
def test_a_url_that_cannot_be_rung_is_a_sentence_without_it(url: str, why: str) -> None:
    """What is wrong is said, and the secret is not."""
    with pytest.raises(FixSetup, match=re.escape(why)) as fault:
        ring(url, MADE[:1])
    assert SECRET not in str(fault.value)


def test_wrong_bodies_are_of_many_sorts() -> None:
    """Among them are JSON that says nothing known, and text that is no JSON at all."""
    assert callback_query("event", {"title": "battery_low", "device_identification": "a1b2c3d4", "level": "7"}) in WRONG
    assert {read_callback(query).title for query in WRONG} == {"", "battery_low", "outgoing sms"}
