"""``make escapes-vm``: the attempts on the kernel of Debian 12, in a virtual machine.

    python -m tests.escapes.vm [--kernel FILE]

The machine is QEMU without hardware support, so it runs wherever Debian's ``qemu-system-x86`` and
``busybox-static`` are; its root is in memory and holds this Python, the node's code and the
attempts. They are made there once by root and once by a user. Without ``--kernel`` the one of
Debian's ``linux-image-cloud-amd64`` is fetched by apt and unpacked, and not installed.

Exit codes: 0 all are held, 1 not all or the machine did not come to an end, 2 something is missing.
"""

from __future__ import annotations

import argparse
import gzip
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from tests.escapes.place import ROOT, environment, libraries, make_place
from tests.escapes.run import END, HELD
from tests.escapes.trying import ATTEMPTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

KERNEL = "linux-image-cloud-amd64"
PACKAGES = "apt-get install qemu-system-x86 busybox-static cpio"
MINUTES = 20
MEMORY_MIB = 1536
USER = 1000
PLACE = "/opt/escapes"
PROGRAMS = ("id", "true")
"""Of this machine, for attempts that start one."""
# A root that is the kernel's own first file system cannot be left, as the sandbox does: so it is
# moved into another.
FIRST = """#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /new
$b mount -t tmpfs -o size=75%,mode=755 none /new
for one in bin lib lib64 usr opt etc second; do $b cp -a /$one /new/; done
exec /new/bin/busybox switch_root /new /second
"""
SECOND = """#!/bin/busybox sh
b=/bin/busybox
for one in proc sys dev run tmp var/tmp root; do $b mkdir -p /$one; done
$b chmod 1777 /tmp /var/tmp
$b mount -t proc none /proc
$b mount -t sysfs none /sys
$b mount -t devtmpfs none /dev
$b mkdir -p /dev/shm && $b mount -t tmpfs none /dev/shm && $b chmod 1777 /dev/shm
$b ip link set lo up
cd /
{exports}
$b dmesg -n 1
{command}
{command} --as {user}
$b poweroff -f
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them; the process's exit code."""
    parser = argparse.ArgumentParser(prog="tests.escapes.vm", description=__doc__)
    parser.add_argument("--kernel", type=Path, metavar="FILE", help="a bzImage")
    kernel: Path | None = parser.parse_args(arguments).kernel
    missing = [one for one in ("qemu-system-x86_64", "busybox", "cpio") if not shutil.which(one)]
    if missing:
        sys.stderr.write(f"escapes: there is no {', '.join(missing)}: {PACKAGES}\n")
        return 2
    with tempfile.TemporaryDirectory(prefix="escapes-") as name:
        folder = Path(name)
        try:
            kernel = kernel or _debian_kernel(ROOT / "build" / "escapes")
        except (OSError, subprocess.CalledProcessError) as error:
            sys.stderr.write(f"escapes: no kernel: {error}; give one by --kernel\n")
            return 2
        make_root(folder / "root")
        pack(folder / "root", folder / "root.cpio.gz")
        return judge(_run(kernel, folder / "root.cpio.gz"))


def make_root(root: Path) -> None:
    """All that the machine has."""
    command = make_place(root / PLACE[1:])
    words = " ".join(word.removeprefix(str(root)) for word in command)
    (root / "bin").mkdir()
    shutil.copy(shutil.which("busybox") or "busybox", root / "bin" / "busybox")
    for name in ("sh", "mount"):
        (root / "bin" / name).symlink_to("busybox")
    for folder in ("bin", "lib"):
        (root / "usr" / folder).mkdir(parents=True)
    programs = [Path(found) for name in PROGRAMS if (found := shutil.which(name))]
    for program in programs:
        shutil.copy(program.resolve(), root / "usr" / "bin" / program.name)
    natives = [*(root / PLACE[1:]).rglob("*.so*"), *programs, root / words.split()[0][1:]]
    for library in libraries(natives):
        if not library.is_relative_to(root) and not library.is_relative_to(sys.base_prefix):
            target = root / str(library)[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library.resolve(), target)
    (root / "etc").mkdir(exist_ok=True)
    (root / "etc" / "passwd").write_text(
        f"root:x:0:0::/root:/bin/sh\nuser:x:{USER}:{USER}::/:/bin/sh\n"
    )
    (root / "etc" / "group").write_text(f"root:x:0:\nuser:x:{USER}:\n")
    (root / "etc" / "shadow").write_text("root:*:1::::::\n")
    (root / "etc" / "shadow").chmod(0o600)
    exports = "\n".join(f"export {name}={value}" for name, value in environment(PLACE).items())
    _write_program(root / "init", FIRST)
    _write_program(root / "second", SECOND.format(exports=exports, command=words, user=USER))


def pack(root: Path, archive: Path) -> None:
    """As the kernel unpacks it at its start, owned by root."""
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    done = subprocess.run(
        ["cpio", "--create", "--format=newc", "--owner=0:0", "--quiet"],
        input=names.encode(),
        cwd=root,
        stdout=subprocess.PIPE,
        check=True,
    )
    with gzip.open(archive, "wb", compresslevel=1) as file:
        file.write(done.stdout)


def _write_program(path: Path, text: str) -> None:
    path.write_text(text)
    path.chmod(0o755)


def _debian_kernel(folder: Path) -> Path:
    """Of the newest package; fetched once."""
    known = sorted(folder.glob("boot/vmlinuz-*"))
    if known:
        return known[-1]
    folder.mkdir(parents=True, exist_ok=True)
    asked = ["apt-cache", "depends", "--recurse", "--no-recommends", "--no-suggests", KERNEL]
    told = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    names = (line.split()[-1] for line in told.splitlines())
    name = next(one for one in names if one.startswith("linux-image-") and one != KERNEL)
    subprocess.run(["apt-get", "download", "--quiet", name], cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", str(package), str(folder)], check=True)
    return sorted(folder.glob("boot/vmlinuz-*"))[-1]


def _run(kernel: Path, archive: Path) -> Iterator[str]:
    """What the machine prints, line by line, until it is off."""
    command = [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-smp", "2", "-m", str(MEMORY_MIB), "-nodefaults", "-display", "none", "-no-reboot"),
        *("-serial", "stdio", "-kernel", str(kernel), "-initrd", str(archive)),
        *("-append", "console=ttyS0 quiet panic=-1"),
    ]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        errors="replace",
    ) as machine:
        timer = threading.Timer(MINUTES * 60, machine.kill)
        timer.start()
        try:
            yield from machine.stdout or ()
        finally:
            timer.cancel()
            machine.kill()


def judge(lines: Iterable[str]) -> int:
    """0 if both times all attempts were made and held."""
    ends: list[str] = []
    names = {one.name for one in ATTEMPTS}
    held: dict[str, int] = dict.fromkeys(names, 0)
    for line in lines:
        sys.stdout.write(line)
        sys.stdout.flush()
        name, _, rest = line.partition(" ")
        if name in names and rest.strip().startswith(HELD):
            held[name] += 1
        if line.startswith(END):
            ends.append(line)
    wrong = sorted(name for name, times in held.items() if times != 2)
    if len(ends) != 2 or wrong:
        sys.stderr.write(f"escapes: {len(ends)} of 2 runs came to an end; not held: {wrong}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
