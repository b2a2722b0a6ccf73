"""Which fault a request meets, what its client sees of it, and how faults are asked for."""

from __future__ import annotations

import os
import random
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import trustme
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sync_connector import dialects
from sync_connector.cli import cli
from sync_connector.dialects import NotAReply
from sync_connector.errors import FixSetup
from sync_connector.model import Contact, Verdict
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.faults import KINDS, Asked, Faults, Met, Step, from_file, from_options, retry_after
from sync_connector.sandbox.misbehaving import PATHS
from sync_connector.sandbox.serve import Tls, in_background
from sync_connector.sandbox.spoiling import spoiled
from tests.conftest import LOGIN, PASSWORD, Project, e164, person

ROOT = Path(__file__).parent.parent.parent
NUMBERS = ["+33612345678", "+33612345679", "+33612345680"]
ASKED = Asked("contacts", 500, frozenset(NUMBERS))
DIALECT = dialects.find("ardary")
SENT = [Contact(number, "Jean") for number in NUMBERS]
BODY = DIALECT.contacts_request(LOGIN, PASSWORD, SENT)


def ask(address: str) -> httpx.Response:
    """Three contacts are posted."""
    return httpx.post(f"{address}/api/contact", content=BODY)


def test_a_schedule_says_which_requests_meet_what(tmp_path: Path) -> None:
    """`after` and `for` count requests, `of` looks at what is sent, and of several steps the first counts."""
    schedule = tmp_path / "night.toml"
    schedule.write_text(
        '[[steps]]\nafter = 2\nfor = 3\nfault = "429=5"\n[[steps]]\nfault = "500"\nof = "messages"\n'
        '[[steps]]\nafter = 4\nfault = "html"\n[[steps]]\nafter=6\nfault = "expired=2"\n',
        encoding="utf-8",
    )
    faults = Faults(from_file(schedule))
    met = [faults.met(place, ASKED) for place in range(7)]
    assert [one and (one.name, one.value) for one in met] == [None, None, *[("429", "5")] * 3, ("html", ""), ("html", "")]
    other = [faults.met(place, ASKED._replace(what="messages")) for place in range(6)]
    assert [one and one.name for one in other] == ["500", "500", "429", "429", "429", "500"]


def test_a_share_hangs_on_the_seed_and_the_place_alone() -> None:
    """The same seed spoils the same requests, another others; about the share of them."""
    steps = from_options(["500@0.3"])
    hits = [[Faults(steps, seed).met(place, ASKED) is not None for place in range(1_000)] for seed in (1, 1, 2)]
    assert hits[0] == hits[1] != hits[2]
    assert 250 < sum(hits[0]) < 350
    assert not any(Faults(from_options(["500@0"])).met(place, ASKED) for place in range(100))


def test_some_faults_look_at_what_is_asked() -> None:
    """A poisoned number must be among those sent, a body too large, a password expired."""
    poisoned, large, expired = (Faults(from_options([word])) for word in (f"poisoned={NUMBERS[1]}", "413=500", "expired=2"))
    assert poisoned.met(0, ASKED)
    assert not poisoned.met(0, ASKED._replace(numbers=frozenset(NUMBERS[:1])))
    assert large.met(0, ASKED._replace(size=501))
    assert not large.met(0, ASKED)
    assert [bool(expired.met(place, ASKED)) for place in range(4)] == [False, False, True, True]


def test_a_retry_after_is_seconds_or_a_date() -> None:
    """As the options have it; none where none is asked for."""
    now = datetime(2026, 3, 2, 11, 0, 58, tzinfo=UTC)
    assert [retry_after(value, now) for value in ("", "7", "date+7")] == [None, "7", "Mon, 02 Mar 2026 11:01:05 GMT"]


@given(st.sampled_from(sorted(KINDS)), st.integers(), st.integers(0, 9), st.integers(0, 40))
def test_no_spoiled_answer_makes_a_liar_of_its_reader(name: str, seed: int, count: int, length: int) -> None:
    """Whatever is made of an answer, its reader takes nobody for accepted whom it refused, and falls over nothing."""
    entries = ",".join(
        f'{{"phone_number":"{number}","result":"{"failed" if number == NUMBERS[1] else "success"}"}}' for number in NUMBERS
    )
    value = str(length) if KINDS[name].value in ("BYTES", "BYTE") else str(count)
    body = spoiled(Met(name, value, random.Random(seed)), f'{{"data":{{"contact":[{entries}]}}}}'.encode())
    try:
        replies = DIALECT.contacts_reply(SENT, body)
    except NotAReply:
        return
    assert len(replies) == 3
    assert replies[1].verdict in (Verdict.REFUSED, Verdict.UNKNOWN)


@pytest.mark.parametrize("body", [b'{"error": "no"}', b"[]", b'{"data": []}', b'{"data": {"contact": []}}'])
@pytest.mark.parametrize("name", sorted(KINDS))
def test_an_answer_without_entries_can_be_spoiled(name: str, body: bytes) -> None:
    """It stays without, or gets those that are surplus."""
    assert spoiled(Met(name, "1", random.Random(1)), body) is not None


def read_to_the_end(address: str) -> tuple[bytes, bool]:
    """What comes back on a socket of our own, and whether the connection was reset."""
    host, port = urlsplit(address).hostname, urlsplit(address).port
    head = f"POST /api/contact HTTP/1.1\r\nHost: {host}\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    with socket.create_connection((host, port), timeout=10) as connection:
        connection.sendall(head + BODY)
        read = bytearray()
        while True:
            try:
                piece = connection.recv(65_536)
            except ConnectionResetError:
                return bytes(read), True
            if not piece:
                return bytes(read), False
            read += piece


@pytest.mark.parametrize("name", ["reset", "cut"])
def test_a_connection_ends_before_any_byte_of_the_answer(
    sandbox: str, vendor: Vendor, name: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    """So many bytes come and no more, by a reset or a plain end; the vendor has taken the contacts; nothing is in its log."""
    whole = ""
    for end in (0, 1, 9, 40, 90, 130, 200):
        vendor.faults = Faults((Step(name, str(end)),))
        read, was_reset = read_to_the_end(sandbox)
        assert (len(read), was_reset) == (end, name == "reset")
        assert read.startswith(whole.encode())
        whole = read.decode()
    assert whole.startswith("HTTP/1.1 200 OK\r\n")
    assert set(vendor.contacts) == set(NUMBERS)
    assert {entry["fault"] for entry in vendor.requests} == {name}
    assert (caplog.text, capfd.readouterr()) == ("", ("", ""))


def test_what_is_late_is_late_by_the_vendors_clock(sandbox: str, vendor: Vendor) -> None:
    """`latency` waits once, `slow` before each byte, and both answer in the end."""
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    vendor.sleep = sleep
    plain = ask(sandbox).content
    vendor.faults = Faults(from_options(["latency=3"]))
    assert ask(sandbox).content == plain
    assert waits == [3.0]
    vendor.faults = Faults(from_options(["slow=2.5"]))
    assert ask(sandbox).content == plain
    assert waits[1:] == [2.5] * len(plain)


def test_the_vendor_tells_which_requests_met_a_fault(sandbox: str, vendor: Vendor) -> None:
    """`/_sandbox/requests` names it, taken or not; looking at the vendor meets none."""
    vendor.faults = Faults((Step("429", "5", lasts=1), Step("html", after=1, lasts=1)))
    assert [ask(sandbox).status_code for _ in range(3)] == [429, 200, 200]
    told = httpx.get(f"{sandbox}/_sandbox/requests").json()
    assert [(entry["status"], entry["contacts"], entry.get("fault")) for entry in told] == [
        (429, 0, "429"),
        (200, 3, "html"),
        (200, 3, None),
    ]
    assert vendor.times == dict.fromkeys(NUMBERS, 2)


def test_wrong_credentials_are_refused_before_any_answer_is_spoiled(sandbox: str, vendor: Vendor) -> None:
    """A fault of answers spoils those to what was taken, and no others."""
    vendor.faults = Faults(from_options(["html"]))
    wrong = httpx.post(f"{sandbox}/api/contact", content=BODY.replace(PASSWORD.encode(), b"x"))
    assert (wrong.status_code, wrong.json()) == (401, {"error": "wrong login or password"})
    assert [entry.get("fault") for entry in vendor.requests] == [None]


def test_every_address_of_the_api_meets_faults_and_no_other_does(sandbox: str, vendor: Vendor) -> None:
    """A wrong address is told so, whatever is asked for; of the API's none is forgotten."""
    vendor.faults = Faults(from_options(["502"]))
    assert {path: httpx.post(sandbox + path, content=b"{}").status_code for path in PATHS} == dict.fromkeys(PATHS, 502)
    vendor.faults = Faults(from_options(["html"]))
    assert {httpx.post(sandbox + path, content=b"{}").status_code for path in PATHS} == {401}
    before = len(vendor.requests)
    for fault in ("html", "429", "timeout"):
        vendor.faults = Faults(from_options([fault]))
        for path in ("/api/contactS", "/api/contact.php", "/contact", "/api/"):
            assert httpx.post(sandbox + path, content=BODY).status_code == 404
    assert len(vendor.requests) == before == 2 * len(PATHS)


def test_options_that_make_no_sense_are_all_told() -> None:
    """Each by its own words, and what could be written instead."""
    words = ["nonsense", "500=7", "poisoned", "429=soon", "html@2", "latency=-1", "html@", "500@0.5"]
    with pytest.raises(FixSetup) as fault:
        from_options(words)
    assert [sentence.partition(":")[0] for sentence in fault.value.faults] == [f"--fault {word}" for word in words[:-1]]
    assert "there are: latency, 429" in fault.value.faults[0]
    assert "write poisoned=NUMBER" in fault.value.faults[2]


WRONG = """\
seed = 3
[[steps]]
fault = "nonsense"
share = 2
[[steps]]
after = -1
for = 0
[[steps]]
fault = "html"
until = 7
of = "letters"
"""


def test_a_schedule_that_makes_no_sense_is_told_all_at_once(tmp_path: Path) -> None:
    """Every fault of the file in one go, each with its step; and with those of the options beside it."""
    path = tmp_path / "night.toml"
    path.write_text(WRONG, encoding="utf-8")
    with pytest.raises(FixSetup) as fault:
        from_file(path)
    places = [sentence.removeprefix(f"{path}: ").rsplit(": ", 1)[0][:13] for sentence in fault.value.faults]
    assert len(places) == 8
    assert [sum(f": step {n}: " in sentence for sentence in fault.value.faults) for n in (1, 2, 3)] == [2, 3, 2]
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", "--fault", "foo", "--faults", str(path)])
    assert (result.exit_code, len(result.output.splitlines())) == (2, 9)


@pytest.mark.parametrize("text", ["", "steps = 7", "steps = [7]", "[[steps", "\xff\x00", "steps = []", "[steps]\nfault = 7"])
def test_what_is_no_schedule_is_said(tmp_path: Path, text: str) -> None:
    """A file that is none ends it in a sentence."""
    path = tmp_path / "night.toml"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(FixSetup, match=r"night\.toml"):
        from_file(path)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--faults", "not-there.toml"], "not-there.toml"),
        (["--tls-cert", "cert.pem"], "give both"),
        (["--tls-cert", "not-there.pem", "--tls-key", "not-there.pem"], "PEM"),
        (["--events", "5", "--callback", "http://127.0.0.1:1/x", "--fault", "500"], "--fault is of requests"),
        (["--events", "5", "--callback", "http://127.0.0.1:1/x", "--tls-cert", "x", "--tls-key", "y"], "--tls-cert is of"),
    ],
)
def test_what_cannot_be_asked_of_the_sandbox_is_said(words: list[str], why: str) -> None:
    """Words that contradict each other end it before it begins."""
    result = CliRunner().invoke(cli, ["sandbox", "--port", "0", *words])
    assert (result.exit_code, result.exception.__class__) == (2, SystemExit)
    assert why in result.output


def test_the_command_has_faults(tmp_path: Path) -> None:
    """`sandbox --fault … --faults …` as a process: those of the options first, and it says which there are."""
    schedule = tmp_path / "night.toml"
    schedule.write_text('[[steps]]\nfor = 2\nfault = "503=9"\n', encoding="utf-8")
    words = ["--port", "0", "--fault", f"poisoned={NUMBERS[0]}@0", "--fault", "429=5@0", "--faults", str(schedule)]
    process = subprocess.Popen(
        [sys.executable, "-m", "sync_connector", "sandbox", *words],
        env=os.environ | {"SANDBOX_LOGIN": LOGIN, "SANDBOX_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(3)]
        address = said[0].split()[2]
        answers = [ask(address) for _ in range(3)]
        assert [(answer.status_code, answer.headers.get("retry-after")) for answer in answers] == [(503, "9")] * 2 + [(200, None)]
    finally:
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)
    assert said[2] == "requests meet faults: poisoned, 429, 503\n"
    assert "Traceback" not in err


def test_the_readme_and_the_help_name_every_fault() -> None:
    """A fault that is there can be found."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    told = CliRunner().invoke(cli, ["sandbox", "--help"]).output
    for name, kind in KINDS.items():
        word = f"{name}={kind.value}" if kind.value else name
        assert f"| `{word}` |" in readme
        assert f"\n    {name}" in told


def test_a_certificate_that_is_not_trusted_gets_nothing(
    on_sqlite: Project, vendor: Vendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over TLS with a certificate of an authority unknown here nothing is sent, and the reason is said; once the authority is
    known everything is."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    cert, key, ca = tmp_path / "cert.pem", tmp_path / "key.pem", tmp_path / "ca.pem"
    for blob in issued.cert_chain_pems:
        blob.write_to_path(str(cert), append=True)
    issued.private_key_pem.write_to_path(str(key))
    authority.cert_pem.write_to_path(str(ca))
    with in_background(vendor, Tls(str(cert), str(key))) as address:
        on_sqlite.address = address
        on_sqlite.configure(vendor={"tries": 1})
        on_sqlite.write([person(1)])
        assert "TLS certificate is not trusted" in on_sqlite.run("sync", code=1).stderr
        assert (vendor.contacts, vendor.requests) == ({}, [])
        monkeypatch.setenv("SSL_CERT_FILE", str(ca))
        assert on_sqlite.sync()["verdicts"]["accepted"] == 1
        assert set(vendor.contacts) == {e164(1)}
        vendor.faults = Faults(from_options(["reset=20"]))
        on_sqlite.write([person(1, **{"first name": "Anne"})])
        on_sqlite.configure(vendor={"tries": 1}, brakes={"changed": 1})
        assert on_sqlite.sync(code=3)["verdicts"]["unknown"] == 1
        assert vendor.contacts[e164(1)]["first_name"] == "Anne"


def test_a_date_is_seen_from_the_vendors_clock(sandbox: str, vendor: Vendor) -> None:
    """`429=date+30` is thirty seconds from now."""
    vendor.now = lambda: datetime(2026, 3, 2, tzinfo=UTC) + timedelta(hours=1)
    vendor.faults = Faults(from_options(["429=date+30"]))
    assert ask(sandbox).headers["retry-after"] == "Mon, 02 Mar 2026 01:00:30 GMT"
