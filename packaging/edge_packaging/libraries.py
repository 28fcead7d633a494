"""Every library in a binary's folder, with its version and licence.

A shared library that no rule here names stops the build: nothing is shipped whose licence nobody
has looked up. Licences are SPDX expressions.
"""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edge_packaging.freeze import Parts

GCC_RUNTIME = "GPL-3.0-or-later WITH GCC-exception-3.1"

NATIVE: tuple[tuple[str, str, str], ...] = (
    (
        r"lib(?:avcodec|avdevice|avfilter|avformat|avutil|swscale|swresample)\b",
        "FFmpeg",
        "LGPL-2.1",
    ),
    (r"libvpx", "libvpx", "BSD-3-Clause"),
    (r"libavif", "libavif", "BSD-2-Clause"),
    (r"libdrm", "libdrm", "MIT"),
    (r"libpng", "libpng", "libpng-2.0"),
    (r"libaom", "libaom", "BSD-2-Clause"),
    (r"libdav1d", "dav1d", "BSD-2-Clause"),
    (r"libopenh264", "OpenH264", "BSD-2-Clause"),
    (r"lib(?:scipy_)?openblas", "OpenBLAS", "BSD-3-Clause"),
    (r"libquadmath", "GCC libquadmath", "LGPL-2.1-or-later"),
    (r"lib(?:gfortran|gcc_s|stdc\+\+|gomp)", "GCC run-time libraries", GCC_RUNTIME),
    (r"lib(?:crypto|ssl)[-\w]*\.so\.1\.", "OpenSSL", "OpenSSL"),
    (r"lib(?:crypto|ssl)", "OpenSSL", "Apache-2.0"),
    (r"libpython3", "CPython", "PSF-2.0"),
    (r"libz\b", "zlib", "Zlib"),
    (r"libbz2", "bzip2", "bzip2-1.0.6"),
    (r"liblzma", "liblzma", "0BSD"),
    (r"libzstd", "Zstandard", "BSD-3-Clause"),
    (r"libexpat", "Expat", "MIT"),
    (r"libffi", "libffi", "MIT"),
    (r"libsqlite3", "SQLite", "blessing"),
    (r"libuuid", "libuuid", "BSD-3-Clause"),
    (
        r"lib(?:ncurses|ncursesw|tinfo|panel|panelw|form|menu)",
        "ncurses",
        "X11-distribute-modifications-variant",
    ),
    (r"libb2\b", "libb2", "CC0-1.0"),
    (r"libmpdec", "libmpdec", "BSD-2-Clause"),
    (r"lib(?:nsl|tirpc)", "libtirpc", "BSD-3-Clause"),
    (r"lib(?:gssapi_krb5|krb5|krb5support|k5crypto|com_err)", "MIT Kerberos", "MIT"),
    (r"libkeyutils", "keyutils", "LGPL-2.1-or-later"),
    (r"libcrypt\b", "libxcrypt", "LGPL-2.1-or-later"),
)
"""Shared libraries of no Python package, or moved into one: pattern, name, licence."""

LICENCES: dict[str, str] = {
    "cffi": "MIT-0",
    "cryptography": "Apache-2.0 OR BSD-3-Clause",
    "flatbuffers": "Apache-2.0",
    "ifaddr": "MIT",
    "msgpack": "Apache-2.0",
    "numpy": "BSD-3-Clause AND 0BSD AND MIT AND Zlib AND CC0-1.0",
    "onnxruntime": "MIT",
    "opencv-python-headless": "Apache-2.0",
    "paho-mqtt": "EPL-2.0 OR BSD-3-Clause",
    "protobuf": "BSD-3-Clause",
    "pycparser": "BSD-3-Clause",
    "pyserial": "BSD-3-Clause",
    "pyyaml": "MIT",
    "uvloop": "MIT OR Apache-2.0",
    "zeroconf": "LGPL-2.1-or-later",
}
"""Of packages whose metadata says it in prose, or not at all; looked up in their sources."""

_SPDX = re.compile(r"[A-Za-z0-9.+-]+(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_FOREIGN_COPYLEFT = re.compile(r"\bA?GPL-")
_VERSION_IN_NAME = re.compile(r"(?:\.so\.|-)(\d+(?:\.\d+)+)")


@dataclass(frozen=True, slots=True)
class Library:
    """One library; ``files`` are paths in the binary's folder, few for one that is all Python."""

    name: str
    version: str
    licence: str
    files: tuple[str, ...]

    @property
    def is_strong_copyleft(self) -> bool:
        """Whether it would put the whole program under the GPL or AGPL."""
        return bool(_FOREIGN_COPYLEFT.search(self.licence.replace(GCC_RUNTIME, "")))


def libraries_in(shared: Iterable[str], parts: Parts) -> list[Library]:
    """Every library of a binary, by name.

    ``shared`` are the paths of shared libraries in its folder.

    Raises:
        ConfigError: a library or its licence is not known here, or it is GPL or AGPL.
    """
    packages = _Packages()
    files: dict[tuple[str, str, str], list[str]] = {}
    for path in shared:
        native = _native(path, parts.sources.get(path, ""))
        files.setdefault(native or packages.owner(path.split("/")[0], path), []).append(path)
    for top in sorted({module.partition(".")[0] for module in parts.modules}):
        if top in packages.tops:
            files.setdefault(packages.owner(top, top), [])
    found = [Library(*key, tuple(sorted(paths))) for key, paths in files.items()]
    for library in found:
        if library.is_strong_copyleft:
            raise ConfigError(
                f"{library.name} is under {library.licence}",
                where=", ".join(library.files),
                remedy="leave it out: add it to NEVER in edge_packaging/contents.py",
            )
    return sorted(found, key=lambda library: library.name.lower())


class _Packages:
    """The installed Python packages, by the names that are imported."""

    def __init__(self) -> None:
        self.tops: dict[str, Distribution] = {}
        for package in distributions():
            for file in package.files or ():
                self.tops.setdefault(file.parts[0].partition(".")[0], package)

    def owner(self, top: str, path: str) -> tuple[str, str, str]:
        """Name, version and licence of the package that a file or module belongs to."""
        name = top.partition(".")[0]
        if name.startswith("python3") or name in {"lib-dynload"} or name in sys.stdlib_module_names:
            return "CPython", platform.python_version(), "PSF-2.0"
        if name not in self.tops or top.endswith(".libs"):  # others' libraries, moved into a wheel
            raise ConfigError(
                "nobody has looked up whose library this is and its licence",
                where=path,
                remedy="name it in edge_packaging/libraries.py",
            )
        package = self.tops[name]
        return package.name, package.version, licence_of(package)


def licence_of(package: Distribution) -> str:
    """The licence of an installed package.

    Raises:
        ConfigError: its metadata does not say it as an SPDX expression, and no table here does.
    """
    name = package.name.lower().replace("_", "-")
    said = LICENCES.get(name) or _field(package, "License-Expression")
    said = said or _field(package, "License")
    if not _SPDX.fullmatch(said):
        raise ConfigError(
            f"its metadata gives no SPDX licence but {said[:40]!r}",
            where=package.name,
            remedy="look it up and add it to LICENCES in edge_packaging/libraries.py",
        )
    return said


def _packaged_version(source: str) -> str:
    """The version of the Debian package that a library of the building machine comes from."""
    program = shutil.which("dpkg-query")
    if program is None or not source:
        return ""
    # /lib is a link to /usr/lib, and packages know a file by either name.
    for path in (str(Path(source).resolve()), str(Path(source).resolve()).removeprefix("/usr")):
        owner = _output(program, "--search", path).partition(": ")[0]
        if owner:
            return _output(program, "--show", "--showformat=${Version}", owner)
    return ""


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 # dpkg
    return done.stdout if done.returncode == 0 else ""


def _field(package: Distribution, name: str) -> str:
    return str((package.metadata.get_all(name) or [""])[0])


def _native(path: str, source: str) -> tuple[str, str, str] | None:
    file = path.rsplit("/", 1)[-1]
    for pattern, name, licence in NATIVE:
        if re.match(pattern, file):
            if name == "CPython":
                return name, platform.python_version(), licence
            named = _VERSION_IN_NAME.findall(file)
            return name, _packaged_version(source) or (named[-1] if named else ""), licence
    return None
