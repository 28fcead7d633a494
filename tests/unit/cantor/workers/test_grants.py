from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, ConfigError, NeedsError
from cantor.base.resources import Resource
from cantor.scheduling.grants.stock import Have
from cantor.workers.grants import MachineGrants, NoGrants
from cantor.workers.lines import Ask

if TYPE_CHECKING:
    from cantor.workers.grants import Answer

HAVE = Have((Resource("GPU", "quantity", 2),), {}, {})


class Bench:
    """The grants of a machine with two GPUs, and what they said."""

    def __init__(self) -> None:
        self.grants = MachineGrants(lambda: HAVE)
        self.granted: list[Ask] = []
        self.refused: list[CantorError] = []

    def ask(self, needs: str, priority: int = 1) -> Ask:
        ask = Ask(needs, priority, "f")
        self.grants.ask(ask, self._told)
        return ask

    def _told(self, ask: Ask, answer: Answer) -> None:
        if isinstance(answer, CantorError):
            self.refused.append(answer)
        else:
            self.granted.append(ask)


def test_what_is_free_is_granted_at_once_and_the_rest_when_it_is_given_back() -> None:
    bench = Bench()
    first, second, third = (bench.ask("GPU = 1") for _ in range(3))
    assert bench.granted == [first, second]

    bench.grants.take_back(first)

    assert bench.granted == [first, second, third]


def test_of_what_waits_the_urgent_comes_first_and_nobody_overtakes() -> None:
    bench = Bench()
    first = bench.ask("GPU = 2")
    both, one, urgent = bench.ask("GPU = 2"), bench.ask("GPU = 1"), bench.ask("GPU = 1", 0)

    bench.grants.take_back(first)
    assert bench.granted == [first, urgent]
    bench.grants.take_back(urgent)
    assert bench.granted == [first, urgent, both]
    bench.grants.take_back(both)
    assert bench.granted == [first, urgent, both, one]


def test_who_waits_no_longer_gets_nothing() -> None:
    bench = Bench()
    first, second = bench.ask("GPU = 2"), bench.ask("GPU = 2")

    bench.grants.take_back(second)
    bench.grants.take_back(first)
    bench.grants.take_back(first)

    assert bench.granted == [first]
    assert bench.ask("GPU = 2") in bench.granted


def test_what_can_never_be_had_is_refused_with_the_reason() -> None:
    bench = Bench()
    bench.ask("GPU = 3")

    assert isinstance(bench.refused[0], NeedsError)
    assert "GPU" in str(bench.refused[0])


def test_without_grants_needs_are_refused() -> None:
    told: list[Answer] = []
    NoGrants().ask(Ask("GPU = 1", 1, "f"), lambda _, answer: told.append(answer))

    assert isinstance(told[0], ConfigError)
