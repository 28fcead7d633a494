"""A mesh without a hub: its issuer enrols, renews and leases over the mesh and by HTTPS."""

from __future__ import annotations

import json
import time
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from tests.integration.cantor.lifecycle.conftest import Mesh, ShiftedClock, states, until

from cantor.base.clock import SystemClock
from cantor.base.errors import ConfigError, EnrolmentError
from cantor.identity.client import EnrolmentPendingError, enrol
from cantor.identity.denials import FOR_EVER
from cantor.identity.enrolment import Approval
from cantor.identity.leases import LEASE
from cantor.identity.office import TokenWish
from cantor.identity.renewal import renewal_request
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken
from cantor.node.memory import HubContact, NodeMemory

if TYPE_CHECKING:
    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration
DAY_S = 86_400.0


def token_of(issuer: Agent, wish: TokenWish | None = None) -> EnrolmentToken:
    assert issuer.lifecycle.issuer is not None
    assert issuer.lifecycle.authority is not None
    at = (issuer.folder / "authority" / "enrol").read_text()
    _, secret = issuer.lifecycle.issuer.office.create(wish or TokenWish(), time.time())
    return EnrolmentToken(at, issuer.lifecycle.authority.root_pin, secret)


async def issuer_of(mesh: Mesh) -> Agent:
    mesh.certify("issuer")
    return await mesh.start("issuer", is_issuer=True, enrol="127.0.0.1:0")


async def test_a_box_enrols_at_an_issuer_links_and_is_leased(mesh: Mesh) -> None:
    issuer = await issuer_of(mesh)
    folder = IdentityFolder(mesh.folder / "box")
    identity = await enrol(token_of(issuer), folder, clock=SystemClock())

    box = await mesh.start("box", seeds=issuer.addresses)
    await until(issuer, lambda: states(issuer) == {"issuer": "online", "box": "online"})
    await until(issuer, lambda: any(f.owner == identity.node_id for f in issuer.facts(LEASE)))
    await until(box, lambda: issuer.node_id in box.lifecycle.denials.issuers)
    assert folder.statement(LEASE)


async def test_a_token_of_an_issuer_lets_in_whom_it_says_and_no_thief(mesh: Mesh) -> None:
    issuer = await issuer_of(mesh)
    token = token_of(issuer)
    folder = IdentityFolder(mesh.folder / "box")
    first = await enrol(token, folder, clock=SystemClock())
    again = await enrol(token, folder, clock=SystemClock(), is_again=True)
    assert again == first
    with pytest.raises(EnrolmentError, match="another box has used"):
        await enrol(token, IdentityFolder(mesh.folder / "thief"), clock=SystemClock())

    manual = token_of(issuer, TokenWish(approval=Approval.MANUAL))
    waiting = IdentityFolder(mesh.folder / "waiting")
    facts = {"hostname": "press"}
    with pytest.raises(EnrolmentPendingError):
        await enrol(manual, waiting, clock=SystemClock(), facts=facts)
    with pytest.raises(ConfigError, match="press"):
        issuer.lifecycle.calls()["node.approve"]({"node": "none"})
    issuer.lifecycle.calls()["node.approve"]({"node": "press"})
    await enrol(manual, waiting, clock=SystemClock())


async def test_a_replacement_takes_the_place_of_a_node_that_is_out_for_ever(mesh: Mesh) -> None:
    issuer = await issuer_of(mesh)
    old = IdentityFolder(mesh.folder / "old")
    before = await enrol(token_of(issuer), old, clock=SystemClock())
    token = token_of(issuer, TokenWish(replaces=before.node_id))
    told: list[object] = []

    new = await enrol(
        token, IdentityFolder(mesh.folder / "new"), clock=SystemClock(),
        on_reply=lambda reply: told.append(reply.replaces),
    )  # fmt: skip

    assert new.node_id != before.node_id
    assert told != [b""]
    known = issuer.lifecycle.denials.known
    assert known.earliest_s("default", before.node_id) == FOR_EVER
    with pytest.raises(EnrolmentError, match="denied"):
        await enrol(token_of(issuer), old, clock=SystemClock(), is_again=True)


async def test_a_certificate_renews_over_the_mesh_before_it_ends(mesh: Mesh) -> None:
    issuer = await issuer_of(mesh)
    folder = mesh.certify("box", life=timedelta(seconds=20))
    before = folder.identity.not_after

    box = await mesh.start("box", seeds=issuer.addresses)
    await until(box, lambda: box.lifecycle.identity.not_after > before + DAY_S)

    assert folder.identity.not_after > before + DAY_S
    assert states(box)["issuer"] == "online"


async def test_a_box_whose_certificate_has_ended_comes_back_by_https(mesh: Mesh) -> None:
    issuer = await issuer_of(mesh)
    folder = mesh.certify("box", ended=timedelta(days=30))
    at = (issuer.folder / "authority" / "enrol").read_text()
    NodeMemory(folder.path).remember_hub(HubContact(at))

    box = await mesh.start("box", seeds=issuer.addresses)
    await until(issuer, lambda: states(issuer).get("box") == "online")
    assert box.lifecycle.identity.not_after > time.time()


async def test_a_denied_or_long_absent_box_gets_no_new_certificate(mesh: Mesh) -> None:
    was_here = {"since_s": time.time() - 365 * DAY_S, "last_s": time.time()}
    (mesh.folder / "issuer").mkdir(mode=0o700)
    (mesh.folder / "issuer" / "presence.json").write_text(json.dumps(was_here))
    issuer = await issuer_of(mesh)
    assert issuer.lifecycle.issuer is not None
    for name, days in (("denied", 1), ("absent", 91)):
        folder = mesh.certify(name, ended=timedelta(days=days))
        if name == "denied":
            issuer.lifecycle.denials.evict([folder.node_id])
        request = renewal_request(
            folder.csr_pem(), folder.chain.pem, "nonce", wants_certificate=True
        )
        status, body = await issuer.lifecycle.issuer.renew(json.dumps(request).encode())
        assert (status, body["code"]) == (403, f"renewal-{name}")


async def test_a_node_that_no_issuer_confirmed_for_a_day_works_on_and_is_shown_as_stale(
    mesh: Mesh,
) -> None:
    mesh.certify("box", age=timedelta(days=2))
    mesh.certify("other")
    other = await mesh.start("other")
    box = await mesh.start("box", seeds=other.addresses)
    for agent in (box, other):
        await until(agent, lambda a=agent: states(a) == {"box": "stale", "other": "online"})  # type: ignore[misc]
    status = box.lifecycle.status()
    assert (status["standing"], status["is_issuer"]) == ("stale", False)

    mesh.certify("issuer")
    await mesh.start("issuer", is_issuer=True, seeds=other.addresses)
    for agent in (box, other):
        await until(agent, lambda a=agent: set(states(a).values()) == {"online"})  # type: ignore[misc]


@pytest.mark.parametrize("days", [3650, -20_000], ids=["+10 years", "1970"])
async def test_a_box_that_boots_with_a_wrong_clock_is_back_in_its_mesh(
    mesh: Mesh, days: int
) -> None:
    issuer = await issuer_of(mesh)
    folder = IdentityFolder(mesh.folder / "box")
    await enrol(token_of(issuer), folder, clock=SystemClock())
    at = (issuer.folder / "authority" / "enrol").read_text()
    NodeMemory(folder.path).remember_hub(HubContact(at))
    mesh.clocks["box"] = ShiftedClock(days * DAY_S)

    box = await mesh.start("box", seeds=issuer.addresses)
    await until(issuer, lambda: states(issuer).get("box") == "online")
    await until(box, lambda: states(box).get("issuer") == "online")
    assert abs(box.wall() - time.time()) < DAY_S / 24


async def test_a_box_whose_clock_is_years_ahead_links_with_others_while_the_issuer_is_away(
    mesh: Mesh,
) -> None:
    mesh.certify("other")
    other = await mesh.start("other")
    mesh.certify("box")
    mesh.clocks["box"] = ShiftedClock(3650 * DAY_S)
    box = await mesh.start("box", seeds=other.addresses)
    await until(other, lambda: box.node_id in other.alive())
    await until(box, lambda: other.node_id in box.alive())
