"""The frame of a page: sections → one HTML file that stands alone.

Law: a page asks nobody for anything and runs nothing. It has no script, no link and no picture from elsewhere, and its
Content-Security-Policy allows the one style sheet that is in it, by its hash, and nothing else. Text is escaped by the
templates; nothing is called safe that came from outside.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from sync_connector.report.language import Words


class Section(NamedTuple):
    """A part of a page: the name by which it is reached, its heading, and its content as HTML."""

    anchor: str
    title: str
    body: Markup


class Part(NamedTuple):
    """What stands together on a page: its heading (the first part's is the page's own), a line for each thing that it says of
    itself (whose, when), and its sections in order. A page's anchors are all different."""

    title: str
    told_of: Sequence[str]
    sections: Sequence[Section]


@cache
def _environment(words: Words) -> Environment:
    """The templates in a language."""
    made = Environment(
        loader=PackageLoader("sync_connector.report", "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.install_gettext_callables(  # type: ignore[attr-defined]  # the extension brings it
        words.translations.gettext, words.translations.ngettext, newstyle=True
    )
    made.filters |= {"count": words.number, "place": _place}
    return made


def _place(number: float) -> str:
    """A place in a drawing: two digits behind the point are less than anybody sees."""
    return f"{number:.2f}".rstrip("0").rstrip(".")


STYLE = files("sync_connector.report").joinpath("templates/style.css").read_text(encoding="utf-8")
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()}'; "
    "base-uri 'none'; form-action 'none'"
)


def fill(words: Words, template: str, part: str, told: Any) -> Markup:
    """One macro of a template, filled with what it tells of, in a language."""
    module = _environment(words).get_template(template).module
    return Markup(getattr(module, part)(told))  # noqa: S704 - the template escaped it


def page(parts: Sequence[Part], words: Words) -> str:
    """The HTML of a page of one part or more, all of them worded in the language that the frame is in."""
    frame = _environment(words).get_template("frame.html")
    style = Markup(STYLE)  # noqa: S704 - ours, and the hash above is of exactly these characters
    return frame.render(parts=parts, style=style, policy=POLICY, language=words.code)
