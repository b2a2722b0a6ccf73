"""Where the processor's time of a first sync goes: a sync of the folder's `sync.toml`, in this process, with a clock in
front of the functions that matter. `bench/run.py --profile` calls it.

Each clock counts its thread's processor time and stops while another one runs, so that the parts add up. What a clock
itself costs is counted to whoever called it: about a microsecond a call, so per-cell functions are a little dear.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import resource
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any

import sync_connector
from sync_connector import cli

STAGES: dict[str, tuple[str, ...]] = {
    "read the file": ("sources.csv:CsvSource.chunks",),
    "extract columns and keys": ("flow.extract:extract",),
    "fingerprint rows, look them up": ("flow.sieve:fingerprints", "flow.sieve:Index.find"),
    "phone": ("fields.phone:phone_column",),
    "country": ("fields.country:country_code", "fields.phone:region_of"),
    "e-mail": ("fields.email:email_address", "fields.email:email_column"),
    "names and addresses": ("fields.name:clean_column", "fields.name:clean", "flow.normalize:_joined"),
    "normalize, the rest": ("flow.normalize:normalize",),
    "payload fingerprint, diff": ("flow.diff:payload_fingerprint", "flow.diff:diff"),
    "resolve": ("flow.resolve:resolve", "flow.resolve:groups", "flow.resolve:repeated"),
    "spool": ("flow.spool:Spool.append", "flow.spool:Spool.read", "flow.spool:Spool.keys"),
    "ledger, reading": ("ledger.store:Ledger.index", "ledger.store:Ledger.known", "ledger.store:Ledger.claims"),
    "decide, the rest": ("planning:prepare",),
    "ledger, writing": ("ledger.store:Ledger.begin", "ledger.store:Ledger.settle", "ledger.store:Ledger.settle_rows"),
    "request and reply": ("dialects.ardary:Ardary.contacts_request", "dialects.ardary:Ardary.contacts_reply"),
    "HTTP, and the rest of sending": ("pipeline:execute",),
}

spent: dict[str, float] = defaultdict(float)
_running = threading.local()


class _Clock:
    """Counts for one stage while the block runs, and not for the stage that called it."""

    def __init__(self, stage: str) -> None:
        self._stage = stage

    def __enter__(self) -> None:
        now = time.thread_time()
        stack = _running.__dict__.setdefault("stack", [])
        if stack:
            spent[stack[-1]] += now - _running.since
        stack.append(self._stage)
        _running.since = now

    def __exit__(self, *_: object) -> None:
        now = time.thread_time()
        spent[_running.stack.pop()] += now - _running.since
        _running.since = now


def _clocked(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    clock = _Clock(stage)

    @wraps(function)
    def call(*words: Any, **named: Any) -> Any:
        with clock:
            return function(*words, **named)

    @wraps(function)
    def each(*words: Any, **named: Any) -> Iterator[Any]:
        with clock:
            items = iter(function(*words, **named))
        while True:
            with clock:
                try:
                    item = next(items)
                except StopIteration:
                    return
            yield item

    return each if inspect.isgeneratorfunction(function) else call


def put_clocks() -> list[str]:
    """A clock in front of every function of `STAGES`, wherever it was imported to; those that are not there."""
    names = [m.name for m in pkgutil.walk_packages(sync_connector.__path__, "sync_connector.")]
    modules = [importlib.import_module(name) for name in names if "migrations" not in name and not name.endswith("__main__")]
    missing = []
    for stage, places in STAGES.items():
        for place in places:
            module_name, _, path = place.partition(":")
            owner_name, _, name = path.rpartition(".")
            module = sys.modules.get(f"sync_connector.{module_name}")
            owner = getattr(module, owner_name, None) if owner_name else module
            function = getattr(owner, name, None)
            if function is None:
                missing.append(place)
                continue
            clocked = _clocked(stage, function)
            if owner_name:
                setattr(owner, name, clocked)
                continue
            for other in modules:
                if getattr(other, name, None) is function:
                    setattr(other, name, clocked)
    return missing


def main() -> None:
    """A sync, and its parts."""
    rows = int(sys.argv[1])
    missing = put_clocks()
    begun = time.perf_counter()
    try:
        cli.cli.main(args=["sync", "--json"], prog_name="sync-connector", standalone_mode=False)
    finally:
        seconds = time.perf_counter() - begun
        used = resource.getrusage(resource.RUSAGE_SELF)
        total = used.ru_utime + used.ru_stime
        spent["everything else, starting included"] = total - sum(spent.values())
        print(f"\n{'':36}{'µs a contact':>14}{'share':>8}")
        for stage in [*STAGES, "everything else, starting included"]:
            print(f"{stage:36}{spent[stage] / rows * 1e6:14.2f}{spent[stage] / total:8.1%}")
        print(f"{'processor time':36}{total / rows * 1e6:14.2f}")
        print(f"{'by the clock on the wall':36}{seconds / rows * 1e6:14.2f}")
        if missing:
            print(f"not found, and counted to their callers: {', '.join(missing)}")


if __name__ == "__main__":
    main()
