"""The token of a line: which row it is, in letters that no spreadsheet reformats.

Pure. Law: a token that was changed by one character is no token. Behind a blank it ends with letters of the row that are not
ASCII; they are in its body, too, so that a file saved in an encoding that lost them is found out.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
import unicodedata
import zlib
from collections.abc import Iterable, Mapping
from enum import StrEnum
from types import MappingProxyType
from typing import Any, NamedTuple

MOST_LETTERS = 16
ALTERNATIVES = b"-."  # instead of + and /; an underscore could make an escape of a workbook (_x000D_)
PATTERN = re.compile(r"([xc])1\.([A-Za-z0-9.\-]+)(?: (\S*))?")
CHECK_BYTES = 4
SHAPE = [str, str, int, str, dict, dict, dict]


class Form(StrEnum):
    """How the cells of a line were written, in whatever kind of file they stand now."""

    WORKBOOK = "x"
    CSV = "c"


class Token(NamedTuple):
    """What a token says. `number` counts the lines of one sheet, so that a copied line is known; `letters`: see `letters`;
    `headers`: header as it is shown → as it is, where that cannot be told. Of the cells of a CSV file, by header: `kept`, the
    text of those that are shown otherwise than they are; `long`, the characters of those that no spreadsheet may hold."""

    form: Form
    key: str
    fingerprint: str
    number: int
    letters: str
    headers: Mapping[str, str]
    kept: Mapping[str, str] = MappingProxyType({})
    long: Mapping[str, int] = MappingProxyType({})


def letters(texts: Iterable[str]) -> str:
    """Of the characters in some texts that are not ASCII those that an encoding loses most easily: at most 16, the highest;
    each once, in order. None of them is a blank, a control or a combining mark."""
    seen = {character for text in texts if not text.isascii() for character in text if character > "\x7f"}
    return "".join(sorted(c for c in seen if unicodedata.category(c)[0] in "LNPS")[-MOST_LETTERS:])


def sealed(token: Token) -> str:
    """A token as it stands in its cell."""
    maps = [dict(token.headers), dict(token.kept), dict(token.long)]
    body = json.dumps(
        [token.key, token.fingerprint, token.number, token.letters, *maps], separators=(",", ":")
    ).encode()  # ASCII: whatever is in a key, it is written
    check = zlib.crc32(body).to_bytes(CHECK_BYTES, "big")
    text = base64.b64encode(check + body, ALTERNATIVES).decode().rstrip("=")
    return f"{token.form}1.{text} {token.letters}".rstrip()


def opened(text: str) -> tuple[Token, bool] | None:
    """What a token's cell says, and whether the letters behind it are still those of the row; `None` if it is no token."""
    if (found := PATTERN.fullmatch(text.strip())) is None:
        return None
    form, body, letters_now = found.groups()
    try:
        content = base64.b64decode(body + "=" * (-len(body) % 4), ALTERNATIVES, validate=True)
    except binascii.Error:
        return None
    check, content = content[:CHECK_BYTES], content[CHECK_BYTES:]
    if zlib.crc32(content).to_bytes(CHECK_BYTES, "big") != check:
        return None
    try:
        fields = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(fields, list) or [type(field) for field in fields] != SHAPE or not _is_told(fields):
        return None
    token = Token(Form(form), *fields)
    return token, (letters_now or "") == token.letters


def _is_told(fields: list[Any]) -> bool:
    """Whether the texts and numbers that a token tells of its cells are such."""
    *_, headers, kept, long = fields
    return all(type(text) is str for text in (*headers.values(), *kept.values())) and all(type(n) is int for n in long.values())
