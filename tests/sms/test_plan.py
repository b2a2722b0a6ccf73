"""From drafts to a plan: what is sent, what is left out and why, and that it adds up."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.ledger.nouns import Said
from sync_connector.model import Manner, MessageState, Mode, Place, Priority
from sync_connector.sms.compare import compare
from sync_connector.sms.draft import REASONS, Draft
from sync_connector.sms.hours import DAYS, Allowed
from sync_connector.sms.plan import Plan, Wishes, plan
from sync_connector.sms.template import compile_template

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)  # a Monday, 12:00 in Paris
MOBILE, OTHER, LANDLINE = "06 12 34 56 78", "+33 6 12 34 56 79", "01 42 68 53 00"
E164, OTHER_E164 = "+33612345678", "+33612345679"


def wishes(text: str | None = None, **changes: Any) -> Wishes:
    """What is wanted of all messages: at any hour, in France, unless a test says otherwise."""
    template = None if text is None else compile_template(text)
    base = Wishes("march", template, "", None, Manner(), Allowed("", DAYS), PARIS, "FR", 24)
    return base._replace(**changes)


def planned(drafts: Sequence[Draft], wanted: Wishes | None = None, crm: dict[str, str] | None = None) -> Plan:
    """A plan at noon; ids count up."""
    ids = (f"id-{number}" for number in itertools.count(1))
    return plan(drafts, wanted or wishes(), NOON, lambda: next(ids), crm or {})


def draft(number: str = MOBILE, text: str | None = "Bonjour", **changes: Any) -> Draft:
    """A row of a file of messages."""
    base = Draft(Place("messages.csv", 2), number, text=text, identity="id 1")
    return base._replace(**changes)


def test_a_message_is_planned_as_it_will_leave() -> None:
    """Its number is E.164, its link has our place, its time is the account's, its identity its number's."""
    one = draft(text=" Voici [Lien] \r\n", url="https://example.com/a", at="2026-03-28 10:00", priority="High")
    (made,) = planned([one]).planned
    assert made.outbound.message == ("id-1", E164, "Voici [Link]", "https://example.com/a", "2026-03-28 10:00:00")
    assert made.outbound.send_at == datetime(2026, 3, 28, 9, tzinfo=UTC)
    assert (made.outbound.campaign, made.outbound.identity) == ("march", f"{E164} id 1")
    assert (made.priority, made.segments.parts, made.postponed) == (Priority.HIGH, 1, False)


@pytest.mark.parametrize(
    ("one", "code"),
    [
        (draft(""), "#002"),
        (draft("12"), "#001"),
        (draft(LANDLINE), "no_sms_number"),
        (draft("0899 70 12 34"), "no_sms_number"),
        (draft(text=""), "bad_text"),
        (draft(text=" \n "), "bad_text"),
        (draft(text="a\x00b"), "bad_text"),
        (draft(text="half \ud83d"), "bad_text"),
        (draft(text="é" * 161 * 10), "bad_text"),
        (draft(text="Voici [Link]"), "bad_link"),
        (draft(text="Voici", url="https://example.com"), "bad_link"),
        (draft(text="[Link]", url="example"), "bad_link"),
        (draft(at="2026-02-30 10:00"), "bad_date"),
        (draft(at="2026-03-02 11:59"), "bad_date"),
        (draft(at="2026-03-29 02:30"), "bad_date"),
        (draft(priority="urgent"), "bad_priority"),
        (draft("", unreadable="the row has too many cells"), "unreadable"),
        (draft(unreadable="the rules reject it"), "unreadable"),
        (draft(text=None), "bad_text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_left_out_with_its_reason(one: Draft, code: str) -> None:
    """Each fault of a message has a code that is in the list of reasons, and a sentence; the next message is sent."""
    made = planned([one, draft(OTHER)])
    assert [(out.code, out.place.line) for out in made.left_out] == [(code, 2)]
    assert len(made.left_out[0].advice) > 8
    assert code in REASONS
    assert [sent.outbound.message.phone_number for sent in made.planned] == [OTHER_E164]
    assert made.as_json()["asked"] == 2


def test_a_blank_field_leaves_its_recipient_out() -> None:
    """Nobody reads a text with a hole in it; a default fills it."""
    fields = [{"first_name": "Ana"}, {"first_name": " "}]
    drafts = [draft(number, None, fields=own) for number, own in zip((MOBILE, OTHER), fields, strict=True)]
    made = planned(drafts, wishes("Bonjour {first_name}"))
    assert [one.outbound.message.text for one in made.planned] == ["Bonjour Ana"]
    assert [(out.code, "first_name" in out.advice) for out in made.left_out] == [("blank_field", True)]
    filled = planned(drafts, wishes("Bonjour {first_name|default('vous')}"))
    assert [one.outbound.message.text for one in filled.planned] == ["Bonjour Ana", "Bonjour vous"]


def test_the_same_message_is_asked_for_twice_and_sent_once() -> None:
    """However its number is written; another text, or another contact's number, is another message."""
    same = [draft(MOBILE), draft("+33612345678"), draft(MOBILE, identity="id 2"), draft(OTHER)]
    made = planned(same)
    assert [one.outbound.identity for one in made.planned] == [f"{E164} id 1", f"{E164} id 2", f"{OTHER_E164} id 1"]
    assert [out.code for out in made.left_out] == ["twice"]
    contacts = [draft(number, identity="") for number in (MOBILE, OTHER, MOBILE)]
    assert [one.outbound.identity for one in planned(contacts).planned] == [E164, OTHER_E164]
    alone = [draft(identity=None), draft(identity=None)]
    assert [one.outbound.identity for one in planned(alone).planned] == ["id-1", "id-2"]


def test_the_same_words_in_two_rows_are_sent_once() -> None:
    """Whatever else the rows say: who has two cards in the CRM gets one message. Another date, url or id makes another one."""
    at, link = "2026-03-28 10:00", "https://example.com/"
    rows = [
        draft(identity="a"),
        draft("+33612345678", identity="b"),
        draft(identity="c", at=at),
        draft(identity="d", at=at),
        draft(text="[Link]", url=f"{link}1", identity="e"),
        draft(text="[Lien]", url=f"{link}2", identity="f"),
        draft(text="[Lien]", url=f"{link}2", identity="g"),
    ]
    made = planned(rows)
    assert [one.draft.identity for one in made.planned] == ["a", "c", "e", "f"]
    assert [out.code for out in made.left_out] == ["twice"] * 3


@pytest.mark.parametrize(
    ("identity", "at", "before", "left_out"),
    [
        ("new", "", "old", True),
        ("new", "", "id 7", True),
        ("id 7", "", "old", True),  # the file got a column of ids since
        ("id 7", "", "id 8", False),
        ("new", "2026-03-28 10:00", "old", True),
        ("new", "2026-03-28 11:00", "old", False),
    ],
)
def test_the_same_words_of_an_earlier_run_are_not_sent_again(identity: str, at: str, before: str, *, left_out: bool) -> None:
    """A row that changed in what is not read is the same message, unless it is named or dated apart."""
    made = planned([draft(identity=identity, at=at)])
    sent = Said(f"{E164} {before}", MessageState.SENT, datetime(2026, 3, 28, 9, tzinfo=UTC))
    compare(made, {}, set(), {(E164, "Bonjour", ""): [sent]})
    assert [out.code for out in made.left_out] == (["already"] if left_out else [])
    made = planned([draft(identity=identity, at=at)])
    compare(made, {}, set(), {(E164, "Bonjour", ""): [sent._replace(state=MessageState.UNSENT)]})
    assert len(made.planned) == 1


def test_whom_the_crm_marks_gets_nothing_whatever_row_the_number_stands_in() -> None:
    """The CRM's word is told with the message that was left out."""
    made = planned([draft(MOBILE), draft(OTHER)], crm={E164: "do not SMS"})
    assert [(out.code, "do not SMS" in out.advice) for out in made.left_out] == [("crm_opt_out", True)]
    assert len(made.planned) == 1


class Before(NamedTuple):
    """A message that an earlier run knew."""

    state: MessageState
    id_sms_api: str = "earlier"


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (MessageState.SENT, "already"),
        (MessageState.REFUSED, "refused"),
        (MessageState.UNKNOWN, "unknown"),
        (MessageState.BEGUN, "unknown"),
        (MessageState.UNSENT, None),
    ],
)
def test_what_an_earlier_run_may_have_sent_is_not_sent_again(state: MessageState, code: str | None) -> None:
    """Only what certainly never left is offered again, under the id that it had."""
    made = planned([draft(MOBILE), draft(OTHER)])
    compare(made, {f"{E164} id 1": Before(state)}, set())
    ids = [one.outbound.message.id_sms_api for one in made.planned]
    if code is None:
        assert (ids, made.left_out) == (["earlier", "id-2"], [])
    else:
        assert (ids, [out.code for out in made.left_out]) == (["id-2"], [code])
    assert made.as_json()["to_send"] == len(ids)


def test_who_opted_out_is_left_out_and_counted() -> None:
    """Whatever the campaign, and though nothing was ever sent to the number."""
    made = planned([draft(MOBILE), draft(OTHER)])
    compare(made, {}, {OTHER_E164})
    assert [out.code for out in made.left_out] == ["opted_out"]
    assert made.as_json()["left_out"] == [{"code": "opted_out", "meaning": REASONS["opted_out"], "count": 1}]


def test_an_hour_that_is_not_allowed_is_waited_for() -> None:
    """By the recipient's clock: at noon in Paris it is too early in New York and too late in Nouméa."""
    numbers = [MOBILE, "+1 212 555 0143", "+687 75 12 34"]
    wanted = wishes(allowed=Allowed("08:00-20:00", ("mon", "tue", "wed", "thu", "fri")), country="FR")
    made = planned([draft(number) for number in numbers], wanted)
    dates = [one.outbound.message.date_to_send for one in made.planned]
    assert dates == ["", "2026-03-02 14:00:00", "2026-03-02 22:00:00"]
    assert [one.postponed for one in made.planned] == [False, True, True]
    told = made.as_json()
    assert (told["postponed"], told["first_at"], told["last_at"]) == (2, "2026-03-02T13:00:00Z", "2026-03-02T21:00:00Z")


def test_the_price_of_one_odd_sign_is_told() -> None:
    """A ’ that turns one SMS into two is counted with what it would save; one that costs nothing is not."""
    dear = "L’atelier est prêt. " + "a" * 80
    made = planned([draft(MOBILE, dear), draft(OTHER, "L’atelier")])
    told = made.as_json()
    assert (told["segments"], told["encodings"]) == (3, {"UCS-2": 2})
    assert told["dearer_by_signs"] == {"messages": 1, "segments": 1, "signs": {"’": 1, "ê": 1}}


def test_requests_hold_one_priority_and_the_urgent_leave_first() -> None:
    """One generation says the priority once a request."""
    drafts = [draft(f"+336123456{n:02d}", priority=("low", "", "high")[n % 3]) for n in range(30)]
    made = planned(drafts, wishes(manner=Manner(Mode.TEST, sender_name="Us")))
    batches = made.batches(4)
    assert [(manner.priority.name, len(batch)) for manner, batch in batches] == [
        (name, size) for name in ("HIGH", "NORMAL", "LOW") for size in (4, 4, 2)
    ]
    assert {(manner.mode, manner.sender_name) for manner, _ in batches} == {(Mode.TEST, "Us")}


@given(
    st.lists(
        st.builds(
            draft,
            st.sampled_from([MOBILE, OTHER, LANDLINE, "", "12", "\ud83d", "+1 212 555 0143"]),
            st.one_of(st.none(), st.text(max_size=30)),
            identity=st.sampled_from([None, "", "id 1"]),
            url=st.sampled_from(["", "https://example.com"]),
            at=st.sampled_from(["", "2026-03-28 10:00", "tomorrow"]),
            priority=st.sampled_from(["", "low", "0", "x"]),
        ),
        max_size=12,
    )
)
def test_whatever_is_asked_for_adds_up_and_nothing_is_planned_twice(drafts: list[Draft]) -> None:
    """Asked for = to send + left out, each left out with a known reason; no two planned messages are one."""
    made = planned(drafts, wishes("Bonjour {name|default('vous')}"))
    compare(made, {f"{E164} id 1": Before(MessageState.SENT)}, {OTHER_E164})
    told = made.as_json()
    assert told["asked"] == len(drafts) == told["to_send"] + sum(one["count"] for one in told["left_out"])
    assert {out.code for out in made.left_out} <= set(REASONS)
    identities = [one.outbound.identity for one in made.planned]
    assert len(set(identities)) == len(identities)
    assert all(one.outbound.message.phone_number not in ("", OTHER_E164) for one in made.planned)
