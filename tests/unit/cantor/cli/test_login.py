"""A person at a hub: what is kept of a session, and hubs that lie."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import CantorError, ConfigError
from cantor.cli import hub_calls
from cantor.cli.hub_calls import HubOrigin
from cantor.cli.hub_session import HubSession, keep, kept, session_file
from cantor.cli.main import main

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SECRET = "s" * 43
COOKIE = f"cantor_session={SECRET}; Max-Age=600; HttpOnly; Path=/; SameSite=Strict"
VIEW = {"user": {"name": "ada", "role": "operator"}, "mesh": "plant"}


class FakeHub:
    """Answers with what it is told to; ``asked`` has what it heard."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str, str]] = []
        self.answers: dict[str, tuple[int, bytes, dict[str, str]]] = {
            "/api/v1/sign-in": (204, b"", {"Set-Cookie": COOKIE}),
            "/api/v1/session": (200, json.dumps(VIEW).encode(), {}),
            "/api/v1/sign-out": (204, b"", {}),
        }
        hub = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                cookie = self.headers.get("Cookie", "")
                hub.asked.append((self.command, self.path, cookie))
                status, body, headers = hub.answers[self.path]
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET  # noqa: N815 (as the standard library has it)

            def log_message(self, *_: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    hub = FakeHub()
    yield hub
    hub.close()


def session(hub: FakeHub, **changed: Any) -> HubSession:  # noqa: ANN401 (any field)
    told = {"url": hub.url, "fingerprint": "", "cookie": "cantor_session", "secret": SECRET,
            "expires_at": time.time() + 60, **changed}  # fmt: skip
    return HubSession(**told)


def test_a_link_buys_a_session_that_only_its_user_can_read(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["login", f"{hub.url}/sign-in#ticket=abc", "--json"]) == 0
    assert main(["whoami"]) == 0

    printed = capsys.readouterr().out
    assert json.loads(printed.splitlines()[0])["role"] == "operator"
    assert f"ada (operator) at {hub.url}, mesh plant" in printed
    assert SECRET not in printed
    assert session_file().stat().st_mode & 0o777 == 0o600
    assert kept().expires_at == pytest.approx(time.time() + 600, abs=30)
    assert hub.asked[-1] == ("GET", "/api/v1/session", f"cantor_session={SECRET}")


def test_the_link_is_asked_for_without_showing_it(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("cantor.cli.login.getpass", lambda _: f"{hub.url}/sign-in#ticket=abc")
    assert main(["login", hub.url]) == 0
    monkeypatch.setattr("cantor.cli.login.getpass", lambda _: "https://other/sign-in#ticket=abc")
    assert main(["login", hub.url]) == 2
    assert "the link is of another hub" in capsys.readouterr().err


def test_logout_ends_the_session_there_and_here(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(session(hub))

    assert main(["logout"]) == 0
    assert hub.asked == [("POST", "/api/v1/sign-out", f"cantor_session={SECRET}")]
    assert not session_file().exists()
    assert main(["logout"]) == 0
    assert main(["whoami"]) == 77
    assert "you are not logged in at a hub" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "body", "code", "why"),
    [
        (401, b'{"detail": "x"}', 77, "the session has ended"),
        (403, b'{"detail": "only an owner\\u001b[31m may"}', 1, "only an owner?[31m may"),
        (200, b"[1]", 69, "what answers is no hub: its answer is no JSON object"),
        (200, b"<html>", 69, "what answers is no hub"),
        (200, b"[" * 100_000, 69, "what answers is no hub"),
        (302, b"", 69, "it sends elsewhere"),
        (200, b"x" * (1024 * 1024 + 1), 69, "its answer is longer than 1048576 bytes"),
        (200, b'{"user": [], "mesh": 5}', 0, ""),
    ],
)
def test_what_a_hub_answers_is_one_error_or_is_shown(
    hub: FakeHub, status: int, body: bytes, code: int, why: str, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(session(hub))
    hub.answers["/api/v1/session"] = status, body, {"Location": "http://elsewhere/"}

    assert main(["whoami"]) == code
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(
    ("status", "cookie", "code"),
    [
        (401, COOKIE, 77),
        (204, "", 69),
        (500, COOKIE, 69),
        (204, "other=1; Max-Age=5", 69),
        (204, f"cantor_session={SECRET}", 69),
        (204, f"cantor_session={SECRET}; Max-Age=soon", 69),
        (204, 'cantor_session="a\\012Evil: 1 aaaaaaaaaaaaaaaaaa"; Max-Age=5', 69),
    ],
)
def test_a_link_that_buys_nothing_keeps_nothing(
    hub: FakeHub, status: int, cookie: str, code: int
) -> None:
    hub.answers["/api/v1/sign-in"] = status, b"", {"Set-Cookie": cookie}

    assert main(["login", f"{hub.url}/sign-in#ticket=abc"]) == code
    assert not session_file().exists()


def test_a_session_lives_no_longer_than_there_is_a_limit(hub: FakeHub) -> None:
    long = COOKIE.replace("600", "9" * 12)
    hub.answers["/api/v1/sign-in"] = 204, b"", {"Set-Cookie": long}

    assert main(["login", f"{hub.url}/sign-in#ticket=abc"]) == 0
    assert kept().expires_at < time.time() + 401 * 86400


def test_a_session_that_has_ended_is_not_even_sent(
    hub: FakeHub, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(session(hub, expires_at=time.time() - 1))

    assert main(["whoami"]) == 77
    assert hub.asked == []
    assert "cantor login" in capsys.readouterr().err


@pytest.mark.parametrize(
    "changed",
    [{"secret": "a\r\nEvil: 1" + "a" * 20}, {"cookie": "x"}, {"url": "http://example.com"},
     {"url": "https://a/b"}, {"expires_at": "soon"}, {"expires_at": float("nan")}, {"secret": 5},
     {"more": 1}],
)  # fmt: skip
def test_a_damaged_file_is_said(hub: FakeHub, changed: dict[str, Any]) -> None:
    keep(session(hub))
    told = json.loads(session_file().read_text())
    session_file().write_text(json.dumps({**told, **changed}))

    with pytest.raises(ConfigError, match="is damaged"):
        kept()
    session_file().write_bytes(b"\xff")
    assert main(["whoami"]) == 2


def test_a_file_that_others_may_read_is_not_used(hub: FakeHub) -> None:
    keep(session(hub))
    session_file().chmod(0o644)

    assert main(["whoami"]) == 77


@pytest.mark.parametrize(
    ("text", "fingerprint"),
    [("http://example.com", ""), ("hub", ""), ("https://", ""), ("https://a/b", ""),
     ("https://u:p@a", ""), ("ftp://a", ""), ("https://[", ""), ("https://a", "ab"),
     ("https://a:x", "")],
)  # fmt: skip
def test_what_is_no_hub_is_refused(text: str, fingerprint: str) -> None:
    with pytest.raises(CantorError):
        HubOrigin.parse(text, fingerprint)


def test_a_hub_that_is_silent_is_not_waited_for(
    hub: FakeHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(session(hub))
    hub.close()
    monkeypatch.setattr(hub_calls, "TIMEOUT_S", 5.0)

    assert main(["whoami"]) == 69
    assert "the hub does not answer" in capsys.readouterr().err
