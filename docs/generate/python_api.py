"""The page of the Python interface, from the docstrings of what is exported."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING

from docs.generate.markdown import fenced, page, prose

import cantor.metrics
import cantor.scheduling.needs
import cantor.tasks.actor
import cantor.tasks.executor
import cantor.tasks.future
import cantor.tasks.group
import cantor.tasks.handle
import cantor.tasks.local
import cantor.tasks.progress
import cantor.tasks.stream
import cantor.tasks.task
import galaxy
import galaxy.builder
import galaxy.loader
import galaxy.pipeline
import galaxy.runtime

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType

FURTHER: tuple[tuple[ModuleType, tuple[str, ...]], ...] = (
    (cantor.tasks.task, ("task", "Task")),
    (cantor.tasks.future, ("Future",)),
    (cantor.tasks.stream, ("Stream",)),
    (cantor.tasks.local, ("local",)),
    (cantor.tasks.group, ("group", "Group", "Call")),
    (cantor.tasks.progress, ("progress", "is_cancelled")),
    (cantor.tasks.executor, ("Executor",)),
    (cantor.metrics, ("counter", "gauge", "histogram", "Counter", "Gauge", "Histogram")),
    (cantor.tasks.actor, ("actor", "Actor", "find_actor")),
    (cantor.tasks.handle, ("Handle", "Method")),
    (galaxy.builder, ("PipelineBuilder", "FilterHandle")),
    (galaxy.pipeline, ("Pipeline", "FilterSpec", "Connection", "Endpoint")),
    (galaxy.loader, ("load_pipeline",)),
    (galaxy.runtime, ("Runtime",)),
    (cantor.scheduling.needs, ("parse", "Needs", "NeedsWarning")),
)
INHERITED = object.__dict__.keys() | dict.__dict__.keys() | Exception.__dict__.keys()


def python_api() -> str:
    """The page."""
    parts = [prose(galaxy.__doc__), "## `galaxy`"]
    parts += [_entry("galaxy", name, getattr(galaxy, name)) for name in galaxy.__all__]
    for module, names in FURTHER:
        parts += [f"## `{module.__name__}`", prose(module.__doc__).split("## ")[0]]
        parts += [_entry(module.__name__, name, getattr(module, name)) for name in names]
    return page("Python", *parts)


def public_names() -> Iterator[str]:
    """Every name that has an entry."""
    yield from (f"galaxy.{name}" for name in galaxy.__all__)
    for module, names in FURTHER:
        yield from (f"{module.__name__}.{name}" for name in names)


def _entry(module: str, name: str, value: str | Callable[..., object]) -> str:
    heading = f"### `{module}.{name}`"
    if isinstance(value, str):
        return f"{heading}\n\nThe text `{value!r}`."
    parts = [heading, fenced(_signature(name, value), "python"), prose(inspect.getdoc(value))]
    if inspect.isclass(value):
        parts += list(_members(value))
    return "\n\n".join(part for part in parts if part)


def _members(kind: type) -> Iterator[str]:
    for name, value in vars(kind).items():
        is_documented = bool(inspect.getdoc(value)) and not isinstance(value, str | int | float)
        if name.startswith("_") or name in INHERITED or not is_documented:
            continue
        told = prose(inspect.getdoc(value))
        if isinstance(value, property):
            yield f"**`{name}`** (property)\n\n{told}"
        elif isinstance(value, classmethod | staticmethod):
            yield f"**`{_signature(name, value.__func__)}`**\n\n{told}"
        elif inspect.isfunction(value):
            yield f"**`{_signature(name, value)}`**\n\n{told}"


class _Bare(str):
    """A text that shows itself without quotes: how signatures write annotations."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _signature(name: str, value: Callable[..., object]) -> str:
    """How it is called."""
    if inspect.isclass(value) and issubclass(value, Exception):
        return f"{name}(what, *, where='', remedy='')"
    signature = inspect.signature(value)
    shown = [
        parameter.replace(annotation=_shown(parameter.annotation), default=_default(parameter))
        for parameter in signature.parameters.values()
        if parameter.name not in ("self", "cls")
    ]
    returned = signature.empty if inspect.isclass(value) else _shown(signature.return_annotation)
    return name + str(signature.replace(parameters=shown, return_annotation=returned))


def _shown(annotation: object) -> object:
    return _Bare(annotation) if isinstance(annotation, str) else annotation


def _default(parameter: inspect.Parameter) -> object:
    is_made = repr(parameter.default) == "<factory>"
    return _Bare("...") if is_made else parameter.default
