"""The bridge as a service of a node: it runs where there is a ``bridge.yaml``.

The file lies in the node's folder, or the variable ``CANTOR_BRIDGE`` names it. It is read when the
agent starts. A mistake in it keeps only the bridge from running: the box stays in the mesh, and
``cantor bridge list`` says what is wrong. Nothing heavy is imported on a node without devices.
"""

from __future__ import annotations

import logging
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import CantorError, ConfigError, SecretError
from cantor.base.secret_names import check_secret_name, named_in

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.node.secrets.service import Secrets
    from cantor.node.services import Call, Node
    from cantor.wire.frame import Value
    from firmware_bridge.bridge import Bridge

SETTINGS_NAME = "bridge.yaml"
SETTINGS_VARIABLE = "CANTOR_BRIDGE"
CALL = "bridge"
_log = logging.getLogger(__name__)


def make_service(node: Node) -> BridgeService:
    """The bridge of a node; without settings it does nothing."""
    named = os.environ.get(SETTINGS_VARIABLE, "")
    path = Path(named) if named else node.folder / SETTINGS_NAME
    return BridgeService(node, path if named or path.exists() else None)


class BridgeService:
    """Starts the bridge of a node, and says how it is."""

    def __init__(self, node: Node, path: Path | None) -> None:
        self._node = node
        self._path = path
        self._bridge: Bridge | None = None
        self._error = ""

    async def start(self) -> None:
        """Read the settings and begin to listen; a mistake is logged and shown, not raised."""
        if self._path is None:
            return
        try:
            self._bridge = await _make_bridge(self._node, self._path)
        except CantorError as error:
            self._error = str(error)
            _log.error("the bridge does not run", extra={"reason": self._error})
        else:
            self._bridge.start()

    async def close(self) -> None:
        """Leave the broker and take the devices out of the ledger."""
        if self._bridge is not None:
            await self._bridge.close()
            self._bridge = None

    def calls(self) -> Mapping[str, Call]:
        """``bridge``: the broker, the devices with their newest readings, what went wrong."""
        return {CALL: lambda _arguments: self.as_value()}

    def as_value(self) -> dict[str, Value]:
        """How the bridge is: ``off`` without settings, ``failed`` with the reason, or its own."""
        about: dict[str, Value] = {
            "state": "failed" if self._error else "off",
            "reason": self._error,
            "settings": str(self._path or ""),
            "broker": "",
            "devices": [],
            "problems": [],
            "counts": {},
        }
        return about if self._bridge is None else about | self._bridge.as_value()


async def _make_bridge(node: Node, path: Path) -> Bridge:
    from firmware_bridge.settings import load_settings

    settings = load_settings(path)
    named = named_in(settings.broker.password)
    if named is not None:
        password = await _secret(node, named)
        settings = replace(settings, broker=replace(settings.broker, password=password))
    try:
        from firmware_bridge.bridge import Bridge
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the library {error.name} is not installed",
            where=str(path),
            remedy="pip install 'cantor-edge[bridge]'",
        ) from error
    return Bridge(node, settings)


async def _secret(node: Node, name: str) -> str:
    """A password that the owner of this box has set as a secret."""
    secrets = cast("Secrets | None", node.service("secrets"))
    if secrets is None:
        raise SecretError("this node keeps no secrets", where=node.name)
    try:
        return (await secrets.own(check_secret_name(name, "broker.password"))).decode()
    except UnicodeDecodeError as error:
        raise SecretError("is no text", where=f"secret {name}") from error
