"""What may happen to a request and to its answer: one fault for each request, then none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from sync_connector.fault_points import reach
from tests.proof.oracle import OracleVendor

NOT_TAKEN = ["refused", "silence", "429", "413", "500", "503", "401", "404"]
TAKEN = ["lost", "cut off", "500 taken", "503 taken"]
SPOILED = [
    "html",
    "half",
    "empty",
    "warning",
    "missing",
    "repeated",
    "surplus",
    "reordered",
    "stranger",
    "other keys",
    "reformatted",
]
SPOILED += ["no numbers", "wrong types", "late"]
FAULTS = ["none", *NOT_TAKEN, *TAKEN, *SPOILED]
SPELLINGS = {"phone_number": "phonenumber", "first_name": "firstname", "last_name": "lastname"}
STRANGER = {"phone_number": "+33700000000", "result": "success", "errors": [], "sent": 1, "id_sms_api": "nobodys"}


@dataclass
class Weather(httpx.AsyncBaseTransport):
    """The vendor, and what happens on the way there and back. `leaving`: told of each body just before the vendor takes it;
    `meanwhile`: what else goes on while that request of them (1 is the first) is under way; `pass_time`: it takes its time."""

    vendor: OracleVendor
    faults: list[str]
    leaving: Callable[[bytes], None] = lambda _: None
    meanwhile: dict[int, Callable[[], None]] = field(default_factory=dict)
    pass_time: Callable[[], None] = lambda: None
    posts: int = 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        self.posts += 1
        number, fault = self.posts, self.faults.pop(0) if self.faults else "none"
        reach("vendor.request.before")
        status, body = 0, b""
        if fault not in NOT_TAKEN:
            self.leaving(request.content)
            status, told = self.vendor.answer(request.url.path, request.content)
            body = json.dumps(_spoiled(fault, told) if status == 200 else told).encode()
        self.pass_time()
        if number in self.meanwhile:
            self.meanwhile[number]()
        reach("vendor.request.after")
        for _ in range(20 if fault == "late" else 0):
            await asyncio.sleep(0)
        return _given(fault, request, status, body)


def _given(fault: str, request: httpx.Request, status: int, body: bytes) -> httpx.Response:
    match fault:
        case "refused":
            raise httpx.ConnectError("refused", request=request)
        case "silence" | "lost":
            raise httpx.ReadTimeout("lost", request=request)
        case "cut off":
            raise httpx.RemoteProtocolError("cut", request=request)
        case "429" | "413" | "500" | "503" | "401" | "404":
            return httpx.Response(int(fault), headers={"Retry-After": "7"} if fault == "429" else {}, text="no")
        case "500 taken" | "503 taken":
            return httpx.Response(int(fault[:3]), content=body)
        case "html":
            return httpx.Response(200, html="<html>Just a moment</html>")
        case "half":
            return httpx.Response(200, content=body[: len(body) // 2])
        case "empty":
            return httpx.Response(200, content=b"")
        case "warning":
            return httpx.Response(200, content=b"<b>Warning</b>: Undefined array key" + body)
    return httpx.Response(status, content=body)


def _spoiled(fault: str, told: Any) -> Any:
    """The entries of an answer, about contacts or about messages, as the fault leaves them."""
    if isinstance(told, list):
        return _entries(fault, told)
    return {"data": {"contact": _entries(fault, told["data"]["contact"])}}


def _entries(fault: str, entries: list[dict[str, Any]]) -> list[Any]:
    match fault:
        case "missing":
            return entries[1:]
        case "repeated":
            return [*entries, entries[0]]
        case "surplus":
            return [STRANGER, *entries]
        case "stranger":  # as many as were sent, but not all of them
            return [*entries[1:], STRANGER]
        case "reordered":
            return entries[::-1]
        case "other keys":
            return [{SPELLINGS.get(key, key): value for key, value in entry.items()} for entry in entries]
        case "reformatted":
            return [entry | {"phone_number": "00" + entry["phone_number"][1:]} for entry in entries[:1]] + [
                entry | {"phone_number": entry["phone_number"][1:]} for entry in entries[1:]
            ]
        case "no numbers":
            return [
                {key: value for key, value in entry.items() if key not in ("phone_number", "id_sms_api")} for entry in entries
            ]
        case "wrong types":
            return ["success", *({**entry, "result": True, "sent": None} for entry in entries[1:])]
    return entries
