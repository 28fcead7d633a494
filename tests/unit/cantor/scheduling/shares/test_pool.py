"""Who uses what of the pool, for people."""

from __future__ import annotations

import pytest

from cantor.base.ids import NodeId
from cantor.scheduling.shares.accounts import Accounts
from cantor.scheduling.shares.pool import pool_rows, pool_value
from cantor.scheduling.shares.terms import Terms
from cantor.scheduling.shares.uses import Told, Use

TERMS = {"default": Terms(), "vision": Terms(3), "lab": Terms(1, 0, {"GPU": 4})}


def accounts() -> Accounts:
    made = Accounts(TERMS.__getitem__, 0.0)
    made.totals = {"GPU": 8}
    return made


def test_what_a_project_holds_beyond_its_share_is_lent_to_it() -> None:
    pool = accounts()
    pool.took("lab", {"GPU": 1}, 0.0)
    pool.told(NodeId("b" * 32), Told(1, {"lab": Use(held={"GPU": 2}, waiting={"GPU": 1})}), 0.0)
    (row,) = pool_rows(pool, "lab", TERMS)
    assert (row.total, row.share, row.held, row.lent, row.waiting) == (8, 2, 3, 1, 1)
    assert pool_value(pool, "lab", TERMS) == {
        "project": "lab", "share": 1, "priority": 0, "limits": {"GPU": 4},
        "uses": [
            {"resource": "GPU", "total": 8, "share": 2.0, "held": 3, "lent": 1.0, "waiting": 1}
        ],
    }  # fmt: skip
    assert pool_value(pool, "vision", TERMS)["uses"] == []


def test_the_default_project_has_a_share_while_it_uses_something() -> None:
    pool = accounts()
    pool.took("default", {"GPU": 2}, 0.0)
    (row,) = pool_rows(pool, "default", TERMS)
    assert (row.share, row.lent) == pytest.approx((1.6, 0.4))
    (row,) = pool_rows(pool, "lab", TERMS)  # it has a limit, so it has to do with GPUs
    assert (row.share, row.held) == (1.6, 0)
