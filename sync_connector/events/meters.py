"""What the receiver counts, for Prometheus.

Law: no label comes from a client, so their number is bounded, and none is a secret.
"""

from __future__ import annotations

import math
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Meters:
    """The counts of one receiver, in a registry of its own."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        name, there = "sync_connector_", self._registry
        self.stored = Counter(f"{name}callbacks_stored", "Callbacks that are in the inbox.", registry=there)
        self.answered = Counter(f"{name}requests", "Requests that were answered.", ["route", "status"], registry=there)
        self.closed = Counter(f"{name}connections_closed", "Connections that were closed on a client.", ["why"], registry=there)
        self.seconds = Histogram(
            f"{name}commit_seconds",
            "Seconds that a commit to the inbox took.",
            registry=there,
            buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5),
        )
        self.size = Histogram(
            f"{name}commit_callbacks",
            "Callbacks that one commit stored.",
            registry=there,
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500),
        )
        self._waiting = Gauge(f"{name}callbacks_waiting", "Callbacks in the inbox that are not acknowledged.", registry=there)
        silence = Gauge(f"{name}silence_seconds", "Seconds since the last callback; NaN before the first.", registry=there)
        silence.set_function(lambda: time.time() - self.last)
        self.last = math.nan  # when the last callback came, in seconds since 1970

    def text(self, waiting: float) -> bytes:
        """All counts, as Prometheus reads them. `waiting`: callbacks that are not acknowledged; NaN if nobody knows."""
        self._waiting.set(waiting)
        return generate_latest(self._registry)
