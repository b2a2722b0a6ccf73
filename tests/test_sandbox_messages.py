"""The sandbox's messages and calls, over a real socket: answered as documented, counted, and cut where that is asked for."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import datetime
from typing import Any

import httpx
import pytest

from sync_connector import dialects
from sync_connector.model import LINK, CallReply, Manner, Message, MessageReply, Mode, Priority, Verdict
from sync_connector.sandbox.messages import parts
from sync_connector.sandbox.serve import in_background
from sync_connector.sandbox.vendor import Vendor

from .conftest import LOGIN, PASSWORD

Fields = dict[str, Any]
KEY = "a-key-of-its-own-51c2"
FIRST: Fields = {"header": [{"login": LOGIN, "accesskey": PASSWORD, "mode": "prod", "priority": 1}]}
KEYED: Fields = {"header": {"login": LOGIN, "accessKey": PASSWORD}}
CALL: Fields = {"header": {**KEYED["header"], "type": "clicToCall", "phone_number": "+33612345678"}}
MESSAGE = {"id_sms_api": "id-1", "phone_number": "+33612345678", "message": "Hello"}
PATHS = [("/api/sendSms", FIRST), ("/api/sendSmsSolo", KEYED), ("/api/v1/sendsms", KEYED), ("/api/v1/sendsms.php", KEYED)]
CALL_PATHS = ["/api/v1/clicTocall", "/api/v1/clic.php"]


def _send(address: str, path: str, header: Fields, *messages: Fields) -> list[Fields]:
    response = httpx.post(address + path, json={**header, "messages": list(messages)})
    assert response.status_code == 200, response.text
    entries: list[Fields] = response.json()
    return entries


def _taken(address: str) -> dict[str, Fields]:
    return {entry["id_sms_api"]: entry for entry in httpx.get(f"{address}/_sandbox/messages").json()}


@pytest.mark.parametrize(("path", "header"), PATHS)
def test_messages_are_answered_as_the_contract_says(sandbox: str, path: str, header: Fields) -> None:
    """Under each path of both generations: an entry a message, with its id, its parts, when, and whether it was sent."""
    long = {**MESSAGE, "id_sms_api": "id-2", "message": "é" * 161, "url": "https://x.example/"}
    first, second, third = _send(sandbox, path, header, MESSAGE, long, {**MESSAGE, "id_sms_api": "id-3", "phone_number": "+331"})
    assert datetime.fromisoformat(first.pop("sent_time")).utcoffset() is not None
    assert first == {
        "id_sms_api": "id-1", "sms_per_message": 1, "user": LOGIN, "phone_number": "+33612345678", "message": "Hello", "sent": 1,
    }  # fmt: skip
    assert (second["sms_per_message"], second["sent"]) == (2, 1)
    assert (third["phone_number"], third["sent"]) == ("+331", 0)
    assert _taken(sandbox)["id-1"] == {
        **MESSAGE, "url": "", "priority": 1, "date_to_send": "", "mode": "prod", "sent": True,
        "times": 1, "times_by_number_and_text": 1,
    }  # fmt: skip
    assert [entry["sent"] for entry in _taken(sandbox).values()] == [True, True, False]


@pytest.mark.parametrize("number", ["+331", "0612345678", "33612345678", "abc", "", None, 33612345678, ["+33612345678"]])
def test_what_is_no_number_is_not_sent(sandbox: str, number: object) -> None:
    """`sent: 0`, in both generations; so is a message without a text."""
    for path, header in PATHS:
        assert _send(sandbox, path, header, {**MESSAGE, "phone_number": number})[0]["sent"] == 0
        assert _send(sandbox, path, header, {**MESSAGE, "message": " "})[0]["sent"] == 0


def test_a_message_without_an_id_gets_one(sandbox: str) -> None:
    """The vendor makes one for each, and no two are the same."""
    nameless = {"phone_number": "+33612345678", "message": "Hello"}
    ids = [entry["id_sms_api"] for entry in _send(sandbox, "/api/v1/sendsms", KEYED, nameless, nameless)]
    assert len({*ids}) == 2
    assert set(_taken(sandbox)) == {*ids}


def test_every_coming_is_counted_by_id_and_by_number_and_text(sandbox: str) -> None:
    """The same id again, and the same text to the same number under another id, both show; numbers count as E.164."""
    _send(sandbox, "/api/sendSms", FIRST, MESSAGE)
    _send(sandbox, "/api/v1/sendsms", KEYED, MESSAGE, {**MESSAGE, "id_sms_api": "id-2", "phone_number": "+33 6 12 34 56 78"})
    _send(sandbox, "/api/v1/sendsms", KEYED, {**MESSAGE, "id_sms_api": "id-3", "message": "Hi"})
    taken = _taken(sandbox)
    assert {name: (entry["times"], entry["times_by_number_and_text"]) for name, entry in taken.items()} == {
        "id-1": (2, 3),
        "id-2": (1, 3),
        "id-3": (1, 1),
    }
    assert httpx.delete(f"{sandbox}/_sandbox").status_code == 204
    assert _taken(sandbox) == {}


def test_a_rehearsal_is_answered_and_counted_apart(sandbox: str) -> None:
    """`mode: test` answers as if it had sent, and what was sent in earnest is counted without it; no other mode is known."""
    rehearsal = {"header": [{**FIRST["header"][0], "mode": "test"}]}
    (entry,) = _send(sandbox, "/api/sendSms", rehearsal, MESSAGE)
    assert entry["sent"] == 1
    assert _taken(sandbox)["id-1"]["mode"] == "test"
    _send(sandbox, "/api/sendSms", FIRST, MESSAGE)
    listed = httpx.get(f"{sandbox}/_sandbox/messages").json()
    assert [(entry["mode"], entry["times"], entry["times_by_number_and_text"]) for entry in listed] == [
        ("test", 1, 1),
        ("prod", 1, 1),
    ]
    odd = {"header": [{**FIRST["header"][0], "mode": "dry"}], "messages": [MESSAGE]}
    assert httpx.post(f"{sandbox}/api/sendSms", json=odd).status_code == 400


def test_dates_and_priorities_are_taken_from_where_a_generation_has_them(sandbox: str) -> None:
    """A message's date stands over the header's; priority is the header's or the message's, in either of its two spellings."""
    dated = {"header": [{**FIRST["header"][0], "priority": 2, "date_to_send": "2026-12-01 10:00:00"}]}
    own = {**MESSAGE, "id_sms_api": "id-2", "date_to_send": "2026-12-02 10:00:00", "priorite": 0}
    _send(sandbox, "/api/sendSms", dated, MESSAGE, own)
    _send(sandbox, "/api/v1/sendsms", KEYED, {**own, "id_sms_api": "id-3"}, {**MESSAGE, "id_sms_api": "id-4", "priority": 2})
    assert [(entry["date_to_send"][:10], entry["priority"]) for entry in _taken(sandbox).values()] == [
        ("2026-12-01", 2),
        ("2026-12-02", 2),
        ("2026-12-02", 0),
        ("", 2),
    ]


WRONG: list[tuple[str, object]] = [
    ("/api/sendSms", [{"login": LOGIN, "accesskey": "x"}]),
    ("/api/sendSms", [{"login": "x", "accesskey": PASSWORD}]),
    ("/api/sendSms", [{"login": LOGIN, "accessKey": PASSWORD}]),
    ("/api/sendSms", {"login": LOGIN, "accesskey": PASSWORD}),
    ("/api/sendSmsSolo", {"login": LOGIN, "accesskey": PASSWORD}),
    ("/api/sendSmsSolo", [KEYED["header"]]),
    ("/api/v1/sendsms", {"login": LOGIN, "password": PASSWORD}),
    ("/api/v1/sendsms.php", [KEYED["header"]]),
    *[(path, {**CALL["header"], "accessKey": "x"}) for path in CALL_PATHS],
    *[(path, [CALL["header"]]) for path in CALL_PATHS],
    ("/api/v1/clicTocall", None),
]


@pytest.mark.parametrize(("path", "header"), WRONG, ids=range(len(WRONG)))
def test_who_has_no_key_sends_and_calls_nothing(sandbox: str, vendor: Vendor, path: str, header: object) -> None:
    """A wrong login, key, or shape of header is 401; nothing is taken, and the key is in no answer."""
    response = httpx.post(sandbox + path, json={"header": header, "messages": [MESSAGE]})
    assert response.status_code == 401
    assert PASSWORD not in response.text
    assert (vendor.messages, vendor.calls) == ([], [])


def test_an_access_key_of_its_own_opens_messages_and_the_second_generations_contacts(sandbox: str, vendor: Vendor) -> None:
    """Where the vendor has one, the password no longer does; it stays the first generation's for contacts."""
    vendor.access_key = KEY
    contact = {"contacts": [{"phone_number": "+33612345678"}]}
    for path, header in PATHS:
        assert httpx.post(sandbox + path, json={**header, "messages": []}).status_code == 401
    assert _send(sandbox, "/api/v1/sendsms", {"header": {"login": LOGIN, "accessKey": KEY}}, MESSAGE)[0]["sent"] == 1
    for key, status in ((KEY, 200), (PASSWORD, 401)):
        posted = {"header": {"login": LOGIN, "accessKey": key}, **contact}
        assert httpx.post(f"{sandbox}/api/v1/contact", json=posted).status_code == status
    first = {"header": [{"login": LOGIN, "password": PASSWORD, "api": True}], **contact}
    assert httpx.post(f"{sandbox}/api/contact", json=first).status_code == 200
    assert KEY not in repr(vendor)


NO_LISTS: list[Fields] = [FIRST, {**FIRST, "messages": {}}, {**FIRST, "messages": [7]}, {**FIRST, "messages": None}]


@pytest.mark.parametrize("body", [b"", b"[" * 9_999, b'"x"', *(json.dumps(each).encode() for each in NO_LISTS)], ids=range(7))
def test_what_is_no_request_is_refused(sandbox: str, body: bytes) -> None:
    """Bytes that are not JSON, or no list of messages, are refused, not crashed upon."""
    assert httpx.post(f"{sandbox}/api/sendSms", content=body).status_code in (400, 401)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("", 1), ("a" * 160, 1), ("a" * 161, 2), ("a" * 306, 2), ("a" * 307, 3), ("€" * 80, 1), ("€" * 81, 2),
        ("я" * 70, 1), ("я" * 71, 2), ("я" * 134, 2), ("я" * 135, 3), ("👍" * 35, 1), ("👍" * 36, 2), ("a" * 70 + "’", 2),
    ],
)  # fmt: skip
def test_parts_are_counted_by_the_standard(text: str, number: int) -> None:
    """160 signs of GSM 03.38, those of its extension twice, or 70 of UCS-2; less in each where there are several."""
    assert parts(text) == number


@pytest.mark.parametrize("path", CALL_PATHS)
def test_a_call_is_answered_as_the_contract_says(sandbox: str, vendor: Vendor, path: str) -> None:
    """Success; `#002` while the mobile is not connected; `#001` while the servers are down; what is no number is not called."""
    asked = []

    def ask(header: Fields) -> Fields:
        (entry,) = httpx.post(sandbox + path, json={"header": header}).json()
        asked.append(entry["result"])
        assert set(entry) == {"result", "info", "errors"}
        return dict(entry)

    assert ask(CALL["header"])["errors"] == []
    vendor.offline = True
    assert ask(CALL["header"])["errors"] == ["#002"]
    vendor.servers_down = True
    assert ask(CALL["header"])["errors"] == ["#001"]
    assert ask({**CALL["header"], "phone_number": "+331"})["info"] == "invalid phone number"
    assert asked == ["success", "failed", "failed", "failed"]
    calls = httpx.get(f"{sandbox}/_sandbox/calls").json()
    assert [(call["phone_number"], call["code"]) for call in calls] == [("+33612345678", code) for code in ("", "#002", "#001")]
    assert httpx.post(sandbox + path, json={"header": {**CALL["header"], "type": "fax"}}).status_code == 400


def test_requests_are_listed_without_keys(sandbox: str) -> None:
    """Path, status and number of messages or calls; neither key nor text."""
    _send(sandbox, "/api/sendSms", FIRST, MESSAGE, MESSAGE)
    httpx.post(f"{sandbox}/api/v1/clicTocall", json=CALL)
    httpx.post(f"{sandbox}/api/v1/sendsms", json={"header": {}})
    response = httpx.get(f"{sandbox}/_sandbox/requests")
    assert response.json() == [
        {"path": "/api/sendSms", "status": 200, "messages": 2},
        {"path": "/api/v1/clicTocall", "status": 200, "calls": 1},
        {"path": "/api/v1/sendsms", "status": 401},
    ]
    assert PASSWORD not in response.text


@pytest.mark.parametrize(("name", "prefix"), [("ardary", ""), ("insim-v1", "/api/v1")])
def test_what_a_dialect_asks_the_sandbox_answers(sandbox: str, name: str, prefix: str) -> None:
    """A dialect's requests are understood by the sandbox, and its answers by the dialect."""
    dialect = dialects.find(name)
    sent = [
        Message("a", "+33612345678", f"here {LINK}", "https://x.example/", "2026-12-01 10:00:00"),
        Message("b", "+331", "x"),
        Message("c", "+33612345678", "я" * 71),
    ]
    body = dialect.messages_request(LOGIN, PASSWORD, sent, Manner(priority=Priority.HIGH))
    answered = httpx.post(sandbox + prefix + dialect.messages_path, content=body).content
    verdicts = [Verdict.ACCEPTED, Verdict.REFUSED, Verdict.ACCEPTED]
    assert dialect.messages_reply(sent, answered) == [MessageReply(*pair) for pair in zip(verdicts, [1, 1, 2], strict=True)]
    taken = _taken(sandbox)["a"]
    assert (taken["priority"], taken["date_to_send"], taken["url"]) == (2, "2026-12-01 10:00:00", "https://x.example/")
    if dialect.has_test_mode:
        httpx.post(
            sandbox + prefix + dialect.messages_path, content=dialect.messages_request(LOGIN, PASSWORD, sent, Manner(Mode.TEST))
        )
        assert Counter(entry["mode"] for entry in httpx.get(f"{sandbox}/_sandbox/messages").json()) == {"prod": 3, "test": 3}
    if dialect.call_path:
        answered = httpx.post(
            sandbox + prefix + dialect.call_path, content=dialect.call_request(LOGIN, PASSWORD, "+33612345678")
        ).content
        assert dialect.call_reply(answered) == CallReply(Verdict.ACCEPTED, (), "call in progress")


def _ask_often(address: str, times: int) -> list[bool]:
    """Whether each request was answered: messages, each with its own id, and a call after every fourth."""
    answered = []
    with httpx.Client() as client:
        for n in range(times):
            asked = {**FIRST, "messages": [{**MESSAGE, "id_sms_api": f"id-{n}"}]}
            for path, body in [("/api/sendSms", asked), *([("/api/v1/clicTocall", CALL)] if n % 4 == 3 else [])]:
                try:
                    client.post(address + path, json=body).json()
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    answered.append(False)
                else:
                    answered.append(True)
    return answered


def test_a_share_of_the_requests_is_taken_and_cut(
    sandbox: str, vendor: Vendor, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """The client sees a connection that was cut; each message was taken once; nothing of it is in the server's log."""
    vendor.cut = 0.4
    answered = _ask_often(sandbox, 80)
    assert 20 < answered.count(False) < 60
    assert [taken.id_sms_api for taken in vendor.messages] == [f"id-{n}" for n in range(80)]
    assert len(vendor.calls) == 20
    assert sum("cut" in entry for entry in vendor.requests) == answered.count(False)
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))
    contact = {"header": [{"login": LOGIN, "password": PASSWORD, "api": True}], "contacts": [{"phone_number": "+33612345678"}]}
    for _ in range(20):
        assert httpx.post(f"{sandbox}/api/contact", json=contact).status_code == 200


def test_what_is_cut_can_be_had_again(sandbox: str, vendor: Vendor) -> None:
    """Two vendors of one seed cut the same requests; all are cut where that is asked for, and none as a rule."""
    assert all(_ask_often(sandbox, 4))
    vendor.cut = 0.5
    with in_background(Vendor(LOGIN, PASSWORD, cut=0.5)) as other:
        assert _ask_often(sandbox, 20) == _ask_often(other, 20)
    vendor.cut = 1.0
    assert not any(_ask_often(sandbox, 4))


def test_a_server_that_fails_otherwise_still_says_so(sandbox: str, vendor: Vendor, caplog: pytest.LogCaptureFixture) -> None:
    """The log is kept silent for a cut, and for nothing else, whenever it comes."""
    vendor.cut = 1.0
    _ask_often(sandbox, 1)
    log = logging.getLogger("uvicorn.error")
    log.error("ASGI callable returned without completing response.")
    log.error("something else")
    assert [record.getMessage()[:4] for record in caplog.records] == ["ASGI", "some"]
