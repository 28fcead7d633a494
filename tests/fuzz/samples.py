"""Sound bytes for every decoder, and who says them."""

from __future__ import annotations

import datetime as dt
import enum
import struct
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING
from uuid import UUID
from zoneinfo import ZoneInfo

import msgpack
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.ids import BROADCAST, NodeId
from cantor.bundles import values
from cantor.identity.authority import Authority
from cantor.identity.certificates import node_name, parse_certificates
from cantor.identity.denials import DenyList
from cantor.identity.leases import LEASE
from cantor.identity.policies import Policy, make_policy
from cantor.identity.projects import Projects, make_projects
from cantor.identity.rollover import go_over
from cantor.identity.seal_hellos import Signer, make_hello
from cantor.identity.statements import make_statement
from cantor.identity.tokens import EnrolmentToken
from cantor.ledger import sync
from cantor.ledger.facts import Fact, pack_facts
from cantor.ledger.ledger import Ledger
from cantor.ledger.variables import compare
from cantor.ledger.variables.entry import Entry, make_entry
from cantor.ledger.variables.replica import Replica
from cantor.node.large import PIECE
from cantor.replication import messages as said
from cantor.replication import records as kept
from cantor.replication.wording import encode_letter
from cantor.scheduling.shares.terms import Terms
from cantor.wire import DataFrame, Hello, Kind, encode, hello_frame
from cantor.wire.records import pack
from cantor.wire.sealed import content_of
from hil_rig.frames import AppFrame
from hil_rig.frames import encode as encode_console

if TYPE_CHECKING:
    from collections.abc import Sequence

    from cantor.wire.frame import Value as Header

NOW = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
A, B, C = (NodeId(letter * 32) for letter in "abc")
AUTHORITY = Authority.create("mesh.test", "acme", now=NOW)
KEY = ec.generate_private_key(ec.SECP256R1())
CSR = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(KEY, hashes.SHA256())
CHAIN = AUTHORITY.issue(CSR.public_bytes(Encoding.PEM), now=NOW)
ME = node_name(CHAIN.leaf).node_id
SIGNER = Signer(
    ME, "mesh.test", lambda said: KEY.sign(said, ec.ECDSA(hashes.SHA256())), lambda: CHAIN.pem
)


def join(parts: Sequence[bytes]) -> bytes:
    """Several pieces as one; ``split`` takes them apart."""
    return b"".join(struct.pack(">H", len(part)) + part for part in parts)


def split(data: bytes) -> list[bytes]:
    """The pieces in any bytes."""
    parts = []
    while len(data) >= 2:
        (size,) = struct.unpack_from(">H", data)
        parts.append(data[2 : 2 + size])
        data = data[2 + size :]
    return parts


def some_frames() -> list[DataFrame]:
    """Sound frames of every kind."""
    stream: dict[str, Header] = {"s": 1, "n": 0, "t": "t", "b": True}
    facts = pack_facts([Fact(B, "node", {"name": "b"}, 1, 1), Fact(B, "links", [[A, 1.0]], 1, 1)])
    owners: list[Header] = [B]
    grant = bytes([1]) + bytes(36) + bytes(4)
    return [
        hello_frame(Hello(node=B, mesh="mesh.test", nonce="n", role="control")),
        DataFrame(Kind.HEARTBEAT, B, A, headers={"beat_ms": 500}),
        DataFrame(Kind.FACTS, B, A, headers={"owners": owners}, body=(facts, b"s", b"c")),
        DataFrame(Kind.DIGEST, B, A, headers=sync.root(some_ledger())),
        DataFrame(Kind.CREDIT, B, A, body=(grant,)),
        DataFrame(Kind.DATA, B, A, 1, headers={"t": "t", "h": {}}, body=(b"x", b"y")),
        DataFrame(Kind.STREAM, B, A, headers={**stream, "h": {"x": 1}}, body=(b"x",)),
        DataFrame(Kind.STREAM, B, A, headers=stream, body=(b"x", b"y")),
        DataFrame(Kind.STREAM_ACK, B, A, headers={"s": 1, "n": 3, "g": True}),
        DataFrame(Kind.DATA, C, B, 1, 2, body=(b"to be passed on",)),
        DataFrame(Kind.DATA, B, BROADCAST, 2, 0, body=(b"for all",)),
    ]


def _record(frame: DataFrame) -> bytes:
    packed = pack(frame)
    assert isinstance(packed, bytes)
    return packed


def records_seeds() -> list[bytes]:
    small = [_record(frame) for frame in some_frames()]
    # One frame in two records, as large ones travel.
    whole = small[5][4:]
    first = struct.pack(">II", 1 << 31 | 1 << 29 | 24, len(whole)) + whole[:20]
    return [
        *small,
        b"".join(small),
        first + struct.pack(">I", 1 << 29 | len(whole) - 20) + whole[20:],
    ]


def frames_seeds() -> list[bytes]:
    return [b"".join(encode(frame)) for frame in some_frames()]


def greeting_seeds() -> list[bytes]:
    return [msgpack.packb(some_frames()[0].headers)]


def sealed_seeds() -> list[bytes]:
    return [content_of(frame) for frame in some_frames()]


def seals_seeds() -> list[bytes]:
    hello = make_hello(SIGNER, ME, (1, 1), X25519PrivateKey.from_private_bytes(bytes(32)))
    answer = make_hello(SIGNER, ME, (1, 2), X25519PrivateKey.generate(), hello.digest)
    said = [[bytes(part) for part in one.frame().body] for one in (hello, answer)]
    return [
        *(join([b"hello", *parts]) for parts in said),
        join([b"all", content_of(some_frames()[-1]), b"signature", CHAIN.pem]),
        join([b"sealed", bytes(40)]),
    ]


def certificates_seeds() -> list[bytes]:
    ders = [one.public_bytes(Encoding.DER) for one in parse_certificates(CHAIN.pem)]
    return [join(ders), join(ders[:1]), join([CSR.public_bytes(Encoding.DER)])]


def statements_seeds() -> list[bytes]:
    issuer = Authority.create("mesh.test", "acme", now=NOW)
    denials = DenyList()
    denials.evict(AUTHORITY, [B], NOW.timestamp())
    content: dict[str, Header] = {"node": B, "key": "k", "from": 1.0, "until": 2.0, "epoch": 1}
    lease = make_statement(AUTHORITY, LEASE, content, NOW.timestamp())
    policy = make_policy(AUTHORITY, Policy(7, 3, 1, 7, "owner", B), NOW.timestamp())
    projects = make_projects(AUTHORITY, Projects(1, {"vision": Terms(3)}), NOW.timestamp())
    made = [denials.whole(AUTHORITY, NOW.timestamp()), lease, policy, projects]
    packed = [statement.packed for statement in made]
    bodies = [msgpack.unpackb(one)["body"] for one in packed]
    return [*packed, *bodies, go_over(issuer, NOW).packed]


def some_ledger(owner: NodeId = A) -> Ledger:
    made = Ledger(
        owner, epoch=1, sign=lambda data: data[-8:], certificate=b"c", verify=lambda *_: True
    )
    made.publish({"node": {"name": "x"}, "links": [[B, 1.0]]}, 1)
    return made


def facts_seeds() -> list[bytes]:
    return [pack_facts([Fact(B, "links", [[A, 1.0, {"rtt": 1}]], 1, 1), Fact(B, "x", None, 1, 2)])]


def neighbour_seeds() -> list[bytes]:
    own = [
        frame for frame in some_frames() if frame.kind in (Kind.HEARTBEAT, Kind.FACTS, Kind.DIGEST)
    ]
    other = some_ledger(B)
    messages, _ = sync.answer(other, sync.root(some_ledger()))
    own += [DataFrame(Kind.DIGEST, B, A, headers=message) for message in messages]
    for message in messages:
        more, _ = sync.answer(some_ledger(), message)
        own += [DataFrame(Kind.DIGEST, B, A, headers=again) for again in more]
    return [*(join([content_of(frame)]) for frame in own), join([content_of(f) for f in own])]


class Clear:
    """Seals that hide nothing and believe everything."""

    def is_ready(self, destination: NodeId) -> bool:
        return True

    def seal(self, frame: DataFrame) -> DataFrame:
        return frame

    def wait(self, frame: DataFrame, size: int) -> str:
        return "never"

    def waiting_bytes(self, destination: NodeId) -> int:
        return 0

    def opened(self, frame: DataFrame) -> DataFrame | None:
        return frame

    def sign(self, frame: DataFrame) -> DataFrame:
        return frame

    def verified(self, frame: DataFrame) -> DataFrame | None:
        return frame

    def take_output(self) -> list[DataFrame]:
        return []


def streams_seeds() -> list[bytes]:
    numbers: list[dict[str, Header]] = [
        {
            "s": 1,
            "n": number,
            "t": "t",
            "b": True,
            "h": {PIECE: [1, 4 * number, [8] if not number else []]},
        }
        for number in (0, 1)
    ]
    pieces = [DataFrame(Kind.STREAM, B, A, headers=one, body=(b"four",)) for one in numbers]
    plain = [frame for frame in some_frames() if frame.kind == Kind.STREAM]
    return [
        join([content_of(frame) for frame in some])
        for some in (pieces, pieces[::-1], plain, plain[::-1])
    ]


def needs_seeds() -> list[bytes]:
    return [
        b"USBCamera == 1 and Memory >= 2GiB and GPU = 1",
        b'not (A == 1 or B != "x y") and Driver >= 1.2.3',
        b"GPU = 2 or (NPU = 1 and Cores = 0.5)",
    ]


def token_seeds() -> list[bytes]:
    return [EnrolmentToken(hub="h.test:443", root_pin="0" * 32, secret="a" * 39).text.encode()]


def console_seeds() -> list[bytes]:
    return [b"boot\n" + encode_console(AppFrame(1, 2, bytes(range(9)))) + b"ready\n"]


def payload_seeds() -> list[bytes]:
    return [b'{"a": {"b": 1.5}, "boot": 7, "seq": 3}', b"21.5", b"ON"]


class Colour(enum.Enum):
    """One that the reader of values knows."""

    RED = 1


@dataclass(frozen=True)
class Order:
    """The same."""

    item: object


@dataclass(frozen=True)
class Stranger:
    """One that it does not know."""

    item: object


def values_seeds() -> list[bytes]:
    """Values with their buffers."""
    seeds = []
    for value in (
        {(1, 2): [None, True, 2**70, -0.0, "x"], frozenset({b"y"}): {1, 2}},
        [Order((Colour.RED, dt.timedelta(1))), Stranger({"a": Decimal("1.5")})],
        dt.datetime(2020, 10, 25, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
        [
            UUID(int=7),
            dt.date(2020, 1, 1),
            dt.time(1, tzinfo=dt.UTC),
            bytes(values.BUFFER_BYTES_MIN),
        ],
    ):
        buffers: list[bytes] = []
        packed = values.pack(value, buffers)  # type: ignore[arg-type] # these are all bytes
        seeds.append(join([packed, *buffers]))
    return seeds


def some_variables(count: int = 5) -> list[Entry]:
    """Variables that were set, and one that was deleted."""
    hlc = int(NOW.timestamp() * 1000) << 16
    return [make_entry(f"v{n}", hlc + n, B, b"x" if n else None) for n in range(count)]


def variables_seeds() -> list[bytes]:
    """All that two nodes say when they compare, in both directions."""
    ours, theirs = Replica(A, some_variables()), Replica(B, some_variables(9))
    found = [compare.root(ours), compare.Saying("want", {}, msgpack.packb(["v1", "v2"]))]
    at, seeds = NOW.timestamp(), []
    for saying in found:
        told = {"s": saying.step, "w": int(at * 1000), "h": 0, **saying.headers}
        body = () if saying.rows is None else (saying.rows,)
        seeds.append(join([msgpack.packb(told), *body]))
        if len(found) < 20:
            found += compare.answer(theirs, compare.read_message(told, body), at)[0]
            found += compare.answer(ours, compare.read_message(told, body), at)[0]
    return seeds


_EPOCH = kept.Epoch(2, A)
_SEATS = kept.Members((kept.Seat(A, 1), kept.Seat(B, 2), kept.Seat(C, 3)), (A, B, C))
REPLICA = kept.Kept(
    1, _EPOCH, 2, kept.Snapshot(1, _EPOCH, _SEATS, b""),
    (
        kept.Entry(2, _EPOCH, kept.Kind.OPEN),
        kept.Entry(3, _EPOCH, kept.Kind.COMMAND, b"do", kept.Client(2, 1, 1)),
    ),
)  # fmt: skip
"""What a member of a replica group has on its disk."""


def replicas_seeds() -> list[bytes]:
    """What members say."""
    epoch = kept.Epoch(3, B)
    named = kept.Entry(5, epoch, kept.Kind.MEMBERS, members=_SEATS)
    entries = (kept.Entry(4, epoch, kept.Kind.BLANK), named)
    bodies = (
        said.Append(epoch, 1, 3, _EPOCH, 3, entries),
        said.Append(epoch, 1, 2, _EPOCH, 2, (kept.Entry(3, epoch, kept.Kind.BLANK),)),
        said.Install(epoch, 1, kept.Snapshot(9, epoch, _SEATS, b"state")),
        said.Ack(_EPOCH, 1, 3),
        said.Outdated(epoch),
        said.Ask(epoch, 3, _EPOCH, is_trial=False),
        said.Vote(epoch, is_trial=True),
        said.Stranger(2),
    )
    return [encode_letter(said.Letter(2, 1, body)) for body in bodies]
