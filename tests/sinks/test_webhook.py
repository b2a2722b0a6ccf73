"""Sink `webhook`: signed by the scheme, sent until it is accepted, and never telling where or what."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import httpx
import pytest
import trustme
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook

from sync_connector.config import Sink as SinkSettings
from sync_connector.errors import FixSetup, TryLater
from sync_connector.flow.pace import Patience
from sync_connector.model import Kind
from sync_connector.sinks import open_sink
from sync_connector.sinks.webhook import Instruments, WebhookSink
from tests.sinks.receiver import Answer, Receiver, receiving, statuses
from tests.sinks.records import one_of_each, record

SECRET = "whsec_" + "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Waits:
    """A clock that moves only by the waits that were asked for."""

    def __init__(self) -> None:
        self.asked: list[float] = []
        self._start = time.time()

    def now(self) -> float:
        """Seconds since 1970."""
        return self._start + sum(self.asked)

    def instruments(self) -> Instruments:
        """Without chance: each wait is half of its greatest."""
        return Instruments(now=self.now, sleep=self.asked.append, chance=lambda: 0.0)


def settings(address: str, **changes: Any) -> SinkSettings:
    """Settings for a service."""
    told = {"name": "hook", "type": "webhook", "url": SecretStr(address), "secret": SecretStr(SECRET)}
    return SinkSettings(**(told | changes))


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A service that accepts everything, until it is told otherwise."""
    with receiving() as made:
        yield made


@pytest.fixture
def waits() -> Waits:
    """The waits between attempts."""
    return Waits()


@pytest.fixture
def sink(receiver: Receiver, waits: Waits) -> Iterator[WebhookSink]:
    """A sink to the service, which waits without time passing."""
    made = WebhookSink(settings(receiver.url), waits.instruments())
    yield made
    made.close()


def test_a_receiver_verifies_it_with_the_schemes_own_library(receiver: Receiver) -> None:
    """Each request of the sink as it is opened passes the library's check of id, time, body and signature; a changed body does
    not."""
    opened = open_sink(settings(receiver.url))
    assert opened.write(1, one_of_each()) == []
    opened.close()
    assert len(receiver.requests) == 5
    for request in receiver.requests:
        Webhook(SECRET).verify(request.body, request.headers)
        with pytest.raises(Exception, match="No matching signature"):
            Webhook(SECRET).verify(request.body + b" ", request.headers)
        assert request.headers["content-type"] == "application/json"


def test_the_body_tells_the_kind_the_time_and_the_row(sink: WebhookSink, receiver: Receiver) -> None:
    """A call's body is the row that every sink writes, with its type and the time at which we received it."""
    sink.write(1, [record()])
    (request,) = receiver.requests
    told = request.told
    assert (told["type"], told["timestamp"]) == ("call", "2026-03-02T10:15:30.123Z")
    assert told["data"]["event_key"] == "call-000001"
    assert told["data"]["occurred_at"] == "2026-03-02T09:14:05.250Z"
    assert (told["data"]["duration"], told["data"]["answered"], told["data"]["contact_key"]) == (133, True, "C1")


def test_the_body_tells_which_message_it_is_about(sink: WebhookSink, receiver: Receiver) -> None:
    """A status has the campaign and the text of our message; an answer the id of the message that it answers."""
    sink.write(1, [record(1, Kind.SMS_STATUS), record(1, Kind.INCOMING_SMS), record(2, Kind.INCOMING_SMS)._replace(answers="")])
    told = {request.told["data"]["event_key"]: request.told["data"] for request in receiver.requests}
    assert told["sms_status-000001"]["message"] == "Bonjour Zoé, -20 % 😀"
    assert told["incoming_sms-000001"]["answers"] == "A-17"
    assert told["incoming_sms-000002"]["answers"] is None
    assert {data["campaign"] for data in told.values()} == {"Soldes d'été"}


def test_a_receiver_can_drop_exact_repeats(sink: WebhookSink, receiver: Receiver) -> None:
    """The same record has the same id again; the same event of which more is known has another."""
    sink.write(1, [record(contact=None)])
    sink.write(1, [record(contact=None)])
    sink.write(2, [record(contact="C7")])
    first, again, more = receiver.ids
    assert first == again != more
    assert first.startswith("call-000001_")
    assert more.startswith("call-000001_")


def test_records_go_in_order_over_one_connection(sink: WebhookSink, receiver: Receiver) -> None:
    """Fifty records arrive one after the other, in the order in which they were given, over a connection that is kept."""
    records = [record(number) for number in range(50, 0, -1)]
    assert sink.write(1, records) == []
    assert [request.told["data"]["event_key"] for request in receiver.requests] == [given.event_key for given in records]
    assert len({request.connection for request in receiver.requests}) == 1


def test_what_the_service_does_not_want_is_refused(sink: WebhookSink, receiver: Receiver, waits: Waits) -> None:
    """Each 4xx that no repetition mends refuses its record at once, and the others are sent."""
    receiver.script[:] = statuses(204, 400, 200, 422, 404, 410, 202)
    refused = sink.write(1, [record(number) for number in range(7)])
    assert [refusal.event_key for refusal in refused] == ["call-000001", "call-000003", "call-000004", "call-000005"]
    assert [refusal.reason for refusal in refused] == [f"the web service answers {code}" for code in (400, 422, 404, 410)]
    assert waits.asked == []


@pytest.mark.parametrize("code", [408, 425, 429, 500, 502, 503, 504, 599])
def test_what_passes_is_tried_again_in_its_place(code: int, sink: WebhookSink, receiver: Receiver, waits: Waits) -> None:
    """Two such answers, then success: the same id three times, waits that double, and the next record only afterwards."""
    receiver.script[:] = statuses(code, code, 200)
    assert sink.write(1, [record(1), record(2)]) == []
    assert len(set(receiver.ids[:3])) == 1
    assert receiver.requests[3].told["data"]["event_key"] == "call-000002"
    assert waits.asked == [0.25, 0.5]
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests[:3]]
    assert stamps == sorted(stamps)
    for request in receiver.requests:
        Webhook(SECRET).verify(request.body, request.headers)


def test_a_connection_that_is_cut_is_made_anew(sink: WebhookSink, receiver: Receiver, waits: Waits) -> None:
    """A service that goes away in the middle is asked again, under the same id."""
    receiver.script[:] = [Answer(None), Answer(200)]
    assert sink.write(1, [record()]) == []
    assert len(set(receiver.ids)) == 1
    assert len(receiver.ids) == 2
    assert len(waits.asked) == 1


def test_a_service_that_stays_down_is_tried_later(sink: WebhookSink, receiver: Receiver, waits: Waits) -> None:
    """After four attempts the delivery is TryLater; it comes again in full, and what was accepted has its id of before."""
    receiver.script[:] = statuses(200, 503, 503, 503, 503)
    with pytest.raises(TryLater, match=r"^sink hook: the web service answers 503; nothing is lost, run it again later$"):
        sink.write(1, [record(1), record(2)])
    assert waits.asked == [0.25, 0.5, 1.0]
    assert sink.write(1, [record(1), record(2)]) == []
    assert receiver.ids[0] == receiver.ids[5]
    assert receiver.ids[1] == receiver.ids[6]


def test_retry_after_is_obeyed_within_bounds(sink: WebhookSink, receiver: Receiver, waits: Waits) -> None:
    """Seconds and a date are waited for; an hour is longer than our patience, so that the run ends at once."""
    date = format_datetime(datetime.fromtimestamp(waits.now() + 10, UTC), usegmt=True)
    receiver.script[:] = [Answer(429, (("Retry-After", "7"),)), Answer(503, (("Retry-After", date),)), Answer(200)]
    assert sink.write(1, [record(1)]) == []
    assert waits.asked[0] == 7
    assert waits.asked[1] <= 3
    receiver.script[:] = [Answer(429, (("Retry-After", "3600"),))]
    with pytest.raises(TryLater, match="429"):
        sink.write(2, [record(2)])
    assert len(waits.asked) == 2


def test_a_redirection_is_not_followed(sink: WebhookSink, receiver: Receiver) -> None:
    """Events are carried nowhere but to the address in the settings; where to is not told, as it may hold a secret."""
    with receiving() as elsewhere:
        receiver.script[:] = [Answer(307, (("Location", elsewhere.url),))]
        with pytest.raises(FixSetup, match="answers 307, a redirection, which is not followed") as told:
            sink.write(1, [record()])
        assert elsewhere.requests == []
        assert elsewhere.url not in str(told.value)


def test_an_endless_answer_is_not_read_to_its_end(sink: WebhookSink, receiver: Receiver) -> None:
    """Of an answer of ten megabytes little is read, and the next record is sent all the same."""
    receiver.script[:] = [Answer(200, body=b"x" * 10_000_000)]
    assert sink.write(1, [record(1), record(2)]) == []
    assert len({request.connection for request in receiver.requests}) == 2


def test_a_service_that_is_silent_is_tried_later(waits: Waits) -> None:
    """Who takes the request and never answers is given up after the timeout, each time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        sink = WebhookSink(
            settings(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.05), waits.instruments(), Patience(tries=2)
        )
        with pytest.raises(TryLater, match="gives no answer in time"):
            sink.write(1, [record()])
        sink.close()


def test_a_service_that_is_not_there_is_tried_later(waits: Waits) -> None:
    """Nobody listens: nothing of the address is told."""
    sink = WebhookSink(settings("http://127.0.0.1:1/s3cret"), waits.instruments())
    with pytest.raises(TryLater, match="the web service is not reached") as told:
        sink.write(1, [record()])
    assert "s3cret" not in str(told.value)
    sink.close()


def test_tls_is_verified(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    """A certificate that nobody vouches for is to be mended, and nothing was sent; one that is vouched for is fine."""
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with receiving(tls=context) as receiver:
        sink = WebhookSink(settings(receiver.url), waits.instruments())
        with pytest.raises(FixSetup, match="TLS certificate of the web service is not trusted"):
            sink.write(1, [record()])
        assert receiver.requests == []
        sink.close()
        with authority.cert_pem.tempfile() as path:
            monkeypatch.setenv("SSL_CERT_FILE", path)
            trusting = WebhookSink(settings(receiver.url), waits.instruments())
            assert trusting.write(1, [record()]) == []
            trusting.close()
        assert len(receiver.requests) == 1


def test_what_is_no_text_and_what_nobody_understood_is_given_back(sink: WebhookSink, receiver: Receiver) -> None:
    """Half a sign and an unknown kind are refused here, and never sent."""
    half = record(1, Kind.INCOMING_SMS, text="\ud83d")
    refused = sink.write(1, [half, record(2, Kind.UNKNOWN), record(3)])
    assert sorted(refusal.event_key for refusal in refused) == ["incoming_sms-000001", "unknown-000002"]
    assert len(receiver.requests) == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"url": None}, r"sinks\.url: for hook it must be the https:// address"),
        ({"url": SecretStr("ftp://example.com/s3cret")}, "it must be the https:// address"),
        ({"url": SecretStr("https://example.com:99999/s3cret")}, "it must be the https:// address"),
        ({"url": SecretStr("http://example.com/s3cret")}, "would send events in clear"),
        ({"secret": None}, r"sinks\.secret: is missing for hook"),
        ({"secret": SecretStr("whsec_c2hvcnQ=")}, "24 to 64 random bytes"),
        ({"secret": SecretStr("whsec_!!!!" + "A" * 40)}, "is not a webhook's secret"),
        ({"secret": SecretStr("TUZLUTlyOEdLWXFyVHdqVVBEOElMUFpJbzJMYUxhU3c=")}, "is not a webhook's secret"),
    ],
)
def test_a_wrong_setting_is_a_sentence(changes: dict[str, Any], words: str) -> None:
    """What is wrong is said, and how to mend it; no address and no secret is in it."""
    with pytest.raises(FixSetup, match=words) as told:
        open_sink(settings("https://example.com/s3cret", **changes))
    assert "s3cret" not in str(told.value)
    assert "c2hvcnQ" not in str(told.value)


def test_the_client_keeps_to_its_rules(sink: WebhookSink) -> None:
    """One connection, no redirects, the timeout of the settings."""
    client: httpx.Client = sink._client
    assert not client.follow_redirects
    assert client.timeout == httpx.Timeout(30)
