from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import IdentityError
from cantor.identity.files import make_private_folder, read_private, write_durably

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_is_replaced_whole_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    for content in (b"first", b"second, longer", b""):
        write_durably(tmp_path / "secret", content)
        assert read_private(tmp_path / "secret") == content
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_a_write_that_fails_leaves_no_draft_behind(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_durably(tmp_path / "taken", b"secret")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_a_private_folder_is_closed_to_others(tmp_path: Path) -> None:
    make_private_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").stat().st_mode & 0o077 == 0


def test_a_missing_secret_is_named(tmp_path: Path) -> None:
    with pytest.raises(IdentityError, match="nowhere"):
        read_private(tmp_path / "nowhere")
