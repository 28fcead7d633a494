from __future__ import annotations

import pytest

from cantor.doctor.facts import (
    CameraFacts,
    DiskFacts,
    GpuFacts,
    LimitFacts,
    PythonFacts,
    SandboxFacts,
    State,
)
from cantor.doctor.machine_checks import (
    check_cameras,
    check_disk,
    check_gpu,
    check_limit,
    check_python,
    check_sandbox,
)


@pytest.mark.parametrize(("free_mib", "state"), [(99, "problem"), (500, "warning"), (5000, "ok")])
def test_a_full_disk_is_named(free_mib: int, state: State) -> None:
    finding = check_disk(DiskFacts("/data", free_mib * 1024**2, 10 * 1024**3))
    assert finding.state == state
    assert bool(finding.remedy) == (state != "ok")


def test_cameras_that_may_not_be_read_are_named() -> None:
    assert check_cameras(CameraFacts((), ())).state == "ok"
    assert check_cameras(CameraFacts(("/dev/video0",), ())).state == "ok"
    finding = check_cameras(CameraFacts(("/dev/video0",), ("/dev/video0",)))
    assert (finding.state, finding.remedy) == ("problem", "sudo usermod -aG video $USER")


@pytest.mark.parametrize(
    ("facts", "state", "remedy"),
    [
        (GpuFacts((), (), ()), "ok", ""),
        (GpuFacts(("/dev/nvidia0",), ("/usr/lib/libcuda.so.1",), ()), "ok", ""),
        (GpuFacts(("/dev/nvidia0",), (), ()), "warning", "ubuntu-drivers"),
        (GpuFacts((), ("/usr/lib/libcuda.so.1",), ()), "warning", "modprobe nvidia"),
        (GpuFacts((), (), ("/dev/dri/renderD128",)), "warning", "usermod -aG render"),
    ],
)
def test_a_gpu_that_is_half_there_is_named(facts: GpuFacts, state: State, remedy: str) -> None:
    finding = check_gpu(facts)
    assert finding.state == state
    assert remedy in finding.remedy


@pytest.mark.parametrize(
    ("soft", "hard", "state", "remedy"),
    [
        (1024, 4096, "ok", ""),
        (512, 4096, "warning", "ulimit -n 1024"),
        (64, 64, "problem", "sudo prlimit --pid $$ --nofile=1024"),
    ],
)
def test_a_low_limit_of_files_is_named(soft: int, hard: int, state: State, remedy: str) -> None:
    finding = check_limit(LimitFacts(soft, hard))
    assert (finding.state, finding.remedy) == (state, remedy)


def test_an_old_python_is_named() -> None:
    assert check_python(PythonFacts("/usr/bin/python3", (3, 11, 0))).state == "ok"
    assert check_python(PythonFacts("/usr/bin/python3", (3, 9, 2))).state == "problem"


@pytest.mark.parametrize(
    ("facts", "what", "remedy"),
    [
        (SandboxFacts("full", 5), "full, with Landlock 5", ""),
        (SandboxFacts("full"), "full", ""),
        (SandboxFacts("net", 0, "no", "sudo sysctl x=1"), "net, not full: no", "sudo sysctl x=1"),
        (SandboxFacts("none", 0, "no", "run it so"), "none, not full: no; run it so", ""),
    ],
)
def test_what_keeps_code_of_others_from_being_closed_in(
    facts: SandboxFacts, what: str, remedy: str
) -> None:
    finding = check_sandbox(facts)
    assert (finding.what, finding.remedy) == (what, remedy)
    assert finding.state == ("warning" if facts.obstacle else "ok")
