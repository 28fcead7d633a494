from __future__ import annotations

import asyncio
import itertools
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import pytest

from cantor.base.errors import CantorError
from cantor.identity.authority import Authority
from cantor.identity.store import Identity, IdentityFolder
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.plane import DataPlane
from cantor.transport.links import BULK_IDLE_S, Links
from cantor.wire import DataFrame, Kind
from cantor.wire.records import pack

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.transport.connection import Connection
    from cantor.wire.frame import Buffer
    from cantor.wire.records import Record

pytestmark = pytest.mark.integration
WAIT_S = 10.0
T = TypeVar("T")
NUMBERS = itertools.count(1)


class End:
    """One node's links and what it was told about them."""

    def __init__(self, identity: Identity, *, denied: set[NodeId] | None = None) -> None:
        self.identity = identity
        self.up: asyncio.Queue[tuple[PeerIdentity, str, bool]] = asyncio.Queue()
        self.down: asyncio.Queue[tuple[NodeId, str]] = asyncio.Queue()
        self.frames: asyncio.Queue[DataFrame] = asyncio.Queue()
        self.plane = DataPlane(identity.node_id)
        self.links = Links(
            identity,
            self,
            now=lambda: datetime.now(UTC).timestamp(),
            is_denied=lambda peer: peer.node_id in (denied or set()),
        )

    def link_up(self, peer: PeerIdentity, nonce: str, address: str, *, dialled: bool) -> None:
        assert address
        self.plane.link_up(peer.node_id, nonce)
        its = peer.node_id
        routes = RoutesChanged({its: nonce}, {its: (its,)}, frozenset({its}))
        self.plane.routes_changed(routes)
        self.up.put_nowait((peer, nonce, dialled))

    def link_down(self, peer: PeerIdentity, nonce: str, reason: str) -> None:
        assert nonce
        self.plane.link_down(nonce)
        self.down.put_nowait((peer.node_id, reason))

    def bulk_lost(self, nonce: str) -> None:
        self.plane.connection_lost(nonce, "bulk")
        self.pump()

    def records_received(self, nonce: str, records: list[Record]) -> None:
        self.plane.received(nonce, records)
        for frame in self.plane.take_delivered():
            self.frames.put_nowait(frame)
        self.pump()

    def take_bulk_wish(self, nonce: str) -> bool:
        return self.plane.take_bulk_wish(nonce)

    def take(
        self, nonce: str, name: str, channels: tuple[int, ...], room: int, chunk: int
    ) -> list[Buffer]:
        return self.plane.take(nonce, name, channels, room, chunk)

    def send(self, frame: DataFrame) -> bool:
        """Send a frame over the link with its destination."""
        refusal = self.plane.send(frame)
        self.pump()
        return not refusal

    def pump(self) -> None:
        """Let what waits leave."""
        for nonce in self.plane.take_dirty():
            self.links.pump(nonce)


def enrolled(authority: Authority, folder: Path, *, age: timedelta = timedelta(0)) -> Identity:
    box = IdentityFolder(folder)
    return box.install(authority.issue(box.csr_pem(), now=datetime.now(UTC) - age))


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority.create("plant", now=datetime.now(UTC) - timedelta(days=60))


@pytest.fixture
async def pair(authority: Authority, tmp_path: Path) -> AsyncIterator[tuple[End, End, str]]:
    left = End(enrolled(authority, tmp_path / "left"))
    right = End(enrolled(authority, tmp_path / "right"))
    port = await right.links.listen("127.0.0.1", 0)
    yield left, right, f"127.0.0.1:{port}"
    await left.links.close()
    await right.links.close()


async def take(queue: asyncio.Queue[T]) -> T:
    async with asyncio.timeout(WAIT_S):
        return await queue.get()


def frame(source: Identity, destination: Identity, priority: int, body: bytes) -> DataFrame:
    return DataFrame(
        Kind.DATA, source.node_id, destination.node_id, next(NUMBERS), priority, body=(body,)
    )


async def test_a_link_carries_frames_both_ways(pair: tuple[End, End, str]) -> None:
    left, right, address = pair

    await left.links.dial([address], right.identity.node_id)
    at_left, nonce, dialled = await take(left.up)
    at_right, same_nonce, accepted = await take(right.up)
    left.send(frame(left.identity, right.identity, 0, b"there"))
    right.send(frame(right.identity, left.identity, 1, b"back"))

    assert at_left.node_id == right.identity.node_id
    assert at_right.node_id == left.identity.node_id
    assert (nonce, dialled, accepted) == (same_nonce, True, False)
    assert bytes((await take(right.frames)).body[0]) == b"there"
    assert bytes((await take(left.frames)).body[0]) == b"back"


async def test_a_small_frame_is_passed_on_at_once_while_its_connection_has_room(
    pair: tuple[End, End, str],
) -> None:
    left, right, address = pair
    await left.links.dial([address])
    _, nonce, _ = await take(left.up)

    def record(size: int) -> bytes:
        whole = pack(frame(left.identity, right.identity, 1, bytes(size)))
        assert isinstance(whole, bytes)
        return whole

    assert not left.links.pass_on("another", 1, record(1))
    assert not left.links.pass_on(nonce, 2, record(1))
    passed = 0
    while left.links.pass_on(nonce, 1, record(10_000)):
        passed += 1

    for _ in range(passed):
        await take(right.frames)
    assert passed > 1
    assert right.frames.empty()
    assert left.links.pass_on(nonce, 1, record(2))
    assert len((await take(right.frames)).body[0]) == 2


async def test_bulk_frames_of_both_sides_arrive_whole(pair: tuple[End, End, str]) -> None:
    left, right, address = pair
    await left.links.dial([address])
    await take(left.up)
    body = bytes(range(256)) * 8192

    for _ in range(4):
        assert left.send(frame(left.identity, right.identity, 2, body))
        assert bytes((await take(right.frames)).body[0]) == body
        assert right.send(frame(right.identity, left.identity, 2, body))
        assert bytes((await take(left.frames)).body[0]) == body


async def test_closing_a_link_tells_both_ends_why(pair: tuple[End, End, str]) -> None:
    left, right, address = pair
    await left.links.dial([address])
    _, nonce, _ = await take(left.up)
    await take(right.up)

    left.links.close_link(nonce, "a test is over")

    assert await take(left.down) == (right.identity.node_id, "a test is over")
    assert (await take(right.down))[0] == left.identity.node_id
    assert not left.send(frame(left.identity, right.identity, 0, b"late"))


async def test_another_node_at_the_address_is_not_taken_for_the_expected_one(
    pair: tuple[End, End, str],
) -> None:
    left, _, address = pair

    with pytest.raises(CantorError, match="answers there, not"):
        await left.links.dial([address], left.identity.node_id)


async def test_a_node_of_another_mesh_is_refused_by_both(
    pair: tuple[End, End, str], tmp_path: Path
) -> None:
    _, right, address = pair
    stranger = End(
        enrolled(Authority.create("other", now=datetime.now(UTC)), tmp_path / "stranger")
    )

    with pytest.raises(CantorError, match=address):
        await stranger.links.dial([address])

    assert right.up.empty()
    await stranger.links.close()


async def test_an_expired_node_is_refused(
    pair: tuple[End, End, str], authority: Authority, tmp_path: Path
) -> None:
    _, right, address = pair
    late = End(enrolled(authority, tmp_path / "late", age=timedelta(days=40)))

    with pytest.raises(CantorError, match="refused us"):
        await late.links.dial([address])

    assert right.up.empty()
    await late.links.close()


async def test_a_denied_node_is_refused(authority: Authority, tmp_path: Path) -> None:
    banned = End(enrolled(authority, tmp_path / "banned"))
    guard = End(enrolled(authority, tmp_path / "guard"), denied={banned.identity.node_id})
    port = await guard.links.listen("127.0.0.1", 0)

    with pytest.raises(CantorError, match="refused us"):
        await banned.links.dial([f"127.0.0.1:{port}"])

    assert guard.up.empty()
    await banned.links.close()
    await guard.links.close()


async def test_an_address_where_nobody_listens_does_not_hide_one_that_answers(
    pair: tuple[End, End, str],
) -> None:
    left, right, address = pair

    await left.links.dial(["127.0.0.1:1", "nonsense", address])

    assert (await take(left.up))[0].node_id == right.identity.node_id


async def test_a_dial_without_any_answer_names_each_address(pair: tuple[End, End, str]) -> None:
    left, _, _ = pair

    with pytest.raises(CantorError, match=r"127\.0\.0\.1:1: cannot be reached"):
        await left.links.dial(["127.0.0.1:1"])


async def test_bytes_that_are_no_frames_close_the_connection_only(
    pair: tuple[End, End, str],
) -> None:
    left, right, address = pair
    await left.links.dial([address])
    _, nonce, _ = await take(left.up)
    await take(right.up)
    link = left.links._links[nonce]
    assert link.control._tls is not None

    link.control._tls.write(b"\xff" * 64)

    assert (await take(right.down))[0] == left.identity.node_id
    await take(left.down)
    await left.links.dial([address])
    await take(left.up)


async def test_a_dial_under_way_ends_when_the_links_close(pair: tuple[End, End, str]) -> None:
    left, right, address = pair
    verify, closing = left.links._verify, []

    def verify_and_close(connection: Connection) -> PeerIdentity:
        closing.append(asyncio.ensure_future(left.links.close()))
        return verify(connection)

    left.links._verify = verify_and_close  # type: ignore[method-assign]
    with pytest.raises(CantorError, match="stopping"):
        await left.links.dial([address])
    await asyncio.gather(*closing)

    assert left.up.empty()
    await take(right.up)
    await take(right.down)


async def test_who_is_let_in_while_the_links_close_gets_none(pair: tuple[End, End, str]) -> None:
    left, right, address = pair
    accepted, closing = right.links._accepted, []

    def close_and_accept(connection: Connection) -> None:
        closing.append(right.links.close())
        right.links._is_closed = True  # what it does first
        accepted(connection)

    right.links._accepted = close_and_accept  # type: ignore[method-assign]
    with pytest.raises(CantorError, match="refused us"):
        await left.links.dial([address])
    await asyncio.gather(*closing)

    assert right.up.empty()


async def until(holds: Callable[[], bool]) -> None:
    """Let the event loop turn until the condition holds."""
    async with asyncio.timeout(WAIT_S):
        while not holds():
            turned = asyncio.Event()
            asyncio.get_running_loop().call_soon(turned.set)
            await turned.wait()


def has_bulk(end: End, nonce: str) -> bool:
    figures = end.links.figures(nonce)
    return figures is not None and figures.bulk_queued_bytes is not None


def has_other_bulk(end: End, nonce: str, before: object) -> bool:
    return end.links._links[nonce].bulk is not before


async def test_idle_bulk_closes_after_a_minute_and_opens_again_without_losing_a_frame(
    pair: tuple[End, End, str],
) -> None:
    left, right, address = pair
    await left.links.dial([address])
    _, nonce, _ = await take(left.up)
    await take(right.up)

    def there() -> DataFrame:
        return frame(left.identity, right.identity, 2, b"there")

    def back() -> DataFrame:
        return frame(right.identity, left.identity, 2, bytes(2**20))

    for at in (0.0, 1000.0):
        left.send(there())
        await take(right.frames)
        await until(lambda: has_bulk(left, nonce) and has_bulk(right, nonce))
        left.links.rest(at)
        left.links.rest(at + BULK_IDLE_S - 1)
        assert has_bulk(left, nonce)
        left.send(there())
        await take(right.frames)
        left.links.rest(at + BULK_IDLE_S + 10)
        assert has_bulk(left, nonce)

        before = right.links._links[nonce].bulk
        sent = sum(right.send(back()) for _ in range(8))
        left.links.rest(at + 2 * BULK_IDLE_S + 10)
        assert not has_bulk(left, nonce)
        for _ in range(sent):
            assert (await take(left.frames)).body
        await until(partial(has_other_bulk, right, nonce, before))

        assert right.send(back())
        assert (await take(left.frames)).body
        await until(lambda: has_bulk(left, nonce) and has_bulk(right, nonce))
    assert left.down.empty()
    assert right.down.empty()


async def test_only_the_side_that_dialled_lets_bulk_rest(pair: tuple[End, End, str]) -> None:
    left, right, address = pair
    await left.links.dial([address])
    _, nonce, _ = await take(left.up)
    left.send(frame(left.identity, right.identity, 2, b"there"))
    await until(lambda: has_bulk(left, nonce) and has_bulk(right, nonce))
    right.links.rest(0.0)
    right.links.rest(10 * BULK_IDLE_S)
    assert has_bulk(right, nonce)
