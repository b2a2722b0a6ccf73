"""Sink `webhook`: each record as one signed POST, by the Standard Webhooks scheme, for those who automate.

The body is `{"type": "call", "timestamp": …, "data": {…}}`, the data being the row that every sink writes. `webhook-id` is the
event's key and a digest of the body: who keeps the ids drops exact repeats, and still gets an event of which more is known.

Law: at least once, in order, one at a time. A record counts as written only after a 2xx answer. What an answer means stands in
its status; its body is not looked at. No message shows the address, which may hold a secret, nor anything that was sent.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import random
import ssl
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit

import httpx
import orjson

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import reach
from sync_connector.flow.pace import Patience, retry_after, wait_before
from sync_connector.model import Record
from sync_connector.sinks import Refusal
from sync_connector.sinks._rows import iso, plain, row_of, sort_out

PATIENCE = Patience(tries=4, give_up_after=60, first_wait=0.5, longest_wait=20)  # with one record
AGAIN = frozenset({408, 425, 429})
LONGEST_ANSWER = 64 << 10  # bytes that are read so that the connection can serve again; a longer answer costs a new one
SHORTEST_SECRET, LONGEST_SECRET = 24, 64  # bytes; the scheme's own bounds
HERE = ("localhost", "127.0.0.1", "::1")


@dataclass(slots=True)
class Instruments:
    """Time and chance, so that a test needs neither."""

    now: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    chance: Callable[[], float] = random.random


class _Answer(NamedTuple):
    """What came back: a status, or none and why. `asked`: the seconds of a `Retry-After`."""

    status: int | None
    why: str
    asked: float | None = None


def make(settings: SinkSettings) -> WebhookSink:
    """A sink to a web service. Nothing is sent before the first record. Raises `FixSetup`."""
    return WebhookSink(settings)


class WebhookSink:
    """Events to a web service."""

    def __init__(self, settings: SinkSettings, instruments: Instruments | None = None, patience: Patience = PATIENCE) -> None:
        self._name = settings.name
        self._url = _address(settings)
        self._secret = _secret(settings)
        self._timeout = settings.timeout
        self._instruments = instruments or Instruments()
        self._patience = patience
        self._client = httpx.Client(
            timeout=httpx.Timeout(settings.timeout),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            headers={"Content-Type": "application/json", "Accept": "*/*", "User-Agent": "sync-connector"},
            follow_redirects=False,
        )

    def write(self, _delivery: int, records: Sequence[Record]) -> list[Refusal]:
        """POST the records in the order in which they came; see `Sink.write`.

        Raises `TryLater` when the service does not answer, or only with errors of its own, and `FixSetup`. What was accepted
        before is then sent again with the next delivery, under the same ids.
        """
        _, refused = sort_out(records)
        unwritable = {refusal.event_key for refusal in refused}
        for record in records:
            if record.event_key not in unwritable and (reason := self._deliver(record)):
                refused.append(Refusal(record.event_key, reason))
        return refused

    def _deliver(self, record: Record) -> str:
        """Send a record, as often as patience allows; the reason if it is refused, else blank."""
        body = body_of(record)
        message_id = f"{record.event_key}_{hashlib.sha256(body).hexdigest()[:16]}"
        begun = self._instruments.now()
        attempt = 1
        while True:
            answer = self._post(message_id, body)
            if answer.status is not None and 200 <= answer.status < 300:
                return ""
            if answer.status is not None and 400 <= answer.status < 500 and answer.status not in AGAIN:
                return f"the web service answers {answer.status}"
            if answer.status is not None and 300 <= answer.status < 400:
                raise FixSetup(
                    f"sink {self._name}: the web service answers {answer.status}, a redirection, which is not followed; "
                    "write the address that it leads to in sinks.url"
                )
            attempt += 1
            spent = self._instruments.now() - begun
            wait = wait_before(attempt, self._patience, spent, self._instruments.chance(), answer.asked)
            if wait is None:
                raise TryLater(f"sink {self._name}: {answer.why}; nothing is lost, run it again later")
            self._instruments.sleep(wait)

    def _post(self, message_id: str, body: bytes) -> _Answer:
        now = self._instruments.now()
        timestamp = str(int(now))
        headers = {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": signature(self._secret, message_id, timestamp, body),
        }
        reach("sink.webhook.before")
        try:
            with self._client.stream("POST", self._url, content=body, headers=headers) as response:
                size = 0
                for piece in response.iter_raw():
                    size += len(piece)
                    if size > LONGEST_ANSWER or self._instruments.now() - now > self._timeout:
                        break
                reach("sink.webhook.after")
                asked = retry_after(response.headers.get("Retry-After"), self._instruments.now())
                return _Answer(response.status_code, f"the web service answers {response.status_code}", asked)
        except (httpx.HTTPError, httpx.StreamError, ssl.SSLError) as fault:
            if "CERTIFICATE" in str(fault).upper():
                raise FixSetup(f"sink {self._name}: the TLS certificate of the web service is not trusted") from None
            words = "gives no answer in time" if isinstance(fault, httpx.TimeoutException) else "is not reached"
            return _Answer(None, f"the web service {words}")

    def close(self) -> None:
        """Let go of the connection."""
        self._client.close()


def body_of(record: Record) -> bytes:
    """The JSON that is sent: the kind of event, when we received it, and its row."""
    told = {"type": str(record.event.kind), "timestamp": iso(record.received_at), "data": plain(row_of(record))}
    return orjson.dumps(told)


def signature(secret: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """`v1,` and the base64 of HMAC-SHA256 over id, time (seconds since 1970) and body, as Standard Webhooks has it."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(secret, signed, "sha256")).decode()


def _address(settings: SinkSettings) -> str:
    url = settings.url.get_secret_value() if settings.url is not None else ""
    wrong = f"sinks.url: for {settings.name} it must be the https:// address of a web service"
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise FixSetup(wrong) from None
    if parts.scheme not in ("http", "https") or not host or port == 0:
        raise FixSetup(wrong)
    if parts.scheme == "http" and host not in HERE:
        raise FixSetup(
            f"sinks.url: for {settings.name} it is http://, which would send events in clear; only this machine may be"
        )
    return url


def _secret(settings: SinkSettings) -> bytes:
    text = settings.secret.get_secret_value() if settings.secret is not None else ""
    advice = 'write secret = "${WEBHOOK_SECRET}", and into that variable whsec_ and the base64 of 24 to 64 random bytes'
    if not text:
        raise FixSetup(f"sinks.secret: is missing for {settings.name}; {advice}")
    try:
        secret = base64.b64decode(text.removeprefix("whsec_"), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not text.startswith("whsec_") or not SHORTEST_SECRET <= len(secret) <= LONGEST_SECRET:
        raise FixSetup(f"sinks.secret: is not a webhook's secret for {settings.name}; {advice}")
    return secret
