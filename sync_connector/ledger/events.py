"""Events in the ledger: taken in, and bound to contacts and to our messages.

Law: an event, what it is bound to, what it proves of a message and the cursor of its inbox move in one transaction, which renews
the lease of the pull; so a callback that is met again changes nothing.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from sync_connector.ledger import evidence, leases
from sync_connector.ledger.nouns import Arrived, Candidate, TakenIn
from sync_connector.ledger.schema import bindings, cursors, events
from sync_connector.ledger.statements import ask, put, utc
from sync_connector.ledger.store import Ledger
from sync_connector.model import Clock, Event, Kind, Matched, State

Choose = Callable[[Sequence[Candidate]], tuple[Matched, list[int]]]
"""Who of the contacts with a number an event is bound to."""

_NUMBERED = """
SELECT phone_number, id, CASE WHEN state = :gone THEN 'gone' ELSE 'owner' END, recency
FROM contacts WHERE account_id = :account_id AND phone_number AMONG :numbers
UNION ALL
SELECT wanted_number, id, 'waiting', recency
FROM contacts WHERE account_id = :account_id AND wanted_number AMONG :numbers AND state <> :gone AND state <> 'unknown'
UNION ALL
SELECT s.phone_number, c.id, 'former', c.recency
FROM stale_numbers s JOIN contacts c ON c.source_id = s.source_id AND c.key = s.key
WHERE s.account_id = :account_id AND s.phone_number AMONG :numbers
"""

# Three look-ups from the few numbers that wait, each by an index.
_NOW_KNOWN = """
SELECT DISTINCT e.phone_number FROM events e JOIN contacts c ON c.account_id = e.account_id AND c.phone_number = e.phone_number
WHERE e.account_id = :account_id AND e.matched = 'none'
UNION
SELECT DISTINCT e.phone_number FROM events e JOIN contacts c ON c.account_id = e.account_id AND c.wanted_number = e.phone_number
WHERE e.account_id = :account_id AND e.matched = 'none' AND c.state <> :gone AND c.state <> 'unknown'
UNION
SELECT DISTINCT e.phone_number
FROM events e JOIN stale_numbers s ON s.account_id = e.account_id AND s.phone_number = e.phone_number
WHERE e.account_id = :account_id AND e.matched = 'none'
"""

_UNMATCHED = """
SELECT id, phone_number, COALESCE(status_of, event_key) FROM events
WHERE account_id = :account_id AND matched = 'none' AND phone_number AMONG :numbers
"""

# Of each the last alone: a probe may have said the same a million times.
_ALIKE = """
SELECT content, event_key, received_at FROM events WHERE id IN (
SELECT MAX(id) FROM events WHERE account_id = :account_id AND content AMONG :contents AND same_as IS NULL GROUP BY content)
"""

LONGEST_ID = 200
"""Characters: what claims to be the id of an SMS and is longer is not looked for again. An index takes no text of any length."""

_FIRST_STATUS = """
SELECT id_sms_api, COALESCE(phone_number, number_text), event_key FROM events
WHERE account_id = :account_id AND id_sms_api AMONG :sms AND id_sms_api <> '' AND length(id_sms_api) <= 200
AND kind = 'sms_status' AND status_of IS NULL AND same_as IS NULL
"""

_AGAIN = """
INSERT INTO outbox (sink_id, event_id, tries)
SELECT s.id, e.id, 0 FROM sinks s JOIN events e ON e.account_id = s.account_id
WHERE s.account_id = :account_id AND e.event_key AMONG :keys AND e.same_as IS NULL AND e.kind <> 'unknown'
ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class EventBook:
    """The events of an account, as a pull holds them: `ledger` has the lease."""

    ledger: Ledger
    account_id: int

    def cursor(self, inbox: str) -> tuple[int, str]:
        """The last callback of that inbox that became an event, and the event's key; 0 before the first."""
        mine = (cursors.c.account_id == self.account_id) & (cursors.c.inbox == inbox)
        with self.ledger.engine.connect() as connection:
            found = connection.execute(sa.select(cursors.c.sequence, cursors.c.event_key).where(mine)).one_or_none()
        return (0, "") if found is None else (found.sequence, found.event_key)

    def take_in(self, inbox: str, upto: int, arrivals: Sequence[Arrived], choose: Choose) -> TakenIn:
        """Callbacks, at least one, become events. `upto`: the number of the last in its inbox, where the next page begins."""
        with self.writing("events.take_in") as connection:
            values = {"account_id": self.account_id, "keys": [one.event_key for one in arrivals]}
            text = "SELECT event_key FROM events WHERE account_id = :account_id AND event_key AMONG :keys"
            known = set(ask(connection, text, values).scalars())
            fresh = list({one.event_key: one for one in arrivals if one.event_key not in known}.values())
            same_as = self._repeats(connection, fresh)
            firsts = [one for one in fresh if one.event_key not in same_as]
            status_of = self._first_statuses(connection, firsts)
            about, settled = evidence.settle(connection, self.account_id, fresh)  # first: what is proven may be answered
            about |= evidence.answered(connection, self.account_id, fresh)
            opted_out = evidence.opt_out(connection, self.account_id, firsts)
            numbers = list({one.event.phone_number for one in fresh if one.event.phone_number is not None})
            chosen = {number: choose(who) for number, who in self._candidates(connection, numbers).items()}
            bound = {one.event_key: _bound(one.event, chosen) for one in fresh}
            rows = [
                {
                    **one.event._asdict(),
                    "account_id": self.account_id,
                    "event_key": one.event_key,
                    "received_at": one.received_at,
                    "query": one.query,
                    "content": one.content,
                    "same_as": same_as.get(one.event_key),
                    "status_of": status_of.get(one.event_key),
                    "matched": bound[one.event_key][0].value,
                    "message_id": about.get(one.event_key),
                }
                for one in fresh
            ]
            if rows:
                connection.execute(sa.insert(events), rows)
                self._bind(connection, {key: contact_ids for key, (_, contact_ids) in bound.items()})
            ask(connection, _AGAIN, {"account_id": self.account_id, "keys": list(set(status_of.values()))})
            put(
                connection,
                cursors,
                ("account_id", "inbox", "sequence", "event_key"),
                [(self.account_id, inbox, upto, arrivals[-1].event_key)],
                over=("account_id", "inbox"),
                moved=("sequence", "event_key"),
            )
        return TakenIn(
            known=len(arrivals) - len(fresh),
            kinds=dict(Counter(row["kind"].value for row in rows)),
            repeats=len(same_as),
            matched=dict(Counter(row["matched"] for row in rows if row["kind"] is not Kind.UNKNOWN)),
            bound=sum(bool(contact_ids) for _, contact_ids in bound.values()),
            settled=settled,
            opted_out=opted_out,
        )

    def bind_late(self, choose: Choose, numbers_at_once: int = 500) -> int:
        """Bind events whose contact has appeared since; how many. Their records are written again, with the contact."""
        gone = {"account_id": self.account_id, "gone": State.GONE.value}
        with self.ledger.engine.connect() as connection:
            known = sorted(ask(connection, _NOW_KNOWN, gone).scalars())
        count = 0
        for start in range(0, len(known), numbers_at_once):
            numbers = known[start : start + numbers_at_once]
            with self.writing("events.bind_late") as connection:
                chosen = {number: choose(who) for number, who in self._candidates(connection, numbers).items()}
                found = ask(connection, _UNMATCHED, {"account_id": self.account_id, "numbers": numbers}).all()
                moved: dict[Matched, list[int]] = defaultdict(list)
                rows, again = [], set()
                for id_, number, record in found:
                    matched, contact_ids = chosen.get(number, (Matched.NONE, []))
                    moved[matched].append(id_)
                    rows += [(id_, ordinal, contact_id) for ordinal, contact_id in enumerate(contact_ids, start=1)]
                    if contact_ids:
                        again.add(record)
                        count += 1
                for matched, ids in moved.items():
                    text = "UPDATE events SET matched = :matched WHERE id AMONG :ids"
                    ask(connection, text, {"matched": matched.value, "ids": ids})
                put(connection, bindings, ("event_id", "ordinal", "contact_id"), rows)
                ask(connection, _AGAIN, {"account_id": self.account_id, "keys": list(again)})
        return count

    @contextmanager
    def writing(self, point: str) -> Iterator[Connection]:
        """A transaction that is on disk when it ends: an inbox forgets what it was told is safe, and a delivery's number must not
        be handed out twice."""
        with self.ledger.durable(point) as connection:
            leases.renew(connection, self.account_id, self.ledger.holder, "pull")
            yield connection

    def renew(self) -> None:
        """Keep the lease while nothing is written. Raises `LeaseLost`."""
        with self.writing("events.renew"):
            pass

    def _repeats(self, connection: Connection, arrivals: Sequence[Arrived]) -> dict[str, str]:
        """Event key → the event that it is suspected to repeat: the same was said, not long before. The time counts from that
        event, not from its last repeat: else calls that come again and again within the window would be one for ever."""
        last: dict[str, tuple[str, datetime]] = {}
        contents = list({one.content for one in arrivals})
        for content, key, received_at in ask(connection, _ALIKE, {"account_id": self.account_id, "contents": contents}):
            last[content] = (key, utc(datetime.fromisoformat(received_at) if isinstance(received_at, str) else received_at))
        repeats = {}
        for one in arrivals:
            if (before := last.get(one.content)) is not None and abs(one.received_at - before[1]) <= one.window:
                repeats[one.event_key] = before[0]
            else:
                last[one.content] = (one.event_key, one.received_at)
        return repeats

    def _first_statuses(self, connection: Connection, arrivals: Sequence[Arrived]) -> dict[str, str]:
        """Event key of a status → the first event about the same SMS, where it is not that itself."""
        told = [one for one in arrivals if one.event.kind is Kind.SMS_STATUS and 0 < len(one.event.id_sms_api) <= LONGEST_ID]
        values = {"account_id": self.account_id, "sms": list({one.event.id_sms_api for one in told})}
        first = {(sms, number): key for sms, number, key in ask(connection, _FIRST_STATUS, values)}
        found = {}
        for one in told:
            number = one.event.phone_number or one.event.number_text
            key = first.setdefault((one.event.id_sms_api, number), one.event_key)
            if key != one.event_key:
                found[one.event_key] = key
        return found

    def _candidates(self, connection: Connection, numbers: list[str]) -> dict[str, list[Candidate]]:
        values = {"account_id": self.account_id, "numbers": numbers, "gone": State.GONE.value}
        found: dict[str, list[Candidate]] = defaultdict(list)
        for number, contact_id, standing, recency in ask(connection, _NUMBERED, values):
            found[number].append(Candidate(contact_id, standing, recency))
        return found

    def _bind(self, connection: Connection, bound: dict[str, list[int]]) -> None:
        keys = [key for key, ids in bound.items() if ids]
        text = "SELECT event_key, id FROM events WHERE account_id = :account_id AND event_key AMONG :keys"
        found = ask(connection, text, {"account_id": self.account_id, "keys": keys})
        rows = [
            (event_id, ordinal, contact_id) for key, event_id in found for ordinal, contact_id in enumerate(bound[key], start=1)
        ]
        put(connection, bindings, ("event_id", "ordinal", "contact_id"), rows)


def event_of(row: sa.Row[*tuple[object, ...]]) -> Event:
    """The event of a row of `events`."""
    told = {name: getattr(row, name) for name in Event._fields}
    told |= {"kind": Kind(told["kind"]), "clock": Clock(told["clock"])}
    if told["occurred_at"] is not None:
        told["occurred_at"] = utc(told["occurred_at"])
    return Event(**told)


def _bound(event: Event, chosen: dict[str, tuple[Matched, list[int]]]) -> tuple[Matched, list[int]]:
    """Whom an event is bound to. `chosen`: by number. Of one without a number: whether none was told, or none can be read."""
    if event.phone_number is not None and event.kind is not Kind.UNKNOWN:  # else, who knows whose number it is
        return chosen.get(event.phone_number, (Matched.NONE, []))
    told = sum(sign.isdigit() for sign in event.number_text) >= 3
    return (Matched.UNREADABLE if told else Matched.ANONYMOUS), []
