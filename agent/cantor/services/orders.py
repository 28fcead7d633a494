"""Orders: what a service shall be, as signed words in the ledger under ``service/<tenant>/<name>``.

Each change of a service (push, stop, start, return, remove) is a new order with the next number. Of
several orders the highest ``rank`` holds on every node, whoever hands it on: so two people who push
at once have one winner. An order tells the revision that is to run and the last few before it, each
by the hash of its bundle.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from cantor.base.errors import ConfigError, RemoteProtocolError
from cantor.base.ids import NodeId, parse_node_id
from cantor.base.secret_names import NAMES_MAX, is_secret_name
from cantor.scheduling.needs import parse
from cantor.services.manifest import KINDS, NAME, SERVICE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cantor.services.manifest import Kind
    from cantor.wire.frame import Value

KIND = "service"
ORDER = "service/"
PAST_MAX = 8
PUSHES_MAX = 64
CANARIES_MAX = 64
NEEDS_MAX = 1024
TEXT_MAX = 300
NUMBER_MAX = 2**53
_ID_DIGITS = 64

Wanted = Literal["running", "stopped", "removed"]
Pushes = tuple[tuple[str, NodeId], ...]
"""Bundles, each with a node that has pushed it."""
WANTED = ("running", "stopped", "removed")


class Key(NamedTuple):
    """Which service: names belong to a tenant."""

    tenant: str
    name: str

    @property
    def fact(self) -> str:
        """The name of the facts with its orders."""
        return f"{ORDER}{self.tenant}/{self.name}"


class Stamp(NamedTuple):
    """Which revision: the number of its order, and who signed that."""

    number: int
    by: NodeId


@dataclass(frozen=True, slots=True)
class Revision:
    """Code that ran, or shall run. ``at`` is UTC seconds; ``is_bad``: it was returned from.

    ``pushed_by`` is who pushed the code of a return; empty if whoever the stamp names did.
    ``secrets`` are the names of those of its project that the code may have.
    """

    stamp: Stamp
    bundle: str
    needs: str = ""
    at: float = 0.0
    note: str = ""
    is_bad: bool = False
    pushed_by: str = ""
    secrets: tuple[str, ...] = ()

    def as_value(self) -> dict[str, Value]:
        """As msgpack types."""
        return {
            "number": self.stamp.number,
            "by": self.stamp.by,
            "bundle": self.bundle,
            "needs": self.needs,
            "at": self.at,
            "note": self.note,
            "is_bad": self.is_bad,
            "pushed_by": self.pushed_by,
            "secrets": list(self.secrets),
        }


@dataclass(frozen=True, slots=True)
class Order:
    """One order. ``past`` begins with the newest; ``canaries`` are the nodes that go first.

    ``proof`` is the signed order that failed, in a return that a canary has ordered by itself: it
    shows that the signer was asked to try, and that the revision returned to was in it.
    """

    key: Key
    number: int
    by: NodeId
    revision: Revision
    wanted: Wanted = "running"
    project: str = "default"
    past: tuple[Revision, ...] = ()
    canaries: tuple[NodeId, ...] = ()
    hold_s: float = 0.0
    at: float = 0.0
    why: str = ""
    proof: bytes = b""
    kind: Kind = "service"

    @property
    def rank(self) -> tuple[int, bool, NodeId]:
        """The highest holds. A person's word counts more than a return by itself."""
        return self.number, not self.proof, self.by

    @property
    def is_push(self) -> bool:
        """Whether its signer has pushed its revision with it."""
        revision = self.revision
        is_own = revision.stamp == Stamp(self.number, self.by)
        return is_own and not revision.pushed_by and not self.proof

    @property
    def previous(self) -> Revision | None:
        """The newest revision before this one that nobody returned from, with other code."""
        return next(
            (one for one in self.past if not one.is_bad and one.bundle != self.revision.bundle),
            None,
        )

    def revision_of(self, number: int) -> Revision | None:
        """The revision of that number, if it is still known."""
        known = (self.revision, *self.past)
        return next((one for one in known if one.stamp.number == number), None)

    def content(self) -> dict[str, Value]:
        """What is signed; :func:`order_from` reads it back."""
        return {
            "tenant": self.key.tenant,
            "name": self.key.name,
            "number": self.number,
            "wanted": self.wanted,
            "project": self.project,
            "revision": self.revision.as_value(),
            "past": [one.as_value() for one in self.past],
            "canaries": list(self.canaries),
            "hold_s": self.hold_s,
            "at": self.at,
            "why": self.why,
            "proof": self.proof,
            "kind": self.kind,
        }

    def pushed(
        self,
        by: NodeId,
        bundle: str,
        needs: str,
        at: float,
        *,
        note: str = "",
        is_bad: bool = False,
        secrets: tuple[str, ...] = (),
    ) -> Order:
        """The next order, with other code; ``is_bad``: the code so far is returned from."""
        number = self.number + 1
        before = replace(self.revision, is_bad=self.revision.is_bad or is_bad)
        return Order(
            self.key,
            number,
            by,
            Revision(Stamp(number, by), bundle, needs, at, note[:TEXT_MAX], secrets=secrets),
            project=self.project,
            past=(before, *self.past)[:PAST_MAX],
            at=at,
            kind=self.kind,
        )

    def with_wanted(self, by: NodeId, wanted: Wanted, at: float) -> Order:
        """The next order, with the same code."""
        number = self.number + 1
        return replace(
            self, number=number, by=by, wanted=wanted, at=at, canaries=(), why="", proof=b""
        )

    def returned(self, by: NodeId, to: Revision, at: float, why: str, proof: bytes = b"") -> Order:
        """The next order, back to a revision before; ``proof`` if nobody has asked for that."""
        note = f"return to {to.stamp.number}" + (f": {why}" if why else "")
        is_bad, secrets = bool(proof), to.secrets
        order = self.pushed(by, to.bundle, to.needs, at, note=note, is_bad=is_bad, secrets=secrets)
        revision = replace(order.revision, pushed_by=pushed_by(to))
        return replace(order, revision=revision, why=why[:TEXT_MAX], proof=proof)


def pushed_by(revision: Revision) -> NodeId:
    """Who pushed its code, as whoever told it says."""
    return NodeId(revision.pushed_by) if revision.pushed_by else revision.stamp.by


def seen_in(order: Order, seen: Pushes) -> Pushes:
    """What a node has seen pushed, with an order whose signature holds; of its revisions only."""
    bundles = {one.bundle for one in (order.revision, *order.past)}
    kept = [one for one in seen if one[0] in bundles]
    now = (order.revision.bundle, order.by)
    if order.is_push:
        kept = [one for one in kept if one != now] + [now]
    return tuple(kept[-PUSHES_MAX:])


def first_order(
    key: Key,
    by: NodeId,
    bundle: str,
    needs: str,
    at: float,
    *,
    number: int = 1,
    project: str = "default",
    note: str = "",
    kind: Kind = "service",
    secrets: tuple[str, ...] = (),
) -> Order:
    """The first order of a service; ``number`` is above those that do not count here."""
    revision = Revision(Stamp(number, by), bundle, needs, at, note[:TEXT_MAX], secrets=secrets)
    return Order(key, number, by, revision, project=project, at=at, kind=kind)


def key_of(fact_name: str) -> Key | None:
    """The service that a fact is about; None if it is about none."""
    tenant, slash, name = fact_name.removeprefix(ORDER).partition("/")
    is_about = fact_name.startswith(ORDER) and slash and tenant and NAME.fullmatch(name)
    return Key(tenant, name) if is_about else None


def order_from(content: Mapping[str, Value], by: NodeId) -> Order:
    """The order that ``by`` has signed.

    Raises:
        RemoteProtocolError: it has another shape, or is too large.
    """
    order = _Told(content, "an order")
    past = content.get("past")
    canaries = content.get("canaries")
    proof = content.get("proof")
    if not isinstance(past, list) or len(past) > PAST_MAX:
        raise order.wrong("past")
    if not isinstance(canaries, list) or len(canaries) > CANARIES_MAX:
        raise order.wrong("canaries")
    if not isinstance(proof, bytes):
        raise order.wrong("proof")
    key = Key(order.text("tenant"), order.text("name"))
    if key_of(key.fact) != key:
        raise order.wrong("name")
    return Order(
        key=key,
        number=order.number("number"),
        by=by,
        revision=_revision(content.get("revision")),
        wanted=cast("Wanted", order.choice("wanted", WANTED)),
        project=order.text("project"),
        past=tuple(map(_revision, past)),
        canaries=tuple(order.node(one) for one in canaries),
        hold_s=order.seconds("hold_s"),
        at=order.seconds("at"),
        why=order.text("why"),
        proof=proof,
        kind=cast("Kind", order.choice("kind", KINDS, SERVICE)),
    )


def revision_from(value: Value) -> Revision:
    """A revision that ``as_value`` made.

    Raises:
        RemoteProtocolError: it has another shape.
    """
    return _revision(value)


def _revision(value: Value) -> Revision:
    if not isinstance(value, dict):
        raise RemoteProtocolError("a revision that is none", where="an order")
    told = _Told(value, "a revision")
    bundle = told.text("bundle")
    if len(bundle) != _ID_DIGITS or set(bundle) - set("0123456789abcdef"):
        raise told.wrong("bundle")
    needs = told.text("needs", NEEDS_MAX)
    try:
        parse(needs)
    except ConfigError as error:
        raise told.wrong("needs") from error
    return Revision(
        Stamp(told.number("number"), told.node(value.get("by"))),
        bundle,
        needs,
        told.seconds("at"),
        told.text("note", 2 * TEXT_MAX)[:TEXT_MAX],
        value.get("is_bad") is True,
        told.node(by) if (by := value.get("pushed_by")) else "",
        _secrets(told, value.get("secrets", [])),
    )


def _secrets(told: _Told, names: Value) -> tuple[str, ...]:
    if not isinstance(names, list) or len(names) > NAMES_MAX:
        raise told.wrong("secrets")
    if not all(is_secret_name(name) for name in names):
        raise told.wrong("secrets")
    return tuple(str(name) for name in names)


class _Told:
    """A mapping that another node wrote, read strictly; fields that are not known are left be."""

    def __init__(self, told: Mapping[str, Value], what: str) -> None:
        self._told = told
        self._what = what

    def wrong(self, key: str) -> RemoteProtocolError:
        return RemoteProtocolError(f"{self._what} with a {key} that is none", where="services")

    def text(self, key: str, length_max: int = TEXT_MAX) -> str:
        value = self._told.get(key)
        if not isinstance(value, str) or len(value) > length_max:
            raise self.wrong(key)
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str = "") -> str:
        value = self._told.get(key, default)
        if value not in choices:
            raise self.wrong(key)
        return str(value)

    def number(self, key: str) -> int:
        value = self._told.get(key)
        if type(value) is not int or not 0 < value < NUMBER_MAX:
            raise self.wrong(key)
        return value

    def seconds(self, key: str) -> float:
        value = self._told.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise self.wrong(key)
        if not math.isfinite(value) or not 0 <= value < 1e12:
            raise self.wrong(key)
        return float(value)

    def node(self, value: Value) -> NodeId:
        try:
            return parse_node_id(value if isinstance(value, str) else "")
        except ValueError as error:
            raise self.wrong("node") from error
