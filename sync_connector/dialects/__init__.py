"""One file per generation of the vendor's API: build requests, read replies, build callbacks. Facts: its page, our API contract.

Law: a dialect never sends. Pure functions of bytes, so that it serves the client, the sandbox and the tests alike. Callbacks
are read by `_callback`, for all generations at once: what came is known by what is in it.
A dialect module has a `DIALECT`.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from typing import Protocol

from sync_connector.errors import FixSetup
from sync_connector.model import Callback, CallReply, Contact, Manner, Message, MessageReply, Reply


class Dialect(Protocol):
    """What the client needs of a generation of the API."""

    name: str
    base_url: str
    contacts_path: str
    messages_path: str
    call_path: str  # "": this generation has no click-to-call
    has_test_mode: bool  # whether messages can be rehearsed
    has_senders: bool  # whether a message can name its sender

    def contacts_request(self, login: str, password: str, contacts: Sequence[Contact]) -> bytes:
        """The body of a request that creates or updates contacts."""

    def contacts_reply(self, sent: Sequence[Contact], body: bytes) -> list[Reply]:
        """The vendor's verdict on each contact, in the order sent. Raises `NotAReply`, `WrongCredentials`."""

    def messages_request(self, login: str, access_key: str, messages: Sequence[Message], manner: Manner) -> bytes:
        """The body of a request that sends SMS. Raises `ValueError` for a rehearsal where there is no test mode."""

    def messages_reply(self, sent: Sequence[Message], body: bytes) -> list[MessageReply]:
        """The vendor's verdict on each message, in the order sent. Raises `NotAReply`, `WrongCredentials`."""

    def call_request(self, login: str, access_key: str, phone_number: str) -> bytes:
        """The body of a request that lets the account's mobile call a number. Raises `ValueError` where there is none."""

    def call_reply(self, body: bytes) -> CallReply:
        """What the vendor said of a click-to-call. Raises `NotAReply`, `WrongCredentials`."""

    def callback(self, said: Callback) -> tuple[str, dict[str, str]]:
        """How the vendor says it: the parameter's name, and the object that it carries as JSON. What this generation has no
        field for is left out. Raises `ValueError` for `Kind.UNKNOWN`."""


class NotAReply(Exception):
    """The body is not an answer of the API: HTML, cut short, a warning text, another shape. Says in a few words what."""


class WrongCredentials(Exception):
    """The body says that the login is wrong."""


def names() -> list[str]:
    """The generations there are, as `sync.toml` names them."""
    modules = (module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))
    return sorted(name.replace("_", "-") for name in modules)


def find(name: str) -> Dialect:
    """The dialect of that name. Raises `FixSetup`."""
    if name not in names():
        raise FixSetup(f"vendor.dialect: {name!r} is unknown; there are: {', '.join(names())}")
    dialect: Dialect = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").DIALECT
    return dialect
