"""NVIDIA's processors, by a library that speaks as theirs does."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from cantor.node.metrics import gpus
from cantor.node.metrics.gpus import Gpus

if TYPE_CHECKING:
    from pathlib import Path

# The names and shapes of nvml.h; the second processor says less than the first.
LIBRARY = """
typedef struct { unsigned gpu, memory; } used_t;
typedef struct { unsigned long long total, free, used; } memory_t;
static int one, two;
int nvmlInit_v2(void) { return 0; }
int nvmlDeviceGetCount_v2(unsigned *count) { *count = 3; return 0; }
int nvmlDeviceGetHandleByIndex_v2(unsigned number, void **handle)
{ *handle = number ? &two : &one; return number > 1 ? 2 : 0; }
int nvmlDeviceGetUtilizationRates(void *handle, used_t *used)
{ if (handle == &two) return 3; used->gpu = 37; used->memory = 5; return 0; }
int nvmlDeviceGetMemoryInfo(void *handle, memory_t *memory)
{ (void)handle; memory->total = 1ULL << 34; memory->free = 1; memory->used = 5ULL << 30; return 0; }
int nvmlDeviceGetTemperature(void *handle, int sensor, unsigned *celsius)
{ (void)handle; *celsius = 40 + (unsigned)sensor; return 0; }
int nvmlDeviceGetPowerUsage(void *handle, unsigned *milliwatts)
{ if (handle == &two) return 3; *milliwatts = 71500; return 0; }
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "driver" / "nvidia").mkdir(parents=True)
    (tmp_path / "driver" / "nvidia" / "version").write_text("NVRM\n")
    (tmp_path / "nvml.c").write_text(LIBRARY)
    built = tmp_path / "libnvml.so"
    subprocess.run(["gcc", "-shared", "-fPIC", tmp_path / "nvml.c", "-o", built], check=True)
    monkeypatch.setattr(gpus, "LIBRARY", str(built))
    return tmp_path


def test_every_processor_tells_what_it_can(root: Path) -> None:
    reader = Gpus(root, root / "sys")
    for _ in range(2):
        found = {series.text.removeprefix("cantor_gpu_"): value
                 for series, value in reader.read().items()}  # fmt: skip
        assert found == {
            'used_ratio{gpu="0"}': 0.37,
            'memory_used_bytes{gpu="0"}': 5 * 2**30,
            'memory_total_bytes{gpu="0"}': 2**34,
            'temperature_celsius{gpu="0"}': 40,
            'power_watts{gpu="0"}': 71.5,
            'memory_used_bytes{gpu="1"}': 5 * 2**30,
            'memory_total_bytes{gpu="1"}': 2**34,
            'temperature_celsius{gpu="1"}': 40,
        }


@pytest.mark.parametrize("library", ["nothing.so", "libc.so.6"])
def test_a_library_that_is_none_is_tried_once(
    root: Path, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    monkeypatch.setattr(gpus, "LIBRARY", library)
    reader = Gpus(root, root / "sys")

    assert reader.read() == {}
    monkeypatch.setattr(gpus, "LIBRARY", "never opened")
    assert reader.read() == {}


def test_without_the_driver_nothing_is_opened(tmp_path: Path) -> None:
    assert Gpus(tmp_path, tmp_path / "sys").read() == {}
