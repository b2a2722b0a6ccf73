"""The pull interface from the other side, over real TLS: the same answers as the inbox itself, and a sentence for each fault."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from sync_connector.config import Receive
from sync_connector.errors import FixSetup, SyncError, TryLater
from sync_connector.events import remote as remote_module
from sync_connector.events.inbox import Inbox, Origin, open_inbox
from sync_connector.events.remote import RemoteInbox
from sync_connector.events.serving import in_background
from tests.events.conftest import TOKEN

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
ID = "0" * 32


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    """A company's own certificate authority."""
    return trustme.CA()


@pytest.fixture
def ca(authority: trustme.CA, tmp_path: Path) -> str:
    """The file with its certificate."""
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return str(tmp_path / "ca.pem")


@pytest.fixture
def inbox(settings: Receive) -> Iterator[Inbox]:
    """The inbox of the edge."""
    with closing(open_inbox(settings.inbox.get_secret_value())) as opened:
        yield opened


@pytest.fixture
def address(settings: Receive, secret: str, inbox: Inbox, authority: trustme.CA, tmp_path: Path) -> Iterator[str]:
    """The edge, over HTTPS."""
    issued = authority.issue_cert("127.0.0.1")
    issued.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    issued.private_key_pem.write_to_path(tmp_path / "key.pem")
    secured = {"tls_cert": str(tmp_path / "cert.pem"), "tls_key": str(tmp_path / "key.pem")}
    with in_background(settings.model_copy(update=secured)) as address:
        yield address


@pytest.fixture
def edge(address: str, ca: str) -> Iterator[RemoteInbox]:
    """The inside's way to it."""
    with closing(RemoteInbox(address, TOKEN, ca, timeout=10)) as remote:
        yield remote


@contextmanager
def answering(answer: Callable[[bytes], bytes]) -> Iterator[str]:
    """A server on this machine that answers each connection with the bytes made of what it was sent."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked = connection.recv(65_536)
                    if not asked:
                        return
                    connection.sendall(answer(asked))

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        port = listening.getsockname()[1]
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            with closing(socket.create_connection(("127.0.0.1", port))):
                pass  # who sends nothing ends it
            thread.join(10)


def http(status: int, body: bytes, *headers: str) -> bytes:
    """An answer."""
    lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def test_the_remote_inbox_is_the_inbox(edge: RemoteInbox, inbox: Inbox) -> None:
    """Pages and acknowledgements over HTTPS are those of the inbox itself; both are the same kind of origin."""
    inbox.append([(NOON, f"call=%7B{n}%7D'\"\\") for n in range(25)])
    here: Origin = inbox
    there: Origin = edge
    for after, limit in ((0, 10), (10, 10), (20, 10), (25, 10), (0, 1000), (0, 100_000)):
        assert there.page(after, limit) == here.page(after, limit)
    assert there.page(0, 1).callbacks[0].received_at.tzinfo is UTC
    there.acknowledge(20)
    assert inbox.waiting() == 5


def test_acknowledging_before_a_page(edge: RemoteInbox, inbox: Inbox) -> None:
    """Whoever goes on from a cursor can acknowledge without a page."""
    inbox.append([(NOON, "a")])
    edge.acknowledge(1)
    assert inbox.waiting() == 0
    with pytest.raises(FixSetup, match="has another inbox than the one that was read, or an older copy of it"):
        edge.acknowledge(2)


def test_a_whole_page_of_long_callbacks_passes(edge: RemoteInbox, inbox: Inbox) -> None:
    """The longest page that an inbox gives, with signs that JSON doubles, is not too much for the other side."""
    inbox.append([(NOON, '"\\' * 500_000)] * 9)
    page = edge.page(0, 1000)
    assert page == inbox.page(0, 1000)
    assert len(page.callbacks) == 8


def test_who_cannot_prove_itself_gets_no_token(address: str, tmp_path: Path) -> None:
    """A receiver that our authority does not vouch for is refused before anything is sent."""
    stranger = tmp_path / "stranger.pem"
    trustme.CA().cert_pem.write_to_path(stranger)
    for ca in (str(stranger), ""):
        with (
            closing(RemoteInbox(address, TOKEN, ca)) as remote,
            pytest.raises(FixSetup, match=r"cannot prove that it is the receiver: .*certificate verify failed"),
        ):
            remote.page(0, 1)


def test_a_name_that_is_not_the_certificates_is_refused(address: str, ca: str) -> None:
    """A certificate for another name is no proof."""
    with (
        closing(RemoteInbox(address.replace("127.0.0.1", "localhost"), TOKEN, ca)) as remote,
        pytest.raises(FixSetup, match="cannot prove that it is the receiver"),
    ):
        remote.page(0, 1)


def test_a_wrong_token_is_a_sentence_without_it(address: str, ca: str) -> None:
    """What to look at, and nothing that would help a reader of the log."""
    wrong = "another-token-altogether"
    with closing(RemoteInbox(address, wrong, ca)) as remote, pytest.raises(FixSetup) as fault:
        remote.page(0, 1)
    assert "pull.url, pull.token" in str(fault.value)
    assert wrong not in str(fault.value)


@pytest.mark.parametrize("url", ["http://edge.example.com", "http://127.0.0.2:8026", "ftp://127.0.0.1", "edge"])
def test_the_token_does_not_go_in_clear(url: str) -> None:
    """Plain http is for this machine alone."""
    with pytest.raises(FixSetup, match="would send the token in clear"):
        RemoteInbox(url, TOKEN)


@pytest.mark.parametrize("token", ["jeton-que-personne-ne-d\xe9vine", "two\nlines", "\0"])
def test_a_token_that_cannot_be_sent_is_a_sentence(token: str) -> None:
    """A sign that no header can hold: which setting, and nothing of the token."""
    with pytest.raises(FixSetup, match=r"pull\.token: has signs that no token has") as fault:
        RemoteInbox("https://127.0.0.1:1", token)
    assert token not in str(fault.value)


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_authority_that_is_none_is_a_sentence(tmp_path: Path, content: str | None) -> None:
    """No such file, an empty one, another one: pull.ca is named."""
    if content is not None:
        (tmp_path / "ca.pem").write_text(content)
    with pytest.raises(FixSetup, match=r"pull.ca: .* holds no certificate"):
        RemoteInbox("https://127.0.0.1:1", TOKEN, str(tmp_path / "ca.pem"))


def test_a_proxy_never_sees_what_goes_in_clear(settings: Receive, secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On this machine the environment's proxy is not used: the token would pass it in clear."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    with in_background(settings) as address, closing(RemoteInbox(address, TOKEN)) as remote:
        assert remote.page(0, 1).newest == 0


def page(**changes: object) -> bytes:
    """A page's JSON."""
    arrivals = [{"sequence": n, "received_at": "2026-03-01T12:00:00Z", "query": "a"} for n in (1, 2)]
    return json.dumps({"inbox": ID, "newest": 2, "callbacks": arrivals} | changes).encode()


ARRIVAL = {"sequence": 1, "received_at": "2026-03-01T12:00:00Z", "query": "a"}


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (http(200, b"<html>hello</html>"), TryLater, "not with a page of an inbox"),
        (http(200, page()[:50]), TryLater, "not with a page of an inbox"),
        (http(200, page(more=1)), TryLater, "not with a page of an inbox"),
        (http(200, page(newest="2")), TryLater, "not with a page of an inbox"),
        (http(200, page(callbacks=[ARRIVAL | {"query": "not encoded"}])), TryLater, "not with a page of an inbox"),
        (http(200, page(callbacks=[ARRIVAL | {"received_at": "2026-03-01T12:00:00"}])), TryLater, "not with a page"),
        (http(200, page(callbacks=[ARRIVAL, ARRIVAL])), TryLater, "other callbacks than it was asked for"),
        (http(200, page(callbacks=[ARRIVAL | {"sequence": 0}])), TryLater, "other callbacks than it was asked for"),
        (http(200, page(callbacks=[ARRIVAL | {"sequence": n} for n in range(1, 9)])), TryLater, "other callbacks"),
        (http(404, b"not found\n"), FixSetup, "does not know this token, or is no receiver with a receive.token"),
        (http(302, b"", "Location: http://192.0.2.1/"), FixSetup, "is no receiver of this version .status 302"),
        (http(401, b""), FixSetup, "is no receiver of this version .status 401"),
        (http(429, b""), TryLater, "cannot answer now .status 429"),
        (http(503, b'{"error": "x"}'), TryLater, "cannot answer now .status 503"),
        (http(200, page())[:-5], TryLater, "did not answer: RemoteProtocolError"),
        (b"nonsense\r\n\r\n", TryLater, "did not answer: RemoteProtocolError"),
        (b"", TryLater, "did not answer: RemoteProtocolError"),
    ],
)
def test_what_is_no_page_is_not_believed(answer: bytes, kind: type[SyncError], said: str) -> None:
    """Whatever comes back in place of a page is a sentence that says whom to ask or that it may pass; the token is not in it."""
    with (
        answering(lambda _: answer) as address,
        closing(RemoteInbox(address, TOKEN, timeout=10)) as remote,
        pytest.raises(kind, match=said) as fault,
    ):
        remote.page(0, 5)
    assert TOKEN not in str(fault.value)


def test_an_answer_has_a_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """More than the longest page there can be is not read, and what is packed is not unpacked."""
    monkeypatch.setattr(remote_module, "ANSWER_LIMIT", 10_000)
    asked: list[bytes] = []

    def much(request: bytes) -> bytes:
        asked.append(request)
        return http(200, b" " * 1_000_000)

    with (
        answering(much) as address,
        closing(RemoteInbox(address, TOKEN, timeout=10)) as remote,
        pytest.raises(TryLater, match="answered with too much, or too slowly"),
    ):
        remote.page(0, 5)
    assert b"accept-encoding: identity" in asked[0].lower()


def test_an_edge_that_is_away_is_asked_again_later(settings: Receive, secret: str) -> None:
    """Nobody there is TryLater; an edge that fails inside says so too, and the next page is right again."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    with closing(RemoteInbox(f"http://127.0.0.1:{port}", TOKEN)) as remote:
        with pytest.raises(TryLater, match="cannot be reached"):
            remote.page(0, 1)
        with closing(socket.create_server(("127.0.0.1", port))) as listening:
            changed = settings.model_copy(update={"ops_port": None, "token": SecretStr(TOKEN)})
            with in_background(changed, [listening]):
                assert remote.page(0, 1).callbacks == []


def test_what_is_not_tls_is_a_sentence(settings: Receive, secret: str) -> None:
    """https where the receiver speaks http, behind a proxy that is missing say: a sentence about the address."""
    with (
        in_background(settings) as address,
        closing(RemoteInbox(address.replace("http:", "https:"), TOKEN)) as remote,
        pytest.raises(FixSetup, match="cannot prove that it is the receiver"),
    ):
        remote.page(0, 1)
