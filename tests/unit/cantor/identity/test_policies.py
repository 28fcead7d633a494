from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import LEAF_LIFE, Authority
from cantor.identity.policies import (
    BY_CHARS_MAX,
    POLICY,
    STALE_DAYS_MAX,
    Policy,
    make_policy,
    policy_in,
)
from cantor.identity.statements import StatementReader, make_statement

NOW_S = 1_800_000_000.0
ACME = Authority.create("plant", "acme", now=datetime.fromtimestamp(NOW_S, UTC))


def test_a_policy_is_read_as_it_was_signed() -> None:
    policy = Policy(7, 3, number=2, at_ms=1_800_000_000_123, by="owner", issuer="a" * 32)
    statement = make_policy(ACME, policy, NOW_S)
    read = StatementReader("plant", ACME.root_pem).read(statement.packed, POLICY)
    assert policy_in(read) == policy


def test_without_a_word_a_node_works_on_for_the_life_of_a_certificate() -> None:
    assert Policy().stale_days == LEAF_LIFE.days == 35


@pytest.mark.parametrize("days", [0, -1, STALE_DAYS_MAX + 1])
def test_a_number_out_of_range_is_refused_with_the_range(days: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to {STALE_DAYS_MAX} days, not {days}"):
        Policy(1, days)


@pytest.mark.parametrize(
    "content", [{}, {"stamp": 1}, {"stamp": 1, "stale_days": 0}, {"stamp": "1", "stale_days": 2},
                {"stamp": True, "stale_days": 2}, {"stamp": 1, "stale_days": 2.5},
                {"stamp": -1, "stale_days": 2}, {"stamp": 1, "stale_days": 2, "number": "1"},
                {"stamp": 1, "stale_days": 2, "at_ms": 2**53},
                {"stamp": 1, "stale_days": 2, "by": b"owner"},
                {"stamp": 1, "stale_days": 2, "by": "x" * (BY_CHARS_MAX + 1)},
                {"stamp": 1, "stale_days": 2, "by": "\x1b[31m"},
                {"stamp": 1, "stale_days": 2, "issuer": "not an id"},
                {"stamp": 1, "stale_days": 2, "issuer": 7}],
)  # fmt: skip
def test_a_policy_of_the_wrong_shape_is_none(content: dict[str, object]) -> None:
    with pytest.raises(IdentityError, match="wrong shape"):
        policy_in(make_statement(ACME, POLICY, content, NOW_S))  # type: ignore[arg-type]


@pytest.mark.parametrize("by", ["x" * (BY_CHARS_MAX + 1), "a\nb"])
def test_who_wished_it_is_one_short_line(by: str) -> None:
    with pytest.raises(ConfigError, match=f"a name of at most {BY_CHARS_MAX} characters"):
        Policy(1, 7, by=by)


def test_a_policy_of_an_earlier_version_counts_as_the_first_made_at_its_stamp() -> None:
    before = make_statement(ACME, POLICY, {"stamp": 1_800_000_000_123, "stale_days": 2}, NOW_S)
    assert policy_in(before) == Policy(
        1_800_000_000_123, 2, number=1, at_ms=1_800_000_000_123, by="", issuer=""
    )


def test_what_a_later_version_adds_is_left_alone() -> None:
    content = {"stamp": 1, "stale_days": 2, "further": [1]}
    assert policy_in(make_statement(ACME, POLICY, content, NOW_S)) == Policy(1, 2, 1, 1)  # type: ignore[arg-type]
