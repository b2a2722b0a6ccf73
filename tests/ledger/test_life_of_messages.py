"""Messages under any order of things: senders that die, answers that are late, callbacks that are quick, people who decide."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from sync_connector.ledger import leases
from sync_connector.ledger.messages import Outbound, Overtaken
from sync_connector.ledger.store import open_ledger
from sync_connector.model import Manner, MessageReply, MessageState, Mode, Verdict
from tests.conftest import e164
from tests.ledger.test_messages import NOON, Desk, answer, click, outbound, status

NUMBERS = st.integers(0, 3)
CAMPAIGNS = st.sampled_from(["", "spring"])
PIECES = st.lists(NUMBERS, unique=True, min_size=1, max_size=3)


class LifeOfMessages(RuleBasedStateMachine):
    """What the machine remembers beside what the house does: each message's state, and who is out since which callback."""

    @initialize()
    def begin(self) -> None:
        """An empty ledger in memory, and the leases of a sender and a pull."""
        self.ledger = open_ledger("sqlite://", write=True)
        self.desk = Desk(self.ledger)
        with self.ledger.engine.begin() as connection:
            for purpose in ("sms", "pull"):
                leases.acquire(connection, self.desk.scope.account_id, self.ledger.holder, purpose)
        self.now = NOON
        self.states: dict[str, MessageState] = {}
        self.proven: set[str] = set()
        self.out: set[str] = set()
        self.last: dict[str, list[str]] = {}  # number → ids, in the order in which they were begun

    def _id(self, campaign: str, number: int) -> str:
        return outbound(number, campaign).message.id_sms_api

    @rule(campaign=CAMPAIGNS, numbers=PIECES)
    def messages_are_offered(self, campaign: str, numbers: list[int]) -> None:
        """As a campaign does: what the ledger has in any state but unsent is left out."""
        self.now += timedelta(seconds=1)
        batch = [outbound(number, campaign) for number in numbers]
        known = self.desk.book.known(campaign, Mode.PROD, [one.identity for one in batch])
        due = [one for one in batch if one.identity not in known or known[one.identity].state is MessageState.UNSENT]
        assert {one.message.id_sms_api for one in due} == {
            one.message.id_sms_api for one in batch if self.states.get(one.message.id_sms_api) in (None, MessageState.UNSENT)
        }
        self.desk.book.begin(due, Manner(), self.now)
        for one in due:
            id_ = one.message.id_sms_api
            assert id_ not in self.proven
            self.states[id_] = MessageState.BEGUN
            ids = self.last.setdefault(one.message.phone_number, [])
            if id_ in ids:
                ids.remove(id_)
            ids.append(id_)

    @rule(campaign=CAMPAIGNS, numbers=PIECES)
    def messages_are_begun_without_a_look(self, campaign: str, numbers: list[int]) -> None:
        """If one of them is there and not unsent, none is begun."""
        if all(self.states.get(self._id(campaign, number), "unsent") == "unsent" for number in numbers):
            return
        try:
            self.desk.begin(*(outbound(number, campaign) for number in numbers), at=self.now)
        except Overtaken:
            return
        raise RuntimeError("a message was begun twice")

    def _batch(self, campaign: str, numbers: list[int]) -> list[Outbound]:
        return [outbound(number, campaign) for number in numbers if self._id(campaign, number) in self.states]

    @rule(campaign=CAMPAIGNS, numbers=PIECES, data=st.data())
    def the_vendor_answers(self, campaign: str, numbers: list[int], data: st.DataObject) -> None:
        """Sometimes when all is settled already, and sometimes it says no to what it sent."""
        batch = self._batch(campaign, numbers)
        verdicts = [data.draw(st.sampled_from([Verdict.ACCEPTED, Verdict.REFUSED, Verdict.UNKNOWN])) for _ in batch]
        self.desk.book.settle(batch, [MessageReply(verdict, 1) for verdict in verdicts], self.now)
        became = dict(zip(("accepted", "refused", "unknown"), ("sent", "refused", "unknown"), strict=True))
        for one, verdict in zip(batch, verdicts, strict=True):
            self._leaves_begun(one.message.id_sms_api, MessageState(became[verdict]))

    def _leaves_begun(self, id_: str, state: MessageState) -> None:
        if self.states[id_] is MessageState.BEGUN:
            self.states[id_] = state

    @rule(campaign=CAMPAIGNS, numbers=PIECES)
    def the_vendor_is_not_reached(self, campaign: str, numbers: list[int]) -> None:
        """Certainly nothing was sent, unless a callback knows better."""
        batch = self._batch(campaign, numbers)
        self.desk.book.not_sent(batch, "not reached", self.now)
        for one in batch:
            self._leaves_begun(one.message.id_sms_api, MessageState.UNSENT)

    @rule()
    def the_sender_dies_and_another_begins(self) -> None:
        """What was under way is unknown."""
        begun = [id_ for id_, state in self.states.items() if state is MessageState.BEGUN]
        assert self.desk.book.recover(self.now) == len(begun)
        self.states |= dict.fromkeys(begun, MessageState.UNKNOWN)

    @rule(campaign=CAMPAIGNS, numbers=PIECES, sent=st.booleans())
    def a_person_decides(self, campaign: str, numbers: list[int], sent: bool) -> None:
        """Only what is unknown moves."""
        ids = [self._id(campaign, number) for number in numbers]
        state = MessageState.SENT if sent else MessageState.UNSENT
        unknown = [id_ for id_ in ids if self.states.get(id_) is MessageState.UNKNOWN]
        assert self.desk.book.resolve(ids, state, self.now) == len(unknown)
        self.states |= dict.fromkeys(unknown, state)

    @rule(campaign=CAMPAIGNS, number=NUMBERS, said=st.sampled_from(["sent", "failed", "received", "a click"]))
    def a_callback_tells_of_a_message(self, campaign: str, number: int, said: str) -> None:
        """It was sent, whatever the ledger had."""
        id_ = self._id(campaign, number)
        taken = self.desk.come(click(id_) if said == "a click" else status(id_, said), at=self.now)
        assert taken.settled == (id_ in self.states and self.states[id_] is not MessageState.SENT)
        if id_ in self.states:
            self.states[id_] = MessageState.SENT
            self.proven.add(id_)

    @rule(number=NUMBERS, stop=st.booleans())
    def somebody_answers(self, number: int, stop: bool) -> None:
        """It is an answer to what they have had last; a STOP puts them out."""
        may_have = {MessageState.SENT, MessageState.UNKNOWN, MessageState.BEGUN}
        had = [id_ for id_ in self.last.get(e164(number), []) if self.states[id_] in may_have]
        taken = self.desk.come(answer(number), at=self.now, stop=stop)
        assert taken.opted_out == (stop and e164(number) not in self.out)
        if stop:
            self.out.add(e164(number))
        assert self.desk.told()[-1]["about"] == (had[-1] if had else None)

    @rule(number=NUMBERS)
    def a_person_lets_somebody_in(self, number: int) -> None:
        """Until they say STOP again."""
        assert self.desk.book.opt_in(e164(number)) == (e164(number) in self.out)
        self.out.discard(e164(number))

    @invariant()
    def the_ledger_says_the_same_and_its_counts_add_up(self) -> None:
        """Each message once, in its state, what was proven being sent; each campaign's messages are its states' sum."""
        if not hasattr(self, "desk"):
            return
        assert self.desk.states() == self.states
        assert {self.states[id_] for id_ in self.proven} <= {MessageState.SENT}
        assert self.desk.book.opted_out([e164(number) for number in range(4)]) == self.out
        told = self.desk.book.campaigns()
        counted: Counter[str] = Counter()
        for campaign in told:
            assert campaign["messages"] == sum(campaign[state.value] for state in MessageState)
            assert campaign["delivered"] + campaign["failed"] <= campaign["messages"]
            counted.update({state.value: campaign[state.value] for state in MessageState if campaign[state.value]})
        assert counted == Counter(self.states.values())

    def teardown(self) -> None:
        """The ledger is closed."""
        if hasattr(self, "ledger"):
            self.ledger.close()


LifeOfMessages.TestCase.settings = settings(max_examples=30, stateful_step_count=25)
TestLifeOfMessages = LifeOfMessages.TestCase
