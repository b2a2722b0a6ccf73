"""What a sync costs, measured as whole processes against a bare `pandas.read_csv` of the same file, in one run.

    python bench/run.py                     a million contacts
    python bench/run.py --also 5000000      and five million
    python bench/run.py --profile           where the time of a first sync goes, per contact

Nothing here fails for being slow: the table says which bars hold. It does fail when a count is wrong: what is in the
files is known from their making.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LOGIN, PASSWORD = "bench@example.com", "bench"
ROUNDS = 3
UNCHANGED_BAR, NIGHT_BAR, MEMORY_BAR = 2.0, 3.0, 450.0

BARE_READ = """
import sys, time
import pandas
begun = time.perf_counter()
rows = 0
for chunk in pandas.read_csv(sys.argv[1], dtype=str, keep_default_na=False, na_filter=False, chunksize=50_000):
    rows += len(chunk)
print(rows, time.perf_counter() - begun)
"""

SYNC_TOML = """\
[vendor]
base_url = "${BENCH_URL}"
login = "${SANDBOX_LOGIN}"
password = "${SANDBOX_PASSWORD}"

[source]
name = "bench"
path = "contacts.csv"
mapping = "generic"
default_country = "FR"

[ledger]
url = "sqlite:///ledger.db"
"""


@dataclass
class Row:
    """One line of the table: what was run, how long it took each time, and the most memory that it ever had."""

    name: str
    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    vendor_cpu: list[float] = field(default_factory=list)
    peak_mb: float = 0.0

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)


@dataclass
class Size:
    """All that was measured of one file."""

    rows: int
    file_mb: float
    table: list[Row]
    pandas_reading_alone: list[float]


class Wrong(Exception):
    """A count, or an exit code, is not what it must be: the measurement is worth nothing."""


def must(what: str, is_: object, should: object) -> None:
    """Raise `Wrong` unless the two are equal."""
    if is_ != should:
        raise Wrong(f"{what}: is {is_}, should be {should}")


def must_be_near(what: str, is_: int, low: float, high: float) -> None:
    """Raise `Wrong` unless the number lies between the two."""
    if not low <= is_ <= high:
        raise Wrong(f"{what}: is {is_:,}, should be from {low:,.0f} to {high:,.0f}")


# --- processes -------------------------------------------------------------------------------------------------------


def timed(row: Row, command: list[str], folder: Path, environment: dict[str, str], vendor: Vendor | None = None) -> str:
    """Run a command to its end, add its cost to the row, and give what it printed. Raises `Wrong` if it failed.

    The peak is the kernel's own count for that process. (It starts from what the parent had when it forked, which is
    why this file imports nothing large.)
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        vendor_before = vendor.cpu() if vendor else 0.0
        begun = time.perf_counter()
        process = subprocess.Popen(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=err)
        try:
            _, status, used = os.wait4(process.pid, 0)
        except BaseException:
            process.kill()
            raise
        row.seconds.append(time.perf_counter() - begun)
        process.returncode = os.waitstatus_to_exitcode(status)
        row.cpu.append(used.ru_utime + used.ru_stime)
        row.vendor_cpu.append(vendor.cpu() - vendor_before if vendor else 0.0)
        unit = 1024 * 1024 if sys.platform == "darwin" else 1024
        row.peak_mb = max(row.peak_mb, used.ru_maxrss / unit)
        out.seek(0)
        err.seek(0)
        printed, said = out.read().decode(), err.read().decode(errors="replace")
    if process.returncode != 0:
        raise Wrong(f"{row.name}: exit code {process.returncode}\n{printed[-2000:]}\n{said[-4000:]}")
    return printed


@dataclass
class Vendor:
    """The sandbox, running."""

    pid: int
    url: str

    def cpu(self) -> float:
        """Seconds of processor that it has used, 0 where the system does not tell."""
        try:
            fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return 0.0
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def requests(self) -> tuple[int, int]:
        """How many requests it has had, and contacts in them."""
        with urllib.request.urlopen(f"{self.url}/_sandbox/requests", timeout=60) as answer:
            listed = json.load(answer)
        return len(listed), sum(entry["contacts"] for entry in listed)


@contextmanager
def sandbox(environment: dict[str, str], *words: str) -> Iterator[Vendor]:
    """The make-believe vendor on a free port, with these options, while the block runs."""
    command = [sys.executable, "-u", "-m", "sync_connector", "sandbox", "--port", "0", *words]
    process = subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        if found is None:
            raise Wrong(f"the sandbox did not say where it is: {line!r}")
        yield Vendor(process.pid, found[0])
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def environment(url: str = "") -> dict[str, str]:
    """The variables that commands get."""
    return os.environ | {"SANDBOX_LOGIN": LOGIN, "SANDBOX_PASSWORD": PASSWORD, "BENCH_URL": url}


# --- files -----------------------------------------------------------------------------------------------------------


def made(path: Path, *words: str) -> dict[str, int]:
    """A generated file, made if it is missing; what is in it."""
    beside = Path(f"{path}.json")
    generator = HERE / "generate.py"
    if not (path.exists() and beside.exists()):
        print(f"making {path.name} …", file=sys.stderr)
        subprocess.run([sys.executable, str(generator), *words, str(path)], check=True)
    told: dict[str, int] = json.loads(beside.read_text())
    return told


def point(link: Path, target: Path) -> None:
    """Let the source's path, which never changes, lead to another file."""
    fresh = link.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(target)
    os.replace(fresh, link)


class Ledger:
    """The SQLite file of a folder, and a copy of it as it was after the first sync."""

    def __init__(self, folder: Path) -> None:
        self._file, self._kept = folder / "ledger.db", folder / "ledger-after-first-sync.db"

    def empty(self) -> None:
        """As on the first day."""
        for suffix in ("", "-wal", "-shm"):
            Path(f"{self._file}{suffix}").unlink(missing_ok=True)

    def keep(self) -> None:
        """Remember how it is."""
        wal = Path(f"{self._file}-wal")
        if wal.exists() and wal.stat().st_size:
            raise Wrong("the sync left its write-ahead log unmerged")
        shutil.copyfile(self._file, self._kept)

    def kept(self) -> bool:
        """Whether an earlier run remembered it."""
        return self._kept.exists()

    def restore(self) -> None:
        """As it was when it was kept."""
        self.empty()
        shutil.copyfile(self._kept, self._file)


# --- measuring -------------------------------------------------------------------------------------------------------


def connector(*words: str) -> list[str]:
    """The command line of the program that is measured."""
    return [sys.executable, "-m", "sync_connector", *words]


def measure(rows: int, out: Path, rounds: int, *, skip_first_sync: bool) -> Size:
    """Everything about one size, in one run. Raises `Wrong`."""
    day, night = out / f"contacts-{rows}.csv", out / f"night-{rows}.csv"
    holds, tonight = made(day, str(rows)), made(night, "--night", str(day))
    folder = out / f"run-{rows}"
    folder.mkdir(exist_ok=True)
    (folder / "sync.toml").write_text(SYNC_TOML)
    ledger = Ledger(folder)
    bare = Row("a  pandas.read_csv, nothing else")
    first_plan = Row("b  first plan, empty ledger")
    first_sync = Row("c  first sync of everything")
    plan_again = Row("d  plan, nothing changed")
    sync_again = Row("e  sync, nothing changed")
    one_night = Row("f  sync, 1 % changed, 0.1 % gone")
    alone: list[float] = []
    rejected = holds["bad_number"] + holds["blank_number"]
    good = rows - rejected - holds["shared_number"]
    first = {"read": rows, "unchanged": 0, "to_send": good, "rejected": rejected, "held": holds["shared_number"], "in_doubt": 0}
    settled = first | {"unchanged": good, "to_send": 0}

    def read_bare() -> None:
        count, seconds = timed(bare, [sys.executable, "-c", BARE_READ, "contacts.csv"], folder, env).split()
        must("rows read by pandas", int(count), rows)
        alone.append(float(seconds))

    def run(row: Row, *words: str) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(timed(row, connector(*words, "--json"), folder, env, vendor))
        print(f"  {row.name}: {row.seconds[-1]:.2f} s", file=sys.stderr)
        return said

    with sandbox(environment()) as vendor:
        env = environment(vendor.url)
        point(folder / "contacts.csv", day)
        read_bare()  # the file is in the page cache from here on, for everyone
        for warming_up in (bare.seconds, bare.cpu, bare.vendor_cpu, alone):
            warming_up.clear()
        reuse = skip_first_sync and ledger.kept()
        if not reuse:
            ledger.empty()
            said = run(first_plan, "plan")
            must("first plan", said["rows"], first)
            must("invalid e-mails", said["codes"].get("#004", 0), holds["bad_email"])
        if skip_first_sync and not reuse:
            print("no ledger of an earlier run is here: only the first plan is measured", file=sys.stderr)
            rounds = 0
            read_bare()
        elif not reuse:
            said = run(first_sync, "sync")
            must("first sync", said["rows"], first)
            must("verdicts", said["verdicts"], {"sent": good, "accepted": good, "warned": 0, "refused": 0, "unknown": 0})
            must("what the vendor got", vendor.requests(), (said["posts"], good))
            ledger.keep()
        for _ in range(rounds):
            ledger.restore()
            read_bare()
            must("plan, nothing changed", run(plan_again, "plan")["rows"], settled)
            before = vendor.requests()
            said = run(sync_again, "sync")
            must("sync, nothing changed", (said["rows"], said["posts"], said["gone"]), (settled, 0, 0))
            must("what the vendor got of a sync with nothing to do", vendor.requests(), before)
            point(folder / "contacts.csv", night)
            said = run(one_night, "sync")
            point(folder / "contacts.csv", day)
            sent = said["rows"]["to_send"]
            must("rows of the night", said["rows"]["read"], tonight["rows"])
            must_be_near("contacts sent at night", sent, 0.9 * tonight["changed"], 1.05 * tonight["changed"] + 5)
            must_be_near("contacts gone at night", said["gone"], 0.9 * tonight["removed"] - 5, tonight["removed"])
            must("contacts accepted at night", said["verdicts"]["accepted"], sent)
            must("what the vendor got at night", vendor.requests(), (before[0] + said["posts"], before[1] + sent))
    table = [row for row in (bare, first_plan, first_sync, plan_again, sync_again, one_night) if row.seconds]
    return Size(rows, day.stat().st_size / 1e6, table, alone)


# --- telling ---------------------------------------------------------------------------------------------------------


def show(size: Size) -> list[dict[str, Any]]:
    """Print a size's table; the bars with what they come to."""
    bare = size.table[0].median
    print(f"\n{size.rows:,} contacts, {size.file_mb:.0f} MB")
    print(f"{'':36}{'seconds':>9}{'× (a)':>8}{'CPU s':>9}{'vendor CPU s':>14}{'peak MB':>9}{'times':>7}")
    for row in size.table:
        vendor = statistics.median(row.vendor_cpu)
        print(
            f"{row.name:36}{row.median:9.2f}{row.median / bare:8.2f}{statistics.median(row.cpu):9.2f}"
            f"{f'{vendor:.2f}' if vendor else '—':>14}{row.peak_mb:9.0f}{len(row.seconds):7}"
        )
    print(f"   of (a), reading alone, without starting Python and pandas: {statistics.median(size.pandas_reading_alone):.2f} s")
    ratios = {row.name[0]: row.median / bare for row in size.table}
    bars = [
        ("plan, nothing changed", ratios.get("d"), UNCHANGED_BAR, "×"),
        ("sync, nothing changed", ratios.get("e"), UNCHANGED_BAR, "×"),
        ("1 % night", ratios.get("f"), NIGHT_BAR, "×"),
        ("peak memory", max((row.peak_mb for row in size.table[1:]), default=None), MEMORY_BAR, "MB"),
    ]
    judged = []
    for name, value, limit, unit in bars:
        if value is not None:
            holds = value < limit if unit == "MB" else value <= limit
            shown = f"{value:.0f}" if unit == "MB" else f"{value:.2f}"
            print(f"   {'holds' if holds else 'MISSED':7} {name}: {shown} {unit}, the bar is {limit:g} {unit}")
            judged.append(
                {"rows": size.rows, "bar": name, "value": round(value, 3), "limit": limit, "unit": unit, "holds": holds}
            )
    return judged


def machine() -> dict[str, object]:
    """What the figures depend on."""
    packages = ("pandas", "pyarrow", "phonenumbers", "email-validator", "sync-connector")
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {"python": platform.python_version(), "cores": os.cpu_count(), "system": platform.system(), **versions}


def profile(rows: int, out: Path) -> None:
    """Print where the time of a first sync goes."""
    day = out / f"contacts-{rows}.csv"
    made(day, str(rows))
    folder = out / "profile"
    folder.mkdir(exist_ok=True)
    (folder / "sync.toml").write_text(SYNC_TOML)
    point(folder / "contacts.csv", day)
    Ledger(folder).empty()
    with sandbox(environment()) as vendor:
        subprocess.run([sys.executable, str(HERE / "stages.py"), str(rows)], cwd=folder, env=environment(vendor.url), check=True)


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description="What a sync costs, as a multiple of a bare pandas.read_csv of the same file.")
    words.add_argument("--rows", type=int, default=1_000_000, help="contacts in the file (default: a million)")
    words.add_argument("--also", type=int, help="measure a second size as well, each command once")
    words.add_argument("--skip-first-sync", action="store_true", help="go on from the ledger that an earlier run left")
    words.add_argument("--out", type=Path, default=HERE / "out", help="where files and results are kept")
    words.add_argument("--profile", action="store_true", help="only: where the time of a first sync of 100,000 goes")
    given = words.parse_args()
    out = given.out.resolve()
    out.mkdir(parents=True, exist_ok=True)
    try:
        if given.profile:
            profile(100_000, out)
            return
        sizes = [measure(given.rows, out, ROUNDS, skip_first_sync=given.skip_first_sync)]
        if given.also:
            sizes.append(measure(given.also, out, 1, skip_first_sync=given.skip_first_sync))
    except Wrong as wrong:
        sys.exit(f"the measurement failed: {wrong}")
    bars = [bar for size in sizes for bar in show(size)]
    result = {"machine": machine(), "sizes": [asdict(size) for size in sizes], "bars": bars}
    (out / "result.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
