"""The machine, a hundred examples of it, the same each time. `make prove` plays two thousand, `python -m tests.proof` as
many as one likes."""

from __future__ import annotations

import pytest

from tests.proof.company import AT_A_PULL, AT_A_SENDING, AT_A_SYNC, Company, Process, staged
from tests.proof.machine import Proof
from tests.proof.mutations import MUTATIONS, ROOT, Mutation
from tests.proof.running import AT_ONCE, play_all

PARTS = 2
EXAMPLES = 50


@pytest.mark.parametrize("seed", range(1, 1 + PARTS * EXAMPLES // AT_ONCE, EXAMPLES // AT_ONCE))
def test_nothing_is_lost_and_nothing_is_wrongly_called_done(seed: int) -> None:
    """Any edits, any faults, any deaths, then quiet: the vendor has what the CRM says, and one more run sends nothing."""
    ended = play_all(EXAMPLES, seed)
    assert ended.failure == "", f"for a smaller one: python -m tests.proof --examples {EXAMPLES} --seed {ended.seed} --shrink"
    assert ended.examples >= EXAMPLES


def test_the_machine_knows_the_places_at_which_a_process_can_die() -> None:
    """A place that no process comes to would be a test of nothing."""
    with staged():
        machine = Proof()
        machine.begin("ardary", False, True, ("policy", "newest"))
        company: Company = machine.company
        machine.correct_in_the_sheet("K2", "06.12.00.00.02")
        machine.delete("K3")
        company.rows["K0"] = company.rows["K0"] | {"mobile": ""}
        process = Process()
        assert company.sync(company.weather_of(), process)[1] is None
        assert set(AT_A_SYNC) <= set(process.met)
        process = Process()
        rows = [("+33612000000", "Bonjour"), ("+33612000001", "Bonjour"), ("+33612000002", "Bonjour")]
        company.send("spring", rows, company.weather_of(["none", "429", "429"]), process)
        assert set(AT_A_SENDING) <= set(process.met)
        machine.somebody_says_stop("+33612000000", True)
        process = Process()
        assert company.pull(process) is not None
        assert set(AT_A_PULL) <= set(process.met)
        company.close()


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name.replace(" ", "-"))
def test_each_mistake_can_still_be_made(mutation: Mutation) -> None:
    """What it replaces stands exactly once where it is said to stand: else it would prove nothing."""
    for file, old, new in mutation.edits:
        assert (ROOT / "sync_connector" / file).read_text(encoding="utf-8").count(old) == 1
        assert old != new
    assert not mutation.test or (ROOT / mutation.test).exists()
