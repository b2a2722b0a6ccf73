"""Attempt: contacts in one request, once, and what its outcome means: verdicts, or why there are none and what may help.

Law: never more than one request. Request bodies carry the password: they are never logged, and neither is any answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum

import httpx

from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.errors import CredentialsRefused, FixSetup
from sync_connector.flow.pace import retry_after
from sync_connector.flow.post import (
    BODY_LIMIT,
    BODY_LIMIT_EACH,
    CREDENTIALS,
    LATE,
    NO_ENTRY,
    TOO_BUSY,
    TOO_LARGE,
    TRANSIENT,
    WRONG_ADDRESS,
    Endpoint,
    NoAnswer,
    post,
)
from sync_connector.model import Contact, Reply


class Sign(Enum):
    """What a failed attempt says of the pace."""

    BUSY = "there is too much to do"
    TOO_LARGE = "there is too much in one request"
    LATE = "it takes too long"


class Failed(Exception):
    """One attempt at a batch brought no answer to it. `split`: a smaller batch may fare better. `sent`: the vendor may
    have taken it. `reached`: somebody was there. `asked`: the seconds of a `Retry-After`. `again`: the same request may fare
    better later. `silent`: we gave up waiting, after all of vendor.timeout."""

    def __init__(
        self,
        why: str,
        *,
        split: bool,
        sent: bool = True,
        reached: bool = True,
        asked: float | None = None,
        again: bool = True,
        sign: Sign | None = None,
        silent: bool = False,
    ) -> None:
        super().__init__(why)
        self.split, self.sent, self.reached, self.asked, self.again = split, sent, reached, asked, again
        self.sign, self.silent = sign, silent


async def attempt(
    client: httpx.AsyncClient, endpoint: Endpoint, contacts: Sequence[Contact], now: Callable[[], float]
) -> list[Reply]:
    """The vendor's word on each contact. Raises `Failed`, `CredentialsRefused`, `FixSetup`."""
    dialect, url = endpoint.dialect, endpoint.url
    body = dialect.contacts_request(endpoint.login, endpoint.secret, contacts)
    try:
        status, headers, answer = await post(client, url, body, BODY_LIMIT + BODY_LIMIT_EACH * len(contacts))
    except NoAnswer as failure:
        late, sent = failure.late, failure.sent
        sign = Sign.LATE if late else None
        raise Failed(failure.why, split=sent, sent=sent, reached=failure.reached, sign=sign, silent=late) from None
    if status in NO_ENTRY:
        raise CredentialsRefused(CREDENTIALS.format(f"it answered {status}"))
    if status in WRONG_ADDRESS:
        raise FixSetup(f"{url} is not the vendor's address: it answered {status}; check vendor.base_url and vendor.dialect")
    if status in TOO_BUSY:
        asked = retry_after(headers.get("Retry-After"), now())
        raise Failed(f"status {status}", split=False, sent=status != 429, asked=asked, sign=Sign.BUSY)
    sign = Sign.TOO_LARGE if status in TOO_LARGE else Sign.LATE if status in LATE else None
    try:
        replies = dialect.contacts_reply(contacts, answer)
    except WrongCredentials:
        raise CredentialsRefused(CREDENTIALS.format("its answer says so")) from None
    except NotAReply as problem:
        why = str(problem) if 200 <= status < 300 else f"status {status}"
        raise Failed(why, split=True, again=status in TRANSIENT or 200 <= status < 300, sign=sign) from None
    if not 200 <= status < 300:
        raise Failed(f"status {status}", split=True, again=status in TRANSIENT, sign=sign)
    return replies
