"""Names inside certificates: mesh and tenant, SPIFFE ids, and the pin of a root."""

from __future__ import annotations

import hashlib
import re
from typing import NamedTuple

from cantor.base.errors import ConfigError, IdentityError
from cantor.base.ids import NodeId, parse_node_id

ROOT_PIN_BYTES = 16
MESH_NAME_CHARS_MAX = 120
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_TENANT = re.compile(_LABEL)
_MESH = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_NODE_URI = re.compile(rf"spiffe://({_LABEL})\.({_LABEL}(?:\.{_LABEL})*)/node/([0-9a-f]{{32}})")


class NodeName(NamedTuple):
    """What the SPIFFE id of a node says."""

    tenant: str
    mesh: str
    node_id: NodeId


def check_mesh_name(mesh: str) -> str:
    """Return ``mesh`` if it can stand in a certificate.

    Raises:
        ConfigError: it is no lower-case DNS name of at most 120 characters.
    """
    if len(mesh) > MESH_NAME_CHARS_MAX or _MESH.fullmatch(mesh) is None:
        raise ConfigError(
            f"not a mesh name: {mesh[:40]!r}",
            remedy="use lower-case letters, digits, hyphens and dots, as in plant-7.example",
        )
    return mesh


def check_tenant_name(tenant: str) -> str:
    """Return ``tenant`` if it can stand in a certificate.

    Raises:
        ConfigError: it is no single lower-case DNS label.
    """
    if _TENANT.fullmatch(tenant) is None:
        raise ConfigError(
            f"not a tenant name: {tenant[:40]!r}",
            remedy="use lower-case letters, digits and hyphens, at most 63 of them",
        )
    return tenant


def trust_domain(tenant: str, mesh: str) -> str:
    """The host part of a node's SPIFFE id: what a tenant's issuing authority is bound to."""
    return f"{check_tenant_name(tenant)}.{check_mesh_name(mesh)}"


def node_uri(tenant: str, mesh: str, node: NodeId) -> str:
    """The SPIFFE id of a node: ``spiffe://<tenant>.<mesh>/node/<node id>``."""
    return f"spiffe://{trust_domain(tenant, mesh)}/node/{node}"


def parse_node_uri(uri: str) -> NodeName:
    """Take the SPIFFE id of a node apart.

    Raises:
        IdentityError: it is not one.
    """
    match = _NODE_URI.fullmatch(uri)
    if match is None:
        raise IdentityError(f"not the identity of a node: {uri[:80]!r}")
    return NodeName(match[1], match[2], parse_node_id(match[3]))


def root_pin_of(root_der: bytes) -> str:
    """The pin of a root certificate: the first 16 bytes of its SHA-256, in hexadecimal."""
    return hashlib.sha256(root_der).hexdigest()[: 2 * ROOT_PIN_BYTES]
