"""Fuzzing within a test run: what was once found, and a small budget of new tries for each target, the same ones each time.

The long run is `make fuzz`."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.fuzz.seeds import CORPUS, mutated, seeds
from tests.fuzz.targets import TARGETS

CORPUSES = sorted(path for path in CORPUS.glob("*/*"))
SLOW = {"program_on_contacts": 1, "program_on_configuration": 15, "csv": 30, "excel": 30, "messages": 40, "vcard": 60}
MANY = 150


@pytest.mark.parametrize("found", CORPUSES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_what_was_found_is_mended(found: Path, tmp_path: Path) -> None:
    """Each input that once broke its target."""
    TARGETS[found.parent.name](found.read_bytes(), tmp_path)


@pytest.mark.parametrize("target", sorted(TARGETS))
def test_any_bytes_are_taken(target: str, tmp_path: Path) -> None:
    """The samples as they are, and samples with bytes lost, doubled, swapped and replaced by ugly ones: rows, findings and
    sentences; no other exception, no verdict that nobody gave, nothing lost, no secret told, no terminal steered."""
    chance = random.Random(target)
    beginnings = seeds(target)
    many = SLOW.get(target, MANY)
    tries = beginnings[:many] + [mutated(chance.choice(beginnings), chance, beginnings) for _ in range(many)]
    for data in tries:
        try:
            TARGETS[target](data, tmp_path)
        except BaseException:
            (tmp_path / "breaks").write_bytes(data)
            raise


def test_every_target_has_seeds_and_each_corpus_a_target() -> None:
    """A target without a beginning would be fuzzed with nothing, and a corpus without a target by nobody."""
    assert all(seeds(target) for target in TARGETS)
    assert {path.parent.name for path in CORPUSES} <= set(TARGETS)
    assert CORPUSES
