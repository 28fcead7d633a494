"""Words that nodes sign: who said them, and what does not hold."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import msgpack
import pytest

from cantor.base.errors import IdentityError
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.identity.vouching import Vouching
from cantor.identity.words import WORD_BYTES_MAX, make_word, read_word
from cantor.node.signing import FactSigner, FactVerifier, SignedWords

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.base.ids import NodeId
    from cantor.node.settings import CodeRun


def node(folder: Path, authority: Authority) -> IdentityFolder:
    made = IdentityFolder(folder)
    made.install(authority.issue(made.csr_pem(), now=datetime.now(UTC)))
    return made


class Pair:
    """Two nodes of a mesh."""

    def __init__(self, folder: Path) -> None:
        self.authority = Authority.create("plant", now=datetime.now(UTC))
        self.one, self.two = (node(folder / name, self.authority) for name in ("one", "two"))
        self.vouching = Vouching("plant", self.one.root_pem)

    def said(self, by: NodeId | None = None, mesh: str = "plant") -> bytes:
        signer = FactSigner(self.one)
        who = by or self.one.node_id
        return make_word("service", {"n": 1}, who, mesh, signer, signer.certificate)

    def read(self, packed: object, kind: str = "service", *, is_denied: bool = False) -> object:
        return read_word(packed, kind, self.vouching, lambda _: is_denied)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(tmp_path)


def changed(packed: bytes, **parts: Any) -> bytes:  # noqa: ANN401 (anything)
    data: bytes = msgpack.packb({**msgpack.unpackb(packed), **parts})
    return data


def test_a_word_proves_who_said_it(pair: Pair) -> None:
    word = read_word(pair.said(), "service", pair.vouching, lambda _: False)

    assert (word.by, word.tenant, word.content) == (pair.one.node_id, "default", {"n": 1})


def test_a_word_in_the_name_of_another_node_does_not_hold(pair: Pair) -> None:
    with pytest.raises(IdentityError, match="another node"):
        pair.read(pair.said(by=pair.two.node_id))


def test_a_changed_body_or_signature_does_not_hold(pair: Pair) -> None:
    packed = pair.said()
    body = msgpack.unpackb(packed)["body"]

    with pytest.raises(IdentityError, match="signature does not hold"):
        pair.read(changed(packed, body=body.replace(b"n\x01", b"n\x02")))
    with pytest.raises(IdentityError, match="signature does not hold"):
        pair.read(changed(packed, signature=b"0" * 70))


def test_a_signer_for_whom_nobody_vouches_does_not_hold(pair: Pair, tmp_path: Path) -> None:
    stranger = node(tmp_path / "x", Authority.create("plant", now=datetime.now(UTC)))
    signer = FactSigner(stranger)
    said = make_word("service", {}, stranger.node_id, "plant", signer, signer.certificate)

    with pytest.raises(IdentityError):
        pair.read(said)


def test_a_word_of_another_kind_or_mesh_does_not_hold(pair: Pair) -> None:
    with pytest.raises(IdentityError, match="no deployment of this mesh"):
        pair.read(pair.said(), "deployment")
    with pytest.raises(IdentityError, match="of this mesh"):
        pair.read(pair.said(mesh="other"))


def test_a_signer_who_was_put_out_does_not_hold(pair: Pair) -> None:
    with pytest.raises(IdentityError, match="put out of the mesh"):
        pair.read(pair.said(), is_denied=True)


@pytest.mark.parametrize("packed", [
    None, "text", b"", b"junk", msgpack.packb([]), msgpack.packb({"body": 1}),
    msgpack.packb({"body": b"", "signature": b"", "certificate": b""}), bytes(WORD_BYTES_MAX + 1),
])  # fmt: skip
def test_what_is_no_word_is_refused(pair: Pair, packed: object) -> None:
    with pytest.raises(IdentityError, match="malformed"):
        pair.read(packed)


def test_a_word_that_others_would_not_take_is_not_said(pair: Pair) -> None:
    with pytest.raises(IdentityError, match="limit"):
        make_word("x", {"text": "y" * WORD_BYTES_MAX}, pair.one.node_id, "plant", bytes, b"")


def test_a_node_says_whose_code_it_runs(pair: Pair) -> None:
    signer, verifier = FactSigner(pair.one), FactVerifier("plant", pair.one.root_pem)

    def words(me: IdentityFolder, code_run: CodeRun, tenant: str = "default") -> SignedWords:
        identity = replace(me.identity, tenant=tenant)
        return SignedWords(identity, signer, verifier, lambda _: False, code_run)

    word = words(pair.two, "tenant").read(pair.said(), "service")
    assert words(pair.two, "tenant").may_run_code(word)
    assert not words(pair.two, "tenant", "acme").may_run_code(word)
    assert not words(pair.two, "none").may_run_code(word)
    assert words(pair.one, "none").may_run_code(word)
