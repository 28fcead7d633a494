"""Secrets of tasks: the node that runs one asks for what its terms name."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.push import secret_jobs as jobs
from tests.integration.cantor.push.agents import CLOSED, OPEN

import cantor
from cantor.base.errors import SecretError

if TYPE_CHECKING:
    from tests.integration.cantor.push.conftest import Trio

pytestmark = pytest.mark.integration

CANARY = "canary-5d20-task"
HASH = hashlib.sha256(CANARY.encode()).hexdigest()


@pytest.mark.parametrize("words", [OPEN, CLOSED], ids=["open", "closed in"])
def test_a_task_on_another_node_reads_what_it_names_and_nothing_it_says_holds_it(
    trio: Trio, words: tuple[str, ...], capfd: pytest.CaptureFixture[str]
) -> None:
    if words != OPEN:
        trio.birch.stop()
        trio.birch.start(trio.ash.address, words=words)
        trio.ash.knows(3)
    done = trio.cedar.run("secret", "set", "mail", given=CANARY + "\n")
    assert done.returncode == 0, done.stderr
    with cantor.connect(trio.ash.folder):
        assert jobs.reads.submit().result(60) == HASH
        assert jobs.reads_in_a_thread.submit().result(60) == len(CANARY)
        with pytest.raises(Exception, match="cannot log in with secret://mail") as told:
            jobs.fails.submit().result(60)
        with pytest.raises(SecretError, match="the task does not name it"):
            jobs.names_nothing.submit().result(60)
        with pytest.raises(SecretError, match="the task does not name it"):
            jobs.reads.submit("other").result(60)
        other = cantor.task(needs=jobs.ON_BIRCH, secrets=["other"])(jobs.reads.function)
        with pytest.raises(SecretError, match="there is no such secret"):
            other.submit("other").result(60)
    assert CANARY not in str(told.value) + str(told.value.__cause__)
    rows = trio.ash.ask("tasks.list")
    listed = json.loads(trio.ash.run("task", "list", "--json").stdout)["rows"]
    stories = [trio.ash.run("task", "show", row["id"], "--json").stdout for row in listed]
    printed = capfd.readouterr()
    said = "\n".join((str(rows), str(listed), *stories, printed.out, printed.err))
    assert "it prints secret://mail" in said
    assert CANARY not in said
    for box in (trio.ash, trio.birch, trio.cedar):
        assert CANARY not in box.log()
        files = [path for path in box.folder.rglob("*") if path.is_file()]
        assert not [path for path in files if CANARY.encode() in path.read_bytes()]


def test_outside_of_a_mesh_there_is_none() -> None:
    with cantor.local(workers=1), pytest.raises(SecretError, match="only tasks on a mesh"):
        cantor.task(secrets=["mail"], retries=0)(jobs.reads.function).submit().result(60)
