"""Reading a callback: what both generations share. Not a dialect itself.

Law: the payload decides what a callback is, not the name of its parameter, nor the generation that is configured: `calls` is
a qualification in one generation and a call in the other. Whatever comes, nothing is raised: what cannot be told is
`Kind.UNKNOWN`. It is decoded once, and a second time only if that gave no JSON.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from urllib.parse import quote, unquote, unquote_plus

from sync_connector.model import Callback, Kind

PARAMETERS = 16
"""So many parameters of a query are told apart: the vendor sends one."""

LONGEST_WORD = 64
"""No key and no title of the vendor's is longer: what is, is not remembered."""

TITLES: Mapping[str, tuple[Kind, str]] = {
    "incomingsms": (Kind.INCOMING_SMS, ""),
    "clickedlink": (Kind.LINK_CLICK, ""),
    "incomingcall": (Kind.CALL, "incoming"),
    "outgoingcall": (Kind.CALL, "outgoing"),
    "missedcall": (Kind.CALL, "missed"),
    "missed": (Kind.CALL, "missed"),
    "callqualificationfrommobile": (Kind.CALL_QUALIFICATION, "mobile"),
    "callqualificationfrominterface": (Kind.CALL_QUALIFICATION, "interface"),
}
"""The titles of both generations, squashed, and what they say."""

# What has no title that is known is told by its keys: by the first set that is there.
TELLING: tuple[tuple[frozenset[str], Kind], ...] = (
    (frozenset({"qualification"}), Kind.CALL_QUALIFICATION),
    (frozenset({"link"}), Kind.LINK_CLICK),
    (frozenset({"clickedlink"}), Kind.LINK_CLICK),
    (frozenset({"calltime"}), Kind.CALL),
    (frozenset({"duration"}), Kind.CALL),
    (frozenset({"status", "idsmsapi"}), Kind.SMS_STATUS),
    (frozenset({"status", "datestatus"}), Kind.SMS_STATUS),
    (frozenset({"from", "message"}), Kind.INCOMING_SMS),
)
# Under several keys of one meaning the first that is filled counts, those of the kind before the others.
NUMBERS = {Kind.CALL_QUALIFICATION: ("from", "phonenumber"), Kind.INCOMING_SMS: ("from", "phonenumber")}
TIMES = {Kind.CALL: ("calltime", "date", "datestatus"), Kind.SMS_STATUS: ("datestatus", "date", "calltime")}
TEXTS = {Kind.CALL_QUALIFICATION: ("qualification", "message")}

SIGNS = re.compile(r"[\W_]+")
HARMFUL = re.compile("[\0\ud800-\udfff]")
AROUND = " \t\r\n\0\ufeff"
OPENING = re.compile(r'(?i)(?:[+ ]|%(?:25)?(?:00|09|0A|0D|20|EF%(?:25)?BB%(?:25)?BF))*(?:[{\["]|%(?:25)?(?:7B|5B|22))')
"""How an object, a list or a text begins in JSON that is encoded up to twice."""
LOST_PLUS = re.compile(r" [1-9]\d{6,14}")
# Line feeds may stand raw within texts; a number stays the text it is, however huge.
JSON = json.JSONDecoder(strict=False, parse_int=str, parse_float=str, parse_constant=str)


def storable(text: str) -> str:
    """The text without what a database in UTF-8 refuses: NUL and lone surrogates become U+FFFD."""
    return HARMFUL.sub("\ufffd", text)


def squashed(word: str) -> str:
    """A key or a title without its case and signs: `PHONE_NUMBER`, `phoneNumber` and `phone number` are one."""
    return _squashed(word) if len(word) <= LONGEST_WORD else SIGNS.sub("", word.casefold())


@functools.lru_cache(maxsize=1_024)  # the vendor's few keys and titles; a stranger's push each other out
def _squashed(word: str) -> str:
    return SIGNS.sub("", word.casefold())


def callback_query(parameter: str, payload: Mapping[str, str], *, times: int = 1) -> str:
    """The query string of a callback, ASCII: the parameter's name, `=`, and the payload as JSON, percent-encoded so many
    times."""
    text = json.dumps(payload, separators=(",", ":")).replace("/", r"\/")  # as the vendor's own example has it
    for _ in range(times):
        text = quote(text, safe="")
    return f"{parameter}={text}"


def read_callback(query: str) -> Callback:
    """What a callback says. `query` is the raw query string, percent-encoded. Raises nothing.

    Of several parameters the first counts that is an event, else the first that is an object in JSON.
    """
    first = None
    for encoded in _values(query):
        for times in (1, 2):
            text, lost_plus = _decoded(encoded, query, times)
            if (payload := _object(text)) is not None:
                said = _said(payload, lost_plus)
                if said.kind is not Kind.UNKNOWN:
                    return said
                first = first or said
                break  # what is JSON is not decoded again: its texts may look as if they were encoded
    return first or Callback(Kind.UNKNOWN)


def _decoded(text: str, query: str, times: int) -> tuple[str, bool]:
    """A part of a query, decoded so many times; and whether a bare `+` in it was taken for a blank."""
    if "%" + "25" * (times - 1) + "20" in query:  # who writes a blank as %20 does not write one as +
        for _ in range(times):
            text = unquote(text)
        return text, False
    lost_plus = False
    for _ in range(times):
        lost_plus |= "+" in text
        text = unquote_plus(text)
    return text, lost_plus


def _values(query: str) -> Iterator[str]:
    """The pieces of a query that may be a payload, likeliest first, still encoded.

    The amount is a small multiple of the query's length, whatever the query is.
    """
    pieces = query.split("&", PARAMETERS)
    named = nameless = None
    for position, piece in enumerate(pieces):
        value = piece.partition("=")[2]
        if OPENING.match(value):
            yield value
            if named is None:
                named = "&".join([value, *pieces[position + 1 :]])  # an & within the payload that should have been encoded
        if nameless is None and OPENING.match(piece):
            nameless = "&".join(pieces[position:])
    yield from (rest for rest in (named, nameless) if rest is not None)


def _object(text: str) -> dict[str, object] | None:
    """The object that a text is in JSON: itself, the only one of a list, or written as a text in JSON once more."""
    value: object = text
    for _ in range(4):
        if isinstance(value, str):
            value = _parsed(value)
        elif isinstance(value, list) and len(value) == 1:
            value = value[0]
    return value if isinstance(value, dict) else None


def _parsed(text: str) -> object:
    text = text.strip(AROUND)
    try:
        value, end = JSON.raw_decode(text)
    except (ValueError, RecursionError):  # cut short, no JSON at all; nested so deep that it is an attack
        return None
    return value if end == len(text) or text[end] == "&" else None


def _said(payload: Mapping[str, object], lost_plus: bool) -> Callback:
    """What an object says. `lost_plus`: a bare `+` was taken for a blank somewhere in it."""
    fields: dict[str, str] = {}
    for key, value in payload.items():
        if not isinstance(value, dict | list):  # that would be another interface than the one we know
            name = squashed(key)
            fields[name] = fields.get(name) or _text(value)

    def first(*names: str) -> str:
        return next((fields[name] for name in names if fields.get(name)), "")

    title = first("title", "clickedlink")
    kind, direction = TITLES.get(squashed(title), (Kind.UNKNOWN, ""))
    if kind is not Kind.UNKNOWN:
        title = ""  # it is told by kind and direction
    else:
        kind = _told_by_keys(fields, titled=bool(title))
        if kind is Kind.CALL and squashed(title) in ("incoming", "outgoing"):
            direction, title = squashed(title), ""
    number = first(*NUMBERS.get(kind, ("phonenumber", "from")))
    if lost_plus and LOST_PLUS.fullmatch(number):
        number = f"+{number[1:]}"
    return Callback(
        kind,
        number=number,
        when=first(*TIMES.get(kind, ("date", "datestatus", "calltime"))),
        direction=direction,
        duration=first("duration"),
        text=first(*TEXTS.get(kind, ("message", "qualification"))),
        link=first("link"),
        status=first("status"),
        id_sms_api=first("idsmsapi"),
        login=first("user", "login"),
        device=first("deviceidentification"),
        title=title,
    )


def _told_by_keys(fields: Mapping[str, str], *, titled: bool) -> Kind:
    """The kind that the keys tell, those that are filled before those that are only there.

    A message whose title is not known is not taken for an incoming one: "outgoing sms" would have the same keys.
    """
    for there in ({name for name, value in fields.items() if value}, set(fields)):
        for keys, kind in TELLING:
            if keys <= there and not (titled and kind is Kind.INCOMING_SMS):
                return kind
    return Kind.UNKNOWN


def _text(value: object) -> str:
    """A single value as text; null says nothing."""
    if isinstance(value, bool):
        return str(value).lower()
    return storable(value) if isinstance(value, str) else ""
