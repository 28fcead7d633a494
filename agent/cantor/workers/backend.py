"""Where units are submitted: a pool, or inside a worker the pool that it belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from cantor.workers.units import PLAIN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Buffer
    from cantor.workers.units import Listener, Shipped, Terms


class Backend(Protocol):
    """Runs units and tells their listeners."""

    def submit(
        self,
        code: Shipped,
        body: bytes,
        buffers: Sequence[Buffer],
        listener: Listener,
        terms: Terms = PLAIN,
    ) -> Any:  # noqa: ANN401 (each has its own mark of a unit)
        """Take one call; what :meth:`cancel` and :meth:`credit` want."""

    def cancel(self, unit: Any) -> None:  # noqa: ANN401
        """End a unit, also if it runs."""

    def credit(self, unit: Any, count: int) -> None:  # noqa: ANN401
        """The caller of a stream took so many items; with 0 it wants no more."""


class _Here:
    backend: Backend | None = None


def set_backend(backend: Backend | None) -> None:
    """Where submits of this process go."""
    _Here.backend = backend


def backend_here() -> Backend | None:
    """Where submits of this process go, if that was said."""
    return _Here.backend
