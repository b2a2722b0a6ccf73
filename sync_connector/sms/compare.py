"""A plan beside the ledger: what earlier runs sent, or may have sent, and who opted out since, is left out.

Pure. Law: what may have reached somebody under a campaign's name is not planned again, be its file sorted anew, saved by another
program or given another column. Only what certainly never left is offered again, under the id that it had.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Protocol

from sync_connector.ledger.nouns import Said
from sync_connector.model import MessageState
from sync_connector.sms.draft import NAMED, LeftOut
from sync_connector.sms.plan import Plan, Planned

Words = tuple[str, str, str]
"""Number, text and url."""

_BEFORE = {
    MessageState.SENT: ("already", "an earlier run of this campaign sent it; another campaign may send it again"),
    MessageState.REFUSED: ("refused", "the vendor refused it in an earlier run; mend the number, or choose another campaign"),
    MessageState.UNKNOWN: ("unknown", "it may have been sent: `sync-connector sms resolve` decides"),
    MessageState.BEGUN: ("unknown", "its request may be under way"),
}


class Known(Protocol):
    """What the ledger says of a message that was asked for before."""

    @property
    def state(self) -> MessageState:
        """Where it is."""

    @property
    def id_sms_api(self) -> str:
        """Its id."""


def compare(
    made: Plan, known: Mapping[str, Known], stopped: AbstractSet[str], said: Mapping[Words, Sequence[Said]] | None = None
) -> None:
    """Leave out what the ledger speaks against. `known`: identity → what became of it in an earlier run of the campaign; `said`:
    what the campaign said to whom; `stopped`: numbers that opted out."""
    kept = []
    for one in made.planned:
        before = known.get(one.outbound.identity)
        number = one.outbound.message.phone_number
        state = before.state if before is not None else _same(one, (said or {}).get(one.words, ()))
        if number in stopped:
            code, advice = "opted_out", "this number opted out; `sync-connector sms opt-outs` lists who did"
        elif state in _BEFORE:
            code, advice = _BEFORE[state]
        else:
            if before is not None:  # the vendor never had it: its id is free
                message = one.outbound.message._replace(id_sms_api=before.id_sms_api)
                one = one._replace(outbound=one.outbound._replace(message=message))
            kept.append(one)
            continue
        made.left_out.append(LeftOut(one.draft.place, number, code, advice, one.draft.contact_key))
    made.planned = kept


def _same(one: Planned, said: Iterable[Said]) -> MessageState:
    """What became of the same words to the same number; `UNSENT` if there are none that may have left.

    They are another message where both have ids of their own, and where it has a date of its own that is another one.
    """
    if one.draft.identity is None:
        return MessageState.UNSENT
    for before in said:
        both_named = one.has_own_id and before.identity.partition(" ")[2].startswith(NAMED)
        other_date = bool(one.draft.at) and before.send_at != one.outbound.send_at
        if not both_named and not other_date and before.state is not MessageState.UNSENT:
            return before.state
    return MessageState.UNSENT
