"""One suite for every generation's messages and calls: whatever comes back, no message is called sent that the vendor did not
call so itself."""

from __future__ import annotations

import contextlib
import copy
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.dialects import Dialect, NotAReply, WrongCredentials
from sync_connector.model import LINK, CallReply, Manner, Message, MessageReply, Mode, Priority, Verdict

Entry = dict[str, Any]

# Two of them go to one number: only the id tells them apart.
SENT = [Message(f"id-{n}", f"+3361234567{min(n, 3)}", f"Hello {n}") for n in range(5)]
NORMALLY = Manner()
UNKNOWN = MessageReply(Verdict.UNKNOWN)
ACCEPTED = MessageReply(Verdict.ACCEPTED, 1)
PLACEHOLDERS = {"ardary": "[Link]", "insim-v1": "[Lien_Tracking]"}


@pytest.fixture(params=dialects.names())
def dialect(request: pytest.FixtureRequest) -> Dialect:
    """Each dialect there is."""
    return dialects.find(request.param)


def _entry(message: Message, sent: object = 1) -> Entry:
    return {
        "id_sms_api": message.id_sms_api, "sms_per_message": 1, "user": "me@x.fr", "sent_time": "2026-11-20T10:00:00Z",
        "phone_number": message.phone_number, "message": message.text, "sent": sent,
    }  # fmt: skip


def _all() -> list[Entry]:
    return [_entry(message) for message in SENT]


def _body(entries: object) -> bytes:
    return json.dumps(entries).encode()


def _request(dialect: Dialect, *messages: Message, manner: Manner = NORMALLY) -> Any:
    return json.loads(dialect.messages_request("me@x.fr", "s3cret", messages, manner))


# --- what is asked -------------------------------------------------------------------------------------------------------


def test_the_paths_are_paths_and_a_call_is_asked_where_there_is_one(dialect: Dialect) -> None:
    """A generation without click-to-call has no path for it, cannot build a request, and takes nothing for an answer."""
    assert dialect.messages_path.startswith("/")
    if dialect.call_path:
        assert dialect.call_path.startswith("/")
        assert "s3cret" in dialect.call_request("me@x.fr", "s3cret", "+33612345678").decode()
        return
    with pytest.raises(ValueError, match="click-to-call"):
        dialect.call_request("me@x.fr", "s3cret", "+33612345678")
    with pytest.raises(NotAReply, match="click-to-call"):
        dialect.call_reply(b'[{"result": "success", "info": "", "errors": []}]')


def test_the_link_stands_at_the_generations_own_placeholder(dialect: Dialect) -> None:
    """Each place of the link is rewritten where there is a link; a text without one is left as it is."""
    text = f"here {LINK}, or {LINK}"
    linked, plain = _request(dialect, SENT[0]._replace(text=text, url="https://x.example/"), SENT[1]._replace(text=text))[
        "messages"
    ]
    assert linked["message"] == text.replace("[Link]", PLACEHOLDERS[dialect.name])
    assert (plain["message"], "url" in plain) == (text, False)


def test_a_rehearsal_is_asked_as_one_or_not_at_all(dialect: Dialect) -> None:
    """Where the generation has no test mode, a rehearsal builds no request: it would be sent."""
    if dialect.has_test_mode:
        assert _request(dialect, SENT[0], manner=Manner(Mode.TEST))["header"][0]["mode"] == "test"
        return
    with pytest.raises(ValueError, match="test mode"):
        dialect.messages_request("me@x.fr", "s3cret", SENT, Manner(Mode.TEST))


def test_what_is_blank_is_left_out(dialect: Dialect) -> None:
    """No field of a request is blank; of a message that has only what it needs, only that is sent."""
    body = _request(dialect, SENT[0])
    header = body["header"][0] if isinstance(body["header"], list) else body["header"]
    (message,) = body["messages"]
    assert set(header) <= {"login", "accesskey", "accessKey", "priority", "mode"}
    assert set(message) <= {"id_sms_api", "phone_number", "message", "priorite"}
    assert "" not in [*header.values(), *message.values()]


@pytest.mark.parametrize("priority", Priority)
def test_a_priority_is_said_as_a_number(dialect: Dialect, priority: Priority) -> None:
    """On the header or on each message, once."""
    body = _request(dialect, *SENT, manner=Manner(priority=priority))
    said = [message.get("priorite") for message in body["messages"]]
    if dialect.name == "ardary":
        assert (body["header"][0]["priority"], set(said)) == (priority, {None})
    else:
        assert ("priority" in body["header"], set(said)) == (False, {priority})


@given(*[st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)] * 2)
def test_a_request_carries_any_text_unharmed(text: str, url: str) -> None:
    """Every script and sign arrives as it was."""
    for name in dialects.names():
        (sent,) = _request(dialects.find(name), SENT[0]._replace(text=text, url=url))["messages"]
        assert (sent["message"].replace(PLACEHOLDERS[name], LINK), sent["url"]) == (text, url)


# --- what is answered ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "verdict"),
    [
        (1, Verdict.ACCEPTED), (True, Verdict.ACCEPTED), ("1", Verdict.ACCEPTED),
        (0, Verdict.REFUSED), (False, Verdict.REFUSED), ("0", Verdict.REFUSED),
        (2, Verdict.UNKNOWN), (-1, Verdict.UNKNOWN), (1.0, Verdict.UNKNOWN), (0.0, Verdict.UNKNOWN), ("", Verdict.UNKNOWN),
        (" 1", Verdict.UNKNOWN), ("yes", Verdict.UNKNOWN), (None, Verdict.UNKNOWN), ([1], Verdict.UNKNOWN), ({}, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_sent_decides(dialect: Dialect, sent: object, verdict: Verdict) -> None:
    """A one accepts, a zero refuses, and anything else leaves the message unknown."""
    assert dialect.messages_reply(SENT[:1], _body([_entry(SENT[0], sent)]))[0].verdict is verdict


@pytest.mark.parametrize(
    ("said", "parts"),
    [(1, 1), (255, 255), ("3", 3), (0, None), (256, None), (-1, None), ("", None), ("x", None), ("٣", None), (2.0, None),
     (True, None), (None, None), ([1], None), ("9" * 5_000, None)],
)  # fmt: skip
def test_parts_are_a_small_number_or_nothing(dialect: Dialect, said: object, parts: int | None) -> None:
    """Into how many SMS a message was cut is kept where it can be true; the verdict does not hang on it."""
    entry = {**_entry(SENT[0]), "sms_per_message": said}
    assert dialect.messages_reply(SENT[:1], _body([entry])) == [MessageReply(Verdict.ACCEPTED, parts)]


def test_entries_are_matched_by_our_id_in_any_order(dialect: Dialect) -> None:
    """The id decides, two messages to one number included; numbers may be written without their plus, and ids as numbers."""
    entries = [{**entry, "phone_number": entry["phone_number"][1:], "sent": n != 3} for n, entry in enumerate(_all())]
    assert [reply.verdict for reply in dialect.messages_reply(SENT, _body(entries[::-1]))] == [
        *[Verdict.ACCEPTED] * 3,
        Verdict.REFUSED,
        Verdict.ACCEPTED,
    ]
    numbered = [SENT[0]._replace(id_sms_api="41"), SENT[1]._replace(id_sms_api="42")]
    entries = [{**_entry(numbered[1], 0), "id_sms_api": 42}, {**_entry(numbered[0]), "id_sms_api": 41}]
    assert [reply.verdict for reply in dialect.messages_reply(numbered, _body(entries))] == [Verdict.ACCEPTED, Verdict.REFUSED]


def test_without_ids_position_and_number_must_agree_for_all(dialect: Dialect) -> None:
    """Entries that name no message are trusted in their own order only, and never where two went to one number."""
    nameless = [{key: value for key, value in entry.items() if key != "id_sms_api"} for entry in _all()]
    assert dialect.messages_reply(SENT[:4], _body(nameless[:4])) == [ACCEPTED] * 4
    blank = [{**nameless[0], "id_sms_api": ""}, {**nameless[1], "id_sms_api": None}, _entry(SENT[2])]
    assert dialect.messages_reply(SENT[:3], _body(blank)) == [ACCEPTED] * 3
    assert dialect.messages_reply(SENT[:4], _body(nameless[3::-1])) == [UNKNOWN] * 4
    assert dialect.messages_reply(SENT[:4], _body(nameless[:3])) == [UNKNOWN] * 4
    assert dialect.messages_reply(SENT[3:], _body(nameless[3:])) == [UNKNOWN] * 2


def test_an_entry_that_may_mean_a_message_spoils_it(dialect: Dialect) -> None:
    """Beside its own entry another, nameless one with its number: nobody knows which is true."""
    nameless = {"phone_number": SENT[0].phone_number, "sent": 0}
    assert dialect.messages_reply(SENT[:2], _body([*_all()[:2], nameless])) == [UNKNOWN, ACCEPTED]


@pytest.mark.parametrize(
    "damage",
    [
        lambda entries: entries.pop(1),
        lambda entries: entries.append(dict(entries[1])),
        lambda entries: entries.append({**entries[1], "sent": 0}),
        lambda entries: entries[1].update(id_sms_api="another's"),
        lambda entries: entries[1].update(id_sms_api=[SENT[1].id_sms_api]),
        lambda entries: entries[1].update(id_sms_api=True),
        lambda entries: entries[1].update(phone_number="+33700000000"),
        lambda entries: entries[1].update(phonenumber="+33700000000"),
        lambda entries: entries[1].update(sent="sent"),
        lambda entries: entries[1].pop("sent"),
        lambda entries: entries.__setitem__(1, None),
        lambda entries: entries.__setitem__(1, [dict(entries[1])]),
        lambda entries: entries.__setitem__(1, SENT[1].id_sms_api),
    ],
    ids=range(13),
)
def test_a_damaged_entry_leaves_its_message_unknown(dialect: Dialect, damage: Any) -> None:
    """A message of which no single entry speaks is unknown, and its neighbours keep their verdicts."""
    entries = _all()
    damage(entries)
    assert dialect.messages_reply(SENT, _body(entries)) == [ACCEPTED, UNKNOWN, ACCEPTED, ACCEPTED, ACCEPTED]


def test_two_messages_of_one_id_are_never_accepted(dialect: Dialect) -> None:
    """It cannot be told which of them was sent."""
    sent = [SENT[0], SENT[1]._replace(id_sms_api=SENT[0].id_sms_api)]
    assert dialect.messages_reply(sent, _body([_entry(message) for message in sent])) == [UNKNOWN] * 2


@pytest.mark.parametrize(
    ("body", "what"),
    [
        (b"", "empty"), (b"<html>502</html>", "HTML"), (b'[{"id_sms_api": "id-0", "se', "cut short"), (b"null", "no list"),
        (b"{}", "no list"), (b'{"data": [{"id_sms_api": "id-0", "sent": 1}]}', "no list"), (b'"sent"', "no list"),
        (b'<b>Warning</b>: x in y.php<br />[{"id_sms_api": "id-0", "sent": 1}]', "JSON"), (b"[" * 100_000, "JSON"),
        (b'{"data": [{"id_sms_api": "id-0", "message": "your login is wrong", "sent": 1}]}', "no list"),
    ],
    ids=range(10),
)  # fmt: skip
def test_what_is_no_answer_about_messages_is_said(dialect: Dialect, body: bytes, what: str) -> None:
    """Anything but a list is `NotAReply`; what a message's own text says is never taken for the vendor's word."""
    with pytest.raises(NotAReply, match=what):
        dialect.messages_reply(SENT, body)


@pytest.mark.parametrize(
    "body",
    [
        b'{"error": "Wrong login or access key"}', b'[{"error": "access key not found"}]', b'"Unauthorized"',
        b'[{"result": "failed", "info": "Identifiant incorrect", "errors": []}]', b'["invalid accessKey"]',
    ],
)  # fmt: skip
def test_a_body_that_says_the_key_is_wrong(dialect: Dialect, body: bytes) -> None:
    """A wrong login is recognized in words, of messages and of calls."""
    with pytest.raises(WrongCredentials):
        dialect.messages_reply(SENT, body)
    if dialect.call_path:
        with pytest.raises(WrongCredentials):
            dialect.call_reply(body)


def test_a_message_that_sounds_like_a_fault_is_no_wrong_login(dialect: Dialect) -> None:
    """What we wrote comes back in the answer, and does not decide about the login."""
    entries = [{**entry, "message": "Invalid login: wrong password"} for entry in _all()]
    assert dialect.messages_reply(SENT, _body(entries)) == [ACCEPTED] * 5
    for entry in entries:
        del entry["sent"]
    assert dialect.messages_reply(SENT, _body(entries)) == [UNKNOWN] * 5


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(-1, 2), st.text(max_size=5), st.sampled_from(["0", "1", 1.0, 0.0]), st.builds(list),
    st.builds(dict), st.sampled_from([message.id_sms_api for message in SENT]),
    st.sampled_from([message.phone_number for message in SENT]), st.sampled_from([message.phone_number[1:] for message in SENT]),
)  # fmt: skip


@st.composite
def accidents(draw: st.DrawFn) -> list[Any]:
    """An answer to `SENT` in which some were refused, after some random accidents."""
    entries: list[Any] = [_entry(message, draw(st.sampled_from([1, 1, 1, 0]))) for message in SENT]
    if draw(st.booleans()):
        for entry in entries:
            del entry["id_sms_api"]
    for _ in range(draw(st.integers(0, 5))):
        at = draw(st.integers(0, max(0, len(entries) - 1)))
        accident = draw(st.sampled_from(["drop", "repeat", "shuffle", "change", "replace", "insert", "unnamed"]))
        if accident == "insert" or not entries:
            entries.insert(at, draw(VALUES))
        elif accident == "drop":
            del entries[at]
        elif accident == "repeat":
            entries.insert(draw(st.integers(0, len(entries))), copy.deepcopy(entries[at]))
        elif accident == "shuffle":
            entries = draw(st.permutations(entries))
        elif accident == "replace":
            entries[at] = draw(VALUES)
        elif isinstance(entry := entries[at], dict):
            if accident == "unnamed":
                entry.pop("id_sms_api", None)
            else:
                entry[draw(st.sampled_from(["id_sms_api", "phone_number", "sent"]))] = draw(VALUES)
    return list(entries)


def _may_speak_of(entry: Any, message: Message) -> bool:
    """Whether an entry has its id, or no id and its number."""
    if not isinstance(entry, dict):
        return False
    if (identity := entry.get("id_sms_api")) not in (None, ""):
        return str(identity) == message.id_sms_api
    number = entry.get("phone_number")
    return "".join(c for c in str(number) if c.isdigit()) == message.phone_number[1:] and not isinstance(number, bool | list)


@settings(max_examples=600)
@given(accidents())
@example([{"phone_number": SENT[3].phone_number, "sent": 1}, {"phone_number": SENT[4].phone_number, "sent": 0}])
def test_nothing_is_accepted_but_by_its_own_single_entry(entries: list[Any]) -> None:
    """After any accident: of an accepted message exactly one entry may speak, and that says 1; a refused one's says 0."""
    for name in dialects.names():
        try:
            replies = dialects.find(name).messages_reply(SENT, _body(entries))
        except (NotAReply, WrongCredentials):
            continue
        assert len(replies) == len(SENT)
        for message, reply in zip(SENT, replies, strict=True):
            own = [entry for entry in entries if _may_speak_of(entry, message)]
            if reply.verdict is not Verdict.UNKNOWN:
                assert len(own) == 1
                assert own[0]["sent"] in ((1, "1") if reply.verdict is Verdict.ACCEPTED else (0, "0"))


@settings(max_examples=300)
@given(st.permutations(range(5)), st.lists(st.sampled_from([0, 1]), min_size=5, max_size=5), st.integers(0, 5))
def test_order_and_gaps_change_no_verdict(order: list[int], sent: list[int], kept: int) -> None:
    """With ids, each entry gives its own message its verdict, wherever it stands and whoever else is missing."""
    entries = [_entry(SENT[n], sent[n]) for n in order][:kept]
    wanted = [MessageReply((Verdict.REFUSED, Verdict.ACCEPTED)[sent[n]], 1) if n in order[:kept] else UNKNOWN for n in range(5)]
    for name in dialects.names():
        assert dialects.find(name).messages_reply(SENT, _body(entries)) == wanted


@settings(max_examples=400)
@given(st.binary(max_size=60) | st.text(alphabet='[]{}",:01 sentidrulpho_+3', max_size=60).map(str.encode))
def test_any_bytes_are_read_or_no_answer(body: bytes) -> None:
    """Of arbitrary bytes only the two faults are raised, and nothing is accepted."""
    for name in dialects.names():
        dialect = dialects.find(name)
        with contextlib.suppress(NotAReply, WrongCredentials):
            assert dialect.messages_reply(SENT, body) == [UNKNOWN] * 5
        with contextlib.suppress(NotAReply, WrongCredentials):
            assert dialect.call_reply(body).verdict is Verdict.UNKNOWN


# --- click-to-call -------------------------------------------------------------------------------------------------------

INSIM = dialects.find("insim-v1")


@pytest.mark.parametrize(
    ("entry", "reply"),
    [
        ({"result": "success"}, CallReply(Verdict.ACCEPTED)),
        ({"result": "success", "info": 7, "errors": None}, CallReply(Verdict.ACCEPTED)),
        ({"result": "failed", "info": "a\n b", "errors": "#001"}, CallReply(Verdict.REFUSED, ("#001",), "a b")),
        ({"result": "failed", "info": "bad login", "errors": ["#002"]}, CallReply(Verdict.REFUSED, ("#002",), "bad login")),
        ({"result": "failed", "info": "x" * 900, "errors": ["y" * 99] * 99},
         CallReply(Verdict.REFUSED, ("y" * 32,) * 16, "x" * 200)),
        ({"result": True, "info": "?", "errors": []}, CallReply(Verdict.UNKNOWN, (), "?")),
        ({"result": [], "errors": [7, ""]}, CallReply(Verdict.UNKNOWN)),
    ],
)  # fmt: skip
def test_a_calls_one_entry_is_read(entry: Entry, reply: CallReply) -> None:
    """`result` decides; what else it says is bounded, and kept on one line."""
    assert INSIM.call_reply(_body([entry])) == reply


@pytest.mark.parametrize(
    "said", [[], {}, None, {"result": "success"}, [{}], [7], [{"result": "success"}] * 2, {"data": [{"result": "success"}]}]
)
def test_what_is_no_answer_to_a_call_is_said(said: object) -> None:
    """One entry, in a list, with a result: nothing else is an answer."""
    with pytest.raises(NotAReply, match="no answer to a call"):
        INSIM.call_reply(_body(said))
