"""Templates of messages: `Bonjour {first_name|title}, …`, filled in for each recipient.

Pure. Law: a template is a text with places for fields, and no program. It reads no more than it is given, ends at once
whatever was written, and what can be known to be wrong with it is known before anything is sent. What stands in the CRM is
data: it is never read as a template. A message with a hole in it is no message.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import jinja2
from jinja2 import nodes
from jinja2.exceptions import TemplateSyntaxError, UndefinedError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from rapidfuzz import fuzz, process

from sync_connector.errors import FixSetup

LONGEST_TEMPLATE: Final = 10_000
LONGEST_MESSAGE: Final = 2_000
"""Characters."""
ALIKE: Final = 60
"""From 0 to 100: how like a known field a name must be to be taken for a slip of it."""

FILTERS: Final = ("capitalize", "d", "default", "first", "length", "lower", "replace", "title", "trim", "truncate", "upper")
_KNOWN_NODES: Final = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Filter, nodes.Test, nodes.If, nodes.CondExpr,
    nodes.Compare, nodes.Operand, nodes.And, nodes.Or, nodes.Not, nodes.Concat, nodes.Keyword,
)  # fmt: skip
_SAID: Final[Mapping[type[nodes.Node], str]] = {
    nodes.For: "a loop ({% for … %})",
    nodes.Call: "a call (…)",
    nodes.Getattr: "an attribute (after a dot)",
    nodes.Getitem: "an index ([…])",
    nodes.Dict: "double braces",
    nodes.BinExpr: "arithmetic (or a sign that no field's name has)",
}
_RESERVED: Final = frozenset(("and", "else", "if", "in", "is", "not", "or", "true", "false", "none", "self"))
"""What a template reads as a word of its own, whatever field has that name."""

_DOUBLE: Final = re.compile(r"\{\{[\s-]*([^{}]*?)[\s-]*\}\}")
_PLACE: Final = re.compile(r"\{\s*([^\W\d_][^{}%#|\"'()\n]*|\d[^{}%#|\"'()\n]*[^\W\d_][^{}%#|\"'()\n]*?)\s*[|}]")
_BRACE: Final = "to have a brace in the message, write {'{'}"
_LETTERS: Final = str.maketrans({"œ": "oe", "æ": "ae", "ß": "ss", "ø": "o", "ł": "l", "đ": "d", "ı": "i"})
_MAY_HAVE: Final = "it may have fields, as in {first_name|title}, and {% if city %}…{% endif %}"


class BlankField(NamedTuple):
    """A field that the message needs is blank for this recipient, or not there."""

    field: str


class Unrenderable(NamedTuple):
    """Why a message cannot be made for this recipient, in a few words."""

    reason: str


@dataclass(frozen=True)
class Template:
    """A message with places for fields. `fields`: the names that it uses."""

    fields: frozenset[str]
    _compiled: jinja2.Template = field(repr=False)

    def check(self, known: Collection[str]) -> None:
        """Raises `FixSetup` with a sentence for every field that is none of the known ones."""
        if not (strange := sorted(self.fields - set(known))):
            return
        there_are = ", ".join(sorted(known)) or "none"
        raise FixSetup(*(f"{_unknown(name, known)}; the fields are: {there_are}" for name in strange))

    def render(self, fields: Mapping[str, str]) -> str | BlankField | Unrenderable:
        """The message for one recipient, or why there is none. A blank field takes its `default`, and is false to `{% if %}`."""
        filled = {name: fields[name] for name in self.fields if fields.get(name, "").strip()}
        try:
            message = self._compiled.render(filled)
        except UndefinedError as fault:
            said = fault.message or ""
            return BlankField(said) if said in self.fields else Unrenderable(said)
        except _TooLong:
            return _TOO_LONG
        except Exception as fault:  # whatever a filter makes of a value; its words may hold the value
            said = str(fault) if isinstance(fault, jinja2.TemplateError) else type(fault).__name__
            return Unrenderable(f"the template does not fit the fields ({said})")
        return message if len(message) <= LONGEST_MESSAGE else _TOO_LONG


def compile_template(text: str) -> Template:
    """A template from its text. A newline at its very end is not part of it. Raises `FixSetup` with where it is wrong, what,
    and how to write it."""
    if len(text) > LONGEST_TEMPLATE:
        raise FixSetup(f"the template has {len(text):,} characters; it may have {LONGEST_TEMPLATE:,}")
    try:
        tree = _ENVIRONMENT.parse(text)
        if faults := list(dict.fromkeys(_faults(tree, text))):
            raise FixSetup(*faults)
        compiled = _ENVIRONMENT.from_string(text)
    except TemplateSyntaxError as fault:
        said = (fault.message or "it cannot be read").rstrip(".")
        raise FixSetup(f"the template, line {fault.lineno}: {said}; {_advice(text)}") from None
    except (SyntaxError, RecursionError, MemoryError):  # parentheses or conditions by the hundred
        raise FixSetup("the template is nested too deeply; write it with fewer {% if %} and parentheses") from None
    return Template(frozenset(name.name for name in tree.find_all(nodes.Name)), compiled)


def field_name(header: str) -> str:
    """The name by which a template calls the column of that header: `Date de RDV` → `date_de_rdv`, `Prénom` → `prenom`. What
    begins with a digit, or is a word of the templates' own, gets `_` before it. Two headers may have one name."""
    apart = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", header).lower())
    letters = "".join(sign for sign in apart if not unicodedata.combining(sign)).translate(_LETTERS)
    name = unicodedata.normalize("NFKC", re.sub(r"[\W_]+", "_", letters).strip("_"))
    return name if name.isidentifier() and name not in _RESERVED else f"_{name}"


# --- what is wrong with one ---


def _faults(tree: nodes.Template, text: str) -> Iterator[str]:
    for node in _all(tree):
        place = f"the template, line {node.lineno}"
        if isinstance(node, nodes.Name) and (node.name == "self" or node.ctx != "load"):
            yield f"{place}: {node.name!r} cannot be used here; a column of that name is {{_{node.name}}}"
        elif isinstance(node, nodes.Filter) and node.name not in FILTERS:
            yield f"{place}: there is no filter {node.name!r}; the filters are: {', '.join(FILTERS)}"
        elif not isinstance(node, _KNOWN_NODES):
            said = next((words for kind, words in _SAID.items() if isinstance(node, kind)), f"{type(node).__name__.lower()!r}")
            advice = _advice(text) if isinstance(node, nodes.BinExpr | nodes.Dict) else _MAY_HAVE
            yield f"{place}: a message cannot have {said}; {advice}"


def _all(node: nodes.Node) -> Iterator[nodes.Node]:
    yield node
    if isinstance(node, _KNOWN_NODES):  # what stands within something strange would only be told twice
        for child in node.iter_child_nodes():
            yield from _all(child)


def _advice(text: str) -> str:
    if double := _DOUBLE.search(text):
        return f"write single braces: {{{double[1] or 'first_name'}}}"
    for place in _PLACE.finditer(text):
        written = place[1].strip()
        if not written.isidentifier():
            return f"write the field {written!r} as {{{field_name(written)}}}"
    return f"a field is written {{first_name}}; {_BRACE}"


def _unknown(name: str, known: Collection[str]) -> str:
    near: str | None = field_name(name)
    if near not in known:
        found = process.extractOne(near, sorted(known), scorer=fuzz.ratio, score_cutoff=ALIKE)
        near = found[0] if found else None
    return f"the template: there is no field {{{name}}}" + (f"; did you mean {{{near}}}?" if near else "")


# --- the engine ---


class _TooLong(Exception):
    pass


_TOO_LONG: Final = Unrenderable(f"it is longer than {LONGEST_MESSAGE:,} characters")


class _Blank(jinja2.Undefined):
    """A field that is blank: false, equal to `""`, and an error where its text is needed, which names it."""

    __slots__ = ()
    __str__ = __iter__ = __len__ = jinja2.Undefined._fail_with_undefined_error

    @property
    def _undefined_message(self) -> str:
        return self._undefined_name or "a filter found nothing to print"

    def __eq__(self, other: object) -> bool:
        return other == "" or isinstance(other, _Blank)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash("")

    def __contains__(self, _: object) -> bool:
        return False


def _bounded(filter_: Callable[..., Any]) -> Callable[..., Any]:
    """A filter whose output is no longer than a message, so that none can feed the next one without end."""

    @functools.wraps(filter_)
    def apply(*args: Any, **named: Any) -> Any:
        made = filter_(*args, **named)
        if isinstance(made, str) and len(made) > LONGEST_MESSAGE:
            raise _TooLong
        return made

    return apply


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        variable_start_string="{", variable_end_string="}", undefined=_Blank, autoescape=False, cache_size=0
    )
    environment.filters = {name: _bounded(environment.filters[name]) for name in FILTERS}
    environment.globals.clear()  # a field may be called range
    return environment


_ENVIRONMENT: Final = _environment()
