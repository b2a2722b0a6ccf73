"""Serving the sandbox on this machine: in the foreground for people, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import NamedTuple

import uvicorn

from sync_connector.errors import FixSetup
from sync_connector.listening import beside, bound
from sync_connector.sandbox.app import Vendor, sandbox

__all__ = ["bound", "in_background", "serve"]


class Tls(NamedTuple):
    """The files (PEM) of a certificate and of its key."""

    cert: str
    key: str


def serve(vendor: Vendor, listening: socket.socket, tls: Tls | None = None) -> None:
    """Answer until Ctrl-C. Raises `FixSetup` for a certificate that cannot be used."""
    with suppress(KeyboardInterrupt):  # the server has ended well when it raises the signal once more
        _server(vendor, tls).run(sockets=[listening])


@contextmanager
def in_background(vendor: Vendor, tls: Tls | None = None) -> Iterator[str]:
    """The sandbox on a free port while the block runs; gives its address. Raises `FixSetup` as `serve`."""
    listening = bound("127.0.0.1", 0)
    with beside(_server(vendor, tls), [listening]):
        yield f"http{'s' if tls else ''}://127.0.0.1:{listening.getsockname()[1]}"


def _server(vendor: Vendor, tls: Tls | None) -> uvicorn.Server:
    cert, key = tls or (None, None)
    config = uvicorn.Config(
        sandbox(vendor),
        log_level="error",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=2,
        ssl_certfile=cert,
        ssl_keyfile=key,
    )
    try:
        config.load()
    except OSError as fault:  # an SSLError is one as well
        raise FixSetup(f"--tls-cert {cert}, --tls-key {key}: {fault.strerror or fault}; both are PEM files") from None
    return uvicorn.Server(config)
