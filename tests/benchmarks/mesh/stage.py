"""Where the mesh is measured on real networks: hosts, agents that measure, and zenoh beside them.

Each host is a network namespace, made without root (``tests.bed``). One contestant runs at a time.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.bed.fleet import Fleet
from tests.bed.network import Network
from tests.bed.switch import BedError
from tests.benchmarks.mesh import certificates
from tests.benchmarks.mesh.table import ROOT, LackingError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from tests.bed.lines import Host

HERE = Path(__file__).parent
PEERS = ROOT / ".tools" / "peers" / "bin" / "python"
ZENOH_PORT = 7447
_SPEAKER = (sys.executable, str(HERE / "speaker.py"))


@contextlib.contextmanager
def fleet() -> Iterator[Fleet]:
    """A fleet without boxes on a network without hosts.

    Raises:
        LackingError: no networks can be made here.
    """
    with _network() as network, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        made = Fleet(network, Path(folder), _SPEAKER)
        try:
            yield made
        finally:
            made.close()


class Zenohs:
    """The zenoh sessions on the hosts of one ``network``, with TLS and certificates both ways."""

    def __init__(self, network: Network, folder: Path) -> None:
        self.network = network
        self._folder = folder
        certificates.make(folder)

    def start(
        self, host: Host, mode: str, connect: Sequence[str], settings: Mapping[str, object]
    ) -> Zenoh:
        """A session that listens on its host, with entries of its configuration.

        ``connect`` are the addresses of the hosts that it dials.
        """
        endpoints = [f"tls/{address}:{ZENOH_PORT}" for address in connect]
        command = [str(PEERS), str(HERE / "zenoh_speaker.py"), str(self._folder), mode]
        listen = f"tls/0.0.0.0:{ZENOH_PORT}"
        return Zenoh(self.network, host, [*command, listen, *endpoints], json.dumps(dict(settings)))


class Zenoh:
    """One session, which does what it is asked for, one thing after the other."""

    def __init__(self, network: Network, host: Host, command: list[str], settings: str) -> None:
        self._guest = network.switch.spawn(host.name, command)
        self._say(settings)
        if self._guest.output.readline() != "ready\n":
            raise BedError(f"zenoh did not start on {host.name}")

    def ask(self, verb: str, **words: object) -> Any:  # noqa: ANN401
        """Its answer."""
        self._say(json.dumps({"verb": verb, **words}))
        line = self._guest.output.readline()
        if not line:
            raise BedError(f"zenoh ended when it was asked for {verb}")
        return json.loads(line)

    def _say(self, line: str) -> None:
        self._guest.input.write(line + "\n")
        self._guest.input.flush()


@contextlib.contextmanager
def zenohs() -> Iterator[Zenohs]:
    """Sessions of zenoh on a network without hosts.

    Raises:
        LackingError: no networks can be made here.
    """
    with _network() as network, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        yield Zenohs(network, Path(folder))


def has_zenoh() -> bool:
    """Whether zenoh is installed; says so if it is not."""
    if not PEERS.exists():
        print("without zenoh: python3 .ci/bootstrap.py peers", flush=True)
    return PEERS.exists()


@contextlib.contextmanager
def _network() -> Iterator[Network]:
    try:
        network = Network()
    except BedError as error:
        raise LackingError(str(error)) from error
    try:
        yield network
    finally:
        network.close()
