"""Pipelines written in Python.

>>> build = PipelineBuilder("people")
>>> camera = build.add("camera", "usb_camera")
>>> build.connect(camera["image"], build.add("preview", "mjpeg_preview")["image"], kind="weak")
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from galaxy.check import find_problems
from galaxy.pipeline import Codec, Connection, Endpoint, FilterSpec, Kind, Pipeline, Policy
from galaxy.registry import Registry

if TYPE_CHECKING:
    from typing import Literal

    from galaxy.filter import BaseFilter


@dataclass(frozen=True, slots=True)
class FilterHandle:
    """A filter that was added; ``handle["pin"]`` names one of its pins."""

    name: str

    def __getitem__(self, pin: str) -> Endpoint:
        return Endpoint(self.name, pin)


class PipelineBuilder:
    """Collects filters and connections, and checks them as a file is checked."""

    def __init__(self, name: str, registry: Registry | None = None) -> None:
        self.name = name
        self.registry = registry or Registry.default()
        self._filters: dict[str, FilterSpec] = {}
        self._connections: list[Connection] = []

    def add(
        self,
        name: str,
        filter_type: str | type[BaseFilter],
        *,
        params: dict[str, object] | None = None,
        needs: str = "",
        node: str = "",
    ) -> FilterHandle:
        """Add a filter of a known type or of a class made here.

        Raises:
            ConfigError: the name is taken.
        """
        if name in self._filters:
            raise ConfigError(f"the pipeline has a filter {name!r} already", where=self.name)
        if not isinstance(filter_type, str):
            self.registry.add(filter_type.__qualname__, filter_type)
            filter_type = filter_type.__qualname__
        self._filters[name] = FilterSpec(filter_type, dict(params or {}), needs, node)
        return FilterHandle(name)

    def connect(
        self,
        source: Endpoint,
        target: Endpoint,
        *,
        kind: Kind = "strong",
        policy: Policy | Literal[""] = "",
        depth: int = 0,
        max_age_ms: float = 0.0,
        codec: Codec = "auto",
    ) -> None:
        """Connect an output pin to an input pin."""
        self._connections.append(Connection(source, target, kind, policy, depth, max_age_ms, codec))

    def build(self) -> Pipeline:
        """The checked pipeline.

        Raises:
            ConfigError: for the first problem found; it names the key.
        """
        pipeline = Pipeline(self.name, dict(self._filters), tuple(self._connections))
        problems = find_problems(pipeline, self.registry)
        if problems:
            first = problems[0]
            raise ConfigError(f"{first.key}: {first.what}", where=self.name, remedy=first.remedy)
        return pipeline
