"""Sockets that our own servers listen on, and a server that runs beside the program that started it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import uvicorn

from sync_connector.errors import FixSetup


def bound(host: str, port: int, advice: str = "choose another with --port") -> socket.socket:
    """A listening socket of that address; port 0 takes a free one. Raises `FixSetup`, with the advice, when it is taken."""
    listening = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # a client that comes before the server is ready waits in the queue
    except OSError as fault:
        listening.close()
        raise FixSetup(f"port {port} on {host} cannot be used: {fault.strerror}; {advice}") from None
    return listening


@contextmanager
def beside(server: uvicorn.Server, listening: Sequence[socket.socket]) -> Iterator[None]:
    """The server answers on these sockets, in a thread, while the block runs; then it ends and they are closed."""
    thread = threading.Thread(target=server.run, kwargs={"sockets": list(listening)}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        for each in listening:
            each.close()
