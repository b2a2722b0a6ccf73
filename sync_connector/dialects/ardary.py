"""Dialect `ardary`, the first generation: a header that is a list of one object, `login`, `password`, `api: true`.

Source: the vendor's page "CRM inSIM" (its example of adding contacts, and its two examples of answers).
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from sync_connector.dialects import _reply
from sync_connector.model import Contact, Reply


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


def _fields(contact: Contact) -> dict[str, str]:
    fields = contact._asdict()
    if not contact.country_code:
        del fields["country_code"]
    return fields


DIALECT = Ardary()
