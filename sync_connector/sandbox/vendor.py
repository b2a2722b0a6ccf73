"""What the make-believe vendor knows, whom it lets in, and how it judges a number.

Law: of what it took nothing is forgotten, however often it came and whatever became of the answer: it is the vendor's own count
that shows whether a message was sent twice.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson
import phonenumbers
from starlette.requests import Request
from starlette.responses import Response

from sync_connector.sandbox.faults import Faults

BODY_LIMIT = 32 << 20


class TakenMessage(NamedTuple):
    """A message as it was taken, once: sent, unless its mode is `test` or its number is none. `phone_number`: E.164, or what
    was given for one. `dialect`: the generation in which it came."""

    dialect: str
    at: datetime
    user: str
    id_sms_api: str
    phone_number: str
    message: str
    url: str = ""
    priority: int = 1
    date_to_send: str = ""
    mode: str = "prod"
    sent: bool = True


class TakenCall(NamedTuple):
    """A click-to-call as it was taken. `code`: why the mobile does not call, `""` if it does."""

    dialect: str
    at: datetime
    phone_number: str
    code: str = ""


@dataclass(slots=True)
class Vendor:
    """What the make-believe vendor knows. `contacts`: number → fields; `times`: number → how often it was posted.

    `access_key`: of SMS and calls, and of the second generation's contacts; blank: the password is. `cut`: of the requests that
    send messages or call, the share (0 … 1) that is taken and not answered; `faults`: what else goes wrong. `offline`: the mobile
    is not connected; `servers_down`: nor is anything else. `follow` is told of what was taken, at once, and must not wait.
    """

    login: str
    password: str
    access_key: str = ""
    cut: float = 0.0
    offline: bool = False
    servers_down: bool = False
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    requests: list[dict[str, object]] = field(default_factory=list)
    messages: list[TakenMessage] = field(default_factory=list)
    calls: list[TakenCall] = field(default_factory=list)
    follow: Callable[[TakenMessage | TakenCall], None] | None = field(default=None, repr=False)
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC), repr=False)
    sleep: Callable[[float], Awaitable[None]] = field(default=asyncio.sleep, repr=False)
    faults: Faults = field(default_factory=Faults)
    chance: random.Random = field(default_factory=lambda: random.Random(1), repr=False)  # noqa: S311 (to be had again)

    @property
    def key(self) -> str:
        """The access key that opens."""
        return self.access_key or self.password

    def __repr__(self) -> str:
        return f"Vendor({self.login})"

    def take(self, taken: TakenMessage | TakenCall) -> None:
        """Keep it, and tell who follows."""
        if isinstance(taken, TakenMessage):
            self.messages.append(taken)
        else:
            self.calls.append(taken)
        if self.follow is not None:
            self.follow(taken)

    def forget(self) -> None:
        """Back to the first day."""
        for kept in (self.contacts, self.times, self.requests, self.messages, self.calls):
            kept.clear()


def answer(content: object, status: int = 200) -> Response:
    """An answer in JSON."""
    return Response(orjson.dumps(content), status, media_type="application/json")


class Turned(Exception):
    """The request is not taken: with which status, and why in a few words."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


async def asked(request: Request, login: str, secret: tuple[str, str], *, listed: bool) -> tuple[dict[str, Any], dict[str, Any]]:
    """The header and the whole body of a request of somebody who may come in. `secret`: the header's key for it, and what it
    must be. `listed`: the header is a list of one. Raises `Turned`."""
    raw = bytearray()
    async for piece in request.stream():
        raw += piece
        if len(raw) > BODY_LIMIT:
            raise Turned(413, "the request is too large")
    try:
        body = orjson.loads(raw)
    except ValueError:
        raise Turned(400, "the request is not JSON") from None
    header = body.get("header") if isinstance(body, dict) else None
    if listed:
        header = header[0] if isinstance(header, list) and len(header) == 1 else None
    if not isinstance(header, dict) or (header.get("login"), header.get(secret[0])) != (login, secret[1]):
        raise Turned(401, "wrong login or password")
    return header, body


def objects(body: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """The list of that name in a body. Raises `Turned`."""
    listed = body.get(name)
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise Turned(400, f"{name} must be a list of objects")
    return listed


def judge_number(contact: dict[str, Any], *, national: bool) -> tuple[str | None, str | None]:
    """The number in E.164, or the vendor's code for what is wrong with it. `national` allows a number of the
    contact's `country_code`."""
    if "phone_number" not in contact and "phonenumber" not in contact:
        return None, "#003"
    raw = str(contact.get("phone_number", contact.get("phonenumber")) or "").strip()
    if not raw:
        return None, "#002"
    region = str(contact.get("country_code") or "").upper() if national else None
    if not raw.startswith("+") and not region:
        return None, "#001"
    try:
        number = phonenumbers.parse(raw, region or None)
    except phonenumbers.NumberParseException:
        return None, "#001"
    if not phonenumbers.is_valid_number(number) or number.extension:
        return None, "#001"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164), None
