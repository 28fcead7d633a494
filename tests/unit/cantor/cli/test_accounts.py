from __future__ import annotations

import getpass
import os

import pytest

from cantor.cli.accounts import local_account


def test_an_account_is_told_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ada")
    assert local_account() == "local:ada"


@pytest.mark.parametrize("error", [KeyError("uid not found"), OSError("no name")])
def test_an_account_without_a_name_is_told_by_its_number(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def nameless() -> str:
        raise error

    monkeypatch.setattr(getpass, "getuser", nameless)
    assert local_account() == f"local:{os.getuid()}"
