from __future__ import annotations

import struct

import pytest

from cantor.workers.sandbox.landlock import rights_of, ruleset_of


@pytest.mark.parametrize(
    ("version", "rights"),
    [(1, 0x1FFF), (2, 0x3FFF), (3, 0x7FFF), (4, 0x7FFF), (5, 0xFFFF), (7, 0xFFFF)],
)
def test_rights_on_files_by_version(version: int, rights: int) -> None:
    assert rights_of(version) == rights


def test_a_ruleset_has_the_fields_that_its_version_knows() -> None:
    assert len(ruleset_of(2, "full")) == 8
    assert struct.unpack("=QQ", ruleset_of(4, "full")) == (0x7FFF, 3)
    assert struct.unpack("=QQQ", ruleset_of(6, "full")) == (0xFFFF, 3, 3)


def test_with_a_network_its_ports_are_free() -> None:
    assert struct.unpack("=QQQ", ruleset_of(6, "net")) == (0xFFFF, 0, 3)


def test_in_a_network_of_its_own_its_ports_are_free_too() -> None:
    assert struct.unpack("=QQQ", ruleset_of(6, "full", has_loopback=True)) == (0xFFFF, 0, 3)
