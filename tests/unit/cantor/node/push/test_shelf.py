"""Code on the disk: checked before it is unpacked, kept over restarts, bounded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import BundleError, ConfigError, WrongPlatform
from cantor.bundles import tree
from cantor.bundles.fetching.manifest import Manifest, Part
from cantor.bundles.tree import File
from cantor.node.push.shelf import REVISIONS_MAX, Shelf, check_size, manifest_in

if TYPE_CHECKING:
    from pathlib import Path

MAIN = {"main.py": File(b"print('hello')")}


class Shop:
    """Bundles, and a shelf for them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.shelf = Shelf(folder / "counter")

    def bundle(self, files: dict[str, File], **wheels: bytes) -> str:
        blobs = {"": tree.pack(files), **{f"{name}.whl": data for name, data in wheels.items()}}
        bundle = Manifest(tuple(Part.of(name, [data]) for name, data in blobs.items()))
        paths = {}
        for number, (name, data) in enumerate(blobs.items()):
            paths[name] = self.folder / f"{bundle.id} {number}"
            paths[name].write_bytes(data)
        self.shelf.put(bundle, paths)
        return bundle.id


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_what_was_put_there_can_be_run_also_after_a_restart(shop: Shop) -> None:
    bundle = shop.bundle(MAIN)

    for shelf in (shop.shelf, Shelf(shop.folder / "counter")):
        prepared = shelf.prepare(bundle)
        assert (prepared.folder / "main.py").read_text() == "print('hello')"
        assert shelf.has(bundle)


def test_what_was_changed_while_nobody_looked_is_put_right(shop: Shop) -> None:
    bundle = shop.bundle(MAIN)
    (shop.shelf.prepare(bundle).folder / "main.py").write_text("evil")

    prepared = Shelf(shop.folder / "counter").prepare(bundle)

    assert (prepared.folder / "main.py").read_text() == "print('hello')"


@pytest.mark.parametrize("file", ["0", "manifest"])
def test_what_is_damaged_is_never_unpacked(shop: Shop, file: str) -> None:
    bundle = shop.bundle(MAIN)
    path = shop.folder / "counter" / "revisions" / bundle / file
    path.unlink()
    path.write_bytes(tree.pack({"main.py": File(b"evil")}))

    with pytest.raises(BundleError, match="what was kept is damaged"):
        shop.shelf.prepare(bundle)

    assert not shop.shelf.has(bundle)
    assert not (shop.folder / "counter" / "code").exists()


def test_a_wheel_for_other_machines_is_refused(shop: Shop) -> None:
    bundle = shop.bundle(MAIN, **{"big-1-cp39-cp39-win_amd64": b"x"})

    with pytest.raises(WrongPlatform):
        shop.shelf.prepare(bundle)


def test_only_the_newest_are_kept_and_those_that_are_wanted(shop: Shop) -> None:
    ids = [shop.bundle({"main.py": File(str(number).encode())}) for number in range(9)]
    for bundle in ids:
        shop.shelf.prepare(bundle)

    shop.shelf.tidy([ids[0]])

    kept = {path.name for path in (shop.folder / "counter" / "revisions").iterdir()}
    assert len(kept) == REVISIONS_MAX
    assert ids[0] in kept
    assert {path.name for path in (shop.folder / "counter" / "code").iterdir()} == kept
    assert shop.shelf.prepare(ids[0]).folder.is_dir()


def test_what_is_too_large_is_refused_by_what_it_says_of_itself() -> None:
    small, large = Part("", "1" * 64, 10, ()), Part("", "1" * 64, 1 << 40, ())
    check_size(Manifest((small,)))

    with pytest.raises(BundleError, match="too large"):
        check_size(Manifest((large,)))
    with pytest.raises(BundleError, match="too large"):
        check_size(Manifest((small, large)))


def test_a_folder_without_a_word_about_itself_runs_its_main() -> None:
    assert manifest_in(MAIN).run == ("python", "main.py")

    with pytest.raises(ConfigError, match=r"has neither service.yaml nor main.py"):
        manifest_in({"start.py": File(b"")})
    with pytest.raises(ConfigError, match="UTF-8"):
        manifest_in({"service.yaml": File(b"\xff\xfe")})
