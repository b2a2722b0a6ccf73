"""One suite for every generation of the API: whatever comes back, nobody is accepted who was not."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.dialects import Dialect, NotAReply, WrongCredentials
from sync_connector.errors import FixSetup
from sync_connector.model import Contact, Reply, Verdict

Entry = dict[str, object]

SENT = [Contact(f"+3361234567{n}", f"Jean{n}", "Dupont", "1 rue X", f"j{n}@example.com", "FR") for n in range(4)]
DOCUMENTED = {
    "ardary": {"phone_number", "first_name", "last_name", "adress", "email", "country_code"},
    "insim-v1": {"phone_number", "firstname", "lastname", "adress", "email", "country_code"},
}
HEADERS: dict[str, object] = {
    "ardary": [{"login": "me@x.fr", "password": "s3cret", "api": True}],
    "insim-v1": {"login": "me@x.fr", "accessKey": "s3cret"},
}
UNKNOWN = Reply(Verdict.UNKNOWN)
ACCEPTED = Reply(Verdict.ACCEPTED)


@pytest.fixture(params=dialects.names())
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each dialect there is."""
    return dialects.find(request.param)


def _number_key(dialect: Dialect, result: str = "success") -> str:
    return "phonenumber" if dialect.name == "insim-v1" and result == "success" else "phone_number"


def _entry(dialect: Dialect, contact: Contact, result: str = "success", errors: object = None) -> Entry:
    entry: Entry = {_number_key(dialect, result): contact.phone_number, "email": contact.email, "result": result}
    return entry if errors is None else {**entry, "errors": errors}


def _body(entries: object) -> bytes:
    return json.dumps({"data": {"contact": entries}}).encode()


def _all(dialect: Dialect) -> list[Entry]:
    return [_entry(dialect, contact) for contact in SENT]


def test_a_dialect_is_found_by_its_name(dialect: Dialect) -> None:
    """A dialect's file, its name in the settings and its own name are one; it says where its vendor is."""
    assert dialects.find(dialect.name) is dialect
    assert dialect.base_url.startswith("https://")
    assert dialect.contacts_path.startswith("/")


def test_an_unknown_dialect_is_a_sentence() -> None:
    """A name that does not exist is answered with those that do."""
    with pytest.raises(FixSetup, match=r"ardary, insim-v1"):
        dialects.find("soap")


def test_a_request_is_json_of_the_documented_shape(dialect: Dialect) -> None:
    """The header has the documented shape, and a contact only documented fields, all of them text."""
    body = json.loads(dialect.contacts_request("me@x.fr", "s3cret", SENT))
    assert set(body) == {"header", "contacts"}
    assert body["header"] == HEADERS[dialect.name]
    assert [contact["phone_number"] for contact in body["contacts"]] == [contact.phone_number for contact in SENT]
    for contact in body["contacts"]:
        assert set(contact) == DOCUMENTED[dialect.name]
        assert all(isinstance(value, str) for value in contact.values())


@given(st.builds(Contact, *[st.text(st.characters(exclude_categories=["Cs"]), max_size=10)] * 6))
def test_a_request_carries_any_text_unharmed(contact: Contact) -> None:
    """Quotes, line feeds and every script arrive as they were."""
    for name in dialects.names():
        (sent,) = json.loads(dialects.find(name).contacts_request("u", "p", [contact]))["contacts"]
        assert sent["adress"] == contact.adress
        assert sent["email"] == contact.email
        assert sent.get("first_name", sent.get("firstname")) == contact.first_name


def test_all_accepted(dialect: Dialect) -> None:
    """Each contact's own success accepts it."""
    assert dialect.contacts_reply(SENT, _body(_all(dialect))) == [ACCEPTED] * 4


def test_warned_and_refused(dialect: Dialect) -> None:
    """`result` decides; codes on a success are warnings."""
    entries = [
        _entry(dialect, SENT[0], "success", ["#004"]),
        _entry(dialect, SENT[1], "failed", ["#001", "#004"]),
        _entry(dialect, SENT[2], "success", []),
        _entry(dialect, SENT[3], "success", "#004"),
    ]
    assert dialect.contacts_reply(SENT, _body(entries)) == [
        Reply(Verdict.WARNED, ("#004",)),
        Reply(Verdict.REFUSED, ("#001", "#004")),
        ACCEPTED,
        Reply(Verdict.WARNED, ("#004",)),
    ]


def test_reordered_entries_are_matched_by_number(dialect: Dialect) -> None:
    """Another order costs nothing as long as the numbers match one to one."""
    entries = _all(dialect)
    entries[0]["result"] = "failed"
    replies = dialect.contacts_reply(SENT, _body(entries[::-1]))
    assert replies == [Reply(Verdict.REFUSED), ACCEPTED, ACCEPTED, ACCEPTED]


@pytest.mark.parametrize("key", ["phone_number", "phonenumber"])
def test_either_spelling_of_the_number_is_read(dialect: Dialect, key: str) -> None:
    """Both spellings of the key are understood in both generations, with or without the plus sign."""
    entries = [{key: SENT[0].phone_number, "result": "success"}, {key: SENT[1].phone_number[1:], "result": "success"}]
    entries += [{key: int(SENT[2].phone_number), "result": "success"}]  # type: ignore[dict-item]  # a number as a number
    assert dialect.contacts_reply(SENT[:3], _body(entries)) == [ACCEPTED] * 3


def _missing(entries: list[Entry]) -> None:
    del entries[1]


def _repeated(entries: list[Entry]) -> None:
    entries.append(dict(entries[1]))


def _contradicted(entries: list[Entry]) -> None:
    entries[1] = {**entries[1], "result": "failed"}
    entries.append({**entries[1], "result": "success"})


def _renumbered(entries: list[Entry]) -> None:
    for key in ("phone_number", "phonenumber"):
        if key in entries[1]:
            entries[1][key] = "+33700000000"


def _numberless(entries: list[Entry]) -> None:
    entries[1] = {"result": "success"}


def _two_numbers(entries: list[Entry]) -> None:
    entries[1] = {"phone_number": SENT[1].phone_number, "phonenumber": "+33700000000", "result": "success"}


def _of_another(entries: list[Entry]) -> None:
    entries[1] = dict(entries[2])


def _odd_result(entries: list[Entry]) -> None:
    entries[1]["result"] = True


def _no_result(entries: list[Entry]) -> None:
    del entries[1]["result"]


def _not_an_object(entries: list[Entry]) -> None:
    entries[1] = "success"  # type: ignore[call-overload]


def _null(entries: list[Entry]) -> None:
    entries[1] = None  # type: ignore[call-overload]


def _number_as_list(entries: list[Entry]) -> None:
    entries[1] = {"phone_number": [SENT[1].phone_number], "result": "success"}


DAMAGES: list[Callable[[list[Entry]], None]] = [
    _missing, _repeated, _contradicted, _renumbered, _numberless, _two_numbers, _of_another, _odd_result, _no_result,
    _not_an_object, _null, _number_as_list,
]  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_entry_leaves_its_contact_unknown(dialect: Dialect, damage: Callable[[list[Entry]], None]) -> None:
    """A contact that no single entry speaks of is unknown, and its neighbours keep their verdicts."""
    entries = _all(dialect)
    damage(entries)
    replies = dialect.contacts_reply(SENT, _body(entries))
    assert replies[1] == UNKNOWN
    assert replies[0] == ACCEPTED
    assert replies[3] == ACCEPTED
    assert replies[2] == (UNKNOWN if damage is _of_another else ACCEPTED)


def test_a_surplus_entry_costs_nobody_else(dialect: Dialect) -> None:
    """An entry of a contact that was not sent is nobody's."""
    entries = [{**_all(dialect)[0], _number_key(dialect): "+33700000000"}, *_all(dialect)]
    assert dialect.contacts_reply(SENT, _body(entries)) == [ACCEPTED] * 4


def test_one_number_sent_twice_is_never_accepted(dialect: Dialect) -> None:
    """Two contacts with one number cannot be told apart in a reply."""
    sent = [SENT[0], SENT[0]]
    entry = _entry(dialect, SENT[0])
    assert dialect.contacts_reply(sent, _body([entry])) == [UNKNOWN] * 2
    assert dialect.contacts_reply(sent, _body([entry, entry])) == [UNKNOWN] * 2


NO_REPLIES: list[tuple[bytes, str]] = [
    (b"", "empty"),
    (b" \n", "empty"),
    (b"<!DOCTYPE html><html><body>Maintenance</body></html>", "HTML"),
    (b"\n<html><title>502</title></html>", "HTML"),
    (b'{"data": {"contact": [{"phone_number": "+3361', "cut short"),
    (b'<br />\n<b>Warning</b>: mysqli_connect() in /var/www/api/login.php<br />{"data": {"contact": []}}', "JSON"),
    (b'Warning: Undefined index\n{"data": {"contact": []}}', "JSON"),
    (b'{"data": {"contact": []}}{"data": {"contact": []}}', "JSON"),
    (b"null", "data.contact"),
    (b"[]", "data.contact"),
    (b'"success"', "data.contact"),
    (b'{"result": "success"}', "data.contact"),
    (b'{"data": []}', "data.contact"),
    (b'{"data": {"contact": {"result": "success"}}}', "data.contact"),
    (b'{"data": {"contacts": []}}', "data.contact"),
    (b'{"error": "internal error"}', "data.contact"),
    (b"\xff\xfe\x00", "JSON"),
    (b"[" * 100_000, "JSON"),
]


@pytest.mark.parametrize(("body", "what"), NO_REPLIES, ids=range(len(NO_REPLIES)))
def test_what_is_not_a_reply_is_said(dialect: Dialect, body: bytes, what: str) -> None:
    """Anything but the documented shape is `NotAReply`, and says in a few words what came instead."""
    with pytest.raises(NotAReply, match=what):
        dialect.contacts_reply(SENT, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "Wrong login or password"}',
        b'{"result": "failed", "message": "Invalid credentials"}',
        b'{"erreur": "Identifiant ou mot de passe incorrect"}',
        b'{"message": "access key not found"}',
        b'{"error": "Unauthorized"}',
        b'[{"error": "unknown user"}]',
        b'"Authentication failed"',
        b'{"data": {"contact": []}, "error": "wrong password"}',
        b'{"data": {"contact": [{"error": "wrong login"}]}}',
        b'{"data": {"contact": null}, "error": "account suspended"}',
    ],
)
def test_a_body_that_says_the_login_is_wrong(dialect: Dialect, body: bytes) -> None:
    """A wrong login is recognized in words, whatever the status."""
    with pytest.raises(WrongCredentials):
        dialect.contacts_reply(SENT, body)


def test_a_contact_whose_name_sounds_like_a_fault_is_no_wrong_login(dialect: Dialect) -> None:
    """What contacts are called does not decide about the login."""
    entries = [{**entry, "last_name": "Invalid Login, wrong password"} for entry in _all(dialect)]
    assert dialect.contacts_reply(SENT, _body(entries)) == [ACCEPTED] * 4


def test_codes_are_bounded(dialect: Dialect) -> None:
    """A vendor gone mad does not fill the ledger with its codes."""
    entry = _entry(dialect, SENT[0], "failed", ["x" * 1_000] * 1_000 + [7, None])
    (reply,) = dialect.contacts_reply(SENT[:1], _body([entry]))
    assert reply.verdict is Verdict.REFUSED
    assert len(reply.codes) <= 16
    assert max(map(len, reply.codes)) <= 32


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=5), st.just("success"), st.just("failed"), st.builds(list),
    st.builds(dict),
    st.sampled_from([contact.phone_number for contact in SENT]), st.sampled_from([contact.phone_number[1:] for contact in SENT]),
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, list[object]]:
    """A dialect and a reply of it, after some random accidents."""
    name = draw(st.sampled_from(dialects.names()))
    entries: list[object] = copy.deepcopy(list(_all(dialects.find(name))))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, max(0, len(entries) - 1)))
        accident = draw(st.sampled_from(["drop", "repeat", "swap", "change", "replace", "insert"]))
        if accident == "insert" or not entries:
            entries.insert(at, draw(VALUES))
        elif accident == "drop":
            del entries[at]
        elif accident == "repeat":
            entries.insert(draw(st.integers(0, len(entries))), copy.deepcopy(entries[at]))
        elif accident == "swap":
            other = draw(st.integers(0, len(entries) - 1))
            entries[at], entries[other] = entries[other], entries[at]
        elif accident == "replace":
            entries[at] = draw(VALUES)
        elif isinstance(entry := entries[at], dict):
            entry[draw(st.sampled_from(["phone_number", "phonenumber", "result", "errors"]))] = draw(VALUES)
    return name, entries


def _speaks_of(entry: object, contact: Contact) -> bool:
    if not isinstance(entry, dict):
        return False
    said = [str(entry[key]) for key in ("phone_number", "phonenumber") if isinstance(entry.get(key), str | int)]
    return any("".join(c for c in text if c.isdigit()) == contact.phone_number[1:] for text in said)


@settings(max_examples=500, deadline=None)
@given(mutated())
def test_nobody_is_accepted_but_by_a_single_entry_that_says_success(case: tuple[str, list[object]]) -> None:
    """After any accident, an accepted contact has exactly one entry with its number, and that says `success`."""
    name, entries = case
    replies = dialects.find(name).contacts_reply(SENT, _body(entries))
    assert len(replies) == len(SENT)
    for contact, reply in zip(SENT, replies, strict=True):
        own = [entry for entry in entries if _speaks_of(entry, contact)]
        if reply.verdict in (Verdict.ACCEPTED, Verdict.WARNED):
            assert len([entry for entry in own if isinstance(entry, dict)]) == 1
            assert isinstance(own[0], dict)
            assert own[0]["result"] == "success"


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(dialects.names()), st.integers(0, 400), st.integers(0, 400), st.binary(max_size=3))
def test_damaged_bytes_never_accept_more(name: str, start: int, length: int, instead: bytes) -> None:
    """A reply in which bytes were lost or changed raises one of the two faults, or accepts at most what it did."""
    dialect = dialects.find(name)
    entries = _all(dialect)
    entries[1]["result"] = "failed"
    body = _body(entries)
    try:
        replies = dialect.contacts_reply(SENT, body[:start] + instead + body[start + length :])
    except (NotAReply, WrongCredentials):
        return
    assert len(replies) == len(SENT)
    assert replies[1].verdict not in (Verdict.ACCEPTED, Verdict.WARNED) or b"success" in body[start + length :]
