"""HTTP as bytes on a socket: what no client would let one send."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import NamedTuple
from urllib.parse import urlsplit


class Reply(NamedTuple):
    """What came back until the connection was closed, or the answer was whole. Status 0: nothing."""

    status: int
    headers: dict[str, str]
    body: bytes


NOTHING = Reply(0, {}, b"")


def port_of(address: str) -> int:
    """The port of an address."""
    return urlsplit(address).port or 0


def connect(port: int, timeout: float = 10) -> socket.socket:
    """A connection to this machine."""
    return socket.create_connection(("127.0.0.1", port), timeout=timeout)


def _piece(connection: socket.socket) -> bytes:
    """What comes next; nothing when the connection is closed or reset, which is how a server stops reading what is too long."""
    try:
        return connection.recv(65_536)
    except ConnectionError:
        return b""


def read_reply(connection: socket.socket, *, head: bool = False) -> Reply:
    """One answer. Raises `TimeoutError` when the server is silent for too long."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        piece = _piece(connection)
        if not piece:
            return NOTHING
        raw += piece
    first, *lines = raw.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = raw.partition(b"\r\n\r\n")[2]
    status = int(first.split()[1])
    length = (
        0 if head or status == 204 else int(headers.get("content-length", 1 << 30))
    )  # without a length it ends with the connection
    while len(body) < length and (piece := _piece(connection)):
        body += piece
    return Reply(status, headers, body)


def exchange(port: int, raw: bytes, *, head: bool = False) -> Reply:
    """Send bytes on a new connection; the answer."""
    with closing(connect(port)) as connection:
        connection.sendall(raw)
        return read_reply(connection, head=head)


def get(target: bytes, *headers: bytes, method: bytes = b"GET") -> bytes:
    """A request."""
    return b"\r\n".join([b"%b %b HTTP/1.1" % (method, target), b"Host: localhost", *headers, b"", b""])
