"""How long it takes to plan messages and to send them, beside what cannot be avoided, in turns in one process.

    python bench/messages.py                          100,000 planned, 5,000 sent, three times
    python bench/messages.py --planned 10000 --sent 1000 --rounds 1

Planning (number, opt-outs, template, links, price, hour, ledger) is held against the mere reading of the file; sending (each
request noted in the ledger before it leaves, and settled) against posting the same requests to the same sandbox and forgetting
them. The ledger is an SQLite file in `bench/out`, the sandbox a thread of this process on a real socket. The vendor must have
each message once: else the measurement ends with exit code 1.
"""

from __future__ import annotations

import argparse
import csv
import resource
import shutil
import statistics
import sys
import time
from collections import Counter
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import httpx
from pydantic import SecretStr

from sync_connector import config, dialects, message_planning, messaging, sources
from sync_connector.ledger.messages import MessageBook
from sync_connector.ledger.store import open_ledger
from sync_connector.reading import Progress
from sync_connector.sandbox.serve import in_background
from sync_connector.sandbox.vendor import Vendor
from sync_connector.sms.plan import Plan

OUT = Path(__file__).parent / "out" / "messages"
KEY = "bench"
NOON = datetime(2026, 3, 2, 11, tzinfo=UTC)
TEXT = "Bonjour {first_name|title}, votre rendez-vous du {day} est confirmé : [Link]"


def written(count: int) -> Path:
    """A file of so many recipients."""
    path = OUT / f"recipients-{count}.csv"
    with open(path, "w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["phone_number", "first_name", "day", "url"])
        writer.writerows([f"+336{n:08d}", f"ana{n % 97}", f"{n % 28 + 1} mars", f"https://example.com/{n}"] for n in range(count))
    return path


def asked(path: Path, campaign: str) -> message_planning.Asked:
    """The campaign of that file."""
    return message_planning.Asked(file=str(path), text=TEXT, campaign=campaign)


def settings_for(address: str) -> config.Settings:
    """As a `sync.toml` says it."""
    vendor = config.Vendor(login="me", access_key=SecretStr(KEY), base_url=address)
    source = config.Source(path="")
    return config.Settings.model_validate(
        {"vendor": vendor, "source": source, "events": config.Events(zone="Europe/Paris")}, context={"purpose": "message"}
    )


def reading(path: Path) -> float:
    """Seconds that the file takes to be read and put into rows."""
    begun = time.perf_counter()
    for chunk in sources.open_source(config.Source(type="csv", path=str(path))).chunks():
        list(chunk.rows.itertuples(index=False, name=None))
    return time.perf_counter() - begun


def measure(planned: int, sent: int, campaign: str) -> dict[str, float]:
    """Seconds of each part."""
    many, few = written(planned), written(sent)
    vendor = Vendor("me", KEY)
    with in_background(vendor) as address, closing(open_ledger(f"sqlite:///{OUT / 'ledger.db'}", write=True)) as ledger:
        settings = settings_for(address)
        scope = ledger.make_scope("me", "127.0.0.1", "crm")
        book = MessageBook(ledger, scope.account_id)
        took = {"read": reading(many)}
        begun = time.perf_counter()
        made = message_planning.prepare(settings, book, asked(many, campaign), Progress(), lambda: None, NOON)
        took["plan"] = time.perf_counter() - begun
        must("planned", len(made.planned), planned)
        made = message_planning.prepare(settings, book, asked(few, campaign), Progress(), lambda: None, NOON)
        took["post"] = posting(settings, made, address)
        must("posted", len(vendor.messages), sent)
        vendor.forget()
        begun = time.perf_counter()
        with ledger.lease(scope, "sms"):
            told = messaging.execute(settings, book, made, Progress(), lambda: 0)
        took["send"] = time.perf_counter() - begun
        must("sent", told.counts["sent"], sent)
        must("messages that the vendor has once", Counter(Counter(m.id_sms_api for m in vendor.messages).values())[1], sent)
    return took


def posting(settings: config.Settings, made: Plan, address: str) -> float:
    """Seconds that the same requests take, a connection for each, when nobody remembers them."""
    dialect = dialects.find("ardary")
    begun = time.perf_counter()
    for manner, batch in made.batches(settings.sms.batch_size):
        body = dialect.messages_request("me", KEY, [one.message for one in batch], manner)
        httpx.post(address + dialect.messages_path, content=body, verify=False).raise_for_status()
    return time.perf_counter() - begun


def must(what: str, got: int, wanted: int) -> None:
    """End the measurement if a count is wrong."""
    if got != wanted:
        print(f"{what}: {got:,}, not {wanted:,}: wrong")
        sys.exit(1)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--planned", type=int, default=100_000)
    parser.add_argument("--sent", type=int, default=5_000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    shutil.rmtree(OUT, ignore_errors=True)
    OUT.mkdir(parents=True)
    rounds = [measure(given.planned, given.sent, f"round {n}") for n in range(given.rounds)]
    middle = {part: statistics.median(one[part] for one in rounds) for part in rounds[0]}
    each, rate = middle["plan"] / given.planned * 1e6, given.sent / middle["send"]
    beside = (middle["plan"] / middle["read"], middle["send"] / middle["post"])
    print(f"plan {given.planned:,}: {middle['plan']:6.2f} s, {each:.0f} µs each, {beside[0]:.1f} × reading the file")
    print(f"send {given.sent:,}: {middle['send']:6.2f} s, {rate:,.0f} a second, {beside[1]:.1f} × posting alone")
    print(f"peak memory, the sandbox's included: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")
    shutil.rmtree(OUT, ignore_errors=True)


if __name__ == "__main__":
    main()
