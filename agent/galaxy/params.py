"""Typed, ranged parameters: one declaration gives the check, the default and the JSON Schema."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Generic, TypeVar, overload

if TYPE_CHECKING:
    from galaxy.filter import BaseFilter

T = TypeVar("T")
ParamValue = bool | int | float | str | tuple[str, ...]
JsonValue = bool | int | float | str | None | list["JsonValue"] | dict[str, "JsonValue"]

JSON_TYPES = {bool: "boolean", int: "integer", float: "number", str: "string", tuple: "array"}


class Param(Generic[T]):
    """A parameter of a filter, a class attribute: ``size = Param(int, 640, minimum=1)``.

    The kind is ``bool``, ``int``, ``float``, ``str`` or ``tuple`` (a list of strings). Without a
    default it must be given. A *live* parameter may change while the pipeline runs; a *secret* is
    never shown; a *file* names one on the node that runs the filter.
    """

    def __init__(
        self,
        kind: type[T],
        default: T | None = None,
        *,
        minimum: float | None = None,
        maximum: float | None = None,
        choices: tuple[T, ...] = (),
        unit: str = "",
        description: str = "",
        live: bool = False,
        secret: bool = False,
        file: bool = False,
    ) -> None:
        self.kind = kind
        self.default = default
        self.minimum = minimum
        self.maximum = maximum
        self.choices = choices
        self.unit = unit
        self.description = description
        self.live = live
        self.secret = secret
        self.file = file
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Param[T]: ...
    @overload
    def __get__(self, instance: BaseFilter, owner: type) -> T: ...
    def __get__(self, instance: BaseFilter | None, owner: type) -> Param[T] | T:
        if instance is None:
            return self
        value: T = instance.param_values[self.name]  # type: ignore[assignment] # check() gave it this type
        return value

    @property
    def required(self) -> bool:
        """Whether it has no default."""
        return self.default is None

    def check(self, value: object) -> T:
        """The value as this parameter holds it.

        Raises:
            ValueError: wrong type, outside the range, or none of the choices; the text says which.
        """
        held = self._convert(value)
        if self.choices and held not in self.choices:
            message = f"must be one of {', '.join(map(str, self.choices))}, not {shown(value)}"
            raise ValueError(message)
        if isinstance(held, (int, float)) and not self._in_range(held):
            message = f"must lie {self._range_text()}, not {shown(value)}"
            raise ValueError(message)
        return held

    def _convert(self, value: object) -> T:
        kind: type = self.kind
        if kind is tuple and isinstance(value, (list, tuple)):
            if all(isinstance(item, str) for item in value):
                return tuple(value)  # type: ignore[return-value] # T is a tuple of strings here
        elif kind is float and isinstance(value, (int, float)) and not isinstance(value, bool):
            return float(value)  # type: ignore[return-value] # T is float here
        elif isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return value  # type: ignore[return-value] # T is this kind
        wanted = "list of strings" if kind is tuple else JSON_TYPES[kind]
        article = "an" if wanted[0] in "aeiou" else "a"
        message = f"must be {article} {wanted}, not {shown(value)}"
        raise ValueError(message)

    def _in_range(self, value: float) -> bool:
        if math.isnan(value):
            return False
        low = -math.inf if self.minimum is None else self.minimum
        high = math.inf if self.maximum is None else self.maximum
        return low <= value <= high

    def _range_text(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.minimum is None:
            return f"at or below {self.maximum}{unit}"
        if self.maximum is None:
            return f"at or above {self.minimum}{unit}"
        return f"between {self.minimum} and {self.maximum}{unit}"

    def parse(self, text: str) -> T:
        """The value written on a command line; lists are separated by commas.

        Raises:
            ValueError: as :meth:`check`.
        """
        kind: type = self.kind
        if kind is bool and text in ("true", "false"):
            return self.check(text == "true")
        if kind is tuple:
            return self.check([part.strip() for part in text.split(",") if part.strip()])
        if kind in (int, float):
            try:
                return self.check(kind(text))
            except ValueError as error:
                if str(error).startswith("must"):
                    raise
        return self.check(text)

    def schema(self) -> dict[str, JsonValue]:
        """JSON Schema of this parameter."""
        kind: type = self.kind
        schema: dict[str, JsonValue] = {"type": JSON_TYPES[kind]}
        if kind is tuple:
            schema["items"] = {"type": "string"}
        if self.choices:
            schema["enum"] = [as_json(choice) for choice in self.choices]
        if self.default is not None and not self.secret:
            schema["default"] = as_json(self.default)
        limits = {"minimum": self.minimum, "maximum": self.maximum}
        schema.update({key: limit for key, limit in limits.items() if limit is not None})
        if self.description:
            schema["description"] = self.description
        if self.unit:
            schema["x-unit"] = self.unit
        if self.secret:
            schema["writeOnly"] = True
        if self.file:
            schema["x-file"] = True
        schema["x-live"] = self.live
        return schema


def as_json(value: object) -> JsonValue:
    """A parameter's value as JSON writes it."""
    if isinstance(value, (list, tuple)):
        return [as_json(item) for item in value]
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return str(value)


def shown(value: object) -> str:
    """A value from a person's file, cut to what an error line can hold."""
    if isinstance(value, (dict, list, tuple)):
        return "a mapping" if isinstance(value, dict) else "a list"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
