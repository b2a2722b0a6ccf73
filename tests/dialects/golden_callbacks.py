"""The golden callbacks: a query's exact bytes, what it says, and the event that it becomes.

`ardary`: each example of the vendor's page, transcribed (the page's comments and trailing commas left out), and the same with
real numbers. `insim_v1`: the contract's table, in the same manner. The account's zone is Europe/Paris, its country FR.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from sync_connector.model import Callback, Clock, Event, Kind

FILES = {"ardary": "ardary_callbacks", "insim-v1": "insim_v1_callbacks"}


class Golden(NamedTuple):
    """One callback. `name` begins with its dialect's."""

    name: str
    dialect: str
    query: str
    callback: Callback
    event: Event


def _event(said: dict[str, Any]) -> Event:
    readers: dict[str, Callable[[Any], Any]] = {
        "kind": Kind,
        "clock": Clock,
        "occurred_at": datetime.fromisoformat,
        "occurred_on": date.fromisoformat,
    }
    return Event(**{name: readers[name](value) if name in readers and value else value for name, value in said.items()})


def golden_callbacks() -> list[Golden]:
    """All there are."""
    found = []
    for dialect, file in FILES.items():
        path = Path(__file__).parent / "golden" / f"{file}.json"
        for entry in json.loads(path.read_text(encoding="utf-8")):
            said = Callback(**(entry["callback"] | {"kind": Kind(entry["callback"]["kind"])}))
            found.append(Golden(f"{dialect}: {entry['name']}", dialect, entry["query"], said, _event(entry["event"])))
    return found
