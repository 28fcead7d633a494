"""The scripts of the first boot, run by a real shell in a folder that stands for the box."""

from __future__ import annotations

import io
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.identity.tokens import EnrolmentToken, new_secret
from edge_packaging.first_boot import (
    CMDLINE_WORDS,
    Wish,
    mechanism_files,
    mechanism_of,
    seed_files,
)

if TYPE_CHECKING:
    from pathlib import Path

TOKEN = EnrolmentToken("hub.example:7443", "ab" * 16, new_secret())
PROGRAM = '#!/bin/sh\nfor word in "$@"; do echo "$word"; done >> "$(dirname "$0")/asked"\n'
ACCOUNTS = {"id": "exit 0", "getent": "exit 1", "chown": "exit 0", "systemctl": "exit 0"}


class Box:
    """A folder that stands for a freshly flashed box."""

    def __init__(self, folder: Path, files: dict[str, bytes]) -> None:
        self.root = folder / "root"
        self.boot = folder / "boot"
        for place in ("etc/systemd/system", "usr/local/bin", "opt", "var/lib"):
            (self.root / place).mkdir(parents=True)
        for name, content in files.items():
            path = self.boot / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._moved(content))
        self.tools = folder / "tools"
        self.tools.mkdir()
        for name, what in ACCOUNTS.items():
            (self.tools / name).write_text(f"#!/bin/sh\n{what}\n")
            (self.tools / name).chmod(0o755)

    def run(self, script: Path) -> None:
        subprocess.run(
            ["sh", script], check=True, env={"PATH": f"{self.tools}:/usr/bin:/bin"}, timeout=30
        )

    def _moved(self, content: bytes) -> bytes:
        if not content.startswith(b"#!"):
            return content
        for place in (b"/var/lib", b"/opt", b"/etc/systemd", b"/usr/local"):
            content = content.replace(place, bytes(self.root) + place)
        return content


def agent() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        entry = tarfile.TarInfo("cantor-agent-core-1/cantor")
        entry.size, entry.mode = len(PROGRAM), 0o755
        archive.addfile(entry, io.BytesIO(PROGRAM.encode()))
    return raw.getvalue()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    wish = Wish(TOKEN, "belt-1", {"site": "north"})
    cmdline = mechanism_files("firstrun", b"console=tty1 rootwait\n")
    return Box(tmp_path, {**seed_files(wish, agent(), {}), **cmdline})


def test_the_first_boot_unpacks_the_agent_and_installs_its_unit(box: Box) -> None:
    box.run(box.boot / "cantor/first-boot.sh")

    system = box.root / "etc/systemd/system"
    assert (box.root / "opt/cantor/agent/cantor").read_text() == PROGRAM
    assert "--name belt-1 --label site=north" in (system / "cantor-agent.service").read_text()
    wanted = system / "multi-user.target.wants" / "cantor-agent.service"
    assert wanted.resolve() == system / "cantor-agent.service"


def test_the_token_leaves_the_card_for_a_file_that_only_the_agent_reads(box: Box) -> None:
    box.run(box.boot / "cantor/first-boot.sh")

    kept = box.root / "var/lib/cantor/token"
    assert kept.read_text().strip() == TOKEN.text
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not (box.boot / "cantor/token").exists()


def test_the_kernel_command_line_is_as_before(box: Box) -> None:
    assert set(CMDLINE_WORDS) <= set((box.boot / "cmdline.txt").read_text().split())

    box.run(box.boot / "cantor/first-boot.sh")

    assert (box.boot / "cmdline.txt").read_text() == "console=tty1 rootwait\n"


def test_a_second_run_after_a_power_cut_does_no_harm(box: Box) -> None:
    box.run(box.boot / "cantor/first-boot.sh")
    box.run(box.boot / "cantor/first-boot.sh")

    assert (box.root / "opt/cantor/agent/cantor").exists()
    assert (box.root / "var/lib/cantor/token").exists()


def test_enrolment_uses_the_token_once(box: Box) -> None:
    box.run(box.boot / "cantor/first-boot.sh")

    for _ in range(2):
        box.run(box.root / "opt/cantor/enrol.sh")

    asked = (box.root / "opt/cantor/agent/asked").read_text().split()
    data = str(box.root / "var/lib/cantor")
    assert asked == ["enroll", TOKEN.text, "--data", data, "--name", "belt-1"]
    assert not (box.root / "var/lib/cantor/token").exists()


@pytest.mark.parametrize(
    ("names", "mechanism"),
    [
        (["user-data", "cmdline.txt", "config.txt"], "cloud-init"),
        (["cmdline.txt", "config.txt"], "firstrun"),
        (["EFI"], "unit"),
    ],
)
def test_the_way_in_is_the_one_that_the_image_has(names: list[str], mechanism: str) -> None:
    assert mechanism_of(names) == mechanism


@pytest.mark.parametrize("name", ["a b", "a;b", "-x", "%h", "$(id)", "x" * 64, "a\nb"])
def test_what_could_be_read_as_more_than_a_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigError):
        Wish(TOKEN, name)
    with pytest.raises(ConfigError):
        Wish(TOKEN, labels={"site": name})
