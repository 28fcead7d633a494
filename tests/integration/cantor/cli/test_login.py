"""A person logs in at a real hub from the command line, over HTTPS and on its own machine."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from tests.integration.edge_hub.test_start_lines import LOOPBACK, run, started

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration


def told(*arguments: str) -> Any:  # noqa: ANN401 (JSON)
    done = run(*arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def refused(*arguments: str) -> tuple[int, str]:
    done = run(*arguments)
    return done.returncode, done.stderr


@pytest.mark.parametrize("console", ["127.0.0.1:0", "0.0.0.0:0"])
def test_a_person_logs_in_works_and_logs_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, console: str
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    hub = ("hub", "--data", str(tmp_path / "hub"), "--mesh", "plant", "--json")
    with started(*hub, "--enrol", "127.0.0.1:0", "--console", console, *LOOPBACK) as line:
        link = line["sign_in"]
        pin = ("--fingerprint", line["certificate_sha256"]) if "certificate_sha256" in line else ()
        assert bool(pin) == link.startswith("https:")
        if pin:
            code, why = refused("login", link)
            assert code == 77
            assert "--fingerprint" in why
            other = "AB:" * 31 + "AB"
            assert "another certificate" in refused("login", link, "--fingerprint", other)[1]

        assert told("login", link, *pin)["role"] == "owner"
        assert told("whoami")["mesh"] == "plant"
        code, why = refused("login", link, *pin)
        assert (code, "was used or is too old" in why) == (77, True)

        made = told("token", "create", "--hub", "--uses", "3", "--label", "hall=2")
        assert told("token", "list", "--hub")[0]["max_uses"] == 3
        told("token", "revoke", made["id"], "--hub")
        assert told("token", "list", "--hub")[0]["state"] == "revoked"
        assert refused("token", "create", "--hub", "--uses", "0")[0] != 0

        told("logout")
        assert refused("token", "list", "--hub")[0] == 77
        assert refused("whoami")[0] == 77
