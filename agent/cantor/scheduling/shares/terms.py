"""What a project may have of the pool: its share, its priority and its limits."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.wire.frame import Value

DEFAULT_PROJECT = "default"
"""Whoever names no project that was declared uses this one."""
SHARE_MAX = 1000
PRIORITY_MAX = 100
LIMITS_MAX = 16
PROJECTS_MAX = 128
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_QUANTITY = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


@dataclass(frozen=True, slots=True)
class Terms:
    """Who waits gets ``share`` parts of what projects of one ``priority`` wait for together.

    A higher priority goes first. ``limits`` are base units by quantity, over all nodes.
    """

    share: int = 1
    priority: int = 0
    limits: Mapping[str, int | float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            ConfigError: a number is out of range, or a limit is none.
        """
        if type(self.share) is not int or not 1 <= self.share <= SHARE_MAX:
            raise ConfigError(f"must be 1 to {SHARE_MAX}, not {self.share!r:.40}", where="share")
        if type(self.priority) is not int or abs(self.priority) > PRIORITY_MAX:
            raise ConfigError(
                f"must be -{PRIORITY_MAX} to {PRIORITY_MAX}, not {self.priority!r:.40}",
                where="priority",
            )
        if len(self.limits) > LIMITS_MAX:
            raise ConfigError(f"at most {LIMITS_MAX} limits", where="limit")
        for name, most in self.limits.items():
            is_number = type(most) in (int, float) and 0 <= most < math.inf
            if not _QUANTITY.fullmatch(name) or not is_number:
                raise ConfigError(
                    f"{name!r:.80} = {most!r:.40} limits nothing",
                    where="limit",
                    remedy="write GPU=4 or Memory=2GiB",
                )

    def as_value(self) -> dict[str, Value]:
        """As msgpack types; ``terms_from_value`` reads it back."""
        return {"share": self.share, "priority": self.priority, "limits": dict(self.limits)}


def terms_from_value(value: Value) -> Terms:
    """Terms that ``as_value`` made.

    Raises:
        ConfigError: they were made by something else.
    """
    limits = value.get("limits", {}) if isinstance(value, dict) else None
    if not isinstance(value, dict) or not isinstance(limits, dict):
        raise ConfigError("no terms of a project", where="project")
    return Terms(value.get("share", 1), value.get("priority", 0), limits)  # type: ignore[arg-type]


def check_name(name: str) -> str:
    """A name that a project can have.

    Raises:
        ConfigError: no project can be called so.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(
            f"no project can be called {name!r:.80}",
            where="project",
            remedy="use up to 64 small letters, digits and - _ .",
        )
    return name
