"""What the pace costs a healthy vendor and saves a sick one: first syncs against the sandbox on a real port, its faults included.

    python bench/pace.py                            all weathers, once
    python bench/pace.py --other PATH --rounds 3    the same by another version of the program (its folder), in turns

Each is a whole process with an empty ledger. It is run again until it ends with 0, as an operator would; what is told is all of
it together. A count that is wrong ends the measurement with exit code 1.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import statistics
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from run import HERE, LOGIN, PASSWORD, SYNC_TOML, Ledger, environment, must, point
from run import made as made_file

RUNS = 20


class Weather(NamedTuple):
    """Contacts to send, and what the sandbox does meanwhile."""

    name: str
    contacts: int
    faults: tuple[str, ...] = ()


WEATHERS = [
    Weather("healthy", 100_000),
    Weather("healthy, each answer 0.05 s late", 100_000, ("latency=0.05",)),
    Weather("429 for 10 % of the requests", 20_000, ("429@0.1",)),
    Weather("429 with Retry-After 1 for 10 %", 20_000, ("429=1@0.1",)),
    Weather("413 above 40 kB, batches of 1,000", 20_000, ("413=40000",)),
    Weather("413 above 4 kB, batches of 100", 20_000, ("413=4000",)),
]


@contextmanager
def sandbox(faults: tuple[str, ...]) -> Iterator[str]:
    """The make-believe vendor on a free port, with its faults; its address."""
    words = [word for fault in faults for word in ("--fault", fault)]
    command = [sys.executable, "-u", "-m", "sync_connector", "sandbox", "--port", "0", *words]
    process = subprocess.Popen(command, env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        yield found[0]
    finally:
        process.terminate()
        process.wait(timeout=20)


def measure(weather: Weather, code: Path | None, out: Path) -> dict[str, object]:
    """One first sync in that weather."""
    day = out / f"contacts-{weather.contacts}.csv"
    holds = made_file(day, str(weather.contacts))
    good = weather.contacts - holds["bad_number"] - holds["blank_number"] - holds["shared_number"]
    folder = out / "pace"
    folder.mkdir(exist_ok=True)
    found = re.search(r"batches of ([\d,]+)", weather.name)
    size = int(found[1].replace(",", "")) if found else 100
    (folder / "sync.toml").write_text(SYNC_TOML.replace("[source]", f"batch_size = {size}\n\n[source]"))
    point(folder / "contacts.csv", day)
    Ledger(folder).empty()
    with sandbox(weather.faults) as url:
        env = environment(url) | ({"PYTHONPATH": str(code)} if code else {})
        command = [sys.executable, "-m", "sync_connector", "sync", "--json"]
        seconds, pace, used = 0.0, None, resource.getrusage(resource.RUSAGE_CHILDREN)
        codes: list[int] = []
        while not codes or (codes[-1] != 0 and len(codes) < RUNS):
            begun = time.perf_counter()
            done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False)
            seconds += time.perf_counter() - begun
            codes.append(done.returncode)
            if done.stdout.strip():
                pace = json.loads(done.stdout).get("pace", pace)
        spent = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu = round(spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime, 2)
        with urllib.request.urlopen(f"{url}/_sandbox/requests", timeout=60) as answer:
            requests = json.load(answer)
        with urllib.request.urlopen(f"{url}/_sandbox/contacts", timeout=60) as answer:
            must("contacts at the vendor", len(json.load(answer)), good)
    statuses = Counter(str(entry["status"]) for entry in requests)
    taken = sum(entry["contacts"] for entry in requests)
    return {
        "seconds": round(seconds, 2),
        "cpu": cpu,
        "requests": len(requests),
        **statuses,
        "taken": taken,
        "exits": codes,
        "pace": pace,
    }


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="First syncs against a sandbox that is well, and one that is not.")
    words.add_argument("--other", type=Path, help="the folder of another version of the program, measured in turns")
    words.add_argument("--rounds", type=int, default=1)
    words.add_argument("--only", default="", help="weathers with this in their name")
    words.add_argument("--out", type=Path, default=HERE / "out", help="where files are kept")
    given = words.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    os.environ |= {"SANDBOX_LOGIN": LOGIN, "SANDBOX_PASSWORD": PASSWORD}
    for weather in WEATHERS:
        if given.only not in weather.name:
            continue
        times: dict[str, list[float]] = {}
        for _ in range(given.rounds):
            versions = [("other", given.other.resolve())] if given.other else []
            for who, code in [*versions, ("this", None)]:
                told = measure(weather, code, out)
                print(f"{weather.name:36}{who:7}{json.dumps(told)}", flush=True)
                times.setdefault(who, []).append(float(str(told["seconds"])))
        if given.other:
            before, after = (statistics.median(times[who]) for who in ("other", "this"))
            print(f"{weather.name:36}medians {before:.2f} s and {after:.2f} s: this is {before / after:.2f} × as fast")


if __name__ == "__main__":
    main()
