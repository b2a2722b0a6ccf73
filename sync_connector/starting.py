"""`init`: recognize a file's mapping by its headers, or a database's by its tables, and write a `sync.toml` that runs."""

from __future__ import annotations

import os
from collections.abc import Mapping as AnyMapping
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from sync_connector import mapping, sources
from sync_connector.config import VARIABLE, Source, anchored_url, holds_password
from sync_connector.errors import FixSetup
from sync_connector.fields.country import time_zones
from sync_connector.recognition import Recognition, is_plain, recognize, resembled
from sync_connector.whole_file import whole_file

TEMPLATE = """\
# Made by `sync-connector init`. Every setting is explained; those with a # are shown with their default.
# "${{NAME}}" is replaced by an environment variable, "${{NAME:-default}}" by it or a default, "file:path" by a file's
# first line. A password is accepted in no other way.

[vendor]
dialect = "ardary"                       # the API's generation: ardary or insim-v1
base_url = "${{ARDARY_URL:-https://www.ardary-sms.com}}"
login = "${{ARDARY_LOGIN}}"                # your e-mail at the vendor
password = "${{ARDARY_PASSWORD}}"          # insim-v1: the access key
access_key = "${{ARDARY_ACCESS_KEY}}"      # for SMS and calls; contacts need none
# batch_size = 100                       # contacts in one request
# concurrency = 4                        # requests under way at once
# rate = 0                               # requests a second; 0 is no limit

[source]
name = "{name}"                            # what the ledger calls this source; never change it
type = "{kind}"
{where}
mapping = "{mapping}"
# {why}
default_country = "{country}"                   # of numbers that are written without a country
# on_unknown = "resend"                  # no trustworthy answer to a contact: send it again, or: hold (until a person says so)
{hints}

[rules]
# on_invalid_email = "drop"              # drop the e-mail and send the contact, or: reject
# shared_phone = "newest"                # of several contacts with one number send the newest, the first, or: reject

[ledger]
url = "sqlite:///sync-ledger.db"         # or postgresql://…, for a team; "${{LEDGER_URL}}" keeps its password out of here

[brakes]                                 # above these shares a run stops and asks
# gone = 0.20
# changed = 0.50
# rejected = 0.50

[events]                                 # what comes back: calls, qualifications, SMS, clicks
{zone}
# match = "newest"                       # of several contacts with the number: newest, all, or none
# window = 60                            # seconds within which the same words are suspected to be the same event

[sms]                                    # messages out: sync-connector sms send
# hours = "08:00-20:00"                  # when they may reach somebody, by the recipient's clock; "": any
# days = ["mon", "tue", "wed", "thu", "fri", "sat"]
# limit = 1000                           # messages in one run; more need --limit

[receive]                                # the receiver of callbacks; begin with: sync-connector receive --new-secret
# public_url = "https://…"               # as the vendor reaches it
# port = 8026
# inbox = "sqlite:///inbox.db"           # or a PostgreSQL that the receiver shares with this machine

# [[sinks]]                              # where events are written to, as many as you like
# name = "crm"
# type = "sql"                           # or csv, jsonl, parquet (path = "folder"), webhook (url, secret)
# url = "${{CRM_URL}}"
"""


HINTS = {
    "csv": "# delimiter, encoding and header_line are found out; set them here where that fails",
    "excel": '# sheet = "…"                          # where it is not the first that has a table',
    "sql": """\
# full_every = 7                         # runs: in between, only what changed is read, where the CRM dates its changes
# overlap = 900                          # seconds that such a read looks back behind the last one""",
}


class Place(NamedTuple):
    """What `init` was given. `contacts`: a file as named, or a URL as it will stand in `sync.toml`, variables and all.
    `source`: the same, as it can be opened."""

    contacts: str
    source: Source


def place(
    contacts: str,
    environment: AnyMapping[str, str],
    folder: Path,
    *,
    query: str = "",
    encoding: str | None = None,
    delimiter: str | None = None,
) -> Place:
    """A file or a database's URL, in which `${NAME}` stands for an environment variable. What a variable holds will be seen
    from the `folder` of `sync.toml`, so it is here.

    Raises `FixSetup`: a variable that is not set, a password on the command line, a query for a file.
    """
    url = VARIABLE.sub(lambda match: environment.get(match["name"]) or match["default"] or "", contacts)
    if "://" not in url:
        if VARIABLE.fullmatch(contacts) and not url:
            raise FixSetup(f"the environment variable in {contacts} is not set")
        path = str(folder / url) if VARIABLE.search(contacts) else url
        if query:
            raise FixSetup("--query: a file needs no query; it is for a database's URL")
        kind = sources.kind_of(path)
        return Place(contacts, Source(type=kind, path=path, encoding=encoding, delimiter=delimiter))
    if holds_password(contacts):
        advice = "put the URL into a variable, and write: sync-connector init '${CRM_URL}'"
        raise FixSetup(f"a password on the command line can be seen by every user of this machine; {advice}")
    if VARIABLE.search(contacts):
        url = anchored_url(url, folder)
    return Place(contacts, Source(type="sql", url=SecretStr(url), query=query))


class Found(NamedTuple):
    """What was found out about a file or a database, the mappings that fit it, the best first, and what is to be said of
    the best. `source`: as it is to be opened, with the sheet that fits."""

    source: Source
    described: list[str]
    fits: list[Recognition]
    advice: list[str]


def recognized(source: Source) -> Found:
    """Look at a file or a database. Raises `FixSetup` when no mapping fits, naming what is missing; `TryLater`."""
    if source.type == "sql":
        from sync_connector.sources import sql  # files need no database

        return Found(source, [], sql.recognized(source), [])
    opened = sources.open_source(source)
    headers = opened.headers()
    fits = recognize(headers)
    if not fits and source.type == "excel" and (other := _other_sheet(source, opened)) is not None:
        return other
    if not fits:
        nearest = resembled(headers) or "generic"
        try:
            mapping.bind(mapping.load(nearest), headers)
        except FixSetup as fault:
            raise FixSetup(*(f"as it was read: {sentence}" for sentence in opened.describe()), *fault.faults) from None
    return Found(source, list(opened.describe()), fits, _advice(fits[0].name, headers))


def _other_sheet(source: Source, opened: sources.RowSource) -> Found | None:
    """The first of a workbook's other sheets that a mapping fits: a summary may stand before the contacts."""
    from sync_connector.sources import excel  # other files need no reader of workbooks

    for name in opened.others if isinstance(opened, excel.Workbooks) and not source.sheet else ():
        with suppress(FixSetup):
            return recognized(source.model_copy(update={"sheet": name}))
    return None


def _advice(name: str, headers: Sequence[str]) -> list[str]:
    """What to say of a list without an identifier: whose it may be, and where one may be found."""
    chosen = mapping.load(name)
    if not is_plain(chosen):
        return []
    advice = [
        "no identifier is known in it, so people are told apart by name, company and e-mail: who changes one is a new person"
    ]
    crm = resembled(headers)
    if crm is not None:
        whose = mapping.load(crm)
        wanted = " or ".join(repr(column[0]) for column in whose.columns.key)
        advice.append(f"it may be an export of {whose.crm}, without {wanted}: add that column there, export and init again")
    elif unread := [header for header in headers if header not in mapping.bind(chosen, headers).used]:
        shown = ", ".join(map(repr, unread[:10]))
        advice.append(f"if one of these identifies a person, write a mapping that says so (mappings/README.md): {shown}")
    return advice


def write_config(target: Path, place: Place, fit: Recognition, country: str, *, force: bool) -> None:
    """Write `sync.toml`. Raises `FixSetup` rather than overwrite one, unless forced."""
    if target.exists() and not force:
        raise FixSetup(f"{target} is there already; --force overwrites it")
    source = place.source
    if source.type == "sql":
        name = fit.name
        where = [f"url = {_quoted(_url_seen_from(target.parent, place.contacts))}"]
        if source.query:
            where.append(f"query = {_quoted(os.path.relpath(source.query, target.parent))}")
    else:
        name = Path(source.path).stem
        path = source.path if source.path == "-" else os.path.relpath(source.path, target.parent)
        where = [f"path = {_quoted(place.contacts if VARIABLE.search(place.contacts) else path)}"]
    for setting in ("encoding", "delimiter", "sheet"):
        if value := getattr(source, setting):
            where.append(f"{setting} = {_quoted(value)}")
    text = TEMPLATE.format(
        name="".join(c if c.isalnum() or c in "-_." else "-" for c in name)[:64] or "crm",
        kind=source.type,
        where="\n".join(where),
        mapping=fit.name,
        why=f"{fit.crm}: {fit.why}",
        country=country,
        hints=HINTS.get(source.type, "# its columns are found out by their names"),
        zone=_zone(country),
    )
    try:
        with whole_file(target, "config.file") as out:
            out.write(text.encode())
    except OSError as fault:
        raise FixSetup(f"{target} cannot be written: {fault.strerror}") from None


def _zone(country: str) -> str:
    """The account's zone, where its country has but one; else it is for people to say."""
    zones = time_zones(country)
    told = "of the account: the vendor writes most times without a zone"
    if len(zones) == 1:
        return f'zone = "{zones[0]}"'.ljust(40) + f" # {told}"
    several = f"; {country} has {', '.join(zones[:4])}{', …' if len(zones) > 4 else ''}" if zones else ""
    return '# zone = "…"'.ljust(40) + f" # {told}{several}"


def _url_seen_from(folder: Path, url: str) -> str:
    """A URL as it stands in a `sync.toml` of that folder: the path of an SQLite file is seen from there."""
    anchored = anchored_url(url, Path.cwd())
    if VARIABLE.search(url) or anchored == url:
        return url
    return f"sqlite:///{os.path.relpath(anchored.removeprefix('sqlite:///'), folder)}"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t") + '"'
