"""What a fuzzer begins with: the samples, the vendor's own examples, the mappings; and what it knows to be ugly."""

from __future__ import annotations

import json
import random
import zipfile
from pathlib import Path

from tests.fuzz.targets import GOLDEN, ROOT

CORPUS = Path(__file__).parent / "corpus"
SHORT = 4_000  # of a sample so much: small ones are tried more often

SYNC_TOML = b"""[vendor]
base_url = "https://www.ardary-sms.com"
login = "${ARDARY_LOGIN}"
password = "${ARDARY_PASSWORD}"
[source]
name = "crm"
path = "contacts.csv"
mapping = "generic"
default_country = "FR"
[ledger]
url = "${LEDGER_URL}"
[events]
zone = "Europe/Paris"
[receive]
allow = ["10.0.0.0/8"]
[[sinks]]
name = "crm"
type = "sql"
url = "${CRM_URL:-sqlite:///x.db}"
[rules.severity]
landline = "off"
"""
TEMPLATES = [
    b"Bonjour {first_name|title}, {% if city %}de {city}{% endif %} [Link]",
    b"{{first_name}} {first_name|default('x')|truncate(5)} {'{'} {% raw %}a{% endraw %} {big|replace('x', city)}",
]
CARD = (
    b"BEGIN:VCARD\r\nVERSION:3.0\r\nN;CHARSET=UTF-8:Dupont;Jean;;;\r\nFN:Jean\r\nitem1.TEL;TYPE=CELL,pref:06 12 34 56 78\r\n"
    b"UID:a\r\nNOTE;ENCODING=QUOTED-PRINTABLE:=C3=A9=\r\n x\r\nEND:VCARD\r\n"
)
LINE = b'{"id": 1, "first name": "J", "mobile": "0612345678", "tags": ["a", {"b": null}]}\n{"id": "2"}\n'
FAULTS = b'[[fault]]\nkind = "status"\nstatus = 503\nretry_after = "2"\n[[fault]]\nkind = "slow"\nevery = 3\n429*2,reset@5\n'
UGLY: tuple[bytes, ...] = (
    b'"', b'""', b"'", b"\0", b"\r", b"\n", b"\r\n", b",", b";", b"\t", b"|", b"\xef\xbb\xbf", b"\xff\xfe", b"\xff", b"\xc3",
    b"\xed\xa0\x80", "\u202e".encode(), b"\x1b[2J", b"{", b"}", b"{{", b"{%", b"%}", b"[", b"]", b"[" * 300, b'{"a":' * 300,
    b"%", b"%00", b"%25", b"${X}", b"${", b"file:", b"=1+1", b"-1", b"1e999", b"9" * 400, b"NaN", b"null", b"true",
    b"\\u0000", b"\\ud800", b"#001", b"success", b"failed", b"A" * 5_000, b"'; DROP TABLE x; --", b"../../etc/passwd",
    b"+33612345678", b"0612345678", b"1970-01-01", b"9999-12-31T23:59:59Z", b"*",
)  # fmt: skip


def _files(*patterns: str) -> list[bytes]:
    return [path.read_bytes()[:SHORT] for pattern in patterns for path in sorted(ROOT.glob(pattern))]


def _parts() -> list[bytes]:
    """The parts of a workbook, each with the letter by which the target knows it."""
    names = {"s": "xl/worksheets/sheet1.xml", "t": "xl/sharedStrings.xml", "y": "xl/styles.xml", "w": "xl/workbook.xml"}
    with zipfile.ZipFile(ROOT / "sample_data/crm/dynamics.xlsx") as book:
        return [letter.encode() + b"\n" + book.read(name) for letter, name in names.items() if name in book.namelist()]


def _answers(*names: str) -> list[bytes]:
    """Golden answers, each also as it would be told of the numbers that a target sent."""
    found = [(GOLDEN / f"{name}.json").read_bytes() for name in names]
    entries = [{"phone_number": f"+3361234567{n}", "result": "success", "errors": []} for n in range(3)]
    sent = [
        {"id_sms_api": f"id-{n}", "sent": 1, "sms_per_message": 1, "phone_number": f"+3361234567{min(n, 1)}"} for n in range(3)
    ]
    return [
        *found,
        json.dumps({"data": {"contact": entries}}).encode(),
        json.dumps(sent).encode(),
        b"<html>login incorrect</html>",
    ]


def seeds(target: str) -> list[bytes]:
    """What that target begins with; what was once found comes first."""
    csvs = _files("sample_data/*.csv", "sample_data/crm/*.csv")
    token = b"id;mobile;sync-connector\r\n1;06;x\r\n"
    made = {
        "csv": csvs,
        "excel": [*_parts(), *_files("sample_data/crm/*.xlsx")],
        "vcard": [CARD, CARD * 2],
        "jsonl": [LINE],
        "singer": _files("tests/sources/files/*.singer"),
        "parquet": [b"PAR1" + b"\0" * 40 + b"PAR1"],
        "sheet": [token, *(b"x" + part for part in _parts())],
        "messages": [*_files("sample_data/messages.csv"), b"phone_number,message\n0612345678,Hello\n"],
        "mapping_file": _files("mappings/*.toml"),
        "configuration": [SYNC_TOML],
        "sms_template": TEMPLATES,
        "plan_file": [b'{"plan": {"format": 1},\n"send": [\n{"key": "1"}\n],\n"body_digest": "0"}\n'],
        "schedule": [FAULTS],
        "callback": [*_files("tests/dialects/golden/*callbacks.json"), *_files("sample_data/callbacks/*.tsv")[0].splitlines()],
        "contacts_answer": _answers("ardary_contacts_success", "ardary_contacts_error", "insim_v1_contacts_reply"),
        "messages_answer": _answers("messages_reply"),
        "call_answer": _answers("insim_v1_call_success", "insim_v1_call_error"),
        "program_on_contacts": csvs,
        "program_on_configuration": [SYNC_TOML],
    }  # fmt: skip
    found = [path.read_bytes() for path in sorted((CORPUS / target).glob("*"))]
    return found + made[target]


def mutated(data: bytes, chance: random.Random, others: list[bytes]) -> bytes:
    """The data with a few changes: bytes and pieces removed, repeated, taken from elsewhere, or replaced by ugly ones."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        at = chance.randrange(len(made) + 1)
        upto = min(len(made), at + chance.choice((1, 2, 8, 64, 512)))
        match chance.randrange(7):
            case 0:
                made[at:at] = chance.choice(UGLY)
            case 1:
                made[at:upto] = chance.choice(UGLY)
            case 2:
                del made[at:upto]
            case 3:
                made[at:at] = made[at:upto] * chance.choice((1, 2, 20))
            case 4 if made:
                made[min(at, len(made) - 1)] ^= 1 << chance.randrange(8)
            case 5:
                other = chance.choice(others)
                begin = chance.randrange(len(other) + 1)
                made[at:upto] = other[begin : begin + chance.choice((1, 8, 64, 512))]
            case _:
                del made[chance.choice((at, len(made))) :]
    return bytes(made)
