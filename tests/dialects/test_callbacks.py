"""Callbacks, built and read: what the vendor said comes out, however it was wrapped; what cannot be told says so."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.dialects import _callback
from sync_connector.dialects._callback import callback_query, read_callback
from sync_connector.model import Callback, Kind

from .golden_callbacks import Golden, golden_callbacks

GOLDEN = golden_callbacks()
SAMPLES = Path(__file__).parents[2] / "sample_data" / "callbacks" / "ugly.tsv"
UNKNOWN = Callback(Kind.UNKNOWN)
UGLY = [line.split("\t") for line in SAMPLES.read_text(encoding="ascii").splitlines()[1:]]
SMS = {"title": "incoming sms", "from": "+33612345678", "message": "Ça va ? 100 % + 20 %", "date": "2026-11-20 10:01:38"}


@pytest.mark.parametrize("golden", GOLDEN, ids=[golden.name for golden in GOLDEN])
def test_a_golden_callback_says_what_the_page_says(golden: Golden) -> None:
    """Each example of the vendor's page, both generations, is read as what it says."""
    assert read_callback(golden.query) == golden.callback


@pytest.mark.parametrize("golden", GOLDEN, ids=[golden.name for golden in GOLDEN])
def test_a_golden_callback_is_built_in_its_generations_very_bytes(golden: Golden) -> None:
    """What a dialect builds equals the example, byte for byte, but for a click that is named by `clicked_link`."""
    parameter, payload = dialects.find(golden.dialect).callback(golden.callback)
    if "clicked_link" in golden.query:
        payload = {"clicked_link" if key == "title" else key: value for key, value in payload.items()}
        payload["clicked_link"] = "clicked_link"
    assert callback_query(parameter, payload, times=2 if "%257B" in golden.query else 1) == golden.query


def test_every_kind_of_every_generation_is_golden() -> None:
    """No dialect and no kind of callback is without an example."""
    wanted = {(name, kind) for name in dialects.names() for kind in Kind if kind is not Kind.UNKNOWN}
    assert {(golden.dialect, golden.callback.kind) for golden in GOLDEN} == wanted


@pytest.mark.parametrize(("name", "kind", "query"), UGLY, ids=[name for name, _, _ in UGLY])
def test_an_ugly_callback_is_read_or_unknown(name: str, kind: str, query: str) -> None:
    """The samples are what their file says they are, and of those that can be read the number is."""
    said = read_callback(query)
    assert said.kind == kind
    if kind != "unknown" and name not in ("everything null", "numbers as numbers"):
        assert said.number == "+33612345678"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a blank written as a plus", "Ça va ? 100 % + 20 % & plus 😀"),
        ("encoded twice, blanks as pluses", "Ça va ? 100 % + 20 % & plus 😀"),
        ("line feeds within a text", "Ça\nva\r\n?\t 100 % + 20 % & plus 😀"),
        ("a lone surrogate", "Ça va ? 100 % + 20 % & plus \ufffd"),
        ("NUL within a text", "Ça va ? 100 % + 20 % & plus \ufffd"),
        ("Latin-1 bytes", "\ufffda va ? 100 % + 20 % & plus"),
    ],
)
def test_of_an_ugly_callback_the_rest_of_its_text_is_kept(name: str, text: str) -> None:
    """What harms is replaced sign by sign; nothing beside it is lost."""
    (query,) = [query for sample, _, query in UGLY if sample == name]
    assert read_callback(query).text == text


def test_a_plus_is_a_plus_where_blanks_are_written_otherwise() -> None:
    """A sender that leaves + as it is (JavaScript's encodeURI) writes blanks as %20, once and twice: its pluses are kept."""
    text = json.dumps(SMS, ensure_ascii=False)
    once = quote(text, safe="+,:")
    assert "+" in once
    assert read_callback(f"message={once}").text == SMS["message"]
    assert read_callback(f"message={quote(once, safe='+,:')}").text == SMS["message"]
    assert read_callback(f"message={once}").number == SMS["from"]


def test_a_number_gets_its_plus_back() -> None:
    """A plus that nobody encoded and that became a blank is given back to a number, and to nothing else."""
    bare = 'call={"TITLE":"MISSED","PHONE_NUMBER":"+33612345678"}'
    assert read_callback(bare).number == "+33612345678"
    assert read_callback(f"call={quote_plus(quote(bare.partition('=')[2], safe='+'))}").number == "+33612345678"
    assert read_callback('message={"title":"incoming+sms","from":"+33612345678","message":"+33612345678"}').text == " 33612345678"
    assert read_callback(quote('call={"TITLE":"MISSED","PHONE_NUMBER":" 33612345678"}', safe="=")).number == " 33612345678"


@pytest.mark.parametrize("title", ["MISSED", "missed", "Missed call", "missed_call", "missedCall", " MISSED-CALL "])
def test_a_title_is_known_in_any_writing(title: str) -> None:
    """Case, blanks, underscores and hyphens of a title tell nothing; a title that is understood is not repeated."""
    said = read_callback(callback_query("x", {"title": title, "from": "+33612345678"}))
    assert said == Callback(Kind.CALL, number="+33612345678", direction="missed")


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        ({"phone_number": "1", "call_time": "2026-11-20", "duration": "5"}, Kind.CALL),
        ({"phone_number": "1", "duration": "5"}, Kind.CALL),
        ({"phone_number": "1", "link": "https://x.example/", "date": "2026-11-20"}, Kind.LINK_CLICK),
        ({"phone_number": "1", "clicked_link": "yes"}, Kind.LINK_CLICK),
        ({"from": "1", "qualification": "ok", "date": ""}, Kind.CALL_QUALIFICATION),
        ({"from": "1", "message": "ok", "date": ""}, Kind.INCOMING_SMS),
        ({"from": "1", "message": "", "link": "", "qualification": ""}, Kind.CALL_QUALIFICATION),
        ({"from": "1", "message": "ok", "link": ""}, Kind.INCOMING_SMS),
        ({"phone_number": "1", "status": "sent", "id_sms_api": "7"}, Kind.SMS_STATUS),
        ({"phone_number": "1", "status": "sent", "date_status": "2026-11-20"}, Kind.SMS_STATUS),
        ({"phone_number": "1", "status": "sent"}, Kind.UNKNOWN),
        ({"phone_number": "1", "date": "2026-11-20"}, Kind.UNKNOWN),
        ({}, Kind.UNKNOWN),
    ],
)
def test_without_a_title_the_keys_tell_the_kind(payload: dict[str, str], kind: Kind) -> None:
    """What has no title is told by its keys, first by those that are filled."""
    assert read_callback(callback_query("x", payload)).kind is kind


def test_an_unknown_title_is_kept_and_turns_no_message_round() -> None:
    """A call of an unknown sort is a call without a direction; a message of an unknown sort is not called incoming."""
    call = read_callback(callback_query("call", {"title": "VOICEMAIL", "phone_number": "1", "duration": "5"}))
    assert call == Callback(Kind.CALL, number="1", duration="5", title="VOICEMAIL")
    assert read_callback(callback_query("call", {"title": "OUTGOING", "duration": "5"})).direction == "outgoing"
    message = read_callback(callback_query("message", SMS | {"title": "outgoing sms"}))
    assert message == Callback(Kind.UNKNOWN, number=SMS["from"], when=SMS["date"], text=SMS["message"], title="outgoing sms")


def test_of_several_parameters_the_first_event_counts() -> None:
    """An object that is no event gives way to one that is, wherever they stand; of two events the first counts."""
    first, second = ({"TITLE": title, "PHONE_NUMBER": "1"} for title in ("MISSED", "OUTGOING CALL"))
    queries = [callback_query("x", {"a": "b"}), callback_query("y", first), callback_query("z", second)]
    assert read_callback("&".join(queries)).direction == "missed"
    assert read_callback("&".join(queries[::-1])).direction == "outgoing"


def test_a_strangers_long_words_are_not_remembered() -> None:
    """Keys and titles that are longer than any of the vendor's take no memory once the callback is read."""
    before = _callback._squashed.cache_info()
    for sign in "abc":
        said = read_callback(callback_query("x", {sign * 60_000: "1", "title": sign * 60_000, "call_time": "2026-03-02"}))
        assert said.kind is Kind.CALL
    after = _callback._squashed.cache_info()
    assert after.misses - before.misses <= 2  # title, call_time


def test_what_is_json_is_not_decoded_again() -> None:
    """A text that looks encoded forges no event, not even within an object of which nothing is known."""
    forged = {"note": "%22,%22title%22:%22MISSED%22,%22phone_number%22:%22%2B33612345678%22,%22x%22:%22"}
    assert read_callback(callback_query("call", forged)) == UNKNOWN
    assert read_callback(callback_query("call", forged, times=2)) == UNKNOWN


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize(
    "text",
    ["[" * 60_000, '{"a":' * 12_000, "9" * 60_000, '{"link":' + "9" * 60_000 + "}", '"' * 60_000, "[1" + ",1" * 30_000 + "]"],
)
def test_a_bomb_is_quietly_unknown(text: str, times: int) -> None:
    """Depth, length and huge numbers raise nothing; a number is the text that it is."""
    encoded = text
    for _ in range(times):
        encoded = quote(encoded, safe="")
    said = read_callback(f"call={encoded}")
    assert said == (UNKNOWN if "link" not in text else Callback(Kind.LINK_CLICK, link="9" * 60_000))


@pytest.mark.parametrize("query", ["", "&", "=", "%", "&" * 60_000, "={&" * 20_000, "%7B&" * 15_000, "{" * 60_000, "+" * 60_000])
def test_a_query_that_is_nothing_is_unknown(query: str) -> None:
    """No query is so strange that it is not simply unknown."""
    assert read_callback(query) == UNKNOWN


@settings(max_examples=300)
@given(
    st.text(st.characters(max_codepoint=0x7E, min_codepoint=0x21), max_size=60)
    | st.text(alphabet='{}[]":,&=%+7B25a', max_size=40)
)
def test_no_query_raises(query: str) -> None:
    """Whatever ASCII comes, an answer comes, and all of it can be stored."""
    for value in read_callback(query):
        value.encode("utf-8")
        assert "\0" not in value


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30) | st.sampled_from(
    [
        "😀 مرحبا",
        "100 %",
        "1+1 = 2",
        "a&b=c",
        '{"title":"MISSED"}',
        "%41%2B",
        "%257B",
        "C%C3%A9",
        "+33",
        " 33612345678",
        '"',
        "\\u0041",
        "\r\n",
    ]
)


@st.composite
def callbacks(draw: st.DrawFn) -> Callback:
    """Something that the vendor may say, in any words."""
    kind = draw(st.sampled_from([kind for kind in Kind if kind is not Kind.UNKNOWN]))
    said = Callback(kind, number=draw(TEXTS), when=draw(TEXTS))
    match kind:
        case Kind.CALL:
            return said._replace(direction=draw(st.sampled_from(["incoming", "outgoing", "missed", ""])), duration=draw(TEXTS))
        case Kind.CALL_QUALIFICATION:
            return said._replace(direction=draw(st.sampled_from(["mobile", "interface", ""])), text=draw(TEXTS))
        case Kind.SMS_STATUS:
            return said._replace(status=draw(TEXTS), id_sms_api=draw(TEXTS), login=draw(TEXTS))
        case Kind.INCOMING_SMS:
            return said._replace(text=draw(TEXTS), device=draw(TEXTS))
    return said._replace(link=draw(TEXTS), id_sms_api=draw(TEXTS))


@settings(max_examples=400)
@given(callbacks(), st.sampled_from([1, 2]))
@example(Callback(Kind.CALL), 2)
@example(Callback(Kind.SMS_STATUS), 1)
def test_what_was_built_is_read_again(said: Callback, times: int) -> None:
    """In every generation, encoded once and twice, any text comes back as it was; a device only where the generation names it."""
    for name in dialects.names():
        parameter, payload = dialects.find(name).callback(said)
        query = callback_query(parameter, payload, times=times)
        assert query.isascii()
        back = read_callback(query)
        device = said.device if "device_identification" in payload else ""
        assert back == said._replace(device=device)


@pytest.mark.parametrize("name", dialects.names())
def test_what_is_not_understood_is_not_built(name: str) -> None:
    """No generation has a callback of an unknown kind."""
    with pytest.raises(ValueError, match="unknown"):
        dialects.find(name).callback(UNKNOWN)
