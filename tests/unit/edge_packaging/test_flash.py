from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import tarfile
from typing import TYPE_CHECKING

import pytest
from tests.unit.edge_packaging.disks import START, Disk, make_disk, mbr

from cantor.cli.main import build_parser
from cantor.identity.tokens import EnrolmentToken, new_secret
from edge_packaging import cli, first_boot
from edge_packaging.fat import FatVolume

if TYPE_CHECKING:
    from pathlib import Path

MIB = 1 << 20
TOKEN = EnrolmentToken("hub.example:7443", "ab" * 16, new_secret())
DEBUGFS = shutil.which("debugfs", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
MKE2FS = shutil.which("mke2fs", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")
MCOPY = shutil.which("mcopy")
FSCK = shutil.which("fsck.vfat", path=f"{os.environ.get('PATH', '')}:/sbin:/usr/sbin")


def run(*arguments: str) -> int:
    parser = build_parser()
    verbs = next(action for action in parser._actions if action.dest == "==SUPPRESS==")
    if "flash" not in (verbs.choices or {}):
        cli.register(verbs)  # type: ignore[arg-type] # it is the action of the verbs
    options = parser.parse_args(["flash", *arguments])
    return int(options.run(options))


@pytest.fixture
def agent(tmp_path: Path) -> Path:
    path = tmp_path / "agent.tar.gz"
    about = {"name": "core", "version": "1.2.3", "platform": "linux-x86_64"}
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("cantor", b"\x7fELF"), ("manifest.json", json.dumps(about))):
            raw = content.encode() if isinstance(content, str) else content
            entry = tarfile.TarInfo(f"cantor-agent/{name}")
            entry.size = len(raw)
            archive.addfile(entry, io.BytesIO(raw))
    return path


def system(path: Path, *names: str, kind: str = "fat32", table: str = "mbr") -> Disk:
    """An operating system's image with these files on its boot partition."""
    disk = make_disk(path, kind, 40 * MIB if kind == "fat32" else 16 * MIB, table=table)
    with disk.volume() as volume:
        for name in names:
            volume.write(name, b"console=serial0 rootwait\n")
    return disk


def read(image: Path, name: str, start: int = START) -> bytes:
    with image.open("rb") as file:
        return FatVolume(file, start, image.stat().st_size - start).read(name)


@pytest.mark.parametrize("table", ["mbr", "gpt"])
@pytest.mark.parametrize("kind", ["fat16", "fat32"])
def test_an_image_gets_token_agent_and_first_boot(
    tmp_path: Path, agent: Path, kind: str, table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = system(tmp_path / "in.img", "user-data", "meta-data", kind=kind, table=table)
    before = disk.path.read_bytes()
    out = tmp_path / "out.img"
    arguments = ("--token", TOKEN.text, "--agent", str(agent), "--name", "belt-1")

    assert run("image", str(disk.path), "--out", str(out), *arguments, "--label", "site=x") == 0

    assert disk.path.read_bytes() == before
    assert read(out, first_boot.TOKEN_FILE).decode().strip() == TOKEN.text
    assert read(out, first_boot.AGENT_FILE) == agent.read_bytes()
    assert b"--name belt-1 --label site=x" in read(out, first_boot.UNIT_FILE)
    assert read(out, first_boot.VENDOR_FILE).startswith(b"#!/bin/sh")
    assert read(out, "user-data") == b"console=serial0 rootwait\n"
    assert out.stat().st_mode & 0o777 == 0o600
    assert TOKEN.secret not in "".join(capsys.readouterr())


def test_an_older_raspberry_pi_os_starts_it_by_its_command_line(tmp_path: Path) -> None:
    disk = system(tmp_path / "in.img", "cmdline.txt", "config.txt")
    out = tmp_path / "out.img"

    assert run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text) == 0

    words = read(out, "cmdline.txt").decode().split()
    assert words == ["console=serial0", "rootwait", *first_boot.CMDLINE_WORDS]


@pytest.mark.skipif(not (DEBUGFS and MKE2FS), reason="apt-get install -y e2fsprogs")
def test_an_image_with_neither_gets_a_unit_in_its_root(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = system(tmp_path / "in.img", kind="fat16")
    tree = tmp_path / "tree"
    (tree / "etc/systemd/system").mkdir(parents=True)
    root = tmp_path / "root.ext4"
    subprocess.run([str(MKE2FS), "-q", "-t", "ext4", "-d", tree, root, "8M"], check=True)
    first = (START + disk.size) // 512
    with disk.path.open("r+b") as image:
        image.write(mbr((0x0C, 2048, disk.size // 512), (0x83, first, 8 * MIB // 512)))
        image.seek(first * 512)
        image.write(root.read_bytes())
    out = tmp_path / "out.img"

    assert run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text) == 0

    assert f"root:{first_boot.ROOT_UNIT_NAME}" in capsys.readouterr().out
    place = f"{out}?offset={first * 512}"
    link = f"stat {'/etc/systemd/system/multi-user.target.wants'}/{first_boot.ROOT_UNIT_NAME}"
    said = subprocess.run([str(DEBUGFS), "-R", link, place], capture_output=True, text=True)
    assert f'Fast link dest: "../{first_boot.ROOT_UNIT_NAME}"' in said.stdout
    check = shutil.which("e2fsck", path="/sbin:/usr/sbin") or "e2fsck"
    part = tmp_path / "part.ext4"
    part.write_bytes(out.read_bytes()[first * 512 :])
    assert subprocess.run([check, "-fn", part], capture_output=True).returncode == 0


def test_inspect_lists_what_was_put_in_and_hides_the_secret(
    tmp_path: Path, agent: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    disk = system(tmp_path / "in.img", "user-data")
    out = tmp_path / "out.img"
    run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text, "--agent", str(agent))
    capsys.readouterr()

    assert run("inspect", str(out), "--json") == 0

    printed = capsys.readouterr().out
    said = json.loads(printed)
    assert TOKEN.secret not in printed
    assert said["token"] == "cet1_hub.example:7443_…"
    assert said["agent"]["version"] == "1.2.3"
    assert said["starts_by"] == "cloud-init"
    assert first_boot.TOKEN_FILE in said["files"]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "no disk image"),
        (b"hello" * 1000, "no disk image"),
        (b"\xfd7zXZ\x00" + bytes(600), "unxz"),
        (mbr((0x83, 2048, 100)) + bytes(3000 * 512), "no FAT boot partition"),
        (mbr((0xEE, 1, 100)) + b"EFI PART" + bytes(5000), "damaged"),
    ],
)
def test_what_is_no_fitting_image_is_refused(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "in.img").write_bytes(content)

    with pytest.raises(Exception, match=says):
        run("image", str(tmp_path / "in.img"), "--out", str(tmp_path / "o"), "--token", TOKEN.text)

    assert [path.name for path in tmp_path.iterdir()] == ["in.img"]


def test_an_output_that_exists_is_left_alone(tmp_path: Path) -> None:
    disk = system(tmp_path / "in.img", "user-data")
    out = tmp_path / "out.img"
    out.write_bytes(b"mine")

    with pytest.raises(Exception, match="exists already"):
        run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text)

    assert out.read_bytes() == b"mine"


def test_a_mistyped_token_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(Exception, match="mistyped"):
        run("image", "no.img", "--out", str(tmp_path / "out"), "--token", TOKEN.text[:-1] + "x")


def test_an_agent_that_does_not_fit_is_refused_and_nothing_stays(
    tmp_path: Path, agent: Path
) -> None:
    disk = system(tmp_path / "in.img", "user-data", kind="fat16")
    with disk.volume() as volume:
        volume.write("large", bytes(volume.free_bytes - 64 * 1024))

    with pytest.raises(Exception, match="no room"):
        run(
            *("image", str(disk.path), "--out", str(tmp_path / "out.img")),
            *("--token", TOKEN.text, "--agent", str(agent)),
        )

    assert sorted(path.name for path in tmp_path.iterdir()) == ["agent.tar.gz", "in.img"]


def test_names_and_labels_cannot_smuggle_options_into_the_unit(tmp_path: Path) -> None:
    disk = system(tmp_path / "in.img", "user-data")

    for option in (("--name", "a; reboot"), ("--label", "site=%h $(id)"), ("--name", "-x")):
        with pytest.raises((Exception, SystemExit)):
            run(
                *("image", str(disk.path), "--out", str(tmp_path / "out.img")),
                *("--token", TOKEN.text, *option),
            )

    assert not (tmp_path / "out.img").exists()


@pytest.mark.skipif(MCOPY is None, reason="apt-get install -y mtools")
def test_mtools_reads_what_was_written(tmp_path: Path, agent: Path) -> None:
    disk = system(tmp_path / "in.img", "user-data")
    out, back = tmp_path / "out.img", tmp_path / "back.tar.gz"
    run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text, "--agent", str(agent))

    place = f"{out}@@{START}"
    subprocess.run([str(MCOPY), "-i", place, f"::{first_boot.AGENT_FILE}", str(back)], check=True)

    assert back.read_bytes() == agent.read_bytes()


@pytest.mark.skipif(FSCK is None, reason="apt-get install -y dosfstools")
@pytest.mark.parametrize("kind", ["fat16", "fat32"])
def test_fsck_finds_nothing_wrong(tmp_path: Path, agent: Path, kind: str) -> None:
    disk = system(tmp_path / "in.img", "user-data", kind=kind)
    out, part = tmp_path / "out.img", tmp_path / "part.img"
    run("image", str(disk.path), "--out", str(out), "--token", TOKEN.text, "--agent", str(agent))
    part.write_bytes(out.read_bytes()[START : START + disk.size])

    done = subprocess.run([str(FSCK), "-n", "-v", part], capture_output=True, text=True)

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("text", [first_boot.SCRIPT, first_boot.ENROL.format(name=" --name x")])
def test_the_scripts_are_shell(text: str) -> None:
    done = subprocess.run(["sh", "-n"], input=text, text=True, capture_output=True)

    assert (done.returncode, done.stderr) == (0, "")
