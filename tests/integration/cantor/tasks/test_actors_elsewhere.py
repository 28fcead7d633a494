"""Actors on the nodes of a mesh, started by a script through the agent beside it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.bed.loopback import Boxes
from tests.bed.waiting import until

import cantor
from cantor.base.errors import ConfigError, NeedsError
from cantor.workers.errors import PoolClosedError, WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cantor.tasks.handle import Handle

pytestmark = pytest.mark.integration
SOON_S = 30.0


class Shelf:
    """Keeps words, and says where it does."""

    def __init__(self, *words: str) -> None:
        self.words = list(words)

    def add(self, word: str) -> int:
        self.words.append(word)
        return len(self.words)

    def all(self) -> list[str]:
        return self.words

    def where(self) -> tuple[int, int]:
        return os.getppid(), os.getpid()

    def flip(self, image: np.ndarray) -> np.ndarray:
        return np.flipud(image)

    def fail(self) -> None:
        print("about to")  # noqa: T201 (what the test is about)
        raise KeyError("gone")

    def hang(self, path: str) -> None:
        Path(path).touch()
        time.sleep(1000)

    def note(self, path: str, *, again: bool = True) -> int:
        """Dies the first time that it is called."""
        is_first = not Path(path).exists()
        Path(path).touch()
        if is_first and again:
            os.kill(os.getpid(), signal.SIGKILL)
        return len(self.words)


class Ledger(Shelf):
    """One whose state goes to its next life."""

    def checkpoint(self) -> list[str]:
        return self.words

    def restore(self, state: list[str]) -> None:
        self.words = state


class Meeting:
    """All who come wait for each other."""

    def __init__(self, guests: int) -> None:
        self.guests = guests
        self.are_here = asyncio.Event()

    async def come(self) -> int:
        self.guests -= 1
        if not self.guests:
            self.are_here.set()
        await self.are_here.wait()
        return os.getppid()


class Visits(Meeting):
    """One whose state goes to its next life, though calls overlap."""

    def checkpoint(self) -> int:
        return self.guests

    def restore(self, guests: int) -> None:
        self.guests = guests


class Broken:
    """Cannot be made."""

    def __init__(self) -> None:
        raise ValueError("no such camera")

    def look(self) -> None:
        """Nothing to see."""


def add_many(shelf: Handle, who: str, count: int) -> int:
    for number in range(count):
        shelf.add(f"{who}{number}")
    return os.getppid()


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant", "--sandbox", "none",
                    "--resource", "Camera9==1",
                    "--resource", "Licence=1")  # fmt: skip
        boxes.until_known("desk", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


there = cantor.actor(needs="Camera9 == 1")


@pytest.mark.usefixtures("desk")
def test_an_actor_lives_where_its_needs_are_met_and_keeps_its_state(boxes: Boxes) -> None:
    with there(Shelf).start("first") as shelf:
        counts = [shelf.add.submit(str(number)) for number in range(200)]
        parent, _ = shelf.where()

        assert parent == boxes["wall"].process.pid
        assert [count.result(SOON_S) for count in counts] == list(range(2, 202))
        assert shelf.all() == ["first", *map(str, range(200))]


@pytest.mark.usefixtures("desk")
def test_what_its_methods_raise_and_print_comes_back() -> None:
    with there(Shelf).start() as shelf:
        future = shelf.fail.submit()

        with pytest.raises(KeyError, match="gone") as caught:
            future.result(SOON_S)
    assert 'raise KeyError("gone")' in str(caught.value.__cause__)
    assert future.output == "about to\n"


@pytest.mark.usefixtures("desk")
def test_large_arguments_keep_their_place_among_small_ones() -> None:
    image = np.arange(4_000_000, dtype=np.uint8).reshape(2000, 2000)

    with there(Shelf).start() as shelf:
        before = shelf.add.submit("before")
        flipped = shelf.flip.submit(image)
        after = shelf.add.submit("after")

        assert np.array_equal(flipped.result(SOON_S), image[::-1])
        assert (before.result(SOON_S), after.result(SOON_S)) == (1, 2)


@pytest.mark.usefixtures("desk")
def test_coroutines_of_one_actor_overlap_there(boxes: Boxes) -> None:
    with there(Meeting).start(5) as meeting:
        guests = [meeting.come.submit() for _ in range(5)]

        assert {guest.result(SOON_S) for guest in guests} == {boxes["wall"].process.pid}


@pytest.mark.usefixtures("desk")
def test_overlapping_calls_are_answered_when_their_state_is_kept(boxes: Boxes) -> None:
    with cantor.actor(needs="Camera9 == 1", restarts=1)(Visits).start(2) as visits:
        early = visits.come.submit()  # waits for the other, longer than its worker takes to read on
        late = visits.come.submit()

        assert {early.result(SOON_S), late.result(SOON_S)} == {boxes["wall"].process.pid}


@pytest.mark.usefixtures("desk")
def test_tasks_on_both_nodes_call_it_by_its_handle(boxes: Boxes) -> None:
    here = cantor.task(add_many)
    on_wall = cantor.task(needs="Camera9 == 1")(add_many)
    with there(Shelf).start() as shelf:
        tasks = [here.submit(shelf, "a", 20), on_wall.submit(shelf, "b", 20)]
        places = {task.result(SOON_S) for task in tasks}
        words = shelf.all()

    assert places == {boxes["desk"].process.pid, boxes["wall"].process.pid}
    assert [word for word in words if word[0] == "a"] == [f"a{number}" for number in range(20)]
    assert [word for word in words if word[0] == "b"] == [f"b{number}" for number in range(20)]


@pytest.mark.usefixtures("desk")
def test_one_that_cannot_be_made_or_is_nowhere_possible_says_so_at_each_call() -> None:
    with pytest.raises(ValueError, match="no such camera"):
        there(Broken).start().look()
    with pytest.raises(NeedsError, match="no node has Teleporter"):
        cantor.actor(needs="Teleporter == 1")(Shelf).start().all()


@pytest.mark.usefixtures("desk")
def test_what_it_takes_is_held_while_it_lives(boxes: Boxes) -> None:
    licensed = cantor.actor(needs="Licence = 1")(Shelf)
    first = licensed.start()
    first.add("a")
    second = licensed.start()
    waiting = second.add.submit("b")

    assert not waiting.done()
    first.close()
    assert waiting.result(SOON_S) == 1
    second.close()
    until(lambda: boxes["wall"].ask("tasks.list")["for_others"] == [])


@pytest.mark.usefixtures("desk")
def test_a_closed_one_answers_no_more_and_its_worker_ends() -> None:
    shelf = there(Shelf).start()
    _, pid = shelf.where()
    shelf.close()

    with pytest.raises(PoolClosedError, match="answers no more"):
        shelf.all()
    until(lambda: not Path(f"/proc/{pid}").exists())


@pytest.mark.usefixtures("desk")
def test_a_killed_one_answers_no_more_though_a_call_runs(tmp_path: Path) -> None:
    shelf = there(Shelf).start()
    hanging = shelf.hang.submit(str(tmp_path / "hangs"))
    until((tmp_path / "hangs").exists)
    shelf.close(kill=True)

    with pytest.raises(PoolClosedError, match="answers no more"):
        hanging.result(SOON_S)


def test_one_without_a_name_ends_with_its_script(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        _, pid = there(Shelf).start().where()

    until(lambda: not Path(f"/proc/{pid}").exists())
    until(lambda: boxes["wall"].ask("tasks.list")["for_others"] == [])


@pytest.mark.usefixtures("desk")
def test_a_worker_that_dies_loses_the_call_that_ran_and_no_other(tmp_path: Path) -> None:
    with cantor.actor(needs="Camera9 == 1", restarts=1)(Shelf).start("x") as shelf:
        dies, next_one = shelf.note.submit(str(tmp_path / "died")), shelf.add.submit("y")

        with pytest.raises(WorkerDiedError, match="signal 9"):
            dies.result(SOON_S)
        assert next_one.result(SOON_S) == 2


@pytest.mark.usefixtures("desk")
def test_a_call_that_may_run_again_does_in_the_next_life(tmp_path: Path) -> None:
    kind = cantor.actor(needs="Camera9 == 1", restarts=1, retries=1)(Ledger)
    with kind.start("x") as ledger:
        ledger.add("y")
        dies, next_one = ledger.note.submit(str(tmp_path / "died")), ledger.add.submit("z")

        assert dies.result(SOON_S) == 2
        assert next_one.result(SOON_S) == 3
        assert ledger.all() == ["x", "y", "z"]


@pytest.mark.usefixtures("desk")
def test_one_that_may_not_begin_anew_ends_with_its_worker(tmp_path: Path) -> None:
    shelf = there(Shelf).start()
    _, pid = shelf.where()
    os.kill(pid, signal.SIGKILL)  # while nothing runs

    def has_ended() -> bool:
        try:
            shelf.all()
        except WorkerDiedError:
            return True
        return False

    until(has_ended)


def ask_by_name(name: str) -> list[str]:
    words: list[str] = cantor.find_actor(name).all()
    return words


def test_one_with_a_name_is_found_from_other_nodes_and_outlives_its_script(boxes: Boxes) -> None:
    with cantor.connect(boxes["desk"].folder):
        there(Shelf).start_named("larder", "salt").add("bread")
        with pytest.raises(ConfigError, match="there is an actor of that name"):
            there(Shelf).start_named("larder")

    def is_found() -> bool:
        try:
            cantor.find_actor("larder")
        except LookupError:
            return False
        return True

    with cantor.connect(boxes["wall"].folder):
        until(is_found)
        assert there(Shelf).get_named("larder", "pepper").all() == ["salt", "bread"]
        on_wall = cantor.task(needs="Camera9 == 1")(ask_by_name)
        assert on_wall.submit("larder").result(SOON_S) == ["salt", "bread"]
        cantor.find_actor("larder").close()
        until(lambda: not is_found())


def test_of_many_who_want_a_name_at_once_one_has_it(boxes: Boxes) -> None:
    def get(number: int) -> str:
        return there(Shelf).get_named(f"shared {number % 4}").address

    with cantor.connect(boxes["desk"].folder), ThreadPoolExecutor(8) as threads:
        addresses = list(threads.map(get, range(32)))
        assert len(set(addresses)) == 4
        for number in range(4):
            cantor.find_actor(f"shared {number}").close(kill=True)


def test_where_there_is_no_mesh_or_no_such_actor_that_is_said(boxes: Boxes) -> None:
    with pytest.raises(LookupError, match="no actor is named"):
        cantor.find_actor("nobody")
    with (
        cantor.connect(boxes["desk"].folder),
        pytest.raises(LookupError, match="no actor is named 'nobody' on this mesh"),
    ):
        cantor.find_actor("nobody")


@pytest.fixture
def three(tmp_path: Path) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path)
    whose = ("--code-run", "tenant", "--sandbox", "none")
    options = ("--workers", "1", *whose, "--resource", "Arm==1")
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", *options)
        boxes.start("roof", *options)
        boxes.until_known("desk", "wall", "roof")
        yield boxes
    finally:
        boxes.close()


def test_a_node_that_dies_has_its_actor_begin_anew_on_another_with_its_state(
    three: Boxes, tmp_path: Path
) -> None:
    with cantor.connect(three["desk"].folder):
        ledger = cantor.actor(needs="Arm == 1", restarts=1)(Ledger).start("x")
        assert ledger.add("y") == 2
        first, _ = ledger.where()
        hanging = ledger.hang.submit(str(tmp_path / "hangs"))
        until((tmp_path / "hangs").exists)
        by_pid = {box.process.pid: box for box in three.boxes.values()}
        by_pid[first].kill()

        with pytest.raises(WorkerDiedError, match="lost"):
            hanging.result(SOON_S)
        assert ledger.add.submit("z").result(SOON_S) == 3
        assert ledger.all() == ["x", "y", "z"]
        second, _ = ledger.where()
        assert second != first
        assert second in by_pid
