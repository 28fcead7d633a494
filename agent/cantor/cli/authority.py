"""``cantor mesh init``, ``rollover``, ``policy``, ``export-root``, ``import-root``: the authority.

Exit codes: 0 done; 2 usage, a name that no mesh can have, a folder that holds another mesh already,
or a node that is no issuer; 69 no agent answers here; 77 a key or a passphrase does not hold.
"""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import platform
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError
from cantor.base.ids import short_name
from cantor.cli.accounts import local_account
from cantor.cli.folders import add_folder_option
from cantor.identity.authority_folder import (
    export_root,
    import_root,
    load_authority,
    make_authority,
)
from cantor.identity.files import make_private_folder
from cantor.identity.store import IdentityFolder
from cantor.node.control import ask
from cantor.node.folder import default_folder
from cantor.node.memory import NodeMemory

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from cantor.identity.authority import Authority
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

PASSPHRASE_VARIABLE = "CANTOR_PASSPHRASE"  # noqa: S105 (a name)
_AUTHORITY = "authority"
_VERBS = ("init", "rollover", "policy", "export-root", "import-root")


def register(inner: Verbs) -> None:
    """Add the verbs below ``cantor mesh``."""
    summary = "make a mesh without a hub: this box becomes its first node, and enrols others"
    init = inner.add_parser("init", help=summary, description=summary)
    init.add_argument("--mesh", required=True, metavar="NAME", help="a lower-case DNS name")
    init.add_argument("--tenant", default="default", metavar="NAME")
    init.add_argument("--name", default=platform.node(), help="what people call this box")
    add_folder_option(init)
    init.set_defaults(run=_init)
    summary = "give the mesh a new root, under traffic; nodes follow by themselves"
    rollover = inner.add_parser("rollover", help=summary, description=summary)
    add_folder_option(rollover, asks=True)
    rollover.set_defaults(run=_rollover)
    summary = "say, or as an issuer set, what holds for all nodes of the tenant"
    policy = inner.add_parser("policy", help=summary, description=summary)
    policy.add_argument(
        "--stale-days", type=int, metavar="N", help="nodes that no issuer confirms work on so long"
    )
    add_folder_option(policy, asks=True)
    policy.set_defaults(run=_policy)
    for name, summary, run in (
        ("export-root", "move the root's key off this machine, sealed by a passphrase", _export),
        ("import-root", "bring the root's key back from a sealed file", _import),
    ):
        verb = inner.add_parser(
            name, help=summary,
            description=f"{summary}; the passphrase is asked for, or ${PASSPHRASE_VARIABLE}",
        )  # fmt: skip
        verb.add_argument("file", type=Path, metavar="FILE")
        verb.add_argument(
            "--data", type=Path, default=default_folder(), metavar="FOLDER",
            help="the folder of the hub or the issuer (default: %(default)s)",
        )  # fmt: skip
        verb.set_defaults(run=run)
    for verb in (inner.choices[name] for name in _VERBS):
        verb.add_argument("--json", action="store_true", help="print JSON")


def _init(options: argparse.Namespace) -> int:
    """Make what is not there yet: whatever broke off, the same command goes on where it was."""
    folder, made = IdentityFolder(options.data), options.data / _AUTHORITY
    now = datetime.now(UTC)
    make_private_folder(options.data)
    if (made / "authority.json").exists() or folder.enrolled:
        authority = _own_authority(options, folder)
    else:
        authority = make_authority(made, options.mesh, options.tenant, now=now)
    if not folder.enrolled:
        NodeMemory(options.data).remember_name(options.name)
        folder.install(authority.issue(folder.csr_pem(), now=now))
    told = {"id": folder.node_id, "mesh": options.mesh, "root_pin": authority.root_pin}
    _say(
        options,
        told,
        f"Mesh {options.mesh} is made; this box is its node {short_name(folder.node_id)}. "
        f"Start it with cantor agent --enrol HOST:PORT; cantor token create lets others in.",
    )
    return 0


def _own_authority(options: argparse.Namespace, folder: IdentityFolder) -> Authority:
    """The authority that this very command has made here before."""
    wanted = options.mesh, options.tenant
    is_hub = (options.data / "node").exists()
    is_node = folder.enrolled and (folder.identity.mesh, folder.identity.tenant) == wanted
    if not is_hub and (is_node or not folder.enrolled):
        authority = load_authority(options.data / _AUTHORITY)
        if (authority.mesh, authority.tenant) == wanted:
            return authority
    raise ConfigError(
        "belongs to a mesh already", where=str(options.data), remedy="name another --data"
    )


def _rollover(options: argparse.Namespace) -> int:
    answer = asyncio.run(ask(options.data, "mesh.rollover"))
    told = cast("dict[str, Value]", answer)
    _say(options, told, "The mesh goes over to a new root; tokens from now on pin it.")
    return 0


def _policy(options: argparse.Namespace) -> int:
    args: dict[str, Value] = {}
    if options.stale_days is not None:
        args |= {"stale_days": options.stale_days, "by": local_account()}
    told = cast("dict[str, Any]", asyncio.run(ask(options.data, "mesh.policy", args)))
    _say(options, told, _told_of_policy(told))
    return 0


def _told_of_policy(told: Mapping[str, Any]) -> str:
    """What holds, where it comes from, and which nodes that are there have not got it yet."""
    lines = [f"A node that no issuer confirms works on for {told['stale_days']} days."]
    if not told.get("revision"):
        return lines[0]
    signed = f", signed by node {short_name(told['issuer'])}" if told["issuer"] else ""
    lines.append(
        f"Revision {told['revision']}, by {told['by'] or 'nobody named'}, {told['at']}{signed}."
    )
    nodes = told["nodes"]
    late = [row["name"] for row in nodes if not row["has_it"]]
    here = f"{len(nodes) - len(late)} of {len(nodes)} nodes that are there have it"
    lines.append(f"{here}; not yet: {', '.join(late)}." if late else f"{here}.")
    return "\n".join(lines)


def _export(options: argparse.Namespace) -> int:
    export_root(options.data / _AUTHORITY, options.file, _passphrase(is_new=True))
    _say(
        options,
        {"file": str(options.file)},
        f"The root's key is in {options.file} and no longer here; keep the file where you keep "
        f"other keys. It is needed for a new root, a new tenant, and once a year for enrolment.",
    )
    return 0


def _import(options: argparse.Namespace) -> int:
    import_root(options.data / _AUTHORITY, options.file, _passphrase(is_new=False))
    _say(options, {"file": str(options.file)}, "The root's key is here again; start the hub anew.")
    return 0


def _passphrase(*, is_new: bool) -> str:
    if given := os.environ.get(PASSPHRASE_VARIABLE):
        return given
    try:
        first = getpass.getpass("Passphrase: ")
        again = getpass.getpass("The same again: ") if is_new else first
    except EOFError as error:
        raise ConfigError(
            "nobody is there to type the passphrase",
            where="standard input",
            remedy=f"give it in ${PASSPHRASE_VARIABLE}",
        ) from error
    if again != first:
        raise ConfigError("the two passphrases differ", remedy="begin again")
    return first


def _say(options: argparse.Namespace, told: object, sentence: str) -> None:
    print(json.dumps(told) if options.json else sentence)
