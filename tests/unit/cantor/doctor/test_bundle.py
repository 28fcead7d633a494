from __future__ import annotations

import gzip
import io
import json
import tarfile
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from cryptography import x509

from cantor.doctor.bundle import pack
from cantor.doctor.facts import Finding
from cantor.identity.authority import Authority
from cantor.identity.store import IdentityFolder
from cantor.identity.tokens import EnrolmentToken, new_secret

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

FINDINGS = [Finding("clock", "ok", "plausible")]


def members(bundle: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(bundle)) as archive:
        files = {entry.name: archive.extractfile(entry) for entry in archive}
        return {name: file.read() for name, file in files.items() if file is not None}


def test_no_secret_is_in_any_byte_of_the_bundle(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    folder = IdentityFolder(tmp_path)
    folder.install(Authority.create("plant", now=now).issue(folder.csr_pem(), now=now))
    token = EnrolmentToken("hub:1", "0" * 32, new_secret())
    folder.keep_token(token)
    (tmp_path / "notes").write_text("canary-in-another-file")
    node: dict[str, Value] = {
        "id": "n",
        "labels": {"canary-label": "x"},
        "devices": [{"path": "canary-device"}],
    }
    bundle = pack(tmp_path, FINDINGS, {"id": "n", "canary-status": "canary"}, [node])

    number = folder.private_key.private_numbers().private_value
    key_lines = [
        line
        for line in (tmp_path / "key.pem").read_bytes().splitlines()
        if not line.startswith(b"-----")
    ]
    secrets = [*key_lines, number.to_bytes(32, "big"), str(number).encode(), b"%x" % number]
    secrets += [token.text.encode(), token.secret.encode(), b"canary", b"PRIVATE KEY"]
    for data in (bundle, gzip.decompress(bundle)):
        for secret in secrets:
            assert secret not in data


def test_the_bundle_holds_what_a_reader_needs(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    folder = IdentityFolder(tmp_path)
    folder.install(Authority.create("plant", now=now).issue(folder.csr_pem(), now=now))
    held = members(pack(tmp_path, FINDINGS, {"nodes_online": 2}, [{"id": "n"}]))
    assert json.loads(held["cantor-doctor/findings.json"])[0]["name"] == "clock"
    assert json.loads(held["cantor-doctor/status.json"]) == {"nodes_online": 2}
    assert json.loads(held["cantor-doctor/nodes.json"]) == [{"id": "n"}]
    assert "cantor" in json.loads(held["cantor-doctor/versions.json"])
    certificate = x509.load_pem_x509_certificate(held["cantor-doctor/certificate.pem"])
    assert certificate == folder.certificate


def test_a_box_of_no_mesh_packs_no_certificate(tmp_path: Path) -> None:
    held = members(pack(tmp_path / "none", FINDINGS, None, []))
    assert held["cantor-doctor/certificate.pem"] == b""
    assert json.loads(held["cantor-doctor/status.json"]) == {}
