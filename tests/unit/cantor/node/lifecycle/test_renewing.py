"""A node that renews goes on asking, whatever its disk or an issuer does."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.identity import life_plan
from cantor.identity.authority import Authority
from cantor.identity.statements import StatementReader
from cantor.identity.store import IdentityFolder
from cantor.node.fake import FakeMesh
from cantor.node.lifecycle import renewing
from cantor.node.lifecycle.renewing import TOPIC, Renewing
from cantor.node.services import Message, Reply

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

ISSUER = NodeId("b" * 32)
WAIT_S = 10.0


class Asking:
    """A node that renews, and how often it has asked; ``back`` lets an issuer come."""

    def __init__(self, folder: Path, answer: bytes | OSError, *, is_issuer: bool) -> None:
        authority = Authority.create("mesh.test", "acme", now=dt.datetime.now(dt.UTC))
        identity = IdentityFolder(folder)
        identity.install(authority.issue(identity.csr_pem(), now=dt.datetime.now(dt.UTC)))
        mesh = FakeMesh()
        self.issuers: frozenset[NodeId] = frozenset()
        self.asked = 0
        self._answer = answer
        mesh.add(ISSUER, folder).answer(TOPIC, self._by_mesh)
        self.renewing = Renewing(
            mesh.add(identity.node_id, folder),
            identity,
            StatementReader("mesh.test", authority.root_pem),
            issuers=lambda: self.issuers,
            own_issue=self._by_itself if is_issuer else None,
            https_at="",
            renewed=lambda _: None,
            learnt=lambda _: None,
            followed=lambda _: None,
        )

    def back(self) -> None:
        self.issuers = frozenset()
        self.renewing.look()
        self.issuers = frozenset({ISSUER})
        self.renewing.look()

    def _by_mesh(self, _: Message) -> Reply:
        self.asked += 1
        assert isinstance(self._answer, bytes)
        return Reply({"status": 200}, (self._answer,))

    async def _by_itself(self, _: bytes) -> tuple[int, Mapping[str, object]]:
        self.asked += 1
        assert isinstance(self._answer, OSError)
        raise self._answer


@pytest.mark.parametrize(
    ("answer", "is_issuer"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), True),
        (b"[" * 200_000, False),
        (b"[]", False),
        (b"\xff", False),
    ],
)
async def test_a_node_asks_again_after_what_nobody_could_foresee(
    tmp_path: Path, answer: bytes | OSError, is_issuer: bool
) -> None:
    asking = Asking(tmp_path, answer, is_issuer=is_issuer)
    asking.renewing.start()

    async with asyncio.timeout(WAIT_S):
        while asking.asked < 3:
            asking.back()
            await asyncio.sleep(0)
    await asking.renewing.close()


async def test_a_root_that_is_heard_of_during_a_question_is_followed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(life_plan, "FOLLOW_WITHIN_S", 0.0)
    monkeypatch.setattr(renewing, "LOOK_EVERY_S", 2 * WAIT_S)
    asking = Asking(tmp_path, b"", is_issuer=False)
    asked, has_asked_again = [], asyncio.Event()

    async def ask(*, wants_certificate: bool) -> None:
        asked.append(wants_certificate)
        if not wants_certificate:
            asking.renewing.follow()
            await asyncio.sleep(0)
        else:
            has_asked_again.set()

    monkeypatch.setattr(asking.renewing, "_ask", ask)
    asking.renewing.start()
    async with asyncio.timeout(WAIT_S):
        await has_asked_again.wait()
    await asking.renewing.close()
    assert asked[:2] == [False, True]
