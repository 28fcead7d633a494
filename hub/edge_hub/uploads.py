"""Code that a browser sends: one archive, or the files of a folder, as multipart/form-data.

Fields come before the files. Each file is a part ``file`` whose file name is its path; a single one
that is called .zip, .tar, .tgz and so on is an archive.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import BodyPartReader, web

from cantor.base.errors import BundleError
from cantor.bundles.archive import read_archive, without_common_folder
from cantor.bundles.tree import FILES_MAX, TREE_BYTES_MAX, File, has_left_out_step
from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from collections.abc import Collection

ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.bz2", ".tar.xz")
FIELD_BYTES_MAX = 8192
PARTS_MAX = FILES_MAX + 64


@dataclass(slots=True)
class Upload:
    """The fields by name, and the files by path."""

    fields: dict[str, str] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)


async def read_upload(request: web.Request, known: Collection[str]) -> Upload:
    """What the body holds; ``known`` are the names of fields that it may have.

    Raises:
        ProblemError: it is no such form (400, 415), is too large (413) or cannot be read (422).
    """
    if request.content_type != "multipart/form-data":
        raise ProblemError(415, "unsupported-media-type", "send a form as multipart/form-data")
    try:
        return await _read(request, known)
    except (ValueError, RuntimeError, AssertionError) as error:
        raise ProblemError(400, "bad-request", "the form cannot be read") from error


async def _read(request: web.Request, known: Collection[str]) -> Upload:
    upload, left = Upload(), TREE_BYTES_MAX
    reader = await request.multipart()
    parts = 0
    while (part := await reader.next()) is not None:
        parts += 1
        if not isinstance(part, BodyPartReader) or parts > PARTS_MAX:
            raise ProblemError(400, "bad-request", "the form has parts of a strange kind, or many")
        if part.name == "file" and part.filename:
            content = await _content(part, left)
            left -= len(content)
            upload.files[part.filename] = File(content)
        elif part.name is not None and part.name in known:
            upload.fields[part.name] = (await _content(part, FIELD_BYTES_MAX)).decode()
        else:
            raise ProblemError(400, "bad-request", f"the form has no part {str(part.name)[:40]!r}")
    upload.files = await asyncio.to_thread(_unpacked, upload.files)
    return upload


async def _content(part: BodyPartReader, bytes_max: int) -> bytes:
    pieces, left = [], bytes_max
    while piece := await part.read_chunk():
        left -= len(piece)
        if left < 0:
            detail = f"the code is larger than {TREE_BYTES_MAX >> 20} MiB"
            raise ProblemError(413, "too-large", detail)
        pieces.append(piece)
    return b"".join(pieces)


def _unpacked(files: dict[str, File]) -> dict[str, File]:
    if not files:
        raise ProblemError(400, "bad-request", "the form holds no file")
    [(name, only), *others] = files.items()
    if not others and name.lower().endswith(ARCHIVES):
        try:
            return read_archive(only.content)
        except BundleError as error:
            raise ProblemError(422, "code-refused", error.what) from error
    kept = {path: file for path, file in files.items() if not has_left_out_step(path)}
    return without_common_folder(kept)
