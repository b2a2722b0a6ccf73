"""Post: one request to the vendor and its bounded answer, for contacts, messages and calls alike.

Law: what may have been taken is told from what certainly was not: who sends something that must not be sent twice decides by
that. Request bodies carry the password: neither they nor any answer are logged, and no fault repeats them.
"""

from __future__ import annotations

import math
import ssl
from collections.abc import Mapping
from typing import NamedTuple

import anyio
import httpx

from sync_connector.dialects import Dialect
from sync_connector.fault_points import reach

BODY_LIMIT = 1 << 20
BODY_LIMIT_EACH = 16 << 10
"""Of an answer so many bytes are read, and so many more for each contact or message that was sent."""
TRANSIENT = frozenset({408, 425, 500, 502, 504, 520, 521, 522, 523, 524})
TOO_BUSY = frozenset({429, 503})
TOO_LARGE = frozenset({413})
LATE = frozenset({408, 504, 522, 524})
NO_ENTRY = frozenset({401, 403})
WRONG_ADDRESS = frozenset({301, 302, 303, 307, 308, 404, 405, 410})
AS_IT_IS = frozenset({"", "identity"})
"""Content encodings that we take. What is packed may be a thousand times what came, and is unpacked before it can be measured."""

CREDENTIALS = "the vendor does not accept the login or the password ({}); check ARDARY_LOGIN and ARDARY_PASSWORD"


class Endpoint(NamedTuple):
    """Where and as whom something is posted. `secret`: the password, or the access key. It never shows it."""

    dialect: Dialect
    url: str
    login: str
    secret: str

    def __repr__(self) -> str:
        return f"Endpoint({self.url})"


class NoAnswer(Exception):
    """A request brought no answer, or none that could be read to its end. `why`: in a few words. `sent`: the vendor may have
    taken it. `reached`: somebody was there. `late`: he took too long."""

    def __init__(self, why: str, *, sent: bool = True, reached: bool = True, late: bool = False) -> None:
        super().__init__(why)
        self.why, self.sent, self.reached, self.late = why, sent, reached, late


class Answer(NamedTuple):
    """What came back. The body of one that turns us away (`NO_ENTRY`, `WRONG_ADDRESS`) is not read, nor that of a fault which
    is packed."""

    status: int
    headers: httpx.Headers
    body: bytes


async def post(client: httpx.AsyncClient, url: str, body: bytes, limit: int) -> Answer:
    """The answer to one request, once, of at most `limit` bytes. Raises `NoAnswer`.

    From the moment it is sent the client's time-out is that of the whole: httpx has one for each read alone, and an answer that
    comes byte by byte would never be late. One that is there whole is not late any more.
    """
    seconds = client.timeout.read
    # Not asyncio's own time-out: it would reach httpx where it gives a connection back, and the connection would be lost to it.
    late = anyio.CancelScope()

    async def told(event: str, _: Mapping[str, object]) -> None:
        if event.endswith("send_request_headers.started"):
            reach("vendor.request.before")
            if seconds is not None:
                late.deadline = anyio.current_time() + seconds
        elif event.endswith("send_request_body.complete"):
            reach("vendor.request.after")

    try:
        with late:
            async with client.stream("POST", url, content=body, extensions={"trace": told}) as response:
                answer = await _read(response, limit)
                reach("vendor.answer.after")
                late.deadline = math.inf
                return Answer(response.status_code, response.headers, answer)
        raise NoAnswer("no answer in time", late=True)
    except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout) as fault:
        raise NoAnswer(_reason(fault), sent=False, reached=False) from None
    except (httpx.HTTPError, httpx.StreamError, ssl.SSLError) as fault:
        raise NoAnswer(_reason(fault), late=isinstance(fault, httpx.TimeoutException)) from None


async def _read(response: httpx.Response, limit: int) -> bytes:
    """The body, empty where the status says what to do. Raises `NoAnswer` for one that is too long, or packed."""
    packed = response.headers.get("Content-Encoding", "").strip().lower() not in AS_IT_IS
    if response.status_code in NO_ENTRY | WRONG_ADDRESS or (packed and response.status_code != 200):
        return b""
    if packed:
        raise NoAnswer("an answer that is packed, which was not asked for")
    answer = bytearray()
    async for piece in response.aiter_bytes():
        answer += piece
        if len(answer) > limit:
            raise NoAnswer(f"an answer of more than {limit} bytes")
    return bytes(answer)


def _reason(fault: Exception) -> str:
    """A transport's fault in a few words, without the request."""
    words: dict[type[Exception], str] = {
        httpx.ConnectTimeout: "no connection in time",
        httpx.ReadTimeout: "no answer in time",
        httpx.WriteTimeout: "the request could not be sent in time",
        httpx.RemoteProtocolError: "the connection was cut",
        httpx.ReadError: "the connection was cut",
        httpx.WriteError: "the connection was cut",
    }
    text = str(fault)
    if isinstance(fault, httpx.ConnectError) and "CERTIFICATE" in text.upper():
        return "its TLS certificate is not trusted"
    return words.get(type(fault), "no connection" if isinstance(fault, httpx.ConnectError) else type(fault).__name__)


def new_client(timeout: float, concurrency: int, *, keeps_connections: bool = True) -> httpx.AsyncClient:
    """A client for one run: TLS verified, no redirects (a password is not carried elsewhere), nothing packed.

    A connection that is kept may be closed by the other side just as a request leaves, and nobody knows whether that was taken:
    who may send nothing twice makes a new one each time.
    """
    return httpx.AsyncClient(
        timeout=httpx.Timeout(timeout),
        limits=httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency if keeps_connections else 0),
        headers={"Content-Type": "application/json", "Accept": "application/json", "Accept-Encoding": "identity"},
        follow_redirects=False,
    )
