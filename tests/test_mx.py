"""Which domains take mail, asked of a real name server on a real socket: one of our own, on this machine."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.resolver
import dns.rrset
import pytest

from sync_connector.errors import TryLater
from sync_connector.mx import Mail, survey

PATIENCE = 10.0  # seconds for what answers at once: a busy machine may take its time
SHORT = 0.05  # seconds, where nothing ever answers
LONG = 1.0  # seconds, where some answer at once and some never do

ZONE = {
    ("com.", "NS"): "ns.com.",
    ("mail.test.", "MX"): "10 mx.mail.test.",
    ("mail.test.", "A"): "192.0.2.1",
    ("address.test.", "A"): "192.0.2.2",
    ("six.test.", "AAAA"): "2001:db8::1",
    ("null.test.", "MX"): "0 .",
    ("text.test.", "TXT"): '"hello"',
    ("xn--caf-dma.test.", "MX"): "5 mx.mail.test.",
}


class NameServer:
    """Answers from `ZONE`: NXDOMAIN for the rest, SERVFAIL under `broken.test`, nothing at all under `silent.test`, and half an
    answer under `garbage.test`. `asked` counts the questions. `is_silent`: about everything;
    `is_secluded`: it knows no `com`."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.asked: Counter[tuple[str, str]] = Counter()
        self.is_silent = self.is_secluded = False
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this server alone."""
        ask = dns.resolver.Resolver(configure=False)
        ask.nameservers, ask.port = ["127.0.0.1"], self._socket.getsockname()[1]
        return ask

    def stop(self) -> None:
        """Ends the thread: a datagram without a question is the sign for it."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            wire, whence = self._socket.recvfrom(4096)
            if not wire:
                return
            answer = self._answer(dns.message.from_wire(wire))
            if answer:
                with suppress(OSError):  # whoever asked may be gone
                    self._socket.sendto(answer, whence)

    def _answer(self, query: dns.message.Message) -> bytes | None:
        (question,) = query.question
        name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
        self.asked[name, kind] += 1
        reply = dns.message.make_response(query)
        reply.flags |= dns.flags.RA
        if self.is_silent or name.endswith("silent.test."):
            return None
        if name.endswith("garbage.test."):
            return reply.to_wire()[:20]
        if name.endswith("broken.test."):
            reply.set_rcode(dns.rcode.SERVFAIL)
        elif (name == "com." and self.is_secluded) or not any(name == known for known, _ in ZONE):
            reply.set_rcode(dns.rcode.NXDOMAIN)
        elif (name, kind) in ZONE:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, ZONE[name, kind]))
        return reply.to_wire()


@pytest.fixture
def server() -> Iterator[NameServer]:
    """A name server, for one test."""
    running = NameServer()
    yield running
    running.stop()


@pytest.mark.parametrize(
    ("domain", "expected"),
    [
        ("mail.test", Mail.TAKES),
        ("address.test", Mail.TAKES),
        ("six.test", Mail.TAKES),
        ("café.test", Mail.TAKES),
        ("null.test", Mail.NULL_MX),
        ("text.test", Mail.NO_SERVER),
        ("nobody.test", Mail.NO_DOMAIN),
        ("broken.test", Mail.FAILED),
        ("..", Mail.UNREADABLE),
        ("[192.0.2.7]", Mail.UNREADABLE),
        ("a" * 64 + ".test", Mail.UNREADABLE),
    ],
)
def test_each_answer_has_its_meaning(server: NameServer, domain: str, expected: Mail) -> None:
    """A mail server, an address alone, a null MX, nothing, no such domain, a failure, and what is no domain at all."""
    assert survey([domain], resolver=server.resolver(), timeout=PATIENCE).answers == {domain: expected}


def test_only_an_answer_is_a_finding() -> None:
    """What failed, was silent or is unreadable accuses nobody, and what may answer tomorrow is not worth remembering."""
    assert {mail for mail in Mail if mail.is_finding} == {Mail.NO_DOMAIN, Mail.NO_SERVER, Mail.NULL_MX}
    assert {mail for mail in Mail if not mail.is_known} == {Mail.FAILED, Mail.SILENT}


@pytest.mark.parametrize("domain", ["silent.test", "garbage.test"])
def test_silence_about_one_domain_is_no_finding(server: NameServer, domain: str) -> None:
    """Where others were answered, a domain without an answer is silent; the others' answers stand."""
    told = survey([domain, "broken.test", "null.test"], resolver=server.resolver(), timeout=LONG)
    assert told.answers == {domain: Mail.SILENT, "broken.test": Mail.FAILED, "null.test": Mail.NULL_MX}


def test_without_a_name_server_nothing_is_found_out(server: NameServer) -> None:
    """Where nobody answers, one sentence says so, and no domain is asked for."""
    server.is_silent = True
    domains = [f"{number}.silent.test" for number in range(500)]
    with pytest.raises(TryLater, match="no name server answered; nothing was found out"):
        survey(domains, resolver=server.resolver(), timeout=SHORT, threads=4)
    assert not [name for name, _ in server.asked if name.endswith("test.")]


def test_a_network_that_falls_silent_is_given_up(server: NameServer) -> None:
    """Silence after silence ends the questions; what was answered stands, and the rest is counted."""
    domains = ["a.mail.test", *(f"{number:03}.silent.test" for number in range(300))]
    told = survey(domains, resolver=server.resolver(), timeout=LONG / 3, threads=8)
    assert not any(answer.is_finding for domain, answer in told.answers.items() if domain.endswith("silent.test"))
    assert len(told.answers) + told.unasked == 301
    assert told.unasked >= 200


def test_a_network_cut_off_from_the_world_accuses_nobody(server: NameServer) -> None:
    """A name server that says of every domain, `com` too, that it does not exist is not believed."""
    server.is_secluded = True
    with pytest.raises(TryLater, match="not even com; nothing was found out"):
        survey(["mail.test", "nobody.test"], resolver=server.resolver(), timeout=PATIENCE)
    assert not [name for name, _ in server.asked if name.endswith("test.")]


def test_what_is_no_domain_is_not_asked_for_and_keeps_nobody_from_being_asked(server: NameServer) -> None:
    """Many unreadable domains before a good one change nothing about it."""
    told = survey(
        [*("." * count for count in range(2, 40)), "mail.test"], resolver=server.resolver(), timeout=PATIENCE, threads=2
    )
    assert told.answers["mail.test"] is Mail.TAKES
    assert set(told.answers.values()) == {Mail.TAKES, Mail.UNREADABLE}


def test_a_port_where_nobody_listens_is_the_same_as_silence() -> None:
    """A name server that is not there gives the same sentence."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    ask = dns.resolver.Resolver(configure=False)
    ask.nameservers, ask.port = ["127.0.0.1"], port
    with pytest.raises(TryLater, match="no name server answered"):
        survey(["mail.test", "null.test"], resolver=ask, timeout=SHORT)


def test_each_domain_is_asked_once(server: NameServer) -> None:
    """The same domain many times, in any case, is one question; what is known already is none."""
    domains = ["mail.test", "MAIL.test", "Mail.Test", "", "null.test"] * 50
    told = survey(domains, known={"null.test": Mail.NULL_MX}, resolver=server.resolver(), timeout=PATIENCE)
    assert told.answers == {"mail.test": Mail.TAKES, "null.test": Mail.NULL_MX}
    assert server.asked == {("com.", "NS"): 1, ("mail.test.", "MX"): 1}


def test_nothing_to_ask_asks_nobody() -> None:
    """No domains, or only known ones: no resolver is needed."""
    assert survey([]).answers == {}
    assert survey(["mail.test"], known={"mail.test": Mail.TAKES}).answers == {"mail.test": Mail.TAKES}


def test_progress_is_told_and_ends_at_all(server: NameServer) -> None:
    """Progress rises, and its last word is that all were asked."""
    told: list[tuple[int, int]] = []
    domains = [f"{number}.test" for number in range(40)]
    survey(domains, resolver=server.resolver(), timeout=PATIENCE, threads=3, progress=lambda *counts: told.append(counts))
    assert told == sorted(told)
    assert told[-1] == (40, 40)


def test_a_stop_leaves_the_rest_and_says_how_many(server: NameServer) -> None:
    """After a stop no further domain is asked; those under way are awaited, and every domain is counted."""
    domains = [f"{number}.test" for number in range(200)]
    told = survey(domains, resolver=server.resolver(), timeout=PATIENCE, threads=2, is_stopping=lambda: len(server.asked) >= 5)
    assert 0 < len(told.answers) <= 9
    assert told.unasked == 200 - len(told.answers)
