"""Whatever dies wherever: after the next run all is as if nothing had died. The whole sweep is `python -m tests.faults.sweep`."""

from __future__ import annotations

from collections import Counter

from tests.faults.sweep import sweep_all
from tests.test_house import fault_points_of_the_source


def test_a_death_at_any_point_leaves_no_trace() -> None:
    """Every fault point of the source is reached by some scenario; killed at the first time that each is reached and resumed, it
    ends like one that was never killed."""
    swept = sweep_all([], once=True)
    reached: Counter[str] = sum((one.points for one in swept), Counter())
    assert sorted(set(fault_points_of_the_source()) - set(reached)) == []
    assert sum(one.runs for one in swept) == len(reached)
    assert [f"{one.scenario}: {sentence}" for one in swept for sentence in one.differences] == []
