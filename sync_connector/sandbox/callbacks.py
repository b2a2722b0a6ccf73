"""What the vendor calls back, make-believe: what a team's mobiles tell within some days, with all that goes wrong on the way.

Law: the same seed makes the same callbacks, and what each of them says stands beside it. `ringing` calls them.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from sync_connector import dialects
from sync_connector.dialects import Dialect
from sync_connector.dialects._callback import callback_query
from sync_connector.model import Callback, Kind

DAYS = 7
TWICE, REPEATED, LATE, OVERTAKEN = 0.25, 0.03, 0.02, 0.10
"""How often a callback is encoded twice, comes again, comes hours later, and how often `received` comes before `sent`."""

PLACEHOLDER, DEVICE = "+1XXXXXXXXXX", "a1b2c3d4"
_LOCAL = "2020-01-21 10:01:38"
EXAMPLES = (
    Callback(
        Kind.SMS_STATUS,
        "RECIPIENT",
        "2019-08-09T12:50:54.211Z",
        status="received",
        id_sms_api="YOUR_ID_SMS",
        login="SENDER_LOGIN",
    ),
    Callback(Kind.INCOMING_SMS, PLACEHOLDER, _LOCAL, text="Hello world !"),
    Callback(Kind.LINK_CLICK, PLACEHOLDER, "2019-07-08 15:07:03", link="https://www.my-link.com/", id_sms_api="YOUR_ID_SMS"),
    Callback(Kind.CALL, PLACEHOLDER, "2019-07-05", "incoming", "15:11:04"),
    Callback(Kind.CALL, PLACEHOLDER, "2019-07-05", "outgoing", "15:11:04"),
    Callback(Kind.CALL, PLACEHOLDER, "2019-07-05", "missed", "15:11:04"),
    Callback(Kind.CALL_QUALIFICATION, PLACEHOLDER, _LOCAL, "mobile", text="Hello world !"),
    Callback(Kind.CALL_QUALIFICATION, PLACEHOLDER, _LOCAL, "interface", text="Hello world !"),
)
"""The vendor's page, example by example."""

QUALIFICATIONS = ("Intéressé", "À rappeler", "Pas intéressé", "Rendez-vous pris", "Devis envoyé", "Répondeur", "Faux numéro")
MESSAGES = (
    "Bonjour, c'est noté pour jeudi à 14h30 👍",
    "Merci beaucoup, à bientôt ! 😊",
    "Je suis en réunion, je vous rappelle.",
    "Pouvez-vous m'envoyer le devis « chaudière » ? Merci\nJean",
    "STOP",
    "Ok",
    "Hi, running 10 min late, sorry 🙏",
    "Can you call me back after 5pm?",
    "Is the 20% + 5% discount still on? https://example.com/?a=1&b=2",
    "Yes please 🎉🎉",
)
LINKS = ("https://www.example.com/rdv", "https://example.org/devis?client=17&v=2")
ANONYMOUS = ("", "anonymous", "Private", "-1")
WRONG = (
    callback_query("event", {"title": "battery_low", "device_identification": DEVICE, "level": "7"}),
    callback_query("message", {"title": "outgoing sms", "from": PLACEHOLDER, "message": "Hello world !", "date": _LOCAL}),
    "call=%7B%22TITLE%22%3A%22INCOMING%20CALL%22%2C%22PHONE_NU",
    "call=",
    "status=null",
    "calls",
    "message=%3Chtml%3E%3Cbody%3E%3Ch1%3E502%20Bad%20Gateway%3C%2Fh1%3E%3C%2Fbody%3E%3C%2Fhtml%3E",
    "message=%7B%22title%22%3A%5B%22incoming%20sms%22%5D%2C%22from%22%3A%7B%7D%2C%22message%22%3A%5B%5D%7D",
    "calls=%5B%7B%22title%22%3A%22missed_call%22%7D%2C%7B%22title%22%3A%22missed_call%22%7D%5D",
    "click=" + "%5B" * 400 + "%5D" * 400,
    "click=%FF%FE%00",
)
"""Bodies that no reader can understand."""


class Made(NamedTuple):
    """A callback: its query string, a word for what it is (its kind, `repeat` or `wrong`), and what it says, if anything."""

    query: str
    what: str
    said: Callback | None


def make(count: int, *, seed: int, numbers: Sequence[str], now: datetime, zone: tzinfo) -> Iterator[Made]:
    """So many callbacks, in the order in which they come: first the examples of the vendor's page in each generation, then
    what a team's mobiles told within the last days. `numbers` (E.164) are those of contacts; strangers call too. `now` is
    aware, `zone` the account's."""
    generations = [dialects.find(name) for name in dialects.names()]
    first = [_made(dialect, said) for dialect in generations for said in EXAMPLES]
    yield from first[:count]
    team = _Team(random.Random(seed), generations, numbers, now, zone)  # noqa: S311 (to be had again, not to be secret)
    deliveries: list[tuple[datetime, Made]] = []
    while len(deliveries) < count - len(first):
        deliveries += team.deliveries()
    deliveries.sort(key=lambda delivery: delivery[0])
    yield from (made for _, made in deliveries[: max(0, count - len(first))])


def _made(dialect: Dialect, said: Callback, times: int = 1, *, other_title: bool = False) -> Made:
    """What is said, in a dialect; a device is named where it has a field for that. `other_title`: a click of the second
    generation has its title in one of two manners."""
    parameter, payload = dialect.callback(said._replace(device=DEVICE))
    said = said._replace(device=payload.get("device_identification", ""))
    if other_title and parameter == "clics":
        del payload["title"]
        payload["clicked_link"] = "clicked_link"
    return Made(callback_query(parameter, payload, times=times), said.kind.value, said)


def told(dialect: Dialect, said: Callback, chance: random.Random) -> Made:
    """What is said, in a dialect, encoded once or twice; a click's title in either manner."""
    times = 2 if chance.random() < TWICE else 1
    return _made(dialect, said, times, other_title=chance.random() < 0.5)


def local(at: datetime, zone: tzinfo) -> str:
    """As the vendor writes a time without its zone, which is the account's."""
    return at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")


def utc(at: datetime) -> str:
    """As the vendor writes a time in ISO 8601."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def clock_form(seconds: int) -> str:
    """As the vendor writes how long a call took."""
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"


class _Team:
    """Some people with mobiles, and what these tell. Chance is an argument."""

    def __init__(
        self, chance: random.Random, generations: Sequence[Dialect], numbers: Sequence[str], now: datetime, zone: tzinfo
    ) -> None:
        self.chance = chance
        self.generations = generations
        self.numbers = numbers
        self.now = now
        self.zone = zone

    def deliveries(self) -> list[tuple[datetime, Made]]:
        """One thing that happened, as the callbacks that tell of it, each with the time at which it comes."""
        happens = self.chance.choices([self.call, self.sent_sms, self.incoming_sms, self.wrong], [60, 25, 12, 3])[0]
        delivered = []
        for at, made in happens():
            if self.chance.random() < LATE:
                at += timedelta(minutes=self.chance.randrange(30, 600))
            delivered.append((at, made))
            if made.said and self.chance.random() < REPEATED:
                delivered.append((at + timedelta(seconds=self.chance.randrange(1, 40)), made._replace(what="repeat")))
        return delivered

    def wrong(self) -> Iterator[tuple[datetime, Made]]:
        """A body that nobody understands."""
        yield self.office_time(), Made(self.chance.choice(WRONG), "wrong", None)

    def call(self) -> Iterator[tuple[datetime, Made]]:
        """A call, and what the person at the mobile noted of it."""
        dialect, at, number = self.generation(), self.office_time(), self.number()
        direction = self.chance.choices(["outgoing", "incoming", "missed"], [55, 30, 15])[0]
        seconds = min(int(self.chance.expovariate(1 / 150)) + 1, 7_200)
        if direction == "missed" or (direction == "outgoing" and self.chance.random() < 0.2):
            seconds = 0
        duration = "0" if direction == "missed" else clock_form(seconds)
        when = self.local(at) if dialect.name != "ardary" else self.local(at)[:10]
        ended = at + timedelta(seconds=seconds + self.chance.randrange(1, 4))
        yield ended, self.told(dialect, Callback(Kind.CALL, number, when, direction, duration))
        if seconds and self.chance.random() < 0.4:
            noted = ended + timedelta(seconds=self.chance.randrange(5, 180))
            where = "mobile" if self.chance.random() < 0.8 else "interface"
            said = Callback(Kind.CALL_QUALIFICATION, number, self.local(noted), where, text=self.chance.choice(QUALIFICATIONS))
            yield noted + timedelta(seconds=1), self.told(dialect, said)

    def sent_sms(self) -> Iterator[tuple[datetime, Made]]:
        """The statuses of an SMS of ours, and sometimes a click on its link."""
        dialect, sent, number = self.generation(), self.office_time(), self.chance.choice(self.numbers or [self.stranger()])
        identity = f"{self.chance.getrandbits(52):014d}"
        received = sent + timedelta(milliseconds=self.chance.randrange(1_500, 60_000))
        told_sent, told_received = sent, received
        if self.chance.random() < OVERTAKEN:
            told_sent = received + timedelta(seconds=1)
        said = Callback(Kind.SMS_STATUS, number, utc(sent), status="sent", id_sms_api=identity, login="sales@example.com")
        yield told_sent, self.told(dialect, said)
        if self.chance.random() < 0.05:
            return  # never delivered
        yield told_received, self.told(dialect, said._replace(status="received", when=utc(received)))
        if self.chance.random() < 0.2:
            clicked = received + timedelta(minutes=self.chance.randrange(1, 90))
            when = self.local(clicked) if dialect.name == "ardary" or self.chance.random() < 0.5 else utc(clicked)
            click = Callback(Kind.LINK_CLICK, number, when, link=self.chance.choice(LINKS), id_sms_api=identity)
            yield clicked, self.told(dialect, click)

    def incoming_sms(self) -> Iterator[tuple[datetime, Made]]:
        """Somebody writes."""
        dialect, at = self.generation(), self.office_time()
        when = self.local(at) if dialect.name == "ardary" else utc(at)
        yield at, self.told(dialect, Callback(Kind.INCOMING_SMS, self.number(), when, text=self.chance.choice(MESSAGES)))

    def told(self, dialect: Dialect, said: Callback) -> Made:
        """What is said, in that dialect."""
        return told(dialect, said, self.chance)

    def generation(self) -> Dialect:
        """One of those that are in use."""
        return self.chance.choice(self.generations)

    def local(self, at: datetime) -> str:
        """A time without its zone."""
        return local(at, self.zone)

    def office_time(self) -> datetime:
        """Within the days before today, mostly in the week and in office hours."""
        days = [self.now.astimezone(self.zone).date() - timedelta(days=ago) for ago in range(1, DAYS + 1)]
        day = self.chance.choices(days, [(12, 12, 12, 12, 12, 2, 1)[day.weekday()] for day in days])[0]
        hour = self.chance.choices(range(8, 20), [2, 8, 12, 12, 5, 4, 9, 12, 12, 10, 5, 1])[0]
        second = self.chance.randrange(3_600)
        return datetime(day.year, day.month, day.day, hour, second // 60, second % 60, tzinfo=self.zone).astimezone(UTC)

    def number(self) -> str:
        """A contact's, as a rule; else a stranger's, or none at all. Some mobiles write those of France as they are dialled."""
        draw = self.chance.random()
        if draw < 0.05:
            return self.chance.choice(ANONYMOUS)
        number = self.chance.choice(self.numbers) if self.numbers and draw < 0.85 else self.stranger()
        return f"0{number[3:]}" if number.startswith("+33") and self.chance.random() < 0.03 else number

    def stranger(self) -> str:
        """A valid number that no operator is known to use."""
        return f"+337933{self.chance.randrange(100_000):05d}"
