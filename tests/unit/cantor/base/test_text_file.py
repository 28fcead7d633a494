"""Text files that people write: read within a bound, or one error that names the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.text_file import KIB, read_text

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_up_to_the_bound_is_read(tmp_path: Path) -> None:
    path = tmp_path / "workers.yaml"
    path.write_bytes("ü".encode() * (KIB // 2))

    assert read_text(path, KIB) == "ü" * (KIB // 2)


def test_a_larger_file_is_refused_and_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "workers.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)

    with pytest.raises(ConfigError, match=r"workers\.yaml: is larger than 256 KiB"):
        read_text(path)


def test_what_cannot_be_read_is_said_with_the_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="none: cannot be read: No such file"):
        read_text(tmp_path / "none")
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        read_text(tmp_path)
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    with pytest.raises(ConfigError, match="latin: cannot be read: it is not UTF-8 text"):
        read_text(tmp_path / "latin")
