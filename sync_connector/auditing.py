"""`audit`: the whole source is read and looked at for what a nightly run cannot see, since it looks at what changed alone:
the same person twice under two keys and, if asked for, e-mail domains that take no mail.

Law: sends nothing. What it finds replaces what the audit before found; a contact whose row is looked at again by a run
loses its findings of an audit until the next one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import pyarrow as pa

from sync_connector import mapping, mx, sources
from sync_connector.config import Settings
from sync_connector.duplicates.find import Duplicate, find
from sync_connector.errors import Stopped
from sync_connector.flow.extract import Extraction, extract
from sync_connector.flow.normalize import normalize
from sync_connector.flow.overlay import Overlays
from sync_connector.flow.sieve import own_fingerprints
from sync_connector.ledger.store import Ledger, Scope
from sync_connector.model import Contact, Finding, Severity
from sync_connector.planning import choices_of
from sync_connector.reading import Progress

DUPLICATE, NO_MX = "likely_duplicate", "no_mx"
COLUMNS = ("key", "first_name", "last_name", "adress", "email", "phone_number", "country")


@dataclass(slots=True)
class Audited:
    """What an audit came to. `duplicates`: pairs of keys; `dead`: domain → contacts that have an address there; `unasked`:
    domains of which no name server told anything; `unknown`: contacts with findings that the ledger does not know yet."""

    contacts: int
    duplicates: list[Duplicate]
    dead: dict[str, int] = field(default_factory=dict)
    unasked: int = 0
    asked: int = 0
    unknown: int = 0

    def as_json(self) -> dict[str, object]:
        """What `audit --json` prints."""
        pairs = [
            {"key": one.key, "other": one.other, "score": round(one.score, 3), "why": [why.value for why in one.why]}
            for one in self.duplicates
        ]
        return {
            "contacts": self.contacts,
            "likely_duplicates": pairs,
            "domains_asked": self.asked,
            "domains_without_mail": self.dead,
            "domains_without_answer": self.unasked,
            "not_in_ledger": self.unknown,
        }


def audit(
    settings: Settings, ledger: Ledger, scope: Scope, progress: Progress, check: Callable[[], None], *, check_mx: bool
) -> Audited:
    """Read all contacts, find what is wrong between them, and tell the ledger. The caller holds the lease.

    `check` is called between pieces of work; it may raise to stop, and nothing is written then. Raises `FixSetup`, `TryLater`.
    """
    table = _contacts(settings, ledger, scope, progress, check)
    progress.stage("comparing", None)
    found = find(table, between=check).duplicates
    result = Audited(table.num_rows, found)
    about = {DUPLICATE: _duplicates(found)}
    if check_mx:
        about[NO_MX] = _without_mail(table, result, progress, check)
    for code in about:
        if settings.rules.severity.get(code) == "off":
            about[code] = {}
    result.unknown = ledger.replace_findings(scope, about)
    return result


def _contacts(settings: Settings, ledger: Ledger, scope: Scope, progress: Progress, check: Callable[[], None]) -> pa.Table:
    """The contacts of the source that can be sent, as columns of text."""
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    choices = choices_of(settings)._replace(rules=())
    overlays = Overlays.of(ledger.overlays(scope))
    parts = []
    progress.stage("reading", source.total_bytes)
    extraction = Extraction()
    schema = pa.schema([(name, pa.string()) for name in COLUMNS])
    for rows in extract(source.chunks(), binding, extraction):
        check()
        laid = overlays.lay(rows, binding, own_fingerprints) if overlays.by_key else rows
        keyed = [
            _text(key, one.contact)
            for key, one in zip(rows.keys.to_pylist(), normalize(laid, binding, choices), strict=True)
            if key and one.contact is not None
        ]
        columns = zip(*keyed, strict=True) if keyed else [()] * len(COLUMNS)
        parts.append(pa.Table.from_arrays([pa.array(column, pa.string()) for column in columns], schema=schema))
        progress.at(extraction.read_bytes)
    return pa.concat_tables(parts) if parts else schema.empty_table()


def _text(key: str, one: Contact) -> tuple[str, ...]:
    return (key, one.first_name, one.last_name, one.adress, one.email, one.phone_number, one.country_code)


def _duplicates(found: list[Duplicate]) -> dict[str, Finding]:
    """A finding for each of them, that names the others; the likeliest first."""
    others: dict[str, list[tuple[str, Duplicate]]] = {}
    for pair in found:
        others.setdefault(pair.key, []).append((pair.other, pair))
        others.setdefault(pair.other, []).append((pair.key, pair))
    about = {}
    for key, pairs in others.items():
        told = "; ".join(f"likely the same person as {other} ({', '.join(pair.why)})" for other, pair in pairs[:5])
        more = f"; and {len(pairs) - 5} more" if len(pairs) > 5 else ""
        advice = f"{told}{more}: if it is one person, keep one of the two in the CRM"
        about[key] = Finding(DUPLICATE, "row", Severity.WARN, ", ".join(other for other, _ in pairs[:5]), advice)
    return about


def _without_mail(table: pa.Table, result: Audited, progress: Progress, check: Callable[[], None]) -> dict[str, Finding]:
    """A finding for each contact whose e-mail's domain takes no mail."""
    addresses: dict[str, list[tuple[str, str]]] = {}
    for key, address in zip(table["key"].to_pylist(), table["email"].to_pylist(), strict=True):
        if address:
            addresses.setdefault(address.rpartition("@")[2].lower(), []).append((key, address))
    progress.stage("asking name servers", len(addresses))
    survey = mx.survey(addresses, progress=lambda done, _: progress.at(done), is_stopping=lambda: _stops(check))
    check()
    result.asked = len(addresses)
    about: dict[str, Finding] = {}
    for domain, mail in survey.answers.items():
        result.unasked += not mail.is_known
        if not mail.is_finding:
            continue
        result.dead[domain] = len(addresses[domain])
        for key, address in addresses[domain]:
            advice = f"{domain} {mail}; ask the person for another address"
            about[key] = Finding(NO_MX, "email", Severity.WARN, address, advice)
    return about


def _stops(check: Callable[[], None]) -> bool:
    try:
        check()
    except Stopped:
        return True
    return False
