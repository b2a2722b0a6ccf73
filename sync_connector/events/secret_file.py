"""The secrets of the callback URL, in a file that only its owner can read: one in a line, the newest first.

Law: nothing signs a callback, so whoever knows the URL can call it. At most two secrets are valid, so that the URL can be
changed at the vendor while callbacks to the former one are still under way. No sentence of this module holds a secret.
"""

from __future__ import annotations

import hmac
import logging
import os
import re
import secrets
from hashlib import sha256
from pathlib import Path

from sync_connector.config import Receive
from sync_connector.errors import FixSetup
from sync_connector.whole_file import whole_file

VALID = 2
SECRET = re.compile(r"[A-Za-z0-9_-]{43,256}")  # 32 random bytes make 43 signs
HOW = "sync-connector receive --new-secret"
SIZE_LIMIT = 65_536

log = logging.getLogger("sync_connector.receive")


def read_secrets(path: str) -> tuple[str, ...]:
    """The valid secrets, the newest first: one or two.

    Raises `FixSetup`: no file, an empty one, one that others can read, a line that is no secret.
    """
    found = _lines(path)
    if not found:
        raise FixSetup(f"receive.secrets: {path} is empty; make a secret with: {HOW}")
    return found


def new_secret(path: str) -> str:
    """Make a secret and put it on top of the file. The one that was on top stays valid, older ones are dropped.

    Either the file is as it was or it is new, even if the power fails. Raises `FixSetup`.
    """
    former = _lines(path) if Path(path).exists() else ()
    secret = secrets.token_urlsafe(32)
    try:
        with whole_file(path, "secret.file") as out:
            out.write("".join(f"{line}\n" for line in (secret, *former)[:VALID]).encode())
    except OSError as fault:
        raise FixSetup(f"receive.secrets: {path} cannot be written: {fault.strerror}") from None
    return secret


def callback_url(settings: Receive, secret: str) -> str:
    """The URL that is pasted at the vendor. It ends in the secret."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    scheme = "https" if settings.tls_cert else "http"
    return f"{settings.public_url or f'{scheme}://{host}:{settings.port}'}/callbacks/{secret}"


def digest(text: str) -> bytes:
    """What is compared in place of a secret: all of them have one length, whatever a stranger sends."""
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


class SecretFile:
    """The secrets as the file has them now; a changed file is taken up without a restart.

    Raises `FixSetup` when it is made, as `read_secrets`. A file that becomes unusable later leaves the former secrets valid.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._stamp = self._look()
        self._digests = [digest(secret) for secret in read_secrets(path)]

    def knows(self, candidate: str) -> bool:
        """Whether that is a valid secret. How long it takes does not depend on how much of it is right."""
        self._refresh()
        given, known = digest(candidate), False
        for valid in self._digests:
            known |= hmac.compare_digest(valid, given)
        return known

    def _look(self) -> tuple[int, ...]:
        try:
            seen = os.stat(self._path)
        except OSError:
            return ()
        return seen.st_mtime_ns, seen.st_ctime_ns, seen.st_ino, seen.st_size  # its owner and mode change st_ctime

    def _refresh(self) -> None:
        stamp = self._look()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._digests = [digest(secret) for secret in read_secrets(self._path)]
            log.info("the secrets in %s were changed; %d are valid", self._path, len(self._digests))
        except FixSetup as fault:
            log.error("%s; the secrets that were read before stay valid", fault)


def _lines(path: str) -> tuple[str, ...]:
    """The first lines that are valid; none of an empty file."""
    try:
        with open(path, encoding="ascii") as lines:
            others = os.fstat(lines.fileno()).st_mode & 0o077
            text = lines.read(SIZE_LIMIT)
    except FileNotFoundError:
        raise FixSetup(f"receive.secrets: there is no {path}; make it with: {HOW}") from None
    except OSError as fault:
        raise FixSetup(f"receive.secrets: {path} cannot be read: {fault.strerror}") from None
    except UnicodeDecodeError:
        raise FixSetup(f"receive.secrets: {path} is no file of secrets; name another, or move it away and run: {HOW}") from None
    if others:
        raise FixSetup(f"receive.secrets: other users of this machine can read {path}; run: chmod 600 {path}")
    found = [line.strip() for line in text.splitlines() if line.strip()][:VALID]
    for number, line in enumerate(found, 1):
        if not SECRET.fullmatch(line):
            raise FixSetup(
                f"receive.secrets: line {number} of {path} is no secret of at least 43 letters, digits, - and _; mend "
                f"it, or move the file away and run: {HOW}"
            )
    return tuple(found)
