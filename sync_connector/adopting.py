"""A plan whose contacts are entered as though the vendor had taken them: nothing is sent, and nobody is asked.

For who comes from another connector, so that the first sync does not send what is there already; and for a file that is judged
without a vendor. What the plan would not send is settled as by any run.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from sync_connector import pipeline
from sync_connector.errors import Stopped
from sync_connector.flow.resolve import Outcome
from sync_connector.flow.sieve import own_fingerprints_of
from sync_connector.flow.spool import Candidate
from sync_connector.ledger.store import Ledger, utc_now
from sync_connector.model import Change, Reply, Verdict
from sync_connector.planning import Plan, add_up
from sync_connector.reading import Progress

TAKEN = Reply(Verdict.ACCEPTED)
BATCH = 5_000


def sent_before(ledger: Ledger, plan: Plan) -> list[str]:
    """The brake of a plan with contacts that we have sent ourselves: what the vendor said of them is known better than by
    anybody's word, and an edit would never reach it. Those in doubt are none of them: of them nothing is known, and their rows
    are as they were sent."""
    found: Counter[str] = Counter()
    holds = plan.on_unknown == "hold"
    wanted = (candidate for _, _, candidate in plan.candidates(Outcome.SEND, with_cells=holds))
    while some := list(islice(wanted, BATCH)):
        doubtful = _in_doubt(ledger, plan, some) if holds else set()
        found.update(ledger.sent_by_us(plan.scope, [one.key for one in some if one.key not in doubtful]))
    if not found:
        return []
    states = ", ".join(f"{number:,} {state}" for state, number in sorted(found.items()))
    return [
        f"sent: {found.total():,} of the contacts to adopt were sent by this ledger before ({states}): adopted, what the CRM "
        "says of them now would never be sent; run `sync-connector sync` for them"
    ]


def _in_doubt(ledger: Ledger, plan: Plan, candidates: Sequence[Candidate]) -> set[str]:
    keys = [one.key for one in candidates]
    known, in_flight = ledger.known(plan.scope, keys), ledger.left_in_flight(plan.scope)
    doubted = {key: entry.doubted for key, entry in known.items()} | in_flight
    own = own_fingerprints_of(keys, [one.cells or {} for one in candidates])
    return {key for key, fingerprint in zip(keys, own, strict=True) if doubted.get(key) == fingerprint}


class Adopted(NamedTuple):
    """What came of it: the run's number, and how many contacts are accepted now that were to be sent."""

    run: int
    contacts: int


def adopt(ledger: Ledger, plan: Plan, progress: Progress, check: Callable[[], None], change: Change | None = None) -> Adopted:
    """Enter what a plan would send as accepted, in a run of its own. The caller holds the lease, and has seen to the brakes.

    `change`: the word that each verdict tells in place of what the contact needed. `check` is called between batches; it may
    raise to stop, and what is not entered by then is planned again by the next run.
    """
    run = ledger.start_run(plan.scope, plan.identity, utc_now())
    status, taken = "failed", 0
    try:
        pipeline.settle_rows(ledger, plan, run)
        progress.stage("entering", plan.count(Outcome.SEND))
        sendable = (pipeline.outgoing(candidate) for _, _, candidate in plan.candidates(Outcome.SEND))
        while batch := list(islice(sendable, BATCH)):
            check()
            if change is not None:
                batch = [one._replace(change=change) for one in batch]
            ledger.settle(plan.scope, run, ledger.begin(plan.scope, run, batch), batch, [TAKEN] * len(batch))
            taken += len(batch)
            progress.at(taken)
        for start in range(0, len(plan.gone), BATCH):
            ledger.mark_gone(plan.scope, run, plan.gone[start : start + BATCH])
        ledger.move_position(plan.scope, plan.position)
        add_up("to send", plan.rows["to_send"], taken)
        status = "finished"
    except Stopped:
        status = "stopped"
        raise
    finally:
        result = plan.as_json() | {"findings": ledger.open_findings(plan.scope)}
        if change is Change.ADOPTED:
            result["adopted"] = taken
        read, filled = plan.rows["read"], plan.extraction.filled
        ledger.end_run(plan.scope, run, status, utc_now(), read=read, in_full=plan.full, filled=filled, result=result)
    return Adopted(run, taken)
