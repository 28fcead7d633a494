from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

from tests.unit.edge_hub.conftest import START

from cantor.identity.store import IdentityFolder
from edge_hub.membership import let_in

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.identity.authority import Authority


def test_the_hubs_own_node_gets_a_new_certificate_in_time_for_the_same_key(
    tmp_path: Path, authority: Authority
) -> None:
    folder = IdentityFolder(tmp_path)

    def until(days: int) -> float:
        let_in(folder, authority, now=START + dt.timedelta(days=days))
        return folder.identity.not_after

    first, node_id = until(0), folder.node_id
    assert until(14) == first
    assert until(16) > first
    late = until(100)  # off for months, or restored from an old backup
    assert late > (START + dt.timedelta(days=120)).timestamp()
    assert folder.identity.node_id == node_id
