"""Calling back: each callback is rung at the callback URL, all at once or each at its time.

Law: the address that is called holds a secret: it is in no message, no count and no log (httpx would log a request's address;
it is given the host alone). A callback is rung once, as the vendor does, whatever the answer.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import ssl
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, tzinfo
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx

from sync_connector.errors import FixSetup
from sync_connector.sandbox.callbacks import Made
from sync_connector.sandbox.following import Due, follow
from sync_connector.sandbox.vendor import TakenCall, TakenMessage

TIMEOUT = 5.0
"""Seconds in which the vendor wants its answer."""
ANSWER_LIMIT = 65_536


class Rung(NamedTuple):
    """How callbacks were answered: how many by what they were, and by their answer (a status, or words where none came)."""

    whats: Mapping[str, int]
    answers: Mapping[str, int]

    @property
    def sent(self) -> int:
        """All of them."""
        return sum(self.answers.values())


def ring(url: str, made: Iterable[Made], *, connections: int = 8) -> Rung:
    """Call back: GET each, in their order on each of the connections, once, and wait for the answer as long as the vendor does.

    `url` is the callback URL, which the queries are appended to. Raises `FixSetup`.
    """
    origin, path = _parted(url)
    return asyncio.run(_ring(origin, path, iter(made), connections))


def _parted(url: str) -> tuple[str, bytes]:
    """Scheme and host, and the path that holds the secret. No fault repeats the URL."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise FixSetup("the callback URL is not an address; write https://…/callbacks/…") from None
    if parts.scheme not in ("http", "https") or not host:
        raise FixSetup("the callback URL is not an address; write https://…/callbacks/…")
    if parts.scheme == "http" and host not in ("localhost", "127.0.0.1", "::1"):
        raise FixSetup("the callback URL: http:// would send its secret in clear; only this machine may be called that way")
    if "?" in url or "#" in url:
        raise FixSetup("the callback URL has a ? or # in it; the vendor appends ?parameter=…, so its secret must be in the path")
    if parts.username or parts.password:
        raise FixSetup("the callback URL: credentials do not belong in it")
    if not re.fullmatch("[\x21-\x7e]*", parts.path):
        raise FixSetup("the callback URL has signs in its path that must be percent-encoded")
    host = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{host}{'' if port is None else f':{port}'}/", (parts.path or "/").encode("ascii")


async def _ring(origin: str, path: bytes, made: Iterator[Made], connections: int) -> Rung:
    whats: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    verified = httpx.create_ssl_context()

    async def one_connection() -> None:
        async with _client(origin, verified, connections=1) as client:
            for callback in made:
                whats[callback.what] += 1
                answers[await _answer(client, origin, b"%s?%s" % (path, callback.query.encode("ascii")))] += 1

    async with asyncio.TaskGroup() as group:
        for _ in itertools.repeat(None, connections):
            group.create_task(one_connection())
    return Rung(dict(whats), dict(answers))


def _client(origin: str, verified: ssl.SSLContext, connections: int) -> httpx.AsyncClient:
    # A connection is not used again after a second: whoever listens may be about to close it.
    limits = httpx.Limits(max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=1.0)
    through_proxy = origin.startswith("https:")  # a proxy would read the secret of anything else
    return httpx.AsyncClient(limits=limits, timeout=None, trust_env=through_proxy, verify=verified)  # noqa: S113 (_answer has the limit)


async def _answer(client: httpx.AsyncClient, origin: str, target: bytes) -> str:
    """The status of the answer, or in words why there is none."""
    try:
        async with asyncio.timeout(TIMEOUT), client.stream("GET", origin, extensions={"target": target}) as response:
            read = 0
            async for piece in response.aiter_raw():
                if (read := read + len(piece)) > ANSWER_LIMIT:
                    break
            return str(response.status_code)
    except TimeoutError:
        return "no answer in time"
    except httpx.ConnectError as fault:
        return "its TLS certificate is not trusted" if "CERTIFICATE" in str(fault).upper() else "no connection"
    except (httpx.HTTPError, httpx.StreamError, ssl.SSLError):
        return "the connection was cut"


class Following:
    """Calls back about what a vendor takes, each callback at its time, in a thread of its own: to be told takes no time.

    `now` may run ahead of the clock: what is due then is rung at once. `answers` counts what was answered, as `Rung` does.
    """

    def __init__(self, url: str, *, seed: int, zone: tzinfo, now: Callable[[], datetime], connections: int) -> None:
        self._origin, self._path = _parted(url)
        self._seed, self._zone, self._now = seed, zone, now
        self._loop = asyncio.new_event_loop()
        self._free = asyncio.Semaphore(connections)
        self._client = _client(self._origin, httpx.create_ssl_context(), connections)
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet = threading.Condition()
        self._waiting = 0
        self._ended = False
        self.answers: Counter[str] = Counter()

    def __call__(self, taken: TakenMessage | TakenCall) -> None:
        """The vendor took this."""
        with self._quiet:
            if self._ended:
                return
            self._waiting += 1
        self._loop.call_soon_threadsafe(self._schedule, taken)

    def wait(self, seconds: float) -> bool:
        """Until everything that follows from what was told so far is rung; false if it is not within so many seconds."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._waiting, seconds)

    def run(self) -> None:
        """Call back until `end`."""
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
            for task in self._tasks:
                task.cancel()
            self._loop.run_until_complete(asyncio.gather(*self._tasks, return_exceptions=True))
            self._loop.run_until_complete(self._client.aclose())
        finally:
            self._loop.close()

    def end(self) -> None:
        """No more calls; what is not due yet is never rung."""
        with self._quiet:
            self._ended = True
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _schedule(self, taken: TakenMessage | TakenCall) -> None:
        due = follow([taken], seed=self._seed, zone=self._zone)
        with self._quiet:
            self._waiting += len(due)
        for each in due:
            task = self._loop.create_task(self._ring(each))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        self._done()

    async def _ring(self, due: Due) -> None:
        await asyncio.sleep(max(0.0, (due.at - self._now()).total_seconds()))
        async with self._free:
            target = b"%s?%s" % (self._path, due.made.query.encode("ascii"))
            self.answers[await _answer(self._client, self._origin, target)] += 1
        self._done()

    def _done(self) -> None:
        with self._quiet:
            self._waiting -= 1
            self._quiet.notify_all()


@contextmanager
def following(
    url: str,
    *,
    seed: int,
    zone: tzinfo,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    connections: int = 8,
) -> Iterator[Following]:
    """Somebody who calls this URL back about what he is told of, while the block runs. Raises `FixSetup`."""
    made = Following(url, seed=seed, zone=zone, now=now, connections=connections)
    thread = threading.Thread(target=made.run, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.end()
        thread.join(timeout=10)
