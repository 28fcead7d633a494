"""Lines of logs, for people and as JSON."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cantor.base.text import printable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.logs.lines import Line


class Shown:
    """Prints lines, each with its node if there are several, and what goes wrong to stderr.

    ``names`` are those of the nodes, by id.
    """

    def __init__(
        self, names: Mapping[str, str], *, is_json: bool = False, has_source: bool = True
    ) -> None:
        self._names = dict(names)
        self._is_json = is_json
        self._has_source = has_source
        self.has_trouble = False

    def meet(self, names: Mapping[str, str]) -> None:
        """These nodes are there as well."""
        self._names.update(names)

    def line(self, node: str, line: Line) -> None:
        """Print one line."""
        name = self._names.get(node, node)
        at = datetime.fromtimestamp(line.at, UTC).isoformat(timespec="milliseconds")
        if self._is_json:
            told = {"at": at, "node": node, "name": name, "level": line.level}
            told |= {"source": line.source, "text": line.text}
            print(json.dumps(told, ensure_ascii=False), flush=True)
            return
        parts = [at[:23].replace("T", " ")]
        if len(self._names) > 1:
            width = max(map(len, self._names.values()))
            parts.append(f"{printable(name):<{width}}")
        if self._has_source:
            parts.append(printable(line.source))
        level = "" if line.level in ("debug", "info") else f"{line.level.upper()} "
        first, *others = map(printable, line.text.split("\n"))
        print("\n".join(["  ".join([*parts, level + first]), *(f"    {one}" for one in others)]),
              flush=True)  # fmt: skip

    def trouble(self, node: str, what: str) -> None:
        """Say what is wrong with a node."""
        self.has_trouble = True
        print(f"{self._names.get(node, node)}: {what}", file=sys.stderr, flush=True)
