"""Everything here that reads bytes of strangers, each as a function that a fuzzer can call.

A decoder takes any bytes, and raises only what its documentation says: that is suppressed here, and
whatever else comes out is a find. ``seeds`` gives sound bytes to begin with.
"""

from __future__ import annotations

import ssl
from collections import Counter
from contextlib import suppress
from random import Random
from typing import TYPE_CHECKING, NamedTuple

import msgpack
from tests.fuzz import samples
from tests.fuzz.samples import AUTHORITY, ME, NOW, SIGNER, A, B, C, Clear, some_ledger, split

from cantor.base.errors import (
    BundleError,
    ConfigError,
    EnrolmentError,
    IdentityError,
    NotSerialisable,
    RemoteProtocolError,
)
from cantor.base.ids import BROADCAST
from cantor.bundles import values as packed_values
from cantor.bundles.known import Known
from cantor.identity.certificates import node_name, parse_certificates
from cantor.identity.denials import DENIED, DenyList
from cantor.identity.keys import check_request
from cantor.identity.leases import LEASE, lease_in
from cantor.identity.policies import POLICY, policy_in
from cantor.identity.projects import PROJECTS, projects_in
from cantor.identity.rollover import read_succession
from cantor.identity.sealing import Seals
from cantor.identity.statements import Statement, StatementReader
from cantor.identity.tokens import EnrolmentToken
from cantor.identity.vouching import Vouching, is_own_word
from cantor.ledger.facts import Batch, unpack_facts
from cantor.ledger.variables.replica import Replica
from cantor.ledger.variables.spreading import Spreading
from cantor.mesh.core import MeshCore
from cantor.mesh.effects import RoutesChanged
from cantor.mesh.events import LinkUp, Received
from cantor.mesh.graph import read_links
from cantor.mesh.sealed_plane import SealedPlane
from cantor.mesh.stream_receiver import StreamReceiver
from cantor.node.large import PIECE, Assembler
from cantor.replication import events as replication
from cantor.replication.core import Replica as Member
from cantor.replication.wording import decode_letter
from cantor.scheduling.needs import parse
from cantor.wire import DataFrame, FrameReader, Hello, Kind, agree, encode, parse_hello
from cantor.wire.frame import ROUTED_KIND_MIN
from cantor.wire.reader import unpack_headers
from cantor.wire.records import RecordReader, pack, unpack
from cantor.wire.sealed import content_of, inner_frame
from firmware_bridge.descriptor import Readings, Value
from firmware_bridge.payload import PayloadError
from firmware_bridge.payload import decode as decode_payload
from firmware_bridge.topics import Topic
from hil_rig.frames import Splitter

if TYPE_CHECKING:
    from collections.abc import Callable


FRAME_BYTES_MAX = 64 * 1024


class Decoder(NamedTuple):
    """One decoder: what reads the bytes, and sound bytes to begin with."""

    read: Callable[[bytes], None]
    seeds: Callable[[], list[bytes]]


def records(data: bytes) -> None:
    """What came over a connection; a frame that was read can be sent on."""
    with suppress(RemoteProtocolError):
        for record in RecordReader(FRAME_BYTES_MAX).receive(data):
            frame = unpack(record)
            if frame.kind >= ROUTED_KIND_MIN:
                pack(frame)


def frames(data: bytes) -> None:
    """The same without channels."""
    with suppress(RemoteProtocolError):
        for frame in FrameReader(FRAME_BYTES_MAX).receive(data):
            encode(frame)


def greeting(data: bytes) -> None:
    """The first words of a link."""
    ours = Hello(node=A, mesh="mesh.test", nonce="n", role="control")
    with suppress(RemoteProtocolError):
        agree(ours, parse_hello(DataFrame(Kind.HELLO, B, A, headers=unpack_headers(data))))


def sealed(data: bytes) -> None:
    """What a peer has sealed or signed."""
    with suppress(RemoteProtocolError):
        content_of(inner_frame(DataFrame(Kind.SEALED, A, B), data))


def seals(data: bytes) -> None:
    """Hellos, sealed and signed frames from anybody."""
    made = Seals(
        SIGNER,
        Vouching("mesh.test", AUTHORITY.root_pem),
        Counter(),
        epoch=lambda: 1,
        stamp=lambda: 1,
        is_refused=lambda _: False,
        is_known=lambda _: True,
    )
    made.begin()
    kind, *parts = split(data) or [b""]
    for source, target in ((ME, ME), (B, ME)):
        body = tuple(parts)
        if kind == b"all":
            with suppress(RemoteProtocolError):
                made.verified(DataFrame(Kind.SIGNED, source, BROADCAST, 1, hlc=2, body=body))
        else:
            is_hello = kind == b"hello"
            named = Kind.SEAL_HELLO if is_hello else Kind.SEALED
            made.opened(DataFrame(named, source, target, body=body))
    made.take_output()


def certificates(data: bytes) -> None:
    """A chain that somebody shows, and a request that somebody makes."""
    texts = [ssl.DER_cert_to_PEM_cert(der) for der in split(data)]
    chain = "".join(texts).encode()
    with suppress(IdentityError):
        Vouching("mesh.test", AUTHORITY.root_pem).vouched(chain)
    with suppress(IdentityError):
        node_name(parse_certificates(chain)[0])
    is_own_word(ME, b"said", b"signed", chain)
    for text in texts:
        with suppress(IdentityError):
            check_request(text.replace("CERTIFICATE", "CERTIFICATE REQUEST").encode())


TAKERS: dict[str, Callable[[Statement], object]] = {
    DENIED: lambda statement: DenyList().merge(statement),
    LEASE: lease_in,
    POLICY: policy_in,
    PROJECTS: projects_in,
}
"""What is made of each kind of statement that holds."""


def statements(data: bytes) -> None:
    """What an authority is said to have said, and then what it has said: any content, signed."""
    reader = StatementReader("mesh.test", AUTHORITY.root_pem)
    with suppress(IdentityError):
        read_succession(data, AUTHORITY.root_pem)
    for kind, take in TAKERS.items():
        signed = msgpack.packb(
            {
                "body": data,
                "signature": AUTHORITY.sign(b"cantor statement 1\n" + data),
                "authority": AUTHORITY.issuing_pem_at(NOW.timestamp()),
            }
        )
        for packed in (data, signed):
            with suppress(IdentityError):
                take(reader.read(packed, kind))


def facts(data: bytes) -> None:
    """Facts under a sound signature, and what is made of links."""
    with suppress(RemoteProtocolError):
        for fact in unpack_facts(Batch(B, data, b"s", b"c")):
            read_links(fact.value)


def neighbour(data: bytes) -> None:
    """What the core hears from a neighbour: a bad frame ends the link and raises nothing."""
    core = MeshCore(A, "mesh.test", some_ledger(), Random(1))  # noqa: S311
    core.handle(LinkUp(B, "n", dialled=True), 0.0)
    now = 0.1
    for part in split(data):
        with suppress(RemoteProtocolError):
            frame = inner_frame(DataFrame(Kind.SEALED, B, A), part)
            core.handle(Received(B, frame), now)
        now += 0.1


def data_plane(data: bytes) -> None:
    """Records of a neighbour, to this node, to others and to all."""
    plane = SealedPlane(A, Counter(), Clear())
    for peer, nonce in ((B, "n"), (C, "m")):
        plane.link_up(peer, nonce)
    plane.routes_changed(RoutesChanged({B: "n", C: "m"}, {B: (B,), C: (C,)}, frozenset({B, C})))
    with suppress(RemoteProtocolError):
        plane.received("n", RecordReader(FRAME_BYTES_MAX).receive(data))
    plane.take_delivered()
    plane.tick(20.0)
    for nonce in ("n", "m"):
        plane.take(nonce, "control", (0, 1, 2), 1 << 20, 1 << 16)


def streams(data: bytes) -> None:
    """Streams of another node, and the large messages in them."""
    receiver, assembler = StreamReceiver(A), Assembler(Counter())
    for part in split(data):
        with suppress(RemoteProtocolError):
            frame = inner_frame(DataFrame(Kind.SEALED, B, A), part)
            for taken in receiver.received(frame):
                if PIECE in (taken.headers or {}):
                    assembler.take(taken)
    receiver.take_answers()
    for now in (1.0, 1000.0):
        receiver.tick(now)
        assembler.tick(now)
    assert receiver._early_bytes == 0


def needs(data: bytes) -> None:
    """An expression of needs."""
    with suppress(ConfigError):
        parse(data.decode("utf-8", "replace"))


def token(data: bytes) -> None:
    """What a person pastes."""
    with suppress(EnrolmentError):
        assert EnrolmentToken.parse(data.decode("utf-8", "replace")).text


def console(data: bytes) -> None:
    """What a microcontroller says on its line: text and frames."""
    splitter = Splitter()
    half = len(data) // 2
    splitter.feed(data[:half], 0.0)
    splitter.feed(data[half:], 0.01)
    splitter.pause(1.0)
    assert not splitter.in_frame


def payload(data: bytes) -> None:
    """A message of a constrained device."""
    for form in ("json", "plain"):
        for kind in ("number", "integer", "boolean", "text"):
            value = Value("x", ("a", "b"), kind, "", -9.0, 9.0, required=True)
            readings = Readings(Topic("d/{device}"), form, ("boot",), ("seq",), (value,))
            with suppress(PayloadError):
                decode_payload(readings, data)


def values(data: bytes) -> None:
    """What others have kept, and keeping it again."""
    packed, *buffers = split(data) or [b""]
    with suppress(RemoteProtocolError, BundleError, NotSerialisable):
        value = packed_values.unpack(packed, buffers, classes=Known(samples.Order, samples.Colour))
        packed_values.pack(value, [])


def variables(data: bytes) -> None:
    """Messages of another node of the tenant, to a copy that has some variables."""
    replica = Replica(A, samples.some_variables())
    spreading = Spreading(replica)
    spreading.around({B, C}, [A, B, C], 0.0, NOW.timestamp())
    headers, *bodies = split(data) or [b""]
    with suppress(RemoteProtocolError):
        told = unpack_headers(headers)
        for now, body in enumerate(bodies or [b""]):
            spreading.heard(B, told, (body,), float(now), NOW.timestamp() + now)
    again = Replica(B, replica.entries.values())
    assert (again.root, again.live, again.bytes) == (replica.root, replica.live, replica.bytes)


def replicas(data: bytes) -> None:
    """A member of a replica group hears another one, or somebody who says to be one."""
    with suppress(RemoteProtocolError):
        letter = decode_letter(data)
        member = Member(A, samples.REPLICA, lambda: 0.5)
        member.start(0.0)
        member.handle(replication.Received(B, letter), 1.0)
        member.handle(replication.Written(1), 2.0)
        member.handle(replication.Received(B, letter), 3.0)
        member.handle(replication.Tick(), 20.0)


DECODERS = {
    "records": Decoder(records, samples.records_seeds),
    "frames": Decoder(frames, samples.frames_seeds),
    "greeting": Decoder(greeting, samples.greeting_seeds),
    "sealed": Decoder(sealed, samples.sealed_seeds),
    "seals": Decoder(seals, samples.seals_seeds),
    "certificates": Decoder(certificates, samples.certificates_seeds),
    "statements": Decoder(statements, samples.statements_seeds),
    "facts": Decoder(facts, samples.facts_seeds),
    "neighbour": Decoder(neighbour, samples.neighbour_seeds),
    "data_plane": Decoder(data_plane, samples.records_seeds),
    "streams": Decoder(streams, samples.streams_seeds),
    "needs": Decoder(needs, samples.needs_seeds),
    "token": Decoder(token, samples.token_seeds),
    "console": Decoder(console, samples.console_seeds),
    "payload": Decoder(payload, samples.payload_seeds),
    "replicas": Decoder(replicas, samples.replicas_seeds),
    "values": Decoder(values, samples.values_seeds),
    "variables": Decoder(variables, samples.variables_seeds),
}
