"""Files of text as people have them: a path, a glob, `-`, gzip; any encoding, handed over as lines of UTF-8.

Not a source itself: what the sources of text share.
"""

from __future__ import annotations

import codecs
import glob
import gzip
import io
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple

from sync_connector.errors import FixSetup, TryLater
from sync_connector.fault_points import reach

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
LOOKED_AT = 4 << 10
BLOCK = 1 << 20
GZIP_MAGIC = b"\x1f\x8b"


class TextFile(NamedTuple):
    """A file and how to read it. `shown` is its name as the user gave it; `size` is in bytes, on disk. `replaced` tells
    that some bytes are not in the encoding, and come as U+FFFD; `returns`, that some carriage return has no line feed;
    `ended`, that the last line has its end."""

    path: Path
    shown: str
    encoding: str
    size: int
    packed: bool
    replaced: bool
    returns: bool
    ended: bool


_kept_stdin: list[Path] = []


def find(path: str, encoding: str | None) -> list[TextFile]:
    """The files that a path means, each with its encoding. Raises `FixSetup`: nothing there, a directory, unreadable."""
    paths = places(path)
    try:
        return [_examined(file, shown, encoding) for file, shown in paths]
    except OSError as fault:
        raise FixSetup(f"{fault.filename or path}: {fault.strerror or fault}") from None


def places(path: str) -> list[tuple[Path, str]]:
    """The files that a path means, each with its name as the user gave it. Raises `FixSetup`: nothing there, a directory."""
    if path == "-":
        return [(_stdin(), "-")]
    if os.path.isdir(path):
        raise FixSetup(f"{path} is a directory; name a file in it, or several with a pattern such as {path.rstrip('/')}/*.csv")
    if os.path.exists(path) and not os.path.isfile(path):
        raise FixSetup(f"{path} is no file that can be read twice; give a file, or pipe the rows in and name it -")
    if os.path.exists(path):
        return [(Path(path), path)]
    paths = [(Path(hit), hit) for hit in sorted(glob.glob(path)) if os.path.isfile(hit)]
    if not paths:
        raise FixSetup(f"{path}: there is no such file")
    return paths


def beginnings(path: str, size: int) -> Iterator[tuple[str, bytes]]:
    """The name of each file that a path means, and its first bytes, decompressed. Raises `FixSetup`, `TryLater`."""
    for file, shown in places(path):
        try:
            with _opened(file, shown) as stream:
                start = stream.read(size)
        except OSError as fault:
            raise FixSetup(f"{shown}: {fault.strerror or fault}") from None
        yield shown, start


def marked(start: bytes) -> str | None:
    """The encoding that a file's first bytes tell of: by a byte order mark, or because every other byte is zero, as in
    UTF-16 that was written without one."""
    if named := next((name for bom, name in BOMS if start.startswith(bom)), None):
        return named
    pairs = len(start) // 2
    first, second = start[0 : pairs * 2 : 2].count(0), start[1 : pairs * 2 : 2].count(0)
    if second * 3 > pairs and first * 50 <= pairs:
        return "utf-16-le"
    return "utf-16-be" if first * 3 > pairs and second * 50 <= pairs else None


def _stdin() -> Path:
    """Standard input, kept in a private file: it is read more than once."""
    if not _kept_stdin:
        folder = Path(tempfile.mkdtemp(prefix="sync-connector-"))
        reach("stdin.before")
        with open(folder / "stdin", "wb", opener=lambda p, flags: os.open(p, flags, 0o600)) as kept:
            shutil.copyfileobj(sys.stdin.buffer, kept, BLOCK)
        _kept_stdin.append(folder / "stdin")
        reach("stdin.after")
    return _kept_stdin[0]


def forget_stdin() -> None:
    """Remove the private copy of standard input."""
    while _kept_stdin:
        shutil.rmtree(_kept_stdin.pop().parent, ignore_errors=True)


def _examined(path: Path, shown: str, encoding: str | None) -> TextFile:
    if encoding is not None:
        try:
            "a".encode(encoding)
            codecs.getincrementaldecoder(encoding)(errors="replace").decode(b"", final=True)
        except (LookupError, ValueError, TypeError):
            raise FixSetup(f"source.encoding: {encoding!r} is not an encoding that Python knows") from None
    size = path.stat().st_size
    with open(path, "rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
    with _opened(path, shown) as raw:
        start = raw.read(LOOKED_AT)
    found = encoding or marked(start) or "utf-8"
    if found == "utf-8" and start.startswith(codecs.BOM_UTF8):
        found = "utf-8-sig"
    if (
        found != "utf-8-sig"
        and codecs.lookup(found).name in ("utf-16", "utf-32")
        and not any(start.startswith(b) for b, _ in BOMS)
    ):
        raise FixSetup(f"{shown}: source.encoding: no byte order mark is there; write {found}-le or {found}-be")
    clean, returns, ended = _decodes(path, shown, found)
    if not clean and encoding is None and found == "utf-8":
        found = "cp1252"
        clean, returns, ended = _decodes(path, shown, found)
    return TextFile(path, shown, found, size, packed, not clean, returns, ended)


def _decodes(path: Path, shown: str, encoding: str) -> tuple[bool, bool, bool]:
    """Whether all bytes are in the encoding, whether a carriage return stands alone (in what is not, it may), and whether
    the last line has its end (in what is not, that is unknown: no)."""
    decoder = codecs.getincrementaldecoder(encoding)()
    returns, ended, last = False, "", ""
    with _opened(path, shown) as raw:
        try:
            block = b" "
            while block:
                block = raw.read(BLOCK)
                text = ended + decoder.decode(block, final=not block)
                ended = "\r" if block and text.endswith("\r") else ""
                returns = returns or ("\r" in text and text.count("\r") - len(ended) > text.count("\r\n"))
                last = text[-1:] or last
        except UnicodeError:
            return False, True, False
    return True, returns, last in ("\r", "\n")


@contextmanager
def _opened(path: Path, shown: str) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed. Damage in a gzip file is `TryLater`: a copy of it may be whole."""
    with open(path, "rb") as raw:
        packed = raw.read(2) == GZIP_MAGIC
        raw.seek(0)
        try:
            if packed:
                with gzip.open(raw, "rb") as unpacked:
                    yield unpacked  # type: ignore[misc]  # a BinaryIO in all but name
            else:
                yield raw
        except (EOFError, gzip.BadGzipFile, zlib.error) as fault:
            raise TryLater(f"{shown}: the compressed file is damaged or cut short ({fault}); nothing was sent") from None


class _Recoded(io.RawIOBase):
    """A stream of any encoding, as UTF-8. Bytes that are not in the encoding become U+FFFD, and where lines end with
    a carriage return alone (`old_mac`) they end with a line feed."""

    def __init__(self, raw: BinaryIO, encoding: str, old_mac: bool) -> None:
        self._old_mac = old_mac
        self._raw = raw
        self._decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
        self._ready = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview | bytearray) -> int:  # type: ignore[override]
        while not self._ready and not self._ended:
            block = self._raw.read(BLOCK)
            self._ended = not block
            text = self._decoder.decode(block, final=self._ended)
            self._ready = (text.replace("\r", "\n") if self._old_mac else text).encode("utf-8", "replace")
        taken = self._ready[: len(buffer)]
        buffer[: len(taken)] = taken
        self._ready = self._ready[len(taken) :]
        return len(taken)


@contextmanager
def utf8(file: TextFile, *, old_mac: bool = False) -> Iterator[io.BufferedReader]:
    """The file as a buffered stream of UTF-8, without BOM."""
    with _opened(file.path, file.shown) as raw:
        if file.encoding == "utf-8" and not file.replaced and not old_mac and isinstance(raw, io.BufferedReader):
            yield raw
        else:
            yield io.BufferedReader(_Recoded(raw, file.encoding, old_mac), BLOCK)
