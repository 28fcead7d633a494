"""``cantor enroll`` and ``cantor identity``: make this box a node; say which node it is."""

from __future__ import annotations

import asyncio
import json
import platform
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import cantor
from cantor.base.clock import Clock, SystemClock
from cantor.base.ids import short_name
from cantor.cli.folders import add_folder_option
from cantor.identity.client import EnrolmentPendingError, enrol
from cantor.identity.store import Identity, IdentityFolder
from cantor.identity.tokens import EnrolmentToken
from cantor.node.memory import HubContact, NodeMemory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

    from cantor.identity.reply import EnrolmentReply

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]
    Pause = Callable[[float], Awaitable[None]]


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    enroll = verbs.add_parser("enroll", help="make this box a node, with a token from the hub")
    enroll.add_argument("token", metavar="TOKEN", help="what the hub's console or CLI showed")
    enroll.add_argument(
        "--name", default="", help="what people call this box (default: the host's name)"
    )
    enroll.add_argument(
        "--no-wait", action="store_true", help="end with exit code 77 where a person must approve"
    )
    enroll.add_argument(
        "--again",
        action="store_true",
        help="get a new certificate for a node that was denied, or whose files are damaged",
    )
    enroll.add_argument("--json", action="store_true", help="print the result as JSON")
    add_folder_option(enroll)
    enroll.set_defaults(run=_enroll)

    identity = verbs.add_parser("identity", help="say which node this box is")
    identity.add_argument("--json", action="store_true", help="print it as JSON")
    add_folder_option(identity)
    identity.set_defaults(run=_identity)


def _enroll(options: argparse.Namespace) -> int:
    token = EnrolmentToken.parse(options.token)
    folder = IdentityFolder(options.data)
    identity = asyncio.run(
        enrol_patiently(
            token,
            folder,
            name=options.name or NodeMemory(options.data).name() or platform.node(),
            clock=SystemClock(),
            is_waiting=not options.no_wait,
            is_again=options.again,
        )
    )
    _print(identity, as_json=options.json, sentence="This box is now a node")
    return 0


def _identity(options: argparse.Namespace) -> int:
    identity = IdentityFolder(options.data).identity
    _print(identity, as_json=options.json, sentence="This box is a node")
    return 0


async def enrol_patiently(
    token: EnrolmentToken,
    folder: IdentityFolder,
    *,
    name: str,
    clock: Clock,
    is_waiting: bool,
    is_again: bool = False,
    pause: Pause = asyncio.sleep,
    attempt: Callable[..., Awaitable[Identity]] = enrol,
) -> Identity:
    """Enrol, and ask again while a person has still to approve.

    Raises:
        EnrolmentError: the hub refuses, or a person must approve and ``is_waiting`` is false.
        UnavailableError: the hub cannot be reached.
    """
    facts = {
        "hostname": name,
        "platform": f"{platform.system()} {platform.machine()}",
        "version": cantor.__version__,
    }
    while True:
        try:
            return await attempt(
                token,
                folder,
                clock=clock,
                facts=facts,
                is_again=is_again,
                on_reply=lambda reply: _remember(reply, token, folder),
            )
        except EnrolmentPendingError as pending:
            if not is_waiting:
                raise
            print(
                f"Waiting for a person to approve this node ({short_name(folder.node_id)}) "
                f"at the hub; asking again in {pending.retry_after_s:.0f} s.",
                file=sys.stderr,
            )
            await pause(pending.retry_after_s)


def _remember(reply: EnrolmentReply, token: EnrolmentToken, folder: IdentityFolder) -> None:
    memory = NodeMemory(folder.path)
    memory.remember_name(reply.name)
    memory.remember_hub(HubContact(token.hub, reply.seeds))


def _print(identity: Identity, *, as_json: bool, sentence: str) -> None:
    until = datetime.fromtimestamp(identity.not_after, UTC).isoformat(timespec="seconds")
    if as_json:
        facts = {
            "id": identity.node_id,
            "mesh": identity.mesh,
            "tenant": identity.tenant,
            "not_after": until,
        }
        print(json.dumps(facts, indent=1))
    else:
        print(
            f"{sentence}: {short_name(identity.node_id)} of mesh {identity.mesh} "
            f"(tenant {identity.tenant}), certificate until {until}."
        )
