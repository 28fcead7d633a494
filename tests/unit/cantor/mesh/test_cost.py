from __future__ import annotations

from random import Random

import pytest

from cantor.base.ids import NodeId
from cantor.mesh.cost import HOLD_DOWN_S, LinkCost
from cantor.mesh.events import LinkMeasured

PEER = NodeId("b" * 32)


def sample(
    rtt_ms: float = 0.0, loss: float = 0.0, rate: float = 0.0, carried: int = 0
) -> LinkMeasured:
    return LinkMeasured(PEER, "n", rtt_ms / 1000, loss, rate, carried)


def settled(*, weight: float = 1.0, seconds: int = 60, **figures: float) -> float:
    """The cost that is announced after a minute of the same figures."""
    cost = LinkCost(weight=weight)
    for second in range(seconds):
        cost.measured(sample(**figures), float(second))  # type: ignore[arg-type]
    return cost.announced


def test_each_5_ms_of_round_trip_cost_as_much_as_a_hop() -> None:
    assert settled(rtt_ms=0.1) == 1.0
    assert settled(rtt_ms=5) == 2.0
    assert settled(rtt_ms=50) == 11.0


def test_loss_a_slow_line_and_the_administrator_make_a_link_dearer() -> None:
    assert settled(rtt_ms=5, loss=0.5) > 5
    assert settled(rate=1e5) > settled(rate=1e6) > settled(rate=1e7) > settled(rate=2e8) == 1.0
    assert settled(weight=3.0) == 3.0


def test_the_first_measurements_are_announced_soon() -> None:
    cost = LinkCost()
    told = [cost.measured(sample(rtt_ms=20), float(second)) for second in range(5)]
    assert told == [False, False, True, False, False]
    assert cost.announced == 5.0


def test_a_young_connection_counts_with_the_round_trip_of_its_handshake() -> None:
    cost = LinkCost()
    for second in range(60):  # what the kernel smooths from acknowledgements that were held back
        cost.measured(LinkMeasured(PEER, "n", 0.017, 0.0, 0.0, 0, 0.0001), float(second))
    assert cost.announced == 1.0
    for second in range(60, 180):
        cost.measured(LinkMeasured(PEER, "n", 0.017, 0.0, 0.0, 0, 0.0001), float(second))
    assert cost.announced >= 4.0


def test_a_queue_of_ones_own_and_a_small_change_do_not_change_the_cost() -> None:
    cost = LinkCost()
    for second in range(100):
        rtt_ms = 20 if second % 20 == 0 else 400
        told = cost.measured(sample(rtt_ms=rtt_ms), float(second))
        assert told == (second == 2)
    for second in range(100, 200):
        assert not cost.measured(sample(rtt_ms=23), float(second))


def test_a_change_must_last_as_long_as_the_hold_down() -> None:
    cost = LinkCost()
    for second in range(10):
        cost.measured(sample(rtt_ms=50), float(second))
    told = [second for second in range(10, 60) if cost.measured(sample(rtt_ms=5), float(second))]
    assert 10 + HOLD_DOWN_S <= told[0] <= 12 + HOLD_DOWN_S
    assert cost.announced < 2.2


def test_traffic_and_volume_weigh_less_than_what_moves_routes() -> None:
    cost = LinkCost()
    told = 0
    for second in range(600):
        told += cost.measured(sample(5, rate=1e9, carried=second * 10**9), float(second))
    assert told == 1
    assert cost.announced == 2.0
    assert 2.2 < cost.current() < 2.4


@pytest.mark.parametrize("rtt_ms", [float("nan"), float("inf"), -1.0])
def test_what_cannot_be_a_measurement_is_left_out(rtt_ms: float) -> None:
    cost = LinkCost()
    assert not cost.measured(sample(rtt_ms=rtt_ms), 0.0)
    assert cost.details() == {}


def test_routes_do_not_swing_under_load_that_comes_and_goes() -> None:
    random = Random(1)  # noqa: S311
    cost, carried = LinkCost(), 0
    changes = 0
    for second in range(600):
        busy = second // 60 % 2
        carried += busy * 10_000_000
        rtt_ms = 10 + busy * 80 * random.random()
        changes += cost.measured(sample(rtt_ms, rate=1.2e7, carried=carried), float(second))
    assert changes <= 3
