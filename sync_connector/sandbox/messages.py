"""The message and call endpoints of both generations, and what they took.

POST /api/sendSms, /api/sendSmsSolo             first generation (a header that is a list of one; an object)
POST /api/v1/sendsms, /api/v1/sendsms.php       second generation
POST /api/v1/clicTocall, /api/v1/clic.php
GET  /_sandbox/messages                         each id_sms_api, and how often it came, alone and with its number and text
GET  /_sandbox/calls                            the calls, one by one
"""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from gsm0338 import Codec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sync_connector.sandbox.callbacks import utc
from sync_connector.sandbox.vendor import TakenCall, TakenMessage, Turned, Vendor, answer, asked, judge_number, objects

FIRST, SECOND = "ardary", "insim-v1"
INFOS = {"": "call in progress", "#001": "servers down", "#002": "phone not connected or app not running"}
GSM = Codec()
Take = Callable[[Request, str, dict[str, object]], Awaitable[object]]


def parts(text: str) -> int:
    """Into how many SMS a text is cut: 160 signs of GSM 03.38 or 70 of UCS-2 in one, 153 or 67 in each of several."""
    try:
        length, alone, each = len(GSM.encode(text)[0]), 160, 153
    except UnicodeError:
        length, alone, each = len(text.encode("utf-16-be", "replace")) // 2, 70, 67
    return 1 if length <= alone else -(-length // each)


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else str(value)


def _taken(dialect: str, at: datetime, header: dict[str, Any], message: dict[str, Any]) -> TakenMessage:
    """A message as the vendor understands it; the header's date and priority are those of all that have no other."""
    number, _ = judge_number(message, national=dialect == SECOND)
    text = _text(message, "message")
    priority = header.get("priority") if dialect == FIRST else message.get("priorite", message.get("priority"))
    return TakenMessage(
        dialect,
        at,
        _text(header, "login"),
        _text(message, "id_sms_api") or secrets.token_hex(8),
        number or _text(message, "phone_number"),
        text,
        _text(message, "url"),
        priority if priority in (0, 1, 2) else 1,
        _text(message, "date_to_send") or _text(header, "date_to_send"),
        "test" if header.get("mode") == "test" and dialect == FIRST else "prod",
        number is not None and bool(text.strip()),
    )


def _told(taken: TakenMessage, given: dict[str, Any]) -> dict[str, object]:
    """The answer's entry on a message; its number as it was given."""
    return {
        "id_sms_api": taken.id_sms_api,
        "sms_per_message": parts(taken.message),
        "user": taken.user,
        "sent_time": utc(taken.at),
        "phone_number": given.get("phone_number"),
        "message": taken.message,
        "sent": int(taken.sent),
    }


def _listed(vendor: Vendor) -> list[dict[str, object]]:
    """Each id with how often it came, rehearsals apart; its message as it came last."""
    times = Counter((taken.mode, taken.id_sms_api) for taken in vendor.messages)
    same = Counter((taken.mode, taken.phone_number, taken.message) for taken in vendor.messages)
    last = {(taken.mode, taken.id_sms_api): taken for taken in vendor.messages}
    names = ("id_sms_api", "phone_number", "message", "url", "priority", "date_to_send", "mode", "sent")
    return [
        {
            **{name: getattr(taken, name) for name in names},
            "times": times[key],
            "times_by_number_and_text": same[(taken.mode, taken.phone_number, taken.message)],
        }
        for key, taken in last.items()
    ]


def message_routes(vendor: Vendor) -> list[Route]:
    """The routes of messages and calls."""

    async def messages(request: Request, dialect: str, entry: dict[str, object]) -> object:
        solo = "Solo" in request.url.path
        name = "accessKey" if solo or dialect == SECOND else "accesskey"
        header, body = await asked(request, vendor.login, (name, vendor.key), listed=dialect == FIRST and not solo)
        if dialect == FIRST and header.get("mode", "prod") not in ("prod", "test"):
            raise Turned(400, "header.mode must be prod or test")
        listed = objects(body, "messages")
        entry["messages"] = len(listed)
        told = []
        for given in listed:
            taken = _taken(dialect, vendor.now(), header, given)
            vendor.take(taken)
            told.append(_told(taken, given))
        return told

    async def call(request: Request, dialect: str, entry: dict[str, object]) -> object:
        header, _ = await asked(request, vendor.login, ("accessKey", vendor.key), listed=False)
        if header.get("type") != "clicToCall":
            raise Turned(400, "header.type must be clicToCall")
        entry["calls"] = 1
        number, _ = judge_number(header, national=False)
        if number is None:  # the documents know no code for that
            return [{"result": "failed", "info": "invalid phone number", "errors": []}]
        code = "#001" if vendor.servers_down else "#002" if vendor.offline else ""
        vendor.take(TakenCall(dialect, vendor.now(), number, code))
        return [{"result": "failed" if code else "success", "info": INFOS[code], "errors": [code] if code else []}]

    def answered(take: Take, dialect: str) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            entry: dict[str, object] = {"path": request.url.path, "status": 200}
            vendor.requests.append(entry)
            try:
                return answer(await take(request, dialect, entry))
            except Turned as turned:
                entry["status"] = turned.status
                return answer({"error": turned.why}, turned.status)

        return endpoint

    async def taken_messages(_: Request) -> Response:
        return answer(_listed(vendor))

    async def taken_calls(_: Request) -> Response:
        return answer([{"phone_number": taken.phone_number, "code": taken.code, "at": utc(taken.at)} for taken in vendor.calls])

    posts = [
        ("/api/sendSms", messages, FIRST),
        ("/api/sendSmsSolo", messages, FIRST),
        ("/api/v1/sendsms", messages, SECOND),
        ("/api/v1/sendsms.php", messages, SECOND),
        ("/api/v1/clicTocall", call, SECOND),
        ("/api/v1/clic.php", call, SECOND),
    ]
    return [
        *[Route(path, answered(take, dialect), methods=["POST"]) for path, take, dialect in posts],
        Route("/_sandbox/messages", taken_messages, methods=["GET"]),
        Route("/_sandbox/calls", taken_calls, methods=["GET"]),
    ]
