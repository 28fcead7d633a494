"""The certificate with which a hub or an issuer proves itself to boxes that enrol."""

from __future__ import annotations

import datetime as dt
import ssl
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.hashes import SHA256

from cantor.base.errors import CantorError
from cantor.identity.certificates import CERTIFICATE_ERRORS, parse_certificates
from cantor.identity.files import make_private_folder, read_private, write_durably
from cantor.identity.profiles import host_name

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from cantor.base.clock import Clock
    from cantor.identity.authority import Authority

RENEW_BEFORE = dt.timedelta(days=30)


class ServerCertificate:
    """A certificate that the mesh's root signed for the addresses of a hub or an issuer.

    It is kept until it is due or lacks an address, so that its fingerprint outlives a restart.
    """

    def __init__(
        self, path: Path, authority: Authority, hosts: Sequence[str], clock: Clock
    ) -> None:
        self.context = server_tls_context()
        self._path = path
        self._authority = authority
        self._hosts = hosts
        self._clock = clock
        self.refresh()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it."""
        return fingerprint_of(self._path)

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
        except (CantorError, *CERTIFICATE_ERRORS):
            return False
        is_ours = root in roots
        is_due = now + RENEW_BEFORE >= leaf.not_valid_after_utc or now < leaf.not_valid_before_utc
        return is_ours and not is_due and {host_name(host) for host in self._hosts} <= set(names)


def server_tls_context() -> ssl.SSLContext:
    """TLS 1.3 that resumes nothing; the certificate is still to be loaded."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.num_tickets = 0
    return context


def fingerprint_of(path: Path) -> str:
    """SHA-256 of the first certificate in a file, as browsers show it: ``AB:CD:...``."""
    leaf = x509.load_pem_x509_certificate(path.read_bytes())
    return leaf.fingerprint(SHA256()).hex(":").upper()
