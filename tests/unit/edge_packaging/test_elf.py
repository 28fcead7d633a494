from __future__ import annotations

import contextlib
import re
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cantor.base.errors import RemoteProtocolError
from edge_packaging.elf import glibc_needed, is_elf

OBJDUMP = shutil.which("objdump")
PROGRAM = Path(sys.executable).resolve()


def libraries() -> list[Path]:
    stdlib = Path(sysconfig.get_path("stdlib"))
    return [PROGRAM, *sorted(stdlib.glob("lib-dynload/*.so"))[:10]]


@pytest.mark.skipif(OBJDUMP is None, reason="apt-get install -y binutils")
@pytest.mark.parametrize("path", libraries(), ids=lambda path: path.name)
def test_the_version_needed_is_the_one_that_objdump_finds(path: Path) -> None:
    said = subprocess.run([str(OBJDUMP), "-p", path], capture_output=True, text=True).stdout
    needs = said.partition("Version References:")[2]
    versions = [(int(a), int(b)) for a, b in re.findall(r"GLIBC_(\d+)\.(\d+)", needs)]

    assert glibc_needed(path) == max(versions, default=(0, 0))


def test_a_script_is_no_elf_file(tmp_path: Path) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\n")

    assert not is_elf(script)
    with pytest.raises(RemoteProtocolError):
        glibc_needed(script)


@settings(max_examples=50, deadline=None)
@example(at=40, noise=b"\xff" * 8, length=2**20)  # sections beyond any address
@given(at=st.integers(16, 4000), noise=st.binary(min_size=1, max_size=64), length=st.integers(64))
def test_a_damaged_file_is_an_error_and_no_crash(
    tmp_path_factory: pytest.TempPathFactory, at: int, noise: bytes, length: int
) -> None:
    path = tmp_path_factory.mktemp("elf") / "damaged.so"
    content = bytearray(libraries()[1].read_bytes())
    content[at : at + len(noise)] = noise
    path.write_bytes(content[: length % len(content)])
    with contextlib.suppress(RemoteProtocolError):
        glibc_needed(path)
