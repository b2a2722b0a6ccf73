"""One file per place that events are written to, found by its name.

Law: what is met again is written once. A sink writes a delivery of records in one piece, and is handed the same delivery
again if nobody knows whether it succeeded; it then leaves things as if it had been handed it once. A record that the place
refuses is given back with the reason and keeps none of the others; a place that cannot be reached is `TryLater`, and
nothing is lost.

A sink module has a `make`: settings → sink.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup
from sync_connector.model import Record


class Refusal(NamedTuple):
    """A record that was not written, and why: a sentence for people, without the record's texts."""

    event_key: str
    reason: str


class Sink(Protocol):
    """A place that events are written to."""

    def write(self, delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """Write the records, of which no two have the same event key; those that are refused come back.

        `delivery` counts up; the number of one that may have failed comes again, with the same events, before any new one.
        A record's `event_key` may come again in a later delivery, with more known of it: then the newer one stands.
        Raises `TryLater` when the place does not answer, `FixSetup` when it is set up wrongly. Then nothing is written, or the
        same delivery can be written again.
        """

    def close(self) -> None:
        """Let go of what is open."""


def kinds() -> list[str]:
    """The kinds of sinks there are, as `sync.toml` names them."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def open_sink(settings: SinkSettings) -> Sink:
    """The sink of these settings. Raises `FixSetup`, `TryLater`."""
    if settings.type not in kinds():
        raise FixSetup(f"sinks.type: {settings.type!r} is unknown; there are: {', '.join(kinds())}")
    sink: Sink = importlib.import_module(f"{__name__}.{settings.type}").make(settings)
    return sink
