"""How many files a .zip archive lists, counted before anything is made of that list.

``zipfile`` makes an object of half a kilobyte for each entry of the list, however many there are:
an archive of nothing but its list would take ten times its size in memory.
"""

from __future__ import annotations

import zipfile
from typing import IO

_ENTRY = b"PK\1\2"
_END_BYTES = 76
"""What stands between the list and the record at its end, in an archive of 4 GiB and more."""
_SIZE, _PLACE = 5, 9
"""Where ``zipfile`` keeps them in what it reads of the end of an archive."""
_PIECE_BYTES = 1 << 20


def entries_in(file: IO[bytes]) -> int:
    """How many entries the list of an archive has at most; 0 if it is no archive.

    Raises:
        OSError: the disk refuses.
    """
    end = zipfile._EndRecData(file)  # type: ignore[attr-defined] # as ZipFile itself begins
    if not end:
        return 0
    left = end[_SIZE] + _END_BYTES
    file.seek(max(0, end[_PLACE] - left))
    count, tail = 0, b""
    while piece := file.read(min(left, _PIECE_BYTES)):
        left -= len(piece)
        tail += piece
        count += tail.count(_ENTRY)
        tail = tail[1 - len(_ENTRY) :]
    return count
