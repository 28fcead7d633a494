"""A small mesh to test identities with."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING

import pytest
from tests.unit.cantor.identity.sealing_nodes import Node

from cantor.identity.authority import Authority
from cantor.identity.store import Identity, IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)


@pytest.fixture
def now() -> dt.datetime:
    return NOW


@pytest.fixture(scope="session")
def authority() -> Authority:
    return Authority.create("mesh.test", "acme", now=NOW)


@pytest.fixture
def make_node(tmp_path: Path, authority: Authority) -> Callable[..., Identity]:
    def make(name: str, by: Authority = authority, now: dt.datetime = NOW) -> Identity:
        folder = IdentityFolder(tmp_path / name)
        return folder.install(by.issue(folder.csr_pem(), now=now))

    return make


@pytest.fixture
def make(tmp_path: Path, authority: Authority) -> Callable[..., Node]:
    def make(name: str, by: Authority = authority) -> Node:
        folder = IdentityFolder(tmp_path / name)
        folder.install(by.issue(folder.csr_pem(), now=NOW))
        return Node(folder)

    return make


@pytest.fixture
def a(make: Callable[..., Node]) -> Node:
    return make("a")


@pytest.fixture
def b(make: Callable[..., Node]) -> Node:
    return make("b")
