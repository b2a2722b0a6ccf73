"""`init`: recognize a file's mapping by its headers, and write a `sync.toml` that runs as it is."""

from __future__ import annotations

import os
from pathlib import Path

from sync_connector import mapping, sources
from sync_connector.config import Source
from sync_connector.errors import FixSetup
from sync_connector.mapping import Recognition

TEMPLATE = """\
# Made by `sync-connector init`. Every setting is explained; those with a # are shown with their default.
# "${{NAME}}" is replaced by an environment variable, "${{NAME:-default}}" by it or a default, "file:path" by a file's
# first line. A password is accepted in no other way.

[vendor]
dialect = "ardary"                       # the API's generation: ardary or insim-v1
base_url = "${{ARDARY_URL:-https://www.ardary-sms.com}}"
login = "${{ARDARY_LOGIN}}"                # your e-mail at the vendor
password = "${{ARDARY_PASSWORD}}"          # insim-v1: the access key
# batch_size = 100                       # contacts in one request
# concurrency = 4                        # requests under way at once
# rate = 0                               # requests a second; 0 is no limit

[source]
name = "{name}"                            # what the ledger calls this source; never change it
type = "{kind}"
path = {path}
mapping = "{mapping}"
# {why}
default_country = "{country}"                   # of numbers that are written without a country
# delimiter, encoding and header_line are found out; set them here where that fails

[rules]
# on_invalid_email = "drop"              # drop the e-mail and send the contact, or: reject
# shared_phone = "newest"                # of several contacts with one number send the newest, the first, or: reject

[ledger]
url = "sqlite:///sync-ledger.db"         # or postgresql://…, for a team; "${{LEDGER_URL}}" keeps its password out of here

[brakes]                                 # above these shares a run stops and asks
# gone = 0.20
# changed = 0.50
# rejected = 0.50
"""


def recognized(path: str, encoding: str | None = None, delimiter: str | None = None) -> tuple[list[str], list[Recognition]]:
    """What was found out about a file, and the mappings that fit it, the best first.

    Raises `FixSetup` when none fits, naming what is missing.
    """
    source = sources.open_source(Source(type=sources.kind_of(path), path=path, encoding=encoding, delimiter=delimiter))
    headers = source.headers()
    fits = mapping.recognize(headers)
    if not fits:
        mapping.bind(mapping.load("generic"), headers)  # says what is missing
    return list(source.describe()), fits


def write_config(target: Path, contacts: str, fit: Recognition, country: str, *, force: bool) -> None:
    """Write `sync.toml`. Raises `FixSetup` rather than overwrite one, unless forced."""
    if target.exists() and not force:
        raise FixSetup(f"{target} is there already; --force overwrites it")
    name = "".join(c if c.isalnum() or c in "-_." else "-" for c in Path(contacts).stem)[:64] or "crm"
    shown = contacts if contacts == "-" else os.path.relpath(contacts, target.parent)
    quoted = '"' + shown.replace("\\", "\\\\").replace('"', '\\"') + '"'
    kind = sources.kind_of(contacts)
    text = TEMPLATE.format(name=name, kind=kind, path=quoted, mapping=fit.name, why=f"{fit.crm}: {fit.why}", country=country)
    try:
        with open(target, "w", encoding="utf-8", opener=lambda p, flags: os.open(p, flags, 0o600)) as out:
            out.write(text)
    except OSError as fault:
        raise FixSetup(f"{target} cannot be written: {fault.strerror}") from None
