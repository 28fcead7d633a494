"""The folder in which an authority keeps its keys.

authority.json       mesh and tenant
root.pem             the root's certificate; root.key.pem its key (0600), unless kept elsewhere
issuing.pem          the issuing authority's certificate; issuing.key.pem its key (0600)
former.pem           while the mesh goes over to a new root: the former, and what it certified
former.statement     the former root's word that the present one follows
"""

from __future__ import annotations

import datetime as dt
import json
import shutil
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from cantor.base.errors import ConfigError, IdentityError
from cantor.identity.authority import Authority, FormerRoot, Signer
from cantor.identity.certificates import parse_certificates
from cantor.identity.files import (
    PUBLIC_MODE,
    make_private_folder,
    publish,
    read_private,
    sync_folder,
    write_durably,
)
from cantor.identity.keys import checked_key, parse_private_key, private_key_pem
from cantor.identity.names import trust_domain

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography import x509

PASSPHRASE_CHARS_MIN = 12
_ROOT_KEY = "root.key.pem"


def make_authority(
    folder: Path, mesh: str, tenant: str = "default", *, now: dt.datetime
) -> Authority:
    """Make the authority of a new mesh in ``folder``: wholly, or not at all.

    Whatever breaks off is begun anew by the same call: what it left was of no use to anybody.

    Raises:
        ConfigError: a name cannot stand in a certificate, or something is in the folder already.
    """
    if folder.exists():
        raise ConfigError(
            "holds an authority already, or what is left of one",
            where=str(folder),
            remedy="restore it from a backup; if nobody was enrolled by it, remove it",
        )
    authority = Authority.create(mesh, tenant, now=now)
    draft = folder.with_name(f".{folder.name}.new")
    if draft.exists():
        shutil.rmtree(draft)
    save_authority(authority, draft)
    publish(draft, folder)
    return load_authority(folder)


def save_authority(authority: Authority, folder: Path) -> None:
    """Write keys (0600) and certificates durably into ``folder``."""
    make_private_folder(folder)
    for name, signer in (("root", authority.root), ("issuing", authority.issuing)):
        if signer.is_here:
            write_durably(folder / f"{name}.key.pem", private_key_pem(signer.key))
        pem = signer.certificate.public_bytes(Encoding.PEM)
        write_durably(folder / f"{name}.pem", pem, PUBLIC_MODE)
    facts: dict[str, object] = {"mesh": authority.mesh, "tenant": authority.tenant}
    former = authority.former
    if former is not None:
        parts = (former.certificate, former.cross, former.issuing)
        pem = b"".join(part.public_bytes(Encoding.PEM) for part in parts)
        write_durably(folder / "former.pem", pem, PUBLIC_MODE)
        write_durably(folder / "former.statement", former.statement, PUBLIC_MODE)
        facts["former_since"] = former.since.timestamp()
    write_durably(folder / "authority.json", json.dumps(facts).encode(), PUBLIC_MODE)


def load_authority(folder: Path) -> Authority:
    """Read what ``save_authority`` wrote.

    Raises:
        IdentityError: a file is missing or damaged, or others may read a key.
    """
    path = folder / "authority.json"
    try:
        facts = json.loads(path.read_bytes())
        mesh, tenant = str(facts["mesh"]), str(facts["tenant"])
        since_s = facts.get("former_since")
        trust_domain(tenant, mesh)
    except (ConfigError, OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise IdentityError(
            "holds no authority",
            where=str(folder),
            remedy="start a hub with cantor hub, make a mesh with cantor mesh init, "
            "or restore the folder",
        ) from error
    former = _load_former(folder, float(since_s)) if since_s is not None else None
    issuing = _load_signer(folder, "issuing")
    return Authority(mesh, tenant, _load_signer(folder, "root"), issuing, former, folder)


def export_root(folder: Path, file: Path, passphrase: str) -> None:
    """Move the root's key out of an authority's folder, sealed by a passphrase.

    Raises:
        ConfigError: the passphrase is short, or the file exists.
        IdentityError: the folder holds no authority, or no such key.
    """
    if len(passphrase) < PASSPHRASE_CHARS_MIN:
        raise ConfigError(
            f"a passphrase needs {PASSPHRASE_CHARS_MIN} characters", remedy="choose a longer one"
        )
    if file.exists():
        raise ConfigError("exists already", where=str(file), remedy="name a new file")
    key = load_authority(folder).root.key
    sealing = BestAvailableEncryption(passphrase.encode())
    sealed = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealing)
    write_durably(file.absolute(), sealed)
    _unsealed(file.absolute(), passphrase)
    (folder / _ROOT_KEY).unlink()
    sync_folder(folder)


def import_root(folder: Path, file: Path, passphrase: str) -> None:
    """Bring the root's key back from a sealed file.

    Raises:
        IdentityError: the passphrase or the key is another's.
    """
    authority = load_authority(folder)
    pem = _unsealed(file, passphrase)
    key = parse_private_key(pem, str(file))
    if key.public_key() != authority.root.public_key:
        raise _mismatch("root", str(file))
    write_durably(folder / _ROOT_KEY, pem)


def _unsealed(file: Path, passphrase: str) -> bytes:
    try:
        key = load_pem_private_key(read_private(file), passphrase.encode())
    except (ValueError, TypeError) as error:
        raise IdentityError(
            "cannot be opened with this passphrase", where=str(file), remedy="type it again"
        ) from error
    return private_key_pem(checked_key(key, str(file)))


def _load_signer(folder: Path, name: str) -> Signer:
    where = folder / f"{name}.key.pem"
    certificate = _read(folder / f"{name}.pem")[0]
    if name == "root" and not where.exists():
        return Signer(certificate, None)
    key = parse_private_key(read_private(where), str(where))
    if certificate.public_key() != key.public_key():
        raise _mismatch(name, str(folder))
    return Signer(certificate, key)


def _load_former(folder: Path, since_s: float) -> FormerRoot:
    path = folder / "former.pem"
    parts = _read(path)
    if len(parts) != 3:
        raise IdentityError("is damaged", where=str(path), remedy="restore it from a backup")
    statement = folder / "former.statement"
    since = dt.datetime.fromtimestamp(since_s, dt.UTC)
    return FormerRoot(parts[0], parts[1], parts[2], statement.read_bytes(), since)


def _read(path: Path) -> list[x509.Certificate]:
    try:
        return parse_certificates(path.read_bytes())
    except OSError as error:
        raise IdentityError(
            f"cannot be read: {error.strerror}", where=str(path), remedy="restore it from a backup"
        ) from error


def _mismatch(name: str, where: str) -> IdentityError:
    return IdentityError(
        f"the {name} key and certificate do not belong together",
        where=where,
        remedy="restore both from the same backup",
    )
