"""Brakes: what stops a run before it does harm."""

from __future__ import annotations

from typing import Any

import pytest

from sync_connector.flow.brakes import Facts, Limits, tripped

CALM = Facts(read=100, rejected=1, known=100, gone=1, moved=1, last_read=100, last_filled={"email": 90}, filled={"email": 90})


def _names(limits: Limits = Limits(), **facts: Any) -> list[str]:  # noqa: B008  # a NamedTuple never changes
    return [sentence.split(":")[0] for sentence in tripped(CALM._replace(**facts), limits)]


def test_a_calm_run_trips_nothing() -> None:
    """An ordinary night goes through."""
    assert _names() == []


@pytest.mark.parametrize(
    ("facts", "names"),
    [
        ({"gone": 20}, []),
        ({"gone": 21}, ["gone"]),
        ({"moved": 50}, []),
        ({"moved": 51}, ["changed"]),
        ({"rejected": 50}, []),
        ({"rejected": 51}, ["rejected"]),
        ({"gone": 99, "moved": 99, "rejected": 99, "filled": {}}, ["gone", "changed", "rejected", "emptied"]),
        ({"read": 0, "rejected": 0, "gone": 100, "filled": {}}, ["empty"]),
        ({"read": 0, "rejected": 0, "known": 0, "gone": 0, "moved": 0, "filled": {}}, []),
        ({"known": 0, "gone": 0, "moved": 0, "last_read": 0, "last_filled": {}}, []),
        ({"filled": {"email": 0}}, ["emptied"]),
        ({"filled": {}}, ["emptied"]),
        ({"filled": {"email": 1}}, []),
        ({"last_filled": {"email": 4}, "filled": {}}, []),
        ({"last_filled": {"email": 5}, "filled": {}}, ["emptied"]),
        ({"last_read": 8, "last_filled": {"email": 4}, "filled": {}}, []),
        ({"last_read": 8, "last_filled": {"email": 5}, "filled": {}}, ["emptied"]),
    ],
)
def test_a_brake_trips_above_its_limit(facts: dict[str, Any], names: list[str]) -> None:
    """Each brake trips above its share and not at it; several are named together; an empty source is named alone."""
    assert _names(**facts) == names


def test_limits_are_settings() -> None:
    """A limit of 0 lets nothing pass, one of 1 everything."""
    assert _names(Limits(0, 0, 0)) == ["gone", "changed", "rejected"]
    assert _names(Limits(1, 1, 1), gone=100, moved=100, rejected=100) == []


def test_a_sentence_names_counts_limit_and_setting() -> None:
    """A person reads what happened, how much, and which setting decides."""
    (sentence,) = tripped(CALM._replace(gone=30), Limits())
    assert "30 of 100" in sentence
    assert "30%" in sentence
    assert "20%" in sentence
    assert "brakes.gone" in sentence
