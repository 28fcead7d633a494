"""Where a node keeps what it must remember."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import argparse


def default_folder() -> Path:
    """``$CANTOR_HOME``, else ``/var/lib/cantor`` for root and ``~/.local/share/cantor``."""
    if home := os.environ.get("CANTOR_HOME"):
        return Path(home)
    if os.geteuid() == 0:
        return Path("/var/lib/cantor")
    return Path.home() / ".local" / "share" / "cantor"


def add_folder_option(parser: argparse.ArgumentParser) -> None:
    """Give a verb the option ``--data``."""
    parser.add_argument(
        "--data",
        type=Path,
        default=default_folder(),
        metavar="FOLDER",
        help="the node's folder (default: $CANTOR_HOME, else %(default)s)",
    )
