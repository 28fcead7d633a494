"""Judges the machine under the node: disk, cameras, GPU, limits, Python."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.doctor.facts import Finding

if TYPE_CHECKING:
    from cantor.doctor.facts import (
        CameraFacts,
        DiskFacts,
        GpuFacts,
        LimitFacts,
        PythonFacts,
        SandboxFacts,
        State,
    )

FREE_BYTES_MIN = 100 * 1024**2
FREE_BYTES_GOOD = 1024**3
FILES_MIN = 256
FILES_GOOD = 1024
PYTHON_MIN = (3, 11)


def check_disk(facts: DiskFacts) -> Finding:
    """Whether the node can still write down what it must remember."""
    free = f"{facts.free_bytes / 1024**3:.1f} of {facts.total_bytes / 1024**3:.1f} GiB free"
    what = f"{free} for {facts.folder}"
    if facts.free_bytes >= FREE_BYTES_GOOD:
        return Finding("disk", "ok", what)
    state: State = "problem" if facts.free_bytes < FREE_BYTES_MIN else "warning"
    return Finding("disk", state, what, "sudo du -xh --max-depth=3 / | sort -h")


def check_cameras(facts: CameraFacts) -> Finding:
    """Whether this user may open the cameras that are there."""
    if facts.unreadable:
        what = f"{', '.join(facts.unreadable)} may not be read by this user"
        return Finding("cameras", "problem", what, "sudo usermod -aG video $USER")
    what = f"{len(facts.present)} may be read" if facts.present else "none under /dev/video*"
    return Finding("cameras", "ok", what)


def check_gpu(facts: GpuFacts) -> Finding:
    """Whether GPU device and driver library are both here, and may be used."""
    if facts.nvidia_nodes and not facts.nvidia_libraries:
        what = f"{facts.nvidia_nodes[0]} is here, but its library libcuda.so.1 is not"
        return Finding("gpu", "warning", what, "sudo ubuntu-drivers install")
    if facts.nvidia_libraries and not facts.nvidia_nodes:
        what = f"{facts.nvidia_libraries[0]} is here, but no NVIDIA device"
        return Finding("gpu", "warning", what, "sudo modprobe nvidia && sudo nvidia-modprobe -c 0")
    if facts.render_unreadable:
        what = f"{', '.join(facts.render_unreadable)} may not be used by this user"
        return Finding("gpu", "warning", what, "sudo usermod -aG render $USER")
    return Finding("gpu", "ok", "NVIDIA, with its library" if facts.nvidia_nodes else "no NVIDIA")


def check_limit(facts: LimitFacts) -> Finding:
    """Whether the node may open enough files for its links and cameras."""
    what = f"{facts.soft} files may be open at once"
    if facts.soft >= FILES_GOOD:
        return Finding("files", "ok", what)
    good = min(FILES_GOOD, max(facts.hard, facts.soft))
    remedy = (
        f"ulimit -n {good}" if good > facts.soft else f"sudo prlimit --pid $$ --nofile={FILES_GOOD}"
    )
    return Finding("files", "problem" if facts.soft < FILES_MIN else "warning", what, remedy)


def check_python(facts: PythonFacts) -> Finding:
    """Whether the interpreter is new enough."""
    what = f"{'.'.join(str(part) for part in facts.version)} at {facts.path}"
    if facts.version[:2] >= PYTHON_MIN:
        return Finding("python", "ok", what)
    return Finding("python", "problem", what, "sudo apt install python3.11")


def check_sandbox(facts: SandboxFacts) -> Finding:
    """Whether code of other nodes can be closed in; where not, it is refused."""
    if not facts.obstacle:
        landlock = f", with Landlock {facts.landlock}" if facts.landlock else ""
        return Finding("sandbox", "ok", f"{facts.best}{landlock}")
    what = f"{facts.best}, not full: {facts.obstacle}"
    if facts.remedy.startswith("sudo "):
        return Finding("sandbox", "warning", what, facts.remedy)
    return Finding("sandbox", "warning", f"{what}; {facts.remedy}" if facts.remedy else what)
