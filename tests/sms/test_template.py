"""Templates: what they may be, what is wrong with one, and what they make of a recipient's fields."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_connector.errors import FixSetup
from sync_connector.sms.template import (
    FILTERS,
    LONGEST_MESSAGE,
    LONGEST_TEMPLATE,
    BlankField,
    Unrenderable,
    compile_template,
    field_name,
)

FIELDS = {"first_name": "jean", "city": " ", "n": "7", "range": "x", "odd": "{first_name} {% if %} {{ 7*7 }} {#"}


def fault(text: str) -> str:
    """What is said of a template that is wrong."""
    with pytest.raises(FixSetup) as caught:
        compile_template(text)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("Bonjour {first_name|title} !\n\nÀ bientôt", "Bonjour Jean !\n\nÀ bientôt"),
        ('{city|default("client")}', "client"),
        ('{nowhere|d("client")|upper}', "CLIENT"),
        ("{% if city %}de {city}{% else %}d'ici{% endif %}", "d'ici"),
        ("{% if first_name %}{first_name}{% endif %}", "jean"),
        ("{'a' if city == '' else 'b'}", "a"),
        ("{% if 'x' in city or city != '' %}a{% endif %}.", "."),
        ("{first_name|first|upper}. {n ~ '€'}", "J. 7€"),
        ("{% if first_name %}\n  a\n{% endif %}", "\n  a\n"),
        ("a } b {'{'}x{'}'} 100 % #", "a } b {x} 100 % #"),
        ("{odd}", FIELDS["odd"]),
        ("{range}", "x"),
        ("{# a note #}a <b> & 'c'", "a <b> & 'c'"),
        ("{%raw%}{a}{%endraw%}", "{a}"),
        ("", ""),
    ],
)
def test_fields_are_filled_in_as_data(text: str, message: str) -> None:
    """Plain text stays as it is, a blank field takes its default and is false, and no value is read as a template."""
    assert compile_template(text).render(FIELDS) == message


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("{city}", "city"),
        ("{city|upper}", "city"),
        ("{city|length}", "city"),
        ("{city|truncate(3)}", "city"),
        ("{city ~ 'a'}", "city"),
        ("{nowhere}", "nowhere"),
        ("{first_name} {city|replace('a', 'b')}", "city"),
    ],
)
def test_a_hole_in_a_message_is_named(text: str, field: str) -> None:
    """A field that is printed and blank, or not there, makes no message."""
    assert compile_template(text).render(FIELDS) == BlankField(field)


def test_a_blank_field_that_is_not_printed_matters_to_nobody() -> None:
    """Behind a condition that is false it is not needed."""
    assert compile_template("{% if n == '8' %}{city}{% endif %}ok").render(FIELDS) == "ok"


@pytest.mark.parametrize(
    "text", ["{n|truncate('a')}", "{n|title(3)}", "{first_name|replace(**odd)}", "{% if n > 3 %}a{% endif %}", "{''|first}"]
)
def test_what_a_filter_cannot_do_is_a_value(text: str) -> None:
    """The reason says nothing of what stands in the fields."""
    made = compile_template(text).render(FIELDS)
    assert isinstance(made, Unrenderable)
    assert "jean" not in made.reason


@pytest.mark.parametrize(
    "text",
    [
        "{long}",
        "{long}{long}",
        "{'a'" + "|replace('', 'xxxxxxxxxxxxxxxxxxxx')" * 200 + "}",
        "{% if n %}" + "a" * LONGEST_MESSAGE + "b{% endif %}",
    ],
)
def test_no_message_is_without_end(text: str) -> None:
    """A field, filters that feed each other, the text itself: what is too long is told, at once."""
    made = compile_template(text).render({"n": "1", "long": "a" * 1_500 + "b" * 1_500 * (text == "{long}")})
    assert made == Unrenderable("it is longer than 2,000 characters")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a\n{first_name.__class__.__mro__}", "line 2: a message cannot have an attribute"),
        ("{first_name['__class__']}", "an index"),
        ("{range(10**9)}", "a call"),
        ("{first_name.upper()}", "a call"),
        ("{% for a in n %}{% endfor %}", "a loop"),
        ("{% for a in range(10**9) %}{% for b in range(10**9) %}x{% endfor %}{% endfor %}", "a loop"),
        ("{10**10**10}", "arithmetic"),
        ("{'a' * 10**10}", "arithmetic"),
        ("{first_name|center(10**10)}", "no filter 'center'"),
        ("{% if false %}{n|format(n)}{% endif %}", "no filter 'format'"),
        ("{% set a = 1 %}", "cannot have"),
        ("{% include 'a' %}", "cannot have 'include'"),
        ("{% macro a() %}{% endmacro %}", "cannot have 'macro'"),
        ("{self}", "{_self}"),
        ("{{ first_name }}", "write single braces: {first_name}"),
        ("{{}}", "write single braces"),
        ("10 { 20", "write {'{'}"),
        ("a\n\n{", "line 3"),
        ("{}", "write {'{'}"),
        ("{first_name", "write {'{'}"),
        ("{Date de RDV}", "as {date_de_rdv}"),
        ("{first-name}", "as {first_name}"),
        ("{1er contact}", "as {_1er_contact}"),
        ("{% if n %}a", "line 1"),
        ("{n is strange}", "strange"),
        ("{# never closed", "comment"),
        ("{" + "(" * 4_000 + "1" + ")" * 4_000 + "}", "nested too deeply"),
        ("{" + "not " * 2_000 + "n}", "nested too deeply"),
        ("a" * (LONGEST_TEMPLATE + 1), "10,001 characters"),
    ],
)
def test_what_is_no_template_is_refused_before_anything_is_made(text: str, said: str) -> None:
    """Programs, and slips of the pen: where, what, and how to write it."""
    assert said in fault(text)


def test_a_template_knows_its_fields_and_names_those_that_are_not_there() -> None:
    """Each unknown one with the known one that it is most like, and with all that there are."""
    template = compile_template("{% if Prénom %}{ville|d(prenon)}{% endif %}{city}{quux}")
    assert template.fields == {"Prénom", "ville", "prenon", "city", "quux"}
    template.check([*template.fields, "more"])
    with pytest.raises(FixSetup) as caught:
        template.check(["prenom", "ville", "city"])
    assert caught.value.faults == (
        "the template: there is no field {Prénom}; did you mean {prenom}?; the fields are: city, prenom, ville",
        "the template: there is no field {prenon}; did you mean {prenom}?; the fields are: city, prenom, ville",
        "the template: there is no field {quux}; the fields are: city, prenom, ville",
    )


@pytest.mark.parametrize(
    ("header", "name"),
    [
        ("Date de RDV", "date_de_rdv"),
        ("Prénom", "prenom"),
        ("N° client (FR)", "n_client_fr"),
        ("1er contact", "_1er_contact"),
        ("Cœur", "coeur"),
        ("In", "_in"),
        ("Self", "_self"),
        ("Имя", "имя"),
        ("", "_"),
        ("???", "_"),
        ("first_name", "first_name"),
    ],
)
def test_a_column_is_called_by_its_header(header: str, name: str) -> None:
    """In small letters, without accents, other signs as one line."""
    assert field_name(header) == name


@given(st.text(max_size=20))
def test_every_header_is_a_field_that_a_template_can_name(header: str) -> None:
    """Whatever a column is called, its name is found in a template and filled in."""
    name = field_name(header)
    template = compile_template(f"{{{name}}}")
    assert template.fields == {name}
    assert template.render({name: "a"}) == "a"


@given(st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"]), max_size=50))
def test_a_text_without_a_brace_is_itself(text: str) -> None:
    """But for the newline at its end, and that all newlines are one sign."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n")
    assert compile_template(text).render({}) == lines.removesuffix("\n")


PIECES = [
    "{",
    "}",
    "{%",
    "%}",
    "if n",
    "endif",
    "n",
    "city",
    "|",
    "(",
    ")",
    "'",
    ".",
    "**",
    "~",
    "else",
    "d",
    "#}",
    "{#",
    "\n",
    "9",
]


@given(st.lists(st.sampled_from([*PIECES, *FILTERS]), max_size=15).map(" ".join))
def test_whatever_is_written_is_a_template_or_a_sentence(text: str) -> None:
    """No text, and no value, ends in any other exception."""
    made: object = None
    with contextlib.suppress(FixSetup):
        made = compile_template(text).render(FIELDS)
    assert made is None or isinstance(made, str | BlankField | Unrenderable)
