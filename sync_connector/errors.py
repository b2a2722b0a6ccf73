"""One tree of exceptions, grouped by what the caller must do next.

    SyncError
    ├── FixSetup          exit 2   the user mends configuration, mapping, credentials or the file's shape
    │   └── CredentialsRefused
    ├── AskPerson         exit 4   a brake: a person looks, and approves or not
    ├── TryLater          exit 1   run it again; nothing is lost
    │   └── LeaseLost
    ├── OutOfTime         exit 3   the hour at which the run was to end: the next run goes on
    └── Stopped           exit 128 + signal

A fault in *data* is never an exception: it is a `Finding`.
"""

from __future__ import annotations

from collections.abc import Sequence


class SyncError(Exception):
    """Something stopped a run. `faults` are sentences for people: what, where, what to do."""

    exit_code = 1

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults: Sequence[str] = faults


class FixSetup(SyncError):
    """Configuration, mapping, credentials or the shape of the source is wrong; all faults are listed."""

    exit_code = 2


class CredentialsRefused(FixSetup):
    """The vendor does not accept the login; the run stops at the first such answer."""


class AskPerson(SyncError):
    """A brake stopped the run before it sent anything."""

    exit_code = 4


class TryLater(SyncError):
    """The run failed for a reason outside the data; nothing is lost, run it again."""


class LeaseLost(TryLater):
    """Another run took over while this one was silent for too long."""


class OutOfTime(SyncError):
    """The run was to end at an hour, and that came before anything could be sent."""

    exit_code = 3


class Stopped(SyncError):
    """A signal asked the run to stop; the batches in flight were finished."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(f"stopped by signal {signal_number}; the batches in flight were finished, run it again to go on")
        self.exit_code = 128 + signal_number
