"""What a process that opens classes has written is read, whatever it has put there."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.push.opener import TOLD_BYTES_MAX, opener_of, read_told

if TYPE_CHECKING:
    from pathlib import Path


def test_it_is_read_once(tmp_path: Path) -> None:
    place = tmp_path / "told"
    place.write_bytes(b"{}" * (TOLD_BYTES_MAX // 2))

    assert len(read_told(place)) == TOLD_BYTES_MAX
    assert not place.exists()


@pytest.mark.parametrize("what", ["nothing", "folder", "link", "pipe", "too much", "endless"])
def test_what_is_no_small_file_is_refused_at_once(tmp_path: Path, what: str) -> None:
    place, secret = tmp_path / "told", tmp_path / "key"
    secret.write_text("secret")
    if what == "folder":
        place.mkdir()
    elif what == "link":
        place.symlink_to(secret)
    elif what == "pipe":
        os.mkfifo(place)
    elif what == "too much":
        place.write_bytes(b"x" * (TOLD_BYTES_MAX + 1))
    elif what == "endless":
        place.touch()
        os.truncate(place, 1 << 40)

    began = time.monotonic()
    with pytest.raises(ConfigError, match="its classes tell"):
        read_told(place)
    assert time.monotonic() - began < 5
    assert secret.read_text() == "secret"


def test_a_node_without_filters_says_so(tmp_path: Path) -> None:
    node = FakeMesh().add(NodeId("a" * 32), tmp_path)
    with pytest.raises(ConfigError, match="runs no filters"):
        opener_of(node)
