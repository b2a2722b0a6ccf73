"""A page taken to pieces, and the faults that a browser would silently mend or obey."""

from __future__ import annotations

import re
from html.parser import HTMLParser

VOID = {"meta", "br", "hr", "img", "input", "link", "base", "source", "embed"}
HARMLESS = """
    html head meta title style body header h1 h2 h3 p bdi nav a main section footer ul ol li code dl div dt dd small strong
    span figure figcaption table caption thead tbody tr th td details summary svg g path rect line circle text tspan
"""


class Page(HTMLParser):
    """The elements, texts and faults of an HTML page."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.faults: list[str] = []
        self.text = ""
        self.style = ""
        self._open: list[str] = []
        self.feed(html)
        self.close()
        self.faults += [f"{tag} is never closed" for tag in self._open]
        self._look()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if len(attrs) != len(dict(attrs)):
            self.faults.append(f"{tag} has an attribute twice")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """See HTMLParser. Only drawings close themselves."""
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if "svg" not in self._open:
            self.faults.append(f"{tag} closes itself")

    def handle_endtag(self, tag: str) -> None:
        """See HTMLParser."""
        if not self._open or self._open.pop() != tag:
            self.faults.append(f"{tag} is closed where it is not open")

    def handle_data(self, data: str) -> None:
        """See HTMLParser."""
        if self._open and self._open[-1] == "style":
            self.style += data
        else:
            self.text += data

    def handle_comment(self, data: str) -> None:
        """See HTMLParser."""
        self.faults.append("a comment")

    @property
    def tags(self) -> list[str]:
        """The names of the elements in their order."""
        return [tag for tag, _ in self.elements]

    def all(self, tag: str) -> list[dict[str, str]]:
        """The attributes of each element of a name."""
        return [attributes for name, attributes in self.elements if name == tag]

    def _look(self) -> None:
        """What a page that stands alone and is read aloud may not have."""
        ids = [attributes["id"] for _, attributes in self.elements if "id" in attributes]
        self.faults += [f"the id {one} is there twice" for one in set(ids) if ids.count(one) > 1]
        for tag, attributes in self.elements:
            if tag not in HARMLESS.split():
                self.faults.append(f"there is a {tag}")
            for name, value in attributes.items():
                if name.startswith("on") or name in ("style", "src", "srcset", "action", "data", "xlink:href"):
                    self.faults.append(f"{tag} has {name}")
                if name == "href" and not (value.startswith("#") and value[1:] in ids):
                    self.faults.append(f"{tag} leads to {value}")
                if name == "aria-labelledby":
                    self.faults += [f"{tag} is named by {one}, which is not there" for one in value.split() if one not in ids]
                if "url(" in value:
                    self.faults.append(f"{tag} fetches by {name}")
        if re.search(r"url\(|@import|expression", self.style):
            self.faults.append("the style sheet fetches something")
