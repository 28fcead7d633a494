"""A new root of the mesh, as one node hears of it and follows."""

from __future__ import annotations

import datetime as dt
import logging
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError, IdentityError
from cantor.base.ids import short_name
from cantor.identity.authority_folder import save_authority
from cantor.identity.rollover import SUCCESSION, go_over

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from cantor.identity.authority import Authority
    from cantor.identity.statements import StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node
    from cantor.node.signing import FactVerifier

_log = logging.getLogger(__name__)


class Roots:
    """The roots that this node trusts; ``changed(is_new)`` tells that they are others now.

    An issuer says the succession as a lasting fact; every node takes it, whoever hands it on.
    """

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        verifier: FactVerifier,
        *,
        changed: Callable[[bool], None],
    ) -> None:
        self._node = node
        self._folder = folder
        self._reader = reader
        self._verifier = verifier
        self._changed = changed

    def say(self, authority: Authority) -> None:
        """As an issuer: tell the mesh, as long as it matters."""
        former = authority.former
        if former is not None:
            self._node.publish(SUCCESSION, former.statement, lasting=True)

    def heard(self, fact: Fact) -> None:
        """Take a fact named ``succession``."""
        if fact.value is None:
            return
        try:
            self.follow(fact.value)
        except IdentityError as error:
            extra = {"peer": short_name(fact.owner), "reason": str(error)}
            _log.warning("a new root that proves nothing", extra=extra)

    def follow(self, packed: object) -> None:
        """Trust what a succession says.

        Raises:
            IdentityError: it does not hold.
        """
        word = packed if isinstance(packed, bytes) else b""
        if self._folder.follow(word, self._node.wall()):
            self._use()
            self._changed(True)

    def look(self) -> None:
        """Give the former root up when its time is over."""
        if self._folder.retire(self._node.wall()):
            self._use()
            self._changed(False)

    def go_over(self, authority: Authority, folder: Path) -> None:
        """As an issuer: make a new root, and tell. On the disk when this returns.

        Raises:
            ConfigError: this node is no issuer of this folder, or the last time is not over yet.
            IdentityError: the key of the root is kept elsewhere.
        """
        if not folder.is_dir():
            raise ConfigError("holds no authority", where=str(folder))
        go_over(authority, dt.datetime.fromtimestamp(self._node.wall(), dt.UTC))
        save_authority(authority, folder)
        for watcher in authority.watchers:
            watcher()
        self.say(authority)
        if authority.former is not None:
            self.follow(authority.former.statement)

    def _use(self) -> None:
        root_pem = self._folder.root_pem
        self._reader.root_pem = root_pem
        self._verifier.trust(root_pem)
