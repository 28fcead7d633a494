from __future__ import annotations

from random import Random

import pytest

from cantor.base.ids import NodeId
from cantor.ledger import share as limits
from cantor.ledger.facts import Batch, Fact
from cantor.ledger.share import Share

A = NodeId("a" * 32)


def is_room(share: Share, batch: Batch, facts: list[Fact]) -> bool:
    """The same by counting all there is."""
    kept = dict(share.facts) | {fact.name: (fact, batch) for fact in facts}
    sizes = {held.signature: len(held.data) for _, held in kept.values()}
    # A certificate that goes with this very batch still counts.
    proofs = {held.certificate for _, held in (*share.facts.values(), *kept.values())}
    size = sum(sizes.values()) + sum(map(len, proofs))
    said = sum(fact.value is not None for fact, _ in kept.values())
    return said <= 4 and len(kept) <= 6 and size <= 60


@pytest.mark.parametrize("seed", range(20))
def test_what_is_counted_along_is_what_there_is(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "FACTS_PER_OWNER_MAX", 4)
    monkeypatch.setattr(limits, "FACTS_EVER_PER_OWNER_MAX", 6)
    monkeypatch.setattr(limits, "BYTES_PER_OWNER_MAX", 60)
    random = Random(seed)  # noqa: S311 -- a seed must repeat its run
    share, refused = Share(), 0
    for hlc in range(200):
        names = random.sample("abcdefg", random.randint(1, 3))
        facts = [Fact(A, name, random.choice((None, 1)), 1, hlc) for name in names]
        batch = Batch(A, bytes(random.randint(1, 25)), hlc.to_bytes(2, "big"), bytes(hlc // 50))
        fits = share.fits(batch, facts)
        assert fits == is_room(share, batch, facts)
        refused += not fits
        if fits:
            share.keep(batch, facts)
            assert share.has_batch(batch.signature)
    held = {held.signature for _, held in share.facts.values()}
    assert [hlc for hlc in range(200) if share.has_batch(hlc.to_bytes(2, "big"))] == sorted(
        int.from_bytes(signature, "big") for signature in held
    )
    assert 0 < refused < 200
    for name in list(share.facts):
        share.drop(name)
    assert (share._bytes, share._said, share._uses, share._certificates) == (0, 0, {}, {})


def test_the_certificate_of_an_owner_is_held_once_and_counts_like_its_facts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(limits, "BYTES_PER_OWNER_MAX", 1000)
    share = Share()
    for number in range(10):
        batch = Batch(
            A, bytes(10), bytes([number]), bytes(bytearray(500))
        )  # a copy, as from a wire
        facts = [Fact(A, str(number), 1, 1, 1)]
        assert share.fits(batch, facts)
        share.keep(batch, facts)
    assert len({id(batch.certificate) for _, batch in share.facts.values()}) == 1
    assert not share.fits(Batch(A, b"", b"x", bytes(501)), [Fact(A, "x", 1, 1, 1)])
