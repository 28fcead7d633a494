"""The pushed filters that a node knows: those that stand on it, and those of other nodes.

The first of the nodes that have a revision publishes what its classes tell, so that all can check
and place pipelines. The code itself goes to the workers of those nodes alone.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass, replace
from functools import reduce
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError, LocalProtocolError, RemoteProtocolError
from cantor.node.push.functions import condition_of
from cantor.node.tenants import HUB_ROLE
from cantor.scheduling.needs import parse, together
from cantor.services.manifest import FILTER, NAME
from cantor.workers.sandbox.levels import more_closed
from galaxy.check import find_problems
from galaxy.deployments.records import FILTERS, TYPES_MAX
from galaxy.described import Types, filters_from, listed, named, types_in
from galaxy.registry import PUSHED, is_pushed, push_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.ledger.facts import Fact
    from cantor.node.push.opener import Opened
    from cantor.node.push.service import Push
    from cantor.node.services import Node
    from cantor.wire.frame import Value
    from cantor.workers.sandbox.levels import Level
    from galaxy.check import Problem
    from galaxy.filter import BaseFilter
    from galaxy.pipeline import Pipeline
    from galaxy.registry import Registry

OPENING = "galaxy.opening"
"""A module that no agent imports."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Code:
    """What a worker of a group needs of pushes: ``places`` are ``module:Class`` by type,
    ``filters`` those of the group that run it.
    """

    bundles: tuple[str, ...]
    paths: tuple[Path, ...]
    places: Mapping[str, str]
    filters: tuple[str, ...]
    level: Level

    def is_blamed(self, error: str) -> bool:
        """Whether a run failed by this code, as far as that shows: another filter was not named."""
        names = error.removeprefix("filter ") if error.startswith("filter ") else ""
        return not names or any(names.startswith(f"{name} on node ") for name in self.filters)


class Opening:
    """How classes are opened, for the part of the node that pushes."""

    def opening(self, classes: Sequence[str], told: Path) -> tuple[str, ...]:
        """The command that opens them, and writes into ``told`` what they tell."""
        return ("python", "-m", OPENING, str(told), *classes)

    def read(self, told: bytes) -> None:
        """Check what they tell.

        Raises:
            ConfigError: they cannot be used.
        """
        types_in(told)


class Pushed:
    """On the event loop only."""

    def __init__(self, node: Node, registry: Registry, able: dict[str, str]) -> None:
        """``able`` are the needs of the types that run here, which is kept up to date."""
        self._node = node
        self._able = able
        self._registry = registry
        self._opened: Mapping[str, Opened] = {}
        self._own: dict[str, Types] = {}
        self._read: dict[tuple[NodeId, str], tuple[tuple[int, int], int, Types]] = {}
        self._known: dict[str, dict[int, Types]] = {}
        self._standing: dict[str, dict[NodeId, int]] = {}
        self._said: dict[str, Value] = {}

    def look(self) -> None:
        """Learn what is pushed now, and tell what this node is the first to have."""
        push = cast("Push | None", self._node.service("push"))
        self._opened = push.opened() if push is not None else {}
        self._own = {
            one.bundle: self._own.get(one.bundle) or _own(one) for one in self._opened.values()
        }
        self._hear()
        self._standing = self._standers() if self._known or self._opened else {}
        for name, one in self._opened.items():
            if own := self._own[one.bundle]:
                self._known.setdefault(name, {})[one.number] = own
        types: dict[str, type[BaseFilter]] = {}
        for name, one in self._opened.items():  # what a newer revision has no more still runs here
            types |= named(name, self._own[one.bundle])
        for name, known in self._known.items():
            types |= named(name, known[self._newest(name)])
        self._registry.set_pushed(types)
        self._tell()
        for name in [name for name in self._able if is_pushed(name)]:
            del self._able[name]
        if self._node.labels.get("role") != HUB_ROLE:
            room = TYPES_MAX - len(self._able)
            self._able.update(list(self._standing_here().items())[:room])

    def _standing_here(self) -> dict[str, str]:
        return {
            f"{one.name}{PUSHED}{name}": str(together(map(parse, (one.needs, own.needs))))
            for one in self._opened.values()
            for name, own in self._own[one.bundle].items()
        }

    def views(self) -> list[Value]:
        """What the classes of the newest revision of each push tell, with push and revision."""
        return [self._view(name, self._newest(name)) for name in sorted(self._known)]

    def _view(self, name: str, number: int) -> Value:
        told = cast("Value", listed(self._known[name][number]))
        return {"push": name, "revision": number, "filters": told}

    def told(self, pipeline: Pipeline) -> Value:
        """The same of the pushes that a pipeline uses, of the newest revision that it fits; None
        if one is not known here yet.
        """
        used = {push_of(spec.type) for spec in pipeline.filters.values()} - {""}
        if not used <= self._known.keys():
            return None
        return [self._view(name, self._fitting(name, pipeline)) for name in sorted(used)]

    def _fitting(self, push: str, pipeline: Pipeline) -> int:
        """The newest revision that a pipeline fits; the newest if none: then that is said."""
        numbers = sorted(self._known[push], reverse=True)
        return next((n for n in numbers if not self._misfits(push, n, pipeline)), numbers[0])

    def _misfits(self, push: str, number: int, pipeline: Pipeline) -> bool:
        others = {n: one for n, one in self._registry.pushed.items() if push_of(n) != push}
        types = {**others, **named(push, self._known[push][number])}
        return bool(_problems(pipeline, self._registry.with_pushed(types)))

    def code_of(self, pipeline: Pipeline, group: tuple[str, ...]) -> Code | None:
        """What the worker of a group needs; None if the group has no pushed filter.

        Raises:
            ConfigError: what it needs does not stand here now.
        """
        types = {name: pipeline.filters[name].type for name in group}
        filters = tuple(name for name in group if is_pushed(types[name]))
        if not filters:
            return None
        pushes = sorted({push_of(types[name]) for name in filters})
        for name in filters:
            if types[name] not in self._able:
                raise ConfigError(f"{types[name]} does not stand on this node now", where=name)
        opened = [self._opened[push] for push in pushes]
        places = {
            f"{one.name}{PUSHED}{place.partition(':')[2]}": place
            for one in opened
            for place in one.classes
        }
        paths = tuple(path for one in opened for path in (one.folder, *one.libraries))
        level = reduce(more_closed, (one.level for one in opened))
        return Code(tuple(one.bundle for one in opened), paths, places, filters, level)

    def run_failed(self, code: Code | None, error: str) -> bool:
        """A run of a group failed: whether that counts against what is on trial in it."""
        push = cast("Push | None", self._node.service("push"))
        if push is None or code is None or not code.is_blamed(error):
            return False
        on_trial = [bundle for bundle in code.bundles if push.is_on_trial(bundle)]
        for bundle in on_trial:
            push.run_failed(bundle, error)
        return bool(on_trial)

    def checked(self, pipeline: Pipeline) -> Pipeline:
        """A pipeline whose pushed filters ask for the revisions that it fits, and later ones.

        Raises:
            ConfigError: a type was pushed nowhere, or the newest revision does not fit.
        """
        used = {push_of(spec.type) for spec in pipeline.filters.values()} - {""}
        if not used:
            return pipeline
        self.look()
        problems = _problems(pipeline, self._registry)
        if problems:
            first = problems[0]
            raise ConfigError(
                f"{first.key}: {first.what}", where=pipeline.name, remedy=first.remedy
            )
        least = {name: self._least(name, pipeline) for name in used}
        filters = {
            name: replace(spec, needs=_with_revision(spec.needs, push, least[push]))
            if (push := push_of(spec.type))
            else spec
            for name, spec in pipeline.filters.items()
        }
        return replace(pipeline, filters=filters)

    def _least(self, push: str, pipeline: Pipeline) -> int:
        """The oldest revision that a node has, from which on all fit the pipeline."""
        known = self._known[push]
        fitting = newest = self._newest(push)
        for number in sorted(self._numbers(push), reverse=True):
            if number < newest and number in known:
                if self._misfits(push, number, pipeline):
                    break
                fitting = number
        return fitting

    def _newest(self, push: str) -> int:
        """The newest revision that a node has, of those that are known; else the newest known."""
        known = self._known[push]
        return max(known.keys() & self._numbers(push) or known)

    def _numbers(self, push: str) -> set[int]:
        return set(self._standing.get(push, {}).values())

    def _standers(self) -> dict[str, dict[NodeId, int]]:
        """By push, the nodes that can be reached and have it, each with its revision there."""
        beginning, alive = condition_of("", FILTER), self._node.alive()
        found: dict[str, dict[NodeId, int]] = {}
        for view in self._node.nodes():
            for one in view.resources if view.id in alive and self._is_ours(view.id) else ():
                if one.name.startswith(beginning) and type(one.value) is int:
                    found.setdefault(one.name.removeprefix(beginning), {})[view.id] = one.value
        return found

    def _is_ours(self, node: NodeId) -> bool:
        """Names belong to a tenant."""
        return node == self._node.node_id or self._node.tenant_of(node) == self._node.tenant

    def _hear(self) -> None:
        """Read the facts of others, once each."""
        read, self._known = self._read, {}
        self._read = {}
        for fact in self._node.facts(FILTERS):
            push, about = fact.name.removeprefix(FILTERS), (fact.owner, fact.name)
            if not NAME.fullmatch(push) or not self._is_ours(fact.owner):
                continue
            kept = read.get(about)
            if kept is None or kept[0] != fact.stamp:
                number, types = self._heard(fact)
                kept = fact.stamp, number, types
            self._read[about] = kept
            if kept[2]:
                self._known.setdefault(push, {})[kept[1]] = kept[2]

    def _heard(self, fact: Fact) -> tuple[int, Types]:
        try:
            return filters_from(fact.value)
        except (ConfigError, RemoteProtocolError) as error:
            extra = {"node": fact.owner, "fact": fact.name, "reason": str(error)}
            _log.warning("what is told of filters is refused", extra=extra)
            return 0, {}

    def _tell(self) -> None:
        said: dict[str, Value] = {}
        for name, one in self._opened.items():
            standing = self._standing.get(name, {})
            first = min((node for node, n in standing.items() if n == one.number), default="")
            if first == self._node.node_id and self._own[one.bundle]:
                told = cast("Value", listed(self._own[one.bundle]))
                said[name] = {"revision": one.number, "filters": told}
        for name in {**said, **self._said}:
            if said.get(name) != self._said.get(name):
                try:
                    self._node.publish(FILTERS + name, said.get(name))
                except LocalProtocolError as error:
                    _log.warning("not told", extra={"fact": name, "reason": str(error)})
        self._said = said


def _own(opened: Opened) -> Types:
    """The types that stand here: those that the manifest names."""
    wanted = {place.partition(":")[2] for place in opened.classes}
    return {name: one for name, one in types_in(opened.told).items() if name in wanted}


def _problems(pipeline: Pipeline, registry: Registry) -> list[Problem]:
    """What is wrong, but for types of packages, which other nodes may have."""
    return [
        one
        for one in find_problems(pipeline, registry, parse)
        if not (
            len(one.path) == 3
            and one.path[2] == "type"
            and not is_pushed(pipeline.filters[str(one.path[1])].type)
        )
    ]


def _with_revision(needs: str, push: str, number: int) -> str:
    """The needs of a filter, and a revision from this on; what was said so before is left out."""
    condition = condition_of(push, FILTER)
    own = re.sub(rf"(?:^| and ){re.escape(condition)} >= \d+$", "", needs)
    return str(together(map(parse, (own, f"{condition} >= {number}"))))
