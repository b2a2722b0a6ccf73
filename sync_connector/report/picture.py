"""A Vega-Lite specification → a still picture in the colours of the page's style sheet.

Law: of what the library draws only shapes, places and text are kept, so a picture runs nothing, fetches nothing, and brings no
style and no name of its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from babel import Locale
from babel.numbers import get_decimal_symbol, get_group_symbol
from markupsafe import Markup

HIT = "hit"
"""What the layer is called whose marks are only there to be pointed at: what describes them becomes their title."""
KEPT = {
    "svg": {"viewBox"},
    "g": {"transform", "fill", "stroke-miterlimit"},
    "path": {"transform", "d", "fill", "stroke", "stroke-width", "opacity"},
    "line": {"transform", "x2", "y2", "stroke", "stroke-width"},
    "text": {"transform", "text-anchor", "font-size", "fill"},
    "tspan": {"x", "dy"},
}
"""The elements and attributes that are kept of what the library draws."""
_SCHEMA = "https://vega.github.io/schema/vega-lite/v5.json"  # the name of the language; nobody asks for it there
_PLACE = re.compile(r"-?\d+\.\d{3,}")


def picture_of(spec: Mapping[str, Any], name: str, locale: Locale) -> Markup:
    """What the library draws of a Vega-Lite specification, as it may stand in a page: hidden from who has it read aloud, since
    its counts stand beside it. `name` is its class in the style sheet; its figures are written as in the locale."""
    import vl_convert  # it brings a JavaScript engine: only for a page that draws something

    group = get_group_symbol(locale)
    habits = {"decimal": get_decimal_symbol(locale), "thousands": group, "grouping": [3], "currency": ["", ""]}
    whole = {"$schema": _SCHEMA, "autosize": {"type": "fit", "contains": "padding"}, **spec}
    svg = vl_convert.vegalite_to_svg(whole, allowed_base_urls=[], format_locale=habits)
    kept = _bare(ElementTree.fromstring(svg))  # noqa: S314 - the library wrote it, and our text is escaped in it
    kept.set("class", name)
    kept.set("aria-hidden", "true")
    return Markup(ElementTree.tostring(kept, encoding="unicode"))  # noqa: S704 - it was escaped as it was written


def _rounded(place: re.Match[str]) -> str:
    """A place in a picture: two digits behind the point are less than anybody sees."""
    return f"{float(place[0]):.2f}".rstrip("0").rstrip(".")


def _bare(drawn: ElementTree.Element, *, hit: bool = False) -> ElementTree.Element:
    """An element with what is kept of it. Of the marks that are pointed at, what they say becomes their title."""
    name = drawn.tag.rpartition("}")[2]
    kept = ElementTree.Element(
        name, {key: _PLACE.sub(_rounded, value) for key, value in drawn.attrib.items() if key in KEPT[name]}
    )
    kept.text = drawn.text
    if hit and (told := drawn.get("aria-label")):
        ElementTree.SubElement(kept, "title").text = told
    if f"{HIT}_marks" in drawn.get("class", "").split():
        kept.set("class", HIT)
        hit = True
    for child in drawn:
        if child.tag.rpartition("}")[2] not in KEPT or child.get("display") == "none" or child.get("class") == "background":
            continue
        below = _bare(child, hit=hit)
        if below.tag != "g" or len(below):
            kept.append(below)
    return kept
