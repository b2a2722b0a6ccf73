"""Dialect `ardary`, the first generation: a header that is a list of one object, `login`, `password`, `api: true`.

Source: the vendor's page "CRM inSIM" (its examples of sending SMS and of adding contacts, its two examples of answers, its
callbacks). It has no click-to-call.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sync_connector.dialects import NotAReply, _message_reply, _reply
from sync_connector.model import LINK, Callback, CallReply, Contact, Kind, Manner, Message, MessageReply, Reply

CALLS = {"incoming": "INCOMING CALL", "outgoing": "OUTGOING CALL", "missed": "MISSED"}
QUALIFICATIONS = {"mobile": "Call qualification From Mobile", "interface": "Call qualification From Interface"}


class Ardary:
    """`POST /api/contact` and `/api/sendSms` on www.ardary-sms.com."""

    name = "ardary"
    base_url = "https://www.ardary-sms.com"
    contacts_path = "/api/contact"
    messages_path = "/api/sendSms"
    call_path = ""
    has_test_mode = True
    has_senders = True

    def contacts_request(self, login: str, password: str, contacts: Sequence[Contact]) -> bytes:
        """Every field of every contact, blank ones too (so that a value removed in the CRM is removed at the vendor),
        but `country_code` only where it is known."""
        header = [{"login": login, "password": password, "api": True}]
        return orjson.dumps({"header": header, "contacts": [_fields(contact) for contact in contacts]})

    def contacts_reply(self, sent: Sequence[Contact], body: bytes) -> list[Reply]:
        """See `Dialect.contacts_reply`."""
        return _reply.verdicts(sent, _reply.contact_entries(body), ("phone_number", "phonenumber"))

    def messages_request(self, login: str, access_key: str, messages: Sequence[Message], manner: Manner) -> bytes:
        """Priority and mode are the header's; a date stands on each message that has one, never on the header."""
        header: dict[str, object] = {"accesskey": access_key, "login": login}
        if manner.sender_name:
            header["sender_name"] = manner.sender_name
        if manner.sender_mode:
            header["sender_mode"] = manner.sender_mode
        header |= {"priority": int(manner.priority), "mode": manner.mode.value}
        listed = [_message_reply.message_fields(message, LINK) for message in messages]
        return orjson.dumps({"header": [header], "messages": listed})

    def messages_reply(self, sent: Sequence[Message], body: bytes) -> list[MessageReply]:
        """See `Dialect.messages_reply`."""
        return _message_reply.message_verdicts(sent, _message_reply.message_entries(body))

    def call_request(self, login: str, access_key: str, phone_number: str) -> bytes:  # noqa: ARG002 (as every dialect)
        """See `Dialect.call_request`: it raises `ValueError`."""
        raise ValueError("this generation of the API has no click-to-call")

    def call_reply(self, body: bytes) -> CallReply:  # noqa: ARG002 (as every dialect)
        """See `Dialect.call_reply`: nothing is an answer to what cannot be asked."""
        raise NotAReply("this generation of the API has no click-to-call")

    def callback(self, said: Callback) -> tuple[str, dict[str, str]]:
        """See `Dialect.callback`. A call's keys are in capitals, and a qualification comes as `calls`."""
        match said.kind:
            case Kind.CALL:
                title = CALLS.get(said.direction, said.title)
                told = {"TITLE": title, "PHONE_NUMBER": said.number, "CALL_TIME": said.when, "DURATION": said.duration}
                return "call", told
            case Kind.CALL_QUALIFICATION:
                title = QUALIFICATIONS.get(said.direction, said.title)
                return "calls", {"title": title, "from": said.number, "qualification": said.text, "date": said.when}
            case Kind.SMS_STATUS:
                return "status", {
                    "user": said.login,
                    "phone_number": said.number,
                    "status": said.status,
                    "date_status": said.when,
                    "id_sms_api": said.id_sms_api,
                }
            case Kind.INCOMING_SMS:
                return "message", {"title": "incoming sms", "from": said.number, "message": said.text, "date": said.when}
            case Kind.LINK_CLICK:
                return "click", {
                    "title": "clicked link",
                    "phonenumber": said.number,
                    "link": said.link,
                    "date": said.when,
                    "id_sms_api": said.id_sms_api,
                }
        raise ValueError(f"no callback tells of {said.kind}")


def _fields(contact: Contact) -> dict[str, str]:
    fields = contact._asdict()
    if not contact.country_code:
        del fields["country_code"]
    return fields


DIALECT = Ardary()
