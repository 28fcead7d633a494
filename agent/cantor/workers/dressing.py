"""Workers that import from wheels: what each of them does before all units."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cantor.bundles.code import Code, python_here
from cantor.bundles.loading import use_wheels
from cantor.bundles.values import pack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.pool import Call
    from cantor.workers.units import Death, End, Terms


def dressing(terms: Terms) -> Call:
    """The call that lets a worker import from the folders of these terms."""
    buffers: list[Buffer] = []
    code = Code(use_wheels.__module__, use_wheels.__name__, python_here())
    body = pack([[terms.folders.splitlines(), terms.wheels], {}], buffers)
    return code, body, buffers, _Unheard()


class _Unheard:
    """Nobody waits for it: if it fails, what waits for the worker hears that."""

    def resolved(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It can import now."""

    def failed(self, failure: Sequence[object]) -> None:
        """It cannot."""

    def ended(self, end: End, death: Death | None) -> None:
        """The worker has ended."""

    def item(self, body: bytes, buffers: Sequence[Buffer]) -> None:
        """It gives none."""

    def progressed(self, fraction: float, text: str) -> None:
        """It says nothing."""

    def wrote(self, descriptor: int, text: str) -> None:
        """It writes nothing."""
