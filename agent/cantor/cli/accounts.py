"""Who runs a command, as records of what people did name them."""

from __future__ import annotations

import getpass
import os

LOCAL = "local:"
"""Before the name of an account of this machine, where users of the console stand bare."""


def local_account() -> str:
    """``local:NAME`` of the account that runs this command, as far as the system knows."""
    try:
        return LOCAL + getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return f"{LOCAL}{os.getuid()}"
