"""Serving the sandbox on this machine: in the foreground for people, in a thread for the demo and the tests."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn

from sync_connector.errors import FixSetup
from sync_connector.sandbox.app import Vendor, sandbox


def bound(host: str, port: int) -> socket.socket:
    """A listening socket of that address; port 0 takes a free one. Raises `FixSetup` when it is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # a client that comes before the server is ready waits in the queue
    except OSError as fault:
        listening.close()
        raise FixSetup(f"port {port} on {host} cannot be used: {fault.strerror}; choose another with --port") from None
    return listening


def serve(vendor: Vendor, listening: socket.socket) -> None:
    """Answer until a signal."""
    _server(vendor).run(sockets=[listening])


@contextmanager
def in_background(vendor: Vendor) -> Iterator[str]:
    """The sandbox on a free port while the block runs; gives its address."""
    listening = bound("127.0.0.1", 0)
    server = _server(vendor)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        listening.close()


def _server(vendor: Vendor) -> uvicorn.Server:
    config = uvicorn.Config(sandbox(vendor), log_level="error", access_log=False, lifespan="off", timeout_graceful_shutdown=2)
    return uvicorn.Server(config)
