"""The secrets of one deployment's groups on this node, and which nodes may have them for it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError, SecretError, UnavailableError
from cantor.base.secret_names import Cover
from cantor.node.secrets.claims import Claim
from galaxy.deployments.records import pipeline_of
from galaxy.secrets import names_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.node.secrets.records import SecretKey
    from cantor.node.secrets.service import Secrets, State
    from cantor.node.services import Node
    from galaxy.deployments.authors import Authors
    from galaxy.deployments.keeper import LocalRun
    from galaxy.deployments.records import Deployment

KIND = "deployment"
AGAIN_S, AGAIN_MAX_S = 1.0, 30.0
Run = tuple[str, int]


@dataclass(slots=True)
class _Given:
    """What one run of a group was given, and which versions."""

    claim: Claim
    state: State
    values: dict[str, str]


class GroupSecrets:
    """On the event loop only. ``begin`` is called with leader and epoch of a run when its secrets
    are there, ``wait`` with why they are not; ``changed`` with the leader of a run that was given
    a version which is not the one that is kept here now.
    """

    def __init__(
        self,
        node: Node,
        deployment: str,
        *,
        begin: Callable[[str, int], None],
        wait: Callable[[str, int, str], None],
        changed: Callable[[str, int], None],
    ) -> None:
        self._node = node
        self._deployment = deployment
        self._begin = begin
        self._wait = wait
        self._changed = changed
        self._given: dict[Run, _Given] = {}
        self._bringing: dict[Run, asyncio.Task[None]] = {}
        self._end: Callable[[], None] | None = None
        self._retry = asyncio.Event()
        self.cover = Cover({})

    def are_there(self, leader: str, epoch: int, run: LocalRun) -> bool:
        """Whether a run has what it names; else that is brought, and ``begin`` is called."""
        names = names_in(run.pipeline, run.filters[leader])
        if not names or (leader, epoch) in self._given:
            return True
        if (leader, epoch) not in self._bringing:
            self._follow()
            about = f"{self._deployment}/{leader}"
            project = run.deployment.project or "default"
            claim = Claim(KIND, about, self._node.tenant, project, names)
            task = asyncio.ensure_future(self._bring((leader, epoch), claim))
            self._bringing[(leader, epoch)] = task
        return False

    def of(self, leader: str, epoch: int) -> Mapping[str, str]:
        """The values of a run."""
        given = self._given.get((leader, epoch))
        return given.values if given is not None else {}

    def is_waiting(self, leader: str, epoch: int) -> bool:
        """Whether the run has not begun because its secrets are not there."""
        return (leader, epoch) in self._bringing

    def drop(self, leader: str) -> None:
        """No run of this group that was given anything is wanted any more."""
        for run in [run for run in self._bringing if run[0] == leader]:
            self._bringing.pop(run).cancel()
        for run in [run for run in self._given if run[0] == leader]:
            del self._given[run]
        secrets = self._secrets
        if secrets is not None:
            secrets.release(KIND, f"{self._deployment}/{leader}")

    async def close(self) -> None:
        """Nothing runs any more."""
        tasks = list(self._bringing.values())
        for leader in {leader for leader, _ in (*self._bringing, *self._given)}:
            self.drop(leader)
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._end is not None:
            self._end()
            self._end = None

    async def _bring(self, run: Run, claim: Claim) -> None:
        pause_s = AGAIN_S
        while True:
            self._retry.clear()
            try:
                self._given[run] = await self._brought(claim)
            except CantorError as error:
                self._wait(*run, str(error))
            else:
                break
            try:
                async with asyncio.timeout(pause_s):
                    await self._retry.wait()
            except TimeoutError:
                pause_s = min(2 * pause_s, AGAIN_MAX_S)
        del self._bringing[run]
        texts = {
            name: text.encode() for one in self._given.values() for name, text in one.values.items()
        }
        self.cover = Cover(texts)
        self._begin(*run)

    async def _brought(self, claim: Claim) -> _Given:
        secrets = self._secrets
        if secrets is None:
            raise UnavailableError("this node keeps no secrets", where=self._node.name)
        state = await secrets.bring(claim)
        values = await secrets.values(claim)
        try:
            return _Given(claim, state, {name: value.decode() for name, value in values.items()})
        except UnicodeDecodeError as error:
            raise SecretError("one of its secrets is no text", where=claim.about) from error

    def _follow(self) -> None:
        if self._end is None and self._secrets is not None:
            self._end = self._secrets.on_change(self._look)

    def _look(self) -> None:
        self._retry.set()
        secrets = self._secrets
        if secrets is None:
            return
        for (leader, epoch), given in list(self._given.items()):
            now = {name: kept for name, kept, _ in secrets.state(given.claim)}
            if any(now[name] not in (0, kept) for name, kept, _ in given.state):
                self._changed(leader, epoch)

    @property
    def _secrets(self) -> Secrets | None:
        return cast("Secrets | None", self._node.service("secrets"))


def why_not(
    authors: Authors,
    deployment: Deployment | None,
    nodes: Mapping[str, NodeId],
    asker: NodeId,
    leader: str,
    key: SecretKey,
) -> str:
    """Why a node may not have a secret for a group of a deployment; "" if it may: its author
    vouches for it in that project, the group names the secret, and ``nodes`` places it there.
    """
    if deployment is None:
        return "there is no such deployment, as far as is known"
    if deployment.wanted != "running":
        return f"the deployment is {deployment.wanted}"
    if not authors.is_proven(deployment) or authors.tenant_of(deployment) != key.tenant:
        return "nobody of this tenant vouches for the deployment"
    if (deployment.project or "default") != key.project:
        return f"the deployment belongs to project {deployment.project}"
    try:
        pipeline = pipeline_of(deployment)
    except ConfigError:
        return "the deployment is none"
    group = next((one for one in pipeline.groups() if one[0] == leader), ())
    if key.name not in names_in(pipeline, group):
        return "the deployment does not name it there"
    return "" if nodes.get(leader) == asker else "the deployment is not placed on that node"
