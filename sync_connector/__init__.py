"""Keep a company's CRM and its Ardary / inSIM mobile telephony telling the same story."""

from __future__ import annotations

from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from sync_connector.client import Client, SentMessage
    from sync_connector.model import CallReply, Contact, Manner, Message, MessageState, Mode, Priority, Reply, Verdict

_CLIENT = ("Client", "SentMessage")
_NOUNS = ("CallReply", "Contact", "Manner", "Message", "MessageState", "Mode", "Priority", "Reply", "Verdict")

__all__ = [
    "CallReply",
    "Client",
    "Contact",
    "Manner",
    "Message",
    "MessageState",
    "Mode",
    "Priority",
    "Reply",
    "SentMessage",
    "Verdict",
    "__version__",
]


def __getattr__(name: str) -> object:
    """The client and its nouns, imported when they are asked for: the command line pays for neither."""
    from importlib import import_module

    if name in _CLIENT:
        return getattr(import_module("sync_connector.client"), name)
    if name in _NOUNS:
        return getattr(import_module("sync_connector.model"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
