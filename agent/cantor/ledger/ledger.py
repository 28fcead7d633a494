"""One node's copy of the facts of all nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import LocalProtocolError, RemoteProtocolError
from cantor.ledger.days import has_lapsed
from cantor.ledger.digests import Digests
from cantor.ledger.facts import (
    BATCH_FACTS_MAX,
    Batch,
    Fact,
    OverShareError,
    pack_facts,
    unpack_facts,
)
from cantor.ledger.share import Share

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from cantor.base.ids import NodeId
    from cantor.wire.frame import Value

OWNERS_MAX = 4096
_NOTHING = Share()


class Verify(Protocol):
    """Does ``signature`` over ``data`` come from ``owner``, whose certificate is given?"""

    def __call__(self, owner: NodeId, data: bytes, signature: bytes, certificate: bytes) -> bool:
        """True only if the certificate is trusted, names the owner, and the signature holds.

        Raises:
            UnvouchedError: the owner has signed it, but nobody who is trusted vouches for it.
        """


class Ledger:
    """Facts by (owner, name); the newest stamp holds; only the owner can write its own.

    Each fact is kept with the batch that its owner signed, which is what other nodes are sent.
    """

    def __init__(
        self,
        node: NodeId,
        *,
        epoch: int,
        sign: Callable[[bytes], bytes],
        certificate: bytes,
        verify: Verify,
    ) -> None:
        self._node = node
        self._epoch = epoch
        self._sign = sign
        self._certificate = certificate
        self._verify = verify
        self._shares: dict[NodeId, Share] = {}
        self._day = 0
        self.digests = Digests(self._shares)

    @property
    def epoch(self) -> int:
        """The epoch under which this node writes; persist it if it grew past the one given."""
        return self._epoch

    @property
    def certificate(self) -> bytes:
        """What proves all that this node says now, in PEM: it is renewed while the node runs."""
        return self._certificate

    def certify(self, certificate: bytes) -> None:
        """Prove what this node writes from now on by another certificate of the same key."""
        self._certificate = certificate

    def get(self, owner: NodeId, name: str) -> Value:
        """The value of a fact; ``None`` if it is unknown or withdrawn."""
        kept = self._of(owner).get(name)
        return kept[0].value if kept else None

    def own(self) -> dict[str, Value]:
        """What this node says itself, by name; the withdrawn are left out."""
        kept = self._of(self._node)
        return {name: kept[name][0].value for name in kept if kept[name][0].value is not None}

    def owners(self) -> Collection[NodeId]:
        """Whose facts are held."""
        return self._shares.keys()

    def all_facts(self) -> Iterator[Fact]:
        """Every fact in the order of (owner, name), the withdrawn with ``None`` as value."""
        for owner in sorted(self._shares):
            yield from self.facts_of(owner)

    def facts_named(self, prefix: str, *, but: Collection[NodeId] = ()) -> Iterator[Fact]:
        """The facts whose name begins so, as in ``all_facts``, without those of some owners."""
        for owner in sorted(self._shares):
            if owner not in but:
                kept = self._shares[owner].facts
                names = sorted(name for name in kept if name.startswith(prefix))
                yield from (kept[name][0] for name in names)

    def publish(
        self, values: dict[str, Value], hlc: int, *, lasting: Collection[str] = ()
    ) -> tuple[Batch, list[Fact]]:
        """Write facts of this node under one signature; ``None`` withdraws a fact.

        What was ``lasting`` once stays so, also withdrawn: its older value must never come back.

        Raises:
            LocalProtocolError: the values are not msgpack types or exceed this node's share.
        """
        facts = [
            Fact(self._node, n, values[n], self._epoch, hlc, n in lasting or self._lasts(n))
            for n in sorted(values)
        ]
        try:
            data = pack_facts(facts)
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise LocalProtocolError(
                f"a fact cannot be written: {error}", remedy="use msgpack types"
            ) from error
        batch = Batch(self._node, data, self._sign(data), self._certificate)
        if len(facts) > BATCH_FACTS_MAX or not self._has_room(batch, facts):
            raise LocalProtocolError("too many facts or bytes", remedy="publish less per node")
        self._keep(batch, facts)
        return batch, facts

    def merge(
        self, batch: Batch, hlc: int, *, observe: Callable[[int], None] = lambda _: None
    ) -> tuple[list[Batch], list[Fact]]:
        """Take a batch from the network; return the batches to flood and the facts that changed.

        ``hlc`` is a new stamp of this node: a fact of its own heard with a higher stamp (a former
        run that this one has forgotten) makes it jump above that epoch and write its own again.
        ``observe`` is called with the highest stamp of others' new facts before they are kept;
        what it raises refuses them.

        Raises:
            RemoteProtocolError: malformed or forged.
            OverShareError: more than the owner's share; another node may have room for it.
            UnvouchedError: nobody whom this node trusts vouches for the owner.
        """
        if self._shares.get(batch.owner, _NOTHING).has_batch(batch.signature):
            return [], []  # what is held already need not be read again
        facts = [fact for fact in unpack_facts(batch) if self._is_news(fact)]
        if not facts:
            return [], []
        if not self._verify(batch.owner, batch.data, batch.signature, batch.certificate):
            raise RemoteProtocolError("forged facts", where=f"facts of {batch.owner}")
        if batch.owner == self._node:
            return self._jump_above(facts, hlc)
        if not self._has_room(batch, facts):
            raise OverShareError
        observe(max(fact.hlc for fact in facts))
        self._keep(batch, facts)
        return [batch], facts

    def depart(self, hlc: int) -> tuple[Batch, list[Fact]] | None:
        """Withdraw every fact of this node but the lasting, because it leaves on purpose."""
        gone = [name for name in self.own() if not self._lasts(name)]
        return self.publish(dict.fromkeys(gone), hlc) if gone else None

    def certificates(self) -> frozenset[bytes]:
        """Those that prove what is held."""
        shares = self._shares.values()
        return frozenset(batch.certificate for share in shares for _, batch in share.facts.values())

    def forget(self, certificates: Collection[bytes]) -> list[Fact]:
        """Give up what only these certificates prove; what is given up, as withdrawn.

        What this node says itself stays, but for what it has withdrawn: nobody keeps that either.
        """
        return self._give_up(lambda _, batch: batch.certificate in certificates)

    def collect(self, day: int) -> list[Fact]:
        """Give up what has lapsed by a day since 1970; what is given up, as withdrawn.

        From then on it is not taken again. What this node says itself stays, as in ``forget``.
        """
        self._day = max(self._day, day)
        return self._give_up(lambda fact, _: has_lapsed(fact, self._day))

    def facts_of(self, owner: NodeId) -> Iterator[Fact]:
        """Every fact of one owner in the order of their names, the withdrawn as well."""
        kept = self._of(owner)
        return (kept[name][0] for name in sorted(kept))

    def holds(self, batch: Batch) -> bool:
        """Whether a fact of this batch is still the newest of its name."""
        return self._shares.get(batch.owner, _NOTHING).has_batch(batch.signature)

    def batch(self, owner: NodeId, name: str) -> Batch | None:
        """The signed batch that holds a fact."""
        kept = self._of(owner).get(name)
        return kept[1] if kept else None

    def stamp(self, owner: NodeId, name: str) -> tuple[int, int]:
        """The stamp of a fact; lower than every stamp if it is unknown."""
        kept = self._of(owner).get(name)
        return kept[0].stamp if kept else (-1, -1)

    def _of(self, owner: NodeId) -> Mapping[str, tuple[Fact, Batch]]:
        return self._shares.get(owner, _NOTHING).facts

    def _is_news(self, fact: Fact) -> bool:
        is_newer = fact.stamp > self.stamp(fact.owner, fact.name)
        return is_newer and not has_lapsed(fact, self._day)

    def _lasts(self, name: str) -> bool:
        kept = self._of(self._node).get(name)
        return kept is not None and kept[0].lasting is True

    def _give_up(self, is_over: Callable[[Fact, Batch], bool]) -> list[Fact]:
        gone: list[Fact] = []
        for owner, share in self._shares.items():
            names = [
                name
                for name, (fact, batch) in share.facts.items()
                if (owner != self._node or fact.value is None) and is_over(fact, batch)
            ]
            gone += [share.drop(name)._replace(value=None) for name in sorted(names)]
        for owner in {fact.owner for fact in gone}:
            if not self._shares[owner].facts:
                del self._shares[owner]
            self.digests.changed(owner)
        return gone

    def _jump_above(self, heard: list[Fact], hlc: int) -> tuple[list[Batch], list[Fact]]:
        self._epoch = max(self._epoch, max(fact.epoch for fact in heard) + 1)
        own = self._of(self._node)
        values: dict[str, Value] = dict.fromkeys(fact.name for fact in heard)
        values |= {name: own[name][0].value for name in own}
        lasting = {fact.name for fact in heard if fact.lasting is not False}
        names = sorted(values)
        parts = [names[n : n + BATCH_FACTS_MAX] for n in range(0, len(names), BATCH_FACTS_MAX)]
        published = [
            self.publish({name: values[name] for name in part}, hlc, lasting=lasting)
            for part in parts
        ]
        return [batch for batch, _ in published], [fact for _, facts in published for fact in facts]

    def _keep(self, batch: Batch, facts: list[Fact]) -> None:
        share = self._shares.get(batch.owner)
        if share is None:
            share = self._shares[batch.owner] = Share()
        share.keep(batch, facts)
        self.digests.changed(batch.owner)

    def _has_room(self, batch: Batch, facts: list[Fact]) -> bool:
        share = self._shares.get(batch.owner)
        if share is None and len(self._shares) >= OWNERS_MAX:
            return False
        return (share or _NOTHING).fits(batch, facts)
