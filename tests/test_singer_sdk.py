"""The Singer SDK's target test suite, where its Python is named.

    python3 -m venv .venv-singer && .venv-singer/bin/pip install --require-hashes -r tests/singer.lock
    SYNC_CONNECTOR_TEST_SINGER_SDK=$PWD/.venv-singer/bin/python pytest tests/test_singer_sdk.py

CI does so. The SDK is none of our dependencies (the lock was made of `singer.in`); what its streams ask is also asked, in our
words, by `tests/sources/test_singer.py`.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import LOGIN, PASSWORD, Project

MAPPING = """
crm = "the SDK's streams"
title = "any column is a number"
[columns]
key = [["id", "Id", "_id", "object_store.id"]]
phone = [
  ["metric", "fruits", "clientName", "info", "optional", "a1", "name", "d.env", "ForecastingTypeId", "object_store.metric"],
]
"""


@pytest.mark.skipif(
    "SYNC_CONNECTOR_TEST_SINGER_SDK" not in os.environ,
    reason="no Python with the Singer SDK is named: see the first lines of tests/test_singer_sdk.py",
)
def test_the_sdks_own_suite_passes(tmp_path: Path, sandbox: str) -> None:
    """Every standard target test, through the command as a process; none is left out."""
    environment = {"ARDARY_LOGIN": LOGIN, "ARDARY_PASSWORD": PASSWORD, "TEST_LEDGER": "sqlite:///unused.db"}
    project = Project(tmp_path, "", sandbox, environment)
    (tmp_path / "any.toml").write_text(MAPPING)
    source = {"type": "singer", "path": "", "mapping": "any.toml", "stream": "${TEST_STREAM}"}
    project.configure(source=source, brakes={"rejected": 1})
    command = [sys.executable, "-m", "sync_connector", "sync", "--singer", "-", "--json", "--config", str(project.config)]
    environment |= {"SYNC_CONNECTOR_COMMAND": json.dumps(command), "PYTHONPATH": str(Path(__file__).parent.parent)}
    suite = Path(__file__).with_name("singer_sdk_suite.py")
    options = ["--noconftest", "-c", os.devnull, "-p", "no:cacheprovider"]
    words = [os.environ["SYNC_CONNECTOR_TEST_SINGER_SDK"], "-m", "pytest", "-v", *options, str(suite)]
    done = subprocess.run(words, env=os.environ | environment, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    summary = re.search(r"(\d+) passed", done.stdout)
    assert summary is not None
    assert int(summary[1]) >= 16
    assert "skipped" not in done.stdout
