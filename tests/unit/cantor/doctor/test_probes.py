from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.doctor import probes
from cantor.doctor.examination import examine
from cantor.doctor.probes import Machine
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.workers.sandbox.trial import Trial

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.workers.sandbox.levels import Level

NOW_S = 1_795_500_000.0


class Clock:
    def monotonic(self) -> float:
        return 0.0

    def wall(self) -> float:
        return NOW_S


async def nothing_accepts(host: str, number: int) -> None:
    raise ConnectionRefusedError


def machine(root: Path, *, may_use: bool = True) -> Machine:
    return Machine(
        root=root,
        clock=Clock(),
        may_use=lambda _: may_use,
        connect=nothing_accepts,
        bind=lambda *_: None,
        join=lambda _: None,
        addresses=lambda: ["10.0.0.2"],
        rules=lambda: '{"nftables": []}',
        try_level=Trial,
    )


def enrolled(path: Path) -> IdentityFolder:
    now = datetime.fromtimestamp(NOW_S, UTC)
    folder = IdentityFolder(path)
    folder.install(Authority.create("plant", now=now).issue(folder.csr_pem(), now=now))
    return folder


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


async def test_looking_at_a_box_of_no_mesh_makes_nothing_in_it(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "node"
    facts = await probes.look(folder, "0.0.0.0:7433", None, machine(tmp_path))
    assert not (tmp_path / "data").exists()
    assert not facts.identity.enrolled
    assert facts.disk.total_bytes > 0
    assert [finding.name for finding in examine(facts)].count("identity") == 1


def test_an_enrolled_box_tells_until_when(tmp_path: Path) -> None:
    folder = enrolled(tmp_path)
    facts = probes.identity(tmp_path, machine(tmp_path))
    assert facts.not_after_s == folder.identity.not_after
    assert (facts.error, facts.open_paths) == ("", ())


def test_a_key_that_others_may_read_is_seen(tmp_path: Path) -> None:
    enrolled(tmp_path)
    (tmp_path / "key.pem").chmod(0o640)
    facts = probes.identity(tmp_path, machine(tmp_path))
    assert facts.open_paths == (str(tmp_path / "key.pem"),)


def test_a_lost_key_is_seen_and_not_made_anew(tmp_path: Path) -> None:
    enrolled(tmp_path)
    (tmp_path / "key.pem").unlink()
    assert "missing" in probes.identity(tmp_path, machine(tmp_path)).error
    assert not (tmp_path / "key.pem").exists()


def test_a_damaged_certificate_is_seen(tmp_path: Path) -> None:
    enrolled(tmp_path)
    (tmp_path / "identity.pem").write_bytes(b"\xff garbage")
    assert probes.identity(tmp_path, machine(tmp_path)).error


def test_cameras_and_gpus_are_found_under_the_root(tmp_path: Path) -> None:
    touch(tmp_path / "dev" / "video0")
    touch(tmp_path / "dev" / "nvidia0")
    touch(tmp_path / "dev" / "dri" / "renderD128")
    touch(tmp_path / "usr" / "lib" / "x86_64-linux-gnu" / "libcuda.so.1")
    barred = machine(tmp_path, may_use=False)
    assert len(probes.cameras(barred).unreadable) == 1
    assert probes.cameras(machine(tmp_path)).unreadable == ()
    gpu = probes.gpu(barred)
    assert len(gpu.nvidia_nodes) == len(gpu.nvidia_libraries) == len(gpu.render_unreadable) == 1


@pytest.mark.parametrize(
    ("refused", "best"), [((), "full"), (("full",), "net"), (("full", "net"), "none")]
)
def test_the_most_closed_level_is_found_by_trying(
    tmp_path: Path, refused: tuple[str, ...], best: str
) -> None:
    def tried(level: Level) -> Trial:
        return Trial(level, *(("forbidden", "sudo it") if level in refused else ()))

    facts = probes.sandbox(replace(machine(tmp_path), try_level=tried))

    assert facts.best == best
    assert (facts.obstacle, facts.remedy) == (("forbidden", "sudo it") if refused else ("", ""))
