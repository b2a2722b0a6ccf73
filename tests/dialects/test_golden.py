"""The vendor's own examples, transcribed (typographic quotes and missing commas repaired): what we build and what we read.

The page's numbers are `+1XXXXXXXXXX`: each X is a digit here, another one for each contact.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sync_connector import dialects
from sync_connector.model import LINK, CallReply, Contact, Manner, Message, MessageReply, Priority, Reply, Verdict

GOLDEN = Path(__file__).parent / "golden"


def _golden(name: str, *numbers: str) -> str:
    text = (GOLDEN / f"{name}.json").read_text(encoding="utf-8")
    for number in numbers:
        text = text.replace("+1XXXXXXXXXX", number, 1)
    return text


DOE = Contact("+12025550101", "Doe", "Joe", "contact adress", "contact_email@gmail.com", "US")
SMITH = Contact("+12025550102", "Smith", "John", "contact adress", "contact_email@gmail.com")


def test_ardary_builds_the_request_of_the_vendors_page() -> None:
    """The request equals the page's example, but that the country is a code where the page says `+XX`."""
    wanted = _golden("ardary_contacts_request", DOE.phone_number, SMITH.phone_number).replace("+XX", "US")
    built = dialects.find("ardary").contacts_request("user@gmail.com", "YOUR_PASSWORD", [DOE, SMITH])
    assert json.loads(built) == json.loads(wanted)


def test_ardary_reads_the_success_of_the_vendors_page() -> None:
    """Both contacts of the page's example of success are accepted."""
    body = _golden("ardary_contacts_success", DOE.phone_number, SMITH.phone_number).encode()
    assert dialects.find("ardary").contacts_reply([DOE, SMITH], body) == [Reply(Verdict.ACCEPTED)] * 2


def test_ardary_reads_the_error_of_the_vendors_page() -> None:
    """The contact of the page's example of failure is refused with its code."""
    body = _golden("ardary_contacts_error").replace("+XXXXXXXXX", "+123456789").encode()
    assert dialects.find("ardary").contacts_reply([Contact("+123456789")], body) == [Reply(Verdict.REFUSED, ("#001",))]


def test_insim_builds_the_request_of_the_contract() -> None:
    """The request has an object for a header, the access key, and names in one word."""
    first, second = DOE._replace(phone_number="+33612345678", country_code="FR"), SMITH._replace(phone_number="+33612345679")
    built = dialects.find("insim-v1").contacts_request("user@gmail.com", "YOUR_ACCESS_KEY", [first, second])
    assert json.loads(built) == json.loads(_golden("insim_v1_contacts_request"))


def test_insim_reads_the_reply_of_the_contract() -> None:
    """`#004` on a success is a warning; the number is found under either of its two keys."""
    sent = [Contact("+33612345678"), Contact("+33612345679")]
    replies = dialects.find("insim-v1").contacts_reply(sent, _golden("insim_v1_contacts_reply").encode())
    assert replies == [Reply(Verdict.WARNED, ("#004",)), Reply(Verdict.REFUSED, ("#001",))]


@pytest.mark.parametrize("name", ["ardary", "insim-v1"])
def test_a_blank_field_is_sent_and_an_unknown_country_is_not(name: str) -> None:
    """What was emptied in the CRM is emptied at the vendor; a country that is not known is not named."""
    body = json.loads(dialects.find(name).contacts_request("u", "p", [Contact("+33612345678")]))
    (contact,) = body["contacts"]
    assert "country_code" not in contact
    assert set(contact.values()) == {"+33612345678", ""}
    assert {"adress", "email"} < set(contact)


CASSANDRA = Message(
    "09403292039020",
    "+12025550101",
    "Hi Cassandra, can you confirm our appointement ? \n If you cannot come, lease inform me or change meeting date here "
    f"{LINK}.",
    "https://www.my-link.com",
    "2020-01-02 13:34:00",
)
PACKAGE = Message(
    "109O3238932832",
    "+12025550102",
    "Dear customer, your package has been sent. \n Please inform us if any trouble.",
    date_to_send="2020-01-02 13:34:00",
)


def test_ardary_builds_the_messages_of_the_vendors_page() -> None:
    """The request equals the page's example but for the header's date: ours stands on each message, as the example's does too."""
    wanted = json.loads(_golden("ardary_messages_request", CASSANDRA.phone_number, PACKAGE.phone_number))
    assert {message["date_to_send"] for message in wanted["messages"]} == {wanted["header"][0].pop("date_to_send")}
    manner = Manner(sender_name="ArdarySMS", sender_mode="1")
    built = dialects.find("ardary").messages_request("user@gmail.com", "YOUR_ACCESS_KEY", [CASSANDRA, PACKAGE], manner)
    assert json.loads(built) == wanted


def test_insim_builds_the_messages_of_the_contract() -> None:
    """An object for a header, the priority on each message as `priorite`, its own placeholder, and nothing that is blank."""
    wanted = _golden("insim_v1_messages_request", CASSANDRA.phone_number, PACKAGE.phone_number)
    sent = [CASSANDRA, PACKAGE._replace(date_to_send="")]
    built = dialects.find("insim-v1").messages_request("user@gmail.com", "YOUR_ACCESS_KEY", sent, Manner(priority=Priority.HIGH))
    assert json.loads(built) == json.loads(wanted)


@pytest.mark.parametrize("name", ["ardary", "insim-v1"])
def test_the_answer_of_the_contract_about_messages_is_read(name: str) -> None:
    """Both generations answer with one list: `sent` decides, and the parts are kept."""
    body = _golden("messages_reply", CASSANDRA.phone_number, PACKAGE.phone_number).encode()
    replies = dialects.find(name).messages_reply([CASSANDRA, PACKAGE], body)
    assert replies == [MessageReply(Verdict.ACCEPTED, 1), MessageReply(Verdict.REFUSED, 1)]


def test_insim_asks_for_the_call_of_the_contract() -> None:
    """All that a click-to-call says stands in its header."""
    built = dialects.find("insim-v1").call_request("user@gmail.com", "YOUR_ACCESS_KEY", "+12025550101")
    assert json.loads(built) == json.loads(_golden("insim_v1_call_request", "+12025550101"))


def test_insim_reads_both_answers_of_the_contract_about_a_call() -> None:
    """A call is under way, or it is not and the code says why."""
    dialect = dialects.find("insim-v1")
    assert dialect.call_reply(_golden("insim_v1_call_success").encode()) == CallReply(Verdict.ACCEPTED, (), "call in progress")
    failed = CallReply(Verdict.REFUSED, ("#002",), "phone not connected or app not running")
    assert dialect.call_reply(_golden("insim_v1_call_error").encode()) == failed
