"""What lies on the disk of a node: nothing in clear, and nothing that another node could open."""

from __future__ import annotations

import stat
from dataclasses import replace
from typing import TYPE_CHECKING

import msgpack
import pytest

from cantor.base.errors import CantorError, IdentityError, RemoteProtocolError, UnavailableError
from cantor.base.ids import NodeId
from cantor.identity.sealed_box import seal
from cantor.node.fake import FakeWords
from cantor.node.secrets.records import KIND, Record, SecretKey
from cantor.node.secrets.store import KEYS, RENEW_S, Kept, SealedStore
from cantor.node.secrets.values import seal_about, wrapped

if TYPE_CHECKING:
    from pathlib import Path

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)
MAIL = SecretKey("default", "default", "mail")
VALUE = b"canary-91c5"


class Box:
    """The store of a node whose clock is moved by hand."""

    def __init__(self, folder: Path, node: NodeId = ASH) -> None:
        self.folder = folder / node[:4]
        self.node = node
        self.wall = 1_800_000_000.0
        self.words = FakeWords(node)
        self.open()

    def open(self) -> None:
        self.store = SealedStore(self.folder, self.node, "default", self.words, lambda: self.wall)

    def kept(self, version: int = 1, by: NodeId | None = None) -> Kept:
        record = Record(MAIL, version, "kept", self.wall, "me", by or self.node)
        return Kept(record, FakeWords(record.by).say(KIND, record.content()))

    def files(self) -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in self.folder.iterdir()}


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_it_is_kept_sealed_and_found_again(box: Box) -> None:
    kept = box.kept()
    box.store.put(kept, VALUE)

    box.open()

    assert box.store.load() == ({MAIL: kept}, [])
    assert box.store.value(kept) == VALUE
    assert set(box.files()) == {KEYS, "default=mail"}
    assert not any(VALUE in data for data in box.files().values())
    for path in box.folder.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(box.folder.stat().st_mode) == 0o700
    box.store.erase(MAIL)
    assert set(box.files()) == {KEYS}
    box.store.erase(MAIL)


def test_it_is_sealed_for_another_node_which_alone_can_open_it(box: Box, tmp_path: Path) -> None:
    other, kept = Box(tmp_path, BIRCH), box.kept()
    box.store.put(kept, VALUE)
    sealed = box.store.sealed_for(kept, other.store.public_key(), BIRCH)

    other.store.take(kept, sealed)

    assert other.store.value(kept) == VALUE
    assert VALUE not in sealed
    with pytest.raises(IdentityError, match="does not open"):
        box.store.take(kept, sealed)
    with pytest.raises(IdentityError, match="does not open"):  # it is shown as a later version
        other.store.take(other.kept(version=2, by=ASH), sealed)


def test_what_nobody_has_set_is_not_taken(box: Box, tmp_path: Path) -> None:
    """A node that keeps a copy seals another value than the one that was set."""
    other, kept = Box(tmp_path, BIRCH), box.kept()
    about = seal_about(kept.record, BIRCH)
    good = wrapped(FakeWords(ASH), kept.record, VALUE)
    word, _ = msgpack.unpackb(good)
    planted = [
        wrapped(FakeWords(BIRCH), kept.record, VALUE),
        wrapped(FakeWords(ASH), replace(kept.record, version=7), VALUE),
        msgpack.packb([word, b"planted"]),
        msgpack.packb([word, "text"]),
        msgpack.packb([word]),
        b"\xc1",
        b"",
    ]
    for content in planted:
        sealed = seal(other.store.public_key(), content, about)
        with pytest.raises(RemoteProtocolError, match="not the one that was set"):
            other.store.take(kept, sealed)
    assert set(other.files()) == {KEYS}
    other.store.take(kept, seal(other.store.public_key(), good, about))


def test_an_old_key_is_replaced_and_forgotten(box: Box) -> None:
    kept = box.kept()
    box.store.put(kept, VALUE)
    before, old = box.store.public_key(), msgpack.unpackb(box.files()[KEYS])
    assert not box.store.renew({MAIL: kept})
    box.wall += RENEW_S + 1

    assert box.store.renew({MAIL: kept})

    assert box.store.public_key() != before
    assert old[0][1] not in box.files()[KEYS]
    assert box.store.value(kept) == VALUE
    box.open()
    assert box.store.value(kept) == VALUE


def test_a_renewal_that_was_broken_off_is_gone_on_with(
    box: Box, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept = box.kept()
    box.store.put(kept, VALUE)
    box.wall += RENEW_S + 1
    failures: list[str] = []

    def refuse(*_: object) -> None:
        failures.append("asked")
        raise UnavailableError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(box.store, "_write", refuse)
        with pytest.raises(UnavailableError, match="full"):
            box.store.renew({MAIL: kept})
    assert failures == ["asked"]
    assert len(msgpack.unpackb(box.files()[KEYS])) == 2
    assert box.store.value(kept) == VALUE

    box.open()
    assert box.store.renew({MAIL: kept})

    assert len(msgpack.unpackb(box.files()[KEYS])) == 1
    assert box.store.value(kept) == VALUE


def test_what_is_damaged_is_left_out_and_told(box: Box) -> None:
    kept = box.kept()
    box.store.put(kept, VALUE)
    path = box.folder / "default=mail"
    whole = path.read_bytes()
    for broken in (b"", whole[:40], b"\xc1", msgpack.packb(["text", b""])):
        path.write_bytes(broken)
        found, lost = box.store.load()
        assert found == {}
        assert [text.partition(":")[0] for text in lost] == ["default=mail"]
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    with pytest.raises(CantorError, match="does not open"):
        box.store.value(kept)
    path.unlink()
    with pytest.raises(UnavailableError, match="cannot be kept"):
        box.store.value(kept)


def test_keys_that_others_may_read_are_not_used(box: Box) -> None:
    kept = box.kept()
    box.store.put(kept, VALUE)
    (box.folder / KEYS).chmod(0o640)
    box.open()

    with pytest.raises(IdentityError, match="others may read"):
        box.store.value(kept)
