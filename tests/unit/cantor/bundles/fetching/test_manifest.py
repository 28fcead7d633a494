"""What tells of a bundle's parts, and what is refused."""

from __future__ import annotations

import hashlib

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cantor.base.errors import BundleError
from cantor.bundles.fetching.manifest import CHUNK_BYTES, Manifest, Part

BIG = [b"x" * CHUNK_BYTES, b"rest"]
MANIFEST = Manifest((Part.of("", [b"code"]), Part.of("big-1-py3-none-any.whl", BIG)))


def test_a_manifest_comes_back_as_it_was() -> None:
    assert Manifest.decode(MANIFEST.data, MANIFEST.id) == MANIFEST


def test_a_part_is_named_by_the_hash_of_all_and_knows_its_chunks() -> None:
    part = MANIFEST.parts[1]

    assert part.id == hashlib.sha256(b"".join(BIG)).hexdigest()
    assert part.size == CHUNK_BYTES + 4
    assert [part.is_chunk(number, BIG[1]) for number in (-1, 0, 1, 2)] == [
        False,
        False,
        True,
        False,
    ]


def test_what_is_longer_than_a_chunk_is_none_and_is_not_hashed() -> None:
    long = b"x" * (CHUNK_BYTES + 1)
    part = Part("x", "0" * 64, len(long), (hashlib.sha256(long).digest(),))

    assert not part.is_chunk(0, long)


def test_a_changed_manifest_is_refused() -> None:
    with pytest.raises(BundleError, match="it was changed"):
        Manifest.decode(MANIFEST.data + b"x", MANIFEST.id)


def decoded(parts: object, version: int = 1) -> Manifest:
    data = msgpack.packb([version, parts])
    return Manifest.decode(data, hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize(
    "part",
    [
        ["../x.whl", bytes(32), 1, bytes(32)],
        ["x", bytes(31), 1, bytes(32)],
        ["x", bytes(32), 1, bytes(64)],
        ["x", bytes(32), CHUNK_BYTES + 1, bytes(32)],
        ["x", bytes(32), -1, b""],
        ["x" * 400, bytes(32), 1, bytes(32)],
        ["x", bytes(32), 2**40, b""],
        ["x", bytes(32)],
    ],
)
def test_a_part_of_another_shape_is_refused(part: list[object]) -> None:
    with pytest.raises(BundleError, match="it cannot be read"):
        decoded([part])


def test_another_format_and_no_parts_are_refused() -> None:
    with pytest.raises(BundleError, match="of format 2"):
        decoded([["", bytes(32), 0, b""]], version=2)
    with pytest.raises(BundleError, match="with 0 parts"):
        decoded([])


@given(st.binary(max_size=200))
def test_any_bytes_give_one_error(data: bytes) -> None:
    with pytest.raises(BundleError):
        Manifest.decode(data, hashlib.sha256(data).hexdigest())
