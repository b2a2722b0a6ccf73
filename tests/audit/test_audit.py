"""`make audit` fails for a known vulnerability, and never calls audited what nobody looked up: the real pip-audit, and an index
in its way that answers as the real one does."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import trustme

from tests.audit import run

PROGRAM = Path(run.__file__)
LOCK = "".join(f"{name}=={version} --hash=sha256:{'0' * 64}\n" for name, version in (("jinja2", "2.10"), ("idna", "3.10")))
# As the index tells it of that version.
KNOWN = {
    "id": "PYSEC-2021-66",
    "aliases": ["CVE-2020-28493"],
    "details": "This affects the package jinja2 from 0.0.0 and before 2.11.3.",
    "fixed_in": ["2.11.3"],
    "summary": None,
    "source": "osv",
    "withdrawn": None,
}
NONE: list[object] = []


@pytest.fixture(scope="module")
def pip_audit() -> str:
    """The Python in which pip-audit is installed."""
    python = os.environ.get("SYNC_CONNECTOR_TEST_PIP_AUDIT", "")
    if not python:
        pytest.skip("no pip-audit is named: make audit, then SYNC_CONNECTOR_TEST_PIP_AUDIT=$PWD/.venv-audit/bin/python")
    return python


@contextmanager
def index(folder: Path, packages: Mapping[str, list[object]]) -> Iterator[dict[str, str]]:
    """An index that knows these packages and their vulnerabilities, behind a proxy through which every name leads to it; the
    environment in which it is used."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))

    def answer(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            host = connection.recv(65_536).split()[1].rpartition(b":")[0].decode()
            connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(host).configure_cert(context)
            with context.wrap_socket(connection, server_side=True) as secure:
                while request := secure.recv(65_536):
                    name = request.split()[1].split(b"/")[2].decode()
                    body = json.dumps({"info": {"name": name}, "vulnerabilities": packages.get(name)}).encode()
                    status = b"200 OK" if name in packages else b"404 Not Found"
                    secure.sendall(b"HTTP/1.1 %b\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))

    def serve() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

    with closing(socket.create_server(("127.0.0.1", 0))) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        proxy = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield os.environ | {
            "HTTPS_PROXY": proxy,
            "https_proxy": proxy,
            "REQUESTS_CA_BUNDLE": str(folder / "ca.pem"),
            "NO_PROXY": "",
        }
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()


def audit(folder: Path, python: str, environment: Mapping[str, str]) -> tuple[int, str]:
    """Run the program on a lock of two packages; its exit code and what it prints."""
    (folder / "test.lock").write_text(LOCK)
    words = [sys.executable, str(PROGRAM), "test.lock", "--pip-audit", python, "--cache-dir", str(folder / "cache")]
    ran = subprocess.run(words, cwd=folder, env=dict(environment), capture_output=True, text=True, check=False)
    assert "Traceback" not in ran.stderr
    return ran.returncode, ran.stdout


def test_a_known_vulnerability_fails(pip_audit: str, tmp_path: Path) -> None:
    """Package, version, advisory, and where it is mended; the exit code is 1."""
    with index(tmp_path, {"jinja2": [KNOWN], "idna": NONE}) as environment:
        assert audit(tmp_path, pip_audit, environment) == (1, "VULNERABLE  jinja2 2.10: PYSEC-2021-66, mended in 2.11.3\n")


def test_what_is_sound_passes(pip_audit: str, tmp_path: Path) -> None:
    """Packages that the index knows, and of which it knows nothing bad."""
    with index(tmp_path, {"jinja2": NONE, "idna": NONE}) as environment:
        assert audit(tmp_path, pip_audit, environment) == (0, "audited: test.lock, 2 of 2 packages, no known vulnerability\n")


def test_what_the_index_does_not_know_is_not_audited(pip_audit: str, tmp_path: Path) -> None:
    """Some of them, or all: each time it is said, though pip-audit itself is content with it."""
    with index(tmp_path, {"idna": NONE}) as environment:
        code, said = audit(tmp_path, pip_audit, environment)
        assert (code, said.splitlines()[0]) == (0, "not audited: of test.lock jinja2, which the service does not know")
        assert said.splitlines()[1:] == ["audited: test.lock, 1 of 2 packages, no known vulnerability"]
    with index(tmp_path, {}) as environment:
        unknown = (0, "not audited: test.lock (the service knows none of the packages: it is no full index)\n")
        assert audit(tmp_path, pip_audit, environment) == unknown


def test_without_a_network_nothing_is_audited(pip_audit: str, tmp_path: Path) -> None:
    """Nobody listens: a sentence that says so, and no failure, since nothing is known to be wrong."""
    with closing(socket.create_server(("127.0.0.1", 0))) as gone:
        nowhere = f"http://127.0.0.1:{gone.getsockname()[1]}"
    code, said = audit(tmp_path, pip_audit, os.environ | {"HTTPS_PROXY": nowhere, "https_proxy": nowhere, "NO_PROXY": ""})
    assert code == 0
    assert said.startswith("not audited: test.lock (")
    assert "audited: test.lock," not in said


def test_without_pip_audit_nothing_is_audited(tmp_path: Path) -> None:
    """Where it could not be installed, that is said."""
    code, said = audit(tmp_path, str(tmp_path / "none"), os.environ)
    assert (code, said.startswith("not audited: test.lock (")) == (0, True)
