"""A pushed task found by its name: the code, the needs and the wheels of what is submitted."""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import BundleError, ConfigError, UnavailableError
from cantor.bundles import tree, wheels
from cantor.bundles.wheels import Target
from cantor.node.push.functions import codes_in, condition_of
from cantor.node.push.shelf import check_size, manifest_in
from cantor.node.tasks.places import hosts_of, targets_of
from cantor.scheduling.needs import parse, together
from cantor.services.manifest import TASK
from cantor.services.orders import Key

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.base.ids import NodeId
    from cantor.bundles.code import Code
    from cantor.node.push.service import Push
    from cantor.node.services import Node
    from cantor.services.orders import Order, Revision
    from cantor.wire.frame import Value

KEPT_MAX = 8
"""So many revisions are kept unpacked, those used last."""


@dataclass(frozen=True, slots=True)
class _Found:
    codes: Mapping[str, Code]
    wheels: str


class Named:
    """On the event loop only."""

    def __init__(self, push: Push, node: Node) -> None:
        self._push = push
        self._node = node
        self._found: OrderedDict[str, _Found] = OrderedDict()

    async def asked(self, args: dict[str, Value]) -> Value:
        """What ``name`` (``photos``, or ``photos.shrink``) is to be submitted with; its code is
        left out if its id is among the ``known``.

        Raises:
            ConfigError: there is no such task, or no such function in it.
            UnavailableError: no node that can be reached has it, or nobody gives its code.
        """
        name, _, function = str(args.get("name") or "").partition(".")
        order = self._order(name)
        revision, node = self._revision(order)
        found = await self._of(revision, node)
        code = _function(name, function, found.codes)
        known = args.get("known")
        has = f"{condition_of(name)} >= {revision.stamp.number}"
        return {
            "id": code.id,
            "data": b"" if isinstance(known, list) and code.id in known else code.data,
            "name": f"{name}.{code.name}",
            "needs": str(together([parse(revision.needs), parse(has)])),
            "wheels": found.wheels,
            "project": order.project,
            "sandbox": self._push.level_of(order.key, revision),
            "revision": revision.stamp.number,
        }

    def _order(self, name: str) -> Order:
        order = self._push.orders().get(Key(self._node.tenant, name))
        if order is None or order.wanted == "removed":
            raise ConfigError(
                "there is no such task",
                where=name[:60],
                remedy="push one (cantor push); cantor service list shows those that are there",
            )
        if order.kind != TASK:
            raise ConfigError(
                f"it is a {order.kind}, which cannot be submitted",
                where=name[:60],
                remedy="say kind: task in its service.yaml, and push it under another name",
            )
        return order

    def _revision(self, order: Order) -> tuple[Revision, NodeId]:
        """That of any node that has one: so canaries get as much as others."""
        condition = condition_of(order.key.name)
        here = [
            (revision, host.id)
            for host in hosts_of(self._node).hosts
            for one in host.resources
            if one.name == condition and type(one.value) is int
            if (revision := order.revision_of(one.value)) is not None
        ]
        if here:
            return secrets.choice(here)
        reports = self._push.reports_of(order.key)
        why = next((f": {one.why}" for one in reports.values() if one.why), "")
        raise UnavailableError(
            f"no node has that task now{why}",
            where=order.key.name,
            remedy=f"cantor service list {order.key.name} shows what the nodes say"
            if order.wanted == "running"
            else f"cantor service start {order.key.name}",
        )

    async def _of(self, revision: Revision, node: NodeId) -> _Found:
        found = self._found.get(revision.bundle)
        if found is None:
            found = self._found[revision.bundle] = await self._get(revision, node)
            while len(self._found) > KEPT_MAX:
                self._found.popitem(last=False)
        self._found.move_to_end(revision.bundle)
        return found

    async def _get(self, revision: Revision, node: NodeId) -> _Found:
        bundles = self._push.bundles
        bundle = await bundles.get(revision.bundle, [node, revision.stamp.by], check_size)
        code, *others = bundle.parts
        data = await asyncio.to_thread(bundles.file(code).read_bytes)
        files = await asyncio.to_thread(tree.unpack, data)
        codes = codes_in(files, manifest_in(files))
        if not others:
            return _Found(codes, "")
        brought = await bundles.add({part.name: bundles.file(part) for part in others})
        names = [part.name for part in others]
        targets = [one for one in targets_of(self._node) if _fit(names, one)]
        return _Found(codes, " ".join(f"{target}={brought.id}" for target in targets))


def _function(name: str, function: str, codes: Mapping[str, Code]) -> Code:
    if not function and len(codes) == 1:
        return next(iter(codes.values()))
    if function in codes:
        return codes[function]
    raise ConfigError(
        f"the task has no function {function[:60]}" if function else "it has several functions",
        where=name,
        remedy=f"name one: {', '.join(f'{name}.{one}' for one in sorted(codes))}",
    )


def _fit(names: list[str], target: str) -> bool:
    try:
        for name in names:
            wheels.check(name, Target.named(target))
    except BundleError:
        return False
    return True
