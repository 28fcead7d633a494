"""No unit is granted twice, whatever happens; and a simulator that misses bugs proves nothing."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.simulation.grants import FAULTS, Box, World, simulate
from tests.simulation.repeated import outputs

from cantor.base.errors import LocalProtocolError
from cantor.scheduling.grants import claim, journal
from cantor.scheduling.grants.grantor import Grantor
from cantor.scheduling.grants.journal import Kept
from cantor.scheduling.grants.stock import Stock

if TYPE_CHECKING:
    from cantor.scheduling.grants.stock import Units
    from cantor.scheduling.needs import Needs

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.simulation
honest_start = World.start
honest_fit = Stock.fit
honest_grant = Grantor._grant


def test_seeds_grant_no_unit_twice_and_end_and_every_fault_fires() -> None:
    fired: Counter[str] = Counter()
    held = 0
    for seed in range(25):
        outcome = simulate(seed, seconds=30.0)
        fired += outcome.fired
        held += outcome.held
    assert held > 500
    assert set(fired) == set(FAULTS)


def test_the_same_seed_gives_the_same_run_whatever_the_hash_seed() -> None:
    program = "from tests.simulation.grants import simulate; print(simulate(3, seconds=15).digest)"
    assert len(outputs(program)) == 1


def test_make_sim_plays_grants_as_well(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    words = ["--nodes", "3", "--seeds", "1", "--grants", "2", "--json", str(report)]
    subprocess.run(
        [sys.executable, "-m", "tests.simulation.run", *words],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'agent'}"},
        check=True,
    )
    figures = json.loads(report.read_text(encoding="utf-8"))["grants"]
    assert figures["held"] > 50
    assert figures["failures"] == []


def forget(world: World, box: Box) -> None:
    """A node begins without what it had granted."""
    if box.epoch:
        box.disk = journal.written(Kept(box.epoch))
    honest_start(world, box)


def grant_at_once(grantor: Grantor, *args: Any) -> None:  # noqa: ANN401
    """What is granted is told before it is on the disk."""
    honest_grant(grantor, *args)
    held = list(grantor._held.values())[-1]
    grantor._extend(held, held.asked_s)


def fit_from_the_first(stock: Stock, needs: Needs) -> tuple[dict[str, int | float], Units] | None:
    fit = honest_fit(stock, needs)
    if fit is None or stock.have is None:
        return fit
    first = stock.have.units
    return fit[0], {name: first[name][: len(units)] for name, units in fit[1].items()}


def always(value: object) -> property:
    """An attribute that nobody can change."""
    return property(lambda _: value, lambda *_: None)


PLANTED: dict[str, tuple[Any, str, Any]] = {
    "the journal is not read": (World, "start", forget),
    "nobody waits after a lost journal": (Grantor, "_serves_from_s", always(0.0)),
    "a grant is told before it is kept": (Grantor, "_grant", grant_at_once),
    "the first units are always given": (Stock, "fit", fit_from_the_first),
    "a damaged journal counts as whole": (Kept, "is_whole", always(value=True)),
    "a loss is forgotten at the next start": (Kept, "is_lost", always(value=False)),
    "holders count longer than owners": (claim, "MARGIN", -5.0),
}


def find_in_seeds() -> None:
    for seed in range(60):
        simulate(seed, seconds=40.0, pause_s=0.8)


@pytest.mark.parametrize("bug", PLANTED)
def test_a_planted_bug_is_found(bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong = PLANTED[bug]
    monkeypatch.setattr(where, name, wrong, raising=False)
    with pytest.raises(LocalProtocolError, match=r"granted twice|two grants"):
        find_in_seeds()
