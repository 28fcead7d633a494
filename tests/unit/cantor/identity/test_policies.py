from __future__ import annotations

from datetime import UTC, datetime

import pytest

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import LEAF_LIFE, Authority
from cantor.identity.policies import POLICY, STALE_DAYS_MAX, Policy, make_policy, policy_in
from cantor.identity.statements import StatementReader, make_statement

NOW_S = 1_800_000_000.0
ACME = Authority.create("plant", "acme", now=datetime.fromtimestamp(NOW_S, UTC))


def test_a_policy_is_read_as_it_was_signed() -> None:
    statement = make_policy(ACME, Policy(7, 3), NOW_S)
    assert policy_in(StatementReader("plant", ACME.root_pem).read(statement.packed, POLICY)) == (
        Policy(7, 3)
    )


def test_without_a_word_a_node_works_on_for_the_life_of_a_certificate() -> None:
    assert Policy().stale_days == LEAF_LIFE.days == 35


@pytest.mark.parametrize("days", [0, -1, STALE_DAYS_MAX + 1])
def test_a_number_out_of_range_is_refused_with_the_range(days: int) -> None:
    with pytest.raises(ConfigError, match=f"1 to {STALE_DAYS_MAX} days, not {days}"):
        Policy(1, days)


@pytest.mark.parametrize(
    "content", [{}, {"stamp": 1}, {"stamp": 1, "stale_days": 0}, {"stamp": "1", "stale_days": 2},
                {"stamp": True, "stale_days": 2}, {"stamp": 1, "stale_days": 2.5}],
)  # fmt: skip
def test_a_policy_of_the_wrong_shape_is_none(content: dict[str, object]) -> None:
    with pytest.raises(IdentityError, match="wrong shape"):
        policy_in(make_statement(ACME, POLICY, content, NOW_S))  # type: ignore[arg-type]


def test_what_a_later_version_adds_is_left_alone() -> None:
    content = {"stamp": 1, "stale_days": 2, "further": [1]}
    assert policy_in(make_statement(ACME, POLICY, content, NOW_S)) == Policy(1, 2)  # type: ignore[arg-type]
