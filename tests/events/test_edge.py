"""The pull interface: what it says of itself is so, and only who has the token learns that it is there."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
import schemathesis
from schemathesis.engine import events, from_schema
from starlette.types import ASGIApp

from sync_connector.config import Receive
from sync_connector.events import inbox as inbox_module
from sync_connector.events.edge import BODY_LIMIT, document
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.meters import Meters
from sync_connector.events.receive import receiver
from sync_connector.events.secret_file import SecretFile
from tests.events.conftest import TOKEN

NOON = datetime(2026, 3, 1, 12, 0, 0, 5, tzinfo=UTC)
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def opened(settings: Receive) -> Iterator[Inbox]:
    """An inbox with three callbacks."""
    with closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        inbox.append([(NOON, 'call={"a":"\\\\"}'), (NOON, "b=%22"), (NOON, "c")])
        yield inbox


@pytest.fixture
def application(settings: Receive, secret: str, opened: Inbox) -> ASGIApp:
    """The receiver's application."""
    return receiver(settings, opened, SecretFile(settings.secrets), Meters())


def ask(application: ASGIApp, method: str, path: str, **named: Any) -> httpx.Response:
    """One request, with the token unless other headers are given."""

    async def once() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(application), base_url="http://edge") as client:
            return await client.request(method, path, **({"headers": BEARER} | named))

    return asyncio.run(once())


# --- fuzzed ---


def test_the_interface_is_what_its_document_says(application: ASGIApp) -> None:
    """Good and bad requests that schemathesis makes of the document, at the limits and by chance: no 5xx, only documented
    statuses, types and shapes, good data taken, bad data refused, other methods 405. Two of its checks are left out: they
    want 401 without a token, where we answer 404, which the next test looks at."""
    left_out = {"ignored_auth": {"enabled": False}, "missing_required_header": {"enabled": False}}
    generation = {"max-examples": 80, "deterministic": True, "database": "none"}
    config = schemathesis.Config.from_dict({"seed": 1, "headers": BEARER, "generation": generation, "checks": left_out})
    schema = schemathesis.openapi.from_asgi("/v1/openapi.json", application, config=config, headers=BEARER)
    faults: list[str] = []
    answered: Counter[tuple[str, int]] = Counter()
    checked: set[str] = set()
    for event in from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            faults.append(str(event))
        elif isinstance(event, events.ScenarioFinished):
            for case, exchange in event.recorder.interactions.items():
                assert exchange.response is not None
                answered[exchange.request.method, exchange.response.status_code] += 1
                for check in event.recorder.checks.get(case, []):
                    checked.add(check.name)
                    if check.failure_info is not None:
                        faults.append(f"{exchange.request.method} {exchange.request.uri} {check.failure_info.failure}")
    assert faults == []
    assert {"not_a_server_error", "response_schema_conformance", "negative_data_rejection", "unsupported_method"} <= checked
    assert {("GET", 200), ("GET", 422), ("POST", 204), ("POST", 409), ("POST", 422), ("DELETE", 405)} <= set(answered)
    assert answered.total() > 150


# --- by hand ---


def test_without_the_token_nothing_is_there(application: ASGIApp) -> None:
    """Every operation of the document answers the same 404, without a token and with a wrong one, and does nothing."""
    found = [(method, path) for path, methods in document()["paths"].items() for method in methods]
    assert len(found) == 3
    answers = [
        ask(application, method.upper(), path, headers=headers)
        for method, path in [*found, ("get", "/v1/none")]
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": TOKEN}, {"Authorization": f"Basic {TOKEN}"})
    ]
    assert {(each.status_code, each.text, str(each.headers)) for each in answers} == {
        (404, "not found\n", str(ask(application, "GET", "/nowhere", headers={}).headers))
    }


def test_a_page(application: ASGIApp, opened: Inbox) -> None:
    """Number, moment and query of each callback behind the cursor, up to the limit."""
    page = ask(application, "GET", "/v1/inbox?after=0&limit=2").json()
    assert page == {
        "inbox": opened.id,
        "newest": 3,
        "callbacks": [
            {"sequence": 1, "received_at": "2026-03-01T12:00:00.000005Z", "query": 'call={"a":"\\\\"}'},
            {"sequence": 2, "received_at": "2026-03-01T12:00:00.000005Z", "query": "b=%22"},
        ],
    }
    assert [each["query"] for each in ask(application, "GET", "/v1/inbox?after=2").json()["callbacks"]] == ["c"]
    assert ask(application, "GET", "/v1/inbox?after=3").json()["callbacks"] == []


def test_a_page_of_long_callbacks_has_fewer(application: ASGIApp, opened: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer has a size; whoever follows the cursor gets the rest with the next one."""
    monkeypatch.setattr(inbox_module, "PAGE_SIZE", 16)
    assert [len(ask(application, "GET", f"/v1/inbox?after={n}").json()["callbacks"]) for n in range(4)] == [1, 2, 1, 0]


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("after=-1", "after: Input should be greater than or equal to 0"),
        ("after=x", "after: Input should be a valid integer"),
        ("after=", "after: Input should be a valid integer"),
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=1001", "limit: Input should be less than or equal to 1000"),
        ("after=9223372036854775808", "after: Input should be less than or equal to 9223372036854775807"),
        ("afterr=1", "afterr: Extra inputs are not permitted"),
        ("after=1&after=2", "a parameter is given twice"),
        ("after=1&limit=0&x=y", "limit: Input should be greater than or equal to 1; x: Extra inputs are not permitted"),
    ],
)
def test_wrong_parameters_are_told(application: ASGIApp, query: str, said: str) -> None:
    """With the token, a wrong parameter is a sentence that names it."""
    answer = ask(application, "GET", f"/v1/inbox?{query}")
    assert answer.status_code == 422
    assert answer.json()["error"].startswith(said)


def test_acknowledging(application: ASGIApp, opened: Inbox) -> None:
    """Once or twice is the same; another inbox and a number that never was are refused and change nothing."""
    path = "/v1/inbox/acknowledged"

    def told(**body: object) -> tuple[int, int]:
        return ask(application, "POST", path, json=body).status_code, opened.waiting()

    assert told(inbox=opened.id, sequence=2) == (204, 1)
    assert told(inbox=opened.id, sequence=2) == (204, 1)
    assert told(inbox=opened.id, sequence=1) == (204, 1)
    assert told(inbox="0" * 32, sequence=3) == (409, 1)
    assert told(inbox=opened.id, sequence=4) == (409, 1)
    assert told(inbox=opened.id, sequence="3") == (422, 1)
    assert told(inbox=opened.id, sequence=True) == (422, 1)
    assert told(inbox=opened.id) == (422, 1)
    assert ask(application, "POST", path, content=b"{}").status_code == 415
    headers = BEARER | {"Content-Type": "application/json"}
    for content in (b"", b"{", b"[" * 60_000, b"\xff", b"\x00", b'{"sequence": 1e999}', b"9" * 60_000):
        assert ask(application, "POST", path, content=content, headers=headers).status_code == 422
    assert ask(application, "POST", path, content=b" " * (BODY_LIMIT + 1), headers=headers).status_code == 413
    assert opened.waiting() == 1


def test_another_method_is_told_what_is_answered(application: ASGIApp) -> None:
    """405 with Allow, for who has the token."""
    answer = ask(application, "DELETE", "/v1/inbox")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
    answer = ask(application, "GET", "/v1/inbox/acknowledged")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
