"""Serving the sandbox on this machine: in the foreground for people, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import uvicorn

from sync_connector.listening import beside, bound
from sync_connector.sandbox.app import Vendor, sandbox

__all__ = ["bound", "in_background", "serve"]


def serve(vendor: Vendor, listening: socket.socket) -> None:
    """Answer until Ctrl-C."""
    with suppress(KeyboardInterrupt):  # the server has ended well when it raises the signal once more
        _server(vendor).run(sockets=[listening])


@contextmanager
def in_background(vendor: Vendor) -> Iterator[str]:
    """The sandbox on a free port while the block runs; gives its address."""
    listening = bound("127.0.0.1", 0)
    with beside(_server(vendor), [listening]):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def _server(vendor: Vendor) -> uvicorn.Server:
    config = uvicorn.Config(sandbox(vendor), log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    return uvicorn.Server(config)
