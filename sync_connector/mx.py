"""Which domains take no mail: asked of the name server, each once, a few at a time and never for long.

Law: only an answer makes a finding. A name server that is silent or failed says nothing about a domain, and one that does not
know `com` either (a network of its own, cut off from the world) says nothing about any: nothing was found out, and that is one
sentence, not a finding for each domain. No address is told to anyone: the domain alone is asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

import dns.exception
import dns.name
import dns.resolver
from dns.rdtypes.ANY.MX import MX

from sync_connector.errors import TryLater

TIMEOUT = 5.0  # seconds a domain, all questions about it together
THREADS = 16
GIVE_UP = 4  # times the threads: as many silent domains in a row, and the network is gone
SILENCE = "no name server answered; nothing was found out about e-mail domains; check this machine's DNS, then run it again"
SECLUSION = (
    "the name server of this network does not know the domains of the world, not even com; nothing was found out about "
    "e-mail domains; run it where the Internet's names are resolved"
)
WORLD = tuple(dns.name.from_text(name) for name in ("com", "org", "net"))


class Mail(StrEnum):
    """What is known of a domain. The value is what a person reads."""

    TAKES = "takes mail"
    NO_DOMAIN = "does not exist"
    NO_SERVER = "has no mail server"
    NULL_MX = "says that it takes no mail"
    FAILED = "its name server failed"
    SILENT = "its name server did not answer"
    UNREADABLE = "is not a domain name"

    @property
    def is_finding(self) -> bool:
        """Whether mail to the domain is known to reach nobody."""
        return self in (Mail.NO_DOMAIN, Mail.NO_SERVER, Mail.NULL_MX)

    @property
    def is_known(self) -> bool:
        """Whether it is worth remembering: what failed or was silent may answer tomorrow."""
        return self not in (Mail.FAILED, Mail.SILENT)


class Survey(NamedTuple):
    """`answers`: by domain in lower case, what was asked now or known before. `unasked`: how many a stop left."""

    answers: dict[str, Mail]
    unasked: int


def survey(
    domains: Iterable[str],
    *,
    known: Mapping[str, Mail] | None = None,
    timeout: float = TIMEOUT,
    threads: int = THREADS,
    progress: Callable[[int, int], None] | None = None,
    is_stopping: Callable[[], bool] = lambda: False,
    resolver: dns.resolver.Resolver | None = None,
) -> Survey:
    """Ask each domain once whether it takes mail.

    `known`: answers of earlier, which are not asked again. `timeout`: seconds a domain. `progress` is told how many of
    how many were asked, from the thread that called. `is_stopping` is asked between answers: when it says so, those
    that are under way are awaited and the rest is left. `resolver`: whom to ask, this machine's by default.

    Raises `TryLater`: no name server, or none that answers; known after one `timeout`.
    If they fall silent later, what is left is counted as unasked.
    """
    wanted = sorted({domain.lower() for domain in domains if domain})
    answers = {domain: known[domain] for domain in wanted if known and domain in known}
    names = {domain: _name(domain) for domain in wanted if domain not in answers}
    answers |= {domain: Mail.UNREADABLE for domain, name in names.items() if name is None}
    todo = [(domain, name) for domain, name in names.items() if name is not None]
    if not todo:
        return Survey(answers, 0)
    ask = resolver or _resolver()
    _must_know_the_world(ask, timeout)
    done, silent, waiting = 0, 0, iter(todo)
    with ThreadPoolExecutor(max_workers=threads) as pool:
        under_way: dict[Future[Mail], str] = {}
        is_over = False
        while True:
            if not is_over:
                for domain, name in islice(waiting, threads - len(under_way)):
                    under_way[pool.submit(_asked, name, ask, timeout)] = domain
            if not under_way:
                return Survey(answers, len(todo) - done)
            for each in wait(under_way, return_when=FIRST_COMPLETED).done:
                answers[under_way.pop(each)] = answer = each.result()
                silent = silent + 1 if answer is Mail.SILENT else 0
                done += 1
            if progress:
                progress(done, len(todo))
            is_over = is_over or silent >= GIVE_UP * threads or is_stopping()


def _resolver() -> dns.resolver.Resolver:
    """This machine's resolver."""
    try:
        return dns.resolver.Resolver()
    except (dns.resolver.NoResolverConfiguration, OSError):
        raise TryLater(SILENCE) from None


def _name(domain: str) -> dns.name.Name | None:
    """The domain as the name server knows it, `None` if it cannot be one (an address in brackets, for instance)."""
    try:
        return None if domain.startswith("[") else dns.name.from_text(domain, idna_codec=dns.name.IDNA_2008_UTS_46)
    except (dns.exception.DNSException, UnicodeError):
        return None


def _must_know_the_world(ask: dns.resolver.Resolver, timeout: float) -> None:
    """Raises `TryLater` if no name server answers, or none that knows one of `WORLD`."""
    ends = time.monotonic() + timeout
    is_silent = True
    for name in WORLD:
        try:
            if _records(name, "NS", ask, ends):
                return
            is_silent = False
        except dns.exception.DNSException as fault:
            is_silent = is_silent and _is_silence(fault)
        except OSError:
            pass
    raise TryLater(SILENCE if is_silent else SECLUSION)


def _is_silence(fault: dns.exception.DNSException) -> bool:
    """Whether nobody answered, not even to say that it went wrong."""
    if isinstance(fault, dns.resolver.NoNameservers):
        return all(attempt[-1] is None for attempt in fault.kwargs["errors"])
    return isinstance(fault, dns.exception.Timeout)


def _asked(name: dns.name.Name, ask: dns.resolver.Resolver, timeout: float) -> Mail:
    """What the name server says of one domain. Without a mail server of its own, its address takes the mail (RFC 5321, 5.1)."""
    ends = time.monotonic() + timeout
    try:
        servers = _records(name, "MX", ask, ends)
        if servers:
            exchanges = {server.exchange for server in servers if isinstance(server, MX)}
            return Mail.NULL_MX if exchanges == {dns.name.root} else Mail.TAKES
        return Mail.TAKES if _records(name, "A", ask, ends) or _records(name, "AAAA", ask, ends) else Mail.NO_SERVER
    except dns.resolver.NXDOMAIN:
        return Mail.NO_DOMAIN
    except dns.exception.DNSException as fault:
        return Mail.SILENT if _is_silence(fault) else Mail.FAILED
    except OSError:
        return Mail.SILENT


def _records(name: dns.name.Name, kind: str, ask: dns.resolver.Resolver, ends: float) -> list[object]:
    """The records of one kind, none if the domain exists without them. Raises what dnspython raises."""
    left = max(ends - time.monotonic(), 0.001)
    answer = ask.resolve(name, kind, lifetime=left, raise_on_no_answer=False, search=False)
    return list(answer.rrset or ())
