from __future__ import annotations

from pathlib import Path

from cantor.base.ids import NodeId
from cantor.base.resources import Device
from cantor.node.device_nodes import device_nodes
from cantor.node.fake import FakeMesh
from cantor.scheduling.grants.records import Key, Lease

HERE = NodeId("1" * 32)


def test_only_what_was_granted_and_is_a_device_is_seen(tmp_path: Path) -> None:
    node = FakeMesh().add(HERE, tmp_path)
    link, file = tmp_path / "camera", tmp_path / "file"
    link.symlink_to("/dev/null")
    file.touch()
    paths = {"a": link, "b": Path("/dev/zero"), "c": file, "d": tmp_path / "gone"}
    node.offer("test", [Device(name, "camera", name, str(paths[name])) for name in paths], [])

    def seen(**units: tuple[str, ...]) -> tuple[Path, ...]:
        return device_nodes(node, Lease(Key("run/1", 1), HERE, 1, {}, units))

    assert device_nodes(node, None) == seen() == ()
    assert seen(USBCamera=("a",)) == (Path("/dev/null"),)
    assert seen(USBCamera=("a", "c"), GPU=("b", "d")) == (Path("/dev/null"), Path("/dev/zero"))
