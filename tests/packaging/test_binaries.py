"""The binaries in ``dist/``, where ``make package`` has made some: what they say, do and weigh."""

from __future__ import annotations

import asyncio
import json
import os
import re
import select
import subprocess
import sys
import tarfile
import time
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.packaging.conftest import ROOT, TIMEOUT_S, folder_of, said
from tests.unit.cantor.bundles.made_wheels import make_wheel

from cantor.bundles.loading import use_wheels
from cantor.bundles.wheels import unpack
from cantor.node.control import ask
from cantor.tasks.executor import Executor
from cantor.workers import processes
from edge_packaging.elf import glibc_needed
from edge_packaging.manifest import MANIFEST_FILE, check_files, digest

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.integration
IDLE_PSS_BYTES_MAX = 50_000_000
START_S_MAX = 3.0
LOOPBACK = ("--listen", "127.0.0.1:0", "--interface", "127.0.0.1")


def manifest_of(folder: Path) -> dict[str, Any]:
    return cast("dict[str, Any]", json.loads((folder / MANIFEST_FILE).read_text()))


@contextmanager
def running(*command: str | Path, stop_s: float = 10.0) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        list(map(str, command)),
        stdout=subprocess.PIPE,
        bufsize=0,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(stop_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout:
            process.stdout.close()


def printed(process: subprocess.Popen[bytes], pattern: str) -> str:
    assert process.stdout
    text, deadline_s = "", time.monotonic() + TIMEOUT_S
    while (found := re.search(pattern, text)) is None:
        ready, _, _ = select.select([process.stdout], [], [], deadline_s - time.monotonic())
        piece = os.read(process.stdout.fileno(), 65536) if ready else b""
        assert piece, f"no {pattern!r} in {text!r}"
        text += piece.decode()
    return found[1]


def test_help_shows_the_verbs_of_the_manifest(folder: Path) -> None:
    shown = re.findall(r"^    ([a-z]+)(?: |$)", said(folder, "--help"), re.MULTILINE)

    assert sorted(shown) == manifest_of(folder)["verbs"]


def test_a_verb_of_another_build_says_where_it_is(folder: Path) -> None:
    for verb, build in manifest_of(folder)["left_out"].items():
        done = subprocess.run([folder / "cantor", verb], capture_output=True, text=True)

        assert done.returncode == 2
        assert f"'{verb}' is not in this build" in done.stderr
        assert build in done.stderr


def test_every_file_is_as_the_manifest_says(folder: Path) -> None:
    assert check_files(folder) == []


def test_the_archive_holds_the_folder_and_matches_its_digest(folder: Path) -> None:
    archive = folder.with_name(f"{folder.name}.tar.gz")
    wanted = archive.with_name(f"{archive.name}.sha256").read_text().split()

    assert wanted == [digest(archive), archive.name]
    with tarfile.open(archive) as tar:
        names = {entry.name for entry in tar if not entry.isdir()}
    said_files = {f"{folder.name}/{file['path']}" for file in manifest_of(folder)["files"]}
    assert names == said_files | {f"{folder.name}/{MANIFEST_FILE}"}


def test_no_library_is_gpl_and_each_has_a_licence(folder: Path) -> None:
    libraries = manifest_of(folder)["libraries"]
    gcc = "GPL-3.0-or-later WITH GCC-exception-3.1"

    assert len(libraries) > 10
    for library in libraries:
        assert library["licence"], library
        assert not re.search(r"\bA?GPL-", library["licence"].replace(gcc, "")), library


def test_ffmpeg_says_itself_that_it_is_lgpl() -> None:
    found = sorted(folder_of("vision").rglob("libavutil*.so*"))
    ask_it = (
        "import ctypes, sys; lib = ctypes.CDLL(sys.argv[1]); "
        "lib.avutil_license.restype = ctypes.c_char_p; print(lib.avutil_license().decode())"
    )

    for library in found:
        done = subprocess.run(
            [sys.executable, "-c", ask_it, library], capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("LGPL"), done.stdout


def test_no_file_needs_a_newer_c_library_than_the_manifest_says(folder: Path) -> None:
    wanted = tuple(map(int, manifest_of(folder)["glibc"].split(".")))
    needs = [glibc_needed(path) for path in folder.rglob("*.so*") if not path.is_symlink()]

    assert max(needs) <= wanted <= (2, 36)


def test_a_core_binary_finds_the_hardware_of_this_machine(core: Path) -> None:
    kinds = {
        device["kind"] for device in json.loads(said(core, "device", "list", "--json"))["devices"]
    }

    assert {"cpu", "memory"} <= kinds


@pytest.mark.parametrize(
    ("pipeline", "frames"), [("test-pattern.yaml", 100), ("conveyor.yaml", 20)]
)
def test_a_vision_binary_runs_pipelines(pipeline: str, frames: int) -> None:
    file = str(ROOT / "configs" / "pipelines" / pipeline)

    told = said(folder_of("vision"), "pipeline", "run", file, "--frames", str(frames), "--json")

    assert json.loads(told)["filters"]["count"]["frames_in"] == frames


@contextmanager
def hub_with_token(folder: Path) -> Iterator[str]:
    """A hub of this source tree on loopback; an enrolment token of it."""
    python = (sys.executable, "-m", "cantor.cli.main")
    ports = ("--console", "127.0.0.1:0", "--enrol", "127.0.0.1:0")
    with running(*python, "hub", "--data", folder, *ports, *LOOPBACK) as hub:
        enrol = printed(hub, r"enrolment at (?:https://)?(\S+?)[,/]")
        made = subprocess.run(
            [*python, "token", "create", "--data", folder, "--public-enrol", enrol],
            capture_output=True,
            text=True,
            check=True,
        )
        yield made.stdout.strip()


def test_a_binary_enrols_joins_the_mesh_and_stays_small(folder: Path, tmp_path: Path) -> None:
    box = tmp_path / "box"
    with hub_with_token(tmp_path / "hub") as token:
        said(folder, "enroll", token, "--name", "belt", "--data", str(box))
        started_s = time.monotonic()
        with running(folder / "cantor", "agent", "--data", box, *LOOPBACK) as agent:
            printed(agent, r"(listens on)")
            start_s = time.monotonic() - started_s
            until_joined(box)
            pss_bytes = settled_pss(agent.pid)
            loaded = Path(f"/proc/{agent.pid}/maps").read_text()
    figures = {"start_s": round(start_s, 2), "pss_mb": round(pss_bytes / 1e6, 1)}
    report = ROOT / "build" / "package" / f"figures-{manifest_of(folder)['name']}.json"
    report.parent.mkdir(parents=True, exist_ok=True)
    report.write_text(json.dumps(figures) + "\n")
    assert re.search(rf"{folder.name}/_internal/uvloop/loop\S*\.so", loaded)
    assert start_s < START_S_MAX
    assert pss_bytes <= IDLE_PSS_BYTES_MAX


def test_a_vision_binary_starts_itself_as_the_worker_of_a_deployment(tmp_path: Path) -> None:
    folder, box = folder_of("vision"), tmp_path / "box"
    file = str(ROOT / "configs" / "pipelines" / "test-pattern.yaml")
    with hub_with_token(tmp_path / "hub") as token:
        said(folder, "enroll", token, "--name", "belt", "--data", str(box))
        with running(folder / "cantor", "agent", "--data", box, *LOOPBACK) as agent:
            printed(agent, r"(listens on)")
            until_joined(box)
            said(folder, "pipeline", "deploy", file, "--data", str(box))
            states = until_finished(folder, box)

    assert states == ["finished"]


def until_finished(folder: Path, box: Path) -> list[str]:
    """The states of all deployments once none is on its way."""
    deadline_s = time.monotonic() + TIMEOUT_S
    states: list[str] = []
    while time.monotonic() < deadline_s:
        told = json.loads(said(folder, "pipeline", "list", "--json", "--data", str(box)))
        states = [view["state"] for view in told]
        if states and not {"waiting", "starting", "running"} & set(states):
            return states
    return states


def until_joined(box: Path) -> None:
    """Wait until the box's own agent sees another node alive."""
    deadline_s = time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        nodes = cast("list[dict[str, Any]]", asyncio.run(ask(box, "nodes")))
        if len([node for node in nodes if node["state"] == "online"]) >= 2:
            return
        time.sleep(0.05)
    pytest.fail("the box has not joined the mesh")


def settled_pss(pid: int) -> int:
    """The process's share of memory in bytes, once two looks a second apart agree within 1 %."""
    before, deadline_s = 0, time.monotonic() + TIMEOUT_S
    while time.monotonic() < deadline_s:
        time.sleep(1.0)
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
        now = int(re.findall(r"^Pss:\s+(\d+) kB", rollup, re.MULTILINE)[0]) * 1024
        if abs(now - before) <= now // 100:
            return now
        before = now
    pytest.fail("its memory does not settle")


def test_a_binary_runs_functions_that_came_from_elsewhere(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sent_to_a_binary.py").write_text(
        "import sys\ndef where(a):\n    return a + 1, sys.frozen\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(processes, "own_command", lambda: [str(folder / "cantor")])
    wheel = make_wheel(tmp_path, "extra-1-py3-none-any", {"extra.py": "N = 40\n"})
    unpack(wheel, tmp_path / "unpacked")

    def from_a_wheel(place: str) -> int:
        use_wheels([Path(place)])
        import extra  # type: ignore[import-not-found]

        return int(extra.N)

    with Executor(max_workers=1) as executor:
        where = import_module("sent_to_a_binary").where
        assert executor.submit(where, 1).result(TIMEOUT_S) == (2, True)
        assert executor.submit(from_a_wheel, str(tmp_path / "unpacked")).result(TIMEOUT_S) == 40
