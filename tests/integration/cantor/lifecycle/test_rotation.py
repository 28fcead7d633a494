"""Certificates, roots and links are replaced under traffic: no message and no link is lost."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.lifecycle.conftest import Mesh, Steps, states, until

from cantor.identity import life_plan
from cantor.identity.certificates import parse_certificates
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.node.agent import Agent
    from cantor.node.services import Message

pytestmark = pytest.mark.integration
ROTATIONS = 25
SENDS_EACH = 20


def neighbours(agents: list[Agent]) -> list[set[str]]:
    """Whom each agent has a link with."""
    return [{link.peer for link in agent._core.links} for agent in agents]


class Traffic:
    """Every box sends to every other, at most once each; no neighbour may be lost meanwhile."""

    def __init__(self, agents: list[Agent]) -> None:
        self._agents = agents
        self._numbers = dict.fromkeys(((a.node_id, b.node_id) for a in agents for b in agents), 0)
        self._arrived: dict[tuple[str, str], list[int]] = {pair: [] for pair in self._numbers}
        self._has_arrived = asyncio.Event()
        self._neighbours = neighbours(agents)
        for agent in agents:
            agent.on_message("count", self._taker(agent))

    def _taker(self, agent: Agent) -> Callable[[Message], None]:
        def take(message: Message) -> None:
            number = message.headers["n"]
            assert isinstance(number, int)
            self._arrived[message.source, agent.node_id].append(number)
            self._has_arrived.set()

        return take

    def send(self) -> None:
        now = neighbours(self._agents)
        assert all(before <= after for before, after in zip(self._neighbours, now, strict=True))
        for source in self._agents:
            for target in self._agents:
                if source is not target:
                    pair = source.node_id, target.node_id
                    assert source.send(target.node_id, "count", {"n": self._numbers[pair]})
                    self._numbers[pair] += 1

    async def during(self, work: Callable[[], object]) -> None:
        """Send before, while and after something is done."""
        for turn in range(SENDS_EACH):
            self.send()
            if turn == SENDS_EACH // 2:
                work()
            await asyncio.sleep(0)

    def missing(self) -> int:
        return sum(count - len(set(self._arrived[pair])) for pair, count in self._numbers.items())

    @property
    def sent(self) -> int:
        return sum(self._numbers.values())

    async def settled(self) -> None:
        """Wait until everything has arrived."""
        async with asyncio.timeout(20.0):
            while self.missing():
                self._has_arrived.clear()
                await self._has_arrived.wait()


async def running(mesh: Mesh, count: int, **life: timedelta) -> list[Agent]:
    mesh.certify("n0")
    agents = [await mesh.start("n0", is_issuer=True)]
    for number in range(1, count):
        mesh.certify(f"n{number}", **life)
        agents.append(await mesh.start(f"n{number}", seeds=agents[0].addresses))
    names = {f"n{number}": "online" for number in range(count)}
    for agent in agents:
        await until(agent, lambda agent=agent: states(agent) == names)  # type: ignore[misc]
    return agents


def nonces(agents: list[Agent]) -> list[list[str]]:
    return [sorted(link.nonce for link in agent._core.links) for agent in agents]


async def test_certificates_rotate_under_traffic(mesh: Mesh) -> None:
    agents = await running(mesh, 4)
    traffic = Traffic(agents)

    def rotate() -> None:
        for agent in agents:
            box = IdentityFolder(agent.folder)
            chain = mesh.authority.issue(box.csr_pem(), now=datetime.now(UTC))
            agent.lifecycle._renewed(box.install(chain))

    for _ in range(ROTATIONS):
        await traffic.during(rotate)
    await traffic.settled()

    assert traffic.sent == ROTATIONS * SENDS_EACH * 12
    mesh.certify("late")
    late = await mesh.start("late", seeds=agents[1].addresses)
    await until(late, lambda: len(states(late)) == 5)


def follows(agent: Agent, pin: str) -> bool:
    """Whether an agent has a certificate under the root with this pin."""
    chain = IdentityFolder(agent.folder).chain
    newest = parse_certificates(chain.root_pem)[0].subject
    return chain.root_pins[0] == pin and parse_certificates(chain.pem)[-1].issuer == newest


def says_under_its_newest(owner: Agent, other: Agent) -> bool:
    """Whether all that another holds of an agent's facts is signed under its newest certificate."""
    newest = IdentityFolder(owner.folder).chain.pem
    facts = other._core.ledger._shares[owner.node_id].facts
    return all(batch.certificate == newest for _, batch in facts.values())


class Later:
    """A node whose wall clock is ahead."""

    def __init__(self, agent: Agent, ahead: timedelta) -> None:
        self._agent, self._ahead = agent, ahead

    def wall(self) -> float:
        return self._agent.wall() + self._ahead.total_seconds()


async def test_facts_of_one_who_was_away_while_the_root_changed_are_given_up_and_end_no_link(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_plan, "FOLLOW_WITHIN_S", 0.0)
    mesh.certify("away")
    issuer, other = agents = await running(mesh, 2)
    steps = Steps(*agents)
    away = await mesh.start("away", seeds=issuer.addresses)
    for agent in agents:
        await until(agent, lambda agent=agent: "away" in states(agent))  # type: ignore[misc]
    away.publish("kept", "by the mesh", lasting=True)
    await steps.until(lambda: all(a._core.ledger.get(away.node_id, "kept") for a in agents))
    await mesh.stop("away")
    issuer.calls()["mesh.rollover"]({})
    authority = issuer.lifecycle.authority
    assert authority is not None
    await steps.until(lambda: all(follows(agent, authority.root_pin) for agent in agents))
    await steps.until(
        lambda: says_under_its_newest(other, issuer) and says_under_its_newest(issuer, other)
    )
    before = nonces(agents)

    # One gives the former root up before the other does, who offers what it still holds.
    monkeypatch.setattr(issuer.lifecycle._roots, "_node", Later(issuer, timedelta(days=50)))
    issuer.lifecycle._roots.look()
    assert issuer._core.ledger.get(away.node_id, "kept") is None
    assert states(issuer) == {"n0": "online", "n1": "online"}
    assert issuer._core.ledger.certificate == IdentityFolder(issuer.folder).chain.pem
    await steps.until(lambda: issuer._core.counters["facts_unvouched"] > 0)
    monkeypatch.setattr(other.lifecycle._roots, "_node", Later(other, timedelta(days=50)))
    other.lifecycle._roots.look()

    assert nonces(agents) == before
    assert states(other) == {"n0": "online", "n1": "online"}
    one, two = (agent._core.ledger.digests for agent in agents)
    await steps.until(lambda: one.root() == two.root())


async def test_the_mesh_goes_over_to_a_new_root_under_traffic(
    mesh: Mesh, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_plan, "FOLLOW_WITHIN_S", 0.0)
    mesh.certify("away")
    agents = await running(mesh, 4)
    traffic, steps = Traffic(agents), Steps(*agents)

    await traffic.during(lambda: agents[0].calls()["mesh.rollover"]({}))
    authority = agents[0].lifecycle.authority
    assert authority is not None
    pin = authority.root_pin

    def has_followed(agent: Agent) -> bool:
        return follows(agent, pin)

    async with asyncio.timeout(20.0):
        while not all(map(has_followed, agents)):
            await traffic.during(lambda: None)
            await steps.next()
    await traffic.settled()

    away = await mesh.start("away", seeds=agents[1].addresses)
    await until(away, lambda: set(states(away).values()) == {"online"} and len(states(away)) == 5)
    await until(away, lambda: has_followed(away))


async def test_links_are_replaced_before_their_certificates_end(mesh: Mesh) -> None:
    agents = await running(mesh, 2, life=timedelta(seconds=12))
    traffic, before, steps = Traffic(agents), nonces(agents), Steps(*agents)

    def is_replaced() -> bool:
        """Both ends use the new link, and the former has been read to its end and closed."""
        one, other = nonces(agents)
        return one == other != before[0] and all(len(a._links.up()) == 1 for a in agents)

    async with asyncio.timeout(20.0):
        while not is_replaced():
            await traffic.during(lambda: None)
            await steps.next()
    await traffic.settled()
