"""Measures a path from inside a host.

    python probe.py serve                     answer datagrams and count bytes on port 9000
    python probe.py ping ADDRESS COUNT        datagrams there and back, one after another
    python probe.py flood ADDRESS COUNT       datagrams back to back, and what comes back
    python probe.py dial ADDRESS TIMEOUT      one TCP connection, or an error
    python probe.py send ADDRESS SECONDS      bytes through one TCP connection

Each prints one line of JSON. It imports nothing, so that it can run anywhere.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys
import time

PORT = 9000
_WAIT_S = 0.8
_PATIENCE_S = 10.0


def serve() -> None:
    """Until the process is ended."""
    datagrams = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    datagrams.bind(("::", PORT))
    listener = socket.create_server(("::", PORT), family=socket.AF_INET6, dualstack_ipv6=True)
    ready = selectors.DefaultSelector()
    for end in (datagrams, listener):
        ready.register(end, selectors.EVENT_READ)
    print("ready", flush=True)
    received: dict[socket.socket, int] = {}
    while True:
        for key, _ in ready.select():
            if key.fileobj is datagrams:
                datagrams.sendto(*datagrams.recvfrom(65535))
            elif key.fileobj is listener:
                stream, _ = listener.accept()
                ready.register(stream, selectors.EVENT_READ)
                received[stream] = 0
            elif isinstance(key.fileobj, socket.socket):
                _take(key.fileobj, received, ready)


def _take(
    stream: socket.socket, received: dict[socket.socket, int], ready: selectors.BaseSelector
) -> None:
    data = stream.recv(1 << 20)
    received[stream] += len(data)
    if not data:
        stream.sendall(str(received.pop(stream)).encode())
        ready.unregister(stream)
        stream.close()


def ping(address: str, count: int) -> dict[str, object]:
    """Milliseconds of each round trip, the lost left out."""
    end = _datagrams(address)
    times = []
    for number in range(count):
        begun = time.monotonic()
        end.send(number.to_bytes(4, "big"))
        try:
            while int.from_bytes(end.recv(64), "big") != number:
                pass
        except (TimeoutError, OSError):
            continue
        times.append(1000 * (time.monotonic() - begun))
    times.sort()
    return {"lost": count - len(times), "ms": times}


def flood(address: str, count: int) -> dict[str, object]:
    """The numbers of the datagrams that came back, in the order of their arrival."""
    end = _datagrams(address)
    arrived: list[int] = []
    for number in range(count):
        end.settimeout(_PATIENCE_S)  # while ARP is lost, what was sent fills the buffer
        end.send(number.to_bytes(4, "big"))
        _hear(end, 0.0005, arrived)
    _hear(end, _WAIT_S / 4, arrived)
    return {"arrived": arrived}


def _hear(end: socket.socket, quiet_s: float, arrived: list[int]) -> None:
    """Take what comes until it is quiet for so long."""
    end.settimeout(quiet_s)
    try:
        while True:
            arrived.append(int.from_bytes(end.recv(64), "big"))
    except (TimeoutError, OSError):
        return


def dial(address: str, timeout_s: float) -> dict[str, object]:
    """Milliseconds until it stood."""
    begun = time.monotonic()
    socket.create_connection((address, PORT), timeout_s).close()
    return {"ms": 1000 * (time.monotonic() - begun)}


def send(address: str, seconds: float) -> dict[str, object]:
    """Bits per second that the other side has received."""
    stream = socket.create_connection((address, PORT))
    chunk = bytes(256 * 1024)
    begun = time.monotonic()
    while time.monotonic() - begun < seconds:
        stream.sendall(chunk)
    stream.shutdown(socket.SHUT_WR)
    received = int(stream.recv(64))
    return {"bps": 8 * received / (time.monotonic() - begun)}


def _datagrams(address: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    end = socket.socket(family, socket.SOCK_DGRAM)
    end.settimeout(_WAIT_S)
    end.connect((address, PORT))
    return end


if __name__ == "__main__":
    verb, *words = sys.argv[1:]
    if verb == "serve":
        serve()
    measure = {"ping": ping, "flood": flood, "dial": dial, "send": send}[verb]
    print(json.dumps(measure(words[0], int(words[1]))), flush=True)
