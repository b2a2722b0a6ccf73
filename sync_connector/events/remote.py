"""The pull interface from the other side: an inbox on another machine, behind its receiver.

Law: the token goes only over TLS that was verified, or to this machine, and is in no sentence; what comes back has a limit in
size and in time, and is believed only if it is what was asked for.
"""

from __future__ import annotations

import ssl
import time
from datetime import UTC
from itertools import pairwise
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from sync_connector.errors import FixSetup, TryLater
from sync_connector.events.edge import PAGE_LIMIT, Acknowledged, PageAnswer
from sync_connector.events.inbox import Arrival, Page
from sync_connector.fault_points import reach

ANSWER_LIMIT = 32 << 20  # bytes: a page's queries, each sign of which JSON may double, and what is around them
WHOLE_ANSWER = 10  # times the timeout, for an answer that keeps coming
THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


class RemoteInbox:
    """An inbox behind the receiver at `url`. `ca`: a file with the authority that vouches for it, if that is not a public one;
    `timeout`: seconds for each step of a request.

    Raises `FixSetup`: an address in clear to another machine, a file that holds no certificate.
    """

    def __init__(self, url: str, token: str, ca: str = "", timeout: float = 30) -> None:
        parts = urlsplit(url)
        if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in THIS_MACHINE):
            raise FixSetup("pull.url: would send the token in clear; write https://…")
        try:
            verify = ssl.create_default_context(cafile=ca or None)
        except (OSError, ValueError) as fault:
            raise FixSetup(f"pull.ca: {ca} holds no certificate that can be used: {fault}") from None
        if not token.isascii() or not token.isprintable():
            raise FixSetup("pull.token: has signs that no token has; only ASCII letters, digits and signs can be sent")
        self._url, self._timeout = url.rstrip("/"), timeout
        self._inbox: str | None = None
        # Nothing is to be unpacked: a small answer could become a large one.
        headers = {"authorization": f"Bearer {token}", "accept-encoding": "identity"}
        proxied = parts.scheme == "https"  # a proxy would see what goes in clear
        self._client = httpx.Client(verify=verify, timeout=timeout, headers=headers, trust_env=proxied)

    def page(self, after: int, limit: int) -> Page:
        """At most `limit` callbacks behind that sequence number. Raises `FixSetup` (address, token), `TryLater`."""
        raw = self._ask("GET", "/v1/inbox", params={"after": after, "limit": min(limit, PAGE_LIMIT)})
        try:
            told = PageAnswer.model_validate_json(raw)
        except ValidationError:
            raise TryLater(f"{self._url} answered, but not with a page of an inbox") from None
        arrivals = [Arrival(each.sequence, each.received_at.astimezone(UTC), each.query) for each in told.callbacks]
        before = [after, *(each.sequence for each in arrivals)]
        if len(arrivals) > limit or any(later <= earlier for earlier, later in pairwise(before)):
            raise TryLater(f"{self._url} answered with other callbacks than it was asked for")
        self._inbox = told.inbox
        return Page(told.inbox, arrivals, told.newest)

    def acknowledge(self, upto: int) -> None:
        """All up to that sequence number, of the inbox that the last page came from, is safely inside.

        Raises `FixSetup` (address, token, another inbox by now), `TryLater`.
        """
        if self._inbox is None:
            self._inbox = self.page(0, 1).inbox
        told = Acknowledged(inbox=self._inbox, sequence=upto)
        self._ask("POST", "/v1/inbox/acknowledged", json=told.model_dump())

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()

    def _ask(self, method: str, path: str, **named: object) -> bytes:
        body = bytearray()
        end = time.monotonic() + WHOLE_ANSWER * self._timeout
        reach("remote.before")
        try:
            with self._client.stream(method, f"{self._url}{path}", **named) as answer:  # type: ignore[arg-type]
                for piece in answer.iter_raw():
                    body += piece
                    if len(body) > ANSWER_LIMIT or time.monotonic() > end:
                        raise TryLater(f"{self._url} answered with too much, or too slowly")
        except httpx.ConnectError as fault:
            if isinstance(_first_cause(fault), ssl.SSLError):
                raise FixSetup(f"pull.url: {self._url} cannot prove that it is the receiver: {_first_cause(fault)}") from None
            raise TryLater(f"{self._url} cannot be reached: {fault}") from None
        except httpx.HTTPError as fault:
            raise TryLater(f"{self._url} did not answer: {type(fault).__name__}") from None
        reach("remote.after")
        self._judge(answer.status_code)
        return bytes(body)

    def _judge(self, status: int) -> None:
        if status in (200, 204):
            return
        if status == 404:
            raise FixSetup(f"pull.url, pull.token: {self._url} does not know this token, or is no receiver with a receive.token")
        if status == 409:
            raise FixSetup(f"{self._url} has another inbox than the one that was read, or an older copy of it")
        if status in (408, 425, 429) or status >= 500:
            raise TryLater(f"{self._url} cannot answer now (status {status})")
        raise FixSetup(f"pull.url: {self._url} is no receiver of this version (status {status})")


def _first_cause(fault: BaseException) -> BaseException:
    while fault.__cause__ is not None or fault.__context__ is not None:
        fault = fault.__cause__ or fault.__context__ or fault
    return fault
