"""What the worst night of a vendor costs a first sync, beside the same sync with nothing going wrong, in one sitting.

    python bench/faults.py                   100,000 contacts
    python bench/faults.py --rows 10000      a quick look

The vendor is the sandbox in a process of its own, once as it is and once with the schedule `worst_night.toml`. Where something
goes wrong a run may end early or leave contacts unknown; as an operator would, it is started again until one finishes with
nothing left to do, and once more. Then the vendor must hold what it holds without faults, number by number and field by field,
the ledger must say so too, and the last run must have made no request: else this ends with exit code 1. It never does for being
slow.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from run import SYNC_TOML, Vendor, Wrong, connector, environment, machine, made, must, point, sandbox

HERE = Path(__file__).resolve().parent
SCHEDULE = HERE / "worst_night.toml"
IMPATIENT = 'base_url = "${BENCH_URL}"\ntimeout = 3'
RUNS_LIMIT = 60


@dataclass
class Course:
    """What it took until nothing was left to do: the exit codes of the runs, the last of them silent, and all at the vendor."""

    seconds: float = 0.0
    exits: list[int] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    times: Counter[int] = field(default_factory=Counter)

    @property
    def taken(self) -> int:
        """How many contacts the vendor took, each time counted."""
        return sum(times * count for times, count in self.times.items())

    @property
    def met(self) -> Counter[str]:
        """How many requests met each fault."""
        return Counter(str(post["fault"]).partition("=")[0] for post in self.posts if post.get("fault"))


def course(folder: Path, day: Path, vendor: Vendor) -> Course:
    """Sync until a run has nothing to do."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "sync.toml").write_text(SYNC_TOML.replace('base_url = "${BENCH_URL}"', IMPATIENT), encoding="utf-8")
    point(folder / "contacts.csv", day)
    done = Course()
    posts = 1
    while posts:
        must("runs are enough", len(done.exits) < RUNS_LIMIT, True)
        begun = time.perf_counter()
        ended = subprocess.run(
            connector("sync", "--json"), check=False, cwd=folder, env=environment(vendor.url), capture_output=True, text=True
        )
        done.seconds += time.perf_counter() - begun
        done.exits.append(ended.returncode)
        print(
            f"  exit {ended.returncode}: {ended.stderr.strip().splitlines()[-1] if ended.stderr.strip() else 'finished'}",
            file=sys.stderr,
        )
        if ended.returncode not in (0, 3):
            must(f"exit code of a run cut short ({ended.stderr[-500:]})", ended.returncode in (1, 2), True)
            continue
        said = json.loads(ended.stdout)
        posts = said["posts"]
    must("the last run's exit code", done.exits[-1], 0)
    done.posts = asked(vendor, "requests")
    for contact in asked(vendor, "contacts"):
        done.times[contact.pop("times")] += 1
        done.contacts[contact.pop("phone_number")] = contact
    with closing(sa.create_engine(f"sqlite:///{folder / 'ledger.db'}").connect()) as ledger:
        query = "SELECT phone_number FROM contacts WHERE state IN ('accepted', 'warned')"
        must("what the ledger calls accepted", set(ledger.scalars(sa.text(query))), set(done.contacts))
    return done


def asked(vendor: Vendor, what: str) -> list[dict[str, Any]]:
    """A look behind the scenes."""
    with urllib.request.urlopen(f"{vendor.url}/_sandbox/{what}", timeout=120) as answer:
        return list(json.load(answer))


def show(rows: int, quiet: Course, worst: Course) -> None:
    """What it came to."""
    print(
        f"\n{rows:,} contacts, {len(quiet.contacts):,} of them without a fault of their own: the vendor has the same both times"
    )
    print(f"{'':34}{'no faults':>12}{'worst night':>14}")
    lines: list[tuple[str, float, float]] = [
        ("runs, the silent one included", len(quiet.exits), len(worst.exits)),
        ("requests", len(quiet.posts), len(worst.posts)),
        ("… more than without faults", 0, len(worst.posts) - len(quiet.posts)),
        ("… that met a fault", quiet.met.total(), worst.met.total()),
        ("contacts taken by the vendor", quiet.taken, worst.taken),
        ("… more than once each", quiet.taken - len(quiet.contacts), worst.taken - len(worst.contacts)),
        ("most often one contact", max(quiet.times), max(worst.times)),
    ]
    for name, without, with_ in lines:
        print(f"{name:34}{without:12,}{with_:14,}")
    print(f"{'seconds':34}{quiet.seconds:12.1f}{worst.seconds:14.1f}   {worst.seconds / quiet.seconds:.1f} ×")
    print(f"exit codes: {' '.join(map(str, worst.exits))}")
    print("faults met: " + ", ".join(f"{name} {count}" for name, count in worst.met.most_common()))


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE / "out")
    given = parser.parse_args()
    folder = given.out / "faults"
    folder.mkdir(parents=True, exist_ok=True)
    day = given.out / f"contacts-{given.rows}.csv"
    made(day, str(given.rows))
    try:
        print("no faults …", file=sys.stderr)
        with sandbox(environment()) as vendor:
            quiet = course(folder / "quiet", day, vendor)
        must("runs without faults", quiet.exits, [0, 0])
        schedule = folder / "worst_night.toml"
        poisoned = sorted(quiet.contacts)[len(quiet.contacts) // 3]
        schedule.write_text(SCHEDULE.read_text(encoding="utf-8").replace("${POISONED}", poisoned), encoding="utf-8")
        print("worst night …", file=sys.stderr)
        with sandbox(environment(), "--faults", str(schedule), "--seed", str(given.seed)) as vendor:
            worst = course(folder / "worst", day, vendor)
        must("what the vendor holds", worst.contacts == quiet.contacts, True)
    except Wrong as wrong:
        sys.exit(f"wrong: {wrong}")
    print(json.dumps(machine()))
    show(given.rows, quiet, worst)


if __name__ == "__main__":
    main()
