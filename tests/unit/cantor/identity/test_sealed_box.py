"""What is sealed for one key opens with that key alone, about the same, unchanged."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cantor.base.errors import IdentityError
from cantor.identity.sealed_box import OVERHEAD_BYTES, new_key, open_box, public_of, seal

KEY, OTHER = new_key(), new_key()


@settings(deadline=None)
@given(st.binary(max_size=2000), st.binary(max_size=200))
def test_it_opens_with_its_key_and_holds_nothing_in_clear(content: bytes, about: bytes) -> None:
    box = seal(public_of(KEY), content, about)

    assert open_box(KEY, box, about) == content
    assert len(box) == len(content) + OVERHEAD_BYTES
    assert len(content) < 8 or content not in box
    assert seal(public_of(KEY), content, about) != box


@settings(deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=50), st.data())
def test_whatever_is_changed_it_does_not_open(
    content: bytes, about: bytes, data: st.DataObject
) -> None:
    box = bytearray(seal(public_of(KEY), content, about))
    at = data.draw(st.integers(0, len(box) - 1))
    box[at] ^= data.draw(st.integers(1, 255))

    with pytest.raises(IdentityError):  # also a bit of the key that X25519 does not read
        open_box(KEY, bytes(box), about)


@settings(deadline=None)
@given(st.binary(max_size=200))
def test_bytes_that_are_no_box_are_refused(box: bytes) -> None:
    with pytest.raises(IdentityError):
        open_box(KEY, box, b"")


def test_it_opens_with_no_other_key_and_about_nothing_else() -> None:
    box = seal(public_of(KEY), b"value", b"for birch")

    for key, about in ((OTHER, b"for birch"), (KEY, b"for cedar"), (KEY, b"")):
        with pytest.raises(IdentityError, match="does not open"):
            open_box(key, box, about)


@pytest.mark.parametrize("key", [bytes(32), b"\x01" + bytes(31), b"short", b""])
def test_a_key_that_hides_nothing_is_refused(key: bytes) -> None:
    with pytest.raises(IdentityError):
        seal(key, b"value", b"")


@pytest.mark.parametrize("key", [b"short", b""])
def test_what_is_no_private_key_is_refused(key: bytes) -> None:
    with pytest.raises(IdentityError):
        open_box(key, seal(public_of(KEY), b"", b""), b"")
