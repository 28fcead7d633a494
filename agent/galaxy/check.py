"""Whether a pipeline can run: names, parameters, pins, cycles and groups.

Every problem carries its path in the document, so that a loader can name the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.secret_names import is_secret_name
from galaxy.filter import BaseFilter, BaseSource, check_params, frames_at_once, params_of
from galaxy.registry import push_of
from galaxy.secrets import references

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from galaxy.pipeline import Connection, Pipeline
    from galaxy.registry import Registry

Path = tuple[str | int, ...]
Types = dict[str, type[BaseFilter]]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and the path of the key that holds it."""

    path: Path
    what: str
    remedy: str = ""

    @property
    def key(self) -> str:
        """The path as people write it: ``filters.detect.params.confidence``."""
        text = ""
        for part in self.path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
        return text


def find_problems(
    pipeline: Pipeline, registry: Registry, parse_needs: Callable[[str], object] | None = None
) -> list[Problem]:
    """Everything that keeps the pipeline from running; empty if it can.

    ``parse_needs`` raises ``CantorError`` or ``ValueError`` for an expression with a mistake in it.
    """
    types: Types = {}
    problems: list[Problem] = []
    for name, spec in pipeline.filters.items():
        try:
            types[name] = registry.get(spec.type)
        except ConfigError as error:
            problems.append(Problem(("filters", name, "type"), error.what, error.remedy))
            continue
        _, wrong = check_params(types[name], spec.params)
        problems += [Problem(("filters", name, "params", key), what) for key, what in wrong.items()]
        problems += _secret_problems(name, spec.params, types[name])
        if spec.needs and parse_needs is not None:
            problems += _needs_problems(("filters", name, "needs"), spec.needs, parse_needs)
    problems += _connection_problems(pipeline, types)
    if not problems:
        problems += [*_input_problems(pipeline, types), *_shape_problems(pipeline, types)]
    return problems


def _secret_problems(
    name: str, params: Mapping[str, object], filter_type: type[BaseFilter]
) -> Iterator[Problem]:
    declared = params_of(filter_type)
    for key, value in params.items():
        path: Path = ("filters", name, "params", key)
        for secret in references(value):
            if not is_secret_name(secret):
                yield Problem(path, "no secret can be called so")
            elif key in declared and declared[key].file:
                yield Problem(path, "it names a file, and a secret is none")


def _needs_problems(path: Path, text: str, parse_needs: Callable[[str], object]) -> list[Problem]:
    try:
        parse_needs(text)
    except (ValueError, ConfigError) as error:
        return [Problem(path, getattr(error, "what", str(error)), getattr(error, "remedy", ""))]
    return []


def _connection_problems(pipeline: Pipeline, types: Types) -> Iterator[Problem]:
    seen: set[str] = set()
    for index, connection in enumerate(pipeline.connections):
        path: Path = ("connections", index)
        ends = [*_end_problems(path, connection, pipeline, types)]
        yield from ends
        if connection.name in seen:
            yield Problem(path, f"{connection.name} is connected twice")
        seen.add(connection.name)
        known = {connection.source.filter, connection.target.filter} <= set(types)
        if known and not ends:
            yield from _pin_problems(path, connection, types)


def _end_problems(
    path: Path, connection: Connection, pipeline: Pipeline, types: Types
) -> Iterator[Problem]:
    for key, end, side in (
        ("from", connection.source, "outputs"),
        ("to", connection.target, "inputs"),
    ):
        if end.filter not in pipeline.filters:
            yield Problem(
                (*path, key),
                f"there is no filter {end.filter!r}",
                f"filters here: {', '.join(pipeline.filters)}",
            )
        elif end.filter in types:
            pins = getattr(types[end.filter], side)
            if end.pin not in pins:
                yield Problem(
                    (*path, key),
                    f"{end.filter} has no pin {end.pin!r} among its {side}",
                    f"its {side}: {', '.join(pins) or 'none'}",
                )


def _pin_problems(path: Path, connection: Connection, types: Types) -> Iterator[Problem]:
    output = types[connection.source.filter].outputs[connection.source.pin]
    wanted = types[connection.target.filter].inputs[connection.target.pin]
    if not wanted.accepts(output):
        yield Problem(
            path,
            f"{connection.source} gives {output}, but {connection.target} takes {wanted}",
            "put a filter between them that converts",
        )


def _input_problems(pipeline: Pipeline, types: Types) -> Iterator[Problem]:
    connected = {connection.target for connection in pipeline.connections}
    taken = {(end.filter, end.pin) for end in connected}
    for name, filter_type in types.items():
        for pin, declared in filter_type.inputs.items():
            if not declared.optional and (name, pin) not in taken:
                yield Problem(("filters", name), f"nothing is connected to its input {pin!r}")
    if not any(issubclass(filter_type, BaseSource) for filter_type in types.values()):
        yield Problem(("filters",), "there is no source", "add a camera, a file or a test_pattern")


def _shape_problems(pipeline: Pipeline, types: Types) -> Iterator[Problem]:
    circle = find_cycle(pipeline)
    if circle:
        yield Problem(("connections",), f"the connections form a cycle: {' -> '.join(circle)}")
    for group in pipeline.groups():
        sources = [name for name in group if issubclass(types[name], BaseSource)]
        entered = [
            index
            for index, connection in enumerate(pipeline.connections)
            if connection.target.filter in group and connection.kind != "strong"
        ]
        nodes = {pipeline.filters[name].node for name in group} - {""}
        if len(nodes) > 1:
            yield Problem(
                ("filters", group[0], "node"),
                f"strong connections hold {', '.join(group)} together, but they name several nodes",
                "make one connection between them weak",
            )
        pushes = sorted({push_of(pipeline.filters[name].type) for name in group} - {""})
        if len(pushes) > 1:
            yield Problem(
                ("filters", group[0]),
                f"strong connections hold filters of several pushes together: {', '.join(pushes)}",
                "make one connection between them weak",
            )
        if len(sources) > 1:
            yield Problem(
                ("filters", sources[1]),
                f"strong connections hold the sources {' and '.join(sources)} in one thread",
                "make the connections of one of them weak",
            )
        if any(_is_live(types[name]) for name in sources):
            for name in group:
                if frames_at_once(types[name], pipeline.filters[name].params) > 1:
                    yield Problem(
                        ("filters", name, "params", "parallel"),
                        f"it would wait in the thread of the live source {sources[0]}",
                        f"make the connection after {sources[0]} weak",
                    )
        if sources and entered:
            yield Problem(
                ("connections", entered[0]),
                f"it enters the thread of {sources[0]}, which waits for that source alone",
                f"make the connection after {sources[0]} weak",
            )


def _is_live(filter_type: type[BaseFilter]) -> bool:
    return issubclass(filter_type, BaseSource) and filter_type.live


def find_cycle(pipeline: Pipeline) -> list[str]:
    """The filters of one cycle, the first repeated at the end; empty if there is none."""
    after: dict[str, list[str]] = {name: [] for name in pipeline.filters}
    for connection in pipeline.connections:
        if connection.target.filter in after:
            after.setdefault(connection.source.filter, []).append(connection.target.filter)
    done: set[str] = set()
    for start, first in after.items():
        trail: list[str] = [start]
        ways = [iter(first)]
        while ways and start not in done:
            following = next(ways[-1], None)
            if following is None:
                done.add(trail.pop())
                ways.pop()
            elif following in trail:
                return [*trail[trail.index(following) :], following]
            elif following not in done:
                trail.append(following)
                ways.append(iter(after[following]))
    return []
