"""Versions in an order: ``1.2.0-rc1 < 1.2.0 < 1.10``."""

from __future__ import annotations

import re

VERSION_CHARACTERS_MAX = 64

VersionKey = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]

_VERSION = re.compile(
    r"[vV]?(\d+(?:\.\d+)*)[-.]?(?:((?:alpha|beta|dev|pre|rc|a|b|c)[0-9.]*)?(.*))", re.A
)
_PART = re.compile(r"\d+|[a-z]+")


def version_key(text: str) -> VersionKey | None:
    """What orders versions, or None if ``text`` is no version.

    Missing parts are 0 (``1.2`` equals ``1.2.0``). A suffix that starts with alpha, beta, dev, pre,
    rc, a, b or c comes before the release; any other (``6.1.0-56-amd64``, ``2.4.0+cu118``) names
    the build and does not count.
    """
    match = _VERSION.fullmatch(text) if len(text) <= VERSION_CHARACTERS_MAX else None
    if match is None:
        return None
    release = [int(part) for part in match.group(1).split(".")]
    while release and release[-1] == 0:
        release.pop()
    suffix = match.group(2) or ""
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, "" if part.isdigit() else part)
        for part in _PART.findall(suffix)
    )
    return tuple(release), not suffix, parts
