"""Post: one request, one bounded answer, and of every fault whether the vendor may have taken the request."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import threading
import zlib
from collections.abc import AsyncIterator, Callable

import anyio
import anyio.lowlevel
import httpx
import pytest

from sync_connector.flow.post import Answer, NoAnswer, new_client, post

SECRET = b'{"password": "hunter2-very-secret"}'


def _post(handle: Callable[[httpx.Request], httpx.Response], limit: int = 100) -> Answer:
    async def _run() -> Answer:
        async with httpx.AsyncClient(transport=httpx.MockTransport(handle)) as client:
            return await post(client, "https://vendor.invalid/api/sendSms", SECRET, limit)

    return asyncio.run(_run())


def _fault(handle: Callable[[httpx.Request], httpx.Response], limit: int = 100) -> NoAnswer:
    with pytest.raises(NoAnswer) as fault:
        _post(handle, limit)
    assert "hunter2" not in repr(fault.value)
    return fault.value


def test_an_answer_comes_as_it_is() -> None:
    """Status, headers and body; the request is posted once, in its very bytes."""
    asked = []

    def vendor(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.content))
        return httpx.Response(503, headers={"Retry-After": "7"}, content=b"x" * 100)

    answer = _post(vendor)
    assert (answer.status, answer.headers["retry-after"], answer.body) == (503, "7", b"x" * 100)
    assert asked == [("POST", SECRET)]


def test_an_answer_without_end_is_none() -> None:
    """One byte more than the limit, and the vendor may have taken the request."""
    fault = _fault(lambda _: httpx.Response(200, content=b"x" * 101))
    assert (fault.why, fault.sent, fault.reached) == ("an answer of more than 100 bytes", True, True)


@pytest.mark.parametrize("status", [401, 403, 302, 404])
def test_who_turns_us_away_is_not_read(status: int) -> None:
    """The status says it all, however long the page that comes with it."""
    assert _post(lambda _: httpx.Response(status, content=b"x" * 1_000))[::2] == (status, b"")


@pytest.mark.parametrize(
    ("raised", "why", "sent"),
    [
        (httpx.ConnectError("refused"), "no connection", False),
        (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), "its TLS certificate is not trusted", False),
        (httpx.ConnectTimeout(""), "no connection in time", False),
        (httpx.PoolTimeout(""), "PoolTimeout", False),
        (httpx.ReadTimeout(""), "no answer in time", True),
        (httpx.WriteTimeout(""), "the request could not be sent in time", True),
        (httpx.WriteError(""), "the connection was cut", True),
        (httpx.ReadError(""), "the connection was cut", True),
        (httpx.RemoteProtocolError(""), "the connection was cut", True),
        (httpx.DecodingError(""), "DecodingError", True),
        (ssl.SSLError(), "SSLError", True),
    ],
)
def test_only_without_a_connection_is_a_request_certainly_not_sent(raised: Exception, why: str, sent: bool) -> None:
    """Whatever happens once there is one, the vendor may have taken it."""

    def vendor(_: httpx.Request) -> httpx.Response:
        raise raised

    fault = _fault(vendor)
    assert (fault.why, fault.sent, fault.reached) == (why, sent, sent)


def test_a_connection_that_is_closed_on_a_request_may_have_taken_it() -> None:
    """On a real socket: the request is read, and instead of an answer the connection ends."""

    def answer_nothing() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)

    async def ask(port: int) -> Answer:
        async with new_client(10, 1) as client:
            return await post(client, f"http://127.0.0.1:{port}/", SECRET, 100)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=answer_nothing)
        thread.start()
        port = listening.getsockname()[1]
        with pytest.raises(NoAnswer, match="cut") as fault:
            asyncio.run(ask(port))
        thread.join()
    assert fault.value.sent
    with pytest.raises(NoAnswer, match="no connection") as fault:
        asyncio.run(ask(port))
    assert not fault.value.sent


class _Slow(httpx.AsyncByteStream):
    """A body whose connection is given back only once the request's time is over, as httpcore does it: behind a shield."""

    def __init__(self, body: bytes, late: float) -> None:
        self.body, self.late, self.given_back = body, late, False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body

    async def aclose(self) -> None:
        with anyio.CancelScope(shield=True):
            until = anyio.current_time() + self.late
            while anyio.current_time() < until:
                await anyio.lowlevel.checkpoint()
            self.given_back = True


@pytest.mark.parametrize(("limit", "is_answer"), [(100, True), (5, False)])
def test_the_time_being_over_loses_neither_an_answer_that_is_there_nor_its_connection(limit: int, is_answer: bool) -> None:
    """It strikes while the connection goes back to the others: what was read to its end is the answer, and the connection, of
    an answer or of none, is not lost. (Lost ones would have filled the pool, and nobody would be reached any more.)"""
    body = _Slow(b"x" * 10, 0.02)

    class Transport(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.extensions["trace"]("http11.send_request_headers.started", {})
            return httpx.Response(200, stream=body)

    async def ask() -> Answer:
        async with httpx.AsyncClient(transport=Transport(), timeout=0.01) as client:
            return await post(client, "https://vendor.invalid/", SECRET, limit)

    if is_answer:
        assert asyncio.run(ask()).body == body.body
    else:
        with pytest.raises(NoAnswer, match="more than 5 bytes"):
            asyncio.run(ask())
    assert body.given_back


def test_a_late_answer_is_none_on_a_connection_that_was_used_before() -> None:
    """The time is that of the whole request, head and all, on a connection's second request as on its first; then it is closed,
    and the next request has another."""
    answering: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_first: bool) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            for number in (1, 2):
                await reader.readuntil(SECRET)
                while number == 2 and is_first:  # byte by byte, none of them late by itself
                    writer.write(b"H")
                    await writer.drain()
                    await asyncio.sleep(0.001)
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx")
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answering.append(asyncio.create_task(answer(reader, writer, is_first=not answering)))

    async def ask() -> tuple[list[str], int]:
        told = []
        async with await asyncio.start_server(connected, "127.0.0.1", 0) as server:
            url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            async with new_client(0.1, 1) as client:
                for _ in range(3):
                    try:
                        told.append((await post(client, url, SECRET, 100)).body.decode())
                    except NoAnswer as fault:
                        told.append(fault.why)
            await asyncio.gather(*answering)
        return told, len(answering)

    assert asyncio.run(ask()) == (["x", "no answer in time", "x"], 2)


def _served(answer: bytes) -> tuple[bytes, Answer | NoAnswer]:
    """What a vendor on a real socket is asked, and what becomes of those bytes as its answer."""
    asked: list[bytes] = []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, contextlib.suppress(ConnectionError):
            while SECRET not in b"".join(asked):
                asked.append(connection.recv(65_536))
            connection.sendall(answer)

    async def ask(port: int) -> Answer | NoAnswer:
        async with new_client(10, 1) as client:
            try:
                return await post(client, f"http://127.0.0.1:{port}/", SECRET, 1_000)
            except NoAnswer as fault:
                return fault

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        told = asyncio.run(ask(listening.getsockname()[1]))
        thread.join()
    return b"".join(asked), told


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "GZIP, gzip", "br"])
def test_a_packed_answer_is_not_unpacked(encoding: str) -> None:
    """A few kilobytes that would be megabytes are no answer: nothing packed is asked for; what is packed is refused before any
    of it is unpacked."""
    bomb = zlib.compress(b"\0" * (16 << 20))
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(bomb)}\r\n\r\n".encode()
    asked, told = _served(head + bomb)
    assert b"accept-encoding: identity\r\n" in asked.lower()
    assert isinstance(told, NoAnswer)
    assert (told.why, told.sent) == ("an answer that is packed, which was not asked for", True)


def test_a_packed_fault_is_told_by_its_status() -> None:
    """What a busy server says is in its status and its headers; the page beside them is not read."""
    _, told = _served(b"HTTP/1.1 503 X\r\nContent-Encoding: gzip\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\n\x1f\x8b\x08\x00")
    assert isinstance(told, Answer)
    assert (told.status, told.headers["Retry-After"], told.body) == (503, "7", b"")
