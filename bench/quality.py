"""What the data steward's commands cost beside the run that they tell of, as whole processes, in one sitting.

    python bench/quality.py                  a million contacts
    python bench/quality.py --rows 100000    a quick look

A first sync, then `report` (page, and `--json`), `rejects --xlsx`, `audit`, `report` once more; then a sync in which nothing
changed, and a report after it; and `report --file` of the same file. The bar: a report takes less than a tenth of the time of
the run that it tells of. Counts are compared with what is known of the file from its making; a wrong one ends it with exit
code 1, a slow one does not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from run import SYNC_TOML, Ledger, Row, Wrong, connector, environment, machine, made, must, point, sandbox, timed

HERE = Path(__file__).resolve().parent
BAR = 0.1
MEMORY_BAR = 450.0


def measure(rows: int, out: Path) -> list[Row]:
    """The rows of the table; the ledger is made anew."""
    folder = out / f"quality-{rows}"
    folder.mkdir(parents=True, exist_ok=True)
    day = out / f"contacts-{rows}.csv"
    known = made(day, str(rows))
    point(folder / "contacts.csv", day)
    (folder / "sync.toml").write_text(SYNC_TOML, encoding="utf-8")
    Ledger(folder).empty()
    table: list[Row] = []
    with sandbox(environment()) as vendor:
        env = environment(vendor.url)

        def run(name: str, *words: str) -> str:
            table.append(Row(name))
            print(f"{name} …", file=sys.stderr)
            return timed(table[-1], connector(*words), folder, env)

        synced = json.loads(run("first sync", "sync", "--json"))
        told = json.loads(run("report --json", "report", "--json"))
        quality = told["quality"]
        must("contacts at the vendor", quality["contacts"]["accepted"], synced["verdicts"]["accepted"])
        must("rows not sent", quality["contacts"]["rejected"], synced["rows"]["rejected"])
        must("invalid numbers", _count(quality, "#001"), known["bad_number"])
        must("findings", quality["findings"]["all"], sum(synced["findings"].values()))
        run("report, page and terminal", "report")
        run("report in French", "report", "--lang", "fr")
        run("rejects --xlsx", "rejects", "--xlsx", "rejects.xlsx")
        run("audit", "audit", "--json")
        run("report after the audit", "report")
        run("sync, nothing changed", "sync", "--json")
        run("report after it", "report")
    run_file = connector("report", "--file", "contacts.csv", "--country", "FR", "--out", "file.html")
    table.append(Row("report --file"))
    print("report --file …", file=sys.stderr)
    timed(table[-1], run_file, folder, environment())
    return table


def _count(quality: dict[str, list[dict[str, object]]], code: str) -> int:
    return sum(int(str(one["count"])) for one in quality["codes"] if one["code"] == code and one["severity"] == "reject")


def show(table: list[Row]) -> None:
    """The table; shares are of the run before."""
    whole = 0.0
    print(f"\n{'':32}{'seconds':>9}{'CPU':>9}{'peak MB':>9}{'of the run':>12}")
    for row in table:
        seconds = row.seconds[0]
        is_run = "sync" in row.name
        whole = seconds if is_run else whole
        share = "" if is_run or not whole else f"{seconds / whole:.1%}"
        print(f"{row.name:32}{seconds:9.2f}{row.cpu[0]:9.2f}{row.peak_mb:9.0f}{share:>12}")
    first, report = table[0].seconds[0], table[2].seconds[0]
    print(
        f"\na report takes {report / first:.1%} of the first run (bar {BAR:.0%}: {'held' if report < BAR * first else 'MISSED'});"
    )
    peak = max(row.peak_mb for row in table if row.name.startswith("report") and "file" not in row.name)
    print(f"its peak is {peak:.0f} MB (bar {MEMORY_BAR:.0f}: {'held' if peak <= MEMORY_BAR else 'MISSED'})")


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path, default=HERE / "out")
    arguments = parser.parse_args()
    try:
        table = measure(arguments.rows, arguments.out)
    except Wrong as wrong:
        sys.exit(f"wrong: {wrong}")
    print(json.dumps(machine()))
    show(table)


if __name__ == "__main__":
    main()
