"""Every rule's own table of examples, and what the catalogue promises of every code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.fields.email import email_address
from sync_connector.model import Severity
from sync_connector.rules import CATALOGUE, RULES, SEVERITIES, chosen, judge
from sync_connector.rules.rule import Cell, Example, Rule, Seen

PACKAGE = Path(__file__).parent.parent.parent / "sync_connector"
TABLE = [
    pytest.param(rule, example, id=f"{rule.code}-{number}")
    for rule in RULES.values()
    for number, example in enumerate(rule.examples, 1)
]
texts = st.text(max_size=30) | st.text("0123456789+-. ()", max_size=20) | st.text("aAéÉ@.<>-' ", max_size=20)
cells = st.builds(Cell, st.just("phone"), texts.filter(bool), st.sampled_from(["", "FR", "US", "XX"]), st.just(""))


@pytest.mark.parametrize(("rule", "example"), TABLE)
def test_a_rule_finds_what_its_examples_say(rule: Rule, example: Example) -> None:
    """Each example of each rule: this finding and no other, or nothing."""
    expected = () if example.found is None else (example.found,)
    assert rule.look(example.row.seen()) == expected


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_rule_is_written_out(rule: Rule) -> None:
    """A rule has a name, words for people, and examples of both kinds; its words hold no value of any row."""
    assert re.fullmatch("[a-z]+(_[a-z]+)*", rule.code)
    assert rule.code == rule.look.__name__
    assert rule.look.__doc__
    assert rule.title[0].islower()
    assert rule.advice[0].isupper()
    assert rule.advice.endswith(".")
    found = [example.found is not None for example in rule.examples]
    assert any(found)
    assert not all(found)
    assert not [e for e in rule.examples if e.found and e.found.value and e.found.value in rule.advice]


@pytest.mark.parametrize("rule", RULES.values(), ids=list(RULES))
def test_a_blank_row_has_nothing_to_be_found(rule: Rule) -> None:
    """No rule needs a cell to be filled, or makes up a finding where nothing stands."""
    assert rule.look(Seen()) == ()


@given(texts, texts, texts, st.lists(cells, max_size=3), st.sampled_from(["", "FR", "BE", "IT", "TR", "US", "ZZ"]))
def test_no_text_is_too_odd(first: str, last: str, email: str, phones: list[Cell], country: str) -> None:
    """Whatever stands in a row, the rules answer with findings of known codes and never with a traceback."""
    address = email_address(email).address or ""
    mails = (Cell("email", email, "", address),) if email else ()
    seen = Seen(first, last, "", address, "", country, "FR", tuple(phones), mails)
    for finding in judge(seen):
        assert finding.code in CATALOGUE
        assert finding.suggestion != finding.value


def test_a_severity_is_a_setting() -> None:
    """A code can be turned off or made to reject; the others stay as they are."""
    row = RULES["capitals"].examples[0].row.seen()
    assert [finding.severity for finding in judge(row)] == [Severity.WARN]
    assert [finding.severity for finding in judge(row, chosen({"capitals": "reject"}))] == [Severity.REJECT]
    assert judge(row, chosen({"capitals": "off"})) == ()


def codes_given(path: Path) -> Iterator[str]:
    """The codes that a module gives: the first word of a finding, or a word that stands before its reason, a sentence."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        parts = node.args if isinstance(node, ast.Call) else node.elts if isinstance(node, ast.Tuple) else []
        called = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Finding"
        for code, reason in pairwise(parts[:2] if called else parts):
            word = code.value if isinstance(code, ast.Constant) else None
            if isinstance(word, str) and re.fullmatch("#00[0-9]|[a-z]+(_[a-z]+)*", word):
                texts = [part.value for part in ast.walk(reason) if isinstance(part, ast.Constant)]
                if called or any(isinstance(text, str) and text.strip().count(" ") > 1 for text in texts):
                    yield word
                break


def test_the_catalogue_knows_every_code_that_the_pipeline_gives() -> None:
    """Each code that stands in the text of sources, stages and the conductor has an entry."""
    rooms = [*PACKAGE.glob("sources/*.py"), *PACKAGE.glob("flow/*.py"), PACKAGE / "pipeline.py", PACKAGE / "reading.py"]
    found = {code for path in rooms for code in codes_given(path)}
    assert {
        "#001",
        "#004",
        "no_key",
        "duplicate_key",
        "shared_phone",
        "nul_byte",
        "bad_json",
        "bad_line",
        "stray_return",
    } <= found
    assert found - set(CATALOGUE) == set()


def test_what_is_settable_says_by_what() -> None:
    """Rules are set by one table; the vendor's codes are fixed but one, and two codes have a setting of their own."""
    assert {CATALOGUE[code].settable for code in RULES} == {SEVERITIES}
    assert {CATALOGUE[code].settable for code in ("#001", "#002", "#003", "ragged_row", "phone_mended")} == {""}
    assert CATALOGUE["#004"].settable == "rules.on_invalid_email"
    assert CATALOGUE["shared_phone"].settable == "rules.shared_phone"
