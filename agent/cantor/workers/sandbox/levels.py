"""How closed a worker is, as it is configured and handed to its process."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from cantor.base.errors import ConfigError

Level = Literal["full", "net", "none"]
LEVELS: tuple[Level, ...] = get_args(Level)
"""The most closed first."""
_MIB = 1 << 20


def level_named(text: str, *, where: str = "") -> Level:
    """A level by its name.

    Raises:
        ConfigError: there is none of that name.
    """
    for level in LEVELS:
        if level == text:
            return level
    raise ConfigError(
        f"no level of the sandbox is called {text!r}",
        where=where,
        remedy=f"one of {', '.join(LEVELS)}",
    )


def more_closed(one: Level, other: Level) -> Level:
    """Which of two levels leaves less."""
    return min(one, other, key=LEVELS.index)


@dataclass(frozen=True, slots=True)
class Limits:
    """What one sandboxed worker and all that it starts may take."""

    processes: int = 256
    """Threads count too."""
    files: int = 1024
    """Open at once in one process."""
    file_bytes: int = 1 << 30
    """The largest file that it may write."""
    folder_bytes: int = 256 * _MIB
    """All files in ``/tmp``, and as much in ``/dev/shm``; they are in memory."""
    data_bytes: int | None = None
    """Memory of one process; None for half of the machine's."""


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What a worker may see and do. All paths are absolute.

    ``readable`` are files and folders that it may read beside the system's programs and its own
    interpreter, ``writable`` folders that are its own, ``hidden`` those that it must not see
    although they lie below one of these, and ``devices`` nodes below ``/dev`` that its needs have
    taken. ``has_loopback``: at ``full`` it has a network of its own, with itself in it alone.
    """

    level: Level = "none"
    readable: tuple[Path, ...] = ()
    hidden: tuple[Path, ...] = ()
    devices: tuple[Path, ...] = ()
    writable: tuple[Path, ...] = ()
    has_loopback: bool = False
    limits: Limits = field(default_factory=Limits)

    @property
    def is_closed(self) -> bool:
        """Whether there is any sandbox at all."""
        return self.level != "none"

    def encode(self) -> str:
        """One line, for the command line of the worker."""
        told = {
            "level": self.level,
            "limits": asdict(self.limits),
            "has_loopback": self.has_loopback,
            **{name: [str(path) for path in getattr(self, name)] for name in _PATHS},
        }
        return json.dumps(told, separators=(",", ":"))

    @classmethod
    def decode(cls, text: str) -> Sandbox:
        """The reverse of :meth:`encode`.

        Raises:
            ConfigError: it is not such a line.
        """
        try:
            told: dict[str, Any] = json.loads(text)
            told |= {name: tuple(map(Path, told[name])) for name in _PATHS}
            told |= {"level": level_named(told["level"]), "limits": Limits(**told["limits"])}
            return cls(**told)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise ConfigError(f"not a sandbox: {error}", where="worker") from error


_PATHS = ("readable", "hidden", "devices", "writable")
OPEN = Sandbox()
"""No sandbox."""
