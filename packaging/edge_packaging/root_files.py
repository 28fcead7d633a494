"""Files in the ext4 root partition of an image, written by ``debugfs``: no root, no loop device."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, UnavailableError

if TYPE_CHECKING:
    from edge_packaging.partitions import Partition

UNIT_FOLDER = "/etc/systemd/system"
_TIMEOUT_S = 120
_FOLDERS = ("/sbin", "/usr/sbin")


def add_unit(image: Path, root: Partition, name: str, text: str) -> None:
    """Add a systemd unit that the next boot starts.

    Raises:
        UnavailableError: debugfs is not installed.
        ConfigError: the partition takes no files, or has no systemd.
    """
    wants = f"{UNIT_FOLDER}/multi-user.target.wants"
    if "Type: directory" not in _ask(image, root, f"stat {UNIT_FOLDER}"):
        raise ConfigError(
            f"its root partition {root.number} has no {UNIT_FOLDER}",
            where=str(image),
            remedy="use an operating system that systemd starts",
        )
    with tempfile.TemporaryDirectory() as folder:
        unit = Path(folder) / name
        unit.write_text(text, encoding="utf-8")
        orders = (
            f"cd {UNIT_FOLDER}\nwrite {unit} {name}\n"
            f"set_inode_field {name} mode 0100644\n"
            f"set_inode_field {name} uid 0\nset_inode_field {name} gid 0\n"
            f"mkdir {wants}\ncd {wants}\nsymlink {name} ../{name}\n"
        )
        script = Path(folder) / "orders"
        script.write_text(orders, encoding="utf-8")
        _debugfs(image, root, "-w", "-f", str(script))
    if read_unit(image, root, name) != text:
        raise ConfigError(
            f"its root partition {root.number} took no file",
            where=str(image),
            remedy="check it: e2fsck -f says whether it is damaged or full",
        )


def read_unit(image: Path, root: Partition, name: str) -> str:
    """The text of a systemd unit in the root partition; empty if it has none."""
    return _ask(image, root, f"cat {UNIT_FOLDER}/{name}")


def _ask(image: Path, root: Partition, question: str) -> str:
    return _debugfs(image, root, "-R", question)


def _debugfs(image: Path, root: Partition, *options: str) -> str:
    program = shutil.which("debugfs") or next(
        (f"{folder}/debugfs" for folder in _FOLDERS if Path(folder, "debugfs").exists()), None
    )
    if program is None:
        raise UnavailableError(
            "this image needs a file in its ext4 root, and debugfs is not installed",
            remedy="sudo apt-get install -y e2fsprogs",
        )
    place = f"{image}?offset={root.start_bytes}"
    try:
        done = subprocess.run(  # noqa: S603 # a fixed program on a file of ours
            [program, *options, place], capture_output=True, timeout=_TIMEOUT_S, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise ConfigError("debugfs hangs on it; it may be damaged", where=str(image)) from error
    return done.stdout.decode("utf-8", errors="replace")
