"""Are the locked dependencies known to be vulnerable? `make audit` asks, with pip-audit, a service on the network.

    python tests/audit/run.py --pip-audit .venv-audit/bin/python requirements.lock

Law: it never says that what nobody looked up is sound. pip-audit itself ends with 0 and "No known vulnerabilities found" where
the service knew none of the packages; here each dependency is audited, vulnerable, or not audited, and the last are told.

Exit 0: no known vulnerability among those audited; or nothing could be asked, which is said as "not audited: …". Exit 1: one is
vulnerable.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, NamedTuple

NAMED = 5


class Told(NamedTuple):
    """What became of the dependencies: `vulnerable` has a sentence for each vulnerability."""

    audited: int
    unaudited: list[str]
    vulnerable: list[str]


def ask(python: str, lock: str, options: Sequence[str]) -> tuple[int, str, str]:
    """pip-audit's exit code, its JSON and what else it says. It installs nothing and resolves nothing: the lock has it all."""
    words = [python, "-m", "pip_audit", "--requirement", lock, "--disable-pip", "--require-hashes", "--format", "json"]
    try:
        ended = subprocess.run([*words, "--progress-spinner", "off", *options], capture_output=True, text=True, check=False)
    except OSError as fault:
        return 127, "", f"{python}: {fault.strerror}"
    return ended.returncode, ended.stdout, ended.stderr


def read(answer: str) -> Told | None:
    """What pip-audit found; `None` where it is no answer."""
    try:
        dependencies: list[dict[str, Any]] = json.loads(answer)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return None
    vulnerable = [
        f"{one['name']} {one['version']}: {found['id']}, mended in {', '.join(found['fix_versions']) or 'no version yet'}"
        for one in dependencies
        for found in one.get("vulns", [])
    ]
    unaudited = [one["name"] for one in dependencies if "skip_reason" in one]
    return Told(len(dependencies) - len(unaudited), unaudited, vulnerable)


def main() -> int:
    """Ask, and say what is known."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("locks", nargs="+", metavar="LOCK")
    parser.add_argument("--pip-audit", dest="python", required=True, help="the Python in which pip-audit is installed")
    chosen, options = parser.parse_known_args()
    code = 0
    for lock in chosen.locks:
        _, answer, said = ask(chosen.python, lock, options)
        told = read(answer)
        if told is None or not (told.audited or told.vulnerable):
            why = (
                "the service knows none of the packages: it is no full index"
                if told
                else (said.strip().splitlines() or ["?"])[-1]
            )
            print(f"not audited: {lock} ({why})")
            continue
        for sentence in told.vulnerable:
            print(f"VULNERABLE  {sentence}")
        if told.unaudited:
            more = f" and {len(told.unaudited) - NAMED} more" if len(told.unaudited) > NAMED else ""
            print(f"not audited: of {lock} {', '.join(told.unaudited[:NAMED])}{more}, which the service does not know")
        if told.vulnerable:
            code = 1
        else:
            print(f"audited: {lock}, {told.audited} of {told.audited + len(told.unaudited)} packages, no known vulnerability")
    return code


if __name__ == "__main__":
    sys.exit(main())
