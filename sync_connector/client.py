"""The vendor's API from a program of your own: contacts, messages and calls, both generations, with verdicts to be trusted.

    from sync_connector import Client, Contact

    client = Client("you@example.com", password=…, access_key=…)
    for reply in client.put_contacts([Contact("+33612345678", "Ana", "Durand")]):
        print(reply.verdict)
    print(client.send_sms("+33612345678", "Your parcel is here.").state)

It remembers nothing: what was sent before, who opted out and at which hours somebody may be written to is what the command line
and its ledger are for. What it keeps to is the rest: each contact's and each message's own verdict, taken from the answer only
where it can be trusted; contacts are sent again until there is one, messages never.

Law: not async at all. Whoever sends five messages from a script or a notebook should not need an event loop, and a function
that is both is two to keep true. Inside, the same stages run as in a sync, in a thread with a loop of their own, so that an
async program may call it as well (by `asyncio.to_thread`).
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TypeVar, TypeVarTuple

from anyio.from_thread import start_blocking_portal
from pydantic import ValidationError

from sync_connector import dialects
from sync_connector.calling import ask
from sync_connector.config import Vendor
from sync_connector.errors import FixSetup, SyncError
from sync_connector.flow.load import Loader
from sync_connector.flow.pace import Patience
from sync_connector.flow.post import Endpoint, new_client
from sync_connector.ledger.nouns import Outbound
from sync_connector.model import (
    CallReply,
    Change,
    Contact,
    Manner,
    Message,
    MessageReply,
    MessageState,
    Mode,
    Outgoing,
    Place,
    Reply,
    Verdict,
)
from sync_connector.sms.links import link_fault, with_link
from sync_connector.sms.send import Sender

_STATES = {Verdict.ACCEPTED: MessageState.SENT, Verdict.REFUSED: MessageState.REFUSED}


class SentMessage(NamedTuple):
    """A message and what became of it. `sent`: the vendor took it; `refused`: it did not; `unknown`: it may have, so do not
    send it again before a callback (with its `id_sms_api`) or a person says so; `unsent`: it certainly did not, and `reason`
    says why."""

    message: Message
    state: MessageState
    parts: int | None = None
    reason: str = ""


class Client:
    """One account at the vendor. Nothing stays open between its calls."""

    def __init__(
        self,
        login: str,
        *,
        password: str = "",
        access_key: str = "",
        dialect: str = "ardary",
        base_url: str = "",
        timeout: float = 30,
        batch_size: int = 100,
        concurrency: int = 4,
        tries: int = 5,
    ) -> None:
        """`password` is for contacts, `access_key` for messages and calls; `insim-v1` has the access key alone. `base_url`:
        another address than the vendor's own. `timeout`: seconds for one request; `tries`: attempts at one.

        Raises `FixSetup`: an unknown dialect, or an address that would send credentials in clear.
        """
        self._dialect = dialects.find(dialect)
        try:  # the same limits as in sync.toml
            Vendor(base_url=base_url, timeout=timeout, batch_size=batch_size, concurrency=concurrency, tries=tries)
        except ValidationError as fault:
            said = (f"{one['loc'][0]}: {str(one['msg']).removeprefix('Value error, ')}" for one in fault.errors())
            raise FixSetup(*said) from None
        self._url = (base_url or self._dialect.base_url).rstrip("/")
        keyed = dialect == "insim-v1"
        self._login = login
        self._password = password or (access_key if keyed else "")
        self._access_key = access_key or (password if keyed else "")
        self._timeout, self._concurrency, self._batch_size = timeout, concurrency, batch_size
        self._patience = Patience(tries)

    @property
    def dialect(self) -> str:
        """The generation of the API."""
        return self._dialect.name

    def __repr__(self) -> str:
        return f"Client({self._login!r}, dialect={self._dialect.name!r})"

    def put_contacts(self, contacts: Iterable[Contact]) -> list[Reply]:
        """Create or update contacts; numbers are E.164. The verdict on each, in order.

        Raises `CredentialsRefused`, `FixSetup`, `TryLater` (the vendor is not reached, or some have no verdict yet: send them all
        again, that does no harm).
        """
        self._need(self._password, "password")
        outgoing = [
            Outgoing(str(at), contact, Change.UPDATE, b"", b"", None, Place("", at)) for at, contact in enumerate(contacts)
        ]
        replies: dict[int, Reply] = {}

        async def begin(_: Sequence[Outgoing]) -> int:
            return 0

        async def settle(_: int, batch: Sequence[Outgoing], said: Sequence[Reply]) -> None:
            replies.update((one.place.line, reply) for one, reply in zip(batch, said, strict=True))

        async def load() -> None:
            async with new_client(self._timeout, self._concurrency) as client:
                endpoint = Endpoint(self._dialect, self._url + self._dialect.contacts_path, self._login, self._password)
                loader = Loader(
                    endpoint,
                    client,
                    begin,
                    settle,
                    lambda: False,
                    self._concurrency,
                    self._patience,
                    batch_size=self._batch_size,
                )
                await loader.load(iter(outgoing))

        _apart(load)
        return [replies[at] for at in range(len(outgoing))]

    def send_sms(self, phone_number: str, text: str, *, url: str = "", date_to_send: str = "", mode: str = "prod") -> SentMessage:
        """Send one message to a number (E.164). `url`: what the `[Link]` in the text leads to. `date_to_send`: later than now,
        `YYYY-MM-DD HH:MM:SS` in the account's zone. See `send_messages`."""
        message = Message(secrets.token_hex(10), phone_number, text, url, date_to_send)
        return self.send_messages([message], Manner(Mode(mode)))[0]

    def send_messages(self, messages: Iterable[Message], manner: Manner | None = None) -> list[SentMessage]:
        """Send messages, each at most once, and tell what became of each, in order.

        Raises `CredentialsRefused`, `FixSetup`, `TryLater` only where the vendor certainly took none of them; `ValueError` for
        a message without an id, two with one, a link without its place, or a rehearsal where there is no test mode.
        """
        self._need(self._access_key, "access_key")
        manner = manner or Manner()
        if manner.mode is Mode.TEST and not self._dialect.has_test_mode:
            raise ValueError(f"{self._dialect.name} has no test mode: the messages would be sent")
        outbound = [_outbound(message) for message in messages]
        if len({one.message.id_sms_api for one in outbound}) < len(outbound):
            raise ValueError("two messages have the same id_sms_api")
        told: dict[str, SentMessage] = {}

        def settle(batch: Sequence[Outbound], replies: Sequence[MessageReply]) -> None:
            for one, reply in zip(batch, replies, strict=True):
                state = _STATES.get(reply.verdict, MessageState.UNKNOWN)
                told[one.message.id_sms_api] = SentMessage(one.message, state, reply.parts)

        def not_sent(batch: Sequence[Outbound], reason: str) -> None:
            told.update((one.message.id_sms_api, SentMessage(one.message, MessageState.UNSENT, None, reason)) for one in batch)

        async def send() -> None:
            async with new_client(self._timeout, 1, keeps_connections=False) as client:
                where = self._where(self._dialect.messages_path)
                sender = Sender(where, client, lambda *_: None, settle, not_sent, lambda: False, self._patience)
                await sender.send((manner, batch) for batch in _cut(outbound, self._batch_size))

        failure = ""
        try:
            _apart(send)
        except SyncError as fault:
            if all(one.state is MessageState.UNSENT for one in told.values()):
                raise
            failure = str(fault)
        never = SentMessage(Message("", "", ""), MessageState.UNSENT, None, failure)
        return [told.get(one.message.id_sms_api, never._replace(message=one.message)) for one in outbound]

    def call(self, phone_number: str) -> CallReply:
        """Let the account's mobile call a number (E.164). Of an unknown verdict: the telephone may be ringing.

        Raises `FixSetup` (the first generation has no such call), `CredentialsRefused`, `TryLater` (nobody was called).
        """
        self._need(self._access_key, "access_key")
        if not self._dialect.call_path:
            raise FixSetup(f"{self._dialect.name} has no click-to-call")
        return _apart(ask, self._where(self._dialect.call_path), phone_number, self._timeout)

    def _where(self, path: str) -> Endpoint:
        return Endpoint(self._dialect, self._url + path, self._login, self._access_key)

    def _need(self, secret: str, name: str) -> None:
        if not self._login or not secret:
            raise FixSetup(f"Client: {name if self._login else 'login'} is missing")


T = TypeVar("T")
Given = TypeVarTuple("Given")


def _apart(ask: Callable[[*Given], Awaitable[T]], *given: *Given) -> T:
    """What a request comes to, made in a thread of its own: the caller's may have a loop that runs. The thread ends with it, for
    one that waits for the next would keep a program from ending."""
    with start_blocking_portal() as portal:
        return portal.call(ask, *given)


def _cut(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (items[start : start + size] for start in range(0, len(items), size))


def _outbound(message: Message) -> Outbound:
    if not message.id_sms_api:
        raise ValueError("a message needs an id_sms_api of its own: by it answers and callbacks tell of it")
    text, _ = with_link(message.text)
    if fault := link_fault(text, message.url):
        raise ValueError(fault)
    return Outbound(message._replace(text=text), "", message.id_sms_api, 0, None, None, None)
