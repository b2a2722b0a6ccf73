"""The contact endpoints, and a look behind the scenes.

POST /api/contact, /api/addcontactSolo          first generation
POST /api/v1/contact, /api/v1/contact.php       second generation
GET  /_sandbox/contacts                         what the vendor holds, by number
GET  /_sandbox/requests                         the requests so far (never a password)
DELETE /_sandbox                                forget everything
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import orjson
import phonenumbers
from email_validator import EmailNotValidError, validate_email
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

BODY_LIMIT = 32 << 20
FIELDS = ("first_name", "last_name", "adress", "email", "country_code")
SECOND_GENERATION = {"first_name": "firstname", "last_name": "lastname"}


@dataclass(slots=True)
class Vendor:
    """What the make-believe vendor knows. `contacts`: number → fields; `times`: number → how often it was posted."""

    login: str
    password: str
    contacts: dict[str, dict[str, str]] = field(default_factory=dict)
    times: dict[str, int] = field(default_factory=dict)
    requests: list[dict[str, object]] = field(default_factory=list)

    def forget(self) -> None:
        """Back to the first day."""
        self.contacts.clear()
        self.times.clear()
        self.requests.clear()


def _json(content: object, status: int = 200) -> Response:
    return Response(orjson.dumps(content), status, media_type="application/json")


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


def _header(body: Any, *, listed: bool) -> dict[str, Any] | None:
    header = body.get("header") if isinstance(body, dict) else None
    if listed:
        header = header[0] if isinstance(header, list) and len(header) == 1 else None
    return header if isinstance(header, dict) else None


def sandbox(vendor: Vendor) -> Starlette:
    """The application."""

    async def contacts(request: Request, *, second: bool) -> Response:
        entry: dict[str, object] = {"path": request.url.path, "status": 200, "contacts": 0}
        vendor.requests.append(entry)

        def refuse(status: int, message: str) -> Response:
            entry["status"] = status
            return _json({"error": message}, status)

        raw = bytearray()
        async for piece in request.stream():
            raw += piece
            if len(raw) > BODY_LIMIT:
                return refuse(413, "the request is too large")
        try:
            body = orjson.loads(raw)
        except ValueError:
            return refuse(400, "the request is not JSON")
        header = _header(body, listed=not second and "Solo" not in request.url.path)
        keyed = second or "Solo" in request.url.path
        given = header and (header.get("login"), header.get("accessKey" if keyed else "password"))
        if header is None or given != (vendor.login, vendor.password):
            return refuse(401, "wrong login or password")
        if not keyed and header.get("api") is not True:
            return refuse(400, "header.api must be true")
        listed = body.get("contacts")
        if not isinstance(listed, list) or not all(isinstance(contact, dict) for contact in listed):
            return refuse(400, "contacts must be a list of objects")
        entry["contacts"] = len(listed)
        judge = _second_generation if second else _first_generation
        return _json({"data": {"contact": [judge(vendor, contact) for contact in listed]}})

    async def first(request: Request) -> Response:
        return await contacts(request, second=False)

    async def second(request: Request) -> Response:
        return await contacts(request, second=True)

    async def held(_: Request) -> Response:
        listed = [{"phone_number": number, **fields} for number, fields in sorted(vendor.contacts.items())]
        return _json([{**contact, "times": vendor.times[str(contact["phone_number"])]} for contact in listed])

    async def requests(_: Request) -> Response:
        return _json(vendor.requests)

    async def forget(_: Request) -> Response:
        vendor.forget()
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/api/contact", first, methods=["POST"]),
            Route("/api/addcontactSolo", first, methods=["POST"]),
            Route("/api/v1/contact", second, methods=["POST"]),
            Route("/api/v1/contact.php", second, methods=["POST"]),
            Route("/_sandbox/contacts", held, methods=["GET"]),
            Route("/_sandbox/requests", requests, methods=["GET"]),
            Route("/_sandbox", forget, methods=["DELETE"]),
        ]
    )
