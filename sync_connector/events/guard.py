"""The connections of the receiver: how many there are, and how long each may let it wait.

uvicorn has no deadline for a client that dribbles its request, takes its answer slowly or never ends a TLS handshake, and
answers 503 when there are many. Law: a slow client keeps nobody out. A connection *waits for its client* while no whole
request of it is under way; whoever lets us wait for too long is closed, and when there are too many connections, the one
that has been waiting longest makes room.

A callback is not lost because its sender encodes carelessly: spaces and other signs in a request line that do not belong
there are percent-encoded before the line is read.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Callable
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

HEAD_SIZE = 16 << 10  # bytes of a request's head, the query not counted
SURPLUS = 64 << 10  # bytes of a body that nobody asked for
PRINTABLE = bytes(range(0x21, 0x7F))
ORIGIN = re.compile(rb"https?://[^/?#]*(?=/)", re.IGNORECASE)
STRANGE = re.compile(rb"[^!-~]+")
VERSIONS = (b"HTTP/1.1\r", b"HTTP/1.0\r", b"HTTP/1.1", b"HTTP/1.0")


def percent_encoded(raw: bytes) -> bytes:
    """Every byte that is no printable ASCII, as `%XX`; the others as they are."""
    if not raw.translate(None, PRINTABLE):  # nearly always
        return raw
    return STRANGE.sub(lambda found: b"%" + found[0].hex("%").upper().encode(), raw)


def path_of(target: bytes) -> bytes:
    """A target without the scheme and host that it may begin with (RFC 9112, 3.2.2: a server must accept them)."""
    found = ORIGIN.match(target)
    return target[found.end() :] if found else target


def repaired(line: bytes) -> bytes:
    """A request line whose target is a path, as a proxy's client writes it also with the host before it, and has nothing but
    printable ASCII; any other line as it is."""
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    if not target or version not in VERSIONS:
        return line
    return b"%b %b %b" % (method, percent_encoded(path_of(target)), version)


class Gate:
    """The open connections of one server, those that wait for their client in the order in which they began to.

    `limit`: connections at most; `timeout`: seconds; `closed` is told why a connection was closed on its client; `tls`: for
    the connections to any port but those of `in_clear`.
    """

    def __init__(
        self,
        limit: int,
        timeout: float,
        closed: Callable[[str], None],
        *,
        tls: ssl.SSLContext | None = None,
        in_clear: frozenset[int] = frozenset(),
    ) -> None:
        self.timeout, self.tls, self.in_clear = timeout, tls, in_clear
        self._limit, self._closed = limit, closed
        self._open: set[Connection] = set()
        self._waiting: dict[Connection, float] = {}
        self._sweeping = False

    def admit(self, connection: Connection) -> bool:
        """Count a new connection; the one that waits longest makes room. False if all the others are busy: then it is closed."""
        if len(self._open) >= self._limit:
            oldest = next(iter(self._waiting), None)
            self._shut(oldest or connection, "room" if oldest else "busy")
            if oldest is None:
                return False
        self._open.add(connection)
        self.waits(connection)
        return True

    def leave(self, connection: Connection) -> None:
        """The connection is closed."""
        self._open.discard(connection)
        self._waiting.pop(connection, None)

    def waits(self, connection: Connection, *, anew: bool = False) -> None:
        """It waits for its client, from now on or, unless `anew`, since it began to."""
        if connection not in self._open:
            return
        if anew:
            self._waiting.pop(connection, None)
        self._waiting.setdefault(connection, connection.loop.time())
        if not self._sweeping:
            self._sweeping = True
            connection.loop.call_later(self.timeout / 8, self._sweep, connection.loop)

    def busy(self, connection: Connection) -> None:
        """A whole request of it is under way, and the client need not do anything."""
        self._waiting.pop(connection, None)

    def close(self) -> None:
        """Nobody is waited for any more."""
        for connection in list(self._waiting):
            connection.shut(gently=True)

    def _shut(self, connection: Connection, why: str) -> None:
        self.leave(connection)
        self._closed(why)
        connection.shut()

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        for connection, since in list(self._waiting.items()):
            if since + self.timeout > loop.time():
                break
            self._shut(connection, "slow")
        self._sweeping = bool(self._waiting)
        if self._sweeping:
            loop.call_later(self.timeout / 8, self._sweep, loop)


class GuardedConfig(uvicorn.Config):
    """uvicorn's configuration, with the gate that its connections go through."""

    def __init__(self, app: Any, gate: Gate, **named: Any) -> None:
        super().__init__(app, http=Connection, **named)
        self.gate = gate


class Connection(H11Protocol):
    """A connection, guarded. The TLS handshake is ours, since asyncio's would not be counted."""

    def __init__(
        self,
        config: uvicorn.Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        if not isinstance(config, GuardedConfig):
            raise TypeError("a guarded connection needs a GuardedConfig")
        self.gate = config.gate
        self._socket: asyncio.Transport | None = None  # below TLS
        self._handshake: asyncio.Task[None] | None = None
        self._line = bytearray()  # of a request, as far as it came; before a handshake's end, all that came
        self._surplus = 0
        self._lost = False

    # --- from the beginning to the end ---

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client is there. It is let in, and shakes hands first if it must."""
        self._socket = transport
        if not self.gate.admit(self):
            return
        if self.gate.tls is None or transport.get_extra_info("sockname")[1] in self.gate.in_clear:
            super().connection_made(transport)
        else:
            transport.pause_reading()
            self._handshake = self.loop.create_task(self._shake_hands(transport, self.gate.tls))

    async def _shake_hands(self, transport: asyncio.Transport, tls: ssl.SSLContext) -> None:
        try:
            secured = await self.loop.start_tls(transport, self, tls, server_side=True, ssl_handshake_timeout=self.gate.timeout)
        except (OSError, EOFError):  # not TLS, none that we speak, too slow, or gone
            secured = None
        if secured is None or self._lost:
            transport.abort()
            return
        super().connection_made(secured)
        if self._line:  # it came together with the last message of the handshake
            early, self._line = bytes(self._line), bytearray()
            self.data_received(early)

    def eof_received(self) -> bool:  # type: ignore[override]
        """It sends no more. If it is still to be answered it is, and then closed; over TLS asyncio closes it at once."""
        if self._handshake is not None or not self._is_busy():
            return False
        self.cycle.keep_alive = False
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        self._lost = True
        self.gate.leave(self)
        if self.transport is not None:
            super().connection_lost(exc)

    def shut(self, *, gently: bool = False) -> None:
        """Close it, whatever it does; gently: what was answered is still sent."""
        if gently and self.transport is not None:
            self.transport.close()
        elif self._socket is not None:
            self._socket.abort()

    def shutdown(self) -> None:
        """The server ends: an answer that is under way is given, anything else is not waited for."""
        if self._is_busy():
            super().shutdown()
        else:
            self.shut(gently=True)

    # --- what it sends ---

    def data_received(self, data: bytes) -> None:
        """A piece of a request."""
        if self.transport is None:
            self._line += data
            return
        if self.cycle is not None and self.cycle.response_complete and self.conn.their_state is h11.SEND_BODY:
            self._surplus += len(data)
            if self._surplus > SURPLUS:
                self.shut()
                return
        if self.conn.their_state is h11.IDLE and not self.conn.trailing_data[0]:
            self._line += data
            most = self.config.h11_max_incomplete_event_size or 0
            if b"\n" not in data and len(self._line) <= most and self._line[0] > 0x20:
                self._unset_keepalive_if_required()  # what is too long, or cannot be HTTP, is for h11 to refuse
                return
            line, end, rest = bytes(self._line).partition(b"\n")
            data = repaired(line) + end + rest if end else line
            self._line.clear()
            self._surplus = 0
        super().data_received(data)
        self._look()

    def send_400_response(self, msg: str) -> None:
        """What it sends is not HTTP; an answer that is under way is not mixed with that."""
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            super().send_400_response(msg)
        else:
            self.shut(gently=True)

    # --- what it is answered ---

    def on_response_complete(self) -> None:
        """A request is answered; from now on we wait for the next."""
        self.gate.waits(self, anew=True)
        super().on_response_complete()
        self._look()

    def pause_writing(self) -> None:
        """It does not take what it is answered."""
        super().pause_writing()
        self.gate.waits(self, anew=True)

    def resume_writing(self) -> None:
        """It took what it is answered, up to a little."""
        super().resume_writing()
        self._look()

    def _is_busy(self) -> bool:
        cycle = self.cycle
        return cycle is not None and not cycle.response_complete and not cycle.more_body and not self.flow.write_paused

    def _look(self) -> None:
        if self._is_busy():
            self.gate.busy(self)
        else:
            self.gate.waits(self)
