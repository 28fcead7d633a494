"""Secrets for the code that was given them: :func:`secret`."""

from __future__ import annotations

import os

from cantor.base.errors import SecretError

VARIABLE = "CANTOR_SECRETS"


def secret(name: str) -> str:
    """The value of a secret, as text, in a service whose ``service.yaml`` names it.

    Raises:
        SecretError: it was not given to this process, or is no text: see :func:`secret_bytes`.
    """
    try:
        return secret_bytes(name).decode()
    except UnicodeDecodeError as error:
        raise SecretError(
            "is no text", where=f"secret {name}", remedy="read it with cantor.secret_bytes"
        ) from error


def secret_bytes(name: str) -> bytes:
    """The value of a secret, as it was set.

    Raises:
        SecretError: it was not given to this process.
    """
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
