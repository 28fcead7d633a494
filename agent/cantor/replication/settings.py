"""How long a member waits, and how much it keeps at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Settings:
    """Seconds and bounds of a group.

    Nothing that is promised rests on the times: they only say how soon something is tried. They are
    long, because the mesh tells at once who cannot be reached.
    """

    heartbeat_s: float = 2.0
    election_s: float = 8.0
    """Who has not been heard for so long is taken for unreachable."""
    hasty_s: float = 0.2
    """The same when the mesh says that the owner cannot be reached."""
    resend_s: float = 1.0
    """Entries and questions that nobody has confirmed are sent again so long after."""
    again_s: float = 2.0
    """A disk that has refused is tried so long after."""
    snapshot_again_s: float = 60.0
    """A snapshot that was not confirmed is sent again so long after."""
    idle_s: float = 1.0
    """How far the log counts is written after so long, if nothing else is."""
    batch_bytes: int = 1024 * 1024
    """Of the entries in one message; one entry may be larger."""
    batch_entries: int = 1024
    waiting_max: int = 4096
    """Commands that are not answered yet; no more are taken then."""
    waiting_bytes_max: int = 64 * 1024 * 1024
    compact_entries: int = 8192
    """After so many entries the state is asked for, and the log before it is forgotten."""
    compact_bytes: int = 32 * 1024 * 1024
    log_bytes_max: int = 128 * 1024 * 1024
    """A log that cannot be made shorter takes no more commands beyond that."""
    tail_entries: int = 256
    """Kept behind a snapshot, for members that are a little late."""
