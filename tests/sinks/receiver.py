"""A web service for the tests: real sockets, answers as a test tells, and a note of everything that came."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple


class Answer(NamedTuple):
    """What the service says to a request; without a status it cuts the connection."""

    status: int | None = 204
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


class Request(NamedTuple):
    """What came."""

    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def told(self) -> Any:
        """The body, as JSON."""
        return json.loads(self.body)


@dataclass
class Receiver:
    """The service. `script`: its next answers; then it accepts everything."""

    url: str = ""
    script: list[Answer] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    @property
    def ids(self) -> list[str]:
        """The `webhook-id` of each request."""
        return [request.headers["webhook-id"] for request in self.requests]


@contextmanager
def receiving(*script: Answer, tls: ssl.SSLContext | None = None) -> Iterator[Receiver]:
    """The service on a free port while the block runs."""
    receiver = Receiver(script=list(script))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            receiver.requests.append(Request(headers, body, self.client_address[1]))
            answer = receiver.script.pop(0) if receiver.script else Answer()
            if answer.status is None:
                self.close_connection = True
                return
            self.send_response(answer.status)
            if answer.status != 204:
                self.send_header("Content-Length", str(len(answer.body)))
            for name, value in answer.headers:
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(answer.body)

        def log_message(self, *_words: object) -> None:
            """Nothing is printed."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_what: object) -> None:
            """A client that goes away is no event here."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    receiver.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/hook?token=s3cret"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield receiver
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def statuses(*codes: int) -> Sequence[Answer]:
    """Answers with these statuses and nothing else."""
    return [Answer(code) for code in codes]
