"""Who is believed, who is not known, and who is a forger."""

from __future__ import annotations

import random
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.clock import SystemClock
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.ledger.facts import UnvouchedError
from cantor.ledger.ledger import Ledger
from cantor.mesh.core import MeshCore
from cantor.node.signing import FactSigner, FactVerifier, make_seals
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from pathlib import Path

ALL = NodeId("f" * 32)
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


def test_a_seal_shows_the_certificate_of_the_ledger_and_reads_no_file(tmp_path: Path) -> None:
    authority, box = Authority.create("plant", now=NOW), IdentityFolder(tmp_path)
    first = box.install(authority.issue(box.csr_pem(), now=NOW))
    verifier, signer = FactVerifier("plant", authority.root_pem), FactSigner(box)
    ledger = Ledger(
        first.node_id, epoch=1, sign=signer, certificate=signer.certificate, verify=verifier
    )
    core = MeshCore(first.node_id, "plant", ledger, random.Random(1))  # noqa: S311
    seals = make_seals(
        core,
        SystemClock(),
        signer,
        verifier,
        is_refused=lambda _: False,
        is_known=lambda _: True,
    )
    first.pem_path.unlink()
    for certificate in (ledger.certificate, authority.issue(box.csr_pem(), now=NOW).pem):
        ledger.certify(certificate)
        assert seals.sign(DataFrame(Kind.DATA, core.node, ALL)).body[2] == certificate
