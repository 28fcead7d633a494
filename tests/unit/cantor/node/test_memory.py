from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.memory import ADDRESSES_PER_PEER_MAX, HubContact, NodeMemory

if TYPE_CHECKING:
    from pathlib import Path

NODE = NodeId("ab" * 16)


def test_each_start_counts_one_epoch(tmp_path: Path) -> None:
    assert [NodeMemory(tmp_path).next_epoch() for _ in range(3)] == [1, 2, 3]


def test_a_damaged_epoch_is_named_and_never_guessed(tmp_path: Path) -> None:
    (tmp_path / "epoch").write_text("twelve")

    with pytest.raises(ConfigError, match="epoch is damaged"):
        NodeMemory(tmp_path).next_epoch()


def test_peers_are_remembered_with_a_bounded_number_of_addresses(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    memory.remember_peers({NODE: [f"10.0.0.{i}:1" for i in range(20)]})
    memory.kept()

    remembered = NodeMemory(tmp_path).peers()

    assert remembered == {NODE: [f"10.0.0.{i}:1" for i in range(ADDRESSES_PER_PEER_MAX)]}
    memory.close()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"x": ["a"]}', '{"' + "ab" * 16 + '": 7}'])
def test_a_damaged_list_of_peers_is_as_good_as_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "peers.json").write_text(content)

    assert NodeMemory(tmp_path).peers() == {}


def test_a_node_keeps_the_name_that_the_hub_gave_it(tmp_path: Path) -> None:
    assert NodeMemory(tmp_path).name() == ""

    NodeMemory(tmp_path).remember_name("北京-1")

    assert NodeMemory(tmp_path).name() == "北京-1"


def test_an_epoch_that_grew_while_running_is_kept(tmp_path: Path) -> None:
    memory = NodeMemory(tmp_path)
    memory.next_epoch()

    memory.keep_epoch(7)
    memory.keep_epoch(3)

    assert NodeMemory(tmp_path).next_epoch() == 8


def test_the_hub_is_remembered_and_a_damaged_note_is_as_good_as_none(tmp_path: Path) -> None:
    assert NodeMemory(tmp_path).hub() == HubContact()
    hub = HubContact("10.77.0.1:8443", ("10.77.0.1:7434",))
    NodeMemory(tmp_path).remember_hub(hub)
    assert NodeMemory(tmp_path).hub() == hub
    for damaged in ("", "[]", '{"enrol": "x"}', '{"enrol": "x", "seeds": 7}'):
        (tmp_path / "hub.json").write_text(damaged)
        assert NodeMemory(tmp_path).hub() == HubContact()
