"""A hub as an issuer: it renews, goes over to a new root, and hears from nodes whom it denied."""

from __future__ import annotations

import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from tests.integration.edge_hub.test_hub_and_boxes import Place, place, settings_in, until

from cantor.base.clock import SystemClock
from cantor.base.errors import EnrolmentError
from cantor.identity.authority import LEAF_LIFE
from cantor.identity.client import enrol
from cantor.node.control import ask
from cantor.node.lifecycle import denials
from cantor.node.memory import HubContact, NodeMemory
from edge_hub.backup import backup, restore

__all__ = ["place"]
pytestmark = pytest.mark.integration


async def test_a_box_whose_certificate_has_ended_renews_at_the_hub(place: Place) -> None:
    there = await place.hub(settings_in(place.folder / "hub"))
    folder = place.identity("box")
    token = await there.token()
    await enrol(token, folder, clock=SystemClock())
    ended = datetime.now(UTC) - LEAF_LIFE - timedelta(days=30)
    folder.install(there.authority.issue(folder.csr_pem(), now=ended))
    NodeMemory(folder.path).remember_hub(HubContact(token.hub))

    box = await place.box("box", seeds=there.view.seeds())
    await until(there.view.subscribe, lambda: there.sees(box.node_id))
    assert folder.identity.not_after > datetime.now(UTC).timestamp()


async def test_tokens_from_before_and_after_a_rollover_let_boxes_in(place: Place) -> None:
    there = await place.hub(settings_in(place.folder / "hub"))
    before = await there.token(uses=2)
    await enrol(before, place.identity("old"), clock=SystemClock())
    old = await place.box("old", seeds=there.view.seeds())
    await until(there.view.subscribe, lambda: there.sees(old.node_id))

    await ask(there.settings.node_folder, "mesh.rollover")
    after = await there.token()
    assert after.root_pin != before.root_pin
    for name, token in (("by-old-pin", before), ("by-new-pin", after)):
        await enrol(token, place.identity(name), clock=SystemClock())
        box = await place.box(name, seeds=list(old.addresses))
        await until(there.view.subscribe, lambda box=box: there.sees(box.node_id))  # type: ignore[misc]


async def test_a_hub_from_an_old_backup_hears_from_nodes_whom_it_denied(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(denials, "REMIND_WITHIN_S", 0.0)
    settings = settings_in(place.folder / "hub")
    there = await place.hub(settings)
    token = await there.token(uses=2)
    for name in ("witness", "thief"):
        await enrol(token, place.identity(name), clock=SystemClock())
    witness = await place.box("witness", seeds=there.view.seeds())
    thief_id = place.identity("thief").node_id
    await until(there.view.subscribe, lambda: there.sees(witness.node_id))
    backup(settings, place.folder / "plant.backup")
    await there.deny(thief_id)
    await until(witness.subscribe, lambda: thief_id in witness.lifecycle.denied)
    await there.stack.aclose()
    shutil.rmtree(settings.data)
    restore(settings, place.folder / "plant.backup")

    assert not (settings.node_folder / "denied").exists()
    restored = await place.hub(replace(settings, seeds=witness.addresses))
    await until(restored.view.subscribe, lambda: thief_id in restored.view.denied)
    with pytest.raises(EnrolmentError, match="denied"):
        await enrol(
            await restored.token(), place.identity("thief"), clock=SystemClock(), is_again=True
        )
