"""What a node must remember across restarts: its epoch and where its peers were."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from itertools import islice
from typing import TYPE_CHECKING

import msgpack

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId, parse_node_id
from cantor.identity.files import write_durably
from cantor.node.late_writer import LateWriter

if TYPE_CHECKING:
    from pathlib import Path

    from cantor.wire.frame import Value

_EPOCH_FILE = "epoch"
_PEERS_FILE = "peers.json"
_NAME_FILE = "name"
_HUB_FILE = "hub.json"
_FACTS_FILE = "facts"
ADDRESSES_PER_PEER_MAX = 8
PEERS_MAX = 256


@dataclass(frozen=True, slots=True)
class HubContact:
    """The hub that let this node in: where it enrols, and where it said that its mesh is.

    All are ``host:port``; ``enrol`` is empty where no hub is known.
    """

    enrol: str = ""
    seeds: tuple[str, ...] = ()


class NodeMemory:
    """Small files in the node's folder, each replaced atomically.

    The epoch is synced before it counts. Peers and lasting facts are written by a thread, once per
    burst: ``kept`` waits for them, ``close`` writes what is left.
    """

    def __init__(self, folder: Path, *, writer: LateWriter | None = None) -> None:
        self._folder = folder
        self._writer = writer or LateWriter()
        self._epoch = 0

    def next_epoch(self) -> int:
        """Count this start of the node; it only ever grows.

        Raises:
            ConfigError: the file is damaged. Guessing an epoch could undo what others know.
        """
        path = self._folder / _EPOCH_FILE
        try:
            epoch = int(path.read_text()) + 1
        except FileNotFoundError:
            epoch = 1
        except ValueError as error:
            raise ConfigError(
                "the node's epoch is damaged",
                where=str(path),
                remedy="restore it from a backup, or move the folder away and enrol the box as a"
                " new node",
            ) from error
        self._write_epoch(epoch)
        return epoch

    def keep_epoch(self, epoch: int) -> None:
        """Write down an epoch that grew while the node ran."""
        if epoch > self._epoch:
            self._write_epoch(epoch)

    def _write_epoch(self, epoch: int) -> None:
        write_durably(self._folder / _EPOCH_FILE, str(epoch).encode())
        self._epoch = epoch

    def name(self) -> str:
        """What the hub called this node when it was enrolled; empty if nothing was said."""
        try:
            return (self._folder / _NAME_FILE).read_text()
        except (OSError, ValueError):
            return ""

    def remember_name(self, name: str) -> None:
        """Keep what the hub calls this node."""
        write_durably(self._folder / _NAME_FILE, name.encode())

    def hub(self) -> HubContact:
        """The hub that let this node in; none if the file is missing or damaged."""
        try:
            stored = json.loads((self._folder / _HUB_FILE).read_text())
            return HubContact(str(stored["enrol"]), tuple(str(seed) for seed in stored["seeds"]))
        except (OSError, ValueError, TypeError, KeyError):
            return HubContact()

    def remember_hub(self, hub: HubContact) -> None:
        """Keep where the hub is, so that the first start needs neither seed nor discovery."""
        write_durably(self._folder / _HUB_FILE, json.dumps(asdict(hub), indent=1).encode())

    def lasting_facts(self) -> dict[str, Value]:
        """The facts that outlive this node's stop; empty if there are none.

        Raises:
            ConfigError: the file is damaged; starting without it would withdraw what it held.
        """
        path = self._folder / _FACTS_FILE
        try:
            facts = msgpack.unpackb(path.read_bytes())
        except FileNotFoundError:
            return {}
        except (ValueError, TypeError, msgpack.UnpackException) as error:
            raise ConfigError(
                "the facts that this node keeps are damaged",
                where=str(path),
                remedy="restore the file, or remove it to give up what this node has deployed",
            ) from error
        return facts if isinstance(facts, dict) else {}

    def remember_lasting_facts(self, facts: dict[str, Value]) -> None:
        """Keep the facts that outlive this node's stop; leave the mapping as it is from now on."""
        self._writer.put(self._folder / _FACTS_FILE, lambda: bytes(msgpack.packb(facts)))

    def peers(self) -> dict[NodeId, list[str]]:
        """Where peers were last reached, in the order in which they were kept.

        Empty if the file is missing or damaged.
        """
        try:
            stored = json.loads((self._folder / _PEERS_FILE).read_text())
            return {parse_node_id(node): [str(a) for a in stored[node]] for node in stored}
        except (FileNotFoundError, ValueError, TypeError):
            return {}

    def remember_peers(self, peers: dict[NodeId, list[str]]) -> None:
        """Keep the newest addresses, bounded in number; of too many peers the last ones."""
        last = islice(peers, max(0, len(peers) - PEERS_MAX), None)
        kept = {node: peers[node][:ADDRESSES_PER_PEER_MAX] for node in last}
        self._writer.put(self._folder / _PEERS_FILE, lambda: json.dumps(kept, indent=1).encode())

    def kept(self) -> None:
        """Return once peers and lasting facts are on the disk; it blocks.

        Raises:
            UnavailableError: they cannot be written.
        """
        self._writer.kept()

    def close(self) -> None:
        """Write what is left; it blocks."""
        self._writer.close()
