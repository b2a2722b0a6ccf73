"""The client: the vendor's API from a program, over a real socket, both generations."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import pytest

import sync_connector
from sync_connector import Client, Contact, Manner, Message, MessageState, Mode, Reply, Verdict
from sync_connector.errors import CredentialsRefused, FixSetup, TryLater
from sync_connector.sandbox.app import Vendor
from tests.conftest import LOGIN, PASSWORD

ANA, BOB = Contact("+33612345678", "Ana", "Durand"), Contact("+33612345679", "Bob")
ADDRESSES = {"ardary": "", "insim-v1": "/api/v1"}


@pytest.fixture(params=list(ADDRESSES))
def dialect(request: pytest.FixtureRequest) -> str:
    """Each generation in turn."""
    return str(request.param)


@pytest.fixture
def client(sandbox: str, dialect: str) -> Client:
    """A client of the sandbox."""
    return Client(LOGIN, password=PASSWORD, access_key=PASSWORD, dialect=dialect, base_url=sandbox + ADDRESSES[dialect], tries=1)


def test_contacts_have_each_their_verdict(client: Client, vendor: Vendor) -> None:
    """In the order in which they were given, over several requests."""
    wrong = Contact("+3361", "Nobody")
    assert client.put_contacts([ANA, wrong, BOB]) == [
        Reply(Verdict.ACCEPTED),
        Reply(Verdict.REFUSED, ("#001",)),
        Reply(Verdict.ACCEPTED),
    ]
    assert client.put_contacts([]) == []
    assert set(vendor.contacts) == {ANA.phone_number, BOB.phone_number}


def test_a_message_is_sent_with_its_link(client: Client, vendor: Vendor, dialect: str) -> None:
    """The place of the link is in the words of the generation, whatever word was written."""
    sent = client.send_sms(ANA.phone_number, "Voici [lien]", url="https://example.com", date_to_send="2026-03-02 10:00:00")
    assert (sent.state, sent.parts) == (MessageState.SENT, 1)
    (taken,) = vendor.messages
    assert taken.message == {"ardary": "Voici [Link]", "insim-v1": "Voici [Lien_Tracking]"}[dialect]
    assert (taken.id_sms_api, taken.date_to_send) == (sent.message.id_sms_api, "2026-03-02 10:00:00")


def test_a_lost_answer_leaves_a_message_unknown_and_sends_it_once(client: Client, vendor: Vendor) -> None:
    """What the vendor may have taken is never sent again, and is told as unknown; contacts are, since that does no harm."""
    vendor.cut = 1.0
    told = client.send_messages([Message(f"id-{n}", f"+3361234567{n}", "Bonjour") for n in range(4)])
    assert [one.state for one in told] == [MessageState.UNKNOWN] * 4
    assert Counter(taken.id_sms_api for taken in vendor.messages) == {f"id-{n}": 1 for n in range(4)}


def test_what_is_wrong_is_said_before_anything_is_sent(client: Client, vendor: Vendor) -> None:
    """A link without its place, one id twice; a rehearsal only where nobody gets it."""
    with pytest.raises(ValueError, match="no place"):
        client.send_sms(ANA.phone_number, "Bonjour", url="https://example.com")
    with pytest.raises(ValueError, match="same id_sms_api"):
        client.send_messages([Message("one", ANA.phone_number, "a"), Message("one", BOB.phone_number, "b")])
    with pytest.raises(ValueError, match="needs an id_sms_api"):
        client.send_messages([Message("", ANA.phone_number, "a")])
    if client.dialect == "ardary":
        assert client.send_sms(ANA.phone_number, "Bonjour", mode="test").state is MessageState.SENT
        assert [taken.mode for taken in vendor.messages] == ["test"]
    else:
        with pytest.raises(ValueError, match="no test mode"):
            client.send_messages([Message("one", ANA.phone_number, "a")], Manner(Mode.TEST))
        assert vendor.messages == []


def test_click_to_call(client: Client, vendor: Vendor) -> None:
    """The second generation calls; the first has no such call."""
    if client.dialect == "ardary":
        with pytest.raises(FixSetup, match="click-to-call"):
            client.call(ANA.phone_number)
        return
    assert client.call(ANA.phone_number).verdict is Verdict.ACCEPTED
    vendor.offline = True
    refused = client.call(ANA.phone_number)
    assert (refused.verdict, refused.codes) == (Verdict.REFUSED, ("#002",))


def test_wrong_credentials_and_a_vendor_that_is_not_there(sandbox: str) -> None:
    """Sentences without the secret; a vendor that is not there took nothing, so that it can be tried again."""
    client = Client(LOGIN, password="wrong-secret", access_key="wrong-secret", base_url=sandbox)
    for ask in (lambda: client.put_contacts([ANA]), lambda: client.send_sms(ANA.phone_number, "Bonjour")):
        with pytest.raises(CredentialsRefused) as fault:
            ask()
        assert "wrong-secret" not in str(fault.value) + repr(client)
    client = Client(LOGIN, password="x", access_key="x", base_url="http://127.0.0.1:9", tries=1)
    with pytest.raises(TryLater):
        client.put_contacts([ANA])
    with pytest.raises(TryLater):
        client.send_sms(ANA.phone_number, "Bonjour")


def test_a_setup_that_cannot_be_is_a_sentence() -> None:
    """Another generation, an address that would send the key in clear, no secret."""
    for wrong in ({"dialect": "third"}, {"base_url": "http://example.com"}, {"batch_size": 0}):
        with pytest.raises(FixSetup, match=next(iter(wrong))):
            Client(LOGIN, access_key="x", **wrong)
    with pytest.raises(FixSetup, match="access_key"):
        Client(LOGIN, password="x").send_sms(ANA.phone_number, "Bonjour")
    with pytest.raises(FixSetup, match="password"):
        Client(LOGIN, access_key="x").put_contacts([ANA])


def test_an_async_program_can_call_it(client: Client, vendor: Vendor) -> None:
    """In a thread of its own, or, as in a notebook, from within a running loop."""

    async def program() -> list[MessageState]:
        beside = await asyncio.to_thread(client.send_sms, ANA.phone_number, "Bonjour")
        return [beside.state, client.send_sms(BOB.phone_number, "Bonjour").state]

    assert asyncio.run(program()) == [MessageState.SENT] * 2
    assert len(vendor.messages) == 2


def test_a_program_that_closes_nothing_ends(sandbox: str) -> None:
    """No thread of the client outlives its call."""
    client = Client(LOGIN, access_key=PASSWORD, base_url=sandbox)
    before = set(threading.enumerate())
    assert client.send_sms(ANA.phone_number, "Bonjour").state is MessageState.SENT
    assert set(threading.enumerate()) <= before


def test_who_does_not_ask_for_the_client_does_not_pay_for_it() -> None:
    """The package is imported by every command; httpx and the rest come with the first use. Whatever it names is there."""
    code = "import sync_connector, sys; sync_connector.__version__; print('httpx' in sys.modules, 'pandas' in sys.modules)"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert printed.split() == ["False", "False"]
    assert all(getattr(sync_connector, name) for name in sync_connector.__all__)
    with pytest.raises(AttributeError, match="nonsense"):
        _ = sync_connector.nonsense


def test_the_readmes_program_does_what_it_says(sandbox: str, vendor: Vendor, capsys: pytest.CaptureFixture[str]) -> None:
    """Run as it stands there, but against the sandbox."""
    readme = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
    (program,) = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    ours = f"Client({LOGIN!r}, password={PASSWORD!r}, access_key={PASSWORD!r}, base_url={sandbox!r})"
    exec(re.sub(r'Client\("you@example.com".*?\)', ours, program), {})
    assert capsys.readouterr().out.split() == ["accepted", "sent"]
    assert [taken.url for taken in vendor.messages] == ["https://www.example.com/colis"]
