"""Whether a box is let in: from what is stored and what it sends to what is to be written.

Hub and issuers share it. They read a ``Case`` and carry out the writes of the ``Ruling`` in one
transaction that holds the write lock from first to last, so that of any number of boxes that race
with one token exactly as many get in as it allows.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.base.ids import NodeId, node_id_from_public_key, short_name
from cantor.identity.certificates import CertificateChain, public_key_spki
from cantor.identity.enrolment import (
    AlreadyIssued,
    Issue,
    KeyState,
    Pending,
    Reason,
    Refuse,
    TokenRecord,
    redeem,
)
from cantor.identity.keys import check_request
from cantor.identity.reply import sign_reply

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from cantor.identity.authority import Authority

SEEDS_MAX = 64
NAME_CHARS_MAX = 64
_FACTS = ("hostname", "platform", "version")
_FACT_CHARS_MAX = 256
_SECRET_CHARS_MAX = 256
_NONCE_CHARS_MAX = 128


@dataclass(frozen=True)
class Applicant:
    """A box that asks to be let in, after it has proved to hold a key.

    ``facts`` (hostname, platform, version) are shown to people and trusted by nobody.
    """

    node_id: NodeId
    public_key: bytes
    csr_pem: bytes
    nonce: str
    secret: str = field(repr=False)
    facts: Mapping[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """What people call it, as far as it can be shown."""
        shown = "".join(sign for sign in self.facts.get("hostname", "") if sign.isprintable())
        return shown.strip()[:NAME_CHARS_MAX] or short_name(self.node_id)


@dataclass(frozen=True)
class Case:
    """What is stored about a token and the key that shows it.

    ``certificate`` is what this key was given for this token. ``is_banned`` and ``earliest_s`` (in
    seconds since 1970) are what the deny list says: certificates that began before are refused.
    """

    token: TokenRecord | None
    certificate: bytes | None = None
    is_banned: bool = False
    earliest_s: float = 0.0


@dataclass(frozen=True)
class RaiseAlarm:
    """Mark the token as stolen, and tell people.

    It comes with each attempt; whoever carries it out tells only so often.
    """


@dataclass(frozen=True)
class Bind:
    """Bind the token to the key of the box."""

    state: KeyState


@dataclass(frozen=True)
class Keep:
    """Keep the certificate that the box is given."""

    chain: CertificateChain


Write: TypeAlias = RaiseAlarm | Bind | Keep


@dataclass(frozen=True)
class Ruling:
    """What the box is answered, after the writes were made."""

    answer: CertificateChain | Pending | Refuse
    writes: tuple[Write, ...] = ()


def parse_application(body: bytes) -> Applicant:
    """What a box has sent to ``POST /enrol``.

    Raises:
        EnrolmentError: it is malformed, or does not prove the possession of a key.
    """
    try:
        wish = json.loads(body)
        secret = _text(wish["secret"], _SECRET_CHARS_MAX)
        nonce = _text(wish["nonce"], _NONCE_CHARS_MAX)
        csr_pem = wish["csr"].encode("ascii")
        told = wish.get("facts", {})
        facts = {name: _text(told.get(name, ""), _FACT_CHARS_MAX) for name in _FACTS}
        if not nonce:
            raise ValueError
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise EnrolmentError("the request is malformed", where="POST /enrol") from error
    key = _checked_key(csr_pem)
    return Applicant(node_id_from_public_key(key), key, csr_pem, nonce, secret, facts)


def rule(case: Case, applicant: Applicant, authority: Authority, now_s: float) -> Ruling:
    """Decide on a box. Nothing is stored here.

    Raises:
        IdentityError: the authority cannot sign, because it is about to end.
    """
    if case.token is None:
        return Ruling(Refuse(Reason.UNKNOWN))
    if case.is_banned:
        return Ruling(Refuse(Reason.DENIED))
    decision = redeem(case.token, applicant.public_key, now_s)
    match decision:
        case Refuse():
            return Ruling(decision, (RaiseAlarm(),) if decision.alarm else ())
        case Pending():
            return Ruling(decision, (Bind(KeyState.PENDING),))
        case AlreadyIssued() if case.certificate is not None:
            chain = CertificateChain(case.certificate, authority.root_pem)
            if chain.leaf.not_valid_before_utc.timestamp() < case.earliest_s:
                return Ruling(Refuse(Reason.DENIED))
            return Ruling(chain)
    moment = dt.datetime.fromtimestamp(now_s, dt.UTC)
    chain = authority.issue(applicant.csr_pem, now=moment, not_before_s=case.earliest_s)
    bound = (Bind(KeyState.ISSUED),) if isinstance(decision, Issue) else ()
    return Ruling(chain, (*bound, Keep(chain)))


def respond(
    ruling: Ruling,
    applicant: Applicant,
    authority: Authority,
    *,
    now_s: float,
    seeds: Sequence[str],
    more: Mapping[str, object] | None = None,
) -> tuple[int, dict[str, object]]:
    """The status and the JSON body that answer the box; refusals are RFC 9457 problems."""
    answer = ruling.answer
    if isinstance(answer, Refuse):
        code, detail = f"token-{answer.reason.value}", answer.reason.detail
        status = answer.reason.status
        return status, {"type": "about:blank", "status": status, "code": code, "detail": detail}
    if isinstance(answer, Pending):
        return 202, {"retry_after_s": answer.retry_after_s}
    return 200, sign_reply(
        authority,
        answer,
        nonce=applicant.nonce,
        time_s=now_s,
        name=applicant.name,
        seeds=list(seeds)[:SEEDS_MAX],
        more=more,
    )


def _checked_key(csr_pem: bytes) -> bytes:
    try:
        return public_key_spki(check_request(csr_pem))
    except IdentityError as error:
        raise EnrolmentError(error.what, where="POST /enrol") from error


def _text(value: object, chars_max: int) -> str:
    if not isinstance(value, str) or len(value) > chars_max:
        raise ValueError
    return value
