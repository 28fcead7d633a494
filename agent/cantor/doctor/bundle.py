"""Packs what was found for somebody else to read: only what is named here, and never a secret.

Labels and devices of nodes stay out: people write passwords into both (``rtsp://user:...@``).
"""

from __future__ import annotations

import io
import json
import platform
import sys
import tarfile
from dataclasses import asdict
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import Encoding

import cantor
from cantor.base.errors import CantorError
from cantor.identity.store import IdentityFolder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from cantor.doctor.facts import Finding
    from cantor.wire.frame import Value

_STATUS_NAMES = (
    "id",
    "name",
    "mesh",
    "tenant",
    "version",
    "addresses",
    "nodes_online",
    "nodes_known",
    "links",
    "dropped",
    "clocks_ahead",
    "ways_moved",
    "ways_swung",
    "late_s",
    "late_worst_s",
)
_NODE_NAMES = ("id", "name", "state", "version", "addresses")


def pack(
    folder: Path,
    findings: Sequence[Finding],
    status: Mapping[str, Value] | None,
    nodes: Sequence[Mapping[str, Value]],
) -> bytes:
    """The bundle as a ``tar.gz``."""
    known = status or {}
    members = {
        "findings.json": _json([asdict(finding) for finding in findings]),
        "status.json": _json({name: known[name] for name in _STATUS_NAMES if name in known}),
        "nodes.json": _json(
            [{name: node[name] for name in _NODE_NAMES if name in node} for node in nodes]
        ),
        "versions.json": _json(
            {
                "cantor": cantor.__version__,
                "python": sys.version,
                "system": platform.platform(),
                "machine": platform.machine(),
            }
        ),
        "certificate.pem": _certificate(folder),
    }
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, data in members.items():
            entry = tarfile.TarInfo(f"cantor-doctor/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return packed.getvalue()


def _certificate(folder: Path) -> bytes:
    try:
        # Encoded anew from the parsed certificate: no byte of the key beside it comes along.
        return IdentityFolder(folder).certificate.public_bytes(Encoding.PEM)
    except CantorError:
        return b""


def _json(value: object) -> bytes:
    return json.dumps(value, indent=1, ensure_ascii=False).encode()
