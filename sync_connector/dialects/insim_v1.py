"""Dialect `insim-v1`, the second generation: a header that is an object, `login`, `accessKey`, names in one word.

Source: the vendor's public repositories insim-http-api, insim-api and insim-node. `#004` is a warning here: the contact
is created or updated all the same. Its documents know no test mode and no sender of a message.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sync_connector.dialects import _message_reply, _reply
from sync_connector.model import Callback, CallReply, Contact, Kind, Manner, Message, MessageReply, Mode, Reply

PLACEHOLDER = "[Lien_Tracking]"

CALLS = {"incoming": "incoming_call", "outgoing": "outgoing_call", "missed": "missed_call"}
QUALIFICATIONS = {"mobile": "call_qualification_from_mobile", "interface": "call_qualification_from_interface"}


class InsimV1:
    """`POST /contact`, `/sendsms` and `/clicTocall` on www.insim.app/api/v1."""

    name = "insim-v1"
    base_url = "https://www.insim.app/api/v1"
    contacts_path = "/contact"
    messages_path = "/sendsms"
    call_path = "/clicTocall"
    has_test_mode = False
    has_senders = False

    def contacts_request(self, login: str, password: str, contacts: Sequence[Contact]) -> bytes:
        """`password` is the access key. Blank fields are sent, as in the first generation."""
        header = {"login": login, "accessKey": password}
        return orjson.dumps({"header": header, "contacts": [_fields(contact) for contact in contacts]})

    def contacts_reply(self, sent: Sequence[Contact], body: bytes) -> list[Reply]:
        """See `Dialect.contacts_reply`. The number is `phonenumber` on success and `phone_number` on failure."""
        return _reply.verdicts(sent, _reply.contact_entries(body), ("phonenumber", "phone_number"))

    def messages_request(self, login: str, access_key: str, messages: Sequence[Message], manner: Manner) -> bytes:
        """The priority stands on each message, as `priorite`. There is no field for a sender: its settings are not sent.

        Raises `ValueError` for a rehearsal.
        """
        if manner.mode is not Mode.PROD:
            raise ValueError("this generation of the API has no test mode: every message would be sent")
        priority = {"priorite": int(manner.priority)}
        listed = [_message_reply.message_fields(message, PLACEHOLDER) | priority for message in messages]
        return orjson.dumps({"header": {"login": login, "accessKey": access_key}, "messages": listed})

    def messages_reply(self, sent: Sequence[Message], body: bytes) -> list[MessageReply]:
        """See `Dialect.messages_reply`."""
        return _message_reply.message_verdicts(sent, _message_reply.message_entries(body))

    def call_request(self, login: str, access_key: str, phone_number: str) -> bytes:
        """See `Dialect.call_request`. The number is the header's."""
        header = {"login": login, "accessKey": access_key, "type": "clicToCall", "phone_number": phone_number}
        return orjson.dumps({"header": header})

    def call_reply(self, body: bytes) -> CallReply:
        """See `Dialect.call_reply`."""
        return _message_reply.call_verdict(body)

    def callback(self, said: Callback) -> tuple[str, dict[str, str]]:
        """See `Dialect.callback`. All but statuses and clicks name the device, and a call comes as `calls`."""
        device = {"device_identification": said.device}
        match said.kind:
            case Kind.CALL:
                title = CALLS.get(said.direction, said.title)
                told = {"phone_number": said.number, "call_time": said.when, "duration": said.duration}
                return "calls", {**device, "title": title, **told}
            case Kind.CALL_QUALIFICATION:
                title = QUALIFICATIONS.get(said.direction, said.title)
                told = {"from": said.number, "qualification": said.text, "date": said.when}
                return "qualification", {**device, "title": title, **told}
            case Kind.SMS_STATUS:
                return "status", {
                    "user": said.login,
                    "phone_number": said.number,
                    "status": said.status,
                    "date_status": said.when,
                    "id_sms_api": said.id_sms_api,
                }
            case Kind.INCOMING_SMS:
                told = {"from": said.number, "message": said.text, "date": said.when}
                return "message", {**device, "title": "incoming_sms", **told}
            case Kind.LINK_CLICK:
                return "clics", {
                    "title": "clicked link",
                    "phone_number": said.number,
                    "link": said.link,
                    "date": said.when,
                    "id_sms_api": said.id_sms_api,
                }
        raise ValueError(f"no callback tells of {said.kind}")


def _fields(contact: Contact) -> dict[str, str]:
    fields = {
        "phone_number": contact.phone_number,
        "firstname": contact.first_name,
        "lastname": contact.last_name,
        "adress": contact.adress,
        "email": contact.email,
    }
    if contact.country_code:
        fields["country_code"] = contact.country_code
    return fields


DIALECT = InsimV1()
