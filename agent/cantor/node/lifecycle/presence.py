"""Since when an issuer has been there to be asked, over its restarts."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from cantor.identity.files import PUBLIC_MODE, write_durably

if TYPE_CHECKING:
    from pathlib import Path

GAP_S_MAX = 86_400.0
NOTE_EVERY_S = 3600.0
_log = logging.getLogger(__name__)


class Presence:
    """Counts an issuer as there while it was never away for longer than a day.

    A node that could not renew because the issuer was off for months is not to blame.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._since_s = self._last_s = -GAP_S_MAX - 1.0
        try:
            noted = json.loads(path.read_bytes())
            self._since_s, self._last_s = float(noted["since_s"]), float(noted["last_s"])
        except (OSError, ValueError, TypeError, KeyError):
            return

    def since_s(self, now_s: float) -> float:
        """Seconds since 1970 since when the issuer is there; ask often, so that it is noted."""
        if now_s - self._last_s > GAP_S_MAX:
            self._since_s = now_s
        elif now_s - self._last_s < NOTE_EVERY_S:
            return self._since_s
        self._last_s = now_s
        noted = json.dumps({"since_s": self._since_s, "last_s": now_s}).encode()
        try:
            write_durably(self._path, noted, PUBLIC_MODE)
        except OSError as error:  # the note is for the next start; it is tried again in an hour
            _log.warning("cannot be written", extra={"path": str(self._path), "reason": str(error)})
        return self._since_s
