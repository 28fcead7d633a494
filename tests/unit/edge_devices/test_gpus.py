"""Graphics processors: NVML's answers, and the render nodes of the kernel."""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, cast

import pytest

from edge_devices.gpus import GpuProvider
from edge_devices.nvml import NvidiaGpu, nvidia_gpus

if TYPE_CHECKING:
    from edge_devices.fake import FakeMachine


class FakeNvml:
    """Answers as ``libnvidia-ml`` does; ``refuses`` names a call that fails with 999."""

    def __init__(self, refuses: str = "") -> None:
        self.refuses = refuses
        self.shut_down = False

    def _status(self, call: str) -> int:
        return 999 if call == self.refuses else 0

    def nvmlInit_v2(self) -> int:  # noqa: N802
        return self._status("init")

    def nvmlShutdown(self) -> int:  # noqa: N802
        self.shut_down = True
        return 0

    def nvmlDeviceGetCount_v2(self, count: object) -> int:  # noqa: N802
        _written(count, ctypes.c_uint).value = 1
        return self._status("count")

    def nvmlSystemGetDriverVersion(  # noqa: N802
        self, text: ctypes.Array[ctypes.c_char], _size: object
    ) -> int:
        text.value = b"570.86"
        return 0

    def nvmlDeviceGetHandleByIndex_v2(self, _at: object, _handle: object) -> int:  # noqa: N802
        return self._status("handle")

    def nvmlDeviceGetUUID(  # noqa: N802
        self, _handle: object, text: ctypes.Array[ctypes.c_char], _size: object
    ) -> int:
        text.value = b"GPU-1234"
        return self._status("uuid")

    def nvmlDeviceGetName(  # noqa: N802
        self, _handle: object, text: ctypes.Array[ctypes.c_char], _size: object
    ) -> int:
        text.value = b"Test GPU"
        return 0

    def nvmlDeviceGetMemoryInfo(self, _handle: object, memory: object) -> int:  # noqa: N802
        _written(memory, ctypes.c_ulonglong).value = 2**30
        return 0


def _written(reference: object, kind: type[ctypes.c_uint | ctypes.c_ulonglong]) -> ctypes.c_uint:
    pointer = ctypes.cast(cast("ctypes.c_void_p", reference), ctypes.POINTER(kind))
    return cast("ctypes.c_uint", pointer.contents)


def scan(library: object) -> list[NvidiaGpu]:
    return nvidia_gpus(lambda _name: cast("ctypes.CDLL", library))


def test_what_nvml_names_is_given() -> None:
    library = FakeNvml()
    assert scan(library) == [NvidiaGpu("GPU-1234", "Test GPU", "570.86", 2**30)]
    assert library.shut_down


@pytest.mark.parametrize("call", ["init", "count", "handle", "uuid"])
def test_a_call_that_fails_means_no_gpu(call: str) -> None:
    library = FakeNvml(refuses=call)
    assert scan(library) == []
    assert library.shut_down == (call != "init")


def test_a_missing_or_foreign_library_means_no_gpu() -> None:
    def missing(name: str) -> ctypes.CDLL:
        raise OSError(name)

    assert nvidia_gpus(missing) == []
    assert scan(object()) == []


def test_an_nvidia_gpu_is_counted_and_named(machine: FakeMachine) -> None:
    nvidia = [NvidiaGpu("GPU-1", "H200", "570", 2**37)]
    (device,) = GpuProvider(machine.sys, machine.dev, lambda: nvidia).scan()
    given = {(r.name, r.kind, r.value) for r in device.provides}
    assert ("GPU", "quantity", 1) in given
    assert ("GPUMemory", "quantity", 2**37) in given
    assert ("GPUName", "condition", "H200") in given


def test_a_render_node_is_a_condition_named_by_its_slot(machine: FakeMachine) -> None:
    card = machine.sys / "devices/pci0000:00/0000:00:02.0"
    machine.write(card / "vendor", "0x8086\n")
    machine.node("drm", "renderD128", card)
    machine.node("drm", "card0", card)
    provider = GpuProvider(machine.sys, machine.dev, list)
    assert provider.scan() == []
    machine.write(machine.dev / "dri" / "renderD128", "")
    (device,) = provider.scan()
    assert device.id == "dri-pci0000:00-0000:00:02.0"
    assert device.attributes == {"vendor": "0x8086"}
    assert [(r.name, r.kind) for r in device.provides] == [("RenderNode", "condition")]
