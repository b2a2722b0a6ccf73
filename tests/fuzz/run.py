"""A long fuzzing run: each target for its share of the time, one after the other.

    python -m tests.fuzz.run --minutes 30
    python -m tests.fuzz.run --minutes 5 --only csv callback

Guided by coverage where Atheris can be imported (`make fuzz` installs it beside the project), else by mutating the samples: it
says which. Findings are written into `tests/fuzz/findings/TARGET/`; one that is mended goes to `corpus/TARGET/`, where every
test run tries it again. Ends with 1 if there was a finding.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
FINDINGS = HERE / "findings"
TOO_LONG = 20  # seconds for one input
MEMORY = 2048  # MB
RUNS = re.compile(r"Done (\d+) runs|stat::number_of_executed_units: (\d+)|^#(\d+)\s", re.MULTILINE)


def _keep(target: str, data: bytes) -> None:
    """Keep what was found."""
    (FINDINGS / target).mkdir(parents=True, exist_ok=True)
    (FINDINGS / target / hashlib.sha256(data).hexdigest()[:16]).write_bytes(data)


def guided(target: str, seconds: int, arguments: list[str]) -> None:
    """In this process: fuzz one target until the time is over, as libFuzzer's arguments say."""
    import atheris  # type: ignore[import-untyped,import-not-found,unused-ignore]  # beside the project, and only for this

    with atheris.instrument_imports(include=["sync_connector"]):
        from tests.fuzz.targets import TARGETS
    folder = Path(tempfile.mkdtemp(prefix="sc-fuzz-"))

    def one(data: bytes) -> None:
        try:
            TARGETS[target](data, folder)
        except BaseException:
            _keep(target, data)
            raise

    try:
        atheris.Setup([sys.argv[0], f"-max_total_time={seconds}", *arguments], one)
        atheris.Fuzz()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def by_coverage(target: str, seconds: int) -> tuple[int, int]:
    """How often a target was run, and how many findings there were. After each it goes on with what is left of the time."""
    from tests.fuzz.seeds import seeds

    runs = found = 0
    ends = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="sc-fuzz-") as folder:
        known = Path(folder) / "corpus"
        known.mkdir()
        for number, seed in enumerate(seeds(target)):
            (known / f"seed-{number}").write_bytes(seed)
        kept = FINDINGS / target
        kept.mkdir(parents=True, exist_ok=True)
        while (left := int(ends - time.monotonic())) > 1 and found < 20:
            words = [str(known), f"-artifact_prefix={kept}/", f"-timeout={TOO_LONG}", f"-rss_limit_mb={MEMORY}", "-max_len=30000"]
            command = [sys.executable, "-m", "tests.fuzz.run", "--guided", target, str(left), *words, "-print_final_stats=1"]
            ended = subprocess.run(command, capture_output=True, check=False, cwd=HERE.parents[1])
            said = ended.stderr.decode(errors="replace") + ended.stdout.decode(errors="replace")
            runs += max((int(next(filter(None, match))) for match in RUNS.findall(said)), default=0)
            if ended.returncode == 0:
                break
            found += 1
            (kept / f"said-{found}.txt").write_text(said[-6_000:])
    return runs, found


def by_mutation(target: str, seconds: int) -> tuple[int, int]:
    """The same without coverage."""
    from tests.fuzz.seeds import mutated, seeds
    from tests.fuzz.targets import TARGETS

    begun, runs, found = time.monotonic(), 0, 0
    beginnings, chance = seeds(target), random.Random(time.time_ns())
    with tempfile.TemporaryDirectory(prefix="sc-fuzz-") as folder:
        while time.monotonic() - begun < seconds and found < 20:
            data = mutated(chance.choice(beginnings), chance, beginnings)
            before = time.monotonic()
            try:
                TARGETS[target](data, Path(folder))
                assert time.monotonic() - before < TOO_LONG, "too slow"
            except BaseException as fault:
                if isinstance(fault, KeyboardInterrupt):
                    raise
                found += 1
                _keep(target, data)
                (FINDINGS / target / f"said-{found}.txt").write_text("".join(traceback.format_exception(fault)))
            runs += 1
    return runs, found


def main() -> int:
    """Fuzz, and print a line a target."""
    from tests.fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10, help="for all targets together")
    parser.add_argument("--only", nargs="+", choices=sorted(TARGETS), default=list(TARGETS), metavar="TARGET")
    chosen = parser.parse_args()
    coverage = importlib.util.find_spec("atheris") is not None
    seconds = max(2, int(chosen.minutes * 60 / len(chosen.only)))
    guide = "guided by coverage (Atheris)" if coverage else "without coverage (Atheris is not installed): mutated samples"
    print(f"{len(chosen.only)} targets, {seconds} s each, {guide}", flush=True)
    total = 0
    for target in chosen.only:
        runs, found = (by_coverage if coverage else by_mutation)(target, seconds)
        print(f"{target:<26}{runs:>12,} runs{found:>6} finding{'' if found == 1 else 's'}", flush=True)
        total += found
    return 1 if total else 0


if __name__ == "__main__":
    if sys.argv[1:2] == ["--guided"]:
        words: Any = sys.argv[2:]
        guided(words[0], int(words[1]), words[2:])
    sys.exit(main())
