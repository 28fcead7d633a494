"""A video file: every frame once."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from galaxy.errors import MediaError
from galaxy.filter import BaseSource
from galaxy.filters.capture import QueuedReader, opencv
from galaxy.frame import Frame
from galaxy.judged_file import judged_file
from galaxy.params import Param
from galaxy.pins import Pin

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from galaxy.context import Context


class FileSource(BaseSource):
    """Decodes a video file by OpenCV's FFmpeg in a thread of its own.

    The container's frame count is never trusted: the end is where no further frame can be decoded.
    """

    description: ClassVar[str] = "A video file, every frame once"
    work: ClassVar[float] = 0.3
    modules: ClassVar[tuple[str, ...]] = ("numpy", "cv2")
    outputs: ClassVar[Mapping[str, Pin]] = {"image": Pin(formats=("BGR",))}

    path = Param(str, description="The video file.", file=True)
    loop = Param(bool, False, description="Begin again at the end.")
    stream = Param(str, "", description="Name of the stream; empty means the filter's name.")

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        super().__init__(params)
        self._reader: QueuedReader | None = None
        self._is_judged = False

    def open(self, ctx: Context) -> None:
        """Open the file.

        Raises:
            MediaError: it is missing or no video that can be decoded.
        """
        self._is_judged = ctx.is_judged
        self._reader = self._open_reader()

    def frames(self, ctx: Context) -> Iterator[Frame]:
        """Decode to the end.

        Raises:
            MediaError: not one frame could be decoded.
        """
        seq = 0
        while not ctx.stopping:
            taken = self._reader.next() if self._reader else None
            if taken is not None:
                image, pts_s = taken
                yield Frame(
                    self.stream or ctx.name,
                    seq,
                    image,
                    captured_s=ctx.clock.monotonic(),
                    captured_wall_s=ctx.clock.wall(),
                    epoch=ctx.epoch,
                    pts_s=pts_s,
                )
                seq += 1
                continue
            if seq == 0:
                raise MediaError(
                    "no frame of this video can be decoded",
                    where=self.path,
                    remedy="check that the file is whole: ffprobe names what is broken",
                )
            if not self.loop:
                return
            self.close()
            self._reader = self._open_reader()

    def close(self) -> None:
        """Stop decoding."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open_reader(self) -> QueuedReader:
        if not Path(self.path).is_file():
            raise self._missing()
        cv2 = opencv()
        try:
            with judged_file(self.path) if self._is_judged else nullcontext(self._whole()) as name:
                capture = cv2.VideoCapture(name, cv2.CAP_FFMPEG)
        except OSError as error:
            raise self._missing() from error
        if not capture.isOpened():
            capture.release()
            raise MediaError(
                "this is no video that FFmpeg can decode",
                where=self.path,
                remedy="give a video file (AVI, MP4, MKV, MOV)",
            )
        return QueuedReader(capture, cv2.CAP_PROP_POS_MSEC)

    def _whole(self) -> str:
        """Its path from the root: FFmpeg takes what has a colon in front for another protocol."""
        return str(Path(self.path).absolute())

    def _missing(self) -> MediaError:
        return MediaError("there is no such video file", where=self.path, remedy="check the path")
