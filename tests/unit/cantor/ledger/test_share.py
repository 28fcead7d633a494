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
    said = sum(fact.value is not None for fact, _ in kept.values())
    return said <= 4 and len(kept) <= 6 and sum(sizes.values()) <= 60


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
        batch = Batch(A, bytes(random.randint(1, 25)), hlc.to_bytes(2, "big"), b"")
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
