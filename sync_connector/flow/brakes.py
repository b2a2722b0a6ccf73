"""Brakes: conditions that stop a run before it does harm, until a person approves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

ONCE_FILLED = 0.05
"""A column counts as filled where it was in at least this share of the last run's rows."""
A_HANDFUL = 5
"""And in at least so many: a column that only one or two had is empty when they leave, and that is no mishap."""


class Limits(NamedTuple):
    """The shares (0 … 1) above which a run stops."""

    gone: float = 0.20
    changed: float = 0.50
    rejected: float = 0.50


class Facts(NamedTuple):
    """What a plan came to. `known`: contacts of the source that the ledger expects. `moved`: those of them whose data
    or number changed. `filled`, `last_filled`: column → rows in which it is, and was, filled. `full`: every contact was
    read, not only what changed."""

    read: int
    rejected: int
    known: int
    gone: int
    moved: int
    last_read: int
    last_filled: Mapping[str, int]
    filled: Mapping[str, int]
    full: bool = True


def tripped(facts: Facts, limits: Limits) -> list[str]:
    """A sentence for each brake that stops the run, beginning with its name."""
    if facts.full and facts.read == 0 and facts.known:
        return [f"empty: the source has no rows, though {facts.known} contacts came from it; is it the right file?"]
    found = []
    if facts.known and facts.gone / facts.known > limits.gone:
        found.append(_sentence("gone", facts.gone, facts.known, "known contacts are no longer in the source", limits.gone))
    if facts.known and facts.moved / facts.known > limits.changed:
        found.append(_sentence("changed", facts.moved, facts.known, "known contacts would be changed", limits.changed))
    rows = facts.read if facts.full else max(facts.read, facts.known)  # one bad row of one that changed is no disaster
    if rows and facts.rejected / rows > limits.rejected:
        found.append(_sentence("rejected", facts.rejected, rows, "rows are rejected", limits.rejected))
    for column, count in sorted(facts.last_filled.items()) if facts.full else ():
        if facts.read and count >= max(A_HANDFUL, ONCE_FILLED * facts.last_read) and not facts.filled.get(column, 0):
            found.append(
                f"emptied: the column {column!r} was filled in {count} rows last time and is empty now; was it left out?"
            )
    return found


def _sentence(name: str, part: int, whole: int, what: str, limit: float) -> str:
    return f"{name}: {part} of {whole} {what} ({part / whole:.0%}; the limit is {limit:.0%}, brakes.{name} in sync.toml)"
