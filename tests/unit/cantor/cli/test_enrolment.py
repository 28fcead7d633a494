from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from cantor.base.clock import SystemClock
from cantor.cli.enrolment import enrol_patiently
from cantor.cli.main import main
from cantor.identity.authority import Authority
from cantor.identity.client import EnrolmentPendingError
from cantor.identity.store import Identity, IdentityFolder
from cantor.identity.tokens import EnrolmentToken

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def authority() -> Authority:
    return Authority.create("plant", now=datetime.now(UTC))


def token_of(authority: Authority) -> EnrolmentToken:
    return EnrolmentToken(hub="127.0.0.1:1", root_pin=authority.root_pin, secret="a" * 39)


class Hub:
    """Answers "pending" some times, then lets the node in."""

    def __init__(self, authority: Authority, pending: int) -> None:
        self.authority = authority
        self.pending = pending
        self.pauses: list[float] = []

    async def attempt(self, token: EnrolmentToken, folder: IdentityFolder, **_: object) -> Identity:
        if self.pending:
            self.pending -= 1
            raise EnrolmentPendingError(f"hub {token.hub}", 7.0)
        return folder.install(self.authority.issue(folder.csr_pem(), now=datetime.now(UTC)))

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)


async def test_a_box_asks_again_until_a_person_has_approved(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    hub = Hub(authority, pending=2)

    identity = await enrol_patiently(
        token_of(authority),
        IdentityFolder(tmp_path),
        name="box",
        clock=SystemClock(),
        is_waiting=True,
        pause=hub.pause,
        attempt=hub.attempt,
    )

    assert identity.mesh == "plant"
    assert hub.pauses == [7.0, 7.0]
    assert "Waiting for a person to approve" in capsys.readouterr().err


async def test_without_waiting_a_pending_approval_is_an_error(
    tmp_path: Path, authority: Authority
) -> None:
    hub = Hub(authority, pending=1)

    with pytest.raises(EnrolmentPendingError):
        await enrol_patiently(
            token_of(authority),
            IdentityFolder(tmp_path),
            name="box",
            clock=SystemClock(),
            is_waiting=False,
            attempt=hub.attempt,
        )


def test_a_mistyped_token_ends_in_one_clear_line_and_its_exit_code(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["enroll", "cet1_nonsense", "--data", str(tmp_path)])

    error = capsys.readouterr().err
    assert code == 77
    assert error.startswith("cantor: ")
    assert error.count("\n") == 1


def test_a_box_that_is_no_node_is_told_how_to_become_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["identity", "--data", str(tmp_path)])

    assert code == 77
    assert "enroll" in capsys.readouterr().err


def test_an_unreachable_hub_has_an_exit_code_of_its_own(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["enroll", token_of(authority).text, "--data", str(tmp_path)])

    assert code == 69
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_an_enrolled_box_says_who_it_is(
    tmp_path: Path, authority: Authority, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = IdentityFolder(tmp_path)
    folder.install(authority.issue(folder.csr_pem(), now=datetime.now(UTC)))

    code = main(["identity", "--json", "--data", str(tmp_path)])

    assert code == 0
    assert f'"id": "{folder.node_id}"' in capsys.readouterr().out
