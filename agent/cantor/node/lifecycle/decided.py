"""What the authorities of tenants have decided of one kind: heard from issuers, and kept."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from cantor.base.errors import ConfigError, IdentityError, reason_of
from cantor.base.ids import short_name

if TYPE_CHECKING:
    from collections.abc import Callable

    from cantor.identity.authority import Authority
    from cantor.identity.statements import Statement, StatementReader
    from cantor.identity.store import IdentityFolder
    from cantor.ledger.facts import Fact
    from cantor.node.services import Node


class Stamped(Protocol):
    """A dataclass. Of two decisions the one with the later stamp holds."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def stamp(self) -> int:
        """Milliseconds since 1970 when it was made, or one more than the one before."""


T = TypeVar("T", bound=Stamped)
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Kind(Generic[T]):
    """A kind of decision. ``name`` is that of its statements, facts and file.

    ``make`` signs one, ``read`` takes it out of a checked statement.
    """

    name: str
    default: T
    make: Callable[[Authority, T, float], Statement]
    read: Callable[[Statement], T]


class Decided(Generic[T]):
    """The decisions of one kind, by tenant; that of the node's own tenant is kept on the disk."""

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        kind: Kind[T],
        *,
        authority: Authority | None,
    ) -> None:
        self._node = node
        self._folder = folder
        self._reader = reader
        self._kind = kind
        self._authority = authority
        self._known: dict[str, T] = {}
        self._unkept: bytes | None = None
        self._is_refused = False
        if packed := folder.statement(kind.name):
            try:
                self._take(reader.read(packed, kind.name))
            except IdentityError as error:
                extra = {"what": kind.name, "reason": str(error)}
                _log.warning("a decision that was kept is lost", extra=extra)

    def of(self, tenant: str) -> T:
        """What a tenant has decided; the default if nothing was heard of it."""
        return self._known.get(tenant, self._kind.default)

    def heard(self, fact: Fact) -> None:
        """Take a fact of that name."""
        if fact.value is None:
            return
        try:
            statement = self._reader.read(fact.value, self._kind.name)
            is_new = self._take(statement)
        except IdentityError as error:
            extra = {"what": fact.name, "peer": short_name(fact.owner), "reason": str(error)}
            _log.warning("a decision that proves nothing", extra=extra)
            return
        if is_new and statement.tenant == self._node.tenant:
            self._unkept = statement.packed
            self.keep()

    def keep(self) -> None:
        """Write down what was heard, if that is not done; ask often: no disk is full for ever."""
        if self._unkept is None:
            return
        try:
            self._folder.keep_statement(self._kind.name, self._unkept)
        except OSError as error:
            if not self._is_refused:
                extra = {"what": self._kind.name, "reason": reason_of(error)}
                _log.error("a decision holds, and cannot be written down yet", extra=extra)
            self._is_refused = True
        else:
            self._unkept, self._is_refused = None, False

    def say_again(self) -> None:
        """As an issuer with a new root: sign what holds anew."""
        if self._authority is not None and self._authority.tenant in self._known:
            self._decide(lambda known: known, "sign it")

    def _decide(self, change: Callable[[T], T], what: str) -> None:
        """As an issuer: let ``change`` of what holds now hold from now on, with the next stamp.

        Raises:
            ConfigError: this node is no issuer, which alone can do ``what``; or as ``change`` says.
            OSError: the disk does not take it; what held before holds.
        """
        if self._authority is None:
            raise ConfigError(
                f"only an issuer can {what}",
                where=f"node {short_name(self._node.node_id)}",
                remedy="ask at the hub, or at the node where cantor mesh init was run",
            )
        now_s = self._node.wall()
        known = self.of(self._authority.tenant)
        made = replace(change(known), stamp=max(known.stamp + 1, int(now_s * 1000)))
        statement = self._kind.make(self._authority, made, now_s)
        # What the disk does not take is not decided.
        self._folder.keep_statement(self._kind.name, statement.packed)
        self._unkept = None
        self._take(statement)
        self._node.publish(self._kind.name, statement.packed, lasting=True)

    def _take(self, statement: Statement) -> bool:
        decided = self._kind.read(statement)
        is_new = decided.stamp > self.of(statement.tenant).stamp
        if is_new:
            self._known[statement.tenant] = decided
        return is_new
