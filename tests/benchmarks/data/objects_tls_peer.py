"""One TLS connection between two processes: takes bytes, into memory or into a file.

python -m tests.benchmarks.data.objects_tls_peer PORT BYTES FOLDER [FILE]

Says when it is connected, and then how many seconds it took until all was there.
"""

from __future__ import annotations

import socket
import ssl
import sys
import time
from pathlib import Path

PIECE_BYTES = 1 << 20


def main() -> None:
    """Take them once."""
    port, size, folder, *file = sys.argv[1:]
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(f"{folder}/ca.pem")
    context.load_cert_chain(f"{folder}/node.pem", f"{folder}/node.key")
    with (
        socket.create_connection(("localhost", int(port))) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as sock,
        Path(file[0] if file else "/dev/null").open("wb", buffering=0) as target,
    ):
        buffer, left = memoryview(bytearray(PIECE_BYTES)), int(size)
        print("connected", flush=True)
        began = time.perf_counter()
        sock.sendall(b"\0")
        while left:
            count = sock.recv_into(buffer)
            if file:
                target.write(buffer[:count])
            left -= count
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
