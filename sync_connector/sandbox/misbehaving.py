"""The sandbox with its faults (ASGI, around the application): requests not taken, answers spoiled, late, cut or never given.

Law: what a fault lets the vendor take is taken by the application itself, before anything becomes of the answer; so what the
vendor holds is the truth about it, whatever the client was told. Who waits here waits for the client as well, and ends with it.
"""

from __future__ import annotations

import asyncio
import random
import socket
import struct
from typing import Any, NamedTuple

import orjson
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sync_connector.sandbox.faults import Asked, Met, What, retry_after
from sync_connector.sandbox.spoiling import spoiled
from sync_connector.sandbox.vendor import BODY_LIMIT, Vendor, answer

PIECE = 64 << 10
REFUSED = {"500-taken": 500, "poisoned": 500, "expired": 401}
"""Statuses of faults that are not named for theirs."""
PATHS: dict[str, What] = {
    "/api/contact": "contacts",
    "/api/addcontactSolo": "contacts",
    "/api/v1/contact": "contacts",
    "/api/v1/contact.php": "contacts",
    "/api/sendSms": "messages",
    "/api/sendSmsSolo": "messages",
    "/api/v1/sendsms": "messages",
    "/api/v1/sendsms.php": "messages",
    "/api/v1/clicTocall": "calls",
    "/api/v1/clic.php": "calls",
}
"""Where the application takes something, and what. Elsewhere nothing is met: whoever has the wrong address is told so."""
JSON, HTML = (b"content-type", b"application/json"), (b"content-type", b"text/html; charset=utf-8")
Headers = list[tuple[bytes, bytes]]


class Told(NamedTuple):
    """An answer, whole."""

    status: int
    headers: Headers
    body: bytes


class Misbehaving:
    """An application whose requests meet the faults of its vendor."""

    def __init__(self, app: ASGIApp, vendor: Vendor) -> None:
        self._app, self._vendor = app, vendor

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or do not."""
        vendor = self._vendor
        what = _what(scope)
        if what is None or not (vendor.faults.steps or vendor.cut):
            await self._app(scope, receive, send)
            return
        body = await _body(receive)
        asked = Asked(what, len(body), _numbers(body) if vendor.faults.steps else frozenset())
        # From here to the next wait nothing else is answered: the place of a request is its own, and so is its entry.
        place = len(vendor.requests)
        met = vendor.faults.met(place, asked)
        if met is not None and not met.taken:
            told = _turned(met, vendor)
            entry: dict[str, object] = {"path": scope["path"], "status": told.status if told else 0}
            vendor.requests.append(entry | ({"contacts": 0} if what == "contacts" else {}) | {"fault": met.name})
            await self._play(None, told, receive, send)
            return
        told = await _answered(self._app, scope, body)
        taken = told.status == 200
        if met is None and taken and what != "contacts" and vendor.cut and vendor.chance.random() < vendor.cut:
            met = Met("cut", "", random.Random(place))  # noqa: S311 (to be had again)
            vendor.requests[place]["cut"] = True
        elif met is not None and taken:
            vendor.requests[place]["fault"] = met.name
        await self._play(met if taken else None, told, receive, send)

    async def _play(self, met: Met | None, told: Told | None, receive: Receive, send: Send) -> None:
        """Give the answer as the fault lets it be given; `None`: there is none."""
        gone = asyncio.ensure_future(_gone(receive))
        try:
            if told is None or (met is not None and met.name == "timeout-taken"):
                await gone
            elif met is None:
                await _give(told, send)
            elif met.name in ("cut", "reset"):
                await _cut(told, met, gone, send)
            elif met.name == "slow":
                await self._drip(told, float(met.value), gone, send)
            elif met.name == "latency":
                await self._pause(float(met.value), gone)
                await _give(told, send)
            else:
                await _give(_spoiled(told, met), send)
        finally:
            gone.cancel()

    async def _pause(self, seconds: float, gone: asyncio.Future[None]) -> None:
        """So many seconds, or until the client is gone."""
        pause = asyncio.ensure_future(self._vendor.sleep(seconds))
        await asyncio.wait({pause, gone}, return_when=asyncio.FIRST_COMPLETED)
        pause.cancel()

    async def _drip(self, told: Told, seconds: float, gone: asyncio.Future[None], send: Send) -> None:
        await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
        for byte in told.body:
            await self._pause(seconds, gone)
            if gone.done():
                return
            await send({"type": "http.response.body", "body": bytes([byte]), "more_body": True})
        await send({"type": "http.response.body", "body": b""})


def _what(scope: Scope) -> What | None:
    """What a request sends, if it is one of the API's."""
    return PATHS.get(scope["path"]) if scope["type"] == "http" and scope["method"] == "POST" else None


async def _body(receive: Receive) -> bytes:
    """What was sent; of too much, enough for the application to see that it is."""
    body = bytearray()
    while len(body) <= BODY_LIMIT:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    return bytes(body)


def _numbers(body: bytes) -> frozenset[str]:
    """The phone numbers of a request, as they are written."""
    try:
        sent: Any = orjson.loads(body)
    except ValueError:
        return frozenset()
    lists = [value for value in sent.values() if isinstance(value, list)] if isinstance(sent, dict) else []
    header = sent.get("header") if isinstance(sent, dict) else None
    each = [entry for listed in lists for entry in listed if isinstance(entry, dict)] + [header]
    return frozenset(
        number
        for entry in each
        if isinstance(entry, dict)
        for key in ("phone_number", "phonenumber")
        if isinstance(number := entry.get(key), str)
    )


async def _answered(app: ASGIApp, scope: Scope, body: bytes) -> Told:
    """What the application answers. It has the whole request and nowhere to wait."""
    messages: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": body}

    async def send(message: Message) -> None:
        messages.append(message)

    await app(scope, receive, send)
    whole = b"".join(message.get("body", b"") for message in messages[1:])
    return Told(messages[0]["status"], list(messages[0]["headers"]), whole)


def _turned(met: Met, vendor: Vendor) -> Told | None:
    """The answer to what is not taken; `None` for none."""
    if met.name == "timeout":
        return None
    status = REFUSED.get(met.name) or int(met.name)
    why = "wrong login or password" if met.name == "expired" else "try again later"
    given = answer({"error": why}, status)
    headers = list(given.raw_headers)
    if met.name in ("429", "503") and (asked := retry_after(met.value, vendor.now())) is not None:
        headers.append((b"retry-after", asked.encode("ascii")))
    return Told(status, headers, bytes(given.body))


def _spoiled(told: Told, met: Met) -> Told:
    body = spoiled(met, told.body)
    length = (b"content-length", str(len(body)).encode("ascii"))
    return Told(REFUSED.get(met.name, told.status), [HTML if met.name == "html" else JSON, length], body)


async def _give(told: Told, send: Send) -> None:
    await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
    for begin in range(0, len(told.body), PIECE):
        await send({"type": "http.response.body", "body": told.body[begin : begin + PIECE], "more_body": True})
        await asyncio.sleep(0)  # a client that has enough is seen to be gone
    await send({"type": "http.response.body", "body": b""})


async def _cut(told: Told, met: Met, gone: asyncio.Future[None], send: Send) -> None:
    """The first bytes of an answer, its head included, then the connection's end. A server that does not let us at its connection
    gets an answer that is not completed, and closes it itself."""
    lines = [b"HTTP/1.1 %d OK" % told.status, *(b"%s: %s" % header for header in told.headers)]
    wire = b"\r\n".join(lines) + b"\r\n\r\n" + told.body
    end = min(int(met.value), len(wire) - 1) if met.value else met.chance.randrange(len(wire))
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if not isinstance(transport, asyncio.Transport):
        await send({"type": "http.response.start", "status": told.status, "headers": told.headers})
        await send(
            {"type": "http.response.body", "body": told.body[: max(0, end - (len(wire) - len(told.body)))], "more_body": True}
        )
        return
    transport.write(wire[:end])
    if met.name == "cut":
        transport.close()
    else:  # a socket that does not linger is closed with a reset; what was written is with the client's system before that
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    await gone


async def _gone(receive: Receive) -> None:
    """Until the client has hung up, or has its answer."""
    while (await receive())["type"] != "http.disconnect":
        pass
