"""Filter types: those built in, those of the entry-point group ``galaxy.filters``, and those that
were pushed: ``push/Class``, a form that no other has.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.base.program import entry_points
from galaxy.filter import BaseFilter

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

FILTER_GROUP = "galaxy.filters"
PUSHED = "/"

BUILT_IN: Mapping[str, str] = {
    "collect": "galaxy.filters.sinks:Collect",
    "conveyor": "galaxy.filters.conveyor:Conveyor",
    "count": "galaxy.filters.sinks:Count",
    "file": "galaxy.filters.file_source:FileSource",
    "mjpeg_preview": "galaxy.filters.draw:MjpegPreview",
    "mqtt": "galaxy.filters.mqtt:Mqtt",
    "onnx": "galaxy.filters.onnx_detect:OnnxDetect",
    "overlay": "galaxy.filters.draw:Overlay",
    "resize": "galaxy.filters.resize:Resize",
    "rtsp": "galaxy.filters.live_source:Rtsp",
    "score": "galaxy.filters.score:Score",
    "test_pattern": "galaxy.filters.test_pattern:TestPattern",
    "usb_camera": "galaxy.filters.live_source:UsbCamera",
}
"""Loaded only when a pipeline names them: each may pull in OpenCV or ONNX Runtime."""


def is_built_in(name: str) -> bool:
    """Whether a type is part of Cantor Edge, and not of another package."""
    return name in BUILT_IN


def is_pushed(name: str) -> bool:
    """Whether a type is one that was pushed."""
    return PUSHED in name


def push_of(name: str) -> str:
    """The name of the push that a type is of; empty if it was not pushed."""
    return name.partition(PUSHED)[0] if is_pushed(name) else ""


class Registry:
    """Filter types by name."""

    def __init__(self, places: Mapping[str, str]) -> None:
        """``places`` maps a type's name to ``module:class``."""
        self._places = dict(places)
        self._types: dict[str, type[BaseFilter]] = {}
        self._pushed: Mapping[str, type[BaseFilter]] = {}

    @classmethod
    def default(cls) -> Registry:
        """The built-in types and those of installed packages, which cannot take their names."""
        added = {
            point.name: point.value
            for point in entry_points(group=FILTER_GROUP)
            if not is_pushed(point.name)
        }
        return cls({**added, **BUILT_IN})

    def with_pushed(
        self, types: Mapping[str, type[BaseFilter]], places: Mapping[str, str] | None = None
    ) -> Registry:
        """The same with these types that were pushed; ``places`` are those whose code is here."""
        other = Registry({**self._places, **(places or {})})
        other._types = dict(self._types)
        other.set_pushed({name: types[name] for name in types if name not in (places or {})})
        return other

    @property
    def pushed(self) -> Mapping[str, type[BaseFilter]]:
        """The types that were pushed and whose code is elsewhere."""
        return self._pushed

    def set_pushed(self, types: Mapping[str, type[BaseFilter]]) -> None:
        """These types were pushed, and no others; their code is elsewhere."""
        self._pushed = types

    def add(self, name: str, filter_type: type[BaseFilter]) -> None:
        """Add a type made in this process."""
        self._types[name] = filter_type

    def names(self) -> list[str]:
        """Every known type, sorted."""
        return sorted({*self._places, *self._types, *self._pushed})

    def runnable(self) -> dict[str, str]:
        """The needs of every type whose modules are installed here, by name."""
        found: dict[str, str] = {}
        for name in self.names():
            try:
                filter_type = self.get(name)
            except ConfigError:
                continue
            if all(find_spec(module) for module in filter_type.modules):
                found[name] = filter_type.needs
        return found

    def work(self, names: Iterable[str]) -> dict[str, float]:
        """What filters of these types typically take of a core (:attr:`BaseFilter.work`)."""
        return {name: self.get(name).work for name in names}

    def get(self, name: str) -> type[BaseFilter]:
        """The type of that name.

        Raises:
            ConfigError: there is none, or its package is not in this build.
        """
        if name in self._pushed:
            return self._pushed[name]
        if name not in self._types:
            self._types[name] = self._load(name)
        return self._types[name]

    def _load(self, name: str) -> type[BaseFilter]:
        if name not in self._places and is_pushed(name):
            raise self._not_pushed(name)
        if name not in self._places:
            raise ConfigError(
                f"unknown filter type {name!r}",
                remedy=f"known types: {', '.join(self.names())}",
            )
        module_name, _, attribute = self._places[name].partition(":")
        try:
            loaded = getattr(import_module(module_name), attribute)
        except (ImportError, AttributeError) as error:
            raise ConfigError(
                f"filter type {name!r} is not in this build ({error})",
                remedy="install the package that brings it",
            ) from error
        if not (isinstance(loaded, type) and issubclass(loaded, BaseFilter)):
            raise ConfigError(f"filter type {name!r}: {self._places[name]} is no galaxy.BaseFilter")
        return loaded

    def _not_pushed(self, name: str) -> ConfigError:
        push = push_of(name)
        others = [one for one in self.names() if push_of(one) == push]
        if others:
            return ConfigError(
                f"the push {push[:60]} has no filter {name[:120]!r}",
                remedy=f"it has: {', '.join(others)}",
            )
        return ConfigError(
            f"no node that is known here has the filter type {name[:120]!r}",
            remedy="push it (cantor push); cantor filter list shows those that are there",
        )
