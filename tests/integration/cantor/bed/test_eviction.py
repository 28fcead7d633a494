"""A node is put out of a mesh of real agents: how fast, and that it lasts."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest
from tests.bed import topologies

from cantor.base.ids import NodeId
from cantor.identity.authority_folder import save_authority
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.bed.fleet import Box, Fleet
    from tests.bed.network import Network

pytestmark = pytest.mark.integration
EVICTION_S_MAX = 2.0


async def unlinked(box: Box, peer: str) -> float:
    """When this box has no link with a peer any more, on the steady clock."""
    async with asyncio.timeout(30.0):
        async for _ in box.changes():
            if peer not in {link["name"] for link in await box.links()}:
                return time.monotonic()
    raise AssertionError


async def state_of(box: Box, name: str) -> str:
    return next(str(node["state"]) for node in await box.nodes() if node["name"] == name)


async def until_state(box: Box, name: str, state: str) -> None:
    async with asyncio.timeout(30.0):
        async for _ in box.changes():
            if await state_of(box, name) == state:
                return


async def test_a_denied_box_is_out_everywhere_at_once_and_stays_out_without_the_issuer(
    network: Network, fleet: Fleet, record_testsuite_property: Callable[[str, object], None]
) -> None:
    topologies.site(network, 12)
    boxes = [fleet.add(host) for host in network.hosts]
    issuer, thief, others = boxes[0], boxes[1], boxes[2:]
    save_authority(fleet.authority, issuer.folder / "authority")
    for box in boxes:
        await box.start()
    await fleet.until_all_online()

    begun = time.monotonic()
    await issuer.ask("node.deny", node=thief.name)
    seconds = max(await asyncio.gather(*(unlinked(b, thief.name) for b in [issuer, *others])))
    assert seconds - begun < EVICTION_S_MAX
    record_testsuite_property("eviction_s", round(seconds - begun, 3))

    issuer.kill()
    witness = others[0]
    await witness.stop()
    await witness.start()
    await witness.until_online({box.name for box in others})
    assert await state_of(witness, thief.name) == "denied"
    assert thief.name not in {link["name"] for link in await witness.links()}


async def test_an_evicted_box_comes_back_with_a_new_certificate_only(
    network: Network, fleet: Fleet
) -> None:
    topologies.site(network, 3)
    boxes = [fleet.add(host) for host in network.hosts]
    issuer, box, other = boxes
    save_authority(fleet.authority, issuer.folder / "authority")
    for one in boxes:
        await one.start()
    await fleet.until_all_online()

    await issuer.ask("node.deny", node=box.name)
    await until_state(other, box.name, "denied")
    await box.stop()
    folder = IdentityFolder(box.folder)
    began_s = time.time() + 1
    folder.install(
        fleet.authority.issue(folder.csr_pem(), now=datetime.now(UTC), not_before_s=began_s)
    )
    await box.start()
    await fleet.until_all_online()

    await issuer.ask("node.deny", node=box.name, for_ever=True)
    await until_state(other, box.name, "denied")
    await issuer.ask("node.allow", node=NodeId(box.id))
    await fleet.until_all_online()
