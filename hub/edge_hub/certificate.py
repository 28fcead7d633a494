"""The certificates with which the hub's HTTPS listeners prove themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from cantor.base.errors import ConfigError
from cantor.identity.server_certificate import fingerprint_of, server_tls_context

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


class ListenerCertificate(Protocol):
    """What a listener proves itself with; ``context`` serves it and stays the same object."""

    context: ssl.SSLContext

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it: ``AB:CD:...``."""

    def refresh(self) -> None:
        """Look again, and use what is due for new connections."""


class OwnCertificate:
    """A person's own certificate and key, in PEM; what renews the files need not tell the hub.

    Raises:
        ConfigError: the files cannot be read or do not belong together.
    """

    def __init__(self, certificate: Path, key: Path | None = None) -> None:
        self.context = server_tls_context()
        self._certificate = certificate
        self._key = key
        self.refresh()

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate as browsers show it."""
        return fingerprint_of(self._certificate)

    def refresh(self) -> None:
        """Read the files again.

        Raises:
            ConfigError: they cannot be used; the ones before then still are.
        """
        # A pair that does not match breaks the context that loads it: try in another one first.
        for context in (server_tls_context(), self.context):
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
