"""Enrolment seen from the box: from a token to an identity, safe to repeat at any point."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from cantor.base.errors import EnrolmentError, IdentityError
from cantor.identity.https import post_json
from cantor.identity.reply import check_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.base.clock import Clock
    from cantor.identity.reply import EnrolmentReply
    from cantor.identity.store import Identity, IdentityFolder
    from cantor.identity.tokens import EnrolmentToken

    Post = Callable[[str, Mapping[str, object], str], Awaitable[tuple[int, Mapping[str, object]]]]

_NONCE_BYTES = 16
_DETAIL_CHARS_MAX = 200
_RETRY_AFTER_S = 10.0
_RETRY_AFTER_S_MAX = 3600.0
_REFUSALS = {
    403: ("the hub does not let this node in", "ask the hub's administrator for a new token"),
    409: (
        "another box has used this token",
        "if it was not yours, tell the hub's administrator that it was stolen; ask for a new one",
    ),
    410: ("the token is no longer valid", "ask the hub's administrator for a new token"),
}


class EnrolmentPendingError(EnrolmentError):
    """A person must approve this node at the hub; ask again in ``retry_after_s`` seconds."""

    def __init__(self, where: str, retry_after_s: float) -> None:
        self.retry_after_s = retry_after_s
        super().__init__(
            "the hub waits for a person to approve this node",
            where=where,
            remedy="approve it in the console; this command may then be repeated",
        )


async def enrol(
    token: EnrolmentToken,
    folder: IdentityFolder,
    *,
    clock: Clock,
    post: Post = post_json,
    facts: Mapping[str, str] | None = None,
    entropy: Callable[[int], bytes] = secrets.token_bytes,
    on_reply: Callable[[EnrolmentReply], None] | None = None,
    is_again: bool = False,
) -> Identity:
    """Make this box a node of the mesh whose hub made the token.

    Key and token are on the disk before the request leaves. A box that already belongs to the
    token's mesh is left as it is, so that the call can be repeated after any interruption.

    Args:
        token: what the hub's console showed.
        folder: where the identity is kept.
        clock: the box's clock; it may be wrong.
        post: sends JSON to a URL whose server proves the pinned root.
        facts: ``hostname``, ``platform`` and ``version``, shown to whoever approves.
        entropy: makes random bytes.
        is_again: ask also where a certificate is here, because it was denied or is damaged.
        on_reply: is told the checked answer (name, seeds) before the identity is installed.

    Raises:
        EnrolmentPendingError: a person must approve the node first.
        EnrolmentError: the hub refuses, is not the token's hub, or its answer does not hold.
        UnavailableError: the hub cannot be reached; nothing is lost by asking again.
    """
    if folder.enrolled and not (is_again and folder.is_damaged):
        identity = _already(token, folder)
        if not is_again:
            return identity
    folder.keep_token(token)
    nonce = entropy(_NONCE_BYTES).hex()
    request: dict[str, object] = {
        "secret": token.secret,
        "csr": folder.csr_pem().decode("ascii"),
        "nonce": nonce,
        "facts": dict(facts or {}),
    }
    status, body = await post(f"https://{token.hub}/enrol", request, token.root_pin)
    if status != 200:
        raise _refusal(token, status, body)
    reply = check_reply(body, nonce=nonce, root_pin=token.root_pin)
    if reply.chain.check().node_id != folder.node_id:
        raise EnrolmentError(
            "the hub's answer holds a certificate for another key",
            where=f"hub {token.hub}",
            remedy="report this to the hub's administrator",
        )
    folder.learn_time(reply.time_s, clock.wall())
    if on_reply is not None:
        on_reply(reply)
    identity = folder.install(reply.chain)
    if reply.replaces:
        folder.keep_statement("replaces", reply.replaces)
    if reply.succession:
        folder.follow(reply.succession, reply.time_s)
    return identity


def _already(token: EnrolmentToken, folder: IdentityFolder) -> Identity:
    identity = folder.identity
    if token.root_pin not in folder.chain.root_pins:
        raise EnrolmentError(
            f"this box already belongs to mesh {identity.mesh}",
            where=str(folder.path),
            remedy="use another folder for another mesh",
        )
    return identity


def _refusal(token: EnrolmentToken, status: int, body: Mapping[str, object]) -> IdentityError:
    where = f"hub {token.hub}"
    if status == 202:
        return EnrolmentPendingError(where, _retry_after_s(body.get("retry_after_s")))
    unexpected = (f"the hub answered with status {status}", "look into the log of the hub")
    what, remedy = _REFUSALS.get(status, unexpected)
    detail = body.get("detail")
    if isinstance(detail, str) and detail:
        shown = "".join(char for char in detail if char.isprintable())[:_DETAIL_CHARS_MAX]
        what = f"{what} ({shown})"
    return EnrolmentError(what, where=where, remedy=remedy)


def _retry_after_s(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not value > 0:
        return _RETRY_AFTER_S
    return min(float(value), _RETRY_AFTER_S_MAX)
