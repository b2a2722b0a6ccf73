"""CRMs as they are in their own databases: the real tables, a row for every trap, and what is to become of each.

A file for each CRM, each with its `CRMS`; rows are named by their trap, people and numbers are invented. What happens in
the CRM after the first sync is SQL in the CRM's own way of writing.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Row = Mapping[str, Any]


def mobile(number: int) -> str:
    """A French mobile number as people write it; each number makes another, valid one."""
    return f"06 12 34 {number // 100 % 100:02d} {number % 100:02d}"


def e164(number: int) -> str:
    """How `mobile(number)` arrives at the vendor."""
    return f"+3361234{number // 100 % 100:02d}{number % 100:02d}"


@dataclass(frozen=True)
class Later:
    """Something that happens in the CRM after the first sync, as statements, and what the vendor has then.

    `arrives`: numbers that the vendor has not had before. `shows`: number → fields that it has now. `gone`: how many known
    contacts leave. `reason`: under which the CRM's mark is then counted. `by_date`: whether the CRM notes it in the date by
    which changes are found; else only a full read finds it.
    """

    what: str
    statements: Sequence[str]
    arrives: Sequence[str] = ()
    shows: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    gone: int = 0
    reason: str = ""
    by_date: bool = True


@dataclass(frozen=True)
class Crm:
    """One CRM in one version.

    `tables`: statements. `rows`: table → rows, in an order that references allow. `sent`: number → fields at the vendor,
    of each contact that is sent. `rejected`: code → rows. `left_out`: reason → rows.
    """

    name: str
    mapping: str
    database: Literal["mysql", "postgresql"]
    tables: Sequence[str]
    rows: Sequence[tuple[str, Row]]
    sent: Mapping[str, Mapping[str, str]]
    left_out: Mapping[str, int]
    rejected: Mapping[str, int] = field(default_factory=dict)
    later: Sequence[Later] = ()
    incremental: bool = True


def all_crms() -> list[Crm]:
    """Every CRM of this folder."""
    modules = [importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__)]
    return [crm for module in modules for crm in module.CRMS]
