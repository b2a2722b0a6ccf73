"""A plan as a file that a person can review, and that `sync --apply` then sends exactly, or refuses.

It is one JSON object, written so that each change stands on a line of its own. To apply it, the source is read and
decided anew: only if that comes to the same changes in the same order, from the same source and ledger, and the file's
own lines still match its digest, is anything sent.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import xxhash

from sync_connector.errors import FixSetup
from sync_connector.flow.resolve import Outcome
from sync_connector.ledger.store import Ledger
from sync_connector.model import Change
from sync_connector.pipeline import findings_of, unreadable
from sync_connector.planning import Plan
from sync_connector.whole_file import whole_file

FORMAT = 1
_REFUSALS = (
    ("account", "the plan is for another account or source"),
    ("identity", "the rules, the mapping or a library's version changed since the plan was made"),
    ("ledger_run", "the ledger moved since the plan was made: another run came between"),
    (
        "resend_unknown",
        "the plan was made with another word on contacts in doubt; say --resend-unknown if it was said for the plan",
    ),
    ("read_since", "the plan was read from another position; say --full if it was said for the plan, and only then"),
    ("source_digest", "the source changed since the plan was made"),
    ("digest", "the plan no longer says what would be sent"),
)


def _header(plan: Plan, account: str) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "account": account,
        "source": plan.source,
        "identity": plan.identity,
        "read_since": plan.since,
        "resend_unknown": plan.releases_unknown,
        "source_digest": plan.source_digest,
        "ledger_run": plan.ledger_run,
        "rows": plan.rows,
        "changes": {"create": plan.creates, "update": plan.updates},
        "gone": len(plan.gone),
        "digest": plan.digest(),
    }


def write(path: Path, plan: Plan, ledger: Ledger, account: str) -> None:
    """Write the plan, readable by nobody else: it holds what would be sent. Raises `FixSetup` when it cannot be."""
    try:
        with whole_file(path, "plan.file") as out:
            header, digest = _header(plan, account), xxhash.xxh3_128()
            lists = _lists(plan, ledger)
            body = xxhash.xxh3_128()
            out.write(b'{"plan": ' + orjson.dumps(header))
            for name, items in lists:
                out.write(f',\n"{name}": ['.encode())
                for number, item in enumerate(items):
                    line = orjson.dumps(item)
                    body.update(line)
                    out.write((b",\n" if number else b"\n") + line)
                out.write(b"\n]")
            digest.update(body.digest())
            out.write(b',\n"body_digest": "' + digest.hexdigest().encode() + b'"}\n')
    except OSError as fault:
        raise FixSetup(f"{path} cannot be written: {fault.strerror}") from None


def _lists(plan: Plan, ledger: Ledger) -> Iterator[tuple[str, Iterator[dict[str, Any]]]]:
    yield (
        "send",
        (
            {
                "change": candidate.change,
                "key": candidate.key,
                "file": candidate.place.file,
                "line": candidate.place.line,
                "contact": candidate.contact._asdict() if candidate.contact else None,
                "findings": [finding._asdict() for finding in candidate.findings],
            }
            for _, _, candidate in plan.candidates(Outcome.SEND)
        ),
    )
    yield "rejected", rejected(plan, ledger)
    yield (
        "held",
        (
            {
                "key": candidate.key,
                "file": candidate.place.file,
                "line": candidate.place.line,
                "number": candidate.contact.phone_number if candidate.contact else None,
                "sent_instead": owner,
            }
            for _, owner, candidate in plan.candidates(Outcome.HELD)
        ),
    )
    yield (
        "in_doubt",
        (
            {
                "key": candidate.key,
                "file": candidate.place.file,
                "line": candidate.place.line,
                "number": candidate.contact.phone_number if candidate.contact else None,
            }
            for _, _, candidate in plan.candidates(Outcome.IN_DOUBT)
        ),
    )
    keys = ledger.keys(plan.gone)
    yield "gone", ({"key": keys[id_]} for id_ in plan.gone)


def rejected(plan: Plan, ledger: Ledger) -> Iterator[dict[str, Any]]:
    """Every row that is rejected, with its place and codes; of those rejected before, `explain` tells the findings."""
    for piece in plan.extraction.set_aside:
        finding = unreadable(piece)
        yield {
            "key": "",
            "file": piece.place.file,
            "line": piece.place.line,
            "codes": [piece.code],
            "findings": [finding._asdict()],
        }
    outcomes = (Outcome.REJECTED, Outcome.DUPLICATE_KEY, Outcome.SHARED_REJECTED)
    for outcome, owner, candidate in plan.candidates(*outcomes):
        findings = [f for f in findings_of(outcome, owner, candidate) if f.severity == "reject"]
        yield {
            "key": candidate.key,
            "file": candidate.place.file,
            "line": candidate.place.line,
            "codes": [finding.code for finding in findings],
            "findings": [finding._asdict() for finding in findings],
        }
    for part in plan.remembered:
        known = ledger.rejections(part.ids.tolist())
        for id_, line in zip(part.ids.tolist(), part.lines.tolist(), strict=True):
            key, codes = known[id_]
            yield {"key": key, "file": part.file, "line": line, "codes": codes.split(), "findings": []}


def check(path: Path, plan: Plan, account: str) -> None:
    """Raise `FixSetup`, naming what moved, unless the file is exactly this plan."""
    header = _read(path)
    now = _header(plan, account)
    for name, refusal in _REFUSALS:
        if header.get(name) != now[name]:
            raise FixSetup(f"{path}: {refusal}; nothing was sent. Make a new plan and review it")


def _read(path: Path) -> dict[str, Any]:
    """The header of a plan whose lines are those that were written."""
    body, header, last = xxhash.xxh3_128(), None, b""
    try:
        with open(path, "rb") as lines:
            header = orjson.loads(lines.readline().removeprefix(b'{"plan": ').rstrip(b",\n"))
            for line in lines:
                stripped = line.rstrip(b"\n")
                if stripped.startswith(b'{"'):
                    body.update(stripped.removesuffix(b","))
                last = stripped
    except OSError as fault:
        raise FixSetup(f"{path} cannot be read: {fault.strerror}") from None
    except orjson.JSONDecodeError:
        header = None
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        raise FixSetup(f"{path} is not a plan of this version; make one with: sync-connector plan --out {path}")
    whole = xxhash.xxh3_128(body.digest()).hexdigest()
    if last != f'"body_digest": "{whole}"}}'.encode():
        raise FixSetup(f"{path}: the plan was edited or cut short after it was made; nothing was sent. Make a new one")
    return header


def sample(plan: Plan, count: int) -> list[tuple[Change, Any]]:
    """Some of what would be sent: change and contact."""
    found = []
    for _, _, candidate in plan.candidates(Outcome.SEND):
        found.append((candidate.change, candidate.contact))
        if len(found) == count:
            break
    return found
