"""The connections: a slow client keeps nobody out, and a careless one is understood."""

from __future__ import annotations

import re
import select
import socket
import ssl
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime
from pathlib import Path
from unittest import mock
from urllib.parse import unquote_to_bytes

import pytest
import trustme
from hypothesis import example, given
from hypothesis import strategies as st

from sync_connector.config import Receive
from sync_connector.events.guard import SURPLUS, repaired
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.serving import in_background, sockets
from tests.events.conftest import TOKEN
from tests.events.test_receive import metric, stored
from tests.events.wire import connect, exchange, get, port_of, read_reply

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def is_closed(connection: socket.socket) -> bool:
    """Whether the other side closes it within ten seconds; what it answered before is skipped."""
    try:
        rest(connection)
    except TimeoutError:
        return False
    return True


def dribble(connection: socket.socket, piece: bytes, pause: float) -> int:
    """Send a piece after each pause (seconds) until the connection is closed, 500 times at most; how often that went well."""
    for times in range(500):
        try:
            connection.sendall(piece)
        except ConnectionError:
            return times
        select.select([], [], [], pause)
    return 500


def rest(connection: socket.socket) -> bytes:
    """All that still comes until it is closed."""
    received = b""
    try:
        while piece := connection.recv(1 << 20):
            received += piece
    except ConnectionError:
        pass
    return received


# --- what it understands ---


@given(target=st.binary(min_size=1).filter(lambda raw: b"\n" not in raw), end=st.sampled_from([b"", b"\r"]))
@example(b"/callbacks/x?call= HTTP/1.1", b"\r")
def test_a_line_with_any_target_becomes_one_that_can_be_read(target: bytes, end: bytes) -> None:
    """Whatever bytes a sender leaves in a target, they are percent-encoded, and decoding gives them back."""
    line = repaired(b"GET " + target + b" HTTP/1.1" + end)
    found = re.fullmatch(rb"GET ([!-~]+) HTTP/1\.1\r?", line)
    assert found is not None
    assert unquote_to_bytes(found[1]) == unquote_to_bytes(target)


@pytest.mark.parametrize("line", [b"", b"GET", b"GET /", b"GET / HTTP/2.0", b"\x16\x03\x01", b"\x80 / HTTP/1.1", b" / HTTP/1.1"])
def test_what_is_no_request_line_is_left_alone(line: bytes) -> None:
    """It is not made into one."""
    assert repaired(line) == line


def test_a_request_may_come_byte_by_byte(settings: Receive, secret: str) -> None:
    """However a request is cut into packets, it is one request, and the next one on the connection is understood as well."""
    raw = get(f'/callbacks/{secret}?call={{"a": "é"}}'.encode())
    with in_background(settings) as address, closing(connect(port_of(address))) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for at in range(len(raw)):
            connection.sendall(raw[at : at + 1])
        assert read_reply(connection).status == 200
        connection.sendall(raw)
        assert read_reply(connection).status == 200
    assert stored(settings) == ['call={"a":%20"%C3%A9"}'] * 2


def test_requests_in_one_piece_are_all_answered(settings: Receive, secret: str) -> None:
    """Pipelined requests are answered in order, on one connection."""
    raw = b"".join(get(f"/callbacks/{secret}?call={n}".encode()) for n in range(20)) + get(b"/", b"Connection: close")
    with in_background(settings) as address:
        whole = exchange(port_of(address), raw)
        assert whole.status == 200
        with closing(connect(port_of(address))) as connection:
            connection.sendall(raw)
            answers = b""
            while piece := connection.recv(65_536):
                answers += piece
    assert answers.count(b"HTTP/1.1 200 OK") == 20
    assert answers.count(b"HTTP/1.1 404 Not Found") == 1
    assert stored(settings)[-20:] == [f"call={n}" for n in range(20)]


def test_who_says_that_it_sends_no_more_is_still_answered(settings: Receive, secret: str) -> None:
    """A client may close its half of the connection behind the request; one that does so in the middle is closed."""
    with in_background(settings) as address:
        for raw, status in ((get(f"/callbacks/{secret}?call=1".encode()), 200), (b"GET /callb", 0), (b"", 0)):
            with closing(connect(port_of(address))) as connection:
                connection.sendall(raw)
                connection.shutdown(socket.SHUT_WR)
                assert read_reply(connection).status == status
                assert is_closed(connection)
    assert stored(settings) == ["call=1"]


# --- slow clients ---


BEGUN = [
    b"",
    b"G",
    b"GET /callbacks/x",
    b"GET / HTTP/1.1\r\nHost:",
    b"POST /v1/inbox/acknowledged HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %b\r\nContent-Type: application/json\r\n"
    b"Content-Length: 9\r\n\r\n{" % TOKEN.encode(),
]
"""Nothing, half a line, half a head, half a body."""


def test_a_request_that_does_not_end_is_closed(settings: Receive, secret: str) -> None:
    """However far it came: after the timeout the connection is closed, dribbling or not. All of them wait at the same time."""
    with in_background(settings.model_copy(update={"timeout": 0.8})) as address:
        with ExitStack() as stack:
            silent, dribbling = ([stack.enter_context(closing(connect(port_of(address)))) for _ in BEGUN] for _ in range(2))
            for begun, *connections in zip(BEGUN, silent, dribbling, strict=True):
                for connection in connections:
                    connection.sendall(begun)
            with ThreadPoolExecutor(len(dribbling)) as pool:
                assert max(pool.map(lambda connection: dribble(connection, b"a", 0.02), dribbling)) < 500
            assert [is_closed(connection) for connection in silent] == [True] * len(BEGUN)
        assert exchange(port_of(address), get(f"/callbacks/{secret}?call=1".encode())).status == 200


def test_slow_clients_make_room(settings: Receive, secret: str) -> None:
    """With far more connections than allowed, none of which ever finishes, each callback is answered at once; the slow ones
    that came first are those that are closed."""
    changed = settings.model_copy(update={"connections": 20, "timeout": 60})
    listening = sockets(changed)
    with in_background(changed, listening) as address, ExitStack() as stack:
        port, slow = port_of(address), []
        for number in range(100):
            slow.append(stack.enter_context(closing(connect(port))))
            slow[-1].sendall(b"GET /callbacks/")
            if number % 10 == 0:
                assert exchange(port, get(f"/callbacks/{secret}?call={number}".encode())).status == 200
        assert all(map(is_closed, slow[:80]))
        text = exchange(listening[1].getsockname()[1], get(b"/metrics")).body
        slow[-1].sendall(secret.encode() + b"?last HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_reply(slow[-1]).status == 200
    assert metric(text, 'sync_connector_connections_closed_total{why="room"}') >= 80
    assert stored(settings) == [f"call={n}" for n in range(0, 100, 10)] + ["last"]


def test_a_callback_that_is_being_stored_makes_no_room(settings: Receive, secret: str) -> None:
    """Where every connection waits for us, not for its client, it is the newcomer that is closed."""
    began, go_on = threading.Event(), threading.Event()
    append = Inbox.append

    def slow(inbox: Inbox, arrivals: list[tuple[datetime, str]]) -> int:
        began.set()
        assert go_on.wait(10)
        return append(inbox, arrivals)

    changed = settings.model_copy(update={"connections": 10, "timeout": 0.5, "ops_port": None})
    with mock.patch.object(Inbox, "append", slow), in_background(changed) as address, ExitStack() as stack:
        waiting = [stack.enter_context(closing(connect(port_of(address)))) for _ in range(10)]
        for number, connection in enumerate(waiting):
            connection.sendall(get(f"/callbacks/{secret}?call={number}".encode()))
        assert began.wait(10)
        for _ in range(3):  # the first may come before the last callback was read
            with closing(connect(port_of(address))) as newcomer:
                assert is_closed(newcomer)
        with closing(connect(port_of(address))) as newcomer:
            newcomer.settimeout(1.0)  # longer than a client may let us wait
            assert is_closed(newcomer)
        go_on.set()
        statuses = [read_reply(connection).status for connection in waiting]
    assert statuses.count(200) >= 9
    assert len(stored(settings)) == statuses.count(200)


@pytest.fixture
def long_page(settings: Receive, secret: str) -> bytes:
    """A request for a page of eight megabytes, which are in the inbox."""
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        inbox.append([(NOON, "x" * 1_000_000)] * 8)
    return get(b"/v1/inbox", f"Authorization: Bearer {TOKEN}".encode())


def test_who_does_not_take_an_answer_is_closed(settings: Receive, long_page: bytes) -> None:
    """A client that asks for much and reads nothing does not hold its connection for longer than the timeout."""
    changed = settings.model_copy(update={"timeout": 1.0})
    listening = sockets(changed)
    with in_background(changed, listening) as address, closing(connect(port_of(address))) as greedy:
        greedy.sendall(long_page)
        ops_port = listening[1].getsockname()[1]
        name = 'sync_connector_connections_closed_total{why="slow"}'
        while name not in (text := exchange(ops_port, get(b"/metrics")).body.decode()):
            select.select([], [], [], 0.02)
        assert metric(text.encode(), name) == 1
        assert len(rest(greedy)) < 8_000_000


def test_who_takes_an_answer_slowly_gets_all_of_it(settings: Receive, long_page: bytes) -> None:
    """A slow line that moves is not cut off, though the whole answer takes longer than the timeout."""
    with in_background(settings.model_copy(update={"timeout": 1.0})) as address, closing(socket.socket()) as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        narrow.settimeout(10)
        narrow.connect(("127.0.0.1", port_of(address)))
        narrow.sendall(long_page.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
        received = 0
        while piece := narrow.recv(131_072):
            received += len(piece)
            select.select([], [], [], 0.01)
    assert received > 8_000_000


@pytest.mark.parametrize("framing", [b"Content-Length: 1000000000", b"Transfer-Encoding: chunked"])
def test_a_body_that_nobody_asked_for_is_not_read_to_its_end(settings: Receive, secret: str, framing: bytes) -> None:
    """It is answered at once; who goes on sending is closed after a little."""
    head = get(b"/", framing, method=b"POST")
    piece = b"x" * 8192
    if b"chunked" in framing:
        piece = b"2000\r\n" + piece + b"\r\n"
    with in_background(settings) as address, closing(connect(port_of(address))) as sender:
        sender.sendall(head)
        assert read_reply(sender).status == 404
        assert len(piece) * dribble(sender, piece, 0.001) < 50 * SURPLUS


def test_broken_http_is_refused_and_harms_nobody(settings: Receive, secret: str, caplog: pytest.LogCaptureFixture) -> None:
    """What cannot be parsed gets 400 or is closed, even in the middle of a request that is under way; no traceback, no 5xx."""
    right = f"GET /callbacks/{secret}?call=1 HTTP/1.1\r\nHost: x\r\n".encode()
    broken = [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(200),
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",  # no Host
        b"GET /\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nNo colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA: \x00\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 100_000,
        right + b"Transfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        right + b"Transfer-Encoding: chunked\r\n\r\n1\r\nxx\r\n",
        right + b"\r\n\x00\x01\x02\r\n\r\n",
        b"CONNECT / HTTP/1.1\r\nHost: x\r\n\r\nmore",
    ]
    with in_background(settings) as address:
        statuses = {exchange(port_of(address), each).status for each in broken}
        assert exchange(port_of(address), get(f"/callbacks/{secret}?last".encode())).status == 200
    assert statuses <= {0, 200, 400, 404}
    assert stored(settings)[-1] == "last"
    assert [record for record in caplog.records if record.levelno >= 30] == []


# --- TLS ---


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """Who vouches for the receiver."""
    return trustme.CA()


@pytest.fixture
def with_tls(settings: Receive, secret: str, authority: trustme.CA, tmp_path: Path) -> Receive:
    """Settings with a certificate."""
    issued = authority.issue_cert("127.0.0.1", "localhost")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    return settings.model_copy(update={"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")})


def test_callbacks_come_over_tls(with_tls: Receive, secret: str, authority: trustme.CA) -> None:
    """The receiver ends TLS itself; the local port stays in clear. A request that comes with the handshake's last message is
    not lost."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    listening = sockets(with_tls)
    with in_background(with_tls, listening) as address:
        assert address.startswith("https://")
        for number in range(20):
            with closing(context.wrap_socket(connect(port_of(address)), server_hostname="localhost")) as secured:
                secured.sendall(get(f"/callbacks/{secret}?call={number}".encode()))
                assert read_reply(secured).status == 200
        with closing(at_once(context, port_of(address), get(f"/callbacks/{secret}?at-once".encode()))) as raw:
            assert raw.recv(1)
        assert exchange(listening[1].getsockname()[1], get(b"/healthz")).status == 200
        assert exchange(port_of(address), get(f"/callbacks/{secret}?in-clear".encode())).status == 0
    assert stored(with_tls) == [f"call={n}" for n in range(20)] + ["at-once"]


def at_once(context: ssl.SSLContext, port: int, request: bytes) -> socket.socket:
    """A connection on which the client's last message of the handshake and its request were sent in one piece."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context.wrap_bio(incoming, outgoing, server_hostname="localhost")
    raw = connect(port)
    while True:
        try:
            client.do_handshake()
            break
        except ssl.SSLWantReadError:
            raw.sendall(outgoing.read())
            incoming.write(raw.recv(65_536))
    client.write(request)
    raw.sendall(outgoing.read())
    return raw


def test_handshakes_that_do_not_end_keep_nobody_out(
    with_tls: Receive, secret: str, authority: trustme.CA, caplog: pytest.LogCaptureFixture
) -> None:
    """Connections that say nothing, half a handshake, or no TLS at all count like any other: they make room, and are closed
    after the timeout."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    hello = ssl.MemoryBIO()
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(ssl.MemoryBIO(), hello, server_hostname="localhost").do_handshake()
    begun = hello.read()
    changed = with_tls.model_copy(update={"connections": 20, "timeout": 0.5})
    with in_background(changed) as address, ExitStack() as stack:
        slow = [stack.enter_context(closing(connect(port_of(address)))) for _ in range(100)]
        for number, connection in enumerate(slow):
            with suppress(ConnectionError):  # it made room already
                connection.sendall((b"", begun, begun[:50], b"GET / HTTP/1.1\r\n\r\n")[number % 4])
        with closing(context.wrap_socket(connect(port_of(address)), server_hostname="localhost")) as secured:
            secured.sendall(get(f"/callbacks/{secret}?call=1".encode()))
            assert read_reply(secured).status == 200
        assert all(map(is_closed, slow))
    assert stored(with_tls) == ["call=1"]
    assert [record for record in caplog.records if record.levelno >= 30] == []
