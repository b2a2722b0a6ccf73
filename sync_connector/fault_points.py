"""Fault points: the named places at which a test lets the program die, or a disk, a database or the network fail.

There is one before and after whatever lasts: each commit, each request, each file. Law: a point is free while nobody listens
(one comparison), and only code in the same process can listen: no setting, argument or environment variable turns it on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy.engine import Connection, Engine

Listener = Callable[[str], None]
"""Is told the name of each point as it is reached, in whatever thread; what it raises is raised there."""

_listener: Listener | None = None


def reach(name: str) -> None:
    """The program is at this point."""
    if _listener is not None:
        _listener(name)


@contextmanager
def around(name: str) -> Iterator[None]:
    """`name.before` and `name.after` what is done in the block; the second only if it is done."""
    reach(f"{name}.before")
    yield
    reach(f"{name}.after")


@contextmanager
def transaction(database: Engine | Connection, name: str) -> Iterator[Connection]:
    """A transaction that is committed at the end: `name.before` and `name.after` its commit. Of an engine, on a connection that
    is given back."""
    if isinstance(database, Engine):
        with database.connect() as connection, transaction(connection, name):
            yield connection
        return
    with database.begin():
        yield database
        reach(f"{name}.before")
    reach(f"{name}.after")


@contextmanager
def told(listener: Listener) -> Iterator[None]:
    """Have the listener told of every point that is reached while the block runs. One listens at a time."""
    global _listener  # noqa: PLW0603  # a field or a variable of the context would cost more than a comparison
    before, _listener = _listener, listener
    try:
        yield
    finally:
        _listener = before
