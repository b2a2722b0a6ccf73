"""What the report and a contact's story tell of messages: each counted once, on its day, and the same wherever it is shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import planning
from sync_connector.config import load
from sync_connector.dialects._callback import callback_query
from sync_connector.event_report import messages_told
from sync_connector.events.inbox import open_inbox
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.store import open_ledger
from sync_connector.model import Manner, MessageReply, MessageState, Mode, Verdict
from tests.conftest import Project, e164, person
from tests.ledger.test_messages import ACCEPTED, NOON, REFUSED, UNKNOWN, Desk, answer, click, desk, outbound, status
from tests.report.told import COUNTS
from tests.test_pulling import status as status_callback

__all__ = ["desk"]

PARIS = ZoneInfo("Europe/Paris")
DAY = date(2026, 3, 2)
TEST = Manner(Mode.TEST)


def told(desk: Desk, since: date = DAY, until: date = DAY, now: datetime = NOON) -> dict[str, Any]:
    """What the report tells of messages."""
    return messages_told(desk.ledger, desk.scope.account_id, PARIS, (since, until), now)


def some(counts: dict[str, Any]) -> dict[str, Any]:
    """Those counts that are not zero."""
    return {name: counts[name] for name in COUNTS if counts[name]}


def test_each_message_is_counted_by_what_became_of_it(desk: Desk) -> None:
    """By its state, of which it has one; a request that is under way is unknown. What callbacks tell is counted beside it, and a
    refusal afterwards is a failure like one at once. Only what the vendor has, or may have, costs SMS."""
    desk.send(outbound(1), outbound(2, segments=3), outbound(3), outbound(4))
    desk.send(outbound(5), reply=REFUSED)
    desk.send(outbound(6, segments=2), reply=UNKNOWN)
    desk.begin(outbound(7))
    desk.book.not_sent(desk.begin(outbound(8)), "the network is down", NOON)
    desk.come(status("id-spring-1"), click("id-spring-1"), status("id-spring-2", "failed"), status("id-spring-3", "sent"))
    desk.come(answer(1, "STOP"), at=NOON + timedelta(hours=1), stop=True)
    found = told(desk)
    expected = {"messages": 8, "sent": 4, "refused": 1, "unknown": 2, "unsent": 1, "delivered": 1, "failed": 2, "answered": 1}
    expected |= {"clicked": 1, "opted_out": 1, "segments": 9}
    assert some(found["totals"]) == expected
    assert [(one["campaign"], one["begun"], some(one)) for one in found["campaigns"]] == [
        ("spring", "2026-03-02T12:00:00Z", expected)
    ]
    assert [(one["day"], some(one)) for one in found["per_day"]] == [("2026-03-02", expected)]
    assert (found["opt_outs"], found["rehearsals"], found["scheduled"]) == (1, 0, 0)


def test_a_message_counts_on_the_day_on_which_it_may_leave(desk: Desk) -> None:
    """A day is the account's, of 23 hours where summer time begins; begun before it and leaving on it is on it, and what leaves
    after now is scheduled, whatever the span."""
    first, last = datetime(2026, 3, 28, 23, tzinfo=UTC), datetime(2026, 3, 29, 21, 59, 59, tzinfo=UTC)
    moments = (first - timedelta(seconds=1), first, last, last + timedelta(seconds=1))
    desk.send(*(outbound(number, send_at=at) for number, at in enumerate(moments)))
    desk.send(outbound(9), reply=REFUSED)
    sunday = date(2026, 3, 29)
    assert told(desk, sunday, sunday)["totals"]["messages"] == 2
    days = told(desk, date(2026, 3, 27), date(2026, 3, 31))["per_day"]
    assert [one["messages"] for one in days] == [0, 1, 2, 1, 0]
    assert told(desk)["scheduled"] == 4
    assert told(desk, now=last)["scheduled"] == 1


def test_rehearsals_are_counted_beside_all_else(desk: Desk) -> None:
    """A campaign in mode test moves no other count, though the vendor answered and called back."""
    desk.begin(outbound(1, send_at=NOON + timedelta(hours=1)), outbound(2), manner=TEST)
    desk.come(status("id-spring-1"), status("id-spring-2"))
    desk.send(outbound(3, "real"))
    found = told(desk)
    assert (found["rehearsals"], found["scheduled"]) == (2, 0)
    assert some(found["totals"]) == {"messages": 1, "sent": 1, "segments": 1}
    assert [one["campaign"] for one in found["campaigns"]] == ["real"]


def test_an_opt_out_is_counted_as_long_as_it_holds(desk: Desk) -> None:
    """A person's entry counts as well; who is let in again does not."""
    for number in (1, 2):
        desk.book.opt_out(e164(number), NOON)
    desk.book.opt_in(e164(2))
    assert told(desk)["opt_outs"] == 1


def test_the_newest_campaign_stands_first(desk: Desk) -> None:
    """Messages of no campaign are together, in their place."""
    for hours, name in enumerate(("old", "", "new")):
        desk.send(outbound(hours, name), at=NOON + timedelta(hours=hours))
    assert [one["campaign"] for one in told(desk)["campaigns"]] == ["new", "", "old"]


FATES = st.tuples(
    st.sampled_from(["a", "b", ""]),
    st.integers(-30, 90),
    st.sampled_from([ACCEPTED, REFUSED, UNKNOWN, None]),
    st.sampled_from(["", "sent", "failed", "received"]),
    st.booleans(),
    st.sampled_from([Manner(), TEST]),
)


@given(st.lists(FATES, max_size=12))
@settings(max_examples=40, deadline=None)
def test_counts_agree_with_the_list_of_messages(fates: list[tuple[str, int, MessageReply | None, str, bool, Manner]]) -> None:
    """Whatever became of messages: the sums over a span are those of the messages that `sms status` would list, one by one."""
    ledger = open_ledger("sqlite://", write=True)
    desk = Desk(ledger)
    with ledger.lease(desk.scope, "sms"), ledger.lease(desk.scope, "pull"):
        for number, (campaign, hours, reply, said, clicked, manner) in enumerate(fates):
            batch = desk.begin(outbound(number, campaign, send_at=NOON + timedelta(hours=hours)), manner=manner)
            if reply is not None:
                desk.book.settle(batch, [reply], NOON)
            id_ = batch[0].message.id_sms_api
            if came := [status(id_, said)] * bool(said) + [click(id_)] * clicked:
                desk.come(*came)
        found = told(desk, DAY - timedelta(days=1), DAY + timedelta(days=2))
        rows = [row for row in desk.listed() if row["mode"] == "prod" and in_span(row["send_at"])]
        totals = found["totals"]
        assert totals["messages"] == len(rows)
        assert totals["delivered"] == sum(row["delivery"] == "received" for row in rows)
        assert totals["failed"] == sum(row["state"] == "refused" or row["delivery"] == "failed" for row in rows)
        assert totals["clicked"] == sum(row["clicked_at"] is not None for row in rows)
        unsettled = (MessageState.UNKNOWN, MessageState.BEGUN)
        assert totals["unknown"] == sum(row["state"] in unsettled for row in rows)
        assert totals["messages"] + found["rehearsals"] == sum(in_span(row["send_at"]) for row in desk.listed())
    ledger.close()


def in_span(iso: str) -> bool:
    """Whether a time lies in the four days around the second of March, in Paris."""
    return DAY - timedelta(days=1) <= datetime.fromisoformat(iso).astimezone(PARIS).date() <= DAY + timedelta(days=2)


# --- from the ledger to the page and the story ---------------------------------------------------------------------------

CAMPAIGN = "Rentrée <b>d'automne</b>"


@contextmanager
def book_of(project: Project) -> Iterator[MessageBook]:
    """The messages of a project's account."""
    scope_names = planning.scope_names(load(project.config, project.environment))
    with closing(open_ledger(project.ledger_url, write=True)) as ledger:
        scope = ledger.make_scope(*scope_names)
        with ledger.lease(scope, "sms"):
            yield MessageBook(ledger, scope.account_id)


def sent(project: Project, numbers: Sequence[int], verdict: Verdict = Verdict.ACCEPTED, campaign: str = CAMPAIGN) -> None:
    """Messages of a campaign left at noon, and the vendor answered."""
    with book_of(project) as book:
        batch = [outbound(number, campaign)._replace(contact_key=f"K{number:05}") for number in numbers]
        book.begin(batch, Manner(), NOON)
        book.settle(batch, [MessageReply(verdict)] * len(batch), NOON)


def callbacks(project: Project, *queries: str) -> None:
    """Callbacks came an hour later, and were fetched."""
    with closing(open_inbox(f"sqlite:///{project.folder / 'inbox.db'}")) as inbox:
        inbox.append([(NOON + timedelta(hours=1), query) for query in queries])
    project.run("pull")


def answered(number: int, text: str) -> str:
    """An answer to a message."""
    payload = {"title": "incoming_sms", "phone_number": e164(number), "message": text, "call_time": "2026-03-02 13:30:00"}
    return callback_query("incoming_sms", payload)


def clicked(number: int) -> str:
    """A click on the link of a message."""
    payload = {"id_sms_api": f"id-{CAMPAIGN}-{number}", "phone_number": e164(number), "link": "https://example.com/"}
    return callback_query("clicked_link", payload | {"date_click": "2026-03-02 13:20:00", "title": "clicked_link"})


@pytest.fixture
def office(on_sqlite: Project) -> Project:
    """A project of five contacts, of whom four were written to: one answered STOP, one clicked, one refusal, one unknown."""
    on_sqlite.settings = {
        "events": {"zone": "Europe/Paris"},
        "receive": {"inbox": f"sqlite:///{on_sqlite.folder / 'inbox.db'}"},
        "brakes": {"changed": 1},
    }
    on_sqlite.write([person(n) for n in range(5)])
    on_sqlite.configure()
    on_sqlite.sync()
    sent(on_sqlite, [1, 2])
    sent(on_sqlite, [3], Verdict.REFUSED)
    sent(on_sqlite, [4], Verdict.UNKNOWN, "")
    statuses = [status_callback(f"id-{CAMPAIGN}-{n}", e164(n), "received", "2026-03-02T12:05:00Z") for n in (1, 2)]
    callbacks(on_sqlite, *statuses, clicked(2), answered(1, "Stop !"))
    return on_sqlite


SPAN = ["--since", "2026-03-01", "--until", "2026-03-03"]


@pytest.mark.parametrize("lang", ["en", "fr"])
def test_the_page_and_the_object_have_the_same_numbers(office: Project, lang: str) -> None:
    """Read from the page: the figures at the top of the section, and every count of every campaign, as `report --json` has them;
    a campaign's name is text, whatever it holds."""
    page = office.folder / "page.html"
    shown = office.run("report", "--out", str(page), "--lang", lang, *SPAN).stdout
    found = office.json("report", *SPAN)["events"]["messages"]
    expected = {"messages": 4, "sent": 2, "refused": 1, "unknown": 1, "delivered": 2, "failed": 1, "answered": 1}
    assert some(found["totals"]) == expected | {"clicked": 1, "opted_out": 1, "segments": 3}
    assert found["opt_outs"] == 1
    html = page.read_text(encoding="utf-8").split('<section id="messages"')[1].split("</section>")[0]
    figures, *rows = [html.split("</dl>")[0], *re.findall(r"<tr[^>]*><th scope=\"row\" class=\"long\">.*?</tr>", html)]
    assert [counts_in(row) for row in (figures, *rows)] == [
        {name: one[name] for name in counts_in(figures)} for one in (found["totals"], *found["campaigns"])
    ]
    assert len(counts_in(figures)) == 8
    assert "Rentrée &lt;b&gt;d&#39;automne&lt;/b&gt;" in html
    assert "4 messages from 2026-03-01 to 2026-03-03: 2 sent, 1 refused, 1 unknown" in shown
    assert "2 delivered, 1 failed, 1 answered, 1 clicked, 1 opted out: sync-connector sms status" in shown


def counts_in(html: str) -> dict[str, int]:
    """What a piece of the page tells: name → count."""
    return {name: int(count) for name, count in re.findall(r'data-told="(\w+)">(\d+)<', html)}


def test_a_campaign_has_as_many_messages_as_are_listed(office: Project) -> None:
    """Each count leads to its messages by the command that the page names."""
    for one in office.json("report", *SPAN)["events"]["messages"]["campaigns"]:
        listed = office.json("sms", "status", "--campaign", one["campaign"])
        assert [len(listed), sum(row["opted_out"] for row in listed)] == [one["messages"], one["opted_out"]]


def test_explain_tells_what_was_written_and_what_came_back(office: Project) -> None:
    """By key and by number, with words and state; an event names the campaign that it is about."""
    story = office.json("explain", "K00001")
    (message,) = story["messages"]
    assert (message["campaign"], message["state"], message["delivery"], message["opted_out"]) == (
        CAMPAIGN,
        "sent",
        "received",
        True,
    )
    assert [event["campaign"] for event in story["events"]] == [CAMPAIGN] * 2
    assert office.json("explain", e164(1))["messages"] == [message]
    shown = " ".join(office.run("explain", "K00001").stdout.split())
    assert f"SMS 2026-03-02 13:00 sent {CAMPAIGN} Bonjour 1 → https://example.com/ delivered, answered, opted out" in shown
    assert f"Stop ! answers campaign {CAMPAIGN}" in shown
    refused = " ".join(office.run("explain", "K00003").stdout.split())
    assert "refused" in refused
    assert "the vendor says that it was not sent" in refused


def test_explain_tells_of_messages_to_a_number_that_no_contact_has(office: Project) -> None:
    """Nobody in the CRM, and still a story; a number to which nothing was written has none."""
    sent(office, [77], campaign="strangers")
    told_of = office.json("explain", e164(77))
    assert (told_of["contacts"], [one["campaign"] for one in told_of["messages"]]) == ([], ["strangers"])
    assert "no contact is known" in office.run("explain", e164(77)).stdout
    office.run("explain", e164(78), code=2)


def test_a_contacts_messages_stay_with_it_when_its_number_changes(office: Project) -> None:
    """They were written to the contact; another source's contact of the same key is somebody else."""
    office.write([person(n, **({"mobile": e164(50)} if n == 1 else {})) for n in range(5)])
    office.sync()
    with book_of(office) as book:
        other = outbound(90, "shop")._replace(contact_key="K00001", contact_source="shop")
        book.begin([other], Manner(), NOON)
    assert [one["number"] for one in office.json("explain", "K00001")["messages"]] == [e164(1)]


def test_a_long_story_ends_with_the_last_messages(office: Project) -> None:
    """At most fifty, the newest last, by when they leave."""
    with book_of(office) as book:
        batch = [
            outbound(1, f"c{hours}", send_at=NOON + timedelta(days=1, hours=hours))._replace(identity=str(hours))
            for hours in range(60)
        ]
        book.begin(batch, Manner(), NOON)
    told_of = office.json("explain", e164(1))["messages"]
    assert [one["campaign"] for one in told_of] == [f"c{hours}" for hours in range(10, 60)]
