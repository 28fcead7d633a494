"""What an attempt to leave a sandbox is: a function that returns what it has reached, or raises."""

from __future__ import annotations

import ctypes
import errno
import os
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Proof = Literal["anybody", "root", "maybe", "never"]
FAULT = 255
"""How a child ends whose attempt was not even made."""
REFUSALS = (errno.EPERM, errno.EACCES, errno.ENOSYS)


@dataclass(frozen=True)
class Attempt:
    """``proof`` says who can show without a sandbox that the attempt works: anybody, root, root on
    some kernels only, or nobody without harm. ``takes`` names what it is told of the agent.
    """

    function: Callable[..., str]
    proof: Proof
    takes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """For reports."""
        return self.function.__name__

    def arguments(self, told: Mapping[str, str | int]) -> list[str | int]:
        """Its own part of what is told."""
        return [told[name] for name in self.takes]


class HeldError(OSError):
    """Nothing was reached, though no call failed."""


def here(x86_64: int, aarch64: int) -> int:
    """The number of a call on this machine."""
    number = aarch64 if platform.machine() == "aarch64" else x86_64
    if number < 0:
        raise OSError(errno.ENOSYS, "no such call on this machine")
    return number


def syscall(number: int, *arguments: int | bytes | None) -> int:
    """Make a call; OSError if the kernel refuses."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    told = [ctypes.c_long(one) if isinstance(one, int) else one for one in arguments]
    result: int = libc.syscall(ctypes.c_long(number), *told)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def reach(number: int, *nonsense: int | bytes | None) -> str:
    """Make a call that cannot succeed: what counts is that the kernel looked at its arguments."""
    try:
        syscall(number, *nonsense)
    except OSError as error:
        if error.errno in REFUSALS:
            raise
        return errno.errorcode[error.errno or 0]
    return "done"


def in_child(work: Callable[[], object]) -> int:
    """The wait status of a child that does this; its exit code is the number of its OSError.

    A ValueError is what Python makes of a limit that the kernel refuses: see setrlimit(2), EPERM.
    """
    pid = os.fork()
    if pid == 0:
        code = FAULT
        try:
            work()
            code = 0
        except OSError as error:
            code = error.errno or FAULT
        except ValueError:
            code = errno.EPERM
        finally:
            os._exit(code)
    return os.waitpid(pid, 0)[1]


def done_in_child(work: Callable[[], object]) -> str:
    """What a child has reached; OSError with the number that it got.

    Raises:
        RuntimeError: the attempt was not made.
    """
    status = in_child(work)
    if os.WIFSIGNALED(status):
        raise HeldError(errno.EPERM, f"ended by signal {os.WTERMSIG(status)}")
    code = os.WEXITSTATUS(status)
    if code == FAULT:
        message = "the child has ended before its attempt"
        raise RuntimeError(message)
    if code:
        raise OSError(code, os.strerror(code))
    return "done"
