"""A file judged without a ledger, a vendor or a configuration: `report --file`.

The file is read, normalized and resolved as a first run would, into a ledger of its own that is thrown away; what could be
sent is entered there as though the vendor had taken it. So the page is made of the same counts as any other.

Law: sends nothing, asks nobody (but name servers, if told to), leaves nothing behind.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import NamedTuple

from sync_connector import adopting, auditing, config, mapping, planning, recognition, starting
from sync_connector.config import Settings, Source
from sync_connector.ledger.store import Ledger, Scope, open_ledger
from sync_connector.reading import Progress


class Judged(NamedTuple):
    """A file's contacts and findings, in a ledger that lives as long as it is looked at. `described`: what was found out
    about the file and its mapping."""

    settings: Settings
    ledger: Ledger
    scope: Scope
    described: list[str]
    audited: auditing.Audited


@contextmanager
def judged(
    path: str, wanted: str | None, country: str | None, progress: Progress, check: Callable[[], None], *, check_mx: bool
) -> Iterator[Judged]:
    """Judge a file. `wanted`: the mapping, else it is recognized; `country`: of numbers that are written without one.

    `check` is called between pieces of work; it may raise to stop. Raises `FixSetup`, `TryLater`.
    """
    place = starting.place(path, os.environ, Path())
    source, described, fits, advice = starting.recognized(place.source)
    if wanted is not None:
        mapping.load(wanted)
        advice = []
        fits = [recognition.Recognition(wanted, wanted, 0, "chosen by hand")]
    described = [*described, f"mapping {fits[0].name}: {fits[0].why}", *advice]
    if country is None:
        described.append("numbers without a country's prefix are read where the row names its country; --country FR reads all")
    with tempfile.TemporaryDirectory(prefix="sync-connector-") as folder:
        settings = _settings(source, fits[0].name, country, Path(folder) / "ledger.db")
        with closing(open_ledger(settings.ledger.url.get_secret_value(), write=True)) as ledger:
            scope = ledger.make_scope(*planning.scope_names(settings))
            with ledger.lease(scope):
                _judge(settings, ledger, scope, progress, check)
                audited = auditing.audit(settings, ledger, scope, progress, check, check_mx=check_mx)
            yield Judged(settings, ledger, scope, described, audited)


def _settings(source: Source, fit: str, country: str | None, ledger: Path) -> Settings:
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(source.path).stem)[:64] or "file"
    source = source.model_copy(update={"name": name, "mapping": fit, "default_country": country})
    return Settings(source=source, vendor=config.Vendor(login="nobody"), ledger=config.Ledger(url=f"sqlite:///{ledger}"))


def _judge(settings: Settings, ledger: Ledger, scope: Scope, progress: Progress, check: Callable[[], None]) -> None:
    """A run in which the vendor takes all that is offered."""
    plan = planning.prepare(settings, ledger, scope, progress, check)
    with closing(plan.spool):
        adopting.adopt(ledger, plan, progress, check)
