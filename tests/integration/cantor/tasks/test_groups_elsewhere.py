"""Groups over the nodes of a mesh: their tasks begin together or not at all."""

from __future__ import annotations

import os
import time
from concurrent.futures import CancelledError
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.bed import waiting
from tests.bed.loopback import Boxes
from tests.integration.cantor.tasks import jobs

import cantor
from cantor.base.errors import NeedsError

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("desk")]
SOON_S = 60.0


def meet(folder: str, mine: str, count: int) -> int:
    """Waits until all are there; the node where it does."""
    Path(folder, mine).touch()
    while len(list(Path(folder).iterdir())) < count:
        time.sleep(0.002)
    return os.getppid()


def note(path: str) -> None:
    Path(path).touch()


def fail() -> None:
    raise KeyError("gone")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    whose = ("--code-run", "tenant", "--sandbox", "none")
    options = ("--workers", "1", *whose, "--resource", "Rail=1")
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *options)
        boxes.start("roof", *options)
        boxes.until_known("desk", "wall", "roof")
        yield boxes
    finally:
        boxes.close()


until = partial(waiting.until, within_s=SOON_S)


def nothing_is_left(boxes: Boxes) -> bool:
    return all(boxes[one].ask("tasks.list")["for_others"] == [] for one in ("wall", "roof"))


on_rails = cantor.task(needs="Rail = 1")


def test_its_tasks_run_at_once_on_the_nodes_that_have_what_they_need(
    boxes: Boxes, tmp_path: Path
) -> None:
    group = cantor.group([on_rails(meet).call(str(tmp_path), str(one), 2) for one in range(2)])

    assert set(group.results(SOON_S)) == {boxes["wall"].process.pid, boxes["roof"].process.pid}
    until(lambda: nothing_is_left(boxes))


def test_more_than_there_are_workers_begin_together_too(tmp_path: Path) -> None:
    group = cantor.group([cantor.task(meet).call(str(tmp_path), str(one), 5) for one in range(5)])

    assert len(group.results(SOON_S)) == 5


def test_groups_that_want_the_same_do_not_wait_for_each_other_for_ever(tmp_path: Path) -> None:
    groups = []
    for number in range(3):
        folder = tmp_path / str(number)
        folder.mkdir()
        calls = [on_rails(meet).call(str(folder), str(one), 2) for one in range(2)]
        groups.append(cantor.group(calls))

    assert all(len(set(group.results(SOON_S))) == 2 for group in groups)


def test_none_begins_while_one_of_them_cannot(boxes: Boxes, tmp_path: Path) -> None:
    go, noted = tmp_path / "go", tmp_path / "noted"
    busy = [on_rails(jobs.wait_for).submit(str(go)) for _ in range(2)]
    until(lambda: len(boxes["desk"].rows()) == 2 and all(
        row["state"] == "runs" for row in boxes["desk"].rows()))  # fmt: skip
    group = cantor.group([cantor.task(note).call(str(noted)), on_rails(note).call(str(noted))])
    late = cantor.task(jobs.add).submit(1, 2)
    go.touch()
    assert [one.result(SOON_S) for one in busy]
    assert late.result(SOON_S) == 3
    group.results(SOON_S)

    assert noted.exists()


def test_one_that_can_never_be_ends_the_group_at_once(boxes: Boxes, tmp_path: Path) -> None:
    noted = tmp_path / "noted"
    impossible = cantor.task(needs="Teleporter == 1")(note)
    group = cantor.group([on_rails(note).call(str(noted)), impossible.call(str(noted))])

    with pytest.raises(NeedsError, match="no node has Teleporter"):
        group.results(SOON_S)
    until(lambda: nothing_is_left(boxes))
    assert not noted.exists()


def test_if_one_fails_the_others_are_cancelled(boxes: Boxes, tmp_path: Path) -> None:
    group = cantor.group([on_rails(meet).call(str(tmp_path), "alone", 2), on_rails(fail).call()])

    with pytest.raises(KeyError, match="gone"):
        group.results(SOON_S)
    with pytest.raises(CancelledError):
        group.futures[0].result(SOON_S)
    until(lambda: nothing_is_left(boxes))


def clean_up_on_a_rail(begun: str, cleaned: str) -> None:
    """Waits for a task of its own, which never ends by itself."""
    on_rails(jobs.clean_up).submit(begun, cleaned).result()


def test_what_a_task_submitted_ends_with_its_worker(boxes: Boxes, tmp_path: Path) -> None:
    begun, cleaned = tmp_path / "begun", tmp_path / "cleaned"
    above = cantor.task(clean_up_on_a_rail).submit(str(begun), str(cleaned))
    until(begun.exists)
    assert not cleaned.exists()
    above.cancel()

    until(cleaned.exists)
    until(lambda: nothing_is_left(boxes))
