"""Nodes with real identities whose frames the test carries by hand."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from cantor.identity.seal_hellos import Signer
from cantor.identity.sealing import Seals
from cantor.identity.vouching import Vouching
from cantor.wire import DataFrame, Kind

if TYPE_CHECKING:
    from cantor.base.ids import NodeId
    from cantor.identity.store import IdentityFolder


class Node:
    """One node with a real identity; ``inbox`` holds what it has opened."""

    def __init__(self, folder: IdentityFolder) -> None:
        self.folder = folder
        self.id = folder.node_id
        self.epoch = 1
        self.denied: set[NodeId] = set()
        self.known = True
        self.inbox: list[DataFrame] = []
        self.clock = 0.0
        self.start()

    def start(self) -> None:
        """Start again: nothing is remembered."""
        key, chain = self.folder.private_key, self.folder.chain
        self.counters: Counter[str] = Counter()
        self._stamps = iter(range(self.epoch << 32, 1 << 62))
        self.seals = Seals(
            Signer(
                self.id,
                "mesh.test",
                lambda said: key.sign(said, ec.ECDSA(hashes.SHA256())),
                lambda: chain.pem,
            ),
            Vouching("mesh.test", chain.root_pem),
            self.counters,
            epoch=lambda: self.epoch,
            stamp=lambda: next(self._stamps),
            is_refused=lambda peer: peer.node_id in self.denied,
            is_known=lambda _: self.known,
        )
        self.seals.begin()
        self.seals.tick(self.clock)

    def restart(self) -> None:
        self.epoch += 1
        self.start()

    def send(self, other: Node, text: bytes = b"x") -> list[DataFrame]:
        """Send as the data plane does; what then leaves."""
        frame = DataFrame(Kind.DATA, self.id, other.id, 1, headers={"t": "x"}, body=(text,))
        return self.leave(frame)

    def leave(self, frame: DataFrame) -> list[DataFrame]:
        if self.seals.is_ready(frame.destination):
            return [self.seals.seal(frame)]
        self.seals.wait(frame, 100 + sum(len(buffer) for buffer in frame.body))
        return self.output()

    def output(self) -> list[DataFrame]:
        out: list[DataFrame] = []
        for frame in self.seals.take_output():
            is_own = frame.kind in (Kind.SEALED, Kind.SEAL_HELLO)
            out += [frame] if is_own else self.leave(frame)
        return out

    def hear(self, frames: list[DataFrame]) -> list[DataFrame]:
        """Take frames from the wire; what is answered."""
        out: list[DataFrame] = []
        for frame in frames:
            inner = self.seals.opened(frame)
            if inner is not None:
                self.inbox.append(inner)
            out += self.output()
        return out

    @property
    def texts(self) -> list[bytes]:
        return [bytes(frame.body[0]) for frame in self.inbox]


def talk(a: Node, b: Node, to_b: list[DataFrame], to_a: list[DataFrame] | None = None) -> None:
    """Carry frames to and fro until it is quiet."""
    to_a = to_a or []
    while to_a or to_b:
        to_a, to_b = b.hear(to_b), a.hear(to_a)


def pass_time(seconds: float, *nodes: Node) -> list[list[DataFrame]]:
    """Let time pass; what each node then says."""
    out: list[list[DataFrame]] = []
    for node in nodes:
        node.clock += seconds
        node.seals.tick(node.clock)
        out.append(node.output())
    return out
