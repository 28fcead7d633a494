"""Servers that others run beside ours, with certificates on both sides."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.benchmarks.mesh import certificates
from tests.benchmarks.mesh.table import ROOT, LackingError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PYTHON = ROOT / ".tools" / "peers" / "bin" / "python"
WAIT_S = 30.0


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def clients() -> Path:
    """The Python that has the peers' clients.

    Raises:
        LackingError: it was not made.
    """
    if not PYTHON.exists():
        raise LackingError("run python3 .ci/bootstrap.py peers")
    return PYTHON


@contextmanager
def nats(folder: Path, *, is_synced: bool = False) -> Iterator[str]:
    """A NATS server with JetStream; its URL. ``folder`` gets its certificates and its data.

    It writes what it keeps and does not sync it (Debian's 2.9 syncs every two minutes); with
    ``is_synced`` a newer one, beside the peers' clients, syncs before it answers.

    Raises:
        LackingError: it is not installed.
    """
    program = str(clients().with_name("nats-server")) if is_synced else "nats-server"
    if shutil.which(program) is None:
        raise LackingError("apt-get install nats-server, and python3 .ci/bootstrap.py peers")
    certificates.make(folder)
    port, config = free_port(), folder / "nats.conf"
    always = ", sync_interval: always" if is_synced else ""
    config.write_text(
        f'listen: "127.0.0.1:{port}"\n'
        f'jetstream {{ store_dir: "{folder / "jetstream"}"{always} }}\n'
        f'tls {{ cert_file: "{folder / "node.pem"}", key_file: "{folder / "node.key"}",'
        f' ca_file: "{folder / "ca.pem"}", verify: true }}\n'
    )
    with _running([program, "-c", str(config)], port):
        yield f"tls://localhost:{port}"


@contextmanager
def redis(folder: Path) -> Iterator[int]:
    """A Redis server that syncs each change before it answers; its port.

    Raises:
        LackingError: it is not installed.
    """
    if shutil.which("redis-server") is None:
        raise LackingError("apt-get install redis-server")
    certificates.make(folder)
    port = free_port()
    options = {
        "port": "0", "tls-port": str(port), "bind": "127.0.0.1", "dir": str(folder),
        "tls-cert-file": str(folder / "node.pem"), "tls-key-file": str(folder / "node.key"),
        "tls-ca-cert-file": str(folder / "ca.pem"), "tls-auth-clients": "yes",
        "appendonly": "yes", "appendfsync": "always", "save": "",
    }  # fmt: skip
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with _running(["redis-server", *words], port):
        yield port


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end_s = time.monotonic() + WAIT_S
        while time.monotonic() < end_s:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
                break
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(WAIT_S)
