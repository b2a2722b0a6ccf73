"""A process that runs a scenario and ends at a fault point, from one instruction to the next; its argument says which.

The product cannot be told to do so: it is this program, of the tests, that listens."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from sync_connector import fault_points
from tests.faults.scenarios import SCENARIOS
from tests.faults.world import Town, World


def main() -> None:
    """Scenario, folder, ledger, the vendor's address, and the number of the point."""
    name, folder, ledger, address, place = sys.argv[1:]
    reached, lock = 0, threading.Lock()

    def deadly(_: str) -> None:
        nonlocal reached
        with lock:
            reached += 1
            if reached == int(place):
                os._exit(137)

    scenario = next(one for one in SCENARIOS if one.name == name)
    with fault_points.told(deadly):
        scenario.act(World(Path(folder), ledger, Town(address)))


if __name__ == "__main__":
    main()
