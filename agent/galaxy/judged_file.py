"""A file that was judged is opened where it was judged to be, whatever lies there by now.

Its path has no links; so none is followed on the way, and what opens it is given the name of the
descriptor. Sources: open(2), O_PATH and O_NOFOLLOW; proc(5), /proc/pid/fd.
"""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_STEP = os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC


@contextmanager
def judged_file(path: str) -> Iterator[str]:
    """A name under which this very file can be opened, inside this block.

    Raises:
        OSError: it is no file, or a link is on the way to it.
    """
    number = _without_links(path)
    try:
        yield f"/proc/self/fd/{number}"
    finally:
        os.close(number)


def _without_links(path: str) -> int:
    parts = PurePosixPath(path).parts
    if not parts or parts[0] != "/" or ".." in parts or "\0" in path:
        raise OSError(errno.EINVAL, os.strerror(errno.EINVAL), path)
    here = os.open("/", _STEP | os.O_DIRECTORY)
    try:
        for part in parts[1:-1]:
            there = os.open(part, _STEP | os.O_DIRECTORY, dir_fd=here)
            os.close(here)
            here = there
        file = os.open(parts[-1], _STEP, dir_fd=here)
    finally:
        os.close(here)
    if stat.S_ISREG(os.fstat(file).st_mode):
        return file
    os.close(file)  # a link itself is opened so, too
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
