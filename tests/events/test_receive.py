"""The receiver: stored first, acknowledged then; everything else gets one and the same 404."""

from __future__ import annotations

import asyncio
import logging
import math
import re
import select
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest import mock
from urllib.parse import unquote_to_bytes

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from sync_connector.config import Receive
from sync_connector.errors import FixSetup, TryLater
from sync_connector.events import group_commit
from sync_connector.events import inbox as inbox_module
from sync_connector.events.group_commit import GroupCommit
from sync_connector.events.guard import percent_encoded
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.meters import Meters
from sync_connector.events.receive import TokenBucket, receiver
from sync_connector.events.secret_file import SecretFile, new_secret
from sync_connector.events.serving import in_background, sockets
from tests.conftest import crm_engine
from tests.events import runner
from tests.events.conftest import TOKEN
from tests.events.wire import connect, exchange, get, port_of, read_reply

BEARER = f"Authorization: Bearer {TOKEN}".encode()


@pytest.fixture
def address(settings: Receive, secret: str) -> Iterator[str]:
    """A receiver on a real socket."""
    with in_background(settings) as address:
        yield address


def stored(settings: Receive) -> list[str]:
    """The queries in the inbox."""
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        return [each.query for each in inbox.page(0, 1000).callbacks]


@contextmanager
def two_ports(settings: Receive) -> Iterator[tuple[int, int]]:
    """A receiver; its public port and the one for health and metrics."""
    listening = sockets(settings.model_copy(update={"port": 0}))
    with in_background(settings, listening):
        yield listening[0].getsockname()[1], listening[1].getsockname()[1]


# --- callbacks ---


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"call=%7B%22a%22%3A1%7D", "call=%7B%22a%22%3A1%7D"),
        (b"call=%257B%2522", "call=%257B%2522"),
        (b"=&&;%zz+%00#x?y", "=&&;%zz+%00#x?y"),
        (b"x", "x"),
        ('call={"a": "é \U0001f600"}'.encode(), 'call={"a":%20"%C3%A9%20%F0%9F%98%80"}'),
        (b"a=\xff\x00\x01\x7f\tb", "a=%FF%00%01%7F%09b"),
        (b"a=b HTTP/1.1", "a=b%20HTTP/1.1"),
    ],
)
def test_a_callback_is_kept_as_it_came(settings: Receive, secret: str, address: str, sent: bytes, kept: str) -> None:
    """Encoded once, twice or carelessly, spaces and bytes that do not belong into a URL: 200, and in the inbox without loss."""
    reply = exchange(port_of(address), get(b"/callbacks/" + secret.encode() + b"?" + sent))
    assert (reply.status, reply.body) == (200, b"stored\n")
    assert reply.headers["cache-control"] == "no-store"
    assert stored(settings) == [kept]


@pytest.mark.parametrize("host", [b"http://localhost", b"HTTPS://hooks.example.com:443", b"http://[::1]:8026"])
def test_the_host_may_stand_before_the_path(settings: Receive, secret: str, address: str, host: bytes) -> None:
    """A client that takes us for a proxy names the whole address, which a server must accept."""
    reply = exchange(port_of(address), get(host + b"/callbacks/" + secret.encode() + b"?call=http://a/b"))
    assert (reply.status, stored(settings)) == (200, ["call=http://a/b"])
    assert exchange(port_of(address), get(host + b"/callbacks/" + b"a" * 43 + b"?call=1")).status == 404


@given(raw=st.binary(max_size=60))
def test_percent_encoding_loses_nothing(raw: bytes) -> None:
    """What is kept is printable ASCII, and decoding it gives what decoding the original gives."""
    kept = percent_encoded(raw)
    assert re.fullmatch(rb"[!-~]*", kept)
    assert unquote_to_bytes(kept) == unquote_to_bytes(raw)


def test_head_and_prefetchers_cause_nothing(settings: Receive, secret: str, address: str) -> None:
    """HEAD, and GET by whoever says that nobody asked for it: 204, nothing is stored."""
    target = f"/callbacks/{secret}?call=1".encode()
    assert exchange(port_of(address), get(target, method=b"HEAD"), head=True).status == 204
    for header in (b"Purpose: prefetch", b"Sec-Purpose: prefetch;prerender", b"X-Purpose: Preview", b"X-Moz: prefetch"):
        assert exchange(port_of(address), get(target, header)).status == 204
    assert stored(settings) == []
    assert exchange(port_of(address), get(target, b"Purpose: delivery")).status == 200
    assert stored(settings) == ["call=1"]


def test_whoever_opens_the_url_sees_that_it_works(settings: Receive, secret: str, address: str) -> None:
    """Without a query there is nothing to store, and a person is told that the receiver is ready."""
    for tail in (b"", b"?"):
        reply = exchange(port_of(address), get(f"/callbacks/{secret}".encode() + tail))
        assert reply.status == 200
        assert b"The receiver is ready" in reply.body
    assert stored(settings) == []


def test_everything_else_gets_the_very_same_404(settings: Receive, secret: str) -> None:
    """A wrong secret, path, method, token or network cannot be told from each other: one status, one body, the same headers."""
    right = f"/callbacks/{secret}".encode()
    requests = [
        get(b"/callbacks/" + b"a" * 43 + b"?call=1"),
        get(b"/callbacks/"),
        get(b"/callbacks"),
        get(right + b"/?call=1"),
        get(right + b"/x?call=1"),
        get(b"/" + right + b"?call=1"),
        get(right.upper() + b"?call=1"),
        get(right[:-1] + b"?call=1"),
        get(b"/"),
        get(b"/\xe9"),
        get(b"*", method=b"OPTIONS"),
        get(b"/healthz"),
        get(b"/metrics"),
        get(b"/v1/inbox"),
        get(b"/v1/openapi.json"),
        get(b"/v1/none", BEARER),
        get(b"/v1/inbox", b"Authorization: Bearer wrong"),
        get(b"/v1/inbox", b"Authorization: Basic " + TOKEN.encode()),
        get(b"/v1/inbox", b"Authorization: Bearer \xe9"),
        get(b"/docs", BEARER),
        *(get(right + b"?call=1", method=method) for method in (b"POST", b"PUT", b"DELETE", b"OPTIONS", b"TRACE", b"BREW")),
        get(right + b"?call=1", b"Upgrade: websocket", b"Connection: Upgrade", method=b"PUT"),
        get(b"/v1/inbox/acknowledged", b"Content-Length: 2", method=b"POST") + b"{}",
    ]
    with in_background(settings) as address:
        replies = [exchange(port_of(address), request) for request in requests]
        head = exchange(port_of(address), get(b"/callbacks/x?call=1", method=b"HEAD"), head=True)
    with in_background(settings.model_copy(update={"allow": ["192.0.2.0/24"]})) as address:
        replies.append(exchange(port_of(address), get(right + b"?call=1")))
    with in_background(settings.model_copy(update={"token": None})) as address:
        replies += [exchange(port_of(address), get(path, BEARER)) for path in (b"/v1/inbox", b"/healthz", b"/metrics")]
    expected = {"content-type": "text/plain; charset=utf-8", "content-length": "10", "cache-control": "no-store"}
    assert replies == [(404, expected, b"not found\n")] * len(replies)
    assert head == (404, expected, b"")
    assert stored(settings) == []


def test_a_callback_that_is_too_long_is_refused(settings: Receive, secret: str) -> None:
    """Up to the limit it is stored, above it 414, far above it the request is not read to its end: never a 5xx."""
    right = f"/callbacks/{secret}?".encode()
    with in_background(settings.model_copy(update={"max_size": 2000})) as address:
        statuses = [exchange(port_of(address), get(right + b"x" * size)).status for size in (2000, 2001, 10_000)]
        far = exchange(port_of(address), get(right + b"x" * 200_000))
        assert exchange(port_of(address), get(b"/callbacks/wrong?" + b"x" * 2001)).status == 404
    assert statuses == [200, 414, 414]
    assert far.status in (400, 414)
    assert [len(query) for query in stored(settings)] == [2000]


def test_too_many_at_once_are_told_to_call_again(settings: Receive, secret: str) -> None:
    """Above the rate, callbacks get 429 with Retry-After; a flood of wrong requests uses up nothing of it."""
    with in_background(settings.model_copy(update={"rate": 0.01})) as address:
        port = port_of(address)
        for _ in range(50):
            assert exchange(port, get(b"/callbacks/wrong?call=1")).status == 404
            assert exchange(port, get(f"/callbacks/{secret}".encode())).status == 200
        first, second = (exchange(port, get(f"/callbacks/{secret}?call={n}".encode())) for n in range(2))
    assert (first.status, second.status) == (200, 429)
    assert second.headers["retry-after"] == "1"
    assert stored(settings) == ["call=0"]


@given(
    rate=st.floats(0.1, 1000),
    steps=st.lists(st.floats(0, 10), max_size=60),
)
def test_a_bucket_lets_through_its_rate_and_twice_that_at_once(rate: float, steps: list[float]) -> None:
    """However requests come, at most 2 × rate + rate × time pass (one at least), and one that waited long enough does pass."""
    bucket, now, passed = TokenBucket(rate, 0), 0.0, 0
    for step in steps:
        now += step
        passed += bucket.take(now)
        assert passed <= max(1, 2 * rate) + rate * now + 1e-6
    assert bucket.take(now + 2 / rate)


@pytest.mark.parametrize(
    ("forwarded", "trusted", "status"),
    [
        ("192.0.2.7", ["127.0.0.1"], 200),
        ("192.0.2.7, 127.0.0.1", ["127.0.0.0/8"], 200),
        ("198.51.100.1", ["127.0.0.1/8"], 404),
        ("192.0.2.7, 198.51.100.1", ["127.0.0.1"], 404),  # the first is what a stranger wrote, the last is the proxy's word
        ("nonsense", ["127.0.0.1"], 404),
        ("192.0.2.7", [], 404),
        ("192.0.2.7", ["198.51.100.0/24"], 404),
    ],
)
def test_who_calls_is_told_by_trusted_proxies_alone(
    settings: Receive, secret: str, forwarded: str, trusted: list[str], status: int
) -> None:
    """With an allow-list, X-Forwarded-For counts only when it comes from a proxy that is trusted."""
    changed = settings.model_copy(update={"allow": ["192.0.2.0/24"], "trusted_proxies": trusted})
    with in_background(changed) as address:
        header = f"X-Forwarded-For: {forwarded}".encode()
        assert exchange(port_of(address), get(f"/callbacks/{secret}?call=1".encode(), header)).status == status


def test_an_address_of_ipv4_in_ipv6_is_the_ipv4_address(settings: Receive, secret: str) -> None:
    """A socket for both families shows IPv4 callers as ::ffff:…; allow-list and trusted proxies know them all the same."""
    changed = settings.model_copy(update={"allow": ["127.0.0.0/8"], "ops_port": None})
    target = get(f"/callbacks/{secret}?call=1".encode())
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with in_background(changed, [both]):
        assert exchange(both.getsockname()[1], target).status == 200
    both = socket.create_server(("::", 0), family=socket.AF_INET6, dualstack_ipv6=True)
    with in_background(changed.model_copy(update={"allow": ["192.0.2.1"], "trusted_proxies": ["127.0.0.1"]}), [both]):
        forwarded = get(f"/callbacks/{secret}?call=1".encode(), b"X-Forwarded-For: 192.0.2.1")
        assert exchange(both.getsockname()[1], forwarded).status == 200


def test_a_new_secret_is_taken_up_without_a_restart(settings: Receive, secret: str, address: str) -> None:
    """After a new one is made, the new and the former one are answered; after another, the oldest is not."""
    second = new_secret(settings.secrets)
    statuses = [exchange(port_of(address), get(f"/callbacks/{each}?a".encode())).status for each in (secret, second)]
    third = new_secret(settings.secrets)
    statuses += [exchange(port_of(address), get(f"/callbacks/{each}?a".encode())).status for each in (secret, second, third)]
    assert statuses == [200, 200, 404, 200, 200]


def test_a_client_that_goes_away_has_its_callback_stored(settings: Receive, secret: str) -> None:
    """The commit does not depend on somebody waiting for the answer."""
    began, go_on = threading.Event(), threading.Event()
    append = Inbox.append

    def slow(inbox: Inbox, arrivals: list[tuple[datetime, str]]) -> int:
        began.set()
        assert go_on.wait(10)
        return append(inbox, arrivals)

    with mock.patch.object(Inbox, "append", slow), in_background(settings) as address:
        with closing(connect(port_of(address))) as connection:
            connection.sendall(get(f"/callbacks/{secret}?call=1".encode()))
            assert began.wait(10)
        go_on.set()
    assert stored(settings) == ["call=1"]


# --- the inbox fails ---


def test_callbacks_that_wait_share_a_commit(settings: Receive, secret: str) -> None:
    """While one transaction is under way the next ones gather, and are stored by one transaction together."""
    sizes: list[int] = []
    began, go_on = threading.Event(), threading.Event()
    append = Inbox.append

    def slow(inbox: Inbox, arrivals: list[tuple[datetime, str]]) -> int:
        began.set()
        assert go_on.wait(10)
        sizes.append(len(arrivals))
        return append(inbox, arrivals)

    async def many(inbox: Inbox) -> None:
        commit = GroupCommit(inbox, Meters())
        tasks = [asyncio.create_task(commit.store("0"))]
        await asyncio.to_thread(began.wait, 10)
        tasks += [asyncio.create_task(commit.store(str(n))) for n in range(1, 40)]
        await asyncio.sleep(0)
        assert not any(task.done() for task in tasks)
        go_on.set()
        await asyncio.gather(*tasks)
        await commit.close()

    with mock.patch.object(Inbox, "append", slow), closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        asyncio.run(many(inbox))
    assert sizes == [1, 39]
    assert stored(settings) == [str(n) for n in range(40)]


def test_more_than_can_wait_is_refused(settings: Receive, monkeypatch: pytest.MonkeyPatch) -> None:
    """The queue is bounded in number and in size; what does not fit in is refused, what is in it is stored."""
    monkeypatch.setattr(group_commit, "WAITING", 3)
    monkeypatch.setattr(group_commit, "WAITING_SIZE", 100)

    async def many(inbox: Inbox) -> list[object]:
        commit = GroupCommit(inbox, Meters())
        queries = ["a", "b" * 98, "too large", "c", "too many"]
        done = await asyncio.gather(*map(commit.store, queries), return_exceptions=True)
        await commit.close()
        return [type(each) for each in done]

    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        none = type(None)
        assert asyncio.run(many(inbox)) == [none, none, TryLater, none, TryLater]
    assert [query[0] for query in stored(settings)] == ["a", "b", "c"]


def test_a_server_that_goes_away_and_comes_back(
    settings: Receive, secret: str, postgres_database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """While the inbox's server refuses, callbacks get 503 with Retry-After and the health says why; then they are stored again.
    Each is logged once, without a callback."""
    caplog.set_level(logging.INFO)
    changed = settings.model_copy(update={"inbox": type(settings.inbox)(postgres_database)})
    elsewhere = sa.make_url(postgres_database).set(database="postgres").render_as_string(hide_password=False)
    other = crm_engine(elsewhere).execution_options(isolation_level="AUTOCOMMIT")
    name = sa.make_url(postgres_database).database

    def server(*statements: str) -> None:
        with other.connect() as connection:
            for statement in statements:
                connection.execute(sa.text(statement))

    with two_ports(changed) as (port, ops_port):
        before = exchange(port, get(f"/callbacks/{secret}?before".encode()))
        away = f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false", away)
        silent = exchange(ops_port, get(b"/healthz"))  # no callback came that would show it
        refused = [exchange(port, get(f"/callbacks/{secret}?during".encode())) for _ in range(3)]
        ill = exchange(ops_port, get(b"/healthz"))
        assert exchange(ops_port, get(b"/metrics")).status == 200
        pulled = exchange(port, get(b"/v1/inbox", BEARER))
        server(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
        well = exchange(ops_port, get(b"/healthz"))
        after = exchange(port, get(f"/callbacks/{secret}?after".encode()))
    other.dispose()
    statuses = [reply.status for reply in (before, silent, *refused, ill, pulled, well, after)]
    assert statuses == [200, 503, 503, 503, 503, 503, 503, 200, 200]
    assert refused[0].headers["retry-after"] == "5"
    assert b"the inbox cannot be used" in ill.body
    assert stored(changed) == ["before", "after"]
    told = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len([line for line in told if "callbacks cannot be stored" in line]) == 1
    assert told[-1] == "callbacks are stored again"
    assert "during" not in caplog.text


def test_a_fault_of_ours_is_a_500_that_tells_nothing(
    settings: Receive, secret: str, address: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody thought of is answered and logged by its name alone: no callback, no secret, no traceback."""
    with mock.patch.object(GroupCommit, "store", side_effect=ValueError("call=0612345678")):
        reply = exchange(port_of(address), get(f"/callbacks/{secret}?call=0612345678".encode()))
    assert (reply.status, reply.body) == (500, b"something went wrong\n")
    assert [record.message for record in caplog.records] == ["a request could not be answered: ValueError"]
    assert caplog.records[0].exc_info is None


# --- what is old ---


def test_what_is_old_is_forgotten_from_the_start(settings: Receive, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A receiver that is started deletes what was acknowledged and is older than `receive.keep`, slice by slice, and no more."""
    monkeypatch.setattr(inbox_module, "FORGET_AT_ONCE", 2)
    now = datetime.now(UTC)
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        inbox.append([(now - timedelta(days=31), "old")] * 5 + [(now - timedelta(days=29), "young"), (now, "new")])
        inbox.acknowledge(6)
    with in_background(settings):
        for _ in range(1000):
            if len(stored(settings)) == 2:
                break
            select.select([], [], [], 0.01)
        assert stored(settings) == ["young", "new"]


def test_a_span_that_no_calendar_has_is_refused() -> None:
    """More days than there are before today would end the forgetting, unheard."""
    with pytest.raises(ValidationError, match="less than or equal to 36500"):
        Receive(keep=1_000_000)


# --- health, metrics, log ---


def test_health_and_metrics(settings: Receive, secret: str) -> None:
    """On this machine's port without a token, on the public one with it; the local port gives nothing else. The counts are
    those of the requests."""
    right = f"/callbacks/{secret}?call=1".encode()
    with two_ports(settings) as (port, ops_port):
        silence = metric(exchange(ops_port, get(b"/metrics")).body, "sync_connector_silence_seconds")
        statuses = [exchange(port, get(right)).status for _ in range(3)]
        statuses.append(exchange(port, get(b"/callbacks/wrong?call=1")).status)
        assert statuses == [200, 200, 200, 404]
        assert exchange(ops_port, get(b"/healthz")).body == b"ok\n"
        assert exchange(port, get(b"/healthz", BEARER)).body == b"ok\n"
        assert exchange(port, get(b"/metrics", BEARER)).status == 200
        assert [exchange(ops_port, get(path, BEARER)).status for path in (b"/", right, b"/v1/inbox")] == [404] * 3
        text = exchange(ops_port, get(b"/metrics")).body
    assert math.isnan(silence)
    assert metric(text, "sync_connector_callbacks_stored_total") == 3
    assert metric(text, "sync_connector_callbacks_waiting") == 3
    assert metric(text, 'sync_connector_requests_total{route="/callbacks/…",status="200"}') == 3
    assert metric(text, 'sync_connector_requests_total{route="-",status="404"}') == 4
    assert metric(text, "sync_connector_commit_callbacks_sum") == 3
    assert metric(text, "sync_connector_commit_seconds_count") == metric(text, "sync_connector_commit_callbacks_count")
    assert 0 <= metric(text, "sync_connector_silence_seconds") < 60
    assert secret.encode() not in text
    assert b"wrong" not in text


def metric(text: bytes, name: str) -> float:
    """The value of a metric."""
    (line,) = [line for line in text.decode().splitlines() if line.rpartition(" ")[0] == name]
    return float(line.rpartition(" ")[2])


def test_silence_is_counted_from_the_last_callback_that_is_kept(settings: Receive, secret: str) -> None:
    """After a restart the receiver knows when the last callback came."""
    with in_background(settings) as address:
        exchange(port_of(address), get(f"/callbacks/{secret}?call=1".encode()))
    with two_ports(settings) as (_, ops_port):
        for _ in range(200):  # it is read beside the first requests
            silence = metric(exchange(ops_port, get(b"/metrics")).body, "sync_connector_silence_seconds")
            if not math.isnan(silence):
                break
    assert 0 <= silence < 60


def test_the_log_has_one_line_a_request_and_nothing_that_is_secret(
    settings: Receive, secret: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Method, route, status, size, time and address; no secret, no query, no path or method of a stranger's choice."""
    caplog.set_level(logging.DEBUG, "sync_connector")
    changed = settings.model_copy(update={"trusted_proxies": ["127.0.0.1"], "max_size": 1024})
    with in_background(changed) as address:
        port = port_of(address)
        exchange(port, get(f"/callbacks/{secret}?call=0612345678".encode()))
        exchange(port, get(f"/callbacks/{secret}?call=0612345678{'0' * 1024}".encode()))
        exchange(port, get(b"/secret-path?hidden", b"X-Forwarded-For: injected%0aline", method=b"SPLICE"))
        exchange(port, get(b"/\x1b[31mred\r/callbacks/x"))
        exchange(port, b"broken \x00 request\r\n\r\n")
        exchange(port, get(b"/v1/inbox", BEARER))
    lines = [record.message for record in caplog.records if record.name == "sync_connector.receive"]
    requests = [line for line in lines if line.endswith(("127.0.0.1", "-"))]
    shape = r"(GET|-) (/callbacks/…|/v1/inbox|-) \d{3} \d+ bytes \d+\.\d ms (127\.0\.0\.1|-)"
    assert [line for line in requests if not re.fullmatch(shape, line)] == []
    starts = ["GET /callbacks/… 200 15 b", "GET /callbacks/… 414 1039", "- - 404 6 bytes", "GET - 404 0 b", "GET /v1/inbox 200 0"]
    assert [start for start, line in zip(starts, requests, strict=True) if not line.startswith(start)] == []
    for hidden in (secret, "0612345678", "secret-path", "hidden", "injected", "SPLICE", "red", TOKEN, "\x1b", "broken"):
        assert hidden not in caplog.text


# --- beginning and end ---


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"secrets": "/nowhere/secrets"}, "make it with: sync-connector receive --new-secret"),
        ({"token": "short"}, "receive.token: is short enough to be guessed"),
        ({"token": "jeton-que-personne-ne-d\xe9vine"}, "receive.token: has signs that no client can send"),
        ({"tls_cert": "/nowhere/cert.pem"}, "receive.tls_cert, receive.tls_key: cannot be used"),
        ({"connections": 100_000_000}, "receive.connections: 100000000 connections need 150000064 open files"),
    ],
)
def test_a_receiver_that_is_set_up_wrongly_does_not_start(
    settings: Receive, secret: str, changes: dict[str, object], said: str
) -> None:
    """Secrets, token, certificate, more connections than the system allows: a sentence, before anything is received."""
    if isinstance(token := changes.get("token"), str):
        changes = {"token": type(settings.inbox)(token)}
    with pytest.raises(FixSetup, match=re.escape(said)), in_background(settings.model_copy(update=changes)):
        pass


def test_a_port_that_is_taken_is_a_sentence(settings: Receive) -> None:
    """Which setting is to be changed, for either port; the other socket is not left open."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(FixSetup, match=r"Address already in use; change receive\.port or receive\.host"):
            sockets(settings.model_copy(update={"port": port}))
        with pytest.raises(FixSetup, match=r"change receive\.ops_port"):
            sockets(settings.model_copy(update={"ops_port": port}))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_after_the_last_answer(settings: Receive, secret: str, tmp_path: Path, number: int) -> None:
    """What was received is stored and answered, an idle and a slow client are not waited for, and the process ends well."""
    told = {"secrets": settings.secrets, "inbox": settings.inbox.get_secret_value(), "timeout": 60}
    log = tmp_path / "log"
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port = listening.getsockname()[1]
        process = runner.start(told, listening, log=log)
        try:
            with closing(connect(port)) as idle, closing(connect(port)) as slow, closing(connect(port)) as last:
                idle.sendall(get(f"/callbacks/{secret}?first".encode()))
                assert read_reply(idle).status == 200
                slow.sendall(b"GET /callb")
                # The inbox is locked, so that the last callback is under way when the signal comes.
                with crm_engine(settings.inbox.get_secret_value()).connect() as lock:
                    lock.exec_driver_sql("BEGIN IMMEDIATE")
                    last.sendall(get(f"/callbacks/{secret}?last".encode()))
                    process.send_signal(number)
                    assert idle.recv(1) == b""  # it is ending
                    lock.exec_driver_sql("ROLLBACK")
                assert read_reply(last).status == 200
            assert process.wait(10) == 0
        finally:
            process.kill()
            process.wait()
    assert stored(settings) == ["first", "last"]
    assert "Traceback" not in log.read_text()


def test_it_is_an_application_for_any_server(settings: Receive, secret: str) -> None:
    """Without our server in front of it the application stores as well, raw bytes included."""
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        application = receiver(settings, inbox, SecretFile(settings.secrets), Meters())

        async def ask() -> int:
            transport = httpx.ASGITransport(application)
            async with httpx.AsyncClient(transport=transport, base_url="http://edge") as client:
                return (await client.get(f"/callbacks/{secret}?call=1")).status_code

        assert asyncio.run(ask()) == 200
    assert stored(settings) == ["call=1"]
