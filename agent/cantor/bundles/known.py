"""The types that a reader lets values of others be, and the records that all others become.

Values that others have kept are not from this program: a name in them must not choose among all
classes that happen to be imported here. Who reads such values says which types they may hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from cantor.base.errors import ConfigError
from cantor.bundles import plain
from cantor.bundles.objects import MADE, Taken, import_name, is_object

if TYPE_CHECKING:
    from collections.abc import Callable

NAME_LENGTH_MAX = 256
_NATIVE = (type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset)


class Known:
    """Types by name; give it to ``pack`` as ``types`` and to ``unpack`` as ``classes``.

        types = Known(Order, Colour)
        types.register(Matrix, "shop.Matrix", apart=lambda matrix: matrix.rows, together=Matrix)

    What it does not know is unpacked as a :class:`~cantor.bundles.objects.Record`.
    """

    def __init__(self, *kinds: type) -> None:
        """Know these dataclasses, enumerations, named tuples and errors.

        Raises:
            ConfigError: one of them is none of those.
        """
        self._found: dict[tuple[str, str], Any] = {}
        self._apart: dict[type, tuple[str, Callable[[Any], object]]] = {}
        for kind in kinds:
            if not is_object(kind):
                raise ConfigError(
                    f"{kind!r} is no dataclass, enumeration, named tuple or error",
                    remedy="register it with what takes it apart and puts it together",
                )
            self._add(import_name(kind), kind)

    def register(
        self,
        kind: type,
        name: str,
        *,
        apart: Callable[[Any], object],
        together: Callable[[Any], Any],
    ) -> None:
        """Know any other class under a name: ``together(apart(value))`` is such a value again.

        ``apart`` returns what can travel itself. It is called for this class, not for those that
        inherit from it.

        Raises:
            ConfigError: the class travels as it is, or the name is taken or too long.
        """
        if kind in _NATIVE or plain.is_plain(kind):
            raise ConfigError(f"{kind.__qualname__} travels as it is", remedy="do not register it")
        if not 0 < len(name) <= NAME_LENGTH_MAX:
            raise ConfigError(
                f"a name of {len(name)} characters for {kind.__qualname__}",
                remedy=f"use one of 1 to {NAME_LENGTH_MAX}: package.Class",
            )
        self._add(("", name), together)
        self._apart[kind] = name, apart

    def __call__(self, module: str, name: str) -> Any:  # noqa: ANN401 (a class, or what makes one)
        """The class of that name, for ``unpack``; None if it is not known."""
        return self._found.get((module, name))

    def take_apart(self, value: object) -> Taken | None:
        """As :func:`cantor.bundles.objects.take_apart`, for what was registered.

        Raises:
            TypeError: its ``apart`` failed.
        """
        known = self._apart.get(type(value))
        if known is None:
            return None
        name, apart = known
        try:
            return MADE, "", name, [apart(value)]
        except Exception as error:
            message = f"a registered {name} that could not be taken apart: {error!r}"
            raise TypeError(message) from error

    def _add(self, name: tuple[str, str], found: object) -> None:
        if self._found.setdefault(name, found) is not found:
            raise ConfigError(
                f"two types are called {'.'.join(filter(None, name))}", remedy="rename one of them"
            )
