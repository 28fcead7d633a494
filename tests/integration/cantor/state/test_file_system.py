"""Objects as the files of fsspec, tried by fsspec's own tests of file systems."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem
from fsspec.tests import abstract
from tests.bed.loopback import Boxes

import cantor
from cantor import objects
from cantor.state.file_system import CantorFileSystem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def boxes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boxes]:
    boxes = Boxes(tmp_path_factory.mktemp("boxes"))
    try:
        boxes.start("desk", "--workers", "0")
        boxes.start("wall", "--workers", "1", "--code-run", "tenant")
        boxes.until_known("desk", "wall")
        with cantor.connect(boxes["desk"].folder):
            yield boxes
    finally:
        boxes.close()


class _Fixtures(abstract.AbstractFixtures):  # type: ignore[misc] # it has no types
    @pytest.fixture
    def fs(self, boxes: Boxes) -> CantorFileSystem:
        assert boxes.boxes
        return CantorFileSystem()

    @pytest.fixture
    def local_fs(self) -> LocalFileSystem:
        return LocalFileSystem(auto_mkdir=True)

    @pytest.fixture
    def fs_join(self) -> Callable[..., str]:
        return lambda *parts: "/".join(map(str, parts))

    @pytest.fixture
    def fs_path(self) -> str:
        return "./tried"

    @pytest.fixture
    def supports_empty_directories(self) -> bool:
        return False


class TestCopy(abstract.AbstractCopyTests, _Fixtures):  # type: ignore[misc]
    pass


class TestGet(abstract.AbstractGetTests, _Fixtures):  # type: ignore[misc]
    pass


class TestPut(abstract.AbstractPutTests, _Fixtures):  # type: ignore[misc]
    pass


class TestOpen(abstract.AbstractOpenTests, _Fixtures):  # type: ignore[misc]
    pass


class TestPipe(abstract.AbstractPipeTests, _Fixtures):  # type: ignore[misc]
    pass


@pytest.mark.usefixtures("boxes")
def test_a_url_is_enough() -> None:
    with fsspec.open("cantor://wall/notes/one.txt", "w") as file:
        file.write("one\ntwo\n")
    with fsspec.open("cantor://wall/notes/one.txt", "a") as file:
        file.write("three\n")
    with fsspec.open("cantor://wall/notes/one.txt") as file:
        assert file.read() == b"one\ntwo\nthree\n"
    assert objects.get(objects.find("notes/one.txt", "wall")) == b"one\ntwo\nthree\n"
    files: Any = fsspec.filesystem("cantor")
    assert files.ls("cantor://wall/notes", detail=False) == ["wall/notes/one.txt"]
    assert files.isdir("wall/notes")
    assert files.modified("wall/notes/one.txt").year > 2000

    def breaks() -> None:
        with files.open("wall/notes/broken", "wb") as file:
            file.write(b"half")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()
    assert not files.exists("wall/notes/broken")
    with files.transaction:
        with files.open("wall/notes/later", "wb") as file:
            file.write(b"later")
        assert not files.exists("wall/notes/later")
    assert files.cat("wall/notes/later") == b"later"
    with pytest.raises(FileNotFoundError):
        files.open("wall/notes/none")
    files.rm("wall/notes", recursive=True)
    assert not files.exists("wall/notes")
