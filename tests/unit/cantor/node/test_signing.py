"""Who is believed, who is not known, and who is a forger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.ledger.facts import UnvouchedError
from cantor.node.signing import FactSigner, FactVerifier

if TYPE_CHECKING:
    from pathlib import Path

NOW = datetime(2026, 1, 1, tzinfo=UTC)
DATA = b"a fact"


def test_a_forger_is_told_from_one_for_whom_nobody_trusted_vouches(tmp_path: Path) -> None:
    known, former = (Authority.create("plant", now=NOW) for _ in range(2))
    box = IdentityFolder(tmp_path)
    box.install(known.issue(box.csr_pem(), now=NOW))
    verify, signer = FactVerifier("plant", known.root_pem), FactSigner(box)
    owner, signature, chain = box.identity.node_id, signer(DATA), signer.certificate
    unvouched = former.issue(box.csr_pem(), now=NOW).pem

    assert verify(owner, DATA, signature, chain)
    with pytest.raises(UnvouchedError):
        verify(owner, DATA, signature, unvouched)
    for certificate in (chain, unvouched):
        assert not verify(NodeId("0" * 32), DATA, signature, certificate)
        assert not verify(owner, b"another fact", signature, certificate)
    assert not verify(owner, DATA, signature, b"no certificate")
    assert not verify(owner, DATA, signature, unvouched * 64)
