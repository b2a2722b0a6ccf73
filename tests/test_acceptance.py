"""A hundred thousand generated contacts: what the plan passes the vendor accepts, and what it does not has a reason."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from sync_connector.sandbox.app import Vendor
from tests.conftest import LOGIN, PASSWORD, Project, accepted_by_ledger

COUNT = 100_000


def test_every_contact_that_passes_is_accepted_and_every_other_has_a_code_and_a_line(
    tmp_path: Path, sandbox: str, vendor: Vendor
) -> None:
    """30 countries, 5 % bad rows, 2 % shared numbers: no #001–#004 from the vendor, and the sums add up."""
    url = f"sqlite:///{tmp_path / 'ledger.db'}"
    project = Project(tmp_path, url, sandbox, {"ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "TEST_LEDGER": url})
    project.configure(vendor={"batch_size": 500})
    generator = Path(__file__).parent.parent / "bench" / "generate.py"
    subprocess.run([sys.executable, str(generator), str(COUNT), str(project.contacts)], check=True, capture_output=True)
    plan = project.folder / "plan.json"
    shown = project.json("plan", "--out", str(plan))
    rows = shown["rows"]
    assert rows["read"] == COUNT == rows["to_send"] + rows["rejected"] + rows["held"]
    listed = json.loads(plan.read_text())
    assert len(listed["rejected"]) == rows["rejected"] > COUNT * 0.02
    assert all(row["codes"] and row["line"] > 1 for row in listed["rejected"])
    lines = project.contacts.read_text().splitlines()
    assert all(lines[row["line"] - 1].split(",")[0] == row["key"] for row in listed["rejected"])
    assert all(row["sent_instead"] for row in listed["held"])
    result = project.sync()
    assert result["verdicts"] == {"sent": rows["to_send"], "accepted": rows["to_send"], "warned": 0, "refused": 0, "unknown": 0}
    assert set(vendor.contacts) == set(accepted_by_ledger(url))
    assert len(vendor.contacts) == rows["to_send"]
    assert Counter(vendor.times.values()) == {1: rows["to_send"]}
