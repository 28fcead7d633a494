"""Secrets for the code that was given them: :func:`secret`."""

from __future__ import annotations

import os
import sys

from cantor.base.errors import SecretError
from cantor.base.secret_names import VARIABLE


def secret(name: str) -> str:
    """The value of a secret, as text: in a service whose ``service.yaml`` names it, or in a task
    whose ``secrets`` do.

    Raises:
        SecretError: it is not for this code, or is no text: see :func:`secret_bytes`.
        UnavailableError: a task asks for it, and who keeps it cannot be reached.
    """
    try:
        return secret_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise SecretError(
            "is no text", where=f"secret {name}", remedy="read it with cantor.secret_bytes"
        ) from error


def secret_bytes(name: str) -> bytes:
    """The value of a secret, as it was set. Raises as :func:`secret`."""
    if _is_in_task():
        return _asked(name)
    given = dict(one.split("=", 1) for one in os.environ.get(VARIABLE, "").split())
    if name not in given:
        named = ", ".join(sorted(given)) or "none at all"
        raise SecretError(
            f"this process was not given it; it has {named}",
            where=f"secret {name}",
            remedy="name it in service.yaml under secrets, and set it: cantor secret set",
        )
    number = int(given[name])
    try:
        return os.pread(number, os.fstat(number).st_size, 0)
    except OSError as error:
        raise SecretError(
            "this process has not inherited it",
            where=f"secret {name}",
            remedy="start it with close_fds=False, or read it in the process that the service is",
        ) from error


def _is_in_task() -> bool:
    serving = sys.modules.get("cantor.workers.serving")  # every worker has it
    return serving is not None and serving.is_here()


def _asked(name: str) -> bytes:
    """Ask the node that runs this task."""
    from cantor.tasks.calls import submit_call
    from cantor.tasks.local import backend
    from cantor.workers.units import Terms

    terms = Terms(name=f"secret {name[:64]}", asked_secret=name)
    value: bytes = submit_call(backend(), _of_no_mesh, (name,), {}, terms, echo=False).result()
    return value


def _of_no_mesh(name: str) -> bytes:
    """What is called where no node takes what tasks submit."""
    raise SecretError(
        "only tasks on a mesh are given secrets",
        where=f"secret {name}",
        remedy="submit it inside of: with cantor.connect()",
    )
