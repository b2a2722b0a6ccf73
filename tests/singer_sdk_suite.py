"""The Singer SDK's own target tests, asked of `sync --singer -`. Not one of our tests: `test_singer_sdk.py` runs this file
with the Python of a venv that has the SDK, and says there how. Nothing of ours is imported here.

Contacts are all that our target takes, so the suite's streams become contacts by a mapping that takes any column for a
number: their records are rejected with a reason, which settles them. What is asked is that each message is understood,
each record accounted for, and each STATE given back; and that what the SDK calls an error is told as one.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from typing import Any

from singer_sdk import Sink, Target  # type: ignore[import-not-found]
from singer_sdk.exceptions import (  # type: ignore[import-not-found]
    MissingKeyPropertiesError,
    RecordsWithoutSchemaException,
)
from singer_sdk.testing import get_target_test_class  # type: ignore[import-not-found]

COMMAND = json.loads(os.environ["SYNC_CONNECTOR_COMMAND"])


class _Nowhere(Sink):  # type: ignore[misc]
    """What the SDK wants to be there."""

    def process_record(self, record: object, context: object) -> None:
        """Nothing comes here."""
        raise AssertionError


class SyncConnector(Target):  # type: ignore[misc]
    """The command, as the SDK sees a target."""

    name = "sync-connector"
    config_jsonschema: dict[str, Any] = {"type": "object", "properties": {}}  # noqa: RUF012
    default_sink_class = _Nowhere

    def process_lines(self, file_input: Iterable[str]) -> Counter[str]:
        """Pipe a file through the command; its STATE goes to stdout, its refusal becomes the SDK's exception."""
        lines = list(file_input)
        messages = [json.loads(line) for line in lines]
        first = next(message["stream"] for message in messages if "stream" in message)
        records = [message for message in messages if message["type"] == "RECORD" and message["stream"] == first]
        with tempfile.TemporaryDirectory() as folder:
            environment = os.environ | {"TEST_LEDGER": f"sqlite:///{folder}/ledger.db", "TEST_STREAM": first}
            done = subprocess.run(COMMAND, input="".join(lines), env=environment, capture_output=True, text=True, check=False)
        if "before any SCHEMA" in done.stderr:
            raise RecordsWithoutSchemaException(done.stderr)
        if done.returncode:
            raise ValueError(done.stderr)
        result = json.loads(done.stderr)
        if "no_key" in result["codes"]:
            raise MissingKeyPropertiesError(done.stderr)
        keys = [json.dumps(message["record"].get("id")) for message in records]
        assert result["rows"]["read"] == (len(set(keys)) if first == "test_duplicate_records" else len(records))
        states = [message["value"] for message in messages if message["type"] == "STATE"]
        assert [json.loads(line) for line in done.stdout.splitlines()] == states[-1:]
        sys.stdout.write(done.stdout)
        return Counter(message["type"] for message in messages)

    def process_endofpipe(self) -> None:
        """The command has ended."""


StandardTargetTests = get_target_test_class(SyncConnector, config={})


class TestSyncConnector(StandardTargetTests):  # type: ignore[misc,valid-type]
    """The standard suite."""
