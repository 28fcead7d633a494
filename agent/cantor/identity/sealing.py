"""The seals of one node: sessions with nodes behind relays, and the handshakes that begin them.

    first                               second
    hello: signed ephemeral key  ──►
                                 ◄──    answer: signed ephemeral key, hash of the hello
    keys stand                          keys stand, but nothing is sealed with them yet
    an empty sealed frame        ──►    whoever sealed it answered just now: the session begins

A hello by itself changes nothing: repeated or forged, it costs at most a signature, and the
session that stands goes on. Both may say hello at once; then two sessions stand, and each end seals
with the one that began last there. A node that gets a frame of a session that it does not know (it
has restarted) says hello; what was lost meanwhile, streams send again.

No I/O and no clock: ``tick`` tells the time, ``take_output`` gives what is to be sent.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from cantor.base.allowance import Allowance
from cantor.base.errors import IdentityError, RemoteProtocolError
from cantor.identity.broadcasts import Broadcasts
from cantor.identity.seal_hellos import (
    make_hello,
    read_hello,
    shared_secret,
    transcript,
    verify_hello,
)
from cantor.identity.seal_peers import RETRY_FIRST_S, Offer, Peer, Reply
from cantor.identity.seals import Session
from cantor.wire.frame import DataFrame, Kind

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable

    from cantor.base.ids import NodeId
    from cantor.identity.contexts import PeerIdentity
    from cantor.identity.seal_hellos import SealHello, Signer
    from cantor.identity.vouching import Vouching

PEERS_MAX = 2048
WAITING_BYTES_MAX = 1024 * 1024
"""For one node; a single larger frame may wait by itself."""
WAITING_TOTAL_BYTES_MAX = 128 * 1024 * 1024
WAIT_S = 5.0
RETRY_MAX_S = 4.0
HELLO_S = 10.0
UNCONFIRMED_S = 30.0
ASK_AGAIN_S = 1.0
ASK_AGAIN_STANDING_S = 30.0
HELLOS_PER_S = 200.0
WRONG_ANSWERS_MAX = 20
LOOK_S = 1.0
_OUTER_KINDS = (Kind.SEALED, Kind.SEAL_HELLO, Kind.SIGNED)


class Seals:
    """What ``cantor.mesh.sealed_plane`` asks for.

    Args:
        signer: this node's key.
        vouching: whom it believes.
        counters: what is refused, by reason.
        epoch: counts the starts of this node; never goes back.
        stamp: gives a new stamp of this node's hybrid clock; not asked before ``begin``.
        is_refused: whether a peer's certificate was denied or has ended.
        is_known: whether there is a way to a node; others get no answer.
    """

    def __init__(
        self,
        signer: Signer,
        vouching: Vouching,
        counters: Counter[str],
        *,
        epoch: Callable[[], int],
        stamp: Callable[[], int],
        is_refused: Callable[[PeerIdentity], bool],
        is_known: Callable[[NodeId], bool],
    ) -> None:
        self._signer = signer
        self._vouching = vouching
        self._counters = counters
        self._epoch = epoch
        self._is_refused = is_refused
        self._is_known = is_known
        self._numbers = itertools.count()
        self._peers: dict[NodeId, Peer] = {}
        self._busy: set[NodeId] = set()
        self._waiting_bytes = 0
        self._allowance = Allowance(HELLOS_PER_S)
        self._output: list[DataFrame] = []
        self._now = 0.0
        self._look_at = 0.0
        broadcasts = Broadcasts(signer, vouching, counters, stamp=stamp, is_refused=is_refused)
        self.begin = broadcasts.begin
        self.sign = broadcasts.sign
        self.verified = broadcasts.verified

    def is_ready(self, destination: NodeId) -> bool:
        """Whether frames for this node can be sealed now."""
        peer = self._peers.get(destination)
        return peer is not None and bool(peer.sessions) and not peer.sessions[0].is_over(self._now)

    def seal(self, frame: DataFrame) -> DataFrame:
        """The frame as it may travel over relays; only while ``is_ready``."""
        peer = self._peers[frame.destination]
        session = peer.sessions[0]
        if peer.offer is None and session.is_worn(self._now):
            self._offer(frame.destination, peer)
        return session.seal(frame)

    def wait(self, frame: DataFrame, size: int) -> str:
        """Keep a frame of ``size`` bytes until it can be sealed; why not, if it is refused."""
        peer = self._peer(frame.destination)
        if peer is None:
            return "this node speaks with too many others"
        is_full = peer.waiting_bytes and peer.waiting_bytes + size > WAITING_BYTES_MAX
        if is_full or self._waiting_bytes + size > WAITING_TOTAL_BYTES_MAX:
            return "too much waits for it already"
        peer.waiting.append((frame, size, self._now))
        peer.waiting_bytes += size
        self._waiting_bytes += size
        self._busy.add(frame.destination)
        if peer.offer is None:
            self._offer(frame.destination, peer)
        return ""

    def waiting_bytes(self, destination: NodeId) -> int:
        """What waits to be sealed for this node."""
        peer = self._peers.get(destination)
        return peer.waiting_bytes if peer is not None else 0

    def take_output(self) -> list[DataFrame]:
        """Frames to be sent: hellos, and those whose wait is over."""
        output, self._output = self._output, []
        return output

    def opened(self, frame: DataFrame) -> DataFrame | None:
        """The frame inside a SEALED or SEAL_HELLO frame; None if there is none for this node."""
        try:
            if frame.kind == Kind.SEAL_HELLO:
                self._heard_hello(read_hello(frame))
                return None
            return self._open(frame)
        except (IdentityError, RemoteProtocolError):
            self._counters["forged"] += 1
            return None

    def heard_epoch(self, node: NodeId, epoch: int) -> None:
        """A node has said in which epoch it is: sessions from before its restart are over."""
        peer = self._peers.get(node)
        if peer is not None:
            peer.sessions = [s for s in peer.sessions if s.peer_epoch >= epoch]

    def tick(self, now: float) -> None:
        """Let time pass; about ten times a second."""
        self._now = now
        for node in list(self._busy):
            peer = self._peers[node]
            while peer.waiting and peer.waiting[0][2] <= now - WAIT_S:
                self._forget_first(peer)
                self._counters["no_seal"] += 1
            self._say_again(node, peer)
            if not peer.waiting and peer.offer is None:
                self._busy.discard(node)
        if now >= self._look_at:
            self._look_at = now + LOOK_S
            for node, peer in list(self._peers.items()):
                self._look(node, peer)

    def _heard_hello(self, hello: SealHello) -> None:
        peer = self._peer(hello.node) if self._is_known(hello.node) else None
        if peer is None:
            self._counters["no_path"] += 1
        elif hello.answers:
            self._heard_answer(hello, peer)
        elif peer.reply is not None and peer.reply.hello.digest == hello.digest:
            self._output.append(peer.reply.answer.frame())
        elif hello.order <= peer.latest_order:
            self._counters["late_hello"] += 1
        elif peer.allowance.take(self._now) and self._allowance.take(self._now):
            self._answer(hello, peer)
        else:
            # Somebody floods this node with hellos, perhaps in another's name: speak first instead.
            self._counters["hello_over_quota"] += 1
            self._ask_anew(hello.node)

    def _answer(self, hello: SealHello, peer: Peer) -> None:
        identity = self._identity(hello)
        key = X25519PrivateKey.generate()
        answer = make_hello(self._signer, hello.node, self._order(), key, hello.digest)
        session = Session(
            identity,
            shared_secret(key, hello.key),
            transcript(hello, answer),
            is_first=False,
            peer_epoch=hello.order[0],
            now=self._now,
        )
        peer.reply = Reply(hello, answer, session, self._now)
        self._output.append(answer.frame())

    def _heard_answer(self, answer: SealHello, peer: Peer) -> None:
        offer = peer.offer
        if offer is None or answer.answers != offer.hello.digest:
            self._counters["late_hello"] += 1
            return
        offer.wrong_answers += 1
        if offer.wrong_answers > WRONG_ANSWERS_MAX:
            self._counters["hello_over_quota"] += 1
            return
        session = Session(
            self._identity(answer),
            shared_secret(offer.key, answer.key),
            transcript(offer.hello, answer),
            is_first=True,
            peer_epoch=answer.order[0],
            now=self._now,
        )
        peer.offer = None
        proof = DataFrame(Kind.SEAL_HELLO, self._signer.node, answer.node, priority=0)
        self._output.append(session.seal(proof))
        peer.begin(session)
        self._release(peer)

    def _open(self, frame: DataFrame) -> DataFrame | None:
        peer = self._peers.get(frame.source)
        session = peer.find(frame.hlc) if peer is not None else None
        if peer is None or session is None or session.is_over(self._now):
            self._counters["unknown_seal"] += 1
            self._ask_anew(frame.source)
            return None
        if not session.is_new(frame):
            self._counters["replayed"] += 1
            return None
        inner = session.open(frame)
        if peer.confirm(session):
            self._release(peer)
        return inner if inner.kind not in _OUTER_KINDS else None

    def _release(self, peer: Peer) -> None:
        while peer.waiting:
            self._output.append(self._forget_first(peer))

    def _ask_anew(self, node: NodeId) -> None:
        """Somebody seals with a session that this node does not know: it may have forgotten it."""
        peer = self._peer(node) if self._is_known(node) else None
        if peer is None or peer.offer is not None or self._now < peer.ask_at:
            return
        pause_s = ASK_AGAIN_STANDING_S if peer.sessions else ASK_AGAIN_S
        peer.ask_at = self._now + pause_s
        self._offer(node, peer)

    def _offer(self, node: NodeId, peer: Peer) -> None:
        key = X25519PrivateKey.generate()
        hello = make_hello(self._signer, node, self._order(), key)
        peer.offer = Offer(hello, key, self._now, self._now + RETRY_FIRST_S)
        self._busy.add(node)
        self._output.append(hello.frame())

    def _say_again(self, node: NodeId, peer: Peer) -> None:
        offer = peer.offer
        if offer is None or self._now < offer.send_at:
            return
        if self._now < offer.begun_at + HELLO_S:
            offer.delay_s = min(2 * offer.delay_s, RETRY_MAX_S)
            offer.send_at = self._now + offer.delay_s
            self._output.append(offer.hello.frame())
        elif peer.waiting:
            self._offer(node, peer)
        else:
            peer.offer = None

    def _look(self, node: NodeId, peer: Peer) -> None:
        now = self._now
        peer.sessions = [
            s for s in peer.sessions if not s.is_over(now) and not self._is_refused(s.peer)
        ]
        reply = peer.reply
        if reply is not None and (
            now >= reply.made_at + UNCONFIRMED_S or self._is_refused(reply.session.peer)
        ):
            peer.reply = None
        if peer.is_idle:
            del self._peers[node]

    def _identity(self, hello: SealHello) -> PeerIdentity:
        identity = verify_hello(hello, self._vouching)
        if self._is_refused(identity):
            raise IdentityError("its certificate was denied or has ended", where=hello.node)
        return identity

    def _order(self) -> tuple[int, int]:
        return self._epoch(), next(self._numbers)

    def _peer(self, node: NodeId) -> Peer | None:
        peer = self._peers.get(node)
        if peer is None and len(self._peers) < PEERS_MAX:
            peer = self._peers[node] = Peer()
        return peer

    def _forget_first(self, peer: Peer) -> DataFrame:
        frame, size, _ = peer.waiting.popleft()
        peer.waiting_bytes -= size
        self._waiting_bytes -= size
        return frame
