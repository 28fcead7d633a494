"""Calls of a hub's API from the command line: one request each, and nothing that is too large.

The hub proves itself by a certificate that this machine trusts, or by the fingerprint that it
printed. What it answers is not trusted: sizes are bounded, and redirects are not followed.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from cantor.base.address import Address
from cantor.base.errors import ConfigError, IdentityError, UnavailableError, reason_of

if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "/api/v1"
ANSWER_BYTES_MAX = 1024 * 1024
TIMEOUT_S = 15.0
TEXT_CHARACTERS_MAX = 300
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hub said: ``body`` is a JSON object, empty if it sent none."""

    status: int
    body: dict[str, Any]
    cookies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class HubOrigin:
    """Where a console is, ``https://HOST:PORT``, and which certificate it has if that is pinned."""

    url: str
    fingerprint: str = ""

    @classmethod
    def parse(cls, text: str, fingerprint: str = "") -> HubOrigin:
        """As a person writes it; only a hub on this machine may speak without TLS.

        Raises:
            ConfigError: it is no console, or that is no fingerprint.
        """
        try:
            parts = urlsplit(text.strip())
            host, _ = parts.hostname or "", parts.port
        except ValueError:
            parts, host = urlsplit(""), ""
        if parts.scheme == "http" and host and not Address(host, 0).is_loopback:
            raise ConfigError(
                "a session goes to other machines by https only", where=f"{parts.netloc}"[:80],
                remedy="write https://HOST:PORT, as the hub prints it",
            )  # fmt: skip
        is_plain = not (parts.username or parts.query) and parts.path in ("", "/", "/sign-in")
        if parts.scheme not in ("http", "https") or not host or not is_plain:
            raise ConfigError(
                f"not the address of a hub: {text[:80]!r}",
                remedy="write https://HOST:PORT, or the sign-in link that the hub prints",
            )
        pinned = fingerprint.replace(":", "").lower()
        if fingerprint and not _FINGERPRINT.fullmatch(pinned):
            raise ConfigError(
                "not the fingerprint of a certificate", where="--fingerprint",
                remedy="write the 64 digits of SHA-256 that the hub prints when it starts",
            )  # fmt: skip
        return cls(f"{parts.scheme}://{parts.netloc.lower()}", pinned)

    def call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, cookie: str = ""
    ) -> Answer:
        """One request, ``path`` under ``/api/v1``.

        Raises:
            UnavailableError: it does not answer, or what answers is no hub.
            IdentityError: its certificate is not trusted, or not the one that is pinned.
        """
        parts = urlsplit(self.url)
        headers = {"Accept": "application/json", "Origin": self.url, "X-Cantor-Request": "1"}
        if cookie:
            headers["Cookie"] = cookie
        content = None
        if body is not None:
            content, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        connection = self._connection(parts.hostname or "", parts.port)
        try:
            connection.connect()
            self._check_pin(connection)
            connection.request(method, PREFIX + path, content, headers)
            return _answer(connection.getresponse())
        except ssl.SSLCertVerificationError as error:
            raise self._untrusted(error) from error
        except (OSError, http.client.HTTPException) as error:
            why = reason_of(error) if isinstance(error, OSError) else repr(error)
            raise UnavailableError(
                f"the hub does not answer: {why}"[:TEXT_CHARACTERS_MAX], where=self.url,
                remedy="look whether it runs, and at its address and the network",
            ) from error  # fmt: skip
        except (ValueError, RecursionError) as error:
            raise UnavailableError(
                f"what answers is no hub: {error}"[:TEXT_CHARACTERS_MAX], where=self.url,
                remedy="look at the address: it is that of the console",
            ) from error  # fmt: skip
        finally:
            connection.close()

    def _connection(self, host: str, port: int | None) -> http.client.HTTPConnection:
        if self.url.startswith("http:"):
            return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
        context = ssl.create_default_context()
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        if self.fingerprint:  # it is compared before anything is sent
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)

    def _check_pin(self, connection: http.client.HTTPConnection) -> None:
        if self.fingerprint and _shown(connection) != self.fingerprint:
            raise IdentityError(
                "the hub has another certificate than the one with that fingerprint",
                where=self.url,
                remedy="compare it with what the hub prints when it starts; then log in again",
            )

    def _untrusted(self, error: ssl.SSLCertVerificationError) -> IdentityError:
        return IdentityError(
            f"this machine does not trust the hub's certificate: {error.verify_message}",
            where=self.url,
            remedy="give the fingerprint that the hub prints when it starts: --fingerprint SHA256",
        )


def _shown(connection: http.client.HTTPConnection) -> str:
    sock = connection.sock
    shown = sock.getpeercert(binary_form=True) if isinstance(sock, ssl.SSLSocket) else None
    return sha256(shown or b"").hexdigest()


def _answer(response: http.client.HTTPResponse) -> Answer:
    data = response.read(ANSWER_BYTES_MAX + 1)
    if len(data) > ANSWER_BYTES_MAX:
        message = f"its answer is longer than {ANSWER_BYTES_MAX} bytes"
        raise ValueError(message)
    if 300 <= response.status < 400:
        message = "it sends elsewhere"
        raise ValueError(message)
    body = json.loads(data) if data else {}
    if not isinstance(body, dict):
        message = "its answer is no JSON object"
        raise ValueError(message)
    return Answer(response.status, body, tuple(response.headers.get_all("Set-Cookie") or ()))
