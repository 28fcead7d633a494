from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.unit.edge_hub.conftest import START

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.identity.store import IdentityFolder
from cantor.node.settings import Work
from edge_hub.membership import let_in, work_of
from edge_hub.settings import HubSettings

if TYPE_CHECKING:
    from cantor.identity.authority import Authority
    from cantor.workers.sandbox.levels import Level

HUB, BOX = (NodeId(f"{number:02d}" * 16) for number in range(2))


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


def work(*texts: str, **settings: str) -> Work:
    return work_of(HubSettings(Path("/hub"), sandbox=texts, **settings))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("texts", "levels"),
    [
        ((), ("full", "full")),
        (("net",), ("net", "net")),
        (("own=none",), ("none", "full")),
        (("own=none", "net"), ("none", "net")),
        ((f"{BOX}=none",), ("full", "none")),
    ],
)
def test_what_a_hub_runs_as_its_own_is_closed_in_like_code_of_others(
    texts: tuple[str, ...], levels: tuple[Level, Level]
) -> None:
    rules = work(*texts).settings.sandbox

    assert (rules.level_of(HUB, HUB), rules.level_of(BOX, HUB)) == levels


def test_what_people_type_of_its_services_is_read_or_refused() -> None:
    assert work().service_data_bytes == Work().service_data_bytes
    assert work(service_data="5GiB").service_data_bytes == 5 << 30
    with pytest.raises(ConfigError, match="--service-data"):
        work(service_data="much")
    with pytest.raises(ConfigError, match="--sandbox"):
        work("own=fully")
