"""The receiver of callbacks: GET /callbacks/<secret>?<what happened>.

Law: stored first, acknowledged then. A callback that was answered 200 is in the inbox, on disk; one that could not be
stored is answered 503, so that the vendor may call again. What is not for us gets one and the same 404, whatever is wrong
with it. No secret, no query and no stranger's path is in any log, answer or metric. HEAD requests and prefetchers cause nothing.

    /callbacks/<secret>     from the networks of `receive.allow`
    /v1/…                   the pull interface, with the token
    /healthz, /metrics      with the token; without it on the port of this machine, `receive.ops_port`
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import logging
import math
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime, timedelta

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Router
from starlette.types import ASGIApp, Scope, Send
from starlette.types import Receive as Reading

from sync_connector.config import Receive
from sync_connector.errors import SyncError
from sync_connector.events.edge import NO_STORE, PREFIX, Edge, Pieces
from sync_connector.events.group_commit import GroupCommit
from sync_connector.events.guard import percent_encoded
from sync_connector.events.inbox import Inbox
from sync_connector.events.meters import CONTENT_TYPE, Meters
from sync_connector.events.secret_file import SecretFile, digest

CALLBACKS = "/callbacks/"
READY = "The receiver is ready. Paste this address at the vendor as the callback URL, and tell it to nobody else.\n"
PREFETCH_HEADERS = ("purpose", "sec-purpose", "x-purpose", "x-moz")
PREFETCH_WORDS = ("prefetch", "preview", "prerender")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
DAY = 86_400.0
BREATH = 0.1  # seconds between two slices of what is forgotten, in which callbacks are stored

log = logging.getLogger("sync_connector.receive")


def receiver(settings: Receive, inbox: Inbox, secrets: SecretFile, meters: Meters, *, ops_port: int | None = None) -> ASGIApp:
    """The application. What comes to the local port `ops_port` is asked for no token, and gets only health and metrics."""
    answering = Receiver(settings, inbox, secrets, meters, ops_port)
    return Router(redirect_slashes=False, default=answering, lifespan=answering.life)


class TokenBucket:
    """Lets through so many a second on average, and twice that at once."""

    def __init__(self, rate: float, now: float) -> None:
        self._rate, self._most = rate, max(1.0, 2 * rate)
        self._left, self._then = self._most, now

    def take(self, now: float) -> bool:
        """Whether one more may pass now (seconds on any clock that never goes back)."""
        self._left = min(self._most, self._left + (now - self._then) * self._rate)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Receiver:
    """Answers requests. Use `receiver`."""

    def __init__(self, settings: Receive, inbox: Inbox, secrets: SecretFile, meters: Meters, ops_port: int | None) -> None:
        self._settings, self._inbox, self._secrets, self._meters, self._ops_port = settings, inbox, secrets, meters, ops_port
        self._allowed = [ipaddress.ip_network(network, strict=False) for network in settings.allow]
        token = settings.token.get_secret_value() if settings.token else ""
        self._token = digest(token) if token else None
        self._commit = GroupCommit(inbox, meters)
        self._edge = Edge(inbox)
        self._bucket = TokenBucket(settings.rate, time.monotonic())

    @asynccontextmanager
    async def life(self, _: object) -> AsyncIterator[None]:
        """From the start to the end of the application: what waits at its end is stored."""
        forgetting = asyncio.create_task(self._forget_daily())
        try:
            yield
        finally:
            forgetting.cancel()
            with suppress(asyncio.CancelledError):
                await forgetting
            await self._commit.close()

    async def __call__(self, scope: Scope, receive: Reading, send: Send) -> None:
        """Answer one request, count it and log it."""
        began = time.perf_counter()
        request = Request(scope, receive)
        route = "-"
        try:
            route, response = await self._answer(request)
        except Exception as fault:  # its text may hold what must not be logged
            log.error("a request could not be answered: %s", type(fault).__name__)
            response = _said(500, "something went wrong\n")
        await response(scope, receive, send)
        self._meters.answered.labels(route, response.status_code).inc()
        if log.isEnabledFor(logging.INFO):
            method = request.method if request.method in METHODS else "-"
            size, milliseconds = len(scope["query_string"]), (time.perf_counter() - began) * 1000
            address = client_address(scope) or "-"
            log.info("%s %s %d %d bytes %.1f ms %s", method, route, response.status_code, size, milliseconds, address)

    async def _answer(self, request: Request) -> tuple[str, Response]:
        """The route's name, for the log, and the answer."""
        path = request.scope["path"]
        local = self._ops_port is not None and (request.scope.get("server") or ("", None))[1] == self._ops_port
        if path in ("/healthz", "/metrics") and request.method in ("GET", "HEAD"):
            if local or self._has_token(request):
                return path, await (self._health() if path == "/healthz" else self._metrics())
        elif local:
            pass
        elif path.startswith(CALLBACKS):
            response = await self._callback(request, path.removeprefix(CALLBACKS))
            return ("/callbacks/…" if response.status_code != 404 else "-"), response
        elif path.startswith(PREFIX) and self._has_token(request) and self._edge.knows(path):
            return path, await self._edge.answer(request)
        return "-", _said(404, "not found\n")

    async def _callback(self, request: Request, secret: str) -> Response:
        known = self._secrets.knows(secret)
        if not (known and request.method in ("GET", "HEAD") and self._is_allowed(request.scope)):
            return _said(404, "not found\n")
        if request.method == "HEAD" or _is_prefetch(request):
            return Response(status_code=204, headers=NO_STORE)
        query = percent_encoded(request.scope["query_string"]).decode("ascii")
        if not query:
            return _said(200, READY)
        if len(query) > self._settings.max_size:
            log.warning("a callback of %d bytes was refused; receive.max_size is %d", len(query), self._settings.max_size)
            return _said(414, "too long\n")
        if not self._bucket.take(time.monotonic()):
            return _said(429, "too many at once, call again\n", retry_after=1)
        try:
            await self._commit.store(query)
        except SyncError:
            return _said(503, "not stored, call again\n", retry_after=5)
        return _said(200, "stored\n")

    def _is_allowed(self, scope: Scope) -> bool:
        if not self._allowed:
            return True
        address = client_address(scope)
        return address is not None and any(address in network for network in self._allowed)

    def _has_token(self, request: Request) -> bool:
        kind, _, given = request.headers.get("authorization", "").partition(" ")
        right = hmac.compare_digest(digest(given.strip()), self._token or b"")
        return self._token is not None and kind.lower() == "bearer" and right

    async def _health(self) -> Response:
        if await self._commit.works():
            return _said(200, "ok\n")
        return _said(503, f"{self._commit.fault}\n")

    async def _metrics(self) -> Response:
        try:
            waiting: float = await asyncio.to_thread(self._inbox.waiting)
        except SyncError:
            waiting = math.nan
        return Pieces(self._meters.text(waiting), 200, NO_STORE, CONTENT_TYPE)

    async def _forget_daily(self) -> None:
        with suppress(SyncError):
            last = await asyncio.to_thread(self._last)
            if math.isnan(self._meters.last):  # none was stored meanwhile
                self._meters.last = last
        while True:
            before = datetime.now(UTC) - timedelta(days=self._settings.keep)
            try:
                forgotten = 0
                while count := await asyncio.to_thread(self._inbox.forget, before):
                    forgotten += count
                    await asyncio.sleep(BREATH)
                log.info("%d callbacks were forgotten that were acknowledged and %d days old", forgotten, self._settings.keep)
            except SyncError as fault:
                log.warning("old callbacks were not forgotten; it is tried again tomorrow: %s", fault)
            await asyncio.sleep(DAY)

    def _last(self) -> float:
        newest = self._inbox.page(0, 1).newest
        page = self._inbox.page(newest - 1, 1)
        return page.callbacks[-1].received_at.timestamp() if page.callbacks else math.nan


def client_address(scope: Scope) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """Who asks. A proxy may have written anything, so what is no address is `None`; IPv4 in IPv6 is IPv4."""
    try:
        address = ipaddress.ip_address((scope.get("client") or ("",))[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def _is_prefetch(request: Request) -> bool:
    said = " ".join(request.headers.get(name, "") for name in PREFETCH_HEADERS).lower()
    return any(word in said for word in PREFETCH_WORDS)


def _said(status: int, text: str, *, retry_after: int | None = None) -> Response:
    headers = NO_STORE if retry_after is None else NO_STORE | {"retry-after": str(retry_after)}
    return PlainTextResponse(text, status, headers)
