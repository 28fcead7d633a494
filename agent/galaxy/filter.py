"""The one interface of every filter and source.

A filter declares its pins, parameters and needs as class attributes and implements three hooks:
``open`` once, ``process`` for each frame, ``close`` once. All are called in the same thread, unless
its type says that it is ``concurrent`` and ``parallel`` asks for several frames at once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from galaxy.params import Param

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.base.address import Address
    from galaxy.context import Context
    from galaxy.frame import Frame
    from galaxy.params import JsonValue, ParamValue
    from galaxy.pins import Pin

    Output = Frame | Mapping[str, Frame] | Iterator[Frame] | None
    """A frame for the only output, one frame per output pin, several frames, or none."""


class BaseFilter(ABC):
    """A part of a pipeline.

    ``inputs`` and ``outputs`` name the pins, ``needs`` is the resource expression that a node must
    satisfy, ``modules`` the packages that it imports when it runs (a node without them cannot run
    it), and :class:`galaxy.Param` attributes are the parameters.
    """

    inputs: ClassVar[Mapping[str, Pin]] = {}
    outputs: ClassVar[Mapping[str, Pin]] = {}
    needs: ClassVar[str] = ""
    modules: ClassVar[tuple[str, ...]] = ()
    description: ClassVar[str] = ""
    concurrent: ClassVar[bool] = False
    """Whether ``process`` may run on several frames at once: it changes nothing that two calls
    share. Such a type declares the parameter ``parallel``; its frames still leave in order."""
    work: ClassVar[float] = 0.1
    """What it typically takes of a core, at 30 frames of 720p a second; placement weighs it."""
    ports: ClassVar[tuple[int, ...]] = ()
    """Of one that connects to an address: the usual ports of what it speaks."""

    def __init__(self, params: Mapping[str, object] | None = None) -> None:
        """Check and hold the parameters.

        Raises:
            ValueError: a parameter is unknown, missing, of the wrong type or out of range.
        """
        values, problems = check_params(type(self), params or {})
        if problems:
            name, what = next(iter(problems.items()))
            message = f"{name}: {what}"
            raise ValueError(message)
        self.param_values = values

    def open(self, ctx: Context) -> None:  # noqa: B027 # most filters have nothing to open
        """Get ready; raises if the filter cannot run here."""

    @abstractmethod
    def process(self, frame: Frame, ctx: Context) -> Output:
        """Handle one frame that arrived on ``ctx.pin``."""

    def close(self) -> None:  # noqa: B027 # most filters have nothing to close
        """Give back what ``open`` took; called also after an error, also if ``open`` failed."""

    def address(self) -> Address | None:
        """Where it connects to, as its parameters say; None for most.

        Raises:
            ValueError: they name no address.
        """
        return None

    def on_params(self, changed: frozenset[str]) -> None:  # noqa: B027 # most filters read them anew
        """Live parameters have changed; called between two frames."""

    def report(self) -> dict[str, JsonValue]:
        """What this filter has to say at the end of a run; empty for most."""
        return {}

    def live_report(self) -> dict[str, JsonValue]:
        """What it has to say at any moment: a few figures, asked for from another thread."""
        return {}


class BaseSource(BaseFilter):
    """A filter without inputs that makes frames.

    A *live* source makes them whether they are taken or not, so its connections keep the latest;
    any other is read once, frame by frame, and waits for those who take.
    """

    live: ClassVar[bool] = False

    @abstractmethod
    def frames(self, ctx: Context) -> Iterator[Frame]:
        """Every frame in order; ends at the end of the media or when ``ctx.stopping``."""

    def process(self, frame: Frame, ctx: Context) -> Output:
        """A source takes no frames.

        Raises:
            TypeError: always.
        """
        message = f"{ctx.name} is a source and takes no frames"
        raise TypeError(message)


def params_of(filter_type: type[BaseFilter]) -> dict[str, Param[object]]:
    """The declared parameters in the order of their declaration, inherited ones first."""
    found: dict[str, Param[object]] = {}
    for layer in reversed(filter_type.__mro__):
        found.update(
            {name: value for name, value in vars(layer).items() if isinstance(value, Param)}
        )
    return found


def frames_at_once(filter_type: type[BaseFilter], values: Mapping[str, object]) -> int:
    """How many frames a filter with these parameters handles at the same time."""
    parallel = values.get("parallel", 1) if filter_type.concurrent else 1
    return parallel if isinstance(parallel, int) else 1


def check_params(
    filter_type: type[BaseFilter], given: Mapping[str, object]
) -> tuple[dict[str, ParamValue], dict[str, str]]:
    """The complete values, and what is wrong by parameter name."""
    declared = params_of(filter_type)
    values: dict[str, ParamValue] = {}
    problems = {
        name: f"unknown parameter; known: {', '.join(sorted(declared)) or 'none'}"
        for name in given
        if name not in declared
    }
    for name, param in declared.items():
        if name not in given:
            if param.required:
                problems[name] = "is missing"
            else:
                values[name] = param.default  # type: ignore[assignment] # declared kinds are ParamValue
            continue
        try:
            values[name] = param.check(given[name])  # type: ignore[assignment] # as above
        except ValueError as error:
            problems[name] = str(error)
    return values, problems


def params_schema(filter_type: type[BaseFilter]) -> dict[str, JsonValue]:
    """JSON Schema of a filter's parameters."""
    declared = params_of(filter_type)
    schema: dict[str, JsonValue] = {
        "type": "object",
        "additionalProperties": False,
        "properties": {name: param.schema() for name, param in declared.items()},
    }
    required: list[JsonValue] = [name for name, param in declared.items() if param.required]
    if required:
        schema["required"] = required
    return schema
