"""How fast the receiver takes callbacks, and what it costs that each is on disk before it is acknowledged.

    python bench/callbacks.py                    every way three times in turns, five seconds each
    python bench/callbacks.py --seconds 1 --rounds 1     a quick look

The receiver and its caller are processes of their own, on this machine; the inbox is a new SQLite file in `bench/out`.
*Flat out*: 50 connections, each of which calls again as soon as it is answered. *At 200 a second*: an open loop; a callback is
due at its time whether the ones before it were answered or not, and its latency counts from when it was due. A connection
that is busy then is not waited for: another one is taken. Both are done with the receiver as it is, with SQLite's
`synchronous=OFF` (a power failure would lose what was acknowledged), and with a commit for each callback in place of the group
commit. Everything that was answered 200 must be in the inbox, else the measurement ends with exit code 1.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from unittest import mock

import sqlalchemy as sa

from sync_connector.config import Receive
from sync_connector.events import serving
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.secret_file import new_secret

OUT = Path(__file__).parent / "out" / "callbacks"
WAYS = {
    "durable": "group commit, synced",
    "unsynced": "group commit, not synced",
    "single": "a commit for each callback, synced",
}
CONNECTIONS = 50
RATE = 200
QUERY = (
    "call=%7B%22TITLE%22%3A%22INCOMING+CALL%22%2C%22PHONE_NUMBER%22%3A%22%2B336{:08d}%22%2C%22DURATION%22%3A%2200%3A01%3A02%22%7D"
)

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


# --- the receiver's process ---


def receive(way: str, settings: dict[str, object], number: int) -> None:
    """Serve on an inherited socket until a signal, in one of the ways."""
    append = Inbox.append

    def one_by_one(inbox: Inbox, arrivals: Sequence[tuple[datetime, str]]) -> int:
        return max([append(inbox, [arrival]) for arrival in arrivals], default=0)

    def unsynced(url: str) -> Inbox:
        inbox = open_inbox(url)
        inbox.engine.dispose()

        @sa.event.listens_for(inbox.engine, "connect")
        def _loosen(connection: object, _record: object) -> None:
            connection.execute("PRAGMA synchronous=OFF")  # type: ignore[attr-defined]

        return inbox

    if way == "single":
        mock.patch.object(Inbox, "append", one_by_one).start()
    if way == "unsynced":
        mock.patch.object(serving, "open_inbox", unsynced).start()
    serving.serve(Receive.model_validate(settings), [socket.socket(fileno=number)])


# --- the caller's process ---


async def ask(streams: Streams, path: str, number: int) -> None:
    """One callback; anything but 200 ends the measurement."""
    reader, writer = streams
    writer.write(f"GET {path}?{QUERY.format(number)} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 200 "):
        raise SystemExit(f"answered: {head[:40]!r}")
    await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r", 1)[0]))


async def flat_out(port: int, path: str, seconds: float) -> dict[str, float]:
    """Callbacks a second of 50 connections that call without a pause."""
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    begun = time.perf_counter()
    counts = [0] * CONNECTIONS

    async def call(which: int) -> None:
        while time.perf_counter() - begun < seconds:
            await ask(connections[which], path, counts[which])
            counts[which] += 1

    await asyncio.gather(*map(call, range(CONNECTIONS)))
    return {"count": sum(counts), "rate": sum(counts) / (time.perf_counter() - begun)}


async def open_loop(port: int, path: str, seconds: float) -> dict[str, float]:
    """Latencies, in milliseconds, of callbacks that come at their time."""
    free: list[Streams] = [await asyncio.open_connection("127.0.0.1", port) for _ in range(CONNECTIONS)]
    count = int(RATE * seconds)
    latencies: list[float] = []
    late: list[float] = []

    async def call(number: int, due: float) -> None:
        late.append(time.perf_counter() - due)
        streams = free.pop() if free else await asyncio.open_connection("127.0.0.1", port)
        await ask(streams, path, number)
        latencies.append((time.perf_counter() - due) * 1000)
        free.append(streams)

    begun, tasks = time.perf_counter() + 0.1, []
    for number in range(count):
        due = begun + number / RATE
        await asyncio.sleep(max(0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(call(number, due)))
    await asyncio.gather(*tasks)
    cuts = statistics.quantiles(latencies, n=100)
    told = {"p50": cuts[49], "p99": cuts[98], "max": max(latencies)}
    return told | {"count": count, "late_p99": statistics.quantiles(late, n=100)[98] * 1000}


# --- the measurement ---


def measured(way: str, how: str, seconds: float) -> dict[str, float]:
    """One way, once: a new inbox, a receiver, a caller."""
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    secret = new_secret(str(OUT / "secrets"))
    url = f"sqlite:///{OUT / 'inbox.db'}"
    settings = json.dumps({"secrets": str(OUT / "secrets"), "inbox": url, "rate": 1e9})
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        port, number = str(listening.getsockname()[1]), listening.fileno()
        words = [sys.executable, __file__, "--receive", way, settings, str(number)]
        receiver = subprocess.Popen(words, pass_fds=[number])
        try:
            words = [sys.executable, __file__, "--call", how, port, f"/callbacks/{secret}", str(seconds)]
            asked = subprocess.run(words, capture_output=True, text=True, check=False)
            if asked.returncode:
                raise SystemExit(asked.stderr)
            cpu = sum(os.times()[2:4])
            receiver.terminate()
            receiver.wait()
            cpu = sum(os.times()[2:4]) - cpu
        finally:
            receiver.kill()
    told: dict[str, float] = json.loads(asked.stdout)
    with closing(open_inbox(url)) as inbox:
        if inbox.waiting() != told["count"]:
            raise SystemExit(f"{told['count']:.0f} callbacks were answered 200, {inbox.waiting()} are in the inbox")
    return told | {"cpu_us": cpu / told["count"] * 1e6}


def warm(port: int) -> None:
    """Until the receiver answers: what is measured does not begin with its start."""
    with closing(socket.create_connection(("127.0.0.1", port))) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        connection.recv(1000)


def main() -> None:
    """Measure, and print a table."""
    if sys.argv[1:2] == ["--receive"]:
        receive(sys.argv[2], json.loads(sys.argv[3]), int(sys.argv[4]))
        return
    if sys.argv[1:2] == ["--call"]:
        warm(int(sys.argv[3]))
        call = {"flat_out": flat_out, "open_loop": open_loop}[sys.argv[2]]
        print(json.dumps(asyncio.run(call(int(sys.argv[3]), sys.argv[4], float(sys.argv[5])))))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    results: dict[str, dict[str, list[dict[str, float]]]] = {way: {"flat_out": [], "open_loop": []} for way in WAYS}
    print(f"load of this machine before: {os.getloadavg()[0]:.2f} on {os.cpu_count()} processors")
    for _ in range(given.rounds):
        for way, kinds in results.items():
            for how, runs in kinds.items():
                runs.append(measured(way, how, given.seconds))
    (OUT.parent / "callbacks.json").write_text(json.dumps(results, indent=1))

    def median(way: str, how: str, what: str) -> float:
        return statistics.median(run[what] for run in results[way][how])

    print("| | callbacks/s flat out | of durable | CPU µs each | p50 ms at 200/s | p99 ms | worst ms | caller late, p99 ms |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    for way, name in WAYS.items():
        rate = median(way, "flat_out", "rate")
        cells = [f"{rate:.0f}", f"{rate / median('durable', 'flat_out', 'rate'):.2f}", f"{median(way, 'flat_out', 'cpu_us'):.0f}"]
        cells += [f"{median(way, 'open_loop', what):.1f}" for what in ("p50", "p99", "max", "late_p99")]
        print(f"| {name} | {' | '.join(cells)} |")
    shutil.rmtree(OUT, ignore_errors=True)


if __name__ == "__main__":
    main()
