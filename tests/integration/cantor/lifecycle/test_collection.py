"""A box that left for ever is forgotten by living agents after 60 days, and no sooner."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.lifecycle.conftest import Mesh, states, until

from cantor.identity.leases import LEASE
from cantor.mesh import exchange
from cantor.node.lifecycle import days, renewing

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.ledger.ledger import Ledger
    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration
DAY_S = 86_400.0
STEP_DAYS = 30


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is looked at every few seconds is looked at at once."""
    monkeypatch.setattr(days, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(renewing, "LOOK_EVERY_S", 0.1)
    monkeypatch.setattr(exchange, "COLLECT_AFTER_S", 1.0)


def names_of(ledger: Ledger, owner: NodeId) -> list[str]:
    """What a ledger holds of an owner."""
    return [fact.name for fact in ledger.facts_of(owner)]


async def months_pass(mesh: Mesh, agents: tuple[Agent, ...], times: int) -> None:
    """All clocks go on; each time until every certificate is new."""
    for _ in range(times):
        before = [agent.lifecycle.identity.not_after for agent in agents]
        for agent in agents:
            mesh.clocks[agent.name].ahead_s += STEP_DAYS * DAY_S
        for agent, ended in zip(agents, before, strict=True):
            await until(agent, lambda a=agent, e=ended: a.lifecycle.identity.not_after > e + DAY_S)  # type: ignore[misc]


async def test_a_box_that_left_for_ever_is_forgotten_after_sixty_days_and_what_lasts_is_not(
    mesh: Mesh,
) -> None:
    for name in ("issuer", "box", "gone"):
        mesh.certify(name)
    issuer = await mesh.start("issuer", is_issuer=True)
    box = await mesh.start("box", seeds=issuer.addresses)
    gone = await mesh.start("gone", seeds=issuer.addresses)
    gone.publish("deployment/kept", 1, lasting=True)
    for agent in (issuer, box):
        await until(agent, lambda a=agent: set(states(a)) == {"issuer", "box", "gone"})  # type: ignore[misc]
        await until(agent, lambda a=agent: bool(a.facts("deployment/")))  # type: ignore[misc]
    await until(box, lambda: {f.owner for f in box.facts(LEASE)} >= {issuer.node_id, box.node_id})
    last = gone.node_id
    await mesh.stop("gone")
    ledgers = [agent._core.ledger for agent in (issuer, box)]

    await months_pass(mesh, (issuer, box), 1)
    assert all("node" in names_of(ledger, last) for ledger in ledgers)

    await months_pass(mesh, (issuer, box), 2)
    left = ["deployment/kept"]
    for agent, ledger in zip((issuer, box), ledgers, strict=True):
        await until(agent, lambda led=ledger: names_of(led, last) == left)  # type: ignore[misc]
        await until(agent, lambda a=agent: states(a) == {"issuer": "online", "box": "online"})  # type: ignore[misc]
