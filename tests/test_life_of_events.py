"""The way back under any order of things: callbacks, contacts, refusals, a CRM that is down, pulls that die anywhere."""

from __future__ import annotations

import tempfile
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from sync_connector import pulling, sinks
from sync_connector.config import Events, Settings, Sink, Vendor
from sync_connector.config import Source as SourceSettings
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.event_history import Wanted, listed
from sync_connector.ledger.schema import contacts
from sync_connector.ledger.store import open_ledger
from sync_connector.reading import Progress
from tests.conftest import e164
from tests.test_pulling import NOON, PLACES, Memory, bare, call, status

NUMBERS = st.integers(0, 3)
SETTINGS = Settings(
    vendor=Vendor(login="me"),
    source=SourceSettings(path="none.csv"),
    events=Events(zone="Europe/Paris"),
    sinks=[Sink(name="crm", type="jsonl", path="out")],
)


class Death(BaseException):
    """The process is gone."""


class LifeOfEvents(RuleBasedStateMachine):
    """What the machine remembers beside what the house does: which callbacks came, and who has which number since."""

    @initialize()
    def begin(self) -> None:
        """An empty inbox, an empty ledger, a CRM that takes everything."""
        self.folder = tempfile.TemporaryDirectory()
        self.inbox = open_inbox(f"sqlite:///{Path(self.folder.name) / 'inbox.db'}")
        self.ledger = open_ledger("sqlite://", write=True)
        self.scope = self.ledger.make_scope("me", "host", "crm")
        self.sink = Memory()
        self.patch = pytest.MonkeyPatch()
        self.patch.setattr(sinks, "open_sink", lambda _: self.sink)
        self.now, self.came = NOON, 0
        self.calls: dict[str, int] = {}  # the raw callback of each call that is one → whose number
        self.sms: dict[tuple[str, str], set[str]] = {}
        self.owners: dict[int, str] = {}
        self.refused: set[int] = set()

    def _arrive(self, query: str) -> None:
        self.came += 1
        self.inbox.append([(self.now, query)])

    @rule(number=NUMBERS)
    def a_call(self, number: int) -> None:
        """No two take the same time."""
        query = call(e164(number), duration=str(len(self.calls) + 1))
        self.calls[query] = number
        self._arrive(query)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def a_call_comes_again(self, data: st.DataObject) -> None:
        """The very same words, at any time within the week."""
        self._arrive(data.draw(st.sampled_from(sorted(self.calls))))

    @rule(number=NUMBERS)
    def a_missed_call_without_a_time(self, number: int) -> None:
        """More than a minute after any other, so it is one more."""
        self.now += timedelta(seconds=61)
        query = bare(e164(number))
        self.calls[f"{query} at {self.now}"] = number
        self._arrive(query)

    @rule(sms=st.sampled_from("ab"), number=NUMBERS, said=st.sampled_from(["sent", "failed", "received"]))
    def a_status(self, sms: str, number: int, said: str) -> None:
        """In any order."""
        self.sms.setdefault((sms, e164(number)), set()).add(said)
        self._arrive(status(sms, e164(number), said, "2026-03-02T10:00:00Z"))

    @rule(nonsense=st.sampled_from(["", "x=1", "call=%7B"]))
    def nonsense(self, nonsense: str) -> None:
        """Kept, and written nowhere."""
        self._arrive(nonsense)

    @precondition(lambda self: len(self.owners) < 4)
    @rule(number=NUMBERS)
    def a_contact_appears(self, number: int) -> None:
        """The vendor took it under that number."""
        if number in self.owners:
            return
        key = self.owners[number] = f"K{number}"
        values = {"account_id": self.scope.account_id, "source_id": self.scope.source_id, "key": key, "state": "accepted"}
        with self.ledger.engine.begin() as connection:
            connection.execute(sa.insert(contacts).values(**values, phone_number=e164(number), run_id=1))

    @rule(number=NUMBERS)
    def the_crm_refuses_a_number_or_takes_it_again(self, number: int) -> None:
        """Rows of one number are refused for a while."""
        self.refused ^= {number}
        self.sink.refuse = lambda record: record.event.phone_number in {e164(n) for n in self.refused}

    @rule(down=st.booleans())
    def the_crm_goes_down_or_comes_back(self, down: bool) -> None:
        """For a while."""
        self.sink.down = down

    @rule(place=st.sampled_from([*PLACES, "nowhere"]), meets=st.integers(1, 2))
    def a_pull_that_may_die(self, place: str, meets: int) -> None:
        """At the first or second time that it comes to a place, or not at all."""
        met = 0

        def die(at: str) -> None:
            nonlocal met
            met += at == place
            if met == meets and at == place:
                raise Death

        with suppress(Death):
            self._pull(die)

    def _pull(self, instrument: pulling.Instrument = lambda _: None) -> pulling.Pulled:
        self.patch.setattr(pulling, "PAGE", 3)
        self.patch.setattr(pulling, "DELIVERY", 2)
        return pulling.pull(SETTINGS, self.ledger, self.scope, self.inbox, Progress(), lambda: None, instrument)

    def teardown(self) -> None:
        """Once all is well again, one pull makes everything good: each callback is an event, each thing that happened stands
        in the CRM once, with its contact, and each SMS at its highest status."""
        if not hasattr(self, "folder"):
            return
        self.refused.clear()
        self.sink.down = False
        last = self._pull()
        assert (last.exit_code, last.left_at_origin, self.inbox.waiting()) == (0, 0, 0)
        events = listed(self.ledger, self.scope.account_id, Wanted(), None)
        assert len(events) == self.came
        rows = list(self.sink.rows.values())
        told = [row for row in rows if row.event.kind == "call"]
        assert sorted(row.event.phone_number or "" for row in told) == sorted(e164(number) for number in self.calls.values())
        assert len({row.event.duration_text for row in told} - {"0"}) == sum("MISSED" not in query for query in self.calls)
        keys = {e164(number): key for number, key in self.owners.items()}
        assert all(row.contact_key == keys.get(row.event.phone_number or "") for row in rows)
        stands = {(row.event.id_sms_api, row.event.phone_number): row.event.status for row in rows if row.event.id_sms_api}
        highest = {sms: max(said, key=["sent", "failed", "received"].index) for sms, said in self.sms.items()}
        assert stands == highest
        self.patch.undo()
        self.inbox.close()
        self.ledger.close()
        self.folder.cleanup()


LifeOfEvents.TestCase.settings = settings(max_examples=60, stateful_step_count=25)
TestLifeOfEvents = LifeOfEvents.TestCase


def test_the_machine_knows_the_places_at_which_a_pull_can_die() -> None:
    """A place that no pull comes to would be a test of nothing."""
    machine = LifeOfEvents()
    machine.begin()
    machine.a_call(1)
    met: set[str] = set()
    machine._pull(met.add)
    machine.teardown()
    assert met == set(PLACES)
