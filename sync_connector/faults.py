"""What is wrong with a TOML file of ours (`sync.toml`, a mapping), as sentences, each with its line."""

from __future__ import annotations

import re
from collections.abc import Sequence

from pydantic import ValidationError

ALSO = "\x1f"
"""Between the faults that one look at several settings finds; each begins with the setting it means, as in `sql.zone: …`."""


def describe_faults(faults: ValidationError, text: str, where: str) -> list[str]:
    """A sentence for each fault of a TOML file, with the line of the setting where it can be found."""
    sentences = []
    for fault in faults.errors(include_url=False, include_input=False):
        path = [str(part) for part in fault["loc"]]
        line = _line_of(path, text)
        place = f"{where}, line {line}" if line else where
        message = fault["msg"].removeprefix("Value error, ")
        if fault["type"] == "extra_forbidden":
            message = "there is no such setting"
        for part in message.split(ALSO):
            if named := re.match(rf"{re.escape('.'.join(path))}\.[\w.]+(?=: )", part):  # it says itself which setting it means
                line = _line_of(named[0].split("."), text)
                sentences.append(f"{where}, line {line}: {part}" if line else f"{where}: {part}")
            else:
                sentences.append(f"{place}: {'.'.join(path) or 'file'}: {part}")
    return sentences


def _line_of(path: Sequence[str], text: str) -> int | None:
    words = [part for part in path if not part.isdigit()]
    for depth in range(len(words), 0, -1):
        section, setting = ".".join(words[: depth - 1]), words[depth - 1]
        here = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if header := re.match(r"\s*\[\[?\s*([^\]]+?)\s*\]", line):
                here = header[1]
                if here == ".".join(words[:depth]):
                    return number
            elif here == section and re.match(rf"\s*\"?{re.escape(setting)}\"?\s*=", line):
                return number
    return None
