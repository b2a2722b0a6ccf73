"""`python -m tests.proof`: the machine for as long as you like, or against the product broken on purpose."""

from __future__ import annotations

import json
import multiprocessing
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from tests.proof.mutations import MUTATIONS, ROOT, Mutation
from tests.proof.running import AT_ONCE, STEPS, play, play_all

PARTS_A_POOL = 80
"""Then its processes end, which grow with what they cache. A pool that renews its own, by `max_tasks_per_child`, hangs for good
(cpython issue 115634, from 3.11 on)."""
COPIED = ("sync_connector", "tests", "mappings", "sample_data", "pyproject.toml")

console = Console()


@click.command()
@click.option("--examples", default=2_000, show_default=True, help="How many.")
@click.option("--processes", default=os.cpu_count() or 1, show_default=True, help="How many at once.")
@click.option("--seed", type=int, help="Of the first few; the next few have the next. By default a new one.")
@click.option("--steps", default=STEPS, show_default=True, help="Of each example.")
@click.option("--shrink", is_flag=True, help="Look for the smallest program that shows a failure, which takes minutes.")
@click.option("--mutations", is_flag=True, help="Break the product on purpose, one mistake after the other, instead.")
@click.option("--only", default="", help="With --mutations: those in whose name this stands.")
@click.option("--with-tests", is_flag=True, help="With --mutations: run the tests that name the mistake as well.")
@click.option("--json", "as_json", is_flag=True, help="One object, and no progress.")
def main(
    examples: int,
    processes: int,
    seed: int | None,
    steps: int,
    shrink: bool,
    mutations: bool,
    only: str,
    with_tests: bool,
    as_json: bool,
) -> None:
    """Play the state machine: exit 1 if something does not hold, or if a mistake was not seen."""
    if mutations:
        sys.exit(_mutants(examples, 1 if seed is None else seed, steps, only, with_tests=with_tests))
    first = secrets.randbelow(1 << 31) if seed is None else seed
    if as_json:
        ended = play_all(examples, first, steps, shrink=shrink)
        click.echo(json.dumps(ended._asdict()))
        sys.exit(1 if ended.failure else 0)
    sys.exit(_long(examples, processes, first, steps, shrink=shrink))


def _long(examples: int, processes: int, first: int, steps: int, *, shrink: bool) -> int:
    parts = [min(AT_ONCE, examples - done) for done in range(0, examples, AT_ONCE)]
    console.print(f"{examples:,} examples of {steps} steps, {processes} at once, seeds {first} to {first + len(parts) - 1}")
    begun, played, failures = time.monotonic(), 0, []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("examples", total=examples)
        for start in range(0, len(parts), PARTS_A_POOL):
            with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
                some = parts[start : start + PARTS_A_POOL]
                waiting = [pool.submit(play, size, first + start + at, steps, shrink=shrink) for at, size in enumerate(some)]
                for done in as_completed(waiting):
                    seed, count, failure, _ = done.result()
                    played += count
                    progress.advance(task, count)
                    if failure:
                        failures.append(seed)
                        progress.console.print(f"[red]seed {seed}, example {count}:[/]", highlight=False)
                        progress.console.print(failure, markup=False, highlight=False)
                    if not console.is_terminal:
                        progress.console.print(f"{played:,} examples in {time.monotonic() - begun:,.0f} s", highlight=False)
    seconds = time.monotonic() - begun
    verdict = f"[red]{len(failures)} failures, of the seeds {failures}[/]" if failures else "[green]all of it held[/]"
    console.print(f"{played:,} examples in {seconds:,.0f} s, {seconds / max(1, played) * 1000:,.0f} ms each: {verdict}")
    return 1 if failures else 0


def _mutants(examples: int, seed: int, steps: int, only: str, *, with_tests: bool) -> int:
    table = Table(title="The product, broken on purpose")
    for name in ("mistake", "what it would do", "seen by", "after"):
        table.add_column(name)
    missed = 0
    chosen = [mutation for mutation in MUTATIONS if only in mutation.name]
    for place, mutation in enumerate(chosen, start=1):
        with tempfile.TemporaryDirectory(prefix="sync-mutant-") as folder:
            seen, after = _seen(mutation, Path(folder), examples, seed, steps)
            if mutation.test and (with_tests or not seen) and _fails(mutation.test, Path(folder)):
                seen = f"{seen}, {mutation.test}" if seen else mutation.test
        missed += not seen
        table.add_row(mutation.name, mutation.means, seen or "[red]nobody[/]", after)
        console.print(f"{place}/{len(chosen)} {mutation.name}: {seen or 'NOT SEEN'} {after}", highlight=False)
    console.print(table)
    console.print(f"{len(chosen) - missed} of {len(chosen)} mistakes were seen")
    return 1 if missed else 0


def _seen(mutation: Mutation, folder: Path, examples: int, seed: int, steps: int) -> tuple[str, str]:
    """By whom a mistake was seen, and after how many examples."""
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copyfile(source, folder / name)
    mutation.apply(folder)
    words = ["--examples", str(examples), "--seed", str(seed), "--steps", str(steps), "--json"]
    ran = subprocess.run([sys.executable, "-m", "tests.proof", *words], cwd=folder, capture_output=True, text=True, check=False)
    try:
        told = json.loads(ran.stdout.strip().splitlines()[-1])
    except (ValueError, IndexError):
        return "", f"the machine broke: {ran.stderr.strip().splitlines()[-1:]}"
    words_of = told["failure"].splitlines()
    return ("the machine" if words_of else ""), f"{told['examples']} examples: {words_of[0] if words_of else 'nothing'}"


def _fails(test: str, folder: Path) -> bool:
    words = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", test]
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 1


if __name__ == "__main__":
    main()
