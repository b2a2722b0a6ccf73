"""One JSON object → cells: what JSON nests stands in columns side by side.

Not a source itself: what the sources of objects share. Law: the same object gives the same cells, and no value is lost but
by standing in a list with others, joined as Google joins several numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

JOINT = " ::: "
WRITTEN_OUT = 1e21  # integral floats below it are written digit by digit: 3.36e+10 is a telephone number


def flatten(record: Mapping[str, object]) -> dict[str, str]:
    """Column → cell. Nested objects are joined by a dot (`name.first`), objects in a list are numbered from 1
    (`phone.1.value`), plain values in a list are one cell, joined by ` ::: `. `null` is `""`, `true` is `true`, and 3.0 is `3`.

    Raises `RecursionError` for what is nested too deep to be a contact.
    """
    cells: dict[str, str] = {}
    for name, value in record.items():
        _put(cells, str(name), value)
    return cells


def _put(cells: dict[str, str], name: str, value: object) -> None:
    if isinstance(value, Mapping) and value:
        for inner, part in value.items():
            _put(cells, f"{name}.{inner}", part)
    elif isinstance(value, list) and any(isinstance(part, Mapping | list) for part in value):
        for number, part in enumerate(value, start=1):
            _put(cells, f"{name}.{number}", part)
    else:
        cell = _joined(value) if isinstance(value, list) else _cell(value)
        if not cells.get(name):  # of `a.b` written out and nested, the one that is filled
            cells[name] = cell


def _joined(values: Sequence[object]) -> str:
    return JOINT.join(cell for value in values if (cell := _cell(value)))


def _cell(value: object) -> str:
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return ""
        return str(int(value)) if value.is_integer() and abs(value) < WRITTEN_OUT else repr(value)
    return str(value)
