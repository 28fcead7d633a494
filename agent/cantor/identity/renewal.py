"""Renewal: a node shows the certificate that it has, and gets a new one for the same key.

It works over the mesh and by ``POST /renew``, and also after the old certificate has ended: a box
that was off for weeks comes back unaided. Who was denied, or away for too long, needs a new token.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.base.ids import NodeId, node_id_from_public_key
from cantor.identity.certificates import CertificateChain, public_key_of, public_key_spki
from cantor.identity.enrolment import key_hash_of
from cantor.identity.keys import check_request
from cantor.identity.leases import make_lease
from cantor.identity.reply import sign_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cantor.identity.authority import Authority
    from cantor.identity.denials import DenyList

ABSENT_S_MAX = 90 * 86_400.0
_NONCE_CHARS_MAX = 128
_WHERE = "POST /renew"


@dataclass(frozen=True)
class Renewal:
    """A node that asks for more time, after it has proved to hold its key.

    ``wants_certificate``: else a lease alone.
    """

    node_id: NodeId
    public_key: bytes
    csr_pem: bytes
    chain: CertificateChain
    nonce: str
    wants_certificate: bool


@dataclass(frozen=True)
class Refusal:
    """Why a node gets nothing: an HTTP status, a code for programs, and words for people."""

    status: int
    code: str
    detail: str


DENIED = Refusal(403, "renewal-denied", "an administrator denied this node")
ABSENT = Refusal(
    403, "renewal-absent", "this node was away for too long; enrol it with a new token and --again"
)
FOREIGN = Refusal(403, "renewal-foreign", "this issuer's authority never certified this node")


def parse_renewal(body: bytes, root_pem: bytes) -> Renewal:
    """What a node has sent; ``root_pem`` holds every root that this issuer's chains ever had.

    Raises:
        EnrolmentError: it is malformed, or its parts do not belong together.
    """
    try:
        wish = json.loads(body)
        csr_pem, nonce = wish["csr"].encode("ascii"), wish["nonce"]
        chain = CertificateChain(wish["certificate"].encode("ascii"), root_pem)
        wants = wish.get("wants_certificate", True) is True
        if not isinstance(nonce, str) or not 0 < len(nonce) <= _NONCE_CHARS_MAX:
            raise ValueError
        key = public_key_spki(check_request(csr_pem))
        node_id = node_id_from_public_key(key)
        if public_key_spki(public_key_of(chain.leaf)) != key:
            raise ValueError
    except IdentityError as error:
        raise EnrolmentError(error.what, where=_WHERE) from error
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnrolmentError("the request is malformed", where=_WHERE) from error
    return Renewal(node_id, key, csr_pem, chain, nonce, wants)


def renew(
    asked: Renewal,
    authority: Authority,
    denials: DenyList,
    now_s: float,
    *,
    awake_since_s: float = 0.0,
    absent_s_max: float = ABSENT_S_MAX,
) -> CertificateChain | Refusal:
    """The certificate to answer with: a new one, or the one shown where a lease was asked for.

    ``awake_since_s`` is since when this issuer can be asked, in seconds since 1970: nobody is
    absent while there is nobody to ask.

    Raises:
        IdentityError: the authority cannot sign, because it is about to end.
    """
    try:
        name = asked.chain.check()
    except IdentityError:
        return FOREIGN
    if name.tenant != authority.tenant or name.mesh != authority.mesh:
        return FOREIGN
    leaf = asked.chain.leaf
    if denials.is_denied(name.tenant, name.node_id, leaf.not_valid_before_utc.timestamp()):
        return DENIED
    absent_since_s = max(leaf.not_valid_after_utc.timestamp(), awake_since_s)
    if now_s - absent_since_s > absent_s_max:
        return ABSENT
    if not asked.wants_certificate:
        return asked.chain
    moment = dt.datetime.fromtimestamp(now_s, dt.UTC)
    earliest_s = denials.earliest_s(name.tenant, name.node_id)
    return authority.issue(asked.csr_pem, now=moment, not_before_s=earliest_s)


def respond(
    answer: CertificateChain | Refusal,
    asked: Renewal,
    authority: Authority,
    *,
    now_s: float,
    lease_s: float,
    seeds: Sequence[str] = (),
) -> tuple[int, dict[str, object]]:
    """Status and JSON body; a good answer carries a lease, and the word for a new root if any."""
    if isinstance(answer, Refusal):
        return answer.status, {
            "type": "about:blank",
            "status": answer.status,
            "code": answer.code,
            "detail": answer.detail,
        }
    lease = make_lease(authority, asked.node_id, key_hash_of(asked.public_key), now_s, lease_s)
    more = {"lease": base64.b64encode(lease.packed).decode("ascii")}
    return 200, sign_reply(
        authority, answer, nonce=asked.nonce, time_s=now_s, name="", seeds=seeds, more=more
    )


def renewal_request(
    csr_pem: bytes, chain_pem: bytes, nonce: str, *, wants_certificate: bool
) -> Mapping[str, object]:
    """What a node sends."""
    return {
        "csr": csr_pem.decode("ascii"),
        "certificate": chain_pem.decode("ascii"),
        "nonce": nonce,
        "wants_certificate": wants_certificate,
    }
