"""Tasks, actors and groups with wheels: to nodes that have never seen them, and on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from typing import TYPE_CHECKING

import pytest
from tests.bed.loopback import Boxes
from tests.unit.cantor.bundles.made_wheels import make_wheel

import cantor
from cantor.base.errors import BundleError, ConfigError, NeedsError, WrongPlatform
from cantor.bundles.wheels import target_here
from cantor.workers.errors import WorkerDiedError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from cantor.tasks.actor import Actor

pytestmark = pytest.mark.integration
SOON_S = 60.0
WALL = "Camera9 == 1"
CANTOR = (sys.executable, "-m", "cantor.cli.main")


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "1")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant", "--resource", "Camera9==1")
        boxes.until_known("desk", "desk", "wall")
        yield boxes
    finally:
        boxes.close()


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder of wheels: two versions of one, which needs another with native code."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    tag = f"cp{target_here().python.replace('.', '')}"
    native = f"toolpart-1.0-{tag}-{tag}-{target_here().key.partition('/')[2]}"
    make_wheel(folder, native, {"toolpart.py": "NATIVE = True\n", "toolpart.libs/a.so": b"\x7fELF"})
    for version in ("1.0", "2.0"):
        make_wheel(folder, f"toolshop-{version}-py3-none-any", needs=["toolpart>=1"])
    return folder


def version() -> tuple[str, bool, str]:
    import toolpart  # type: ignore[import-not-found]
    import toolshop  # type: ignore[import-not-found]

    return toolshop.VERSION, toolpart.NATIVE, toolshop.__file__


class Clerk:
    """Knows which version it was made with, and dies once if it is asked to."""

    def __init__(self, greeting: str = "") -> None:
        import toolshop

        self.greeting = greeting
        self.version = toolshop.VERSION

    def tell(self) -> tuple[str, str, str]:
        return self.version, version()[2], self.greeting

    def child(self) -> str:
        return version_of_a_child()

    def die(self) -> None:
        os.abort()

    def checkpoint(self) -> str:
        return self.greeting

    def restore(self, state: str) -> None:
        self.greeting = state + " again"


class LoopClerk(Clerk):
    async def tell_later(self) -> str:
        return str(version()[0])


def version_of_a_child() -> str:
    version, _, _ = cantor.task(globals()["version"]).submit().result()
    return str(version)


def dies() -> None:
    import deadly  # type: ignore[import-not-found]

    deadly.reached()


def test_wheels_travel_to_a_node_and_each_version_has_its_own_worker(
    boxes: Boxes, shop: Path
) -> None:
    old = cantor.task(needs=WALL, requirements=["toolshop==1.0"])(version)
    new = cantor.task(needs=WALL, requirements=["toolshop"])(version)

    with cantor.connect(boxes["desk"].folder, wheels=shop):
        results = [one.submit().result(SOON_S) for one in (old, new, old)]

    assert [found[0] for found in results] == ["1.0", "2.0", "1.0"]
    assert all(native for _, native, _ in results)
    assert all(file.startswith(str(boxes["wall"].folder)) for _, _, file in results)


def test_what_a_task_submits_has_the_same_wheels(boxes: Boxes, shop: Path) -> None:
    with cantor.connect(boxes["desk"].folder, requirements=["toolshop<2"], wheels=shop):
        assert cantor.task(needs=WALL)(version_of_a_child).submit().result(SOON_S) == "1.0"


def test_the_same_task_runs_on_this_machine_alone(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("# of the shop\ntoolshop>=1  # any\npytest\n", encoding="utf-8")
    task = cantor.task(requirements=wanted)(version)
    threads = cantor.task(requirements=["toolshop==1.0"], mode="thread")(version)

    with cantor.local(workers=1, wheels=shop):
        assert task.submit().result(SOON_S)[:2] == ("2.0", True)
        assert threads.submit().result(SOON_S)[0] == "1.0"
        assert cantor.group([task.call()]).results(SOON_S)[0][0] == "2.0"
    with cantor.local(workers=1), pytest.raises(ModuleNotFoundError):
        cantor.task(requirements=["pytest"])(version).submit().result(SOON_S)


@pytest.mark.parametrize("kind", [Clerk, LoopClerk])
def test_an_actor_has_its_wheels_in_each_of_its_lives_and_so_do_its_tasks(
    boxes: Boxes, shop: Path, kind: type[Clerk]
) -> None:
    settled = cantor.actor(needs=WALL, restarts=1, requirements=["toolshop==1.0"])
    recent = cantor.actor(needs=WALL, requirements=["toolshop"])
    old: Actor[..., Clerk] = settled(kind)
    new: Actor[..., Clerk] = recent(kind)

    with cantor.connect(boxes["desk"].folder, wheels=shop), old.start("hello") as first:
        with new.start() as second:
            assert second.tell()[0] == "2.0"
        found, file, greeting = first.tell()
        assert (found, greeting) == ("1.0", "hello")
        assert file.startswith(str(boxes["wall"].folder))
        assert first.child() == "1.0"
        with pytest.raises(WorkerDiedError):
            first.die()
        assert first.tell()[0::2] == ("1.0", "hello again")


def test_an_actor_with_a_name_has_the_wheels_of_its_connection(boxes: Boxes, shop: Path) -> None:
    clerk = cantor.actor(needs=WALL)(Clerk)
    with cantor.connect(boxes["desk"].folder, requirements=["toolshop<2"], wheels=shop):
        clerk.start_named("clerk", "hello")
    with cantor.connect(boxes["desk"].folder), cantor.find_actor("clerk") as found:
        assert found.tell()[0::2] == ("1.0", "hello")


def test_an_actor_on_this_machine_has_its_wheels(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    clerk = cantor.actor(restarts=1, requirements=["toolshop==1.0"])(Clerk)

    with cantor.local(workers=1, wheels=shop), clerk.start("hello") as one:
        assert one.tell()[0] == "1.0"
        assert one.child() == "1.0"
        with pytest.raises(WorkerDiedError):
            one.die()
        assert one.tell()[0::2] == ("1.0", "hello")


def test_tasks_of_a_group_have_wheels_of_their_own_on_other_nodes(boxes: Boxes, shop: Path) -> None:
    old = cantor.task(needs=WALL, requirements=["toolshop==1.0"])(version)
    new = cantor.task(requirements=["toolshop"])(version)

    with cantor.connect(boxes["desk"].folder, wheels=shop):
        results = cantor.group([old.call(), new.call(), old.call()]).results(SOON_S)

    assert [found[0] for found in results] == ["1.0", "2.0", "1.0"]
    assert results[0][2].startswith(str(boxes["wall"].folder))


def test_tasks_of_a_group_on_this_machine_bring_the_same(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    both = [cantor.task(requirements=[one])(version) for one in ("toolshop<2", "toolshop")]

    with cantor.local(workers=2, wheels=shop), pytest.raises(ConfigError, match="different wheels"):
        cantor.group([one.call() for one in both])


def test_what_an_actor_or_a_group_cannot_have_is_said(boxes: Boxes, shop: Path) -> None:
    with zipfile.ZipFile(make_wheel(shop, "sly-1-py3-none-any"), "a") as archive:
        archive.writestr("../../sly.pth", "import os\n")
    sly = cantor.actor(needs=WALL, requirements=["sly"])(Clerk)
    nothing = cantor.actor(requirements=["nothinglikeit"])(Clerk)

    with cantor.connect(boxes["desk"].folder, wheels=shop):
        with pytest.raises(BundleError, match="no wheel of nothinglikeit"):
            nothing.start()
        with pytest.raises(BundleError, match="it would write elsewhere"):
            sly.start().tell()
        group = cantor.group([cantor.task(needs=WALL, requirements=["sly"])(version).call()])
        with pytest.raises(BundleError, match="it would write elsewhere"):
            group.results(SOON_S)


def test_what_no_node_can_have_is_said_at_the_submit(boxes: Boxes, shop: Path) -> None:
    make_wheel(shop, "faraway-1-cp311-cp311-win_amd64")
    nothing = cantor.task(requirements=["nothinglikeit"])(version)
    foreign = cantor.task(requirements=["faraway"])(version)
    odd = cantor.task(requirements=["a b"])(version)

    with cantor.connect(boxes["desk"].folder, wheels=shop):
        with pytest.raises(BundleError, match="no wheel of nothinglikeit"):
            nothing.submit()
        with pytest.raises(WrongPlatform, match=r"faraway-1-cp311-cp311-win_amd64\.whl only"):
            foreign.submit()
        with pytest.raises(BundleError, match="not a requirement: 'a b'"):
            odd.submit()
    with pytest.raises(BundleError, match="not a requirement"):
        cantor.connect(boxes["desk"].folder, requirements=["a b"])
    with pytest.raises(ConfigError, match=r"absent\.txt"):
        cantor.connect(boxes["desk"].folder, requirements=shop / "absent.txt")


def test_a_wheel_that_no_node_may_unpack_is_the_error_of_its_task(boxes: Boxes, shop: Path) -> None:
    with zipfile.ZipFile(make_wheel(shop, "sly-1-py3-none-any"), "a") as archive:
        archive.writestr("../../sly.pth", "import os\n")
    task = cantor.task(needs=WALL, requirements=["sly"])(version)

    with (
        cantor.connect(boxes["desk"].folder, wheels=shop),
        pytest.raises(
            BundleError, match=r"wheel sly-1-py3-none-any\.whl: it would write elsewhere"
        ),
    ):
        task.submit().result(SOON_S)


def test_a_worker_that_dies_while_it_imports_a_wheel_says_so(boxes: Boxes, shop: Path) -> None:
    text = "import os\nos.write(2, b'no such chip')\nos.abort()\n"
    make_wheel(shop, "deadly-1-py3-none-any", {"deadly.py": text})
    task = cantor.task(needs=WALL, requirements=["deadly"], retries=0)(dies)

    with (
        cantor.connect(boxes["desk"].folder, wheels=shop),
        pytest.raises(WorkerDiedError, match=r"(?s)signal 6.*no such chip"),
    ):
        task.submit().result(SOON_S)


def test_nodes_for_which_nothing_was_found_are_named(boxes: Boxes) -> None:
    """Terms as of a script that found wheels for another kind of node only."""
    from dataclasses import replace

    from cantor.tasks.calls import submit_call

    task = cantor.task(needs=WALL)(version)
    with cantor.connect(boxes["desk"].folder) as connected:
        terms = task._terms_at(connected._connection)
        terms = replace(terms, wheels="3.99/manylinux_2_17_armv7l=" + "0" * 64)
        future = submit_call(connected._connection, version, (), {}, terms)
        with pytest.raises(NeedsError, match=r"wall: no wheels were resolved for Python 3\."):
            future.result(SOON_S)


def test_a_script_brings_them_from_the_command_line(
    boxes: Boxes, shop: Path, tmp_path: Path
) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import cantor\n"
        f"@cantor.task(needs={WALL!r})\n"
        "def version():\n    import toolshop\n    return toolshop.VERSION\n"
        "if __name__ == '__main__':\n    print(version.submit().result())\n",
        encoding="utf-8",
    )
    wanted = tmp_path / "requirements.txt"
    wanted.write_text("toolshop==1.0\n", encoding="utf-8")
    command = [*CANTOR, "run", "--data", str(boxes["desk"].folder), "--requirements", str(wanted),
               "--wheels", str(shop), str(script)]  # fmt: skip

    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=SOON_S)

    assert done.stdout.strip() == "1.0", done.stderr
