"""Objects between nodes beside one TLS connection that carries the same bytes, in the same run.

Two real agents on the loopback interface. A transfer is the work of the reader's node: from the
disk of the owner to its own, each chunk compared with its hash. The connection beside it carries
the bytes from memory into memory, and into a file; both are blocking sockets in processes of their
own, and nothing is compared. What agents hold is the most that they had during a transfer, over
what they had before.
"""

from __future__ import annotations

import os
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tests.bed.loopback import Boxes
from tests.bed.waiting import until
from tests.benchmarks.mesh import certificates
from tests.benchmarks.mesh.table import ROOT, Row

import cantor
from cantor import objects
from cantor.base.errors import CantorError
from cantor.state.object_files import Lease

if TYPE_CHECKING:
    from cantor import ObjectRef

SIZE = int(os.environ.get("OBJECT_BYTES", "100000000"))
ROUNDS = int(os.environ.get("ROUNDS", "5"))
SHARE_OF_TLS = 0.8
HELD_MB_MAX = 32.0
PEER = [sys.executable, "-m", "tests.benchmarks.data.objects_tls_peer"]
PIECE = bytes(1 << 20)


def stream_mb_s(folder: Path, file: Path | None) -> float:
    """What one TLS connection carries."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "node.pem", folder / "node.key")
    context.load_verify_locations(folder / "ca.pem")
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        words = [*PEER, str(port), str(SIZE), str(folder), *([str(file)] if file else [])]
        peer = subprocess.Popen(words, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert peer.stdout is not None
        with server.accept()[0] as plain, context.wrap_socket(plain, server_side=True) as sock:
            assert peer.stdout.readline() == "connected\n"
            sock.recv(1)
            left = SIZE
            while left:
                sock.sendall(memoryview(PIECE)[: min(left, len(PIECE))])
                left -= min(left, len(PIECE))
            seconds = float(peer.stdout.readline())
        peer.wait()
        peer.stdout.close()
    return SIZE / 1e6 / seconds


def memory_mb(pid: int, name: str) -> float:
    """``VmRSS`` or ``VmHWM`` of a process."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    return int(next(line for line in lines if line.startswith(name)).split()[1]) / 1024


def fetched_s(ref: ObjectRef) -> float:
    """Seconds until the node here has an object."""
    began = time.perf_counter()
    with Lease({"o": ref.owner, "k": ref.key, "stale": False}):
        return time.perf_counter() - began


def transfer(boxes: Boxes) -> tuple[float, float, float]:
    """MB/s of a fresh object from the other node, seconds of it again, MB that an agent held."""
    pids = [box.process.pid for box in boxes.boxes.values()]
    with cantor.connect(boxes["wall"].folder):
        ref = objects.put(os.urandom(SIZE))
    for pid in pids:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    before = [memory_mb(pid, "VmRSS") for pid in pids]
    with cantor.connect(boxes["desk"].folder):
        seconds = fetched_s(ref)
        held = max(memory_mb(pid, "VmHWM") - had for pid, had in zip(pids, before, strict=True))
        again_s = statistics.median(fetched_s(ref) for _ in range(9))
        objects.delete(ref)
    return SIZE / 1e6 / seconds, again_s, held


def mapped_s(boxes: Boxes) -> float:
    """Seconds for an array that lies on the node here."""
    with cantor.connect(boxes["desk"].folder):
        ref = objects.put(np.zeros(SIZE, np.uint8))
        took, array = [], objects.get(ref)
        for _ in range(9):
            began = time.perf_counter()
            array = objects.get(ref)
            took.append(time.perf_counter() - began)
        assert not array.flags.writeable
        objects.delete(ref)
    return statistics.median(took)


def measure() -> list[Row]:
    """The rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        certificates.make(folder)
        boxes = Boxes(folder / "boxes")
        (folder / "boxes").mkdir()
        try:
            for box in ("desk", "wall"):
                boxes.start(box, "--workers", "0")
            with cantor.connect(boxes["wall"].folder):
                until(lambda: _is_there("desk"))
            transfer(boxes)  # what both import at first
            rounds = []
            for _ in range(ROUNDS):
                into_memory, into_file = (
                    stream_mb_s(folder, None),
                    stream_mb_s(folder, folder / "f"),
                )
                rounds.append((*transfer(boxes), into_memory, into_file))
            local_s = mapped_s(boxes)
        finally:
            boxes.close()
    ours, again_s, held, into_memory, into_file = map(statistics.median, zip(*rounds, strict=True))
    peers = {"TLS stream": into_memory, "TLS stream into a file": into_file}
    size = f"{SIZE / 1e6:g} MB"
    return [
        Row(
            f"an object of {size} from another node", "MB/s", ours, SHARE_OF_TLS * into_memory,
            "higher", peers,
        ),
        Row(f"most that an agent held for {size}, over idle", "MB", held, HELD_MB_MAX),
        Row(f"the same again from its copy ({size})", "ms", 1000 * again_s, None),
        Row(f"an array of {size} on this node, mapped", "ms", 1000 * local_s, None),
    ]  # fmt: skip


def _is_there(node: str) -> bool:
    try:
        return list(objects.list(node)) == []
    except CantorError:
        return False
