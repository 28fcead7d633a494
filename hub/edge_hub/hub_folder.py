"""What the verbs of a hub share: its folder, what tokens say, and how they answer."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.identity.authority_folder import load_authority
from cantor.node.folder import default_folder

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from edge_hub.settings import HubSettings


def add_data_option(parser: argparse.ArgumentParser, *, inherits: bool = False) -> None:
    """Give a verb the option ``--data``.

    ``inherits``: what was given before the action holds, so that the action sets no default.
    """
    folder = default_folder() / "hub"
    parser.add_argument(
        "--data", type=Path, default=argparse.SUPPRESS if inherits else folder, metavar="FOLDER",
        help=f"the hub's folder (default: {str(folder).replace('%', '%%')})",
    )  # fmt: skip


def add_public_enrol_option(parser: argparse.ArgumentParser) -> None:
    """Give a verb the option ``--public-enrol``."""
    parser.add_argument("--public-enrol", default="", metavar="HOST:PORT", help="what tokens say")


def existing_authority(settings: HubSettings) -> Authority:
    """The authority of the hub in this folder.

    Raises:
        ConfigError: there is none.
    """
    if not settings.authority_folder.exists():
        raise ConfigError("holds no hub", where=str(settings.data), remedy="run cantor hub first")
    return load_authority(settings.authority_folder)


def say(line: str) -> None:
    """Print one line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
