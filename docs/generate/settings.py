"""The page of settings: variables of the environment, and what hub and agent are started with."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from docs.generate.markdown import code, page, prose, table

from cantor.node.settings import AgentSettings
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SOURCES = ("agent", "devices", "hub/edge_hub", "firmware-bridge", "packaging", "hil-tests")
VARIABLES = {
    "CANTOR_BRIDGE": "The `bridge.yaml` of this node, instead of the one in its folder.",
    "CANTOR_DATA": "Told to a pushed service: its folder, the same for all revisions.",
    "CANTOR_HOME": "The node's folder: its key, certificate and what it remembers. Default:"
    " `/var/lib/cantor` for root, else `~/.local/share/cantor`. A hub keeps its own data in `hub`"
    " below it. `--data` overrides it.",
    "CANTOR_METRICS": "Told to services, tasks and filters: the descriptor of the memory in which"
    " they count, which what they start may inherit.",
    "CANTOR_NODE": "Told to a pushed service: what its node is called.",
    "CANTOR_PASSPHRASE": "What seals the root's key, for `cantor mesh export-root` and"
    " `import-root`, which else ask.",
    "CANTOR_PORT_": "Told to a pushed service, with the name of each of its ports behind it.",
    "CANTOR_REVISION": "Told to a pushed service: the number of its revision.",
    "CANTOR_RUN": "A node's mark in the processes of its services, by which it ends them.",
    "CANTOR_SECRETS": "Told to a pushed service: the names of its secrets, each with the number of"
    " the descriptor that it reads it from; `cantor.secret` looks there.",
    "CANTOR_SERVICE": "Told to a pushed service: its name.",
    "CANTOR_SIMULATED_CAMERA": "`1` gives this box a simulated camera; `seed=7,size=640x480,fps=30`"
    " says which scene, size and rate (any of the three).",
}
"""Every variable that the code reads or gives, in words; a test compares this with the code."""


def settings() -> str:
    """The page."""
    return page(
        "Settings",
        "A node and a hub are started with the options of the [command line](command-line.md), and"
        " remember what has to survive a restart in their folder. What people write in files is on"
        " the page [Schemas](schemas.md).",
        "## Variables of the environment",
        table(("variable", "meaning"), [(code(name), text) for name, text in VARIABLES.items()]),
        "## A hub",
        prose(HubSettings.__doc__),
        table(("field", "type", "default"), _fields(HubSettings)),
        "## An agent",
        prose(AgentSettings.__doc__),
        table(("field", "type", "default"), _fields(AgentSettings)),
    )


def variables_read() -> set[str]:
    """The names of the project's own variables that stand in the code."""
    found: set[str] = set()
    for source in SOURCES:
        for path in (ROOT / source).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    name = node.value
                    if name.startswith("CANTOR_") and name.isupper() and name.isidentifier():
                        found.add(name)
    return found


def _fields(kind: type) -> Iterator[tuple[str, str, str]]:
    for field in dataclasses.fields(kind):
        if field.default is not dataclasses.MISSING:
            default = code(field.default if field.default != "" else '""')
        elif field.default_factory is not dataclasses.MISSING:
            default = code(field.default_factory())
        else:
            default = "must be given"
        yield code(field.name), code(field.type), default
