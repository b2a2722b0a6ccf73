"""The pull interface: how the inside fetches what the edge has in its inbox, by cursor, and says what is safely inside.

GET  /v1/inbox?after=…&limit=…    callbacks in order
POST /v1/inbox/acknowledged       all up to a sequence number may be forgotten
GET  /v1/openapi.json             this interface, as OpenAPI 3.1

Law: who does not have the token does not learn that it is there; that is seen to before anything here is asked. Fetching
changes nothing, and acknowledging is the same once or twice: at least once, idempotently.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import parse_qsl

import orjson
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sync_connector.errors import FixSetup, TryLater
from sync_connector.events.inbox import Inbox, Page

PREFIX = "/v1/"
PIECE = 64 << 10  # bytes of an answer that are sent at once: a slow line shows that it moves
BODY_LIMIT = 64 << 10
PAGE_LIMIT = 1000  # callbacks
NO_STORE = {"cache-control": "no-store"}


def _whole(number: object) -> object:
    """To JSON Schema `3.0` is an integer."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


Sequence = Annotated[int, Field(ge=0, le=(1 << 63) - 1), BeforeValidator(_whole)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PageQuery(BaseModel):
    """Where to begin, and how many."""

    model_config = ConfigDict(extra="forbid")

    after: Sequence = Field(default=0, description="only callbacks behind this sequence number")
    limit: int = Field(default=500, ge=1, le=PAGE_LIMIT, description="callbacks at most; a page of long ones has fewer")


class ArrivalAnswer(_Model):
    """One callback, as it came."""

    sequence: Sequence
    received_at: AwareDatetime = Field(strict=False, description="when it came, UTC")
    query: str = Field(description="the raw query string, in printable ASCII", pattern="^[!-~]*$")


class PageAnswer(_Model):
    """Callbacks in order."""

    inbox: str = Field(description="which inbox this is: a cursor is about one")
    newest: Sequence = Field(description="the last sequence number handed out; below a cursor: the inbox went back in time")
    callbacks: list[ArrivalAnswer]


class Acknowledged(_Model):
    """All up to that sequence number is safely inside."""

    inbox: str = Field(max_length=64)
    sequence: Sequence


class Fault(_Model):
    """What is wrong, in a sentence."""

    error: str


class Sentence(Response):
    """An answer that says what is wrong."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(orjson.dumps({"error": sentence}), status, NO_STORE | headers, "application/json")


class Pieces(Response):
    """An answer that may be long, sent piece by piece: whoever takes some of it within the time that a client has, keeps
    its connection."""

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        """Send it."""
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        for begin in range(0, len(self.body), PIECE):
            await send({"type": "http.response.body", "body": self.body[begin : begin + PIECE], "more_body": True})
        await send({"type": "http.response.body", "body": b""})


class Edge:
    """The pull interface of one inbox. Whoever calls `answer` has seen to the token."""

    def __init__(self, inbox: Inbox) -> None:
        self._inbox = inbox
        self._document = orjson.dumps(document())
        self._ways = {
            "/v1/inbox": ("GET", self._page),
            "/v1/inbox/acknowledged": ("POST", self._acknowledged),
            "/v1/openapi.json": ("GET", self._openapi),
        }

    def knows(self, path: str) -> bool:
        """Whether there is such a path."""
        return path in self._ways

    async def answer(self, request: Request) -> Response:
        """The answer to a request of a path that it knows. A wrong request is told what is wrong; an inbox that fails is 503."""
        method, way = self._ways[request.url.path]
        if request.method != method:
            return Sentence(405, f"only {method} is answered here", allow=method)
        try:
            return await way(request)
        except ValidationError as wrong:
            return Sentence(422, "; ".join(map(_sentence, wrong.errors(include_input=False, include_url=False))))
        except TryLater as fault:
            return Sentence(503, str(fault), **{"retry-after": "5"})

    async def _page(self, request: Request) -> Response:
        pairs = parse_qsl(str(request.url.query), keep_blank_values=True)
        given = dict(pairs)
        if len(given) < len(pairs):
            return Sentence(422, "a parameter is given twice")
        asked = PageQuery.model_validate(given)
        return await asyncio.to_thread(self._fetch, asked)

    def _fetch(self, asked: PageQuery) -> Response:
        return Pieces(_as_json(self._inbox.page(asked.after, asked.limit)), 200, NO_STORE, "application/json")

    async def _acknowledged(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return Sentence(415, "the body must be application/json")
        body = await _body(request)
        if body is None:
            return Sentence(413, f"the body is longer than {BODY_LIMIT} bytes")
        told = Acknowledged.model_validate_json(body)
        if told.inbox != self._inbox.id:
            return Sentence(409, "that is another inbox; fetch its first page and begin anew")
        try:
            await asyncio.to_thread(self._inbox.acknowledge, told.sequence)
        except FixSetup as fault:
            return Sentence(409, str(fault))
        return Response(status_code=204, headers=NO_STORE)

    async def _openapi(self, _: Request) -> Response:
        return Pieces(self._document, 200, NO_STORE, "application/json")


def _as_json(page: Page) -> bytes:
    callbacks = [{"sequence": each.sequence, "received_at": each.received_at, "query": each.query} for each in page.callbacks]
    return orjson.dumps({"inbox": page.inbox, "newest": page.newest, "callbacks": callbacks}, option=orjson.OPT_UTC_Z)


async def _body(request: Request) -> bytes | None:
    """The body, or `None` if it is too long."""
    raw = bytearray()
    try:
        async for piece in request.stream():
            raw += piece
            if len(raw) > BODY_LIMIT:
                return None
    except ClientDisconnect:
        return b""
    return bytes(raw)


def _sentence(error: Mapping[str, Any]) -> str:
    where = ".".join(map(str, error["loc"]))
    return f"{where}: {error['msg']}" if where else str(error["msg"])


# --- the description ---


def document() -> dict[str, Any]:
    """This interface, as an OpenAPI 3.1 document."""
    schemas: dict[str, Any] = {}
    for model in (PageAnswer, Acknowledged, Fault):
        schema = model.model_json_schema(ref_template="#/components/schemas/{model}", mode="serialization")
        schemas |= schema.pop("$defs", {})
        schemas[model.__name__] = schema
    query = PageQuery.model_json_schema()["properties"]
    page = {
        "operationId": "page",
        "summary": "Callbacks in order",
        "parameters": [{"name": name, "in": "query", "required": False, "schema": schema} for name, schema in query.items()],
        "responses": {"200": _answers("Callbacks, in order", "PageAnswer"), **_faults(422, 503)},
    }
    acknowledged = {
        "operationId": "acknowledge",
        "summary": "All up to a sequence number is safely inside",
        "requestBody": {"required": True, "content": {"application/json": {"schema": _to("Acknowledged")}}},
        "responses": {"204": {"description": "It may be forgotten"}, **_faults(409, 413, 415, 422, 503)},
    }
    described = {
        "operationId": "openapi",
        "summary": "This document",
        "responses": {
            "200": {"description": "OpenAPI 3.1", "content": {"application/json": {"schema": {"type": "object"}}}},
            **_faults(),
        },
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "sync-connector's pull interface",
            "version": "1",
            "description": "Without the token, every request is answered with the same 404.",
        },
        "security": [{"token": []}],
        "paths": {
            "/v1/inbox": {"get": page},
            "/v1/inbox/acknowledged": {"post": acknowledged},
            "/v1/openapi.json": {"get": described},
        },
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}, "schemas": schemas},
    }


_FAULTS = {
    405: "Another method",
    409: "Another inbox, or one that never handed out that sequence number",
    413: "The body is too long",
    415: "The body is not JSON",
    422: "A parameter or the body is wrong",
    503: "The inbox does not answer; try later",
}


def _to(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answers(description: str, name: str) -> dict[str, Any]:
    return {"description": description, "content": {"application/json": {"schema": _to(name)}}}


def _faults(*statuses: int) -> dict[str, Any]:
    nothing = {"description": "No such thing, or no token", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return {"404": nothing} | {str(status): _answers(_FAULTS[status], "Fault") for status in (405, *statuses)}
