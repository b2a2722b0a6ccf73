"""The application: the contact endpoints, those of messages and calls, and a look behind the scenes.

POST /api/contact, /api/addcontactSolo          first generation
POST /api/sendSms, /api/sendSmsSolo
POST /api/v1/contact, /api/v1/contact.php       second generation
POST /api/v1/sendsms, /api/v1/sendsms.php
POST /api/v1/clicTocall, /api/v1/clic.php
GET  /_sandbox/contacts                         what the vendor holds, by number
GET  /_sandbox/messages, /_sandbox/calls        what it took, and how often
GET  /_sandbox/requests                         the requests so far (never a password)
DELETE /_sandbox                                forget everything
"""

from __future__ import annotations

from typing import Any

from email_validator import EmailNotValidError, validate_email
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from sync_connector.sandbox.messages import message_routes
from sync_connector.sandbox.misbehaving import Misbehaving
from sync_connector.sandbox.vendor import BODY_LIMIT, Turned, Vendor, answer, asked, judge_number, objects

__all__ = ["BODY_LIMIT", "Vendor", "email_is_valid", "judge_number", "sandbox"]

FIELDS = ("first_name", "last_name", "adress", "email", "country_code")
SECOND_GENERATION = {"first_name": "firstname", "last_name": "lastname"}


def email_is_valid(raw: str) -> bool:
    """Whether the vendor takes it; blank is no e-mail, and fine."""
    if not raw:
        return True
    try:
        validate_email(raw, check_deliverability=False)
    except EmailNotValidError:
        return False
    return True


def _first_generation(vendor: Vendor, contact: dict[str, Any]) -> dict[str, object]:
    number, code = judge_number(contact, national=False)
    errors = [code] if code else []
    if not email_is_valid(str(contact.get("email") or "")):
        errors.append("#004")
    if number is not None and not errors:
        _upsert(vendor, number, {name: str(contact.get(name) or "") for name in FIELDS})
        return {**contact, "result": "success"}
    return {**contact, "result": "failed", "errors": errors}


def _second_generation(vendor: Vendor, contact: dict[str, Any]) -> dict[str, object]:
    number, code = judge_number(contact, national=True)
    warnings = [] if email_is_valid(str(contact.get("email") or "")) else ["#004"]
    fields = {name: str(contact.get(SECOND_GENERATION.get(name, name)) or "") for name in FIELDS}
    if number is None:
        failed = {"phone_number": contact.get("phone_number"), **fields}
        return {**failed, "result": "failed", "errors": [code, *warnings]}
    if warnings:
        fields["email"] = ""
    _upsert(vendor, number, fields)
    echo = {SECOND_GENERATION.get(name, name): value for name, value in fields.items()}
    return {"phonenumber": number, **echo, "result": "success", "errors": warnings}


def _upsert(vendor: Vendor, number: str, fields: dict[str, str]) -> None:
    vendor.contacts[number] = fields
    vendor.times[number] = vendor.times.get(number, 0) + 1


def sandbox(vendor: Vendor) -> ASGIApp:
    """The application, with the vendor's faults."""

    async def contacts(request: Request, *, second: bool) -> Response:
        entry: dict[str, object] = {"path": request.url.path, "status": 200, "contacts": 0}
        vendor.requests.append(entry)
        keyed = second or "Solo" in request.url.path
        secret = ("accessKey", vendor.key) if keyed else ("password", vendor.password)
        try:
            header, body = await asked(request, vendor.login, secret, listed=not keyed)
            if not keyed and header.get("api") is not True:
                raise Turned(400, "header.api must be true")
            listed = objects(body, "contacts")
        except Turned as turned:
            entry["status"] = turned.status
            return answer({"error": turned.why}, turned.status)
        entry["contacts"] = len(listed)
        judge = _second_generation if second else _first_generation
        return answer({"data": {"contact": [judge(vendor, contact) for contact in listed]}})

    async def first(request: Request) -> Response:
        return await contacts(request, second=False)

    async def second(request: Request) -> Response:
        return await contacts(request, second=True)

    async def held(_: Request) -> Response:
        listed = [{"phone_number": number, **fields} for number, fields in sorted(vendor.contacts.items())]
        return answer([{**contact, "times": vendor.times[str(contact["phone_number"])]} for contact in listed])

    async def requests(_: Request) -> Response:
        return answer(vendor.requests)

    async def forget(_: Request) -> Response:
        vendor.forget()
        return Response(status_code=204)

    app = Starlette(
        routes=[
            Route("/api/contact", first, methods=["POST"]),
            Route("/api/addcontactSolo", first, methods=["POST"]),
            Route("/api/v1/contact", second, methods=["POST"]),
            Route("/api/v1/contact.php", second, methods=["POST"]),
            *message_routes(vendor),
            Route("/_sandbox/contacts", held, methods=["GET"]),
            Route("/_sandbox/requests", requests, methods=["GET"]),
            Route("/_sandbox", forget, methods=["DELETE"]),
        ]
    )
    return Misbehaving(app, vendor)
