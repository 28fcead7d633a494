from __future__ import annotations

from cantor.base.ids import NodeId
from cantor.scheduling.grants.claim import Ask, Claim
from cantor.scheduling.grants.records import Granted, Key, Lease, Release
from cantor.scheduling.needs import parse

ME, OWNER, OTHER = (NodeId(letter * 32) for letter in "abc")


def granted(key: Key) -> Granted:
    return Granted(Lease(key, ME, 1 << 32), 0.0)


def test_grants_that_nobody_asked_for_are_neither_given_back_nor_remembered() -> None:
    claim = Claim(ME, "run/1", 1, {OWNER: parse("GPU = 1")})
    claim.tick(0.0)

    for node, first in ((OTHER, 0), (OWNER, 1)):
        for number in range(first, 1000):
            assert claim.answered(node, granted(Key("run/1", 1, number)), 0.0) == []

    claim.answered(OWNER, granted(claim.key), 0.0)
    assert claim.state == "held"
    assert [effect for effect in claim.tick(2.0) if isinstance(effect, Ask)] == []


def test_a_grant_that_comes_after_it_was_dropped_is_given_back() -> None:
    claim = Claim(ME, "run/1", 1, {OWNER: parse("GPU = 1")})
    claim.tick(0.0)
    claim.drop(0.1)

    effects = claim.answered(OWNER, granted(claim.key), 0.2)

    assert claim.state == "dropping"
    assert effects == []
    assert Ask(OWNER, Release(claim.key, ME)) in claim.tick(1.2)
