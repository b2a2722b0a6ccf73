"""`call`: click-to-call. The account's mobile calls a number, and its owner talks.

Law: it is asked for once. An answer that was lost is unknown: the telephone may be ringing.
"""

from __future__ import annotations

import asyncio
import time

from sync_connector import dialects
from sync_connector.config import Settings
from sync_connector.dialects import NotAReply, WrongCredentials
from sync_connector.errors import CredentialsRefused, FixSetup, TryLater
from sync_connector.fields.phone import phone_number
from sync_connector.flow.post import BODY_LIMIT, Endpoint, NoAnswer, new_client, post
from sync_connector.messaging import access_key
from sync_connector.model import CallReply, Verdict
from sync_connector.sms.send import REFUSED, NotTaken, refuse

MEANINGS = {
    "#001": "the vendor's servers are down; try again later",
    "#002": "the telephone is not connected, or the inSIM app does not run on it: open the app there, and try again",
}
"""The codes of a click-to-call: they mean other things than those of contacts."""


def call(settings: Settings, number: str) -> CallReply:
    """Let the account's mobile call a number. It is asked for once: an answer that was lost is unknown.

    Raises `FixSetup` (no such number, a generation without it), `TryLater` (the vendor was not reached), `CredentialsRefused`.
    """
    vendor = settings.vendor
    dialect = dialects.find(vendor.dialect)
    if not dialect.call_path:
        can = [name for name in dialects.names() if dialects.find(name).call_path]
        raise FixSetup(f"vendor.dialect: {dialect.name} has no click-to-call; {', '.join(can)} has it")
    found = phone_number(number, settings.events.default_country)
    if found.e164 is None:
        raise FixSetup(f"{number!r} is no number to call: {found.reason}")
    endpoint = Endpoint(dialect, (vendor.base_url or dialect.base_url) + dialect.call_path, vendor.login, access_key(settings))
    return asyncio.run(ask(endpoint, found.e164, vendor.timeout))


async def ask(endpoint: Endpoint, number: str, timeout: float) -> CallReply:
    """Ask once. `timeout` is in seconds. Raises `FixSetup`, `CredentialsRefused`, `TryLater` (nobody was called)."""
    body = endpoint.dialect.call_request(endpoint.login, endpoint.secret, number)
    async with new_client(timeout, 1, keeps_connections=False) as client:
        try:
            answer = await post(client, endpoint.url, body, BODY_LIMIT)
        except NoAnswer as failure:
            if failure.sent:
                return CallReply(Verdict.UNKNOWN)
            raise TryLater(f"the vendor is not reached ({failure.why}); nobody was called") from None
    try:
        refuse(answer, endpoint, time.time())
        return endpoint.dialect.call_reply(answer.body)
    except NotTaken as failure:
        raise TryLater(f"the vendor takes no calls now ({failure}); nobody was called") from None
    except WrongCredentials:
        raise CredentialsRefused(REFUSED.format("its answer says so")) from None
    except NotAReply:
        return CallReply(Verdict.UNKNOWN)


def refusal(reply: CallReply) -> str:
    """Why nobody was called, and what to do, as a sentence."""
    known = [MEANINGS[code] for code in reply.codes if code in MEANINGS]
    said = "; ".join(known) or reply.info or " ".join(reply.codes) or "no reason was given"
    return f"nobody was called: {said}"
