"""Live pictures of a running filter as MJPEG: fetched once, shown to everybody who looks.

Each viewer is sent the newest picture when it has taken the one before, so that a slow one skips
pictures and holds nobody. Every picture says when it was taken and what is on it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from cantor.base.errors import CantorError
from edge_hub.problems import ProblemError

if TYPE_CHECKING:
    from cantor.base.clock import Clock
    from edge_hub.access import Session
    from edge_hub.board import Board
    from edge_hub.pipelines import Preview

VIEWERS_MAX = 64
PICTURE_BYTES_MAX = 8 * 2**20
OBJECTS_MAX = 64
LABEL_CHARS_MAX = 64
SEND_TIME_S_MAX = 10.0
PAUSE_S = 0.02
RETRY_S = 0.5
JPEG_START = b"\xff\xd8"
MEDIA_TYPE = "multipart/x-mixed-replace"
_BOUNDARY = "cantor-picture"
_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Feed:
    """The newest picture of one filter, ready to be sent; ``arrived`` is replaced at each."""

    part: bytes = b""
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    fetching: asyncio.Task[None] | None = None

    def wake(self) -> None:
        """Let everybody look again."""
        arrived, self.arrived = self.arrived, asyncio.Event()
        arrived.set()


@dataclass(eq=False)
class _Viewer:
    session_key: str
    task: asyncio.Task[None] | None = None
    is_over: bool = False


class Previews:
    """Every picture that is being watched on this hub."""

    def __init__(self, board: Board, clock: Clock) -> None:
        self._board = board
        self._clock = clock
        self._feeds: dict[tuple[str, str], _Feed] = {}
        self._viewers: set[_Viewer] = set()

    def changed(self) -> None:
        """Deployments have changed: those who watch one that ended are let go."""
        for feed in self._feeds.values():
            feed.wake()

    def drop(self, session_key: str) -> None:
        """End the pictures of a session that has ended or looks elsewhere."""
        self._end([one for one in self._viewers if one.session_key == session_key])

    async def close(self) -> None:
        """End every picture."""
        self._end(list(self._viewers))
        tasks = [feed.fetching for feed in self._feeds.values() if feed.fetching]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def serve(
        self, request: web.Request, session: Session, deployment_id: str, filter_name: str
    ) -> web.StreamResponse:
        """Show pictures until the deployment, the session or the viewer ends.

        Raises:
            ProblemError: there is no such deployment or filter (404), it does not run (409), or
                too many people watch (503).
        """
        view = self._board.view(session.scope, deployment_id)
        filters = view.pipeline.get("filters")
        if not isinstance(filters, dict) or filter_name not in filters:
            raise ProblemError(404, "no-such-filter", f"it has no filter {filter_name[:64]!r}")
        if not self._board.is_live(deployment_id):
            raise ProblemError(409, "not-running", f"{view.name} does not run")
        if len(self._viewers) >= VIEWERS_MAX:
            raise ProblemError(503, "too-many-viewers", "close a preview elsewhere and try again")
        viewer = _Viewer(session.key)
        self._viewers.add(viewer)
        feed = self._join(deployment_id, filter_name)
        try:
            kind = f"{MEDIA_TYPE};boundary={_BOUNDARY}"
            response = web.StreamResponse(headers={"Content-Type": kind})
            await response.prepare(request)
            if not viewer.is_over:
                viewer.task = asyncio.create_task(self._show(response, feed, deployment_id))
                remaining_s = session.expires_at - self._clock.wall()
                await asyncio.wait({viewer.task}, timeout=max(0.0, remaining_s))
        finally:
            self._viewers.discard(viewer)
            self._leave(deployment_id, filter_name)
            if viewer.task is not None:
                viewer.task.cancel()
                await asyncio.gather(viewer.task, return_exceptions=True)
        return response

    async def _show(self, response: web.StreamResponse, feed: _Feed, deployment_id: str) -> None:
        shown = b""
        with suppress(ConnectionError, TimeoutError):
            await _send(response, f"--{_BOUNDARY}".encode())
            while self._board.is_live(deployment_id):
                arrived, part = feed.arrived, feed.part
                if part is shown:
                    await arrived.wait()
                    continue
                await _send(response, part)
                shown = part
            await _send(response, b"--\r\n")

    def _join(self, deployment_id: str, filter_name: str) -> _Feed:
        feed = self._feeds.setdefault((deployment_id, filter_name), _Feed())
        feed.viewers += 1
        if feed.fetching is None:
            feed.fetching = asyncio.create_task(self._fetch(feed, deployment_id, filter_name))
        return feed

    def _leave(self, deployment_id: str, filter_name: str) -> None:
        feed = self._feeds[deployment_id, filter_name]
        feed.viewers -= 1
        if feed.viewers == 0:
            del self._feeds[deployment_id, filter_name]
            if feed.fetching is not None:
                feed.fetching.cancel()

    def _end(self, viewers: list[_Viewer]) -> None:
        for viewer in viewers:
            viewer.is_over = True
            if viewer.task is not None:
                viewer.task.cancel()

    async def _fetch(self, feed: _Feed, deployment_id: str, filter_name: str) -> None:
        number = 0
        while True:
            pause_s = PAUSE_S
            try:
                picture = await self._board.control.preview(deployment_id, filter_name, number)
                if picture.number != number and _is_picture(picture.jpeg):
                    feed.part = _part(picture)
                    feed.wake()
                number = picture.number
            except CantorError as error:
                _log.info("no picture", extra={"filter": filter_name, "reason": str(error)})
                number, pause_s = 0, RETRY_S  # a filter that was placed anew counts from 1 again
            except Exception:  # noqa: BLE001 (viewers outlive one failure, and it is logged)
                _log.exception("a picture could not be fetched")
                pause_s = RETRY_S
            await asyncio.sleep(pause_s)


def _is_picture(jpeg: bytes) -> bool:
    return len(jpeg) <= PICTURE_BYTES_MAX and jpeg[:2] == JPEG_START


def _part(picture: Preview) -> bytes:
    """Headers, picture and the next boundary: a browser shows a part when it sees its end."""
    counted = sorted(picture.objects.items())[:OBJECTS_MAX]
    objects = {str(name)[:LABEL_CHARS_MAX]: int(count) for name, count in counted}
    headers = (
        "\r\nContent-Type: image/jpeg"
        f"\r\nContent-Length: {len(picture.jpeg)}"
        f"\r\nX-Captured-At: {float(picture.captured_at):.6f}"
        f"\r\nX-Objects: {json.dumps(objects)}\r\n\r\n"
    )
    return b"".join((headers.encode("ascii"), picture.jpeg, f"\r\n--{_BOUNDARY}".encode()))


async def _send(response: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(SEND_TIME_S_MAX):
        await response.write(data)
