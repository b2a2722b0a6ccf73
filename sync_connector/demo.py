"""`demo`: the whole job on sample data against the sandbox, offline, in a few seconds.

It runs the very commands that a user would type, and shows them.
"""

from __future__ import annotations

import csv
import os
import shlex
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
from rich.console import Console
from rich.rule import Rule
from rich.text import Text

from sync_connector.config import load
from sync_connector.errors import FixSetup, SyncError
from sync_connector.events import secret_file, serving
from sync_connector.sandbox import callbacks, following, ringing
from sync_connector.sandbox.app import Vendor
from sync_connector.sandbox.serve import in_background

LOGIN, PASSWORD = "demo@example.com", "sandbox"  # of the make-believe vendor
EDITED = 3


def sample_data() -> Path:
    """`sample_data/` beside the package in a checkout, inside it in an installed copy."""
    inside = Path(str(resources.files("sync_connector"))) / "sample_data"
    return inside if inside.is_dir() else inside.parent.parent / "sample_data"


def run(folder: Path, console: Console, invoke: Callable[[list[str]], int]) -> None:
    """Play the demo in a folder of its own, which is made anew. Raises `SyncError` when a step does not go as it should."""
    _fresh(folder)
    contacts, config, page = folder / "contacts.csv", folder / "sync.toml", folder / "report.html"
    contacts.touch(0o600)
    shutil.copyfile(sample_data() / "contacts.csv", contacts)

    def step(title: str, *arguments: str) -> None:
        console.print()
        console.print(Rule(Text(title, style="bold"), align="left", style="dim"))
        console.print(Text(f"$ sync-connector {shlex.join(arguments)}", style="cyan"))
        if code := invoke(list(arguments)):
            raise SyncError(f"the demo's step “{title}” ended with exit code {code}")

    vendor = Vendor(LOGIN, PASSWORD)
    with in_background(vendor) as address, _environment(address):
        at = ["--config", str(config)]
        step("1. Recognize the export and write a configuration", "init", str(contacts), *at)
        step("2. What would be sent? Nothing is sent yet", "plan", *at)
        step("3. Send it", "sync", *at)
        posts = _posts(address)
        step("4. The next night: nothing changed, nothing is sent", "sync", *at)
        if _posts(address) != posts:
            raise SyncError("the demo's second sync sent something")
        keys = _edit(contacts)
        console.print(Text(f"\nThree people are edited in the CRM: {', '.join(keys)}", style="bold"))
        step("5. Only those three are sent", "sync", *at)
        step("6. One contact's whole story", "explain", keys[0], *at)
        step("7. The runs so far", "runs", *at)
        _the_way_back(config, vendor, console, step)
        step("12. What a nightly run cannot see: is somebody there twice?", "audit", *at)
        step("13. What was not sent goes into a sheet, to be mended", "rejects", "--xlsx", str(folder / "rejects.xlsx"), *at)
        step("14. One page for whoever looks after the data", "report", "--out", str(page), *at)
        held = len(httpx.get(f"{address}/_sandbox/contacts").json())
    console.print()
    console.print(Text(f"The vendor (a sandbox on this machine) holds {held} contacts.", style="bold green"))
    console.print(
        f"Look around in {folder}/: contacts.csv, sync.toml, rejects.xlsx, crm.db. Edit contacts.csv, then, in two terminals:"
    )
    console.print("  sync-connector sandbox")
    console.print(
        "  ARDARY_URL=http://127.0.0.1:8025 ARDARY_LOGIN=demo@example.com ARDARY_PASSWORD=sandbox \\\n"
        f"    sync-connector sync --config {config}",
        soft_wrap=True,
    )
    console.print("With your own export: sync-connector init contacts.csv")
    console.print(Text.assemble("How good are the data? Open ", (str(page.resolve()), "bold")), soft_wrap=True)


def _the_way_back(config: Path, vendor: Vendor, console: Console, step: Callable[..., None], count: int = 200) -> None:
    """Calls, SMS and clicks of the contacts come back, and what becomes of messages to some of them; all of it ends up in a
    database that stands for the CRM's."""
    with open(config, "a", encoding="utf-8") as out:
        out.write('\n[[sinks]]\nname = "crm"\ntype = "sql"\nurl = "sqlite:///crm.db"\n')
    at, zone = ["--config", str(config)], ZoneInfo("Europe/Paris")
    whom = ["--contacts", "--where", "city=Paris", "--campaign", "rendez-vous"]
    what = ["--text", "Bonjour {first_name}, votre rendez-vous en ligne : [Link]", "--link", "https://example.com/rdv"]
    settings = load(config, purpose="receive").receive
    secret = secret_file.new_secret(settings.secrets)
    with serving.in_background(settings) as receiver:
        url = f"{receiver}/callbacks/{secret}"
        lately = callbacks.make(count, seed=1, numbers=sorted(vendor.contacts), now=datetime.now(UTC), zone=zone)
        came = _ring(url, list(lately))
        told = f"\nThe contacts' phones ring: {came} callbacks came, each was on disk before it was answered"
        console.print(Text(told, style="bold"))
        step("8. An SMS to everybody in Paris, to each at most once", "sms", "send", *whom, *what, "--any-hour", "--yes", *at)
        came = _ring(url, [due.made for due in following.follow(vendor.messages, seed=1, zone=zone)])
        console.print(Text(f"\nThey are delivered, opened, answered: {came} callbacks more", style="bold"))
    step("9. Whose calls and answers are they? Into the CRM with them", "pull", *at)
    step("10. What became of the SMS", "sms", "status", *at)
    step("11. The last of what came back", "events", "--count", "5", *at)


def _ring(url: str, made: Sequence[callbacks.Made]) -> int:
    """Call back; how often. Raises `SyncError` where an answer is not 200."""
    rung = ringing.ring(url, made)
    if rung.answers != {"200": len(made)}:
        raise SyncError(f"the demo's callbacks were answered {rung.answers}")
    return rung.sent


def _fresh(folder: Path) -> None:
    """An empty folder; only one that an earlier demo made is emptied."""
    databases = {f"{name}.db{rest}" for name in ("sync-ledger", "inbox", "crm") for rest in ("", "-wal", "-shm")}
    ours = {"contacts.csv", "sync.toml", "callback-secrets", "rejects.xlsx", "report.html"} | databases
    if folder.exists():
        strangers = {path.name for path in folder.iterdir()} - ours
        if strangers:
            raise FixSetup(
                f"{folder} holds files that no demo made ({', '.join(sorted(strangers)[:3])}); choose another --folder"
            )
        shutil.rmtree(folder)
    for part in (*reversed([parent for parent in folder.parents if not parent.exists()]), folder):
        part.mkdir(mode=0o700, exist_ok=True)  # `parents=True` would leave those between open to all


@contextmanager
def _environment(address: str) -> Iterator[None]:
    given = {"ARDARY_URL": address, "ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "ARDARY_ACCESS_KEY": PASSWORD}
    before = {name: os.environ.get(name) for name in given}
    os.environ.update(given)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _posts(address: str) -> int:
    return len(httpx.get(f"{address}/_sandbox/requests").json())


def _edit(contacts: Path) -> list[str]:
    """Give the first three people of the file another city; their keys."""
    with open(contacts, encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines))
    header, people = rows[0], rows[1 : 1 + EDITED]
    city, key = header.index("city"), header.index("id")
    for person in people:
        person[city] = "Lyon" if person[city] != "Lyon" else "Paris"
    with open(contacts, "w", encoding="utf-8", newline="") as out:
        csv.writer(out, lineterminator="\n").writerows(rows)
    return [person[key] for person in people]
