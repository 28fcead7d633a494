"""Which node may have a secret for a task: the node that submitted it says so, to whoever asks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import pytest

from cantor.base.errors import RemoteProtocolError, SecretError
from cantor.base.ids import NodeId
from cantor.base.secret_names import Cover
from cantor.node.fake import FakeMesh
from cantor.node.secrets.records import SecretKey
from cantor.node.secrets.service import Secrets
from cantor.node.tasks.outcomes import covered
from cantor.node.tasks.secrets import TOPIC, TaskSecrets
from cantor.node.tasks.wording import DONE, ENDED, FAILED, SAID, WROTE
from cantor.scheduling.tasks.story import task_id
from cantor.workers.failures import pack_failure
from cantor.workers.units import Terms

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HOME, HOST, KEEPER = (NodeId(letter * 32) for letter in "abc")
MAIL = SecretKey("default", "default", "mail")
TASK = task_id(HOME, 1, 7)


@dataclass
class Submitted:
    """One task of a node, and where it is; also what runs at that node."""

    terms: Terms
    node: NodeId | None
    number: int = 7
    secrets: dict[str, bytes] = field(default_factory=dict)

    def find(self, number: int) -> Submitted | None:
        return self if number == self.number else None

    def node_of(self, _: int) -> NodeId | None:
        return self.node

    def of_task(self, task: str) -> Submitted | None:
        return self if task == TASK else None


class Wood:
    """The task is submitted at home, runs on the host, and the keeper keeps the secret."""

    def __init__(self, folder: Path) -> None:
        self.mesh = FakeMesh()
        self.task = Submitted(Terms(name="send", secrets="mail other"), HOST)
        self.tasks: dict[NodeId, TaskSecrets] = {}
        self.secrets: dict[NodeId, Secrets] = {}
        for node in (HOME, HOST, KEEPER):
            made = self.mesh.add(node, folder / node[:4])
            made.folder.mkdir()
            self.secrets[node] = Secrets(made)
            made.services = {"secrets": self.secrets[node]}
            own = self.task if node == HOME else Submitted(Terms(), None, 0)
            self.tasks[node] = TaskSecrets(made, cast("Any", own), cast("Any", self.task))


@pytest.fixture
async def wood(tmp_path: Path) -> AsyncIterator[Wood]:
    made = Wood(tmp_path)
    for node, secrets in made.secrets.items():
        await secrets.start()
        made.tasks[node].start()
    await made.secrets[KEEPER].set(MAIL, b"canary", "me")
    yield made
    for secrets in made.secrets.values():
        await secrets.close()


async def test_the_node_that_runs_it_is_given_what_the_task_names(wood: Wood) -> None:
    assert await wood.tasks[HOST].value(TASK, "mail") == b"canary"
    assert wood.task.secrets == {"mail": b"canary"}


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        (Submitted(Terms(secrets="mail"), KEEPER), "the task is not on that node"),
        (Submitted(Terms(secrets="mail"), None), "the task is not on that node"),
        (Submitted(Terms(secrets="other"), HOST), "the task does not name it"),
        (Submitted(Terms(secrets="mail", project="vision"), HOST), "another project"),
        (Submitted(Terms(secrets="mail"), HOST, number=8), "there is no such task"),
    ],
)
async def test_what_its_submitter_does_not_say_is_not_given(
    wood: Wood, changed: Submitted, why: str
) -> None:
    wood.tasks[HOME]._submits = cast("Any", changed)

    with pytest.raises(SecretError, match=why):
        await wood.tasks[HOST].value(TASK, "mail")
    wood.secrets[HOST].judged_by("task", lambda *_: "")  # a host that judges nothing itself
    with pytest.raises(SecretError, match=why):
        await wood.tasks[HOST].value(TASK, "mail")


async def test_a_submitter_that_is_away_or_another_tenants_gives_no_right(wood: Wood) -> None:
    wood.mesh.nodes[HOME].tenant = "theirs"
    with pytest.raises(SecretError, match="another tenant"):
        await wood.tasks[HOST].value(TASK, "mail")
    wood.mesh.nodes[HOME].tenant = "default"
    wood.mesh.kill(HOME)
    with pytest.raises(SecretError, match="does not answer"):
        await wood.tasks[HOST].value(TASK, "mail")


async def test_a_task_that_is_none_or_names_nothing_gets_nothing(wood: Wood) -> None:
    for task, name in ((TASK, "third"), ("odd", "mail")):
        with pytest.raises(SecretError, match="does not name it"):
            await wood.tasks[HOST].value(task, name)
    host = wood.mesh.nodes[HOST]
    for asked in (
        {}, {"task": "odd"}, {"task": TASK, "asker": HOST, "project": "default", "name": "../x"},
        {"task": task_id(HOST, 1, 7), "asker": HOST, "project": "default", "name": "mail"},
    ):  # fmt: skip
        with pytest.raises(RemoteProtocolError, match="no task of this node"):
            await host.request(HOME, TOPIC, {**asked})


def test_what_a_task_says_is_covered_and_its_result_is_not() -> None:
    cover = Cover({"mail": b"canary"})
    error = ValueError("canary is refused")
    failure = pack_failure(error)

    kind, (packed, name, text, trace), *rest = covered(cover, [FAILED, failure])

    assert (kind, packed, name, text, rest) == (
        FAILED,
        None,
        "ValueError",
        "secret://mail is refused",
        [],
    )
    assert "canary" not in trace
    plain = [FAILED, pack_failure(ValueError("no"))]
    assert covered(cover, plain) == plain
    assert covered(cover, [WROTE, 1, "it is canary\n"]) == [WROTE, 1, "it is secret://mail\n"]
    assert covered(cover, [SAID, 0.5, "canary"]) == [SAID, 0.5, "secret://mail"]
    died = [None, 1, "canary", False]
    assert covered(cover, [ENDED, "died", died]) == [
        ENDED,
        "died",
        [None, 1, "secret://mail", False],
    ]
    assert covered(cover, [DONE]) == [DONE]
