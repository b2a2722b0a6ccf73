"""Running the machine: so many examples from a seed, until something does not hold."""

from __future__ import annotations

import gc
import io
import time
from collections.abc import Callable
from contextlib import redirect_stdout
from typing import NamedTuple

import hypothesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import get_state_machine_test

from tests.proof.company import staged
from tests.proof.machine import Proof

STEPS = 5
"""What is done to a company before all must become quiet."""


AT_ONCE = 25
"""Examples of one seed: what Hypothesis draws of one resembles itself, and many short runs see more than a long one."""


class Ended(NamedTuple):
    """What a run of the machine came to: the examples that were played, and what failed with the program that shows it."""

    seed: int
    examples: int
    failure: str
    seconds: float


def play(examples: int, seed: int, steps: int = STEPS, *, shrink: bool = False, tell: Callable[[], None] = lambda: None) -> Ended:
    """Play so many examples; the same seed plays the same ones. `tell` is called at each."""
    played = 0

    class Counted(Proof):
        def __init__(self) -> None:
            nonlocal played
            super().__init__()
            played += 1
            tell()

    Counted.__name__ = Counted.__qualname__ = "Proof"
    test = get_state_machine_test(
        Counted,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            database=None,
            derandomize=False,
            phases=[Phase.generate, Phase.shrink] if shrink else [Phase.generate],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        ),
    )
    begun, failure, said = time.monotonic(), "", io.StringIO()
    gc.set_threshold(200_000, 20, 50)
    with staged(), redirect_stdout(said):
        try:
            hypothesis.seed(seed)(test)()
        except Exception as fault:  # whatever it is, it is a find
            notes = "\n".join(getattr(fault, "__notes__", []))
            failure = f"{type(fault).__name__}: {fault}\n{notes}\n{said.getvalue()}"
    # Those that Hypothesis drew and threw away again were played as well, and count for nothing.
    return Ended(seed, played if failure else min(played, examples), failure, time.monotonic() - begun)


def play_all(examples: int, seed: int, steps: int = STEPS, *, shrink: bool = False) -> Ended:
    """Play so many examples, a few of each seed from this one on, until something fails."""
    begun, played, at, ended = time.monotonic(), 0, seed, Ended(seed, 0, "", 0.0)
    while played < examples and not ended.failure:
        ended = play(min(AT_ONCE, examples - played), at, steps, shrink=shrink)
        played, at = played + ended.examples, at + 1
    return ended._replace(examples=played, seconds=time.monotonic() - begun)
