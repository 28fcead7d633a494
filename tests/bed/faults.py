"""What can be done to a line. Every fault counts what it hit, so that a test cannot pass by a fault
that did nothing: ending one that hit nothing is an error, unless the caller says that it may be.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from tests.bed.switch import BedError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.bed.switch import Switch

_numbers = itertools.count(1)


class Fault:
    """Something that is wrong from the moment it is made until ``end``, or until its block ends."""

    def __init__(self, what: str, count: Callable[[], int], undo: Callable[[], object]) -> None:
        self.what = what
        self._count = count
        self._undo = undo
        self._final: int | None = None

    @property
    def hits(self) -> int:
        """How often it struck: frames dropped, or interfaces that lost their carrier."""
        return self._count() if self._final is None else self._final

    def end(self, *, may_miss: bool = False) -> int:
        """Put it right; how often it struck.

        Raises:
            BedError: it struck nothing, so that what was seen meanwhile shows nothing.
        """
        if self._final is None:
            self._final = self._count()
            self._undo()
        if not self._final and not may_miss:
            raise BedError(f"{self.what}: nothing was hit, so that nothing was tested")
        return self._final

    def __enter__(self) -> Fault:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self.end(may_miss=kind is not None)


def drop(
    switch: Switch, what: str, rules: Iterable[str], undo: Callable[[], object] = lambda: None
) -> Fault:
    """Drop the bridged frames that one of the rules of ``nft`` matches, without a word."""
    table = f"fault{next(_numbers)}"
    lines = "\n".join(f"{rule} counter name hits drop" for rule in rules)
    switch.nft(
        f"table bridge {table} {{\n counter hits {{ }}\n"
        f"chain forward {{ type filter hook forward priority 0\n{lines}\n}}\n}}"
    )

    def count() -> int:
        return switch.counters("bridge", table)["hits"]

    def end() -> None:
        switch.nft(f"delete table bridge {table}")
        undo()

    return Fault(what, count, end)
