"""`sync.toml` and the environment → settings. Every fault is listed at once; secrets never show themselves.

`"${NAME}"` is replaced by an environment variable, `"${NAME:-default}"` by it or the default, and `"file:/run/secrets/x"`
by the first line of a file. Secrets are accepted in no other way than these, and never on a command line.
"""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping as AnyMapping
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, field_validator, model_validator

from sync_connector.errors import FixSetup
from sync_connector.faults import describe_faults
from sync_connector.mapping import is_zone

Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Vendor(_Section):
    """Where contacts go, and how fast."""

    dialect: str = "ardary"
    base_url: str = ""
    login: str = ""
    password: SecretStr | None = None
    batch_size: int = Field(default=100, ge=1, le=10_000)
    concurrency: int = Field(default=4, ge=1, le=64, description="requests in flight")
    rate: float = Field(default=0, ge=0, description="requests a second; 0 is no limit")
    timeout: float = Field(default=30, gt=0, description="seconds for one request")
    tries: int = Field(default=5, ge=1, le=20, description="attempts at one batch before it is halved or given up")
    give_up_after: float = Field(default=300, gt=0, description="seconds spent on one batch, waits included")

    @field_validator("base_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        if not url:
            return url
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"{url!r} is not an address; write https://…")
        if parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
            raise ValueError("http:// would send the password in clear; only this machine may be reached that way")
        if parts.username or parts.password:
            raise ValueError("credentials do not belong in the address; use login and password")
        return url.rstrip("/")


class Source(_Section):
    """Where contacts come from."""

    name: str = Field(default="crm", pattern=r"^[\w.-]{1,64}$")
    type: str = "csv"
    path: str = ""
    url: SecretStr | None = None
    query: str = ""
    prefix: str | None = None
    zone: str | None = None
    overlap: int = Field(
        default=900, ge=0, le=31_536_000, description="seconds that an incremental read looks back behind the last one"
    )
    full_every: int = Field(default=7, ge=1, description="every so many runs all contacts are read; 1: each time")
    sheet: str = ""
    stream: str = Field(default="", description="of a Singer tap's streams the one with the contacts")
    mapping: str = "generic"
    default_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    encoding: str | None = None
    header_line: int | None = Field(default=None, ge=1)

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        if zone is not None and zone != "database" and not is_zone(zone):
            raise ValueError(f"{zone!r} is no time zone; write one like Europe/Paris, UTC, database, or unix")
        return zone

    @field_validator("delimiter")
    @classmethod
    def _separates(cls, delimiter: str | None) -> str | None:
        if delimiter is not None and (not delimiter.isascii() or delimiter in '"\r\n\0' or delimiter.isalnum()):
            raise ValueError('one ASCII sign that is no letter, digit, quote or line feed; write "\\t" for a tab')
        return delimiter


class Rules(_Section):
    """What to do where the data leave a choice."""

    on_invalid_email: Literal["drop", "reject"] = "drop"
    shared_phone: Literal["newest", "first", "reject"] = "newest"
    phone_shortcut: bool = True


class Ledger(_Section):
    """Where the ledger is: an SQLAlchemy URL."""

    url: SecretStr = SecretStr("sqlite:///sync-ledger.db")


class Brakes(_Section):
    """The shares above which a run stops and asks a person."""

    gone: Share = 0.20
    changed: Share = 0.50
    rejected: Share = 0.50


class Settings(_Section):
    """One `sync.toml`, with the environment filled in."""

    vendor: Vendor = Vendor()
    source: Source = Source()
    rules: Rules = Rules()
    ledger: Ledger = Ledger()
    brakes: Brakes = Brakes()

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.source.type == "sql":
            if self.source.url is None:
                raise ValueError('source.url is missing: name the CRM\'s database; write url = "${CRM_URL}"')
        elif not self.source.path and self.source.type != "singer":  # a tap is piped in
            raise ValueError("source.path is missing: name the file that the CRM exported")
        return self


VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")


def _filled(
    value: object, where: str, environment: AnyMapping[str, str], folder: Path, needed: frozenset[str], faults: list[str]
) -> object:
    if isinstance(value, dict):
        return {k: _filled(v, f"{where}.{k}" if where else k, environment, folder, needed, faults) for k, v in value.items()}
    if isinstance(value, list):
        return [_filled(item, where, environment, folder, needed, faults) for item in value]
    if not isinstance(value, str):
        return value

    def substitute(match: re.Match[str]) -> str:
        text = environment.get(match["name"]) or match["default"]
        if text is None and where in needed:
            faults.append(f"{where}: the environment variable {match['name']} is not set")
        return text or ""

    text = VARIABLE.sub(substitute, value)
    if text.startswith("file:"):
        try:
            lines = (folder / text.removeprefix("file:")).read_text(encoding="utf-8").splitlines()
            text = lines[0].strip() if lines else ""
        except OSError as fault:
            faults.append(f"{where}: {text} cannot be read: {fault.strerror}")
        except UnicodeDecodeError:
            faults.append(f"{where}: {text} is not a text file in UTF-8")
    return text


def load(
    path: str | Path,
    environment: AnyMapping[str, str] = os.environ,
    *,
    to_send: bool = False,
    source: AnyMapping[str, str] | None = None,
) -> Settings:
    """Read `sync.toml`. Relative paths in it are seen from its own folder.

    `to_send` asks for what only sending needs (the password). `source`: settings of that section which the command line
    says in place of the file. Raises `FixSetup` with every fault at once.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise FixSetup(f"no {path}; make one with: sync-connector init contacts.csv") from None
    except (OSError, UnicodeDecodeError) as fault:
        raise FixSetup(f"{path}: {fault}") from None
    except tomllib.TOMLDecodeError as fault:
        raise FixSetup(f"{path}: {fault}") from None
    if source and isinstance(section := raw.setdefault("source", {}), dict):
        section.update(source)
    needed = {"vendor.login", "vendor.base_url", "source.path", "source.url", "ledger.url"}
    faults: list[str] = []
    filled = _filled(raw, "", environment, path.parent, frozenset(needed | {"vendor.password"} if to_send else needed), faults)
    settings = None
    try:
        settings = Settings.model_validate(filled)
    except ValidationError as invalid:
        faults += describe_faults(invalid, text, str(path))
    if settings is not None:
        if not settings.vendor.login and not any("vendor.login" in fault for fault in faults):
            faults.append('vendor.login: is missing; write login = "${ARDARY_LOGIN}"')
        if to_send and not _secret(settings) and not any("vendor.password" in fault for fault in faults):
            faults.append('vendor.password: is missing; write password = "${ARDARY_PASSWORD}" or "file:…"')
        faults += _plaintext_secret(raw, str(path))
    if faults or settings is None:
        raise FixSetup(*(fault if fault.startswith(str(path)) else f"{path}: {fault}" for fault in faults))
    return _anchored(settings, path.parent)


def _secret(settings: Settings) -> str:
    return settings.vendor.password.get_secret_value() if settings.vendor.password else ""


def _in_the_open(text: str) -> bool:
    """Whether anything of it stands in the file itself, be it as a variable's default."""
    return bool(VARIABLE.sub("", text)) or any(match["default"] for match in VARIABLE.finditer(text))


def _plaintext_secret(raw: dict[str, object], path: str) -> list[str]:
    faults = []
    advice = 'a password does not belong in this file; write "${{{}}}" or "file:…"'
    vendor = raw.get("vendor")
    password = vendor.get("password") if isinstance(vendor, dict) else None
    if isinstance(password, str) and _in_the_open(password) and not password.startswith("file:"):
        faults.append(f"{path}: vendor.password: {advice.format('ARDARY_PASSWORD')}")
    for name, variable in (("ledger", "LEDGER_URL"), ("source", "CRM_URL")):
        section = raw.get(name)
        url = section.get("url") if isinstance(section, dict) else None
        if isinstance(url, str) and holds_password(url):
            faults.append(f"{path}: {name}.url: {advice.format(variable)}")
    return faults


PASSWORD = re.compile(r"(?i)://[^/@:]*:[^@]+@|(?:[?&;]|%3b)(?:password|passwd|pwd|sslpassword)(?:=|%3d)[^&;]")


def holds_password(url: str) -> bool:
    """Whether a database's URL has a password in it, be it in a variable's default; what a variable holds does not count."""
    return bool(PASSWORD.search(VARIABLE.sub(lambda match: match["default"] or "", url)))


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Paths of the file are seen from its folder, wherever the command is run from."""
    source, ledger = settings.source, settings.ledger
    if source.query:
        source = source.model_copy(update={"query": str(folder / source.query)})
    if source.url is not None:
        source = source.model_copy(update={"url": SecretStr(anchored_url(source.url.get_secret_value(), folder))})
    if source.path and source.path != "-":
        source = source.model_copy(update={"path": str(folder / source.path)})
    if source.mapping.endswith(".toml"):
        source = source.model_copy(update={"mapping": str(folder / source.mapping)})
    ledger = ledger.model_copy(update={"url": SecretStr(anchored_url(ledger.url.get_secret_value(), folder))})
    return settings.model_copy(update={"source": source, "ledger": ledger})


def anchored_url(url: str, folder: Path) -> str:
    """The URL of an SQLite file, seen from a folder; any other as it is."""
    match = re.fullmatch(r"sqlite:///(?!/)(.+)", url)
    return f"sqlite:///{folder / match[1]}" if match and match[1] != ":memory:" else url
