from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import EnrolmentError, IdentityError, UnavailableError
from cantor.identity.authority import Authority
from cantor.identity.certificates import public_key_spki
from cantor.identity.client import EnrolmentPendingError, enrol
from cantor.identity.enrolment import Issue, Refuse, TokenRecord, redeem
from cantor.identity.keys import check_request
from cantor.identity.reply import EnrolmentReply, sign_reply
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken, hash_secret, new_secret

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


class FixedClock:
    def __init__(self, wall_s: float = NOW.timestamp()) -> None:
        self.wall_s = wall_s

    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return self.wall_s


@dataclass
class Hub:
    """A hub in memory that follows the rules of redemption."""

    authority: Authority
    secret: str = field(default_factory=new_secret)
    lost_replies: int = 0
    requests: list[Mapping[str, object]] = field(default_factory=list)
    issued: dict[bytes, object] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.record = TokenRecord(hash_secret(self.secret), NOW.timestamp() + 3600)

    @property
    def token(self) -> EnrolmentToken:
        return EnrolmentToken("hub.test:8443", self.authority.root_pin, self.secret)

    async def post(
        self, url: str, body: Mapping[str, object], root_pin: str
    ) -> tuple[int, dict[str, object]]:
        assert (url, root_pin) == ("https://hub.test:8443/enrol", self.authority.root_pin)
        self.requests.append(body)
        csr = str(body["csr"]).encode()
        spki = public_key_spki(check_request(csr))
        known = hash_secret(str(body["secret"])) == self.record.secret_hash
        decision = redeem(self.record if known else None, spki, NOW.timestamp())
        if isinstance(decision, Issue | Refuse) and decision.record is not None:
            self.record = decision.record
        if isinstance(decision, Refuse):
            return decision.reason.status, {"detail": decision.reason.detail}
        chain = self.authority.issue(csr, now=NOW)
        if self.lost_replies:
            self.lost_replies -= 1
            raise UnavailableError("the connection broke")
        return 200, sign_reply(
            self.authority,
            chain,
            nonce=str(body["nonce"]),
            time_s=NOW.timestamp(),
            name="box-1",
            seeds=["10.0.0.7:7447"],
        )


@pytest.fixture
def hub(authority: Authority) -> Hub:
    return Hub(authority)


async def test_a_box_with_a_token_becomes_a_node(hub: Hub, tmp_path: Path) -> None:
    folder = IdentityFolder(tmp_path / "box")
    replies: list[EnrolmentReply] = []
    identity = await enrol(
        hub.token, folder, clock=FixedClock(), post=hub.post, on_reply=replies.append,
        facts={"hostname": "box"},
    )  # fmt: skip
    assert (identity.tenant, identity.mesh) == ("acme", "mesh.test")
    assert (replies[0].name, replies[0].seeds) == ("box-1", ("10.0.0.7:7447",))
    assert hub.requests[0]["facts"] == {"hostname": "box"}
    assert folder.token is None
    again = await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    assert (again, len(hub.requests)) == (identity, 1)


async def test_a_lost_reply_costs_nothing(hub: Hub, tmp_path: Path) -> None:
    hub.lost_replies = 2
    names = set()
    for _ in range(2):
        with pytest.raises(UnavailableError):
            await enrol(hub.token, IdentityFolder(tmp_path), clock=FixedClock(), post=hub.post)
        names.add(IdentityFolder(tmp_path).node_id)
        assert IdentityFolder(tmp_path).token == hub.token
    identity = await enrol(hub.token, IdentityFolder(tmp_path), clock=FixedClock(), post=hub.post)
    assert names == {identity.node_id}
    assert len({str(request["nonce"]) for request in hub.requests}) == 3
    assert not hub.record.stolen


async def test_a_thief_comes_too_late_and_is_noticed(hub: Hub, tmp_path: Path) -> None:
    await enrol(hub.token, IdentityFolder(tmp_path / "a"), clock=FixedClock(), post=hub.post)
    with pytest.raises(EnrolmentError, match="another box has used"):
        await enrol(hub.token, IdentityFolder(tmp_path / "b"), clock=FixedClock(), post=hub.post)
    assert hub.record.stolen


@pytest.mark.parametrize("wall_s", [60.0, NOW.timestamp() + 10 * 365 * 86400])
async def test_a_box_with_a_wrong_clock_enrols_and_then_knows_the_time(
    hub: Hub, tmp_path: Path, wall_s: float
) -> None:
    folder = IdentityFolder(tmp_path)
    identity = await enrol(hub.token, folder, clock=FixedClock(wall_s), post=hub.post)
    assert NOW.timestamp() <= folder.now(wall_s + 5) < identity.not_after


@pytest.mark.parametrize(
    ("status", "words"),
    [(403, "does not let this node in"), (409, "another box"), (410, "no longer"), (500, "500")],
)
async def test_every_refusal_says_what_it_means(
    hub: Hub, tmp_path: Path, status: int, words: str
) -> None:
    async def refuse(*_: object) -> tuple[int, dict[str, object]]:
        return status, {"detail": "because\x1b[2J" + "x" * 999}

    with pytest.raises(EnrolmentError, match=words) as caught:
        await enrol(hub.token, IdentityFolder(tmp_path), clock=FixedClock(), post=refuse)
    assert "because" in str(caught.value)
    assert "\x1b" not in str(caught.value)
    assert len(str(caught.value)) < 500
    assert hub.secret not in str(caught.value)


@pytest.mark.parametrize(
    ("retry", "wait_s"), [(3, 3.0), (1e9, 3600.0), (-1, 10.0), ("soon", 10.0), (None, 10.0)]
)
async def test_a_node_that_needs_approval_is_told_when_to_ask_again(
    hub: Hub, tmp_path: Path, retry: object, wait_s: float
) -> None:
    async def wait(*_: object) -> tuple[int, dict[str, object]]:
        return 202, {"retry_after_s": retry}

    with pytest.raises(EnrolmentPendingError) as caught:
        await enrol(hub.token, IdentityFolder(tmp_path), clock=FixedClock(), post=wait)
    assert caught.value.retry_after_s == wait_s
    assert IdentityFolder(tmp_path).token == hub.token


async def test_a_certificate_for_another_key_is_not_taken(hub: Hub, tmp_path: Path) -> None:
    other = IdentityFolder(tmp_path / "other").csr_pem().decode()

    async def swap(
        url: str, body: Mapping[str, object], root_pin: str
    ) -> tuple[int, dict[str, object]]:
        return await hub.post(url, {**body, "csr": other}, root_pin)

    folder = IdentityFolder(tmp_path / "box")
    with pytest.raises(EnrolmentError, match="another key"):
        await enrol(hub.token, folder, clock=FixedClock(), post=swap)
    assert not folder.enrolled


async def test_a_box_does_not_join_a_second_mesh(hub: Hub, tmp_path: Path) -> None:
    folder = IdentityFolder(tmp_path)
    await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    other = Hub(Authority.create("other", now=NOW))
    with pytest.raises(EnrolmentError, match="already belongs"):
        await enrol(other.token, folder, clock=FixedClock(), post=other.post)
    assert not other.requests


async def test_a_node_that_was_denied_asks_again_with_the_key_that_it_has(
    hub: Hub, tmp_path: Path
) -> None:
    folder = IdentityFolder(tmp_path)
    first = await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    assert len(hub.requests) == 1
    again = await enrol(hub.token, folder, clock=FixedClock(), post=hub.post, is_again=True)
    assert len(hub.requests) == 2
    assert again.node_id == first.node_id


async def test_a_node_whose_certificate_is_damaged_gets_another_for_its_key(
    hub: Hub, tmp_path: Path
) -> None:
    folder = IdentityFolder(tmp_path)
    first = await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    (tmp_path / "identity.pem").write_bytes(b"")

    with pytest.raises(IdentityError, match=r"identity\.pem: is damaged"):
        await enrol(hub.token, folder, clock=FixedClock(), post=hub.post)
    again = await enrol(hub.token, folder, clock=FixedClock(), post=hub.post, is_again=True)

    assert again == first
