"""What goes into each binary: the one table that spec, manifest, command line and tests follow."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

DISTRIBUTION = "cantor-edge"
PROGRAM = "cantor"

ENTRY_GROUPS = (
    "cantor.commands",
    "cantor.schemas",
    "cantor.services",
    "cantor.inventory",
    "cantor.device_providers",
    "galaxy.filters",
)
"""Every group that the code reads; a frozen program finds only what its metadata names."""

OWN_PACKAGES = (
    "cantor",
    "edge_devices",
    "firmware_bridge",
    "galaxy",
    "xlang",
    "edge_hub",
    "edge_packaging",
    "hil_rig",
)

NEVER = (
    "_dbm",  # Berkeley DB and gdbm are copyleft
    "_gdbm",
    "_tkinter",  # no boxes with windows
    "antigravity",
    "ensurepip",
    "idlelib",
    "lib2to3",
    "nis",
    "pydoc_data",
    "readline",  # GNU readline is GPL; Python's line editing works without it
    "rlcompleter",
    "this",
    "tkinter",
    "turtle",
    "turtledemo",
    "venv",
)
"""Modules of the standard library that no binary carries; the rest goes in whole, because code that
arrives later may import any of it."""

FOREIGN = (
    "IPython",
    "PIL",
    "aiohttp",
    "amqtt",
    "av",
    "charset_normalizer",
    "cv2",
    "flatbuffers",
    "fsspec",
    "google.protobuf",
    "matplotlib",
    "msgspec",
    "numpy",
    "onnx",
    "onnxruntime",
    "paho",
    "pandas",
    "psutil",
    "pytest",
    "requests",
    "scipy",
    "serial",
    "setuptools",
    "sqlalchemy",
    "sympy",
    "torch",
    "uvloop",
)
"""Packages that a binary has only if its table names them: some hook or optional import would
otherwise take along what the building machine happens to have."""


@dataclass(frozen=True, slots=True)
class Build:
    """One binary.

    ``packages`` are ours and go in whole. ``modules`` are those of others that are imported only
    when needed, so that analysis alone would miss or drop them. ``data`` are ``(package, pattern)``
    of files that are read, not imported.
    """

    name: str
    packages: tuple[str, ...]
    modules: tuple[str, ...]
    data: tuple[tuple[str, str], ...] = ()

    @property
    def excluded(self) -> tuple[str, ...]:
        """What must not go in, even where something imports it."""
        wanted = {module.partition(".")[0] for module in self.modules}
        ours = (package for package in OWN_PACKAGES if package not in self.packages)
        foreign = (package for package in FOREIGN if package.partition(".")[0] not in wanted)
        return (*ours, *foreign, *NEVER)

    def has(self, point: EntryPoint) -> bool:
        """Whether what an entry point names is in this binary."""
        return point.module.partition(".")[0] in self.packages


CORE = Build(
    "core",
    packages=("cantor", "edge_devices", "firmware_bridge"),
    modules=("msgpack", "paho.mqtt.client", "serial", "uvloop", "zeroconf"),
    data=(("firmware_bridge", "descriptors/*.yaml"),),
)
VISION = Build(
    "vision",
    packages=(*CORE.packages, "galaxy"),
    modules=(*CORE.modules, "cv2", "flatbuffers", "google.protobuf", "numpy", "onnxruntime"),
    data=(*CORE.data, ("galaxy", "models/*.onnx")),
)
BUILDS = (CORE, VISION)


def build_named(name: str) -> Build:
    """The build of that name.

    Raises:
        ConfigError: there is none.
    """
    for build in BUILDS:
        if build.name == name:
            return build
    known = ", ".join(build.name for build in BUILDS)
    raise ConfigError(f"no such build {name!r}", remedy=f"builds: {known}")


def registered(group: str) -> list[EntryPoint]:
    """The entry points of this project in a group, by name."""
    found = (point for point in entry_points(group=group) if _is_ours(point))
    return sorted(found, key=lambda point: point.name)


def hidden_modules(build: Build) -> list[str]:
    """Modules that no import statement leads to: entry points, lazy ones, the standard library."""
    points = (point.module for group in ENTRY_GROUPS for point in registered(group))
    ours = [module for module in points if module.partition(".")[0] in build.packages]
    library = [name for name in sys.stdlib_module_names if name not in NEVER]
    return sorted({*ours, *build.modules, *library})


def _is_ours(point: EntryPoint) -> bool:
    return point.module.partition(".")[0] in OWN_PACKAGES
