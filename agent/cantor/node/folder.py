"""Where the node of this machine keeps what it must remember."""

from __future__ import annotations

import os
from pathlib import Path

from cantor.node.control import SOCKET_NAME


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
