"""What a series of metrics is called: a name, labels, and what kind of number it is."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["counter", "gauge", "histogram"]
"""The values of a histogram are series of their own: one of each bucket, the sum and the count."""
KINDS: tuple[Kind, ...] = ("counter", "gauge", "histogram")
Labels = tuple[tuple[str, str], ...]
LABELS_MAX = 8
NAME_MAX = 100
LABEL_MAX = 40
VALUE_BYTES_MAX = 100
RESERVED = "cantor_"
"""How the names of the node's own begin, and nobody else's."""
RESERVED_LABELS = frozenset(("node", "source", "le"))
_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*", re.ASCII)
_ESCAPES = str.maketrans({"\\": r"\\", '"': r"\"", "\n": r"\n"})


@dataclass(frozen=True, slots=True)
class Series:
    """One number that changes in time. ``labels`` are sorted by their names."""

    name: str
    labels: Labels = ()
    kind: Kind = "gauge"
    _hash: int = field(default=0, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_hash", hash((self.name, self.labels, self.kind)))

    def __hash__(self) -> int:
        return self._hash  # a sample looks it up several times for each series

    @property
    def text(self) -> str:
        """As people write it: ``frames{camera="door"}``."""
        return self.name + labels_text(self.labels)

    def with_labels(self, *labels: tuple[str, str]) -> Series:
        """The same with further labels."""
        return Series(self.name, tuple(sorted((*self.labels, *labels))), self.kind)

    def matches(self, glob: str) -> bool:
        """Whether its name, or its text, is what a person asks for with ``*``, ``?`` and ``[]``."""
        return (
            not glob
            or fnmatchcase(self.name, glob)
            or ("{" in glob and fnmatchcase(self.text, glob))
        )


def labels_text(labels: Labels) -> str:
    """``{camera="door"}``; nothing if there are none."""
    inside = ",".join(f'{name}="{value.translate(_ESCAPES)}"' for name, value in labels)
    return f"{{{inside}}}" if inside else ""


def wrong_with(name: str, labels: Labels, *, is_own: bool = False) -> str:
    """Why that is no series; "" if it is one. ``is_own``: the node itself says it."""
    if len(name) > NAME_MAX or not _NAME.fullmatch(name):
        return f"a name has 1 to {NAME_MAX} of A-Z, a-z, 0-9 and _, and begins with no digit"
    if not is_own and name.startswith(RESERVED):
        return f"names that begin with {RESERVED} are the node's own"
    if len(labels) > LABELS_MAX + (len(RESERVED_LABELS) if is_own else 0):
        return f"a series has at most {LABELS_MAX} labels"
    if len({key for key, _ in labels}) != len(labels):
        return "two labels have the same name"
    for key, value in labels:
        if len(key) > LABEL_MAX or not _NAME.fullmatch(key) or key.startswith("__"):
            return f"a label's name has 1 to {LABEL_MAX} of A-Z, a-z, 0-9 and _"
        if not is_own and key in RESERVED_LABELS:
            return f"the label {key} is the node's to set"
        if len(value.encode("utf-8", "replace")) > VALUE_BYTES_MAX or not value.isprintable():
            return f"the value of a label has at most {VALUE_BYTES_MAX} bytes that can be printed"
    return ""


def checked(name: str, labels: Mapping[str, object] | None) -> Labels:
    """The labels that somebody gave, for a name that may be used.

    Raises:
        ConfigError: one of them cannot be used.
    """
    found = tuple(sorted((str(key), str(value)) for key, value in (labels or {}).items()))
    if why := wrong_with(name, found):
        raise ConfigError(why, where=f"metric {name[:NAME_MAX]!r}")
    return found
