"""Anything, in any order: edits, rules, runs, faults, deaths, clocks, copies, two at once, messages, callbacks; what must hold.

After each step: nothing that the vendor took is missing from the ledger, nothing is called accepted that it does not hold with
those very fields, nobody got an SMS twice, nor one once he was known to want none. At the end, and whenever all is quiet: what
the CRM says is at the vendor, one more run sends nothing, each callback is in the CRM once, and all sums of the ledger add up.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import orjson
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sync_connector.dialects._callback import callback_query
from sync_connector.errors import AskPerson, LeaseLost
from sync_connector.flow.diff import payload_fingerprint
from sync_connector.ledger import care, leases, quality
from sync_connector.ledger.sums import SUMS
from sync_connector.model import Contact, Tally
from tests.proof.company import (
    AT_A_BATCH,
    AT_A_PULL,
    AT_A_SENDING,
    AT_A_SYNC,
    BEGAN,
    ELSEWHERE,
    SCOPE,
    Company,
    Death,
    Process,
    world,
)
from tests.proof.oracle import ADDRESS, EMAILS, PHONES, Mood, expected
from tests.proof.wire import FAULTS

# Few of each, so that what is undone, shared and swapped is not rare.
keys = st.integers(0, 4).map(lambda n: f"K{n}")
phones = st.sampled_from([*sorted(PHONES)[2:], *sorted(PHONES)])  # most of them are numbers
cities = st.sampled_from(["Paris", "Lyon"])
lasts = st.sampled_from(["Dupont", "Dupont", ADDRESS])
emails = st.sampled_from(list(EMAILS))
times = st.integers(0, 1).map(lambda month: f"2026-0{month + 1}-01T00:00:00Z")
NUMBERS = ("+33612000000", "+33612000001", "+33612000002", "+33470123450", "+32470123450")
mobiles = st.sampled_from(["+33612000000", "+33612000001", "+33612000002"])
moods = st.tuples(st.sampled_from(["takes", "warns", "refuses", "poisoned"]), st.integers(0, 4))  # of all numbers but one
edits = st.tuples(keys, phones, lasts, cities, emails, times)
several = st.lists(edits, min_size=2, max_size=5)  # else most runs would have nothing to send
kinds = st.sampled_from([*FAULTS, "reordered", "stranger"])  # in which a verdict may be taken for another's
faults: st.SearchStrategy[list[str]] = (
    st.lists(kinds, max_size=4) | st.tuples(kinds, st.integers(1, 6)).map(lambda of: [of[0]] * of[1]) | st.just([])
)
silent = st.lists(st.sampled_from(["none", "lost", "half", "429", "missing"]), max_size=4)


def deaths(places: list[str]) -> st.SearchStrategy[Death]:
    """At a place, the first time or a later one."""
    return st.tuples(st.sampled_from(places), st.integers(1, 3).map(lambda n: max(1, n - 1)))


words = st.sampled_from(["Bonjour", "Adieu"])
jumps = st.sampled_from([301, -301, 86_400, -86_400])
choices = st.sampled_from(
    [
        *(("policy", policy) for policy in ("newest", "first", "reject")),
        *(("country", country) for country in ("FR", "BE")),
        *(("on_invalid_email", what) for what in ("drop", "reject")),
        *(("strict_names", strict) for strict in (True, False)),
    ]
)
DISORDER = ["reordered", "missing", "stranger", "surplus", "no numbers"]
SAID = ["failed", "sent", "received"]


class Proof(RuleBasedStateMachine):
    """A company, and all that may happen to it."""

    company: Company

    @initialize(dialect=st.sampled_from(["ardary", "insim-v1"]), reads_changes=st.booleans(), many=st.booleans(), choice=choices)
    def begin(self, dialect: str, reads_changes: bool, many: bool, choice: tuple[str, Any]) -> None:
        """A company, with nobody in its CRM, or with some that have been sent already."""
        self.company = Company(world(), dialect, reads_changes=reads_changes)
        self.campaign = 0
        self.sent: dict[str, list[tuple[str, str]]] = {}  # campaign → what was asked for, of this ledger's life
        self.possible: list[str] = []  # callbacks that may come, now or again
        self.calls: set[str] = set()
        self.stops: dict[str, str] = {}  # callback → whose number
        self.statuses: dict[str, tuple[str, str]] = {}  # callback → id_sms_api, status
        self.forgotten: set[str] = set()  # numbers and ids of SMS that the vendor has, and that a restored ledger cannot know
        self.out: set[str] = set()
        self.backed_up = False
        if many:
            self.company.settle_with([self._row(f"K{n}", phone) for n, phone in enumerate(sorted(PHONES)[2:6])])
        setattr(self.company.rules, *choice)

    def teardown(self) -> None:
        """At the end all becomes quiet."""
        if hasattr(self, "company"):
            try:
                self.quiet()
            finally:
                self.company.close()

    def _row(self, key: str, phone: str) -> dict[str, str]:
        named = {"id": key, "first name": key, "last name": "Dupont", "mobile": phone}
        return named | {"city": "Paris", "email": "", "updated_at": "2026-01-01T00:00:00Z"}

    # --- the CRM ---------------------------------------------------------------------------------------------------------

    def edit(self, key: str, phone: str, last: str, city: str, email: str, when: str) -> None:
        """A contact is there, new or not, with any number that another may have."""
        self.company.put(self._row(key, phone) | {"last name": last, "city": city, "email": email, "updated_at": when})

    @rule(key=keys, cell=st.tuples(st.just("city"), cities) | st.tuples(st.just("mobile"), phones))
    def edit_one_cell(self, key: str, cell: tuple[str, str]) -> None:
        """What was edited may be undone so; a number is taken from another, or shared with him no more."""
        if key in self.company.rows:
            self.company.put(self.company.rows[key] | dict([cell]))

    @rule(key=keys)
    def delete(self, key: str) -> None:
        """A contact less."""
        if key in self.company.rows:
            self.company.delete(key)

    @rule(key=keys, phone=phones)
    def correct_in_the_sheet(self, key: str, phone: str) -> None:
        """Which comes back with the next run."""
        if key in self.company.rows:
            self.company.correct(key, phone)

    @rule(choice=choices)
    def the_rules_change(self, choice: tuple[str, Any]) -> None:
        """A severity, who wins a shared number, the country from which numbers are seen."""
        setattr(self.company.rules, *choice)

    # --- runs ------------------------------------------------------------------------------------------------------------

    @rule(changed=several, moods=moods)
    def run(self, changed: list[tuple[str, ...]], moods: tuple[Any, int]) -> None:
        """Edits, and a sync; the vendor takes each number, warns of it, refuses it, or breaks at it."""
        self._run(changed, moods, [], None)

    @rule(changed=several, moods=moods, these=faults)
    def run_with_faults(self, changed: list[tuple[str, ...]], moods: tuple[Any, int], these: list[str]) -> None:
        """The same, and something happens on the way."""
        self._run(changed, moods, these, None)

    @rule(changed=several, these=faults, dies_at=deaths(AT_A_SYNC))
    def run_and_die(self, changed: list[tuple[str, ...]], these: list[str], dies_at: Death) -> None:
        """The same, and the process dies."""
        self._run(changed, ("takes", 0), these, dies_at)

    @rule(other=st.sampled_from(["warns", "refuses"]), number=st.sampled_from(NUMBERS), fault=st.sampled_from(DISORDER))
    def a_disordered_answer(self, other: Mood, number: str, fault: str) -> None:
        """All moved, the vendor says of one number another thing than of the rest, and its answers are in disorder: in which the
        verdict of one may be taken for another's."""
        self._all_move_to("Arles" if self.company.rows and "Arles" not in str(self.company.rows) else "Paris")
        self.company.vendor.moods = {number: other}
        self.company.sync(self.company.weather_of([fault] * 6), Process())

    def _run(self, changed: list[tuple[str, ...]], moods: tuple[Any, int], these: list[str], dies_at: Death | None) -> None:
        for one in changed:
            self.edit(*one)
        self.company.vendor.moods = {number: moods[0] for at, number in enumerate(NUMBERS) if at != moods[1]}
        process = Process(dies_at)
        weather = self.company.weather_of(these)
        before = self.company.vendor.said.copy()
        result, failure = self.company.sync(weather, process)
        if result is None and failure is None:
            assert process.dead
        if result is not None and not these and "poisoned" not in self.company.vendor.moods.values():
            said = self.company.vendor.said - before
            assert result.tally == Tally(said["accepted"], said["warned"], said["refused"]), "each has the vendor's own verdict"
        assert not isinstance(failure, AskPerson | LeaseLost), "nobody else is at work"

    @rule(
        key=keys,
        fault=st.sampled_from(["none", "lost", "missing"]),
        dies_at=st.sampled_from(AT_A_BATCH),
        again=st.sampled_from(["", "", "ledger.start_run.after"]),
    )
    def a_bad_run_between_an_edit_and_its_undoing(self, key: str, fault: str, dies_at: str, again: str) -> None:
        """The vendor may have taken what the CRM no longer says; and the run that is to mend that may die as well."""
        if key in self.company.rows:
            before = self.company.rows[key]
            self.company.put(before | {"city": "Nice"})
            process = Process((dies_at, 1) if fault == "none" else None)
            self.company.sync(self.company.weather_of([fault] * 40), process)
            self.company.put(before)
            if again:
                self.company.sync(self.company.weather_of(), Process((again, 1)))

    @rule(at=st.integers(1, 2), slow=st.sampled_from([0, 200, 301, 301]), these=silent, cities=st.permutations(["Lille", "Metz"]))
    def two_runs_at_once(self, at: int, slow: int, these: list[str], cities: list[str]) -> None:
        """All moved; one run, of another machine, waits for an answer; all move on, and another run begins: it is refused while
        the first one's lease lasts; once that has expired it takes over, and the first has lost."""
        self._all_move_to(cities[0])
        first, second = Process(), Process()
        weather = self.company.weather_of(these)
        ended: list[tuple[bool, Any]] = []

        def other() -> None:
            self._all_move_to(cities[1])
            expired = self.company.now.timestamp() >= first.committed_at + leases.SECONDS
            _, failure = self.company.sync(self.company.weather_of(), second)
            ended.append((expired, failure))

        def slowly() -> None:
            self.company.now += timedelta(seconds=slow)

        weather.pass_time, weather.meanwhile = slowly, {at: self.company.aside(other)}
        _, failure = self.company.sync(weather, first, ELSEWHERE)
        if not ended:
            return
        expired, refused = ended[0]
        if expired:
            assert not isinstance(refused, AskPerson), "an expired lease is taken over"
            assert isinstance(failure, LeaseLost), "who lost the lease is told, and writes nothing more"
        else:
            assert isinstance(refused, AskPerson), "of two runs one is refused"
            assert not isinstance(failure, LeaseLost)

    def _all_move_to(self, city: str) -> None:
        for row in list(self.company.rows.values()):
            self.company.put(row | {"city": city})

    # --- clock and copies ------------------------------------------------------------------------------------------------

    @rule(seconds=jumps)
    def the_clock_jumps(self, seconds: int) -> None:
        """Forwards or backwards; never before the beginning, which is when callbacks begin to be told of."""
        self.company.now = max(BEGAN, self.company.now + timedelta(seconds=seconds))

    @rule()
    def back_up(self) -> None:
        """`state backup`."""
        self.company.backup()
        self.backed_up = True

    @precondition(lambda self: self.backed_up)
    @rule()
    def restore(self) -> None:
        """As README says: the copy is put back, callbacks are pulled first, and a campaign that was sent since is not run again.
        What the vendor took since, and the CRM does not ask for any more, nobody can know."""
        self.company.restore()
        self.campaign += 1
        self.sent.clear()
        known, messages = self._known_numbers(), self._messages()
        self.forgotten = set(self.company.vendor.held) - known
        self.forgotten |= {sms.id_sms_api for sms in self.company.vendor.sms} - set(messages)
        self.company.sheet.clear()
        if self.company.arrived:
            self.pull(None, down=False)
        else:
            self.out.clear()

    @rule(key=keys)
    def a_copy_is_put_back_over_an_edit_and_its_undoing(self, key: str) -> None:
        """The ledger says of the copy what the CRM says again, and the vendor has had something else since."""
        if key in self.company.rows:
            self.back_up()
            before = self.company.rows[key]
            self.company.put(before | {"city": "Nice"})
            self.company.sync(self.company.weather_of(), Process())
            self.company.put(before)
            self.restore()

    # --- messages --------------------------------------------------------------------------------------------------------

    @rule(
        rows=st.lists(st.tuples(mobiles, words), min_size=1, max_size=4, unique=True),
        these=faults | silent,
        dies_at=st.none() | deaths(AT_A_SENDING),
        told=st.booleans(),
        meanwhile=st.none() | st.tuples(st.integers(1, 2), st.sampled_from(["a stop", "another"])),
    )  # fmt: skip
    def a_campaign_is_sent(
        self, rows: list[tuple[str, str]], these: list[str], dies_at: Death | None, meanwhile: tuple[int, str] | None, told: bool
    ) -> None:
        """A file of messages, again with the rows of before and some more; meanwhile one of them says STOP, or somebody
        sends the same."""
        name = f"campaign {self.campaign}"
        rows = [(number, f"{word} of {name}") for number, word in rows]
        asked = self.sent.setdefault(name, [])
        asked += [row for row in rows if row not in asked]
        process = Process(None if meanwhile else dies_at)  # who is dead elsewhere keeps the lease until it expires
        weather = self.company.weather_of(these)
        weather.leaving = self._leaves
        if meanwhile is not None:
            weather.meanwhile = {meanwhile[0]: self.company.aside(self._beside_a_sending(name, list(asked), meanwhile[1]))}
        known = {sms.id_sms_api for sms in self.company.vendor.sms}
        self.company.send(name, asked, weather, process, ELSEWHERE if meanwhile else None)
        for sms in self.company.vendor.sms:
            if sms.id_sms_api not in known:
                self._told_of(sms.id_sms_api, sms.phone_number)
                if told:
                    self.company.arrive([self.possible[-1]])

    def _beside_a_sending(self, name: str, asked: list[tuple[str, str]], what: str) -> Callable[[], None]:
        def beside() -> None:
            if what == "a stop":
                self.somebody_says_stop(asked[-1][0], arrives=True)
                self.pull(None, down=False)
                return
            process = Process()
            weather = self.company.weather_of()
            failure = self.company.send(name, asked, weather, process, "another place/2/2/abcdef02")
            assert isinstance(failure, AskPerson), "of two that send one is refused"
            assert weather.posts == 0

        return beside

    def _leaves(self, body: bytes) -> None:
        """Nobody is written to who was known to want no more when the request left."""
        written_to = {message["phone_number"] for message in orjson.loads(body)["messages"]}
        assert not written_to & self.out, "an SMS leaves for somebody who had opted out"

    def _told_of(self, sms: str, number: str) -> None:
        for said in SAID[1:]:
            told = {"user": "me", "phone_number": number, "status": said, "date_status": "2026-03-02T12:01:00Z"}
            query = callback_query("status", {**told, "id_sms_api": sms})
            self.statuses[query] = (sms, said)
            self.possible.append(query)

    # --- callbacks -------------------------------------------------------------------------------------------------------

    @rule(number=mobiles)
    def somebody_calls(self, number: str) -> None:
        """A callback may tell of it from now on."""
        told = {"title": "incoming_call", "phone_number": number, "call_time": f"2026-03-01 10:00:{len(self.possible):02d}"}
        query = callback_query("calls", {"device_identification": "d", **told, "duration": "00:01:00"})
        self.calls.add(query)
        self.possible.append(query)

    @rule(number=mobiles, arrives=st.booleans())
    def somebody_says_stop(self, number: str, arrives: bool) -> None:
        """Most often it is told of at once."""
        told = {"title": "incoming_sms", "from": number, "message": "STOP", "date": f"2026-03-02T11:00:{len(self.possible):02d}Z"}
        query = callback_query("message", {"device_identification": "d", **told})
        self.stops[query] = number
        self.possible.append(query)
        if arrives:
            self.company.arrive([query])

    @precondition(lambda self: self.possible)
    @rule(which=st.lists(st.integers(0, 11), min_size=1, max_size=5))
    def callbacks_come(self, which: list[int]) -> None:
        """In any order, and again and again."""
        self.company.arrive([self.possible[-1 - one % len(self.possible)] for one in which])

    @precondition(lambda self: self.company.arrived)
    @rule(dies_at=st.none() | deaths(AT_A_PULL), down=st.booleans())
    def pull(self, dies_at: Death | None, down: bool) -> None:
        """From the inbox into the ledger and the CRM, which may be down; it may die at any place."""
        self.company.tables.down = down
        pulled = self.company.pull(Process(dies_at))
        self.company.tables.down = False
        if not self.backed_up:  # a receiver that keeps nothing for longer than it must; a ledger that goes back needs it
            self.company.inbox.forget(self.company.now + timedelta(days=9))
        if pulled is not None:
            assert pulled.left_at_origin == 0
            self.out = {self.stops[query] for query in self.company.arrived if query in self.stops}

    # --- what must hold --------------------------------------------------------------------------------------------------

    def _ask(self, statement: str) -> list[Any]:
        with closing(sqlite3.connect(self.company.folder / "ledger.db")) as ledger:
            return ledger.execute(statement).fetchall()

    def _under_way(self) -> set[str]:
        """The numbers of batches of which the ledger says that they may be under way."""
        return {number for (batch,) in self._ask("SELECT contacts FROM in_flight") for _, number, *_ in orjson.loads(batch)}

    def _known_numbers(self) -> set[str]:
        """The numbers that the vendor may have, as the ledger knows."""
        told = "SELECT phone_number FROM contacts WHERE phone_number IS NOT NULL UNION SELECT phone_number FROM stale_numbers"
        return {number for (number,) in self._ask(told)} | self._under_way()

    def _messages(self) -> dict[str, str]:
        return dict(self._ask("SELECT id_sms_api, state FROM messages"))

    @invariant()
    def all_is_well(self) -> None:
        """See below."""
        if hasattr(self, "company"):
            self._nothing_is_lost_and_nothing_is_wrongly_called_done()
            self._no_sms_is_sent_twice_or_lost()

    def _nothing_is_lost_and_nothing_is_wrongly_called_done(self) -> None:
        """Of contacts: the ledger knows each number that the vendor has, and of what it calls accepted the vendor has all."""
        held = self.company.vendor.held
        missing = set(held) - self._known_numbers() - self.forgotten
        assert not missing, f"the vendor has {missing}, and the ledger knows nothing of it"
        certain = "SELECT phone_number, payload_fp FROM contacts WHERE phone_number IS NOT NULL AND payload_fp IS NOT NULL"
        under_way = self._under_way()
        for number, fingerprint in self._ask(certain):
            if number not in under_way:
                assert number in held, f"{number} is called accepted, and the vendor has not got it"
                assert payload_fingerprint(Contact(number, *held[number])) == fingerprint, f"{number} is another at the vendor"
        states = "SELECT phone_number FROM contacts WHERE state IN ('accepted', 'warned')"
        assert {number for (number,) in self._ask(states)} <= set(held)

    def _no_sms_is_sent_twice_or_lost(self) -> None:
        """The ledger may have sent all that the vendor took, and the vendor took all that it calls sent."""
        if not self.company.vendor.sms:
            return
        assert self.company.vendor.sent_twice() == []
        taken = {sms.id_sms_api for sms in self.company.vendor.sms}
        known = self._messages()
        for sms in taken - self.forgotten:
            assert known.get(sms) in ("sent", "unknown", "begun"), f"the vendor took an SMS that is called {known.get(sms)}"
        assert {sms for sms, state in known.items() if state == "sent"} <= taken

    @rule()
    def quiet(self) -> None:
        """The vendor takes everything, nobody dies: soon all is as it must be, and then nothing is left to do."""
        company = self.company
        company.vendor.moods.clear()
        _, failure = company.sync(company.weather_of(), Process())
        assert failure is None
        self.all_is_well()
        wanted = expected([self._as_corrected(key) for key in company.order], company.rules)
        for number, (key, contact) in wanted.items():
            assert company.vendor.held.get(number) == contact, f"{key} is not at the vendor as the CRM has it"
        accepted = "SELECT phone_number, key FROM contacts WHERE state IN ('accepted', 'warned')"
        assert dict(self._ask(accepted)) == {number: key for number, (key, _) in wanted.items()}
        assert self._ask("SELECT * FROM in_flight") == []
        again = company.plan()
        assert (again.rows["to_send"], again.gone, again.displaced) == (0, [], []), "one more run would do something"
        if company.arrived:
            self.pull(None, down=False)
            self._check_events()
        self._check_ledger(set(wanted))

    def _as_corrected(self, key: str) -> dict[str, str]:
        """A row with what a sheet says in its place, if the row is as it was then."""
        ledger = self.company.ledger()
        row = self.company.rows[key]
        for one in ledger.overlays(SCOPE):
            if one.key == key and one.fingerprint == self.company.fingerprint(key):
                return {**row, **one.cells}
        return row

    def _check_events(self) -> None:
        """Each thing that happened stands in the CRM once, an SMS at its highest status, and nothing else."""
        rows = Counter(record.event.kind.value for record in self.company.tables.rows.values())
        arrived = set(self.company.arrived)
        told: dict[str, int] = {}
        for query in arrived & set(self.statuses):
            sms, said = self.statuses[query]
            told[sms] = max(told.get(sms, 0), SAID.index(said))
        assert rows == +Counter(call=len(arrived & self.calls), incoming_sms=len(arrived & set(self.stops)), sms_status=len(told))
        stands = [record.event for record in self.company.tables.rows.values() if record.event.id_sms_api]
        assert {event.id_sms_api: SAID.index(event.status) for event in stands} == told
        assert self._ask("SELECT COUNT(*) FROM events") == [(len(self.company.arrived),)]
        sent = {sms for sms, state in self._messages().items() if state == "sent"}
        assert set(told) - self.forgotten <= sent, "a callback proves that it was sent"

    def _check_ledger(self, wanted: set[str]) -> None:
        """Its sums add up; who is not sent is told of, with a reason; every number that the vendor has is used or told of."""
        ledger = self.company.ledger()
        scope = SCOPE
        with ledger.engine.connect() as connection:
            for each in SUMS:
                if each.name != "messages: begun":  # those of a sender that died, until somebody sends again
                    assert care._summed(connection, each).wrong == ()
            connection.rollback()
        stale = {number.phone_number for number in ledger.stale(scope)}
        kept = "SELECT phone_number FROM contacts WHERE state = 'rejected' AND phone_number IS NOT NULL"
        assert not stale & wanted
        left = set(self.company.vendor.held) - wanted - self.forgotten - {number for (number,) in self._ask(kept)}
        assert left <= stale, "a number at the vendor is neither used nor told of"
        states = dict(self._ask("SELECT key, state FROM contacts"))
        not_sent = {one.key: one for one in quality.not_sent(ledger, scope)}
        assert set(not_sent) == {key for key, state in states.items() if state in ("rejected", "held", "refused")}
        for key, one in not_sent.items():
            assert one.findings, f"{key} is {one.state}, and nobody says why"
            assert one.cells is None or one.cells["mobile"] == self.company.rows[key]["mobile"]
