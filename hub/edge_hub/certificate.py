"""The certificates with which the hub's HTTPS listeners prove themselves."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING, Protocol

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.hashes import SHA256

from cantor.base.errors import CantorError, ConfigError
from cantor.identity.certificates import parse_certificates
from cantor.identity.files import make_private_folder, read_private, write_durably
from cantor.identity.profiles import host_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.identity.authority import Authority

RENEW_BEFORE = dt.timedelta(days=30)


class ListenerCertificate(Protocol):
    """What a listener proves itself with; ``context`` serves it and stays the same object."""

    context: ssl.SSLContext

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it: ``AB:CD:...``."""

    def refresh(self) -> None:
        """Look again, and use what is due for new connections."""


class HubCertificate:
    """One that the mesh's root signed for the hub's addresses.

    It is kept until it is due or lacks an address, so that its fingerprint outlives a restart.
    """

    def __init__(
        self, path: Path, authority: Authority, hosts: Sequence[str], clock: Clock
    ) -> None:
        self.context = _context()
        self._path = path
        self._authority = authority
        self._hosts = hosts
        self._clock = clock
        self.refresh()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it."""
        return _fingerprint(self._path)

    def refresh(self) -> None:
        """Make a new one if the one here is due or does not say every address."""
        now = dt.datetime.fromtimestamp(self._clock.wall(), dt.UTC)
        if not self._holds(now):
            make_private_folder(self._path.parent)
            write_durably(self._path, self._authority.issue_server(self._hosts, now=now))
        self.context.load_cert_chain(self._path)

    def _holds(self, now: dt.datetime) -> bool:
        try:
            leaf, *roots = parse_certificates(read_private(self._path))
            root = parse_certificates(self._authority.root_pem)[0]
            leaf.verify_directly_issued_by(root)
            names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        except (CantorError, ValueError, TypeError, InvalidSignature, x509.ExtensionNotFound):
            return False
        is_ours = root in roots
        is_due = now + RENEW_BEFORE >= leaf.not_valid_after_utc or now < leaf.not_valid_before_utc
        return is_ours and not is_due and {host_name(host) for host in self._hosts} <= set(names)


class OwnCertificate:
    """A person's own certificate and key, in PEM; what renews the files need not tell the hub.

    Raises:
        ConfigError: the files cannot be read or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self.context = _context()
        self._certificate = certificate
        self._key = key
        self.refresh()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it."""
        return _fingerprint(self._certificate)

    def refresh(self) -> None:
        """Read the files again.

        Raises:
            ConfigError: they cannot be used; the ones before then still are.
        """
        # A pair that does not match breaks the context that loads it: try in another one first.
        for context in (_context(), self.context):
            try:
                context.load_cert_chain(self._certificate, self._key, password=_no_password)
            except (OSError, ValueError) as error:
                raise self._unusable(error) from error

    def _unusable(self, error: OSError | ValueError) -> ConfigError:
        files = [self._certificate, *([self._key] if self._key else [])]
        missing = [file for file in files if not file.is_file()]
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        what = "no such file" if missing else f"OpenSSL refuses it: {reason}"
        return ConfigError(
            what,
            where=f"--certificate {' '.join(str(file) for file in missing or files)}",
            remedy="name a PEM file with the whole chain, and its key without a password by --key",
        )


def _no_password() -> str:
    message = "the key has a password"
    raise ValueError(message)


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    return context


def _fingerprint(path: Path) -> str:
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    return leaf.fingerprint(SHA256()).hex(":").upper()
