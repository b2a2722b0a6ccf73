"""Source `jsonl`: one object a line; a line that is none costs itself only."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.sources import jsonl, open_source

TEXT = '{"id": 1, "phone": "0612345678"}\n{"id": 2, "name": "Amélie", "phone": null}\n'


class Found(NamedTuple):
    """What reading gave."""

    headers: tuple[str, ...]
    rows: list[tuple[int, tuple[str, ...]]]
    aside: list[tuple[int, str]]
    described: list[str]


Read = Callable[..., Found]


def _read(path: Path | str, **chosen: object) -> Found:
    source = open_source(Source.model_validate({"type": "jsonl", "path": str(path), **chosen}))
    chunks = list(source.chunks())
    rows = [
        pair for chunk in chunks for pair in zip(chunk.lines.tolist(), chunk.rows.itertuples(index=False, name=None), strict=True)
    ]
    aside = [(piece.place.line, piece.code) for chunk in chunks for piece in chunk.set_aside]
    return Found(tuple(source.headers()), rows, aside, list(source.describe()))


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads text or bytes as a file."""

    def _of(content: str | bytes, **chosen: object) -> Found:
        path = tmp_path / "contacts.jsonl"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return _read(path, **chosen)

    return _of


def test_the_columns_are_all_keys_of_all_lines(read: Read) -> None:
    """A key that a line lacks is an empty cell, wherever it is met first; blank lines count as lines."""
    found = read(TEXT + '\n{"new": true, "id": 3.0}\n')
    assert found.headers == ("id", "phone", "name", "new")
    assert found.rows == [
        (1, ("1", "0612345678", "", "")),
        (2, ("2", "", "Amélie", "")),
        (4, ("3", "", "", "true")),
    ]
    assert found.aside == []


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(TEXT.encode()),
        TEXT.encode("utf-16"),
        TEXT.encode("utf-8-sig"),
        TEXT.encode("cp1252"),
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.rstrip().encode(),
    ],
    ids=["gzip", "utf-16", "BOM", "cp1252", "CRLF", "no last line feed"],
)
def test_every_encoding_gives_the_same(read: Read, content: bytes) -> None:
    """The bytes are read as those of any file of text."""
    assert read(content).rows == [(1, ("1", "0612345678", "")), (2, ("2", "", "Amélie"))]


def test_what_is_no_object_is_set_aside_with_its_line(read: Read, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken JSON, JSON that is no object, a line that was cut, one without end, an odd byte: each costs itself."""
    monkeypatch.setattr(jsonl, "MAX_LINE", 200)
    lines = [b'{"id": 1', b"[1]", b"7", b"null", b'{"id": "' + b"x" * 500 + b'"}', b'{"id": "\xff"}', b'{"id": "\\ud800"}']
    content = b'{"id": 1}\n' + b"\n".join(lines) + b'\n{"id": 2}\n{"id":'
    found = read(content, encoding="utf-8")
    assert found.rows == [(1, ("1",)), (9, ("2",))]
    assert found.aside == [
        (2, "bad_json"),
        (3, "no_object"),
        (4, "no_object"),
        (5, "no_object"),
        (6, "too_long"),
        (7, "undecodable"),
        (8, "bad_json"),
        (10, "bad_json"),
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "there is nothing in it"),
        ("[ ]", "there is nothing in it"),
        ("[1]\n", "line 1: the line is JSON but no object"),
        ('{\n "contacts": [{"id": 1}]\n}\n', "keep the list in it that holds the contacts"),
        ("id,name\n1,Jean\n", "line 1: the line is not JSON"),
    ],
)
def test_a_file_without_an_object_is_a_sentence(read: Read, content: str, said: str) -> None:
    """It says what stands there instead, and what to do."""
    with pytest.raises(FixSetup, match="no line of it is a JSON object") as fault:
        read(content)
    assert said in str(fault.value)


ARRAYS = {
    "on one line": '[{"id": 1, "name": "Jean"}, {"id": 2}, {"id": 3}]',
    "a line each": '[{"id": 1, "name": "Jean"},\n{"id": 2},\n{"id": 3}\n]\n',
    "over many lines, with a BOM": '\ufeff\n[\n  {\n    "id": 1,\n    "name": "Jean"\n  },\n  {"id": 2},{"id": 3}\n]\n\n',
}


@pytest.mark.parametrize("text", ARRAYS.values(), ids=ARRAYS.keys())
@pytest.mark.parametrize("block", [3, 16_384], ids=["small blocks", "blocks"])
def test_one_array_of_objects_is_read_as_well(read: Read, monkeypatch: pytest.MonkeyPatch, text: str, block: int) -> None:
    """However it is laid out, and wherever a block of the file ends."""
    monkeypatch.setattr(jsonl, "BLOCK", block)
    assert [row for _, row in read(text).rows] == [("1", "Jean"), ("2", ""), ("3", "")]


def test_what_is_in_an_array_has_its_line_and_costs_itself_only(read: Read) -> None:
    """A value that is no object, and one that only Python calls JSON, are set aside."""
    found = read('[{"id": 1},\n 7,\n {"id": NaN},\n\n {"id":\n 2}]')
    assert found.rows == [(1, ("1",)), (5, ("2",))]
    assert found.aside == [(2, "no_object"), (3, "bad_json")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('[{"id": 1},\n{"id": 2', "line 2: the JSON array is damaged or cut short here"),
        ('[{"id": 1},\n{"id": 2}\n', "line 3: the JSON array is damaged or cut short here"),
        ('[{"id": 1}\n{"id": 2}]', "line 2: the JSON array is damaged or cut short here"),
        ('[{"id": 1},\n{"id: 2}, {"id": 3}]', "line 2: the JSON array is damaged"),
        ('[{"id": 1}]\n[{"id": 2}]', "line 2: something stands behind the JSON array"),
        ('[{"id": "' + "x" * 600 + '"}]', "is longer than"),
        ("[{" + '"a":[' * 100_000 + "]", "damaged or cut short|nested too deep"),
    ],
)
def test_a_damaged_array_is_not_read_in_part(read: Read, monkeypatch: pytest.MonkeyPatch, text: str, said: str) -> None:
    """Those behind the damage would be taken for gone."""
    monkeypatch.setattr(jsonl, "MAX_LINE", 500)
    monkeypatch.setattr(jsonl, "BLOCK", 100)
    with pytest.raises(FixSetup, match=said):
        read(text)


def test_keys_without_end_are_a_sentence(read: Read) -> None:
    """A file whose keys are really values does not become a table of a million columns."""
    with pytest.raises(FixSetup, match=r"line 2001: more than 2,000 different keys"):
        read("".join(f'{{"k{n}": 1}}\n' for n in range(2_100)))


def test_a_pattern_means_several_files(tmp_path: Path) -> None:
    """The columns are those of all of them."""
    (tmp_path / "a.jsonl").write_text('{"id": 1, "a": "x"}\n')
    (tmp_path / "b.jsonl").write_text('{"b": "y", "id": 2}\n')
    found = _read(tmp_path / "*.jsonl")
    assert found.headers == ("id", "a", "b")
    assert found.rows == [(1, ("1", "x", "")), (1, ("2", "", "y"))]
    assert len(found.described) == 2


def test_many_lines_come_in_chunks(read: Read) -> None:
    """More lines than one chunk holds keep their order."""
    found = read("".join(f'{{"id": {n}}}\n' for n in range(12_000)))
    assert found.rows == [(n + 1, (str(n),)) for n in range(12_000)]
