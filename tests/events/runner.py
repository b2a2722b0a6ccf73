"""A receiver as a process of its own: the settings are JSON on its command line, the sockets are inherited.

The sockets belong to the test, so that a receiver that is killed and started again has the same address.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

from sync_connector.config import Receive
from sync_connector.events.serving import serve

ROOT = Path(__file__).parent.parent.parent


def start(settings: dict[str, Any], *listening: socket.socket, log: Path) -> subprocess.Popen[bytes]:
    """Start a receiver; what it logs is added to that file. It answers as soon as it is up: until then clients wait."""
    numbers = [each.fileno() for each in listening]
    words = [sys.executable, "-W", "error", __file__, json.dumps({"settings": settings, "sockets": numbers})]
    with open(log, "ab") as out:
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        return subprocess.Popen(words, pass_fds=numbers, stdout=out, stderr=out, env=environment)


def main() -> None:
    """Serve until a signal."""
    told = json.loads(sys.argv[1])
    logging.basicConfig(level=logging.INFO, format="%(name)s %(levelname)s %(message)s")
    serve(Receive(**told["settings"]), [socket.socket(fileno=number) for number in told["sockets"]])


if __name__ == "__main__":
    main()
