"""The box itself, and the limits of its container."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from edge_devices.host import HostProvider, System, count_spans

if TYPE_CHECKING:
    from cantor.base.resources import ResourceValue
    from edge_devices.fake import FakeMachine


def values(machine: FakeMachine) -> dict[str, ResourceValue]:
    system = System("linux", "aarch64", "box-7")
    provider = HostProvider(machine.sys, machine.proc, machine.dev, system)
    return {r.name: r.value for device in provider.scan() for r in device.provides}


def test_a_box_says_what_it_has_and_what_it_is(machine: FakeMachine) -> None:
    machine.host()
    found = values(machine)
    disk = found.pop("Disk")
    assert isinstance(disk, int)
    assert disk % 2**26 == 0
    about = {"os": "linux", "arch": "aarch64", "hostname": "box-7"}
    assert found == {"CPU": 4, "Memory": 8 * 2**30, **about}


def test_free_space_that_goes_up_and_down_a_little_changes_nothing(
    machine: FakeMachine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.host()
    provider = HostProvider(machine.sys, machine.proc, machine.dev)

    def told(free_bytes: float) -> ResourceValue:
        space = SimpleNamespace(f_bavail=int(free_bytes), f_frsize=1)
        monkeypatch.setattr(os, "statvfs", lambda _: space)
        found = {r.name: r.value for device in provider.scan() for r in device.provides}
        return found["Disk"]

    first = told(68.01e9)
    assert isinstance(first, int)
    assert 66e9 < first <= 68.01e9
    assert [told(free) for free in (67.9e9, 68.3e9, 67.5e9, 68.0e9)] == [first] * 4
    assert told(60e9) != first
    assert told(1e6) == 0


def test_the_limits_of_a_container_count(machine: FakeMachine) -> None:
    machine.host()
    machine.write(machine.sys / "fs/cgroup/cpu.max", "150000 100000\n")
    machine.write(machine.sys / "fs/cgroup/memory.max", f"{2**30}\n")
    assert (values(machine)["CPU"], values(machine)["Memory"]) == (1.5, 2**30)


def test_no_limit_leaves_the_whole_box(machine: FakeMachine) -> None:
    machine.host()
    machine.write(machine.sys / "fs/cgroup/cpu.max", "max 100000\n")
    machine.write(machine.sys / "fs/cgroup/memory.max", "max\n")
    (machine.sys / "devices/system/cpu/online").unlink()
    assert (values(machine)["CPU"], values(machine)["Memory"]) == (2, 2**33)


@pytest.mark.parametrize(
    ("text", "count"), [("0", 1), ("0-3,8", 5), ("", 0), ("x", 0), ("3-0", 0), ("0-999999", 0)]
)
def test_spans_of_processors_are_counted(text: str, count: int) -> None:
    assert count_spans(text) == count
