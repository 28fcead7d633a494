"""An index of packages on loopback: PEP 503 and 691, by HTTPS with a certificate of its own."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

JSON = "application/vnd.pypi.simple.v1+json"


class PackageIndex:
    """Serves the wheels of ``folder``; what it says their hashes are can be ``lies``."""

    def __init__(self, folder: Path, place: Path, *, speaks_json: bool = True) -> None:
        self.folder = folder
        self.certificate = place / "index.pem"
        private, certificate = _certificate()
        self.certificate.write_bytes(certificate)
        key = place / "index.key"
        key.write_bytes(private)
        self.asked: list[str] = []
        self.lies: dict[str, str] = {}
        index = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                index.asked.append(self.path)
                is_json = speaks_json and JSON in self.headers.get("Accept", "")
                found = index.answer(self.path, is_json=is_json)
                self.send_response(404 if found is None else 200)
                kind, body = found or ("text/plain", b"")
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                """Nothing: ``asked`` has it."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, key)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = f"https://127.0.0.1:{self._server.server_port}/simple"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Answer no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, path: str, *, is_json: bool) -> tuple[str, bytes] | None:
        """The type and the body of what is there; None if nothing is."""
        kind, _, name = path.strip("/").partition("/")
        if kind == "files" and (self.folder / name).is_file():
            return "application/octet-stream", (self.folder / name).read_bytes()
        wheels = sorted(self.folder.glob(f"{name}-*.whl")) if kind == "simple" and name else []
        if not wheels:
            return None
        files = {one.name: self.lies.get(one.name, _sha256(one)) for one in wheels}
        if not is_json:
            page = "".join(f'<a href="/files/{one}#sha256={files[one]}">{one}</a>' for one in files)
            return "text/html", f"<!DOCTYPE html><html><body>{page}</body></html>".encode()
        rows = [
            {"filename": one, "url": f"/files/{one}", "hashes": {"sha256": files[one]}}
            for one in files
        ]
        told = {"meta": {"api-version": "1.0"}, "name": name, "files": rows}
        return JSON, json.dumps(told).encode()


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _certificate() -> tuple[bytes, bytes]:
    """A private key, and what it proves."""
    key, now = ec.generate_private_key(ec.SECP256R1()), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "index")])
    here = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(here, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    return private, made.public_bytes(Encoding.PEM)
