"""Words → functions → exit codes. The only room that prints: results to stdout, progress and faults to stderr.

Exit codes: 0 finished · 1 failed, run it again · 2 usage, configuration or mapping · 3 the vendor refused some contacts
or left some unknown, or a CRM refused some events · 4 a brake · 130, 143 stopped by a signal after the batches in flight.
"""

from sync_connector.cli import back, events, job, quality, setup, sms, state, trial
from sync_connector.cli.frame import cli

__all__ = ["back", "cli", "events", "job", "quality", "setup", "sms", "state", "trial"]
