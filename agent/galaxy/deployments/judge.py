"""What a group of a deployment is on this node: live or not, what it takes, what it may open.

Filters that are part of Cantor Edge run in an open worker, with the agent's rights, whoever has
deployed them. So what they open is judged here: files of this box are for its own pipelines, and
for those of other nodes only in folders that its owner has named (``--files``). Cameras are what
pipelines are for: those of this box, and those of other machines by RTSP, are open to all who may
deploy, as are brokers of other machines. Where such a pipeline would be closed in without a
network, other ports, and what listens on this box itself, are not (``--address`` opens one).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.scheduling.needs import parse, together
from cantor.workers.sandbox.levels import more_closed
from galaxy.detection.packaged import PACKAGED
from galaxy.elsewhere import is_elsewhere
from galaxy.filter import BaseSource, params_of
from galaxy.registry import is_built_in
from galaxy.secrets import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from cantor.base.address import Address
    from cantor.node.services import Node
    from cantor.scheduling.needs import Needs
    from cantor.workers.sandbox.levels import Level
    from galaxy.deployments.authors import Authors
    from galaxy.deployments.pushed import Code, Pushed
    from galaxy.deployments.records import Deployment
    from galaxy.filter import BaseFilter
    from galaxy.pipeline import FilterSpec, Pipeline
    from galaxy.registry import Registry

Files = dict[tuple[str, str], str]
"""The real paths by filter and parameter."""


class Judge:
    """``able`` are the needs of the types that run here, by name."""

    def __init__(
        self,
        node: Node,
        registry: Registry,
        able: Mapping[str, str],
        authors: Authors,
        pushed: Pushed,
    ) -> None:
        self._node = node
        self.pushed = pushed
        self._registry = registry
        self._able = able
        self._authors = authors

    def type_of(self, name: str) -> type[BaseFilter] | None:
        """A filter type; None if only other nodes have it."""
        try:
            return self._registry.get(name)
        except ConfigError:
            return None

    def is_live(self, pipeline: Pipeline) -> bool:
        """Whether every source is live: then nothing is read twice when a run begins anew."""
        known = (self.type_of(spec.type) for spec in pipeline.filters.values())
        return all(one.live for one in known if one and issubclass(one, BaseSource))

    def needs_of(self, pipeline: Pipeline, group: tuple[str, ...]) -> Needs:
        """What a group takes here: its filters' needs, and those of their types."""
        texts = [
            text
            for name in group
            for text in (pipeline.filters[name].needs, self._able.get(pipeline.filters[name].type))
        ]
        return together(parse(text) for text in texts if text)

    def level_of(
        self, deployment: Deployment, pipeline: Pipeline, group: tuple[str, ...], code: Code | None
    ) -> Level:
        """How closed a group runs here: our own filters are open, others' at their author's, or at
        that of who pushed them if that is closer.
        """
        if all(is_built_in(pipeline.filters[name].type) for name in group):
            return "none"
        level = self._authors.level_of(deployment)
        return level if code is None else more_closed(level, code.level)

    def files_of(self, deployment: Deployment, pipeline: Pipeline, group: tuple[str, ...]) -> Files:
        """The files that our own filters of a group open for another node, where they really are.

        None are told for a pipeline of this box, or of a node that is trusted as this box is.

        Raises:
            ConfigError: one of them is not for other nodes.
        """
        if self._authors.level_of(deployment) == "none":
            return {}
        return {
            (name, param): self._real(f"{name}.{param}", path)
            for name, param, path in self._paths(pipeline, group)
        }

    def addresses_of(
        self,
        deployment: Deployment,
        pipeline: Pipeline,
        group: tuple[str, ...],
        secrets: Mapping[str, str],
    ) -> list[str] | None:
        """What our own filters of a group may reach of this box; None if all that there is.

        Names are resolved by the worker, at each connection. ``secrets`` are the values that
        parameters name: an address that is one is judged like others, and not told.

        Raises:
            ConfigError: one of them connects to what is not for other nodes.
        """
        if self._authors.level_of(deployment) != "full":
            return None
        opened = [str(one).lower() for one in self._node.sandboxes.rules.addresses]
        for name, spec, filter_type in self._ours(pipeline, group):
            params = resolved(spec.params, secrets)
            address = _address(filter_type, params)
            if address is None or str(address).lower() in opened:
                continue
            if address.port not in filter_type.ports or _is_here(address):
                raise ConfigError(
                    "pipelines of other boxes may not reach this address here",
                    where=name if params != spec.params else f"{name}: {str(address)[:200]}",
                    remedy="start this box's agent with --address HOST:PORT,"
                    " or deploy from this box",
                )
        return opened

    def _ours(
        self, pipeline: Pipeline, group: tuple[str, ...]
    ) -> Iterator[tuple[str, FilterSpec, type[BaseFilter]]]:
        """The filters of a group that are part of Cantor Edge."""
        for name in group:
            spec = pipeline.filters[name]
            filter_type = self.type_of(spec.type) if is_built_in(spec.type) else None
            if filter_type is not None:
                yield name, spec, filter_type

    def _paths(self, pipeline: Pipeline, group: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
        for name, spec, filter_type in self._ours(pipeline, group):
            for param in params_of(filter_type).values():
                path = spec.params.get(param.name, param.default)
                if param.file and isinstance(path, str) and path and path not in PACKAGED:
                    yield name, param.name, path

    def _real(self, where: str, path: str) -> str:
        try:
            real = Path(path).resolve(strict=True)
            folders = [folder.resolve() for folder in self._node.sandboxes.rules.files]
            if real.is_file() and any(real.is_relative_to(folder) for folder in folders):
                return str(real)
        except (OSError, ValueError, RuntimeError):
            pass  # there is none, or no such path can be: nobody hears which
        raise ConfigError(
            "pipelines of other boxes may not open this file here",
            where=f"{where}: {path[:200]}",
            remedy="start this box's agent with --files FOLDER, or deploy from this box",
        )


def _address(filter_type: type[BaseFilter], params: Mapping[str, object]) -> Address | None:
    """Where the filter connects to; None also if its parameters are wrong: it says so itself."""
    try:
        return filter_type(params).address()
    except ValueError:
        return None


def _is_here(address: Address) -> bool:
    """Whether that is certain before a name is resolved."""
    try:
        return not is_elsewhere(address.host)
    except ValueError:
        return address.is_loopback


def with_files(document: Mapping[str, object], files: Files) -> dict[str, object]:
    """A pipeline's document in which these parameters name these files."""
    if not files:
        return dict(document)
    filters = document["filters"]
    assert isinstance(filters, dict)  # noqa: S101 (the document was checked)
    changed = {name: dict(spec) for name, spec in filters.items()}
    for (name, param), path in files.items():
        changed[name]["params"] = {**(changed[name].get("params") or {}), param: path}
    return {**document, "filters": changed}
