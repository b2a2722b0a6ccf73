"""Dialect `ardary`, the first generation: a header that is a list of one object, `login`, `password`, `api: true`.

Source: the vendor's page "CRM inSIM" (its example of adding contacts, its two examples of answers, its callbacks).
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sync_connector.dialects import _reply
from sync_connector.model import Callback, Contact, Kind, Reply

CALLS = {"incoming": "INCOMING CALL", "outgoing": "OUTGOING CALL", "missed": "MISSED"}
QUALIFICATIONS = {"mobile": "Call qualification From Mobile", "interface": "Call qualification From Interface"}


class Ardary:
    """`POST /api/contact` on www.ardary-sms.com."""

    name = "ardary"
    base_url = "https://www.ardary-sms.com"
    contacts_path = "/api/contact"

    def contacts_request(self, login: str, password: str, contacts: Sequence[Contact]) -> bytes:
        """Every field of every contact, blank ones too (so that a value removed in the CRM is removed at the vendor),
        but `country_code` only where it is known."""
        header = [{"login": login, "password": password, "api": True}]
        return orjson.dumps({"header": header, "contacts": [_fields(contact) for contact in contacts]})

    def contacts_reply(self, sent: Sequence[Contact], body: bytes) -> list[Reply]:
        """See `Dialect.contacts_reply`."""
        return _reply.verdicts(sent, _reply.contact_entries(body), ("phone_number", "phonenumber"))

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
