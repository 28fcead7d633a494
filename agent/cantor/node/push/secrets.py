"""The secrets of a service on this node, and which nodes may have them for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError, UnavailableError
from cantor.node.secrets.claims import Claim
from cantor.services.orders import KIND, Key, order_from
from cantor.services.wishes import is_met

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.node.secrets.records import SecretKey
    from cantor.node.secrets.service import Secrets, State
    from cantor.node.services import Node
    from cantor.services.manifest import Manifest
    from cantor.services.orders import Order, Revision


class ServiceSecrets:
    """What one service names here; a revision names what its order says, and no more."""

    def __init__(self, node: Node, key: Key) -> None:
        self._node = node
        self._key = key

    def state(self, project: str, revision: Revision) -> State:
        """Changes when another version is kept here, or none any more."""
        secrets = self._secrets
        if not revision.secrets or secrets is None:
            return ()
        return secrets.state(self._claim_of(project, revision.secrets))

    async def bring(
        self, project: str, revision: Revision, manifest: Manifest
    ) -> tuple[tuple[str, int], ...]:
        """The versions that are kept here then.

        Raises:
            ConfigError: its code names others than its order.
            UnavailableError: one is not there, or not for this service.
        """
        if set(manifest.secrets) - set(revision.secrets):
            raise ConfigError("its code names secrets that its order does not", where="secrets")
        if not revision.secrets:
            return ()
        secrets = self._secrets
        if secrets is None:
            raise UnavailableError("this node keeps no secrets", where=self._node.name)
        found = await secrets.bring(self._claim_of(project, revision.secrets))
        return tuple((name, kept) for name, kept, _ in found)

    async def values(self, project: str, names: tuple[str, ...]) -> dict[str, bytes]:
        """The values, for a process that begins.

        Raises:
            UnavailableError: one is not there any more.
        """
        secrets = self._secrets
        if not names or secrets is None:
            return {}
        return await secrets.values(self._claim_of(project, names))

    def release(self) -> None:
        """Nothing of it runs here any more."""
        if self._secrets is not None:
            self._secrets.release(KIND, self._key.name)

    @property
    def _secrets(self) -> Secrets | None:
        return cast("Secrets | None", self._node.service("secrets"))

    def _claim_of(self, project: str, names: tuple[str, ...]) -> Claim:
        return Claim(KIND, self._key.name, self._key.tenant, project, names)


def missing_secrets(node: Node, order: Order) -> str:
    """Which secrets of a service nobody has set yet; "" if there are none."""
    secrets = cast("Secrets | None", node.service("secrets"))
    if not order.revision.secrets or secrets is None:
        return ""
    project = order.project
    claim = Claim(KIND, order.key.name, order.key.tenant, project, order.revision.secrets)
    missing = [name for name, _, newest in secrets.state(claim) if not newest]
    if not missing:
        return ""
    return (
        f"it waits for secrets that project {project} has not: {', '.join(missing)}"
        " (cantor secret set)"
    )


def why_not(node: Node, asker: NodeId, service: str, key: SecretKey) -> str:
    """Why a node may not have a secret for a service, by the signed orders in the ledger; "" if it
    may: the service is wanted in that project, code of it names the secret, and the node is one
    that it runs on.
    """
    order = _order(node, Key(key.tenant, service))
    if order is None:
        return "there is no such service, as far as is known"
    if order.wanted != "running":
        return f"the service {service} is {order.wanted}"
    if order.project != key.project:
        return f"the service {service} belongs to project {order.project}"
    naming = [one for one in (order.revision, *order.past) if key.name in one.secrets]
    if not naming:
        return f"the service {service} does not name it"
    view = next((view for view in node.nodes() if view.id == asker), None)
    if view is None or not any(is_met(one, view.resources, view.labels) for one in naming):
        return f"the service {service} does not run on that node"
    return ""


def _order(node: Node, key: Key) -> Order | None:
    """The order that holds. Whether its code may run on this node does not matter here."""
    found: Order | None = None
    for fact in node.facts(key.fact):
        try:
            word = node.words.read(fact.value, KIND)
            order = order_from(word.content, word.by)
        except CantorError:
            continue
        if fact.name != key.fact or order.key != key or word.tenant != key.tenant:
            continue
        if found is None or order.rank > found.rank:
            found = order
    return found
