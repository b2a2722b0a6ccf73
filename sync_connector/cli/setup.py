"""Setting up: `init`, `check`, `mappings`."""

from __future__ import annotations

import os
from pathlib import Path

import click
from rich.text import Text

from sync_connector import config, mapping, planning, recognition, sources, starting
from sync_connector.cli.frame import cli, config_option, json_option, ledger_of, scope_of, show, show_json
from sync_connector.errors import FixSetup
from sync_connector.report import terminal


@cli.command()
@click.argument("contacts")
@click.option("--config", "config_path", default="sync.toml", show_default=True, help="The file to write.")
@click.option("--country", default="FR", show_default=True, metavar="CODE", help="Country of numbers written without one.")
@click.option("--mapping", "wanted", help="Use this mapping instead of the one recognized.")
@click.option("--query", default="", help="For a database: a file with the SELECT that gives the contacts.")
@click.option("--encoding", help="Of a text file, where it is not found out (cp932, …).")
@click.option("--delimiter", help="Of a text file, where it is not found out.")
@click.option("--force", is_flag=True, help="Overwrite an existing file.")
def init(
    contacts: str,
    config_path: str,
    country: str,
    wanted: str | None,
    query: str,
    encoding: str | None,
    delimiter: str | None,
    force: bool,
) -> None:
    """Recognize the CRM behind CONTACTS, and write a sync.toml that runs as it is.

    CONTACTS is a file that it exported, or its database: postgresql://user@host/name, mysql://…, sqlite:///file. A URL with
    a password belongs into a variable: sync-connector init '${CRM_URL}'.
    """
    if not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise FixSetup(f"--country: {country!r} is not a two-letter country code; write FR")
    place = starting.place(contacts, os.environ, Path(config_path).parent, query=query, encoding=encoding, delimiter=delimiter)
    source, described, fits, advice = starting.recognized(place.source)
    place = place._replace(source=source)
    if wanted is not None:
        mapping.load(wanted)
        advice = []
        fits = [fit for fit in fits if fit.name == wanted] or [recognition.Recognition(wanted, wanted, 0, "chosen by hand")]
    best = fits[0]
    starting.write_config(Path(config_path), place, best, country.upper(), force=force)
    for sentence in described:
        show(Text(sentence, style="dim"))
    show(Text.assemble("mapping ", (best.name, "bold green"), f": {best.why}"))
    for other in fits[1:3]:
        show(Text(f"  or {other.name}: {other.why}", style="dim"))
    for sentence in advice:
        show(Text(sentence, style="yellow"))
    show(Text.assemble("wrote ", (config_path, "bold"), "; next, with ARDARY_LOGIN and ARDARY_PASSWORD set:"))
    suffix = "" if config_path == "sync.toml" else f" --config {config_path}"
    show(f"  sync-connector plan{suffix}      what would be sent\n  sync-connector sync{suffix}      send it")


@cli.command()
@config_option
@json_option
def check(config_path: str, as_json: bool) -> None:
    """Look at configuration, mapping, source and ledger without sending anything."""
    settings = config.load(config_path, purpose="send")
    planning.choices_of(settings)
    source = sources.open_source(settings.source)
    binding = mapping.bind(mapping.load(settings.source.mapping), source.headers())
    with ledger_of(settings) as ledger:
        states = ledger.states(scope_of(ledger, settings))
    unused = [header for header in source.headers() if header not in binding.used]
    phones = [column.value for column in binding.phone]
    roles = {"key": binding.key, "key_otherwise": binding.key_otherwise, "phone": phones, "first_name": binding.first_name}
    roles |= {"last_name": binding.last_name, "full_name": binding.full_name, "email": binding.email, "adress": binding.adress}
    roles |= {"adress_otherwise": binding.adress_otherwise, "country": binding.country, "postcode": binding.postcode}
    roles |= {"modified": binding.modified, "deleted": [header for header, _, _ in binding.deleted]}
    otherwise = {"key_otherwise", "adress_otherwise"}  # told to people only where a mapping has them
    _, host, name = planning.scope_names(settings)
    if as_json:
        show_json({"source": name, "host": host, "columns": roles, "unused": unused, "contacts_in_ledger": states})
        return
    for sentence in source.describe():
        show(Text(sentence, style="dim"))
    for role, headers in roles.items():
        if headers or role not in otherwise:
            shown = ", ".join(headers) if headers else "—"
            show(Text.assemble((f"{role.replace('_otherwise', ', else'):>12}  ", "bold"), (shown, "" if headers else "dim")))
    if unused:
        show(Text(f"      unused  {', '.join(unused)}", style="dim"))
    known = ", ".join(f"{count:,} {state}" for state, count in sorted(states.items())) or "empty: the first run sends everything"
    show(f"ledger: {known}")
    show(Text(f"ready to sync source {name!r} with {host} ({settings.vendor.dialect})", style="green"))


@cli.command()
@click.argument("name", required=False)
@json_option
def mappings(name: str | None, as_json: bool) -> None:
    """List the CRMs that are known, or show one mapping. NAME is one of them, or the path of a file of yours.

    A mapping of your own is checked by this as well: every fault is listed with its line.
    """
    if name is None:
        listed = [mapping.shown(one) for one in mapping.names()]
        show_json(listed) if as_json else show(terminal.mappings_table(listed))
    else:
        one = mapping.shown(name)
        show_json(one) if as_json else show(terminal.mapping_shown(one))
