"""The crash sweep: a scenario is run to its end once, and again killed at each fault point that it reaches, each time resumed;
the end states must be identical.

    python -m tests.faults.sweep [--postgres URL] [--really | --lost] [--once] [SCENARIO …]

A death is an exception that no code catches, after which every further point raises it again: nothing that the dying program
still does can last. `--really`: a process of its own that ends at the point without another instruction (slower). `--lost`:
nobody dies, but the ledger's connections do.
"""

from __future__ import annotations

import argparse
import secrets
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from sync_connector import fault_points
from tests.conftest import run_at
from tests.faults.scenarios import SCENARIOS, Scenario
from tests.faults.world import Failed, Town, World, town

ROOT = Path(__file__).parent.parent.parent


class Death(BaseException):
    """The process died here."""


class Deadly:
    """A listener that lets the program die at the n-th point (the first is 1); 0: never, it only counts."""

    def __init__(self, at: int = 0, ignored: tuple[str, ...] = ()) -> None:
        self.at, self.reached, self.dead, self._ignored = at, list[str](), False, ignored
        self._lock = threading.Lock()

    def __call__(self, name: str) -> None:
        if name.startswith(self._ignored):
            return
        with self._lock:
            if self.dead:
                raise Death(name)
            self.reached.append(name)
            self.dead = len(self.reached) == self.at
        if self.dead:
            raise Death(name)


class Losing:
    """A listener that cuts every connection to the ledger's PostgreSQL at the n-th point."""

    def __init__(self, at: int, ledger: str, ignored: tuple[str, ...] = ()) -> None:
        self.at, self._ignored, self._count, self._lock = at, ignored, 0, threading.Lock()
        self._url = sa.make_url(ledger)

    def __call__(self, name: str) -> None:
        if name.startswith(self._ignored):
            return
        with self._lock:
            self._count += 1
            cut = self._count == self.at
        if cut:
            mine = f"datname = '{self._url.database}' AND pid <> pg_backend_pid()"
            every = f"SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE {mine}"
            run_at(self._url.set(database="postgres"), every)


@dataclass
class Swept:
    """What a scenario's sweep came to."""

    scenario: str
    points: Counter[str] = field(default_factory=Counter)
    runs: int = 0
    differences: list[str] = field(default_factory=list)
    seconds: float = 0.0


@contextmanager
def prepared(scenario: Scenario, folder: Path, ledger: str, at: Town) -> Iterator[World]:
    """The company before the scenario. `ledger`: the URL of a PostgreSQL server, or blank for SQLite."""
    (folder / "base").mkdir(parents=True)
    url = f"sqlite:///{folder / 'base' / 'ledger.db'}"
    if ledger:
        server = sa.make_url(ledger).set(drivername="postgresql+psycopg")
        name = f"sweep_{secrets.token_hex(6)}"
        run_at(server.set(database="postgres"), f"CREATE DATABASE {name}", f"ALTER DATABASE {name} SET synchronous_commit = off")
        url = server.set(database=name).render_as_string(hide_password=False)
    with World(folder / "base", url, at) as world:
        scenario.prepare(world)
    yield world
    world.remove()


def lost(world: World, scenario: Scenario, at: int) -> list[str]:
    """The scenario, whose ledger is cut off at that point; what a person would not have understood."""
    world.failing = True
    try:
        with fault_points.told(Losing(at, world.ledger_url, scenario.ignored)):
            scenario.act(world)
    except Failed:
        pass
    except Exception as fault:
        return [f"a traceback: {fault!r}"]
    finally:
        world.failing = False
    return []


def died(world: World, scenario: Scenario, at: int) -> Deadly:
    """The scenario, dead at that point."""
    listener = Deadly(at, scenario.ignored)
    with fault_points.told(listener), suppress(Death):
        scenario.act(world)
    return listener


def really_died(world: World, scenario: Scenario, at: int) -> None:
    """The same as a process that is gone from one instruction to the next; vendor and web service are ours."""
    words = [sys.executable, "-m", "tests.faults.dying", scenario.name, str(world.folder), world.ledger_url, world.town.address]
    done = subprocess.run([*words, str(at)], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 137, f"{scenario.name} did not die at {at}: {done.returncode}: {done.stderr[-2000:]}"


def sweep(scenario: Scenario, folder: Path, ledger: str, at: Town, how: str = "die", known: set[str] | None = None) -> Swept:
    """Kill the scenario at every point in turn; with `known`, at those of another name, where it comes to one first, and they are
    known then. `how`: it dies, dies `really`, or its connections to the ledger are `lost`."""
    begun, told = time.monotonic(), Swept(scenario.name)
    with prepared(scenario, folder, ledger, at) as base:
        with base.copied(folder / "world") as world:
            names = died(world, scenario, 0).reached
            scenario.again(world)
            wanted = world.state()
        world.remove()
        told.points = Counter(names)
        places = list(range(1, len(names) + 1))
        if known is not None:
            places = [place for place in places if names[place - 1] not in {*known, *names[: place - 1]}]
            known |= set(names)
        for place in places:
            faults: list[str] = []
            with base.copied(folder / "world") as world:
                if how == "really":
                    really_died(world, scenario, place)
                elif how == "lost":
                    faults = lost(world, scenario, place)
                else:
                    listener = died(world, scenario, place)
                    assert listener.reached == names[:place], f"{scenario.name} goes another way: {listener.reached[-3:]}"
                    assert listener.dead, f"{scenario.name} did not die at {names[place - 1]}"
                scenario.again(world)
                told.runs += 1
                told.differences += [f"{place} {names[place - 1]}: {one}" for one in faults + different(wanted, world.state())]
            world.remove()
    told.seconds = time.monotonic() - begun
    return told


def different(wanted: dict[str, Any], found: dict[str, Any], path: str = "") -> list[str]:
    """Where two states differ."""
    told = []
    for name in sorted({*wanted, *found}, key=str):
        one, other = wanted.get(name), found.get(name)
        if isinstance(one, dict) and isinstance(other, dict):
            told += different(one, other, f"{path}{name} ")
        elif isinstance(one, list) and isinstance(other, list):
            missing, more = Counter(map(str, one)) - Counter(map(str, other)), Counter(map(str, other)) - Counter(map(str, one))
            told += [f"{path}{name}: missing {row}" for row in missing] + [f"{path}{name}: too many {row}" for row in more]
        elif one != other:
            told.append(f"{path}{name}: {one!r} became {other!r}")
    return told


def sweep_all(wanted: Sequence[str], ledger: str = "", how: str = "die", *, once: bool = False) -> list[Swept]:
    """The sweeps of these scenarios, or of all that can be had in this way."""
    chosen = [scenario for scenario in SCENARIOS if not wanted or scenario.name in wanted]
    if how == "really":
        chosen = [one for one in chosen if one.by_command]
    elif how == "lost":
        chosen = [one for one in chosen if one.any_ledger]
    known = set[str]() if once else None
    with tempfile.TemporaryDirectory(prefix="sweep-") as folder, town() as at:
        return [
            sweep(one, Path(folder) / one.name.replace(" ", "-"), ledger if one.any_ledger else "", at, how, known)
            for one in chosen
        ]


def main() -> int:
    """Sweep, show, and fail where there is a difference."""
    parser = argparse.ArgumentParser(prog="python -m tests.faults.sweep", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("scenario", nargs="*", help=", ".join(scenario.name for scenario in SCENARIOS))
    parser.add_argument("--postgres", default="", metavar="URL", help="a server for the ledgers; else they are files")
    parser.add_argument("--really", action="store_const", const="really", dest="how", help="end a process of its own each time")
    parser.add_argument("--lost", action="store_const", const="lost", dest="how", help="cut the ledger's connections instead")
    parser.add_argument("--once", action="store_true", help="each point only where it is met first")
    asked = parser.parse_args()
    if asked.how == "lost" and not asked.postgres:
        parser.error("--lost is about a server: name it with --postgres")
    swept = sweep_all(asked.scenario, asked.postgres, asked.how or "die", once=asked.once)
    table = Table("scenario", "points", "reached", "runs", "differences", "seconds", title="crash sweep")
    for one in swept:
        row = (len(one.points), one.points.total(), one.runs, len(one.differences))
        table.add_row(one.scenario, *map(str, row), f"{one.seconds:.1f}")
    points = sum((one.points for one in swept), Counter[str]())
    sums = (len(points), points.total(), sum(one.runs for one in swept), sum(len(one.differences) for one in swept))
    table.add_row("all", *map(str, sums), f"{sum(one.seconds for one in swept):.1f}", style="bold")
    console = Console()
    console.print(table)
    for one in swept:
        for sentence in one.differences:
            console.print(f"{one.scenario}: {sentence}", markup=False)
    return 1 if sums[-1] else 0


if __name__ == "__main__":
    sys.exit(main())
