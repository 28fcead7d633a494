"""Where a node keeps what it must remember."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.node.control import SOCKET_NAME

if TYPE_CHECKING:
    import argparse


def default_folder() -> Path:
    """``$CANTOR_HOME``, else ``/var/lib/cantor`` for root and ``~/.local/share/cantor``."""
    if home := os.environ.get("CANTOR_HOME"):
        return Path(home)
    if os.geteuid() == 0:
        return Path("/var/lib/cantor")
    return Path.home() / ".local" / "share" / "cantor"


def asked_folder() -> Path:
    """The folder of the node that answers on this machine: a hub is one, where no agent runs."""
    home = default_folder()
    hub = home / "hub" / "node"
    is_hub = (hub / SOCKET_NAME).exists() and not (home / SOCKET_NAME).exists()
    return hub if is_hub else home


def add_folder_option(parser: argparse.ArgumentParser, *, asks: bool = False) -> None:
    """Give a verb the option ``--data``; ``asks``: it asks a node that runs."""
    parser.add_argument(
        "--data",
        type=Path,
        default=asked_folder() if asks else default_folder(),
        metavar="FOLDER",
        help="the node's folder (default: $CANTOR_HOME, else %(default)s)",
    )
