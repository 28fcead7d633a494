"""A real pip and a real index: by HTTPS on loopback, as HTML and as JSON."""

from __future__ import annotations

import hashlib
import sys
from functools import partial
from typing import TYPE_CHECKING

import pytest
from tests.bed.package_index import PackageIndex
from tests.unit.cantor.bundles import made_wheels

import cantor
from cantor.base.errors import BundleError, UnavailableError, WrongHash, WrongPlatform
from cantor.bundles.requirements import parse
from cantor.bundles.resolving import Wardrobe
from cantor.bundles.wheels import Target

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

make_wheel = partial(made_wheels.make_wheel, for_pip=True)
pytestmark = pytest.mark.integration
BOX = Target("3.11", ("manylinux_2_28_aarch64", "linux_aarch64"))
SOON_S = 60.0


@pytest.fixture(params=["json", "html"])
def index(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PackageIndex]:
    """With a tool, which needs a part that has native code."""
    folder = tmp_path / "packages"
    folder.mkdir()
    make_wheel(folder, "toolpart-1.0-cp311-cp311-manylinux_2_28_aarch64", {"toolpart.py": ""})
    make_wheel(folder, "toolpart-1.0-cp311-cp311-manylinux_2_17_x86_64", {"toolpart.py": ""})
    for version in ("1.0", "2.0"):
        make_wheel(folder, f"toolshop-{version}-py3-none-any", needs=["toolpart>=1"])
    with PackageIndex(folder, tmp_path, speaks_json=request.param == "json") as index:
        monkeypatch.setenv("PIP_CERT", str(index.certificate))
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(index.certificate))  # goes before it
        monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
        monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
        monkeypatch.setenv("PIP_CACHE_DIR", str(tmp_path / "pip"))
        monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://127.0.0.1:9/simple")  # not to be asked
        yield index


def lines(folder: Path, **changed: str) -> list[str]:
    """Requirements with the hashes of all files of the index."""
    found = []
    for name, version in (("toolshop", "1.0"), ("toolpart", "1.0")):
        wheels = folder.glob(f"{name}-{version}-*.whl")
        hashes = [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in wheels]
        hashes = [changed[name]] if name in changed else hashes
        found.append(f"{name}=={version} " + " ".join(f"--hash=sha256:{one}" for one in hashes))
    return found


def test_wheels_for_a_node_come_from_the_index_and_without_it_from_the_cache(
    index: PackageIndex, tmp_path: Path
) -> None:
    wardrobe = Wardrobe(index=index.url, cache=tmp_path / "cache")

    found = wardrobe.wheels(parse(["toolshop"]), BOX)
    assert [wheel.name for wheel in found] == [
        "toolpart-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "toolshop-2.0-py3-none-any.whl",
    ]
    exact = wardrobe.wheels(parse(lines(index.folder)), BOX)
    assert [wheel.name for wheel in exact][1:] == ["toolshop-1.0-py3-none-any.whl"]

    index.close()
    asked = wardrobe.wheels(parse(["toolshop>=1"]), BOX)
    assert sorted(wheel.name for wheel in asked) == [wheel.name for wheel in found]
    with pytest.raises(UnavailableError, match="the index of packages cannot be reached"):
        wardrobe.wheels(parse(["toolshop>=3"]), BOX)


def test_markers_of_what_is_needed_in_turn_are_those_of_the_node(
    index: PackageIndex, tmp_path: Path
) -> None:
    """Pip itself would look at them for this machine and this Python."""
    there, here = BOX, f"3.{sys.version_info.minor}"
    make_wheel(
        index.folder,
        "needy-1.0-py3-none-any",
        needs=[
            "onarm; platform_machine == 'aarch64'",
            "onintel; platform_machine == 'x86_64'",
            f"onold; python_version != '{here}'",
            "withextra; extra == 'more'",
            "shared>=1",
        ],
    )
    make_wheel(index.folder, "onarm-1.0-py3-none-any", needs=["shared<3", "toolpart"])
    for name in ("onold-1.0", "withextra-1.0", "shared-2.0", "shared-3.0"):
        make_wheel(index.folder, f"{name}-py3-none-any")
    wardrobe = Wardrobe(index=index.url, cache=tmp_path / "cache")

    def names(target: Target, text: str = "needy") -> set[str]:
        found = wardrobe.wheels(parse([text]), target)
        return {"-".join(wheel.name.split("-")[:2]) for wheel in found}

    usual = {"needy-1.0", "onarm-1.0", "shared-2.0", "toolpart-1.0"}
    old = {"onold-1.0"} if there.python != here else set()
    assert names(there) == usual | old
    assert names(there, "needy[more]") == usual | old | {"withextra-1.0"}
    with pytest.raises(WrongPlatform, match="no wheel of onintel for Python"):
        names(Target("3.11", ("manylinux_2_17_x86_64", "linux_x86_64")))


def test_a_wheel_that_is_not_the_one_that_was_meant_is_one_error(
    index: PackageIndex, tmp_path: Path
) -> None:
    wardrobe = Wardrobe(index=index.url, cache=tmp_path / "cache")

    wrong = "0" * 64
    with pytest.raises(WrongHash, match=rf"toolshop.* has the hash sha256:.* not sha256:{wrong}"):
        wardrobe.wheels(parse(lines(index.folder, toolshop=wrong)), BOX)
    index.lies["toolshop-1.0-py3-none-any.whl"] = "1" * 64  # an index that was tampered with
    with pytest.raises(WrongHash, match=rf"has the hash sha256:.* not sha256:{'1' * 64}"):
        wardrobe.wheels(parse(["toolshop==1.0"]), BOX)
    index.lies.clear()
    with pytest.raises(BundleError, match="toolpart>=1 is needed, and has no hash"):
        wardrobe.wheels(parse(lines(index.folder)[:1]), BOX)
    assert not list((tmp_path / "cache" / "resolved").iterdir())


def test_what_the_index_does_not_have_is_said(index: PackageIndex, tmp_path: Path) -> None:
    wardrobe = Wardrobe(index=index.url, cache=tmp_path / "cache")

    with pytest.raises(WrongPlatform, match=r"no wheel of toolpart for Python 3\.12 on many"):
        wardrobe.wheels(parse(["toolpart"]), Target("3.12", BOX.platforms))
    with pytest.raises(WrongPlatform, match="no wheel of nothinglikeit"):
        wardrobe.wheels(parse(["nothinglikeit"]), BOX)


def test_an_index_whose_certificate_is_not_trusted_is_not_used(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_CERT")
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(UnavailableError, match="cannot be reached"):
        Wardrobe(index=index.url, cache=tmp_path).wheels(parse(["toolshop"]), BOX)
    assert index.asked == []


def version() -> str:
    import plaintool  # type: ignore[import-not-found]

    return str(plaintool.VERSION)


def test_a_task_brings_what_a_file_with_hashes_and_an_index_says(
    index: PackageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    wheel = make_wheel(index.folder, "plaintool-1.0-py3-none-any")
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    file = tmp_path / "requirements.txt"
    file.write_text(f"--index-url {index.url}\nplaintool==1.0 \\\n    --hash=sha256:{digest}\n")

    with cantor.local(workers=1, requirements=file):
        assert cantor.task(version).submit().result(SOON_S) == "1.0"
    with cantor.local(workers=1, index=index.url):
        task = cantor.task(requirements=[f"plaintool==1.0 --hash=sha256:{'0' * 64}"])(version)
        with pytest.raises(WrongHash, match="plaintool"):
            task.submit()
