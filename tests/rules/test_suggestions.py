"""Suggestions, measured as `bench/suggestions.py` measures them, and what must hold of each."""

from __future__ import annotations

import importlib.util
import random
import sys
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sync_connector.fields.email import email_address
from sync_connector.fields.phone import by_library
from sync_connector.rules import advise_invalid_email, advise_invalid_phone
from sync_connector.rules._domains import ELSEWHERE, KNOWN, PROVIDERS, REAL, SUFFIXES, is_slip, meant_domain

BENCH = Path(__file__).parent.parent.parent / "bench" / "suggestions.py"


@cache
def bench() -> ModuleType:
    """The measurement; `bench` is no package."""
    spec = importlib.util.spec_from_file_location("suggestions_bench", BENCH)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


RECALL = {
    "leading zero lost": 0.98,
    "plus lost": 0.95,
    "plus lost, seen from abroad": 0.9,
    "+00 for plus": 0.95,
    "one 0 for plus": 0.75,
    "trunk zero kept": 0.98,
    "country's prefix twice": 0.9,
    "prefix of another country": 0.4,
    "home number, address abroad": 0.4,
    "O for 0, l for 1": 0.98,
    "extension glued on": 0.4,
    "domain: letter dropped": 0.75,
    "domain: letter doubled": 0.98,
    "domain: letters swapped": 0.98,
    "domain: neighbouring key": 0.65,
    "suffix: a letter wrong": 0.7,
    "comma for dot": 0.98,
    "two dots": 0.98,
    "dot left out": 0.25,
    "blank inside": 0.98,
    "(at) for @": 0.98,
}
"""What was measured with this seed, rounded down."""


@cache
def measured() -> tuple[list[Any], list[Any]]:
    """The bench's scores on its own seed and size, and what was suggested wrongly."""
    scores, wrong = bench().measure()
    return scores, wrong


def test_suggestions_are_nearly_never_wrong() -> None:
    """Over all kinds of corruption 98 of 100 suggestions are the truth, and a half of what can be known is suggested."""
    scores, wrong = measured()
    assert sum(score.counts.total() for score in scores) >= 1_000
    together = bench().together(scores)
    assert together.counts["wrong"] == len(wrong)
    assert together.precision >= 0.98
    assert together.recall >= 0.8


@pytest.mark.parametrize("kind", RECALL)
def test_each_kind_of_corruption(kind: str) -> None:
    """Where something can be known, no suggestion of these is wrong, and so many of the spoilt values get one."""
    score = next(score for score in measured()[0] if score.kind == kind)
    assert score.counts["wrong"] == 0
    assert score.recall >= RECALL[kind]


def test_where_nothing_can_be_known_hardly_anything_is_suggested() -> None:
    """Lost, added and mixed-up digits, and letters of names that are like other names: one in a hundred at most, and none
    for a value that is not spoilt."""
    unknowable = [score for score in measured()[0] if score.kind in bench().UNKNOWABLE]
    assert len(unknowable) == len(bench().UNKNOWABLE)
    suggested = {score.kind: score.counts["right"] + score.counts["wrong"] for score in unknowable}
    assert suggested["number not spoilt"] == suggested["domain not spoilt"] == 0
    assert suggested["company's domain: letter spoilt"] == suggested["short name: letter spoilt"] == 0
    assert sum(suggested.values()) <= 0.01 * sum(score.counts.total() for score in unknowable)


def test_every_corruption_is_one() -> None:
    """The corruptor's values differ from the truth, but for those that it leaves as they are, and its truths are valid."""
    chance = random.Random(1)
    cases = [*bench().number_cases(chance, 10), *bench().address_cases(chance, 10)]
    assert len({case.kind for case in cases}) >= 30
    for case in cases:
        if case.kind not in ("number not spoilt", "domain not spoilt"):
            assert case.typed != case.truth, case
        judge = by_library(case.truth, None) if case.kind in bench().NUMBER_KINDS else email_address(case.truth).address
        assert judge == case.truth


@pytest.mark.parametrize(
    ("raw", "region", "default", "suggestion"),
    [
        ("06 12 34 87 6S", "FR", "FR", ""),
        ("O6 12 34 5l 87", "FR", "FR", "+33612345187"),
        ("+33 33 6 12 34 87 65", "FR", "FR", "+33612348765"),
        ("+0033612348765", "BE", "FR", "+33612348765"),
        ("0 33 6 12 34 87 65", "FR", "FR", "+33612348765"),
        ("32475123486", "FR", "FR", "+32475123486"),
        ("06 12 34 87 65", "BE", "FR", "+33612348765"),
        ("06 12 34 87 65", "BE", "", ""),
        ("+32 6 12 34 87 65", "FR", "FR", "+33612348765"),
        ("0612348765204", "FR", "FR", "+33612348765"),
        ("06 12 34 87 6", "FR", "FR", ""),
        ("06 12 34 87 655", "FR", "FR", ""),
        ("6.12E+08", "FR", "FR", ""),
        ("3.36123E+10", "FR", "FR", ""),
        ("0000000000", "FR", "FR", ""),
        ("06 9876 5432", "IT", "", ""),
        ("708123456", "CI", "CI", "+2250708123456"),
        ("en cours", "FR", "FR", ""),
        ("", "FR", "FR", ""),
        ("1" * 5_000, "FR", "FR", ""),
        ("06 12 34 87 65", "", "", ""),
        ("06 12 34 87 65", "ZZ", "ZZ", ""),
        ("32475123486999", "AQ", "", ""),  # Antarctica has no prefix
        ("32475123486", "TF", "FR", "+32475123486"),
    ],
)
def test_what_an_invalid_number_was_meant_to_be(raw: str, region: str, default: str, suggestion: str) -> None:
    """Each way of spoiling a number by name, and texts of which nothing can be said."""
    assert advise_invalid_phone(raw, region, default, by_library) == suggestion
    assert advise_invalid_phone(raw, region, default) == suggestion


@pytest.mark.parametrize(
    ("raw", "suggestion"),
    [
        ("jean@gmail,com", "jean@gmail.com"),
        ("jean@gmail..com", "jean@gmail.com"),
        ("jean @gmail.com", "jean@gmail.com"),
        ("jean@gm ail.com", "jean@gmail.com"),
        ("jean@gmail", "jean@gmail.com"),
        ("jean@hotmailfr", "jean@hotmail.fr"),
        ("jean@hotmail", ""),
        ("jean@gmial,com", "jean@gmail.com"),
        ("jean.dupont(at)example.org", "jean.dupont@example.org"),
        ("jean@@example.org", "jean@example.org"),
        ("jean..dupont@example.org", "jean.dupont@example.org"),
        ("jean.dupont.gmail.com", ""),
        ("jean dupont@gmail.com", ""),
        ("jean@my company.com", ""),
        ("jean@ or anna@example.org", ""),
        ("contact@", ""),
        ("@example.com", ""),
        ("n/a", ""),
        ("a@b", ""),
        ("", ""),
        ("@" * 5_000, ""),
    ],
)
def test_what_an_invalid_address_was_meant_to_be(raw: str, suggestion: str) -> None:
    """Signs that slipped are put right; what is missing is not made up."""
    assert advise_invalid_email(raw) == suggestion


@given(st.text("0123456789+ -.()/OolI|E\n", max_size=30) | st.text(max_size=300), st.sampled_from(["", "FR", "BE", "IT", "US"]))
@example("+", "FR")
@example("0", "FR")
@example("+++++++", "FR")
def test_a_suggested_number_is_valid(raw: str, region: str) -> None:
    """Whatever a cell holds, what is suggested is a number that would be sent, and it is the same every time."""
    suggestion = advise_invalid_phone(raw, region, "FR")
    assert suggestion == advise_invalid_phone(raw, region, "FR")
    if suggestion:
        assert by_library(suggestion, None) == suggestion


@given(st.text("jeanmgilco.@ ,;()<>t", max_size=30) | st.text(max_size=300) | st.emails())
def test_a_suggested_address_is_valid(raw: str) -> None:
    """Whatever a cell holds, what is suggested is an address that would be sent as it is."""
    suggestion = advise_invalid_email(raw)
    assert not suggestion or email_address(suggestion).address == suggestion


def test_known_domains_are_never_corrected() -> None:
    """Neither a provider's domain nor a real one near it; and what is meant by a slip is always one that is known, or a
    suffix that exists."""
    assert not [domain for domain in KNOWN | REAL if meant_domain(domain)]
    assert set(ELSEWHERE.values()) <= KNOWN
    assert not KNOWN & REAL
    assert not set(SUFFIXES) & {suffix for suffixes in PROVIDERS.values() for suffix in suffixes}


@given(st.sampled_from(sorted(KNOWN)), st.integers(0, 30), st.sampled_from("abcdefghijklmnopqrstuvwxyz-"))
def test_a_letter_more_gives_back_the_domain_or_nothing(domain: str, at: int, letter: str) -> None:
    """A well-known domain with a letter too many is never taken for another one."""
    name, _, suffix = domain.partition(".")
    spoilt = f"{name[: at % len(name)]}{letter}{name[at % len(name) :]}.{suffix}"
    assert meant_domain(spoilt) in ("", domain)


def test_slips_are_those_of_fingers() -> None:
    """A letter doubled, left out, swapped or of the key beside it; not any letter, and not the first."""
    for typed in ("gmial", "gmai", "gmaill", "gnail", "gmaik", "mgail", "gmal", "gma1l"):
        assert is_slip(typed, "gmail"), typed
    for typed in ("gmail", "mail", "email", "gmaze", "gmaiz", "gmaile", "gmalil0", ""):
        assert not is_slip(typed, "gmail"), typed
