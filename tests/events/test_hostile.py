"""Ten thousand hostile requests at a receiver of its own process: no 5xx, no growth, and the vendor is answered all the while."""

from __future__ import annotations

import json
import random
import socket
import threading
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from pathlib import Path

from sync_connector.config import Receive
from sync_connector.events.inbox import open_inbox
from tests.events import runner
from tests.events.test_killed import ended, kept
from tests.events.wire import connect, get, read_reply

MANY = 10_000
THREADS = 4
WARM = 2_000
SLOW = 100
GROWTH = 8 << 20  # bytes: the allocator's; what leaks a kilobyte a request comes to as much
METHODS = [
    b"POST",
    b"PUT",
    b"DELETE",
    b"OPTIONS",
    b"TRACE",
    b"CONNECT",
    b"PATCH",
    b"HEAD",
    b"get",
    b"BREW",
    b"M" * 9_000,
    b"\xff",
]


class Stranger:
    """Makes hostile requests, the same ones for the same seed; those with the right secret are to be stored as they are."""

    def __init__(self, secret: str, seed: int) -> None:
        self._path, self._chance = f"/callbacks/{secret}".encode(), random.Random(seed)
        self._makers: list[Callable[[], bytes]] = [
            self.guessed,
            self.guessed,
            self.method,
            self.broken,
            self.headers,
            self.body,
            self.large,
            self.elsewhere,
            self.prefetched,
            self.payload,
            self.payload,
        ]
        self.stored: list[bytes] = []

    def request(self) -> bytes:
        """The next one."""
        return self._chance.choice(self._makers)()

    def _some(self, most: int) -> bytes:
        return self._chance.randbytes(self._chance.randrange(most))

    def guessed(self) -> bytes:
        """A secret that is none."""
        wrong = [b"", b"a" * 43, self._path[11:-1], self._path[11:].swapcase(), b"%00", b"..%2f..", b"' OR 1=1--", b"/" * 2_000]
        return get(b"/callbacks/" + self._chance.choice(wrong) + b"?call=1")

    def method(self) -> bytes:
        """A method that is none of ours."""
        return get(self._path + b"?call=1", method=self._chance.choice(METHODS))

    def broken(self) -> bytes:
        """What is no HTTP, or half of it."""
        whole = get(self._path + b"?x", b"Content-Length: 5", method=b"POST") + b"hello"
        cut = self._chance.randrange(len(whole))
        return self._chance.choice(
            [
                self._some(3_000) + b"\r\n\r\n",
                whole[:cut],
                whole[:cut] + self._some(50) + whole[cut:] + b"\r\n\r\n",
                b"\r\n" * 1_000,
                b"\0" * 5_000,
                b"GET / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + self._some(600),
                b"GET " + self._path + b"?x\r\n\r\n",
            ]
        )

    def headers(self) -> bytes:
        """Headers that are many, long or odd."""
        odd = self._chance.choice(
            [
                [b"X-%d: y" % n for n in range(800)],
                [b"Cookie: " + b"x" * 60_000],
                [b"X-Forwarded-For: " + b"1.2.3.4, " * 500, b"X-Forwarded-For: [::"],
                [b"Authorization: Bearer " + self._some(100).replace(b"\n", b"").replace(b"\r", b"").replace(b"\0", b"")],
                [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Key: x", b"Sec-WebSocket-Version: 13"],
                [b"Upgrade: h2c", b"Connection: Upgrade, HTTP2-Settings", b"HTTP2-Settings: AAMAAABkAAQAoAAAAAIAAAAA"],
                [b"Host: a", b"Host: b"],
                [b"Expect: 100-continue", b"Content-Length: 10"],
                [b"Content-Length: 99999999999999999999"],
                [b"Range: bytes=0-,0-,0-", b"Accept-Encoding: br;q=9e99"],
            ]
        )
        return get(self._chance.choice([b"/", b"/v1/inbox", b"/healthz"]), *odd)

    def body(self) -> bytes:
        """A body for whom nobody asked."""
        bomb = b"[" * 100_000 if self._chance.random() < 0.5 else b'{"a":' * 20_000
        return get(b"/v1/inbox/acknowledged", b"Content-Length: %d" % len(bomb), method=b"POST") + bomb

    def large(self) -> bytes:
        """A callback that is too large, a little or by far."""
        return get(self._path + b"?call=" + b"x" * self._chance.choice([65_531, 70_000, 82_000, 150_000]))

    def elsewhere(self) -> bytes:
        """A path that is none of ours, in any bytes."""
        return get(b"/" + self._some(200).replace(b"\n", b"") + self._chance.choice([b"", b"?" + b"&" * 5_000, b"/../" * 500]))

    def prefetched(self) -> bytes:
        """Nobody asked for it."""
        return get(self._path + b"?call=prefetched", self._chance.choice([b"Purpose: prefetch", b"Sec-Purpose: prefetch"]))

    def payload(self) -> bytes:
        """A callback with the right secret whose payload is poison for whoever reads it: it is stored as it is."""
        depth = self._chance.randrange(1, 3_000)
        poison = self._chance.choice(
            [
                b"[" * depth + b"]" * depth,
                b'{"a":' * (depth // 2),
                b"%00" * 100,
                bytes(byte for byte in self._some(2_000) if byte != 10),
                b"1" * 6_000,
                b"1e999999999",
                json.dumps({"title": "x" * 6_000}).encode(),
                "\u202e\ud7ff\uffff\U0010ffff".encode(),
                b"%25" * 2_000,
                b"'; DROP TABLE callbacks; --",
                b"<script>alert(1)</script>",
                b"=cmd|'/c calc'!A0",
                b"%",
                b"%f",
                b"&=&=;" * 1_000,
            ]
        )
        query = b"call=" + poison
        self.stored.append(query)
        return get(self._path + b"?" + query)


def resident(pid: int) -> int:
    """Bytes of memory that a process has."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) << 10
    raise AssertionError("no such process")


def answered(port: int, raw: bytes) -> int:
    """The status that came back, 0 if the connection was closed. What stops in the middle is not waited for."""
    with closing(connect(port)) as connection, suppress(ConnectionError):
        connection.sendall(raw)
        with suppress(OSError):  # closed already
            connection.shutdown(socket.SHUT_WR)
        return read_reply(connection, head=raw.startswith(b"HEAD")).status
    return 0


def answered_whole(port: int, target: bytes) -> int:
    """The status of a request whose client waits for the answer."""
    with closing(connect(port)) as connection:
        connection.sendall(get(target))
        return read_reply(connection).status


def attack(port: int, stranger: Stranger, count: int, statuses: Counter[int], call: Callable[[], None]) -> None:
    """So many requests, one after the other; after each twentieth, a real callback."""
    for number in range(count):
        statuses[answered(port, stranger.request())] += 1
        if number % 20 == 0:
            call()


def test_ten_thousand_hostile_requests(settings: Receive, secret: str, tmp_path: Path) -> None:
    """Sizes, encodings, nesting, NUL, wrong secrets and methods, broken HTTP, clients that never finish, more connections than
    allowed: no 5xx; after a warm-up memory grows by less than 8 MB; each real callback in between is answered 200 and stored;
    the poison that came with the right secret is stored as it was; nothing secret is in the log."""
    told: dict[str, object] = {"secrets": settings.secrets, "inbox": settings.inbox.get_secret_value()}
    told |= {"token": "a-token-that-nobody-guesses", "rate": 1e6, "connections": 50, "timeout": 3}
    log = tmp_path / "log"
    with closing(socket.create_server(("127.0.0.1", 0), backlog=1024)) as listening, ExitStack() as stack:
        port = listening.getsockname()[1]
        process = stack.enter_context(ended(runner.start(told, listening, log=log)))
        strangers = [Stranger(secret, seed) for seed in range(THREADS)]
        statuses: list[Counter[int]] = [Counter() for _ in range(THREADS)]
        slow: list[socket.socket] = []
        real: list[int] = []
        numbers = iter(range(MANY))
        over = threading.Event()

        def call() -> None:
            """The vendor, with the next callback."""
            real.append(answered_whole(port, f"/callbacks/{secret}?real={next(numbers)}".encode()))

        def dawdle() -> None:
            """Clients that begin and never finish; whoever was closed begins anew."""
            begun = [b"", b"GET /callb", get(b"/")[:-2], get(b"/", b"Content-Length: 9", method=b"POST")]
            while not over.wait(0.1):
                while len(slow) < SLOW:
                    slow.append(connect(port))
                    with suppress(ConnectionError):
                        slow[-1].sendall(begun[len(slow) % len(begun)])
                alive = []
                for each in slow:
                    try:
                        each.sendall(b"x")
                        alive.append(each)
                    except ConnectionError:
                        each.close()
                slow[:] = alive

        def wave(count: int) -> None:
            threads = [
                threading.Thread(target=attack, args=(port, stranger, count // THREADS, seen, call))
                for stranger, seen in zip(strangers, statuses, strict=True)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

        other = threading.Thread(target=dawdle)
        other.start()
        try:
            wave(WARM)
            before = resident(process.pid)
            wave(MANY - WARM)
            after = resident(process.pid)
        finally:
            over.set()
            other.join()
            for each in slow:
                each.close()
        process.terminate()
        assert process.wait(20) == 0
    total: Counter[int] = sum(statuses, Counter())
    assert total.total() == MANY
    assert set(total) <= {0, 200, 204, 400, 404, 414}, total
    assert after - before < GROWTH
    assert real == [200] * (MANY // 20)
    found: Counter[str] = Counter()
    cursor = 0
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        while callbacks := inbox.page(cursor, 1000).callbacks:
            found.update(each.query for each in callbacks)
            cursor = callbacks[-1].sequence
    assert [n for n in range(len(real)) if found.pop(f"real={n}", 0) != 1] == []
    sent = Counter(kept(query) for stranger in strangers for query in stranger.stored)
    assert sent - found == Counter(), "answered, and not stored as it was sent"
    logged = log.read_bytes()
    for hidden in (secret.encode(), b"Traceback", b"DROP TABLE", b"<script>", b"real=", b"MMM", b"\x00", b"\x1b"):
        assert hidden not in logged
