"""The product, broken on purpose: each mutation is a mistake that somebody could make, and that the machine must see.

Law: what is replaced stands exactly once where it is said to stand, which a test looks at; a mutation that no longer applies
proves nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Edit(NamedTuple):
    """In a file of `sync_connector`, `old` becomes `new`."""

    file: str
    old: str
    new: str


class Mutation(NamedTuple):
    """A mistake. `means`: what it would do. `test`: a test of its own that sees it as well, `""` if there is none."""

    name: str
    means: str
    edits: tuple[Edit, ...]
    test: str = ""

    def apply(self, root: Path) -> None:
        """Make the mistake in a copy of the package."""
        for file, old, new in self.edits:
            path = root / "sync_connector" / file
            text = path.read_text(encoding="utf-8")
            if text.count(old) != 1:
                raise AssertionError(f"{self.name}: {file} has {text.count(old)} times {old!r}, not once")
            path.write_text(text.replace(old, new), encoding="utf-8")


def _one(name: str, means: str, file: str, old: str, new: str, test: str = "") -> Mutation:
    return Mutation(name, means, (Edit(file, old, new),), test)


LOAD, WRITING, PIPELINE = "flow/load.py", "ledger/writing.py", "pipeline.py"
POSITION = "    ledger.move_position(plan.scope, plan.position)\n"
FETCHED, COMMITTED = (f'        instrument("{place}")\n' for place in ("fetched", "committed"))
ACKNOWLEDGED = "        origin.acknowledge(cursor)\n"
ASKED = "        asyncio.run(_load("

CONTACTS = (
    _one(
        "commit before verdict",
        "a batch is called accepted before it leaves",
        LOAD,
        "        ticket = await self.begin(batch)\n",
        "        ticket = await self.begin(batch)\n"
        "        await self.settle(ticket, batch, [Reply(Verdict.ACCEPTED)] * len(batch))\n"
        "        ticket = await self.begin(batch)\n",
    ),
    _one(
        "matching by position only",
        "an entry is taken for the contact that stood there, whatever number it tells",
        "dialects/_reply.py",
        "    if numbers == [{number} for number in wanted] and len(times) == len(wanted):\n",
        "    if len(entries) == len(wanted):\n",
        "tests/dialects/test_contract.py",
    ),
    _one(
        "errors ignored",
        "a warning of the vendor is not told of",
        "dialects/_reply.py",
        "Reply(Verdict.WARNED if codes else Verdict.ACCEPTED, codes)",
        "Reply(Verdict.ACCEPTED)",
        "tests/dialects/test_contract.py",
    ),
    _one(
        "result ignored",
        "a contact that was refused is called accepted",
        "dialects/_reply.py",
        "            return Reply(Verdict.REFUSED, codes)\n",
        "            return Reply(Verdict.WARNED, codes)\n",
        "tests/dialects/test_contract.py",
    ),
    _one(
        "warned taken for refused",
        "a contact that the vendor took with a warning is offered again for ever",
        "dialects/_reply.py",
        "Verdict.WARNED if codes else",
        "Verdict.REFUSED if codes else",
        "tests/dialects/test_contract.py",
    ),
    Mutation(
        "unknown taken for accepted",
        "without an answer a contact is called accepted",
        (
            Edit(
                WRITING, "if pair[1].verdict in (Verdict.ACCEPTED, Verdict.WARNED)]", "if pair[1].verdict is not Verdict.REFUSED]"
            ),
            Edit(WRITING, "_doubted([one for one, reply in pairs if reply.verdict is Verdict.UNKNOWN])", "_doubted([])"),
        ),
    ),
    _one(
        "no note before a batch leaves",
        "what a killed run had sent is not known",
        WRITING,
        "            return int(ask(connection, _NOTE, values).scalar_one())\n",
        "            return 0\n",
    ),
    _one(
        "what was left under way is forgotten",
        "the next run clears the notes of a killed one without taking its contacts for unknown",
        WRITING,
        "                self._unknown(connection, part, batch.run_id, list(noted(batch.contacts)))\n",
        "",
    ),
    _one(
        "the fingerprint stays where nothing is known",
        "an edit whose answer was lost, and that is undone, is not sent again",
        WRITING,
        "        ask(connection, _UNCERTAIN, of_numbers)\n",
        "",
    ),
    Mutation(
        "the fingerprint is saved at extraction",
        "a row counts as done as soon as it was read",
        (
            Edit(PIPELINE, "    not_sent = (Outcome.HELD, ", "    not_sent = (Outcome.SEND, Outcome.HELD, "),
            Edit(PIPELINE, "{Outcome.NONE: Change.NONE, ", "{Outcome.NONE: Change.NONE, Outcome.SEND: Change.NONE, "),
        ),
    ),
    Mutation(
        "the position is moved before all is settled",
        "what changed before a run that failed is not read again",
        (Edit(PIPELINE, POSITION, ""), Edit(PIPELINE, ASKED, "    " + POSITION + ASKED)),
    ),
    _one(
        "stale numbers forgotten",
        "the number that a contact had before stays at the vendor, and nobody is told",
        WRITING,
        "        self._stale(connection, scope, run, left_behind)\n",
        "",
    ),
    _one(
        "who is gone loses his number",
        "a contact that left the CRM stays at the vendor, and nobody is told",
        WRITING,
        "row_fp = NULL, wanted_number = NULL, run_id = :run WHERE id AMONG :ids",
        "row_fp = NULL, wanted_number = NULL, phone_number = NULL, run_id = :run WHERE id AMONG :ids",
    ),
    _one(
        "the former owner of a number is not cleared",
        "two contacts have one number at the vendor",
        WRITING,
        "        if gone_from:\n",
        "        if not gone_from:\n",
    ),
    _one(
        "who waits for a number waits for ever",
        "the contact that was held is not sent when the other leaves the number",
        "reading.py",
        "                reopened |= set(members)\n",
        "                pass\n",
    ),
    _one(
        "of a shared number the oldest wins",
        "the wrong one of two contacts is at the vendor",
        "flow/resolve.py",
        "(int(recency), int(ordinal)) if",
        "(-int(recency), int(ordinal)) if",
        "tests/flow/test_resolve.py",
    ),
    _one(
        "another country is not looked at anew",
        "rows that were settled under other rules stay as they were",
        "planning.py",
        '            f"country {settings.source.default_country}",\n',
        "",
    ),
)

LEASES = (
    _one(
        "a lost lease is not noticed",
        "a run that slept for too long goes on writing beside the other",
        "ledger/leases.py",
        "    if kept.rowcount != 1:\n",
        "    if kept.rowcount > 1:\n",
    ),
    _one(
        "the lease is never renewed",
        "a run that is well is taken over in the middle",
        "ledger/leases.py",
        "UPDATE leases SET expires_at = :expires_at WHERE",
        "UPDATE leases SET expires_at = expires_at + 0 * :expires_at WHERE",
    ),
    _one(
        "a living holder is not respected",
        "two runs at once",
        "ledger/leases.py",
        "    if current.holder != holder and not is_free(",
        "    if current.holder == holder and not is_free(",
    ),
    _one(
        "an expired lease is never taken over",
        "a run that died on another machine ends all others",
        "ledger/leases.py",
        "    return expires_at <= now or _is_dead(holder)\n",
        "    return _is_dead(holder)\n",
    ),
    _one(
        "a request is repeated without the lease",
        "a run that slept sends its old contacts over those of the run that took over",
        LOAD,
        "                    raise\n                await self.hold()\n",
        "                    raise\n",
        "tests/flow/test_load_pace.py",
    ),
)

COPIES = (
    _one(
        "a copy is believed",
        "after a restore, what was edited since and undone is never sent again",
        "ledger/opening.py",
        "                    _doubt_a_copy(engine)\n",
        "                    pass\n",
        "tests/test_state_backup.py",
    ),
)

MESSAGES = (
    _one(
        "a message that may have been taken is sent again",
        "somebody gets an SMS twice",
        "sms/send.py",
        "            if failure.sent:\n",
        "            if failure.sent and failure.why == '':\n",
        "tests/sms/test_send.py",
    ),
    _one(
        "what a dead sender left counts as not sent",
        "somebody gets an SMS twice",
        "ledger/messages.py",
        '            values = {"state": MessageState.UNKNOWN.value, "reason": LEFT_BEHIND,',
        '            values = {"state": MessageState.UNSENT.value, "reason": LEFT_BEHIND,',
    ),
    _one(
        "a lost answer counts as not sent",
        "somebody gets an SMS twice",
        "ledger/messages.py",
        "Verdict.UNKNOWN: (MessageState.UNKNOWN, NO_ANSWER, None)",
        "Verdict.UNKNOWN: (MessageState.UNSENT, NO_ANSWER, None)",
    ),
    _one(
        "opt-outs are not looked at when a batch leaves",
        "somebody who said STOP while the campaign ran gets an SMS",
        "messaging.py",
        "        stopped = book.opted_out([one.message.phone_number for one in batch])\n",
        "        stopped: set[str] = set()\n",
    ),
    _one(
        "opt-outs are not looked at when a request is repeated",
        "somebody who said STOP while the vendor was busy gets an SMS",
        "sms/send.py",
        "            batch = self._still_wanted(batch)\n",
        "",
    ),
)

CALLBACKS = (
    Mutation(
        "a callback is acknowledged before it is inside",
        "the receiver forgets it, and a pull that dies then has lost it",
        (
            Edit("pulling.py", COMMITTED + ACKNOWLEDGED, COMMITTED),
            Edit("pulling.py", FETCHED, ACKNOWLEDGED + FETCHED),
        ),
    ),
    _one(
        "repeats are not seen",
        "a call stands in the CRM twice",
        "ledger/events.py",
        "            same_as = self._repeats(connection, fresh)\n",
        "            same_as: dict[str, str] = {}\n",
    ),
    Mutation(
        "a delivery is settled before it is written",
        "a pull that dies, or a CRM that is down, loses events",
        (
            Edit(
                "pulling.py",
                "                refusals = sink.write(",
                "                outbox.settle(sink_id, delivery, this_pull, {})\n                refusals = sink.write(",
            ),
        ),
    ),
    _one(
        "callbacks prove nothing",
        "an SMS that was delivered stays unknown",
        "ledger/evidence.py",
        "        if state != MessageState.SENT:\n",
        "        if state is None:\n",
    ),
)

MUTATIONS: tuple[Mutation, ...] = (*CONTACTS, *LEASES, *COPIES, *MESSAGES, *CALLBACKS)
"""All of them, in the order in which they are told."""
