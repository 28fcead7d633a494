"""The deny list on one node, as others remind it and as its disk refuses."""

from __future__ import annotations

import datetime as dt
import errno
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import UnavailableError
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.identity.denials import DENIED, DenyList
from cantor.identity.statements import StatementReader
from cantor.ledger.facts import Fact
from cantor.node.fake import FakeMesh
from cantor.node.lifecycle import denials as module
from cantor.node.lifecycle.denials import Denials
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.identity.statements import Statement
    from cantor.wire.frame import Value

NOW = dt.datetime(2026, 11, 24, 12, tzinfo=dt.UTC)
ME, ISSUER, THIEF = (NodeId(letter * 32) for letter in "abc")
AUTHORITY = Authority.create("mesh.test", "acme", now=NOW)


class Listed:
    """A node's list, and how often it was told that the list has grown."""

    def __init__(self, folder: Path, authority: Authority | None = None) -> None:
        self.node = FakeMesh().add(ME, folder)
        self.grown = 0
        reader = StatementReader("mesh.test", AUTHORITY.root_pem)
        self.denials = Denials(
            self.node, reader, folder / DENIED, authority=authority, changed=self._changed
        )
        self.denials.start()

    def _changed(self) -> None:
        self.grown += 1


def word() -> bytes:
    return DenyList().ban(AUTHORITY, [THIEF], NOW.timestamp()).packed


def test_what_holds_in_a_reminder_counts_whatever_follows_it(tmp_path: Path) -> None:
    listed = Listed(tmp_path)
    reminder: dict[str, Value] = {"t": DENIED, "h": {}}

    listed.node.messages.delivered(
        DataFrame(Kind.DATA, ISSUER, ME, headers=reminder, body=(word(), b"no proof"))
    )

    assert listed.denials.known.is_banned("acme", THIEF)
    assert listed.grown == 1
    assert (tmp_path / DENIED).exists()


def test_a_reminder_without_end_does_not_hold_the_node_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Listed(tmp_path)
    read, checked = StatementReader.read, []

    def counted(reader: StatementReader, packed: object, kind: str) -> Statement:
        checked.append(packed)
        return read(reader, packed, kind)

    monkeypatch.setattr(StatementReader, "read", counted)
    headers: dict[str, Value] = {"t": DENIED, "h": {}}
    listed.node.messages.delivered(
        DataFrame(Kind.DATA, ISSUER, ME, headers=headers, body=(word(),) * 1024)
    )

    assert len(checked) == module.PROOFS_MAX
    assert listed.grown == 1


def test_a_node_is_out_although_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(module, "write_durably", _refuse)
    listed = Listed(tmp_path)

    listed.denials.heard(Fact(ISSUER, DENIED, word(), 1, 1))

    assert listed.grown == 1
    assert "who is denied cannot be written down" in caplog.text


def test_an_issuer_whose_disk_is_full_puts_a_node_out_and_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "write_durably", _refuse)
    listed = Listed(tmp_path, AUTHORITY)

    with pytest.raises(UnavailableError, match="No space left"):
        listed.denials.ban([THIEF])

    assert listed.grown == 1


def test_a_list_that_the_disk_refused_is_written_as_soon_as_it_can_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listed = Listed(tmp_path)
    with monkeypatch.context() as full:
        full.setattr(module, "write_durably", _refuse)
        listed.denials.heard(Fact(ISSUER, DENIED, word(), 1, 1))
        listed.denials.keep()
        assert not (tmp_path / DENIED).exists()

    listed.denials.keep()

    assert Listed(tmp_path).denials.known.is_banned("acme", THIEF)


def test_who_repeats_what_an_issuer_says_is_none(tmp_path: Path) -> None:
    listed = Listed(tmp_path)
    known = DenyList()
    known.ban(AUTHORITY, [THIEF], NOW.timestamp())
    said = known.whole(AUTHORITY, NOW.timestamp(), ISSUER).packed

    for value in (word(), said):
        listed.denials.heard(Fact(THIEF, DENIED, value, 1, 1))
    assert listed.denials.issuers == frozenset()
    assert listed.denials.known.is_banned("acme", THIEF)  # it holds all the same

    listed.denials.heard(Fact(ISSUER, DENIED, said, 1, 1))
    assert listed.denials.issuers == {ISSUER}


def _refuse(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")
