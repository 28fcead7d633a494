"""A node keeps its lease and certificate fresh: it asks issuers over the mesh, else by HTTPS."""

from __future__ import annotations

import asyncio
import json
import logging
import random
import secrets
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, EnrolmentError, UnavailableError
from cantor.base.ids import short_name
from cantor.identity.https import post_json
from cantor.identity.leases import LEASE, lease_in
from cantor.identity.life_plan import LifePlan, Wish
from cantor.identity.renewal import renewal_request
from cantor.identity.reply import check_reply

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from cantor.base.ids import NodeId
    from cantor.identity.reply import EnrolmentReply
    from cantor.identity.statements import StatementReader
    from cantor.identity.store import Identity, IdentityFolder
    from cantor.node.services import Message, Node

    Post = Callable[[str, Mapping[str, object], str], Awaitable[tuple[int, Mapping[str, object]]]]
    Issue = Callable[[bytes], Awaitable[tuple[int, Mapping[str, object]]]]

TOPIC = "identity.renew"
REPLACES = "replaces"
"""The kind of an issuer's statement, and the fact, that a node takes the place of another."""
LOOK_EVERY_S = 5.0
REQUEST_TIMEOUT_S = 10.0
_NONCE_BYTES = 16
_log = logging.getLogger(__name__)


class Renewing:
    """Runs from ``start`` to ``close``.

    ``https_at`` is where this box was enrolled (``host:port``), empty if that is not known.
    ``renewed`` is told of a new certificate, ``learnt`` of a time that an issuer has signed,
    ``followed`` of the word for a new root.
    """

    def __init__(
        self,
        node: Node,
        folder: IdentityFolder,
        reader: StatementReader,
        *,
        issuers: Callable[[], frozenset[NodeId]],
        own_issue: Issue | None,
        https_at: str,
        renewed: Callable[[Identity], None],
        learnt: Callable[[float], None],
        followed: Callable[[bytes], None],
        post: Post = post_json,
    ) -> None:
        self._node = node
        self._folder = folder
        self._reader = reader
        self._issuers = issuers
        self._own_issue = own_issue
        self._https_at = https_at
        self._renewed = renewed
        self._learnt = learnt
        self._followed = followed
        self._post = post
        self._reachable: frozenset[NodeId] = frozenset()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.plan = LifePlan(random.random)

    def start(self) -> None:
        """Begin to look."""
        leaf = self._folder.certificate
        self.certified(leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())
        if packed := self._folder.statement(LEASE):
            try:
                self._leased(packed)
            except CantorError as error:
                _log.warning("the lease that was kept is lost", extra={"reason": str(error)})
        self._task = asyncio.ensure_future(self._run())

    async def settle(self) -> None:
        """Before the node says anything: renew by HTTPS where its certificate seems to have ended.

        Then either it has, or the clock is years ahead: the answer tells the time as well.
        """
        if self._node.wall() < self._folder.identity.not_after or not self._https_at:
            return
        request, nonce = self._request(wants_certificate=True)
        try:
            reply = await self._answered_by_https(request, nonce)
            self._learnt(reply.time_s)
            self._folder.keep_statement(LEASE, reply.lease)
            self._renewed(self._folder.install(reply.chain))
        except (CantorError, OSError) as error:
            _log.info("nobody renews", extra={"reason": str(error)})

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def certified(self, began_s: float, ends_s: float) -> None:
        """Plan by a certificate."""
        self.plan.certified(began_s, ends_s, self._node.wall(), self._node.clock.monotonic())

    def follow(self) -> None:
        """A new root was heard of."""
        self.plan.follow(self._node.clock.monotonic())
        self._wake.set()

    def look(self) -> None:
        """Liveness or facts have changed: an issuer may be back."""
        reachable = self._issuers() & self._node.alive()
        if reachable - self._reachable:
            self.plan.issuer_seen()
            self._wake.set()
        self._reachable = reachable

    async def _run(self) -> None:
        while True:
            self._wake.clear()  # what is told from here on is looked at next
            wish = self.plan.wish(self._node.wall(), self._node.clock.monotonic())
            if wish is not Wish.NOTHING:
                await self._ask(wants_certificate=wish is Wish.CERTIFICATE)
            try:
                async with asyncio.timeout(LOOK_EVERY_S):
                    await self._wake.wait()
            except TimeoutError:
                continue

    async def _ask(self, *, wants_certificate: bool) -> None:
        request, nonce = self._request(wants_certificate=wants_certificate)
        try:
            reply = await self._answered(request, nonce, may_use_https=wants_certificate)
            await asyncio.to_thread(self._folder.keep_statement, LEASE, reply.lease)
            self._learnt(reply.time_s)
            self._leased(reply.lease)
            if reply.succession:
                self._followed(reply.succession)
            if wants_certificate:
                self._install(reply)
        except (CantorError, OSError) as error:  # a full disk must not end this task
            _log.info("nobody renews", extra={"reason": str(error)})
            self.plan.failed(self._node.clock.monotonic())
        else:
            self.plan.succeeded()

    def _request(self, *, wants_certificate: bool) -> tuple[Mapping[str, object], str]:
        nonce = secrets.token_hex(_NONCE_BYTES)
        request = renewal_request(
            self._folder.csr_pem(),
            self._folder.chain.pem,
            nonce,
            wants_certificate=wants_certificate,
        )
        return request, nonce

    async def _answered(
        self, request: Mapping[str, object], nonce: str, *, may_use_https: bool
    ) -> EnrolmentReply:
        """The first good answer; an issuer asks itself, others the mesh before the network."""
        body = json.dumps(request).encode()
        if self._own_issue is not None:
            return self._checked(*await self._own_issue(body), nonce)
        refusal: CantorError | None = None
        issuers = sorted(self._issuers() & self._node.alive())
        for issuer in random.sample(issuers, len(issuers)):
            try:
                answer = await self._node.request(
                    issuer, TOPIC, {}, (body,), timeout_s=REQUEST_TIMEOUT_S, priority=0
                )
                status = answer.headers.get("status")
                told = _told(answer, issuer)
                return self._checked(status if isinstance(status, int) else 0, told, nonce)
            except CantorError as error:
                refusal = error
        if may_use_https and self._https_at:
            return await self._answered_by_https(request, nonce)
        raise refusal or UnavailableError("no issuer can be reached", where="renewal")

    async def _answered_by_https(self, request: Mapping[str, object], nonce: str) -> EnrolmentReply:
        refusal: CantorError = UnavailableError("no issuer can be reached", where="renewal")
        for pin in self._folder.chain.root_pins:
            try:
                status, told = await self._post(f"https://{self._https_at}/renew", request, pin)
                return self._checked(status, told, nonce)
            except CantorError as error:
                refusal = error
        raise refusal

    def _checked(self, status: int, body: Mapping[str, object], nonce: str) -> EnrolmentReply:
        if status != 200:
            detail = str(body.get("detail"))[:200]
            raise EnrolmentError(f"an issuer refuses ({status}): {detail}", where="renewal")
        for pin in self._folder.chain.root_pins[:-1]:
            try:
                return check_reply(body, nonce=nonce, root_pin=pin)
            except EnrolmentError:
                continue
        return check_reply(body, nonce=nonce, root_pin=self._folder.chain.root_pins[-1])

    def _install(self, reply: EnrolmentReply) -> None:
        identity = self._folder.install(reply.chain)
        leaf = reply.chain.leaf
        self.certified(leaf.not_valid_before_utc.timestamp(), leaf.not_valid_after_utc.timestamp())
        self._renewed(identity)
        extra = {"peer": short_name(identity.node_id), "until": str(leaf.not_valid_after_utc)}
        _log.info("certificate renewed", extra=extra)

    def _leased(self, packed: bytes) -> None:
        lease = lease_in(self._reader.read(packed, LEASE))
        if lease.node != self._node.node_id:
            raise EnrolmentError("a lease for another node", where="renewal")
        self.plan.leased(
            lease.from_s, lease.until_s, self._node.wall(), self._node.clock.monotonic()
        )
        self._node.publish(LEASE, packed)


def _told(answer: Message, issuer: NodeId) -> Mapping[str, object]:
    try:
        told = json.loads(b"".join(bytes(part) for part in answer.body))
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        raise EnrolmentError("an answer that is no JSON object", where=f"node {short_name(issuer)}")
    return told
