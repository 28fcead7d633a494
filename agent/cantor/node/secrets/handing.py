"""How secrets come into a process: in memory that it inherits, by the numbers of descriptors.

Each value is a file in memory (memfd) that nobody can change, of mode 0400, without a name on any
disk: it is gone with the last process that has it, however that ends. A variable of the environment
may name it; no variable, command line or disk holds it.
"""

from __future__ import annotations

import fcntl
import os
from typing import TYPE_CHECKING

from cantor.base.errors import UnavailableError, reason_of
from cantor.base.secret_names import VARIABLE, named_in
from cantor.workers.sandbox.launch import USER_FOR_ROOT

if TYPE_CHECKING:
    from collections.abc import Mapping

_SEALS = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL


class Handed:
    """The secrets for one process; ``close`` when it has ended."""

    def __init__(self, values: Mapping[str, bytes], *, is_closed_in: bool) -> None:
        """Raises:
        UnavailableError: the system gives no memory, or no descriptors.
        """
        self._files: dict[str, int] = {}
        try:
            for name, value in values.items():
                self._files[name] = _in_memory(value, is_closed_in=is_closed_in)
        except OSError as error:
            self.close()
            raise UnavailableError(
                f"its secrets cannot be handed over: {reason_of(error)}", where="secret"
            ) from error

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What the process inherits."""
        return tuple(self._files.values())

    def environment(self, told: Mapping[str, str]) -> dict[str, str]:
        """An environment in which references are the paths of files."""
        listed = " ".join(f"{name}={number}" for name, number in self._files.items())
        named = {variable: named_in(text) for variable, text in told.items()}
        paths = {
            variable: f"/proc/self/fd/{self._files[name]}"
            for variable, name in named.items()
            if name in self._files
        }
        return {**told, **paths, **({VARIABLE: listed} if listed else {})}

    def close(self) -> None:
        """Let go of the memory; what a process has inherited stays its own."""
        for number in self._files.values():
            os.close(number)
        self._files.clear()


def _in_memory(value: bytes, *, is_closed_in: bool) -> int:
    number = os.memfd_create("secret", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        left = memoryview(value)
        while left:
            left = left[os.write(number, left) :]
        fcntl.fcntl(number, fcntl.F_ADD_SEALS, _SEALS)
        os.fchmod(number, 0o400)
        if is_closed_in and os.geteuid() == 0:
            os.fchown(number, USER_FOR_ROOT, USER_FOR_ROOT)
    except OSError:
        os.close(number)
        raise
    return number
