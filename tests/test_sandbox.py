"""The sandbox: the vendor's two generations as the contract has them, judging with the real rules."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import pytest

from sync_connector import dialects
from sync_connector.model import Contact, Reply, Verdict
from sync_connector.sandbox.app import BODY_LIMIT, Vendor, sandbox

LOGIN, PASSWORD = "me@x.fr", "hunter2-very-secret"
FIRST = {"header": [{"login": LOGIN, "password": PASSWORD, "api": True}]}
FIRST_SOLO = {"header": {"login": LOGIN, "accessKey": PASSWORD}}
SECOND = {"header": {"login": LOGIN, "accessKey": PASSWORD}}
Fields = dict[str, Any]


class Machine:
    """A sandbox and someone who asks it."""

    def __init__(self) -> None:
        self.vendor = Vendor(LOGIN, PASSWORD)
        self.app = sandbox(self.vendor)

    def ask(self, method: str, path: str, content: bytes | None = None) -> httpx.Response:
        """One request."""

        async def _ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://sandbox") as client:
                return await client.request(method, path, content=content)

        return asyncio.run(_ask())

    def post(self, path: str, header: Fields, *contacts: Fields) -> httpx.Response:
        """Some contacts."""
        return self.ask("POST", path, json.dumps({**header, "contacts": list(contacts)}).encode())

    def first(self, *contacts: Fields) -> list[Fields]:
        """The first generation's entries."""
        return self._entries(self.post("/api/contact", FIRST, *contacts))

    def second(self, *contacts: Fields) -> list[Fields]:
        """The second generation's entries."""
        return self._entries(self.post("/api/v1/contact", SECOND, *contacts))

    def _entries(self, response: httpx.Response) -> list[Fields]:
        assert response.status_code == 200
        assert response.headers["Content-Type"].startswith("application/json")
        entries: list[Fields] = response.json()["data"]["contact"]
        return entries

    def held(self) -> dict[str, Fields]:
        """What the vendor holds."""
        return {contact["phone_number"]: contact for contact in self.ask("GET", "/_sandbox/contacts").json()}


@pytest.fixture
def machine() -> Machine:
    """A sandbox on its first day."""
    return Machine()


def test_the_first_generation_answers_as_the_page_says(machine: Machine) -> None:
    """An entry a contact: its fields, `result`, and `errors` on failure only."""
    good = {"phone_number": "+33612345678", "first_name": "Doe", "last_name": "Joe", "adress": "x", "email": "a@b.fr"}
    bad = {"phone_number": "+331", "first_name": "", "last_name": "", "adress": "", "email": ""}
    assert machine.first(good, bad) == [{**good, "result": "success"}, {**bad, "result": "failed", "errors": ["#001"]}]
    assert set(machine.held()) == {"+33612345678"}


def test_the_second_generation_answers_as_the_contract_says(machine: Machine) -> None:
    """`phonenumber` and `firstname` on success, `phone_number` and `first_name` on failure, `errors` on both."""
    accepted, refused = machine.second(
        {"phone_number": "+33612345678", "firstname": "Doe", "lastname": "Joe", "email": "a@b.fr"},
        {"phone_number": "x", "firstname": "Doe", "lastname": "Joe"},
    )
    assert accepted == {
        "phonenumber": "+33612345678", "firstname": "Doe", "lastname": "Joe", "adress": "", "email": "a@b.fr", "country_code": "",
        "result": "success", "errors": [],
    }  # fmt: skip
    assert (refused["phone_number"], refused["first_name"], refused["result"], refused["errors"]) == (
        "x",
        "Doe",
        "failed",
        ["#001"],
    )


NUMBERS = [
    ({"phone_number": "+331"}, "#001"),
    ({"phone_number": "0612345678"}, "#001"),
    ({"phone_number": "33612345678"}, "#001"),
    ({"phone_number": "+33612345678 ext. 4"}, "#001"),
    ({"phone_number": "abc"}, "#001"),
    ({"phone_number": ["+33612345678"]}, "#001"),
    ({"phone_number": 33612345678}, "#001"),
    ({"phone_number": ""}, "#002"),
    ({"phone_number": "  "}, "#002"),
    ({"phone_number": None}, "#002"),
    ({"first_name": "x"}, "#003"),
    ({}, "#003"),
]


@pytest.mark.parametrize(("contact", "code"), NUMBERS)
def test_a_number_is_judged_with_the_vendors_codes(machine: Machine, contact: Fields, code: str) -> None:
    """`#001` invalid, `#002` blank, `#003` no key: in both generations, and nothing is held."""
    assert machine.first(contact)[0]["errors"] == [code]
    assert machine.second(contact)[0]["errors"] == [code]
    assert machine.held() == {}


def test_an_invalid_email_is_an_error_in_the_first_and_a_warning_in_the_second(machine: Machine) -> None:
    """`#004` refuses the contact in the first generation; in the second it is held, without the e-mail."""
    contact = {"phone_number": "+33612345678", "email": "a@"}
    (refused,) = machine.first(contact)
    assert (refused["result"], refused["errors"]) == ("failed", ["#004"])
    assert machine.held() == {}
    (warned,) = machine.second(contact)
    assert (warned["result"], warned["errors"]) == ("success", ["#004"])
    assert machine.held()["+33612345678"]["email"] == ""


def test_both_faults_of_a_contact_are_told(machine: Machine) -> None:
    """A bad number does not hide a bad e-mail."""
    contact = {"phone_number": "x", "email": "a@"}
    assert machine.first(contact)[0]["errors"] == ["#001", "#004"]
    assert machine.second(contact)[0]["errors"] == ["#001", "#004"]


def test_only_the_second_generation_takes_national_numbers(machine: Machine) -> None:
    """A national number needs its `country_code`, and is answered as E.164."""
    contact = {"phone_number": "06 12 34 56 78", "country_code": "FR"}
    assert machine.first(contact)[0]["errors"] == ["#001"]
    assert machine.second(contact)[0]["phonenumber"] == "+33612345678"
    assert machine.second({"phone_number": "06 12 34 56 78"})[0]["errors"] == ["#001"]
    assert machine.second({"phone_number": "06 12 34 56 78", "country_code": "XX"})[0]["errors"] == ["#001"]


def test_posting_again_updates(machine: Machine) -> None:
    """The number is the identity: the last post wins, whichever the generation, and repeats are counted."""
    machine.first({"phone_number": "+33612345678", "first_name": "Jean", "email": "a@b.fr"})
    machine.second({"phone_number": "+33 6 12 34 56 78", "firstname": "Jeanne"})
    assert machine.held() == {
        "+33612345678": {
            "phone_number": "+33612345678", "first_name": "Jeanne", "last_name": "", "adress": "", "email": "",
            "country_code": "", "times": 2,
        }
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/api/contact", "/api/addcontactSolo", "/api/v1/contact", "/api/v1/contact.php"])
def test_old_and_new_paths_answer(machine: Machine, path: str) -> None:
    """The vendor's own clients can be pointed at the sandbox."""
    headers: dict[str, Fields] = {"/api/contact": FIRST, "/api/addcontactSolo": FIRST_SOLO}
    header = headers.get(path, SECOND)
    response = machine.post(path, header, {"phone_number": "+33612345678"})
    assert response.json()["data"]["contact"][0]["result"] == "success"
    assert len(machine.held()) == 1


WRONG_HEADERS: list[tuple[str, object]] = [
    ("/api/contact", [{"login": LOGIN, "password": "x", "api": True}]),
    ("/api/contact", [{"login": "x", "password": PASSWORD, "api": True}]),
    ("/api/contact", [{"login": LOGIN, "accessKey": PASSWORD, "api": True}]),
    ("/api/contact", {"login": LOGIN, "password": PASSWORD, "api": True}),
    ("/api/contact", []),
    ("/api/contact", None),
    ("/api/contact", [7]),
    ("/api/addcontactSolo", [{"login": LOGIN, "accessKey": PASSWORD}]),
    ("/api/v1/contact", [{"login": LOGIN, "accessKey": PASSWORD}]),
    ("/api/v1/contact", {"login": LOGIN, "password": PASSWORD}),
    ("/api/v1/contact", {"login": LOGIN}),
    ("/api/v1/contact", {}),
]


@pytest.mark.parametrize(("path", "header"), WRONG_HEADERS)
def test_credentials_are_checked(machine: Machine, path: str, header: object) -> None:
    """A wrong login, password or shape of header is 401, and nothing is taken."""
    response = machine.post(path, {"header": header}, {"phone_number": "+33612345678"})
    assert response.status_code == 401
    assert machine.held() == {}
    assert PASSWORD not in response.text


def test_the_first_generation_wants_api_true(machine: Machine) -> None:
    """`api` is required, and true."""
    for header in ({"login": LOGIN, "password": PASSWORD}, {"login": LOGIN, "password": PASSWORD, "api": "true"}):
        assert machine.post("/api/contact", {"header": [header]}, {"phone_number": "+33612345678"}).status_code == 400


NO_CONTACTS: list[Fields] = [FIRST, {**FIRST, "contacts": {}}, {**FIRST, "contacts": [7]}]


@pytest.mark.parametrize(
    "content", [b"", b"nonsense", b"\xff\xfe", b"[" * 100_000, *(json.dumps(b).encode() for b in NO_CONTACTS)], ids=range(7)
)
def test_what_is_no_request_is_400(machine: Machine, content: bytes) -> None:
    """Bytes that are not JSON, or not contacts, are refused, not crashed upon."""
    assert machine.ask("POST", "/api/contact", content).status_code == 400


@pytest.mark.parametrize("content", [b"null", b"[]", b"7", b'"x"', b"{}"])
def test_json_without_a_header_is_401(machine: Machine, content: bytes) -> None:
    """Who does not say who he is, is not let in."""
    assert machine.ask("POST", "/api/contact", content).status_code == 401


def test_a_request_that_is_too_large_is_413(machine: Machine) -> None:
    """The vendor does not read for ever."""
    assert machine.ask("POST", "/api/contact", b" " * (BODY_LIMIT + 1)).status_code == 413


def test_any_text_in_a_contact_is_answered(machine: Machine) -> None:
    """Every script, line feeds, and what is no text at all."""
    contact = {"phone_number": "+33612345678", "first_name": "é\n\u0000\u202e👨", "adress": {"a": [1]}, "email": 7}
    assert machine.second(contact)[0]["result"] == "success"
    assert machine.first({**contact, "email": ""})[0]["result"] == "success"
    broken = json.dumps({**FIRST, "contacts": [{"phone_number": "+33612345678", "first_name": "\ud800"}]}).encode()
    response = machine.ask("POST", "/api/contact", broken)
    assert response.status_code == 400


def test_requests_are_listed_without_passwords(machine: Machine) -> None:
    """Path, status and number of contacts of each post, refused ones included; no password anywhere."""
    machine.first({"phone_number": "+33612345678"}, {})
    machine.post("/api/v1/contact", {"header": {"login": LOGIN, "accessKey": "wrong-" + PASSWORD}})
    response = machine.ask("GET", "/_sandbox/requests")
    assert [(entry["path"], entry["status"], entry["contacts"]) for entry in response.json()] == [
        ("/api/contact", 200, 2),
        ("/api/v1/contact", 401, 0),
    ]
    assert PASSWORD not in response.text


def test_everything_is_forgotten_on_request(machine: Machine) -> None:
    """`DELETE /_sandbox` is back to the first day."""
    machine.first({"phone_number": "+33612345678"})
    assert machine.ask("DELETE", "/_sandbox").status_code == 204
    assert machine.held() == {}
    assert machine.ask("GET", "/_sandbox/requests").json() == []


def test_other_paths_and_methods_are_not_there(machine: Machine) -> None:
    """A wrong address looks like one."""
    assert machine.ask("POST", "/api/v2/contact").status_code == 404
    assert machine.ask("GET", "/api/contact").status_code == 405


@pytest.mark.parametrize(("name", "prefix"), [("ardary", ""), ("insim-v1", "/api/v1")])
def test_what_a_dialect_asks_the_sandbox_answers(machine: Machine, name: str, prefix: str) -> None:
    """A dialect's request is understood by the sandbox, and the answer by the dialect."""
    dialect = dialects.find(name)
    sent = [
        Contact("+33612345678", "Jean", "Dupont", "1 rue X", "jean@example.com", "FR"),
        Contact("+33612345679", email="no"),
        Contact("+331"),
    ]
    response = machine.ask("POST", prefix + dialect.contacts_path, dialect.contacts_request(LOGIN, PASSWORD, sent))
    middle = Reply(Verdict.REFUSED if name == "ardary" else Verdict.WARNED, ("#004",))
    assert dialect.contacts_reply(sent, response.content) == [Reply(Verdict.ACCEPTED), middle, Reply(Verdict.REFUSED, ("#001",))]
    held = machine.held()["+33612345678"]
    assert tuple(held[field] for field in Contact._fields) == sent[0]
