from __future__ import annotations

import os
import tarfile
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from edge_packaging.build import main, pack
from edge_packaging.manifest import check_files, digest

if TYPE_CHECKING:
    from pathlib import Path


def tree(folder: Path) -> Path:
    (folder / "inside").mkdir(parents=True)
    (folder / "cantor").write_text("program")
    (folder / "cantor").chmod(0o755)
    (folder / "inside" / "data").write_text("data")
    (folder / "inside" / "link").symlink_to("data")
    return folder


def test_equal_folders_make_equal_archives(tmp_path: Path) -> None:
    archives = []
    for number, age_s in enumerate((0, 1_000_000)):
        folder = tree(tmp_path / str(number) / "agent")
        os.utime(folder / "cantor", (age_s, age_s))
        archives.append(tmp_path / f"{number}.tar.gz")
        pack(folder, archives[-1])

    assert digest(archives[0]) == digest(archives[1])


def test_an_archive_keeps_programs_and_links_and_names_nobody(tmp_path: Path) -> None:
    pack(tree(tmp_path / "agent"), tmp_path / "agent.tar.gz")

    with tarfile.open(tmp_path / "agent.tar.gz") as tar:
        entries = {entry.name: entry for entry in tar}
    assert entries["agent/cantor"].mode == 0o755
    assert entries["agent/inside/data"].mode == 0o644
    assert entries["agent/inside/link"].linkname == "data"
    assert {(entry.uid, entry.uname) for entry in entries.values()} == {(0, "")}


def test_an_unknown_build_is_one_line_and_an_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["whole"]) == 2
    assert capsys.readouterr().err.startswith("package: no such build")


def test_a_folder_without_a_manifest_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no manifest"):
        check_files(tree(tmp_path / "agent"))
