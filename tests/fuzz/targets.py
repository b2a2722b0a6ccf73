"""What is fuzzed, and what must hold whatever the bytes are: each target takes bytes and raises `AssertionError`, or anything
else that its room does not promise, where they break it.

A fault of the outside is one of the exceptions that `errors.py` and the dialects name, or a value. Nothing disappears: what
stands in a file is a row, or set aside with its line.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from urllib.parse import quote
from zoneinfo import ZoneInfo

import orjson
from click.testing import CliRunner

from sync_connector import config, dialects, mapping, planfile
from sync_connector.cli import cli
from sync_connector.config import Source
from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.dialects._callback import callback_query, read_callback
from sync_connector.errors import FixSetup, SyncError
from sync_connector.events.understand import comparable, content, understand
from sync_connector.flow.extract import Extraction, extract
from sync_connector.flow.normalize import Choices, normalize
from sync_connector.flow.pace import retry_after
from sync_connector.model import Callback, Contact, Kind, Message, Verdict
from sync_connector.sandbox import faults
from sync_connector.sheets import read as sheets
from sync_connector.sms import from_file, template
from sync_connector.sources import open_source

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "dialects" / "golden"
PARIS = ZoneInfo("Europe/Paris")
SECRET = "fuzzed-secret-4c1d"
ENVIRONMENT = {
    "ARDARY_LOGIN": "fuzz@example.com", "ARDARY_PASSWORD": SECRET, "ARDARY_ACCESS_KEY": SECRET,
    "CRM_URL": f"mysql://u:{SECRET}@h/d", "LEDGER_URL": "sqlite:///ledger.db", "PULL_TOKEN": SECRET, "WEBHOOK_SECRET": SECRET,
    "INBOX_URL": "sqlite:///inbox.db",
}  # fmt: skip
CONTACTS = [Contact(f"+3361234567{n}", f"Jean{n}") for n in range(3)]
MESSAGES = [Message(f"id-{n}", f"+3361234567{min(n, 1)}", f"Hello {n}") for n in range(3)]
FIELDS = {"first_name": "jean", "city": "Paris", "big": "x" * 3_000, "blank": " "}
NOTHING = re.compile(rb'[\s,;|"\0\xef\xbb\xbf]*')

Target = Callable[[bytes, Path], object]


# --- files of contacts -----------------------------------------------------------------------------------------------


def _contacts(kind: str, data: bytes, folder: Path) -> None:
    """Read a file of that kind as a run does: each row gets as far as a contact or its rejection."""
    path = folder / "fuzzed"
    path.write_bytes(data)
    with suppress(SyncError):
        source = open_source(Source(type=kind, path=str(path)))
        headers = source.headers()
        assert len(set(headers)) == len(headers), "two columns have one name"
        lines: list[tuple[int, int]] = []
        try:
            bound = mapping.bind(mapping.load("generic"), headers)
        except FixSetup:
            bound = None
        into = Extraction()
        for chunk in source.chunks():
            assert len(chunk.lines) == len(chunk.rows)
            feeds = [sum(cell.count("\n") for cell in row) for row in chunk.rows.itertuples(index=False, name=None)]
            lines += zip(chunk.lines.tolist(), feeds, strict=True)
            lines += [(one.place.line, one.text.count("\n")) for one in chunk.set_aside]
            if bound is not None:
                for rows in extract([chunk], bound, into):
                    assert len(normalize(rows, bound, Choices("FR", "drop"))) == len(rows)
        if kind == "csv":
            _nothing_lost(data, source.describe()[0], lines)


def _nothing_lost(data: bytes, described: str, lines: Sequence[tuple[int, int]]) -> None:
    """Each line below the header that holds anything is part of a row, or set aside. Of files in UTF-8 with Unix's or Windows'
    line ends, where a line can be told without reading the file as the source does."""
    if ": utf-8" not in described or data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\r" in data.replace(b"\r\n", b""):
        return
    found = re.search(r"header on line (\d+)", described)
    assert found is not None
    covered = {line for first, feeds in lines for line in range(first, first + feeds + 1)}
    for number, text in enumerate(data.split(b"\n"), start=1):
        if number > int(found[1]) and number not in covered and NOTHING.fullmatch(text) is None:
            raise AssertionError(f"line {number} is neither a row nor set aside: {text[:60]!r}")


def _packed(data: bytes) -> bytes:
    """A workbook whose sheet is the fuzzed XML: bytes alone would not get past the checksums of its package."""
    part, _, xml = data.partition(b"\n")
    name = {b"s": "xl/worksheets/sheet1.xml", b"t": "xl/sharedStrings.xml", b"y": "xl/styles.xml", b"w": "xl/workbook.xml"}
    changed = name.get(part[:1], "xl/worksheets/sheet1.xml")
    out = BytesIO()
    with zipfile.ZipFile(ROOT / "sample_data/crm/dynamics.xlsx") as whole, zipfile.ZipFile(out, "w") as made:
        for one in whole.namelist():
            made.writestr(one, xml if one == changed else whole.read(one))
    return out.getvalue()


def csv(data: bytes, folder: Path) -> None:
    """Delimited text."""
    _contacts("csv", data, folder)


def excel(data: bytes, folder: Path) -> None:
    """A workbook, as bytes and by its parts."""
    _contacts("excel", data if data.startswith(b"PK") else _packed(data), folder)


def vcard(data: bytes, folder: Path) -> None:
    """An address book."""
    _contacts("vcard", data, folder)


def jsonl(data: bytes, folder: Path) -> None:
    """JSON Lines."""
    _contacts("jsonl", data, folder)


def singer(data: bytes, folder: Path) -> None:
    """A tap's messages."""
    _contacts("singer", data, folder)


def parquet(data: bytes, folder: Path) -> None:
    """A Parquet file."""
    _contacts("parquet", data, folder)


def sheet(data: bytes, folder: Path) -> None:
    """A sheet of rejects that comes back from a person."""
    path = folder / "sheet"
    path.write_bytes(_packed(data[1:]) if data.startswith(b"x") else data)
    with suppress(FixSetup):
        sheets.read(path)


def messages(data: bytes, folder: Path) -> None:
    """A file of messages."""
    path = folder / "messages"
    path.write_bytes(data)
    with suppress(SyncError):
        opened = from_file.open_file(str(path), with_text=bool(data[:1] == b"p"))
        for draft in opened.drafts(with_text=bool(data[:1] == b"p")):
            assert draft.place.line > 0


# --- what a user writes ----------------------------------------------------------------------------------------------


def mapping_file(data: bytes, folder: Path) -> None:
    """A mapping: read, and bound to the very headers that it names."""
    path = folder / "mapping.toml"
    path.write_bytes(data)
    mapping.load.cache_clear()
    with suppress(FixSetup):
        read = mapping.load(str(path))
        headers = [alias for role in read.columns.model_dump().values() for column in role for alias in column]
        mapping.bind(read, headers)
    mapping.load.cache_clear()


def configuration(data: bytes, folder: Path) -> None:
    """`sync.toml`, as every command reads it; no secret gets into what is said of it, wherever it was put."""
    path = folder / "sync.toml"
    path.write_bytes(data)
    for purpose in ("look", "send", "receive", "pull", "message", "call"):
        said = ""
        try:
            config.load(path, ENVIRONMENT, purpose=purpose)
        except FixSetup as fault:
            said = str(fault)
        assert SECRET not in said, "a secret is shown"


def sms_template(data: bytes, _folder: Path) -> None:
    """A message with places for fields."""
    with suppress(FixSetup):
        made = template.compile_template(data.decode("utf-8", "replace"))
        for fields in (FIELDS, {}):
            text = made.render(fields)
            assert not isinstance(text, str) or len(text) <= template.LONGEST_MESSAGE


def plan_file(data: bytes, folder: Path) -> None:
    """A plan that was edited."""
    path = folder / "plan.json"
    path.write_bytes(data)
    with suppress(FixSetup):
        assert planfile._read(path)["format"] == planfile.FORMAT


def schedule(data: bytes, folder: Path) -> None:
    """The sandbox's schedule of faults."""
    path = folder / "faults.toml"
    path.write_bytes(data)
    with suppress(FixSetup):
        faults.from_file(path)
    with suppress(FixSetup):
        faults.from_options(data.decode("utf-8", "replace").split("\n"))


# --- what the vendor says --------------------------------------------------------------------------------------------


def callback(data: bytes, _folder: Path) -> None:
    """A callback's query, as it came and as the value of each parameter: it is an event or unknown, and can be stored."""
    raw = data.decode("latin-1")
    for query in (raw, f"calls={quote(data)}", f"message={quote(quote(data))}"):
        event = understand(read_callback(query), PARIS, "FR")
        content(event)
        comparable(event)
        for text in event:
            if isinstance(text, str):
                assert "\0" not in text
                text.encode()
    with suppress(ValueError, AttributeError):  # no JSON, or no object
        fields = {str(key): str(value) for key, value in orjson.loads(data).items()}
        said = read_callback(callback_query("call", fields))
        assert isinstance(said, Callback)
        assert said.kind in Kind


def _judged(data: bytes, read: Callable[[], Sequence[object]], count: int, yes: bytes) -> None:
    """As many verdicts as were asked for; none is a yes that the answer does not say."""
    try:
        replies = read()
    except (NotAReply, WrongCredentials):
        return
    assert len(replies) == count
    good = [reply for reply in replies if getattr(reply, "verdict", None) in (Verdict.ACCEPTED, Verdict.WARNED)]
    assert not good or yes in data or b"\\u" in data, "accepted, and the answer does not say so"


def contacts_answer(data: bytes, _folder: Path) -> None:
    """What is answered to contacts."""
    for name in dialects.names():
        _judged(data, lambda name=name: dialects.find(name).contacts_reply(CONTACTS, data), len(CONTACTS), b"success")  # type: ignore[misc]


def messages_answer(data: bytes, _folder: Path) -> None:
    """What is answered to messages."""
    for name in dialects.names():
        _judged(data, lambda name=name: dialects.find(name).messages_reply(MESSAGES, data), len(MESSAGES), b"sent")  # type: ignore[misc]


def call_answer(data: bytes, _folder: Path) -> None:
    """What is answered to a click-to-call; and how long a busy vendor asks to wait."""
    _judged(data, lambda: [dialects.find("insim-v1").call_reply(data)], 1, b"success")
    asked = retry_after(data.decode("latin-1"), 1.8e9)
    assert asked is None or 0 <= asked < float("inf")


# --- the whole program ------------------------------------------------------------------------------------------------


def _ran(*words: str) -> None:
    result = CliRunner().invoke(cli, words, env=ENVIRONMENT)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code in (0, 1, 2, 3, 4)
    assert SECRET not in result.output
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", result.output), "the terminal is steered"


def program_on_contacts(data: bytes, folder: Path) -> None:
    """`report --file`: any file, through recognition, reading, normalizing and both reports."""
    path = folder / "contacts.csv"
    path.write_bytes(data)
    _ran("report", "--file", str(path), "--country", "FR", "--out", str(folder / "report.html"))


def program_on_configuration(data: bytes, folder: Path) -> None:
    """`runs` and `rules` under any configuration."""
    path = folder / "sync.toml"
    path.write_bytes(data)
    _ran("runs", "--config", str(path))


TARGETS: dict[str, Target] = {
    made.__name__: made
    for made in (
        csv, excel, vcard, jsonl, singer, parquet, sheet, messages, mapping_file, configuration, sms_template, plan_file,
        schedule, callback, contacts_answer, messages_answer, call_answer, program_on_contacts, program_on_configuration,
    )
}  # fmt: skip
