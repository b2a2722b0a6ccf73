"""What is a STOP, and what only has the word in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.events.stop import KEYWORDS, LONGEST, TARGETS_AND_COURTESY, is_stop

STOPS = [
    "STOP", "stop", "Stop.", "STOP!", "«STOP»", ".stop", ">STOP", "  stop\n", "stop sms", "STOP au 36111", "Stop merci",
    "stop svp", "STOP s'il vous plaît", "arrêt sms", "ARRET", "arrêter la pub", "Arrêtez les envois", "StopPub", "STOPSMS",
    "unsubscribe please", "Désabonner", "DÉSINSCRIPTION MERCI", "stop to all", "stop stop stop", "ＳＴＯＰ", "st\u200bop",
    "s\u0301top", "STOP 😡", "\ufeffSTOP", "STOP\r\nmerci", "STOP\n> Bonjour, nos promotions de mai", "STOP\n> " + "x" * 5_000,
]  # fmt: skip
OTHERS = [
    "", "   ", "!", "Stop by at 5pm", "Arrêt de bus à 8h ?", "stop or go?", "S T O P", "S.T.O.P", "stopover", "non stop",
    "Bonjour", "ne pas arrêter", "12345", "STOP 12", "STOP 1234567", "je veux un stop", "> STOP\nquel stop ?",
    "STOP\nmais appelez-moi demain", "stop " * 41, "STOP" + " merci\n" * 40, "\u200b",
]  # fmt: skip


@pytest.mark.parametrize("text", STOPS)
def test_who_wants_no_more_is_understood(text: str) -> None:
    """However it is typed, with courtesy, a service's number or a quotation behind it."""
    assert is_stop(text)


@pytest.mark.parametrize("text", OTHERS)
def test_who_merely_uses_the_word_is_not_silenced(text: str) -> None:
    """A stop of the bus, a question, letters one by one, a long text: none of them opts out."""
    assert not is_stop(text)


@given(st.sampled_from(sorted(KEYWORDS)), st.data())
def test_case_accents_and_signs_never_change_a_stop(keyword: str, data: st.DataObject) -> None:
    """A keyword stays one in any case, with any accents and invisible signs, between any punctuation."""
    accents = st.sampled_from(["", "", "\u0301", "\u0302", "\u200b", "\u00ad", "\ufe0f"])
    typed = "".join(data.draw(st.sampled_from([c, c.upper(), chr(ord(c) + 0xFEE0)])) + data.draw(accents) for c in keyword)
    around = st.text(" .,;:!?«»\"'()*_-–…\t😡\u200d", max_size=5)
    assert is_stop(data.draw(around) + typed + data.draw(around))


@given(st.lists(st.sampled_from(sorted(TARGETS_AND_COURTESY)), max_size=5), st.from_regex(r"[b-y]{6,9}z", fullmatch=True))
def test_one_word_that_says_something_else_makes_it_no_stop(words: list[str], other: str) -> None:
    """Courtesy and targets leave a STOP one; any other word does not."""
    assert is_stop(" ".join(["stop", *words]))
    assert not is_stop(" ".join(["stop", *words, other]))


@given(st.text(max_size=300))
def test_any_text_has_an_answer(text: str) -> None:
    """Whatever came, it is judged, the same again, and a text that begins with no keyword is never a STOP."""
    assert is_stop(text) is is_stop(text)
    assert not is_stop("z" + text)


def test_a_text_of_any_size_is_judged_by_its_beginning() -> None:
    """What is longer than a STOP may be is none, and is not read to its end."""
    assert is_stop("stop" + " " * 5_000_000)
    assert not is_stop("stop " * 1_000_000)
    assert not is_stop("stop" + " sms" * LONGEST)
