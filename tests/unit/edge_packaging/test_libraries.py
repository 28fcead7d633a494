from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from edge_packaging.contents import BUILDS
from edge_packaging.freeze import Parts
from edge_packaging.libraries import GCC_RUNTIME, Library, libraries_in

if TYPE_CHECKING:
    from edge_packaging.contents import Build

NOTHING = Parts((), {})


def test_a_library_is_known_by_its_file_and_its_package_by_its_module() -> None:
    parts = Parts(("msgpack._cmsgpack", "json", "cantor.cli.main"), {})
    shared = ["libz.so.1", "x.libs/libcrypto-54.so.1.1.1k", "python3.11/lib-dynload/_json.so"]

    found = {library.name: library for library in libraries_in(shared, parts)}

    assert found["zlib"].licence == "Zlib"
    assert (found["OpenSSL"].version, found["OpenSSL"].licence) == ("1.1.1", "OpenSSL")
    assert found["msgpack"].licence == "Apache-2.0"
    assert found["CPython"].files == ("python3.11/lib-dynload/_json.so",)
    assert "cantor-edge" not in found


@pytest.mark.parametrize(
    "path", ["libreadline.so.8", "opencv_python_headless.libs/libx264-1a.so.164"]
)
def test_a_library_that_nobody_has_looked_up_stops_the_build(path: str) -> None:
    with pytest.raises(ConfigError, match="nobody has looked up"):
        libraries_in([path], NOTHING)


@pytest.mark.parametrize(
    ("licence", "is_strong"),
    [
        ("GPL-2.0-or-later", True),
        ("AGPL-3.0-only", True),
        ("MIT AND GPL-3.0-only", True),
        ("LGPL-2.1-or-later", False),
        (GCC_RUNTIME, False),
        ("Apache-2.0", False),
    ],
)
def test_gpl_is_told_from_what_may_be_shipped(licence: str, is_strong: bool) -> None:
    assert Library("x", "1", licence, ()).is_strong_copyleft is is_strong


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.name)
def test_the_licence_of_every_package_in_the_table_is_known(build: Build) -> None:
    shipped = Parts(tuple(build.modules), {})

    assert all(library.licence for library in libraries_in([], shipped))
