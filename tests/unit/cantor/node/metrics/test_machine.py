"""What a machine does, read from trees like /proc and /sys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.node.metrics.gpus import Gpus
from cantor.node.metrics.machine import Machine

if TYPE_CHECKING:
    from pathlib import Path

PROC = {
    "stat": "cpu  {user} 0 50 {idle} 100 0 0 0 0 0\ncpu0 1 2 3\n",
    "loadavg": "0.50 0.40 0.30 1/200 999\n",
    "uptime": "1234.56 2000.00\n",
    "meminfo": "MemTotal:  4000 kB\nMemFree: 1 kB\nMemAvailable: 3000 kB\n"
    "SwapTotal: 100 kB\nSwapFree: 40 kB\nHugePages_Total:       0\n",
    "diskstats": " 259 0 nvme0n1 10 0 200 5 20 0 400 5 0 0 0 0 0\n"
    " 259 1 nvme0n1p1 10 0 200 5 20 0 400 5 0\n 7 0 loop0 1 0 2 0 1 0 2 0 0\n"
    " 8 0 sda 1 0 2 0 1 0 4 0 0\n 8 1 sda1 1 0 2 0 1 0 4 0 0\n",
    "net/dev": "Inter-|\n face |\n    lo: 9 0 0 0 0 0 0 0 9 0\n  eth0: 500 1 0 0 0 0 0 0 700 2\n"
    "docker0: 1 0 0 0 0 0 0 0 1 0\n",
    "self/statm": "1000 250 0 0 0 0 0\n",
    "self/stat": "1 (a (b) c) S 1 1 1 0 -1 0 0 0 0 0 150 50 0 0 20 0\n",
}


def write(root: Path, files: dict[str, str]) -> None:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def proc_at(root: Path, user: int, idle: int) -> None:
    stat = PROC["stat"].format(user=user, idle=idle)
    write(root / "proc", {**PROC, "stat": stat})


@pytest.fixture
def root(tmp_path: Path) -> Path:
    proc_at(tmp_path, 100, 1000)
    return tmp_path


def read(machine: Machine) -> dict[str, float]:
    return {series.text.removeprefix("cantor_"): value for series, value in machine.read().items()}


def test_a_machine_as_linux_tells_of_it(root: Path) -> None:
    found = read(Machine(root, root / "proc", root / "sys"))

    assert found["memory_total_bytes"] == 4000 * 1024
    assert found["memory_used_bytes"] == 1000 * 1024
    assert found["swap_used_bytes"] == 60 * 1024
    assert found['disk_read_bytes{disk="nvme0n1"}'] == 200 * 512
    assert found['disk_written_bytes{disk="sda"}'] == 4 * 512
    assert {name for name in found if "disk=" in name and "read" in name} == {
        'disk_read_bytes{disk="nvme0n1"}', 'disk_read_bytes{disk="sda"}',
    }  # fmt: skip
    assert {name: value for name, value in found.items() if name.startswith("network")} == {
        'network_received_bytes{interface="eth0"}': 500,
        'network_sent_bytes{interface="eth0"}': 700,
    }
    assert (found["load1"], found["uptime_seconds"]) == (0.5, 1234)
    assert found['disk_total_bytes{place="data"}'] >= found['disk_used_bytes{place="data"}'] > 0
    assert found["agent_cpu_seconds"] == pytest.approx(2.0)


def test_the_share_of_time_is_that_since_the_last_look(root: Path) -> None:
    machine = Machine(root, root / "proc", root / "sys")
    machine.read()
    proc_at(root, 130, 1070)

    assert read(machine)["cpu_used_ratio"] == 0.3
    assert read(machine)["cpu_used_ratio"] == 0.3, "no time has passed"
    proc_at(root, 130, 1170)
    assert read(machine)["cpu_used_ratio"] == 0


def test_sensors_have_names_of_their_own(root: Path) -> None:
    write(root / "sys", {
        "class/thermal/thermal_zone0/type": "cpu-thermal\n",
        "class/thermal/thermal_zone0/temp": "45123\n",
        "class/hwmon/hwmon0/name": "nvme\n",
        "class/hwmon/hwmon0/temp1_input": "38850\n",
        "class/hwmon/hwmon1/name": "nvme\n",
        "class/hwmon/hwmon1/temp1_input": "39000\n",
        "class/hwmon/hwmon1/temp2_input": "-127000\n",
        "class/hwmon/hwmon2/name": "coretemp\n",
        "class/hwmon/hwmon2/temp1_input": "51000\n",
        "class/hwmon/hwmon2/temp1_label": "Core 0\n",
    })  # fmt: skip

    found = read(Machine(root, root / "proc", root / "sys"))

    assert {name: value for name, value in found.items() if "temperature" in name} == {
        'temperature_celsius{sensor="cpu-thermal"}': 45.12,
        'temperature_celsius{sensor="nvme"}': 38.85,
        'temperature_celsius{sensor="nvme #2"}': 39.0,
        'temperature_celsius{sensor="coretemp Core 0"}': 51.0,
    }


def test_what_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    write(tmp_path / "proc", {"stat": "", "meminfo": "MemTotal: many kB", "diskstats": "x\n"})

    found = read(Machine(tmp_path / "none", tmp_path / "proc", tmp_path / "sys"))

    assert set(found) == {'disk_total_bytes{place="root"}', 'disk_used_bytes{place="root"}'}


def test_graphics_processors_of_the_system_tree(root: Path) -> None:
    write(root / "sys", {
        "class/drm/card0/device/gpu_busy_percent": "42\n",
        "devices/platform/bus/gpu.0/load": "123\n",
    })  # fmt: skip
    write(root / "sys", {"devices/platform/host1x/gpu.0/load": "not now\n"})

    found = Gpus(root / "proc", root / "sys").read()

    assert {series.text: value for series, value in found.items()} == {
        'cantor_gpu_used_ratio{gpu="0"}': 0.42,
        'cantor_gpu_used_ratio{gpu="1"}': 0.123,
    }


def test_a_driver_without_its_library_is_no_error(root: Path) -> None:
    write(root / "proc", {"driver/nvidia/version": "NVRM\n"})
    gpus = Gpus(root / "proc", root / "sys")
    if gpus.read():
        pytest.skip("this machine has one")

    assert gpus.read() == {}
