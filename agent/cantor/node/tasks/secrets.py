"""Secrets of tasks: a task that runs here asks for what its terms name.

Whether it may have that, its submitter's node says, to the node that runs it and to each that
keeps the secret: what it has submitted, for which project, and where that is now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, RemoteProtocolError, SecretError
from cantor.base.ids import NodeId
from cantor.node.secrets.claims import Claim
from cantor.node.secrets.records import SecretKey, key_of
from cantor.node.services import Reply
from cantor.node.tenants import check_tenant
from cantor.scheduling.shares.terms import DEFAULT_PROJECT
from cantor.scheduling.tasks.story import read_task_id

if TYPE_CHECKING:
    from cantor.node.secrets.service import Secrets
    from cantor.node.services import Message, Node
    from cantor.node.tasks.running import Running
    from cantor.node.tasks.submits import Submits

KIND = "task"
TOPIC = "tasks.secret"
WHY_MAX = 200


class TaskSecrets:
    """On the event loop only."""

    def __init__(self, node: Node, submits: Submits, running: Running) -> None:
        self._node = node
        self._submits = submits
        self._running = running

    def start(self) -> None:
        """Judge, and answer nodes that do."""
        self._node.answer(TOPIC, self._asked)
        secrets = self._secrets
        if secrets is not None:
            secrets.judged_by(KIND, self._why_not)

    async def value(self, task: str, name: str) -> bytes:
        """A secret for a task that runs here.

        Raises:
            SecretError: it does not name that, there is none, or it may not have it.
            UnavailableError: who keeps it cannot be reached.
        """
        attempt, secrets = self._running.of_task(task), self._secrets
        if attempt is None or name not in attempt.terms.secrets.split():
            raise SecretError(
                "the task does not name it",
                where=f"secret {name[:64]}",
                remedy=f"name it: @cantor.task(secrets=[{name[:64]!r}])",
            )
        if secrets is None:
            raise SecretError("this node keeps no secrets", where=self._node.name)
        project = attempt.terms.project or DEFAULT_PROJECT
        claim = Claim(KIND, f"{task}/{name}", self._node.tenant, project, (name,))
        try:
            await secrets.bring(claim)
            value = (await secrets.values(claim))[name]
        finally:
            secrets.release(claim.kind, claim.about)
        attempt.secrets[name] = value
        return value

    async def _why_not(self, asker: NodeId, about: str, key: SecretKey) -> str:
        """Why a node may not have a secret for a task; "" if it may."""
        task = about.partition("/")[0]
        place = read_task_id(task)
        if place is None:
            return "there is no such task"
        home = NodeId(place[0])
        if home == self._node.node_id:
            return self._why_not_of_mine(asker, *place[1:], key)
        if self._node.tenant_of(home) != key.tenant:
            return "it is a task of another tenant"
        asked = {"task": task, "asker": asker, "project": key.project, "name": key.name}
        try:
            answer = await self._node.request(home, TOPIC, {**asked})
        except CantorError as error:
            return f"the node that submitted the task does not answer: {error}"
        return str(answer.headers.get("why", "it does not say"))[:WHY_MAX]

    def _why_not_of_mine(self, asker: NodeId, life: int, number: int, key: SecretKey) -> str:
        task = self._submits.find(number) if life == self._node.life else None
        if task is None:
            return "there is no such task"
        if (task.terms.project or DEFAULT_PROJECT) != key.project:
            return "the task belongs to another project"
        if key.name not in task.terms.secrets.split():
            return "the task does not name it"
        return "" if self._submits.node_of(number) == asker else "the task is not on that node"

    def _asked(self, message: Message) -> Reply:
        check_tenant(self._node, self._node.tenant, "a task", message.source)
        told = {
            name: str(message.headers.get(name)) for name in ("task", "asker", "project", "name")
        }
        key = key_of(SecretKey(self._node.tenant, told["project"], told["name"]).fact)
        place = read_task_id(told["task"])
        if key is None or place is None or place[0] != self._node.node_id:
            raise RemoteProtocolError("it asks about no task of this node", where=TOPIC)
        return Reply({"why": self._why_not_of_mine(NodeId(told["asker"]), *place[1:], key)})

    @property
    def _secrets(self) -> Secrets | None:
        return cast("Secrets | None", self._node.service("secrets"))
