"""What follows from what the vendor took: a message is sent, received, clicked on and answered; a call is made and noted.

Law: pure. What follows from a message hangs on it and the seed alone, not on what else was taken, nor when one asks. Each message
that was sent is told of as sent, whatever became of the answer to its request; what was only rehearsed or refused is not.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from sync_connector import dialects
from sync_connector.model import Callback, Kind
from sync_connector.sandbox.callbacks import MESSAGES, OVERTAKEN, QUALIFICATIONS, Made, clock_form, local, told, utc
from sync_connector.sandbox.vendor import TakenCall, TakenMessage

RECEIVED, CLICKED, ANSWERED, STOPPED, NOTED = 0.95, 0.3, 0.2, 0.2, 0.7
"""How often a message is received, its link clicked, it is answered, an answer is a STOP, and a call noted."""
LAST = datetime(9999, 12, 1, tzinfo=UTC)
"""Nothing is sent later, so that what follows has a date as well."""
STOPS = ("STOP", "Stop", "stop", "STOPSMS", "ARRET", "Arrêt")


class Due(NamedTuple):
    """A callback, and when it comes (aware)."""

    at: datetime
    made: Made


def follow(taken: Iterable[TakenMessage | TakenCall], *, seed: int, zone: tzinfo, until: datetime | None = None) -> list[Due]:
    """The callbacks that follow, in the order in which they come, each in the generation of its message: all, or those that
    have come `until` then. `zone`: the account's."""
    due: list[Due] = []
    for each in taken:
        if isinstance(each, TakenMessage):
            due += _of_message(each, seed, zone) if each.sent and each.mode == "prod" else ()
        elif not each.code:
            due += _of_call(each, seed, zone)
    due.sort(key=lambda one: one.at)
    return [one for one in due if until is None or one.at <= until]


def _leaves(message: TakenMessage, zone: tzinfo) -> datetime:
    """When it is sent: at once, or at its date if that can be read and has not passed."""
    try:
        wanted = datetime.strptime(message.date_to_send, "%Y-%m-%d %H:%M:%S").replace(tzinfo=zone)
    except ValueError:
        return message.at
    return max(message.at, min(wanted, LAST))


def _of_message(message: TakenMessage, seed: int, zone: tzinfo) -> Iterator[Due]:
    chance = random.Random(f"{seed} {message.id_sms_api} {message.phone_number}")  # noqa: S311 (to be had again)
    dialect = dialects.find(message.dialect)

    def after(begin: datetime, least: int, most: int) -> datetime:
        return begin + timedelta(milliseconds=chance.randrange(least, most))

    def any_form(at: datetime) -> str:
        return local(at, zone) if message.dialect == "ardary" or chance.random() < 0.5 else utc(at)

    sent = after(_leaves(message, zone), 50, 400)
    received = after(sent, 300, 2_000)
    arrives, overtakes = chance.random() < RECEIVED, chance.random() < OVERTAKEN
    status = Callback(
        Kind.SMS_STATUS, message.phone_number, utc(sent), status="sent", id_sms_api=message.id_sms_api, login=message.user
    )
    told_sent = received + timedelta(milliseconds=200) if arrives and overtakes else sent
    yield Due(told_sent, told(dialect, status, chance))
    if not arrives:
        return
    yield Due(received, told(dialect, status._replace(status="received", when=utc(received)), chance))
    if message.url and chance.random() < CLICKED:
        at = after(received, 500, 3_000)
        click = Callback(Kind.LINK_CLICK, message.phone_number, any_form(at), link=message.url, id_sms_api=message.id_sms_api)
        yield Due(at, told(dialect, click, chance))
    if chance.random() < ANSWERED:
        at = after(received, 800, 4_000)
        said = chance.choice(STOPS if chance.random() < STOPPED else [text for text in MESSAGES if text not in STOPS])
        when = local(at, zone) if message.dialect == "ardary" else utc(at)
        yield Due(at, told(dialect, Callback(Kind.INCOMING_SMS, message.phone_number, when, text=said), chance))


def _of_call(call: TakenCall, seed: int, zone: tzinfo) -> Iterator[Due]:
    chance = random.Random(f"{seed} {call.phone_number} {call.at.timestamp()}")  # noqa: S311 (to be had again)
    dialect = dialects.find(call.dialect)
    begun, seconds = call.at + timedelta(milliseconds=500), chance.randrange(0, 4)
    ended = begun + timedelta(seconds=seconds)
    made = Callback(Kind.CALL, call.phone_number, local(begun, zone), "outgoing", clock_form(seconds))
    yield Due(ended, told(dialect, made, chance))
    if seconds and chance.random() < NOTED:
        at = ended + timedelta(milliseconds=chance.randrange(300, 1_500))
        noted = Callback(
            Kind.CALL_QUALIFICATION, call.phone_number, local(at, zone), "mobile", text=chance.choice(QUALIFICATIONS)
        )
        yield Due(at, told(dialect, noted, chance))
