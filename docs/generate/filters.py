"""The page of every filter type: pins, parameters and needs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from docs.generate.markdown import code, page, prose, table

from galaxy.filter import BaseSource, params_of
from galaxy.registry import BUILT_IN, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from galaxy.filter import BaseFilter
    from galaxy.params import Param
    from galaxy.pins import Pin


def filters() -> str:
    """The page; only what the project itself brings, whatever else is installed here."""
    registry = Registry.default()
    names = sorted(BUILT_IN)
    intro = (
        "What a filter's `type` may be in a [pipeline file](pipeline-file.md). `cantor filter list`"
        " and `cantor filter show NAME` print the same for your installation, with the filters of"
        " packages that you added."
    )
    rows = [
        (f"[`{name}`](#{name})", "source" if issubclass(kind, BaseSource) else "filter",
         kind.description)
        for name, kind in ((name, registry.get(name)) for name in names)
    ]  # fmt: skip
    parts = [_filter(name, registry.get(name)) for name in names]
    return page("Filters", intro, table(("type", "kind", "what it does"), rows), *parts)


def _filter(name: str, kind: type[BaseFilter]) -> str:
    parts = [f"## `{name}` {{ #{name} }}", kind.description + ".", prose(kind.__doc__)]
    if issubclass(kind, BaseSource):
        parts.append(
            "A live source: its connections keep the latest frame."
            if kind.live
            else "A source that is read once: every frame is taken, and it waits."
        )
    if kind.needs:
        parts.append(f"Needs {code(kind.needs)} on its node.")
    pins = [*_pins("in", kind.inputs), *_pins("out", kind.outputs)]
    parts.append(table(("pin", "direction", "type", "formats", "meaning"), pins))
    params = [_param(param_name, param) for param_name, param in params_of(kind).items()]
    header = ("parameter", "type", "default", "range", "live", "meaning")
    parts.append(table(header, params) or "No parameters.")
    return "\n\n".join(part for part in parts if part)


def _pins(direction: str, pins: Mapping[str, Pin]) -> Iterator[tuple[str, ...]]:
    for name, pin in pins.items():
        optional = " (optional)" if pin.optional else ""
        formats = ", ".join(pin.formats) or "any"
        yield code(name), direction, code(pin.type) + optional, formats, pin.description


def _param(name: str, param: Param[object]) -> tuple[str, ...]:
    schema = param.schema()
    default = "must be given" if param.required else code(fallback(param.default))
    return (
        code(name),
        str(schema["type"]),
        "hidden" if param.secret else default,
        limits(param),
        "yes" if param.live else "",
        param.description,
    )


def fallback(value: object) -> str:
    """A default as a file would write it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(value) + "]"
    return str(value) if value != "" else '""'


def limits(param: Param[object]) -> str:
    """What a parameter may be."""
    if param.choices:
        return ", ".join(code(choice if choice != "" else '""') for choice in param.choices)
    bounds = {"≥": param.minimum, "≤": param.maximum}
    text = " ".join(f"{sign} {bound}" for sign, bound in bounds.items() if bound is not None)
    return f"{text} {param.unit}".strip()
