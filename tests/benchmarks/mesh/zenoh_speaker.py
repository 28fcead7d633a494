"""One zenoh session of the benchmark on a real network: sends and measures what it is asked for.

Runs in an environment of its own (``python3 .ci/bootstrap.py peers``), without Cantor: TLS with
certificates on both sides, no shared memory, no discovery.

    zenoh_speaker.py CERTIFICATES MODE LISTEN CONNECT...

Its first line of input is JSON with further settings; each later one names a verb, and is answered
by one line of JSON. Times are those of the system's monotonic clock.
"""

from __future__ import annotations

import json
import struct
import sys
import threading
import time
from pathlib import Path
from typing import Any

import zenoh  # type: ignore[import-not-found]

FLOW_MESSAGE = struct.Struct(">Id52x")
BULK_BYTES = 64 * 1024
WAIT_S = 25.0
BLOCK = zenoh.CongestionControl.BLOCK


class Speaker:
    """What one session sends and has taken."""

    def __init__(self, session: Any) -> None:  # noqa: ANN401
        self._session = session
        self._taken: list[tuple[int, float, float]] = []
        self._bulk_bytes = 0
        self._pong = threading.Event()
        self._ends = threading.Event()
        self._flow: threading.Thread | None = None
        self._sent = 0
        self._held: list[Any] = []

    def listen(self, _: dict[str, Any]) -> None:
        """Answer pings and take what comes."""
        pong = self._publisher("pong", zenoh.Priority.REAL_TIME)
        subscribe = self._session.declare_subscriber
        self._held = [
            subscribe("ping", lambda sample: pong.put(sample.payload)),
            subscribe("flow", self._take_flow),
            subscribe("bulk", self._take_bulk),
        ]

    def ping(self, words: dict[str, Any]) -> list[float]:
        """Milliseconds of round trips, one after the other, for so many seconds."""
        ping = self._publisher("ping", zenoh.Priority.REAL_TIME)
        heard = self._session.declare_subscriber("pong", lambda _: self._pong.set())
        found = []
        end_s = time.monotonic() + words["seconds"]
        while (begun_s := time.monotonic()) < end_s:
            self._pong.clear()
            ping.put(bytes(64))
            if self._pong.wait(WAIT_S):
                found.append(1000 * (time.monotonic() - begun_s))
            time.sleep(words["pause_s"])
        heard.undeclare()
        return found

    def begin_flow(self, words: dict[str, Any]) -> None:
        """Send so many numbered messages of 64 B each second until the end is asked."""
        self._ends.clear()
        self._flow = threading.Thread(target=self._keep_flowing, args=(1 / words["per_s"],))
        self._flow.start()

    def end_flow(self, _: dict[str, Any]) -> int:
        """Stop; how many were sent."""
        self._ends.set()
        if self._flow is not None:
            self._flow.join()
        return self._sent

    def begin_bulk(self, _: dict[str, Any]) -> None:
        """Send as much as goes, at the lowest priority."""
        self._ends.clear()
        threading.Thread(target=self._keep_sending, daemon=True).start()

    def end_bulk(self, _: dict[str, Any]) -> None:
        """Send no more."""
        self._ends.set()

    def taken(self, _: dict[str, Any]) -> list[tuple[int, float, float]]:
        """The number, the time of sending and the time of arrival of each message since."""
        taken, self._taken = self._taken, []
        return taken

    def bulk_bytes(self, _: dict[str, Any]) -> dict[str, float]:
        """How much has arrived until now."""
        return {"at": time.monotonic(), "bytes": self._bulk_bytes}

    def _publisher(self, name: str, priority: Any) -> Any:  # noqa: ANN401
        return self._session.declare_publisher(
            name, congestion_control=BLOCK, priority=priority, express=True
        )

    def _keep_flowing(self, pause_s: float) -> None:
        flow, self._sent, due_s = self._publisher("flow", zenoh.Priority.DATA), 0, time.monotonic()
        while not self._ends.is_set():
            flow.put(FLOW_MESSAGE.pack(self._sent, time.monotonic()))
            self._sent += 1
            due_s += pause_s
            time.sleep(max(0.0, due_s - time.monotonic()))

    def _keep_sending(self) -> None:
        bulk, message = self._publisher("bulk", zenoh.Priority.BACKGROUND), bytes(BULK_BYTES)
        while not self._ends.is_set():
            bulk.put(message)

    def _take_flow(self, sample: Any) -> None:  # noqa: ANN401
        number, sent_at = FLOW_MESSAGE.unpack(bytes(sample.payload))
        self._taken.append((number, sent_at, time.monotonic()))

    def _take_bulk(self, sample: Any) -> None:  # noqa: ANN401
        self._bulk_bytes += len(sample.payload)


def config_of(folder: Path, mode: str, listen: str, connect: list[str], more: str) -> Any:  # noqa: ANN401
    """Its configuration."""
    config = zenoh.Config()
    key, chain, root = (str(folder / name) for name in ("node.key", "node.pem", "ca.pem"))
    tls = {
        "root_ca_certificate": root,
        "enable_mtls": True,
        "listen_private_key": key,
        "listen_certificate": chain,
        "connect_private_key": key,
        "connect_certificate": chain,
        "verify_name_on_connect": False,  # one certificate serves all hosts
    }
    for name, value in (
        ("mode", mode),
        ("scouting/multicast/enabled", False),
        ("scouting/gossip/enabled", False),
        ("transport/shared_memory/enabled", False),
        ("transport/link/tls", tls),
        ("listen/endpoints", [listen]),
        ("connect/endpoints", connect),
        *json.loads(more).items(),
    ):
        config.insert_json5(name, json.dumps(value))
    return config


def main(arguments: list[str]) -> None:
    """Do what is asked until the input ends."""
    folder, mode, listen, *connect = arguments
    config = config_of(Path(folder), mode, listen, connect, sys.stdin.readline())
    with zenoh.open(config) as session:
        speaker = Speaker(session)
        print("ready", flush=True)
        for line in sys.stdin:
            words = json.loads(line)
            answer = getattr(speaker, words.pop("verb"))(words)
            print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
