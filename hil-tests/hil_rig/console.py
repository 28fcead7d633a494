"""A board's console: wait for text, give commands, ask by frames. Every wait has a deadline."""

from __future__ import annotations

import codecs
import re
from collections import deque
from typing import TYPE_CHECKING

from hil_rig.errors import BoardSilentError
from hil_rig.frames import GAP_S, AppFrame, Kind, Splitter, encode

if TYPE_CHECKING:
    from hil_rig.backend import Backend
    from hil_rig.faults import Faults
    from hil_rig.rig_file import BoardSpec
    from hil_rig.timeline import Timeline

UNREAD_MAX = 1 << 18
LINES_KEPT = 2000
_LINE_MAX = 400


class Console:
    """The line to the board, with faults on it. Times in seconds of the rig's clock."""

    def __init__(
        self, backend: Backend, spec: BoardSpec, timeline: Timeline, faults: Faults
    ) -> None:
        self._backend = backend
        self._spec = spec
        self._timeline = timeline
        self._faults = faults
        self._splitter = Splitter()
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._unread = ""
        self._line = ""
        self._line_at_s = 0.0
        self._frames: deque[AppFrame] = deque(maxlen=1000)
        self._number = 0
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)

    @property
    def damaged_frames(self) -> int:
        """How many frames came damaged and were refused."""
        return self._splitter.damaged

    @property
    def unread(self) -> str:
        """Text that came and that nothing waited for yet."""
        return self._unread

    def expect(self, pattern: str | re.Pattern[str], within_s: float) -> re.Match[str]:
        """Wait until the unread text holds the pattern; the text up to its end is then read.

        Raises:
            BoardSilentError: it did not within the deadline.
        """
        compiled = re.compile(pattern) if isinstance(pattern, str) else pattern
        deadline_s = self._now_s() + within_s
        while True:
            match = compiled.search(self._unread)
            if match:
                self._unread = self._unread[match.end() :]
                return match
            if self._now_s() >= deadline_s:
                raise self._silent(compiled.pattern, within_s)
            self._take(deadline_s)

    def expect_prompt(self, within_s: float = 0.0) -> str:
        """Wait for the prompt; the text before it. Without a deadline, the rig file's holds."""
        prompt = re.escape(self._spec.prompt)
        match = self.expect(f"(?s)(.*?){prompt}", within_s or self._spec.answer_within_s)
        return match.group(1)

    def listen(self, for_s: float) -> None:
        """Let the board run for so long and take what it says."""
        deadline_s = self._now_s() + for_s
        while self._now_s() < deadline_s:
            self._take(deadline_s)

    def send(self, text: str) -> None:
        """Type a line.

        Raises:
            PortGoneError: the port hung up.
        """
        self._timeline.add("sent", text)
        self._write(text.encode() + b"\n")

    def command(self, text: str, within_s: float = 0.0) -> str:
        """Type a line at the prompt; what came before the next prompt, without the echo.

        Raises:
            BoardSilentError: no prompt came within the deadline.
            PortGoneError: the port hung up.
        """
        self._unread = ""
        self.send(text)
        said = self.expect_prompt(within_s).replace("\r", "").lstrip("\n")
        return said.removeprefix(text).strip("\n")

    def request(self, kind: Kind, payload: bytes = b"", within_s: float = 0.0) -> bytes:
        """Ask by a frame; the payload of the answer with the same number.

        Raises:
            BoardSilentError: no answer came within the deadline.
            PortGoneError: the port hung up.
        """
        self._number = (self._number + 1) & 0xFFFF
        self._timeline.add("frame", f"{kind.name} {self._number} asked")
        self._write(encode(AppFrame(kind, self._number, payload)))
        within_s = within_s or self._spec.answer_within_s
        deadline_s = self._now_s() + within_s
        while True:
            while self._frames:
                frame = self._frames.popleft()
                if (frame.kind, frame.number) == (kind | Kind.ANSWER, self._number):
                    self._timeline.add("frame", f"{kind.name} {self._number} answered")
                    return frame.payload
            if self._now_s() >= deadline_s:
                raise self._silent(f"an answer to {kind.name} {self._number}", within_s)
            self._take(deadline_s)

    def forget(self) -> None:
        """Drop what came and was not read, as after a reset."""
        self._unread = ""
        self._frames.clear()

    def finish(self) -> None:
        """Keep the last, unfinished line for the report."""
        self._end_line()

    def _now_s(self) -> float:
        return self._backend.clock.monotonic()

    def _write(self, data: bytes) -> None:
        struck = self._faults.to_board(data)
        if struck:
            self._backend.write(struck)

    def _take(self, until_s: float) -> None:
        if self._splitter.in_frame:
            until_s = min(until_s, self._now_s() + GAP_S)
        data = self._faults.from_board(self._backend.read(until_s))
        text, frames = self._splitter.feed(data, self._now_s())
        self._frames.extend(frames)
        if text:
            self._read(self._decoder.decode(text))

    def _read(self, text: str) -> None:
        self._unread = (self._unread + text)[-UNREAD_MAX:]
        for part in text.replace("\r", "").splitlines(keepends=True):
            if not self._line:
                self._line_at_s = self._timeline.now_s
            self._line += part
            if part.endswith("\n") or len(self._line) > _LINE_MAX:
                self._end_line()

    def _end_line(self) -> None:
        line, self._line = self._line.rstrip("\n"), ""
        if line:
            self.lines.append(line)
            self._timeline.add("console", line, self._line_at_s)

    def _silent(self, expected: str, within_s: float) -> BoardSilentError:
        lines = [*self.lines, self._line] if self._line else [*self.lines]
        return BoardSilentError(expected, within_s, self._unread, lines, self._backend.where)
