"""The signed answer to an enrolment: made by the hub, checked by the box."""

from __future__ import annotations

import base64
import binascii
import json
import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, TypeVar

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.identity.certificates import CertificateChain, parse_certificates
from cantor.identity.names import root_pin_of
from cantor.identity.rollover import read_succession

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cantor.identity.authority import Authority

_PURPOSE = b"cantor enrolment reply 1\n"
_SEEDS_MAX = 64
_T = TypeVar("_T")


@dataclass(frozen=True)
class EnrolmentReply:
    """What a hub tells a box that it lets in; ``time_s`` is in seconds since 1970.

    ``lease``, ``succession`` and ``replaces`` are statements that prove themselves, or empty.
    """

    chain: CertificateChain
    nonce: str
    time_s: float
    mesh: str
    tenant: str
    name: str
    seeds: tuple[str, ...]
    lease: bytes = b""
    succession: bytes = b""
    replaces: bytes = b""


def sign_reply(
    authority: Authority,
    chain: CertificateChain,
    *,
    nonce: str,
    time_s: float,
    name: str,
    seeds: Sequence[str],
    more: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """The JSON body of the answer 200 to ``POST /enrol``, signed by the issuing authority.

    ``more`` are further fields; older boxes leave alone what they do not know.
    """
    fields: dict[str, object] = {
        "certificate": chain.pem.decode("ascii"),
        "root": chain.root_pem.decode("ascii"),
        "nonce": nonce,
        "time": time_s,
        "mesh": authority.mesh,
        "tenant": authority.tenant,
        "name": name,
        "seeds": list(seeds),
        **(more or {}),
    }
    if authority.former is not None:
        word = base64.b64encode(authority.former.statement).decode("ascii")
        fields["succession"] = word
    signature = authority.sign(_signed_bytes(fields))
    return {**fields, "signature": base64.b64encode(signature).decode("ascii")}


def check_reply(body: Mapping[str, object], *, nonce: str, root_pin: str) -> EnrolmentReply:
    """Check an answer: its root by the token's pin, its chain, its signature and its nonce.

    Raises:
        EnrolmentError: a field is missing or malformed, or something does not hold.
    """
    seeds = _field(body, "seeds", list)
    if len(seeds) > _SEEDS_MAX or not all(isinstance(seed, str) for seed in seeds):
        raise _wrong("its seeds are malformed")
    time_s = body.get("time")
    if isinstance(time_s, bool) or not isinstance(time_s, int | float) or not math.isfinite(time_s):
        raise _wrong("it tells no time")
    reply = EnrolmentReply(
        chain=CertificateChain(
            _field(body, "certificate", str).encode("ascii", "replace"),
            _field(body, "root", str).encode("ascii", "replace"),
        ),
        nonce=_field(body, "nonce", str),
        time_s=float(time_s),
        mesh=_field(body, "mesh", str),
        tenant=_field(body, "tenant", str),
        name=_field(body, "name", str),
        seeds=tuple(seeds),
        lease=_bytes(body, "lease"),
        succession=_bytes(body, "succession"),
        replaces=_bytes(body, "replaces"),
    )
    _check_authenticity(reply, body, nonce, root_pin)
    return replace(reply, chain=CertificateChain(reply.chain.pem, _roots(reply, root_pin)))


def _roots(reply: EnrolmentReply, root_pin: str) -> bytes:
    """The root that is pinned, and another only with a succession that both have signed."""
    root_pem = pinned(reply.chain, root_pin).root_pem
    if not reply.succession:
        return root_pem
    try:
        return read_succession(reply.succession, root_pem).roots_pem(reply.time_s)
    except IdentityError as error:
        raise _wrong(error.what) from error


def _check_authenticity(
    reply: EnrolmentReply, body: Mapping[str, object], nonce: str, root_pin: str
) -> None:
    if reply.nonce != nonce:
        raise _wrong("it answers another request")
    try:
        name = pinned(reply.chain, root_pin).check()
        authority_key = reply.chain.authority_key
    except EnrolmentError:
        raise
    except IdentityError as error:
        raise _wrong(f"its certificate does not hold: {error.what}") from error
    if (name.tenant, name.mesh) != (reply.tenant, reply.mesh):
        raise _wrong("its certificate is for another mesh or tenant than it says")
    try:
        signature = base64.b64decode(_field(body, "signature", str), validate=True)
        authority_key.verify(signature, _signed_bytes(body), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise _wrong("its signature does not hold") from error


def pinned(chain: CertificateChain, root_pin: str) -> CertificateChain:
    """The chain with that root alone which the pin names.

    Raises:
        EnrolmentError: none of its roots is.
    """
    for root in parse_certificates(chain.root_pem):
        if root_pin_of(root.public_bytes(Encoding.DER)) == root_pin:
            return CertificateChain(chain.pem, root.public_bytes(Encoding.PEM))
    raise _wrong("its root is not the one that the token pins")


def _signed_bytes(fields: Mapping[str, object]) -> bytes:
    signed = {key: value for key, value in fields.items() if key != "signature"}
    return _PURPOSE + json.dumps(signed, sort_keys=True, separators=(",", ":")).encode()


def _field(body: Mapping[str, object], name: str, kind: type[_T]) -> _T:
    value = body.get(name)
    if not isinstance(value, kind):
        raise _wrong(f"it has no {name!r}")
    return value


def _bytes(body: Mapping[str, object], name: str) -> bytes:
    """A field that older hubs do not send."""
    try:
        return base64.b64decode(str(body.get(name, "")), validate=True)
    except (binascii.Error, ValueError) as error:
        raise _wrong(f"its {name} is malformed") from error


def _wrong(what: str) -> EnrolmentError:
    return EnrolmentError(
        f"the hub's answer cannot be trusted: {what}",
        where="enrolment",
        remedy="check that agent and hub are of fitting versions, then ask for a new token",
    )
