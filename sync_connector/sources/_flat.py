"""Records with records inside → cells: one name for each value, one way to write it.

Law: pure, and the same for every source that reads records (JSON Lines, Parquet, Singer), so that one mapping serves all.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeGuard

JOINT = " ::: "
MAX_DEPTH = 16


def flatten(record: Mapping[str, object]) -> dict[str, str]:
    """A record as cells, in its own order.

    What is inside a record is named with a point (`address.city`), what is inside a list of records by its place from 1
    (`phone.1.value`); a list of plain values is one cell, joined by ` ::: `. What is deeper than 16 levels is left as JSON.
    Of two values with one name the first that is filled stays.
    """
    cells: dict[str, str] = {}
    _into(cells, "", record, 0)
    return cells


def _into(cells: dict[str, str], name: str, value: object, depth: int) -> None:
    inner: list[tuple[str, object]] | None = None
    if depth <= MAX_DEPTH:
        if isinstance(value, Mapping):
            inner = [(f"{name}.{key}" if depth else str(key), item) for key, item in value.items()]
        elif _is_list(value) and any(isinstance(item, Mapping) or _is_list(item) for item in value):
            inner = [(f"{name}.{place}", item) for place, item in enumerate(value, start=1)]
    if inner:
        for inner_name, item in inner:
            _into(cells, inner_name, item, depth + 1)
    elif not cells.get(name) and depth:
        cells[name] = written(value)


def _is_list(value: object) -> TypeGuard[Sequence[object]]:
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def written(value: object) -> str:
    """A value as a person would write it: nothing is `""`, whole numbers have no `.0`, no number has an exponent, times are
    ISO 8601, yes and no are `true` and `false`; a list of plain values is joined by ` ::: `."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() else f"{Decimal(repr(value)):f}"
    if isinstance(value, Decimal):
        return f"{value:f}" if value.is_finite() else ""
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, Mapping):
        return _as_json(value) if value else ""
    if isinstance(value, Sequence) and not isinstance(value, bytes):
        if any(isinstance(item, Mapping) or _is_list(item) for item in value):
            return _as_json(value)
        return JOINT.join(cell for item in value if (cell := written(item)))
    return str(value)


def _as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
