"""How far a source is settled, for a sender that waits to hear it: a Singer tap's STATE goes back no further.

Law: a line is settled once the ledger has its verdict, and never before.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import numpy as np

from sync_connector.flow.resolve import Outcome
from sync_connector.model import Outgoing, Reply, Verdict
from sync_connector.planning import Plan


class Watermark:
    """Follows a run to tell how far its source is settled, by line; for a source of one file whose sender waits for that.

    Eight bytes for each accepted contact.
    """

    def __init__(self) -> None:
        self._settled = array("q")
        self.rows_settled = False
        self.finished = False

    def add(self, batch: Sequence[Outgoing], replies: Sequence[Reply]) -> None:
        """Verdicts that are in the ledger."""
        for one, reply in zip(batch, replies, strict=True):
            if reply.verdict in (Verdict.ACCEPTED, Verdict.WARNED):
                self._settled.append(one.place.line)

    def first_unsettled(self, plan: Plan) -> int | None:
        """The first line that must come again: its contact was refused, is unknown, in doubt, or was not sent. `None`: there is
        none.

        What the plan says is gone is recorded last; before that, no line is settled for certain.
        """
        if not self.rows_settled or (plan.gone and not self.finished):
            return 0
        open_ones = (Outcome.SEND, Outcome.IN_DOUBT)
        if len(self._settled) == plan.count(*open_ones):
            return None
        lines = array("q", (candidate.place.line for _, _, candidate in plan.candidates(*open_ones)))
        return int(np.setdiff1d(lines, self._settled).min())
