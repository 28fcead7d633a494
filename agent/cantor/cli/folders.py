"""Where a node keeps what it must remember, as an option of verbs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cantor.node.folder import asked_folder, default_folder

if TYPE_CHECKING:
    import argparse


def add_folder_option(parser: argparse.ArgumentParser, *, asks: bool = False) -> None:
    """Give a verb the option ``--data``; ``asks``: it asks a node that runs."""
    parser.add_argument(
        "--data",
        type=Path,
        default=asked_folder() if asks else default_folder(),
        metavar="FOLDER",
        help="the node's folder (default: $CANTOR_HOME, else %(default)s)",
    )
