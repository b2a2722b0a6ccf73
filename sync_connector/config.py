"""`sync.toml` and the environment → settings. Every fault is listed at once; secrets never show themselves.

`"${NAME}"` is replaced by an environment variable, `"${NAME:-default}"` by it or the default, and `"file:/run/secrets/x"`
by the first line of a file. Secrets are accepted in no other way than these, and never on a command line.
"""

from __future__ import annotations

import ipaddress
import os
import re
import tomllib
from collections.abc import Mapping as AnyMapping
from collections.abc import Set
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self, TypeVar
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, ValidationInfo, field_validator, model_validator

from sync_connector import deadline
from sync_connector.crm_sql import is_zone
from sync_connector.errors import FixSetup
from sync_connector.faults import describe_faults

Model = TypeVar("Model", bound=BaseModel)
Share = Annotated[float, Field(ge=0, le=1)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def _address(url: str, in_clear: str = "") -> str:
    """A web address without a slash behind it. `in_clear` says what is wrong with plain http to another machine, if anything."""
    if not url:
        return url
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"{url!r} is not an address; write https://…")
    if in_clear and parts.scheme == "http" and parts.hostname not in ("localhost", "127.0.0.1", "::1"):
        raise ValueError(in_clear)
    try:
        parts.port  # noqa: B018 (asked for, it tells whether it can be one)
        sound = parts.hostname.isascii() or bool(parts.hostname.encode("idna"))
    except ValueError:
        sound = False
    if not sound or not url.isprintable() or any(sign.isspace() for sign in url):
        raise ValueError(f"{url!r} is not an address: its host or its port cannot be")
    if parts.username or parts.password:
        raise ValueError("credentials do not belong in the address; they have settings of their own")
    return url.rstrip("/")


def _account_zone(zone: str | None) -> str | None:
    if zone is not None and (zone == "unix" or not is_zone(zone)):
        raise ValueError(f"{zone!r} is no time zone; write one like Europe/Paris")
    return zone


class Vendor(_Section):
    """Where contacts go, and how fast."""

    dialect: str = "ardary"
    base_url: str = ""
    login: str = ""
    password: SecretStr | None = None
    access_key: SecretStr | None = Field(default=None, description="for SMS and calls; of insim-v1 the password, if blank")
    batch_size: int = Field(default=100, ge=1, le=10_000)
    concurrency: int = Field(default=4, ge=1, le=64, description="requests in flight")
    rate: float = Field(default=0, ge=0, description="requests a second; 0 is no limit")
    timeout: float = Field(default=30, gt=0, description="seconds for one request")
    tries: int = Field(default=5, ge=1, le=20, description="attempts at one batch before it is halved or given up")
    give_up_after: float = Field(
        default=300, gt=0, description="seconds for which a run goes on without an answer of the vendor, waits included"
    )
    until: str = Field(default="", description="when a sync ends by itself: 06:00, or a date and time; blank: when all is sent")

    @field_validator("base_url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return _address(url, "http:// would send the password in clear; only this machine may be reached that way")

    @field_validator("until")
    @classmethod
    def _is_a_time(cls, until: str) -> str:
        if until:
            deadline.moment(until, 0.0)  # how it is written; that it may be over matters to a sync alone
        return until


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
    on_unknown: Literal["resend", "hold"] = Field(
        default="resend",
        description="contacts of which the vendor gave no trustworthy answer are sent again by the next run, or held",
    )
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
    severity: dict[str, Literal["off", "warn", "reject"]] = Field(
        default={}, description="of a rule, by its code; `sync-connector rules` lists them"
    )


class Ledger(_Section):
    """Where the ledger is: an SQLAlchemy URL."""

    url: SecretStr = SecretStr("sqlite:///sync-ledger.db")


class Brakes(_Section):
    """The shares above which a run stops and asks a person."""

    gone: Share = 0.20
    changed: Share = 0.50
    rejected: Share = 0.50


class Receive(_Section):
    """The receiver of callbacks: where it listens, what it lets in, and the inbox that it keeps."""

    host: str = "127.0.0.1"
    port: int = Field(default=8026, ge=0, le=65535)
    public_url: str = Field(default="", description="as the vendor reaches it")
    secrets: str = Field(default="callback-secrets", description="the file with the callback URL's secrets, newest first")
    inbox: SecretStr = SecretStr("sqlite:///inbox.db")
    token: SecretStr | None = Field(default=None, description="of who may pull, and see health and metrics from elsewhere")
    ops_port: int | None = Field(default=None, ge=0, le=65535, description="on this machine: health and metrics without token")
    allow: list[str] = Field(default=[], description="addresses or networks that callbacks may come from; empty: any")
    trusted_proxies: list[str] = Field(default=[], description="whose X-Forwarded-For tells the caller's address")
    max_size: int = Field(default=65_536, ge=1_024, le=1_048_576, description="bytes of one callback")
    rate: float = Field(default=1_000, gt=0, description="callbacks a second")
    connections: int = Field(default=500, ge=10, le=100_000, description="open at once")
    timeout: float = Field(default=10, gt=0, description="seconds in which a client must have sent its request")
    keep: int = Field(default=30, ge=0, le=36_500, description="days that what was pulled and acknowledged is kept in the inbox")
    tls_cert: str = ""
    tls_key: str = ""

    @field_validator("public_url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if "?" in url or "#" in url:
            raise ValueError("the vendor appends ?parameter=… to it, so it must have no ? or # in it")
        return _address(url)

    @field_validator("allow", "trusted_proxies")
    @classmethod
    def _are_networks(cls, networks: list[str]) -> list[str]:
        for network in networks:
            ipaddress.ip_network(network, strict=False)
        return networks


class Pull(_Section):
    """Where callbacks are fetched from, when the inbox is on another machine; blank: `receive.inbox` itself."""

    url: str = ""
    token: SecretStr | None = None
    ca: str = Field(default="", description="a file with the certificate authority of the receiver, where it is not a public one")

    @field_validator("url")
    @classmethod
    def _safe(cls, url: str) -> str:
        return _address(url, "http:// would send the token in clear; only this machine may be reached that way")


class Events(_Section):
    """How events are understood and matched."""

    zone: str | None = Field(default=None, description="of the account: in it the vendor's times without a zone are read")
    default_country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$")
    match: Literal["newest", "all", "none"] = "newest"
    window: int = Field(
        default=60, ge=0, le=31_536_000, description="seconds within which a repeat is suspected to be the same event"
    )

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        return _account_zone(zone)


class Sink(_Section):
    """A place that events are written to."""

    name: str = Field(pattern=r"^[\w.-]{1,64}$")
    type: str
    url: SecretStr | None = None
    path: str = Field(default="", description="the folder for files")
    prefix: str = Field(default="", pattern=r"^\w{0,32}$", description="before the names of our tables")
    activities: str = Field(default="", description="a mapping whose CRM shows the events as its own activities; blank: none")
    user: str = Field(default="", description="the CRM's user (its key) under whom they stand there")
    zone: str | None = Field(default=None, description="of the account, for the times of activities; blank: events.zone")
    source: str = Field(default="", description="whose contacts get activities; blank: source.name")
    secret: SecretStr | None = None
    timeout: float = Field(default=30, gt=0, description="seconds for one answer")

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, zone: str | None) -> str | None:
        return _account_zone(zone)


Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]


class Sms(_Section):
    """How messages are sent, and when they may reach somebody."""

    sender_name: str = Field(default="", max_length=64, description="not needed where messages leave from a mobile")
    sender_mode: str = Field(default="", max_length=16)
    batch_size: int = Field(
        default=25, ge=1, le=1_000, description="messages in one request: as many may be left unknown at once"
    )
    limit: int = Field(default=1_000, ge=1, description="messages in one run; more need a person's word")
    hours: str = Field(
        default="08:00-20:00",
        pattern=r"^(?:(?:[01]\d|2[0-3]):[0-5]\d-(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00))?$",
        description="of the recipient's day; blank: any",
    )
    days: list[Weekday] = Field(default=["mon", "tue", "wed", "thu", "fri", "sat"], min_length=1, description="of the recipient")
    link_length: int = Field(
        default=24, ge=1, le=100, description="signs that a tracked link is counted as: the vendor shortens it"
    )

    @field_validator("hours")
    @classmethod
    def _are_a_span(cls, hours: str) -> str:
        begin, _, end = hours.partition("-")
        if hours and begin >= end:
            raise ValueError(f"{hours!r} ends before it begins; write 08:00-20:00")
        return hours


class Settings(_Section):
    """One `sync.toml`, with the environment filled in."""

    vendor: Vendor = Vendor()
    source: Source = Source()
    rules: Rules = Rules()
    ledger: Ledger = Ledger()
    brakes: Brakes = Brakes()
    receive: Receive = Receive()
    pull: Pull = Pull()
    events: Events = Events()
    sms: Sms = Sms()
    sinks: list[Sink] = []

    @model_validator(mode="after")
    def _complete(self, info: ValidationInfo) -> Self:
        if info.context is not None and info.context["purpose"] in ("receive", "message", "call"):
            pass  # who sends messages may have no CRM at all
        elif self.source.type == "sql":
            if self.source.url is None:
                raise ValueError('source.url is missing: name the CRM\'s database; write url = "${CRM_URL}"')
        elif not self.source.path and self.source.type != "singer":  # a tap is piped in
            raise ValueError("source.path is missing: name the file that the CRM exported")
        names = [sink.name for sink in self.sinks]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sinks: two are called {twice[0]!r}; what was written is remembered by the name")
        return self


VARIABLE = re.compile(r"\$\{(?P<name>[A-Za-z_]\w*)(?::-(?P<default>[^}]*))?\}")


class _Filling(NamedTuple):
    """What settings are filled with, and what was found at it. `held`: text of a variable or a file → how it is called."""

    environment: AnyMapping[str, str]
    folder: Path
    needed: Set[str]
    faults: list[str]
    held: dict[str, str]


def _filled(value: object, where: str, filling: _Filling) -> object:
    if isinstance(value, dict):
        return {key: _filled(one, f"{where}.{key}" if where else key, filling) for key, one in value.items()}
    if isinstance(value, list):
        return [_filled(item, where, filling) for item in value]
    if not isinstance(value, str):
        return value

    def substitute(match: re.Match[str]) -> str:
        if text := filling.environment.get(match["name"]):
            filling.held[text] = f"${{{match['name']}}}"
        text = text or match["default"]
        if text is None and where in filling.needed:
            filling.faults.append(f"{where}: the environment variable {match['name']} is not set")
        return text or ""

    text = VARIABLE.sub(substitute, value)
    if "\0" in text:
        filling.faults.append(f"{where}: has a NUL sign in it, which nothing can be called")
    elif text.startswith("file:"):
        try:
            lines = (filling.folder / text.removeprefix("file:")).read_text(encoding="utf-8").splitlines()
            named, text = text, lines[0].strip() if lines else ""
            filling.held[text] = named
        except OSError as fault:
            filling.faults.append(f"{where}: {text} cannot be read: {fault.strerror}")
        except UnicodeDecodeError:
            filling.faults.append(f"{where}: {text} is not a text file in UTF-8")
    return text


SHORTEST_HIDDEN = 4
"""Shorter texts of a variable stand in many a word."""


def _hidden(sentence: str, held: AnyMapping[str, str]) -> str:
    """A fault without what variables and files hold: the password may have been put where the address belongs."""
    for text in sorted(held, key=len, reverse=True):
        if len(text) >= SHORTEST_HIDDEN:
            sentence = sentence.replace(repr(text)[1:-1], held[text]).replace(text, held[text])
    return sentence


Purpose = Literal["look", "send", "receive", "pull", "message", "call"]
"""What a command is about to do, which decides what its settings must have."""

_NEEDED = {
    "look": {"vendor.login", "vendor.base_url", "source.path", "source.url", "ledger.url"},
    "send": {"vendor.login", "vendor.base_url", "source.path", "source.url", "ledger.url", "vendor.password"},
    "message": {"vendor.login", "vendor.base_url", "ledger.url", "vendor.access_key"},
    "call": {"vendor.login", "vendor.base_url", "vendor.access_key"},
    "receive": {"receive.inbox", "receive.token"},
    "pull": {
        "vendor.login",
        "vendor.base_url",
        "ledger.url",
        "pull.url",
        "pull.token",
        "receive.inbox",
        "sinks.url",
        "sinks.secret",
    },
}
"""The settings whose environment variables must be set."""


def load(
    path: str | Path,
    environment: AnyMapping[str, str] = os.environ,
    *,
    purpose: Purpose = "look",
    source: AnyMapping[str, str] | None = None,
) -> Settings:
    """Read `sync.toml`. Relative paths in it are seen from its own folder.

    To `send`, the password must be there; to `receive`, only the section of that name is looked at, since the receiver may
    stand on a machine that knows nothing else; to `pull`, the account's time zone must be there. `source`: settings of that
    section which the command line says in place of the file. Raises `FixSetup` with every fault at once.
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
    if purpose == "receive":
        raw = {"receive": raw.get("receive", {})}
    if source and isinstance(section := raw.setdefault("source", {}), dict):
        section.update(source)
    faults: list[str] = []
    filling = _Filling(environment, path.parent, _NEEDED[purpose], faults, {})
    filled = _filled(raw, "", filling)
    settings = None
    try:
        settings = Settings.model_validate(filled, context={"purpose": purpose})
    except ValidationError as invalid:
        faults += (_hidden(fault, filling.held) for fault in describe_faults(invalid, text, str(path)))
    if settings is not None:
        faults += [fault for fault in _missing(settings, purpose) if not any(fault.split(":")[0] in said for said in faults)]
        faults += _plaintext_secret(raw, str(path))
    if faults or settings is None:
        raise FixSetup(*(fault if fault.startswith(str(path)) else f"{path}: {fault}" for fault in faults))
    return _anchored(settings, path.parent)


def _missing(settings: Settings, purpose: Purpose) -> list[str]:
    """What a command needs and the settings have not."""
    faults = []
    if purpose != "receive" and not settings.vendor.login:
        faults.append('vendor.login: is missing; write login = "${ARDARY_LOGIN}"')
    if purpose == "send" and not _secret(settings):
        faults.append('vendor.password: is missing; write password = "${ARDARY_PASSWORD}" or "file:…"')
    if (
        purpose in ("message", "call")
        and not settings.vendor.access_key
        and not (settings.vendor.dialect == "insim-v1" and _secret(settings))
    ):
        faults.append('vendor.access_key: is missing; write access_key = "${ARDARY_ACCESS_KEY}" or "file:…"')
    if purpose in ("pull", "message") and settings.events.zone is None:
        faults.append('events.zone: is missing: the time zone of the account; write zone = "Europe/Paris" under [events]')
    if purpose == "pull" and settings.pull.url and not settings.pull.token:
        faults.append('pull.token: is missing; write token = "${PULL_TOKEN}" or "file:…"')
    return faults


def _secret(settings: Settings) -> str:
    return settings.vendor.password.get_secret_value() if settings.vendor.password else ""


def _in_the_open(text: str) -> bool:
    """Whether anything of it stands in the file itself, be it as a variable's default."""
    return bool(VARIABLE.sub("", text)) or any(match["default"] for match in VARIABLE.finditer(text))


def _plaintext_secret(raw: dict[str, object], path: str) -> list[str]:
    faults = []
    advice = 'a password does not belong in this file; write "${{{}}}" or "file:…"'
    secrets = [
        ("vendor", "password", "ARDARY_PASSWORD"),
        ("vendor", "access_key", "ARDARY_ACCESS_KEY"),
        ("receive", "token", "PULL_TOKEN"),
        ("pull", "token", "PULL_TOKEN"),
    ]
    urls = [("ledger", "url", "LEDGER_URL"), ("source", "url", "CRM_URL"), ("receive", "inbox", "INBOX_URL")]
    for name, setting, variable in [*secrets, *urls, ("sinks", "secret", "WEBHOOK_SECRET"), ("sinks", "url", "SINK_URL")]:
        sections = raw.get(name)
        for section in sections if isinstance(sections, list) else [sections]:
            value = section.get(setting) if isinstance(section, dict) else None
            if not isinstance(value, str) or value.startswith("file:"):
                continue
            is_secret = setting in ("password", "access_key", "token", "secret")
            if _in_the_open(value) if is_secret else holds_password(value):
                faults.append(f"{path}: {name}.{setting}: {advice.format(variable)}")
    return faults


PASSWORD = re.compile(r"(?i)://[^/@:]*:[^@]+@|(?:[?&;]|%3b)(?:password|passwd|pwd|sslpassword)(?:=|%3d)[^&;]")


def holds_password(url: str) -> bool:
    """Whether a database's URL has a password in it, be it in a variable's default; what a variable holds does not count."""
    return bool(PASSWORD.search(VARIABLE.sub(lambda match: match["default"] or "", url)))


def _anchored(settings: Settings, folder: Path) -> Settings:
    """Paths of the file are seen from its folder, wherever the command is run from."""
    source, ledger, receive, pull = settings.source, settings.ledger, settings.receive, settings.pull

    def seen(section: Model, *paths: str) -> Model:
        return section.model_copy(update={name: str(folder / path) for name in paths if (path := getattr(section, name))})

    def seen_url(section: Model, name: str) -> Model:
        url: SecretStr | None = getattr(section, name)
        return (
            section if url is None else section.model_copy(update={name: SecretStr(anchored_url(url.get_secret_value(), folder))})
        )

    source = seen_url(seen(source, "query"), "url")
    if source.path != "-":
        source = seen(source, "path")
    if source.mapping.endswith(".toml"):
        source = seen(source, "mapping")
    events = settings.events.model_copy(
        update={"default_country": settings.events.default_country or settings.source.default_country}
    )
    sinks = []
    for sink in settings.sinks:
        sink = seen_url(seen(sink, "path", *(["activities"] if sink.activities.endswith(".toml") else [])), "url")
        inherited = {"zone": sink.zone or settings.events.zone, "source": sink.source or settings.source.name}
        sinks.append(sink.model_copy(update=inherited))
    return settings.model_copy(
        update={
            "source": source,
            "events": events,
            "ledger": seen_url(ledger, "url"),
            "receive": seen_url(seen(receive, "secrets", "tls_cert", "tls_key"), "inbox"),
            "pull": seen(pull, "ca"),
            "sinks": sinks,
        }
    )


def anchored_url(url: str, folder: Path) -> str:
    """The URL of an SQLite file, seen from a folder; any other as it is."""
    match = re.fullmatch(r"sqlite:///(?!/)(.+)", url)
    return f"sqlite:///{folder / match[1]}" if match and match[1] != ":memory:" else url
