"""Serving the receiver until a signal: its sockets, its files, the way in and the way out.

Law: when it is asked to stop it takes no new connection, answers what it has received, and ends.
"""

from __future__ import annotations

import ipaddress
import resource
import signal
import socket
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

import uvicorn

from sync_connector.config import Receive
from sync_connector.errors import FixSetup
from sync_connector.events.guard import HEAD_SIZE, Gate, GuardedConfig
from sync_connector.events.inbox import Inbox, open_inbox
from sync_connector.events.meters import Meters
from sync_connector.events.receive import receiver
from sync_connector.events.secret_file import SecretFile
from sync_connector.listening import beside, bound

LAST_ANSWERS = 5  # seconds that are left to them at the end
QUEUE = 1024  # connections that the system keeps until they are accepted
OTHER_FILES = 64  # that the process has open besides its connections
TOKEN_LENGTH = 16


def sockets(settings: Receive) -> list[socket.socket]:
    """The sockets to listen on: the public one, and the one for health and metrics if there is to be one. Raises `FixSetup`."""
    listening = [bound(settings.host, settings.port, "change receive.port or receive.host")]
    if settings.ops_port is not None:
        try:
            listening.append(bound("127.0.0.1", settings.ops_port, "change receive.ops_port"))
        except FixSetup:
            listening[0].close()
            raise
    return listening


def serve(settings: Receive, listening: Sequence[socket.socket]) -> int:
    """Receive on `sockets(settings)` until SIGTERM or SIGINT, and close them; the signal's number.
    For the main thread.

    Raises `FixSetup` and `TryLater` before anything is received: inbox, secrets, token, certificate.
    """
    with _closed(listening), closing(open_inbox(settings.inbox.get_secret_value())) as inbox:
        server = _server(settings, inbox, listening)
        server.run(sockets=list(listening))
        return server.stopped_by


@contextmanager
def in_background(settings: Receive, listening: Sequence[socket.socket] | None = None) -> Iterator[str]:
    """The receiver in a thread while the block runs, on a free port of this machine, or on these sockets; gives its address."""
    mine = listening or sockets(settings.model_copy(update={"host": "127.0.0.1", "port": 0}))
    with (
        _closed(mine),
        closing(open_inbox(settings.inbox.get_secret_value())) as inbox,
        beside(_server(settings, inbox, mine), mine),
    ):
        yield f"http{'s' if settings.tls_cert else ''}://127.0.0.1:{mine[0].getsockname()[1]}"


@contextmanager
def _closed(listening: Sequence[socket.socket]) -> Iterator[None]:
    try:
        yield
    finally:
        for each in listening:
            each.close()


class _Server(uvicorn.Server):
    """uvicorn's server, which tells what signal ended it and leaves it to others to die of it."""

    def __init__(self, config: GuardedConfig) -> None:
        super().__init__(config)
        self.gate = config.gate
        self.stopped_by = 0

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        former = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in former.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, _frame: object) -> None:
        self.stopped_by = sig
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(QUEUE)  # asyncio queues as many connections as it accepts at once

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for server in self.servers:
            server.close()
        self.gate.close()
        await super().shutdown(sockets)


def _server(settings: Receive, inbox: Inbox, listening: Sequence[socket.socket]) -> _Server:
    token = settings.token.get_secret_value() if settings.token else ""
    if token and len(token) < TOKEN_LENGTH:
        raise FixSetup(f"receive.token: is short enough to be guessed; it must have {TOKEN_LENGTH} signs or more")
    if not token.isascii() or not token.isprintable():
        raise FixSetup("receive.token: has signs that no client can send; only ASCII letters, digits and signs will do")
    _allow_files(settings.connections)
    secrets, meters = SecretFile(settings.secrets), Meters()
    ops_port = listening[1].getsockname()[1] if len(listening) > 1 else None
    gate = Gate(
        settings.connections,
        settings.timeout,
        lambda why: meters.closed.labels(why).inc(),
        tls=_tls(settings),
        in_clear=frozenset() if ops_port is None else frozenset({ops_port}),
    )
    config = GuardedConfig(
        receiver(settings, inbox, secrets, meters, ops_port=ops_port),
        gate,
        loop="asyncio",
        ws="none",
        lifespan="on",
        log_config=None,
        log_level="critical",  # its lines hold paths and queries; ours do not
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=bool(settings.trusted_proxies),
        forwarded_allow_ips=_as_uvicorn_reads(settings.trusted_proxies),
        h11_max_incomplete_event_size=settings.max_size + HEAD_SIZE,
        timeout_graceful_shutdown=LAST_ANSWERS,
        # Who came first is read before so many have come that it must make room.
        backlog=max(1, settings.connections // 8),
        workers=1,
    )
    return _Server(config)


def _as_uvicorn_reads(networks: Sequence[str]) -> list[str]:
    """As uvicorn knows them: networks without host bits, and those of IPv4 also as a socket for both families names them."""
    found = []
    for text in networks:
        network = ipaddress.ip_network(text, strict=False)
        found.append(str(network))
        if network.version == 4:
            found.append(f"::ffff:{network.network_address}/{96 + network.prefixlen}")
    return found


def _tls(settings: Receive) -> ssl.SSLContext | None:
    if not settings.tls_cert:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        # Without a password a key that wants one would have a person asked at the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key or None, password="")
    except (OSError, ValueError) as fault:  # a certificate that does not fit its key is an OSError as well
        raise FixSetup(f"receive.tls_cert, receive.tls_key: cannot be used: {fault}") from None
    return context


def _allow_files(connections: int) -> None:
    """Each connection is an open file; the system lets a process have so many.

    In a flood some more are open: several batches are accepted (see `backlog`) until those that make room for them are closed.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + connections // 2 + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < needed:
        if hard != resource.RLIM_INFINITY and hard < needed:
            raise FixSetup(
                f"receive.connections: {connections} connections need {needed} open files, and the system allows {hard}; lower "
                "it, or raise the limit (ulimit -n)"
            )
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))
