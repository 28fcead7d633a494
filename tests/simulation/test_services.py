"""Pushed services by seed: one revision holds everywhere, no bad one stays; bugs are found."""

from __future__ import annotations

from collections import Counter

import pytest
from tests.simulation import services
from tests.simulation.repeated import outputs
from tests.simulation.services import FAULTS, simulate

from cantor.base.errors import LocalProtocolError
from cantor.services import upkeep
from cantor.services.orders import Order

SEEDS = range(40)
pytestmark = pytest.mark.simulation


def test_whatever_happens_all_follow_one_order_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    for seed in SEEDS:
        fired += simulate(seed).fired

    assert set(fired) == set(FAULTS)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = "from tests.simulation.services import simulate; print(simulate(3).digest)"

    assert len(outputs(program)) == 1


def found() -> str:
    """What is wrong in the first seed in which something is."""
    for seed in SEEDS:
        try:
            simulate(seed)
        except LocalProtocolError as error:
            return str(error)
    return ""


def test_a_node_that_never_gives_up_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(upkeep, "TRIES", 10**9)

    assert "stays with what is bad" in found()


def test_two_processes_with_one_port_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind(upkeep.Upkeep):
        """Does not look whether a process bars another."""

        def _step(self, now: float) -> list[upkeep.Effect]:
            return [one for one in super()._step(now) if not isinstance(one, upkeep.Stop)]

    monkeypatch.setattr(services, "Upkeep", Blind)

    assert found() != ""


def test_orders_that_tie_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Order, "rank", property(lambda order: order.number))

    assert "follows order" in found()
