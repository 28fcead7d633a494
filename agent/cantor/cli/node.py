"""``cantor node``: let nodes in, and put them out of the mesh, from an issuer.

An issuer is a hub's own node, or the node where ``cantor mesh init`` was run. A NODE is given by
its name, its id or the start of its id. Exit codes: 0 done; 2 no node is called that, several are,
or this one is no issuer; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, cast

from cantor.cli.folders import add_folder_option
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    node = verbs.add_parser("node", help="put a node out of the mesh, or let it in again")
    inner = node.add_subparsers(title="verbs", metavar="VERB", required=True)
    summary = "end every link with a node; a new token lets it in again"
    deny = inner.add_parser("deny", help=summary, description=summary)
    deny.add_argument("--for-ever", action="store_true", help="no token lets it in again")
    deny.set_defaults(run=_deny)
    summary = "take back what was denied: its certificate holds again"
    allow = inner.add_parser("allow", help=summary, description=summary)
    allow.set_defaults(run=_allow)
    summary = "let a node in that waits for approval"
    approve = inner.add_parser("approve", help=summary, description=summary)
    approve.set_defaults(run=_approve)
    for verb in (deny, allow, approve):
        verb.add_argument("node", metavar="NODE")
        verb.add_argument("--json", action="store_true", help="print JSON")
        add_folder_option(verb, asks=True)


def _deny(options: argparse.Namespace) -> int:
    node = _ask(options, "node.deny", for_ever=options.for_ever)
    how = "for ever" if options.for_ever else "until it comes with a new token"
    _say(options, node, "denied", f"Node {node} is denied {how}.")
    return 0


def _allow(options: argparse.Namespace) -> int:
    node = _ask(options, "node.allow")
    _say(options, node, "allowed", f"Node {node} is allowed again.")
    return 0


def _approve(options: argparse.Namespace) -> int:
    node = _ask(options, "node.approve")
    _say(options, node, "approved", f"Node {node} gets its certificate when it asks next.")
    return 0


def _ask(options: argparse.Namespace, call: str, **args: Value) -> str:
    answer = asyncio.run(ask(options.data, call, {"node": options.node, **args}))
    return str(cast("dict[str, Value]", answer)["node"])


def _say(options: argparse.Namespace, node: str, state: str, sentence: str) -> None:
    print(json.dumps({"node": node, "state": state}) if options.json else sentence)
