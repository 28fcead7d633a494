"""Two projects, three to one, on the workers and GPUs of two real agents."""

from __future__ import annotations

import json
import time
from collections import Counter
from concurrent.futures import FIRST_EXCEPTION, wait
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed import waiting
from tests.bed.loopback import Boxes
from tests.integration.cantor.tasks import jobs
from tests.integration.cantor.tasks.conftest import script_at

import cantor
from cantor.base.errors import ConfigError
from cantor.cli.main import main
from cantor.workers.errors import PreemptedError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
SOON_S = 60.0
WORKERS = {"desk": 1, "wall": 4}
SLEEP_S = 0.2
SETTLE_S, WINDOW_S = 2.0, 8.0
UNEVEN_MAX = 0.05
USED_MIN = 0.8
"""On machines that do much else; figures are in the benchmarks."""


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1", is_issuer=True)
        boxes.start("wall", "--workers", "4", "--code-run", "tenant", "--sandbox", "none",
                    "--resource", "GPU=4")  # fmt: skip
        for name, share in (("vision", 3), ("lab", 1)):
            boxes["desk"].ask("project.set", name=name, share=share, limits={})
        boxes.until_known("desk", "desk", "wall")
        until(lambda: len(boxes["wall"].ask("project.list")) == 3)
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def desk(boxes: Boxes) -> Iterator[None]:
    """A script at the desk; what it leaves behind is ended."""
    with script_at(boxes["desk"]):
        yield
    until(lambda: not boxes["desk"].rows())


until = partial(waiting.until, within_s=SOON_S)


def works(seconds: float) -> tuple[float, float]:
    """When it began and ended, by the clock of this machine."""
    began = time.monotonic()
    time.sleep(seconds)
    return began, time.monotonic()


def runs_on(path: str) -> None:
    """Says by a file of that name that it runs, and never ends."""
    Path(path).touch()
    time.sleep(1000)


def runs_until(path: str) -> None:
    """Runs until there is a file of that name."""
    while not Path(path).exists():
        time.sleep(0.02)


def waits_for_a_child(path: str) -> None:
    cantor.task(runs_until).submit(path).result()


def held_of(boxes: Boxes, name: str, resource: str) -> dict[str, float]:
    """Who holds how much, as that box knows it."""
    told = boxes[name].ask("pool")
    return {
        row["project"]: use["held"]
        for row in told
        for use in row["uses"]
        if use["resource"] == resource and use["held"]
    }


def parts(spans: dict[str, list[tuple[float, float]]], begin: float, end: float) -> Counter[str]:
    """How many seconds of work each project had in that time."""
    had: Counter[str] = Counter()
    for project, ran in spans.items():
        for began, ended in ran:
            had[project] += max(0.0, min(ended, end) - max(began, begin))  # type: ignore[assignment]
    return had


@pytest.mark.usefixtures("desk")
def test_whoever_submits_first_each_has_its_share_and_no_worker_idles() -> None:
    warm = [cantor.task(project="lab")(works).submit(1.0) for _ in range(sum(WORKERS.values()))]
    wait(warm, SOON_S)
    count = int((SETTLE_S + WINDOW_S + 2) / SLEEP_S * sum(WORKERS.values()))
    futures = {
        project: [cantor.task(project=project)(works).submit(SLEEP_S) for _ in range(count)]
        for project in ("lab", "vision")
    }
    first = futures["vision"][0].result(SOON_S)[0]
    begin, end = first + SETTLE_S, first + SETTLE_S + WINDOW_S
    until(lambda: time.monotonic() > end)
    spans = {p: [f.result() for f in of if f.done()] for p, of in futures.items()}
    had = parts(spans, begin, end)
    part, used = had["vision"] / had.total(), had.total() / WINDOW_S / sum(WORKERS.values())
    assert abs(part - 0.75) <= UNEVEN_MAX, (part, used)
    assert used >= USED_MIN, (part, used)


@pytest.mark.usefixtures("desk")
@pytest.mark.parametrize("needs", ["", "GPU = 1"])
def test_what_is_lent_comes_back_and_who_had_it_hears_why(
    boxes: Boxes, tmp_path: Path, needs: str
) -> None:
    there = 4 if needs else 5
    resource = "GPU" if needs else "Worker"
    lab = cantor.task(needs=needs, project="lab", retries=0)(runs_on)
    vision = cantor.task(needs=needs, project="vision")(runs_on)
    lent = [lab.submit(str(tmp_path / f"lab-{n}")) for n in range(there)]
    until(lambda: len(list(tmp_path.glob("lab-*"))) == there)
    until(lambda: held_of(boxes, "wall", resource) == {"lab": there})
    for n in range(there):
        vision.submit(str(tmp_path / f"vision-{n}"))
    until(lambda: len(list(tmp_path.glob("vision-*"))) == 3)
    wait(lent, SOON_S, FIRST_EXCEPTION)
    until(lambda: sum(future.done() for future in lent) == 3)
    for future in lent:
        if future.done():
            with pytest.raises(PreemptedError, match=r"owed to (project )?vision"):
                future.result()
    until(lambda: held_of(boxes, "desk", resource) == {"vision": 3, "lab": there - 3})


@pytest.mark.usefixtures("desk")
def test_a_task_that_is_ended_for_others_begins_anew_while_it_has_retries(tmp_path: Path) -> None:
    lab = cantor.task(needs="GPU = 1", project="lab", retries=1)(runs_on)
    lent = [lab.submit(str(tmp_path / f"lab-{n}")) for n in range(4)]
    until(lambda: len(list(tmp_path.glob("lab-*"))) == 4)
    vision = cantor.task(needs="GPU = 1", project="vision")(runs_on)
    owed = [vision.submit(str(tmp_path / f"vision-{n}")) for n in range(3)]
    until(lambda: len(list(tmp_path.glob("vision-*"))) == 3)
    for path in tmp_path.glob("lab-*"):
        path.unlink()
    for future in owed:
        future.cancel()
    until(lambda: len(list(tmp_path.glob("lab-*"))) == 3)
    assert not any(future.done() for future in lent)


@pytest.mark.usefixtures("desk")
def test_what_a_task_submits_is_of_its_project(boxes: Boxes, tmp_path: Path) -> None:
    future = cantor.task(project="lab")(waits_for_a_child).submit(str(tmp_path / "end"))
    until(lambda: len(boxes["desk"].rows()) == 2)
    rows = {row["name"]: row["project"] for row in boxes["desk"].rows()}
    assert rows == {"waits_for_a_child": "lab", "runs_until": "lab"}
    (tmp_path / "end").touch()
    future.result(SOON_S)


def test_a_script_names_its_project_and_one_that_nobody_declared_is_refused(
    boxes: Boxes, capsys: pytest.CaptureFixture[str]
) -> None:
    with cantor.connect(boxes["desk"].folder, project="nobody"):
        future = cantor.task(jobs.add).submit(1, 2)
        with pytest.raises(ConfigError, match="no project 'nobody'; there are default, lab, visi"):
            future.result(SOON_S)
        assert cantor.task(jobs.add).options(project="lab").submit(1, 2).result(SOON_S) == 3
    assert main(["project", "list", "--json", "--data", str(boxes["wall"].folder)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["project"]: row["share"] for row in told} == {"default": 1, "lab": 1, "vision": 3}
    assert main(["project", "set", "more", "--data", str(boxes["wall"].folder)]) == 2
    assert "only an issuer can declare projects" in capsys.readouterr().err
