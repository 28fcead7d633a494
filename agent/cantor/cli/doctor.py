"""``cantor doctor``: say what keeps this box from working, and the command that mends it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import CantorError, ConfigError
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from cantor.doctor.facts import Finding
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    doctor = verbs.add_parser("doctor", help="find what is wrong on this box, and how to mend it")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument(
        "--listen", metavar="HOST:PORT", default="", help="where the agent is to listen"
    )
    doctor.add_argument(
        "--bundle",
        type=Path,
        metavar="FILE",
        help="also write a tar.gz with what was found, to send to others; it holds no secret",
    )
    add_folder_option(doctor)
    doctor.set_defaults(run=lambda options: asyncio.run(_doctor(options)))


async def _doctor(options: argparse.Namespace) -> int:
    from cantor.doctor.bundle import pack
    from cantor.doctor.examination import examine
    from cantor.doctor.probes import Machine, look
    from cantor.node.settings import LISTEN_DEFAULT

    status = await _answer(options.data, "status")
    known = status if isinstance(status, dict) else None
    listen = options.listen or LISTEN_DEFAULT[0]
    facts = await _answer(options.data, "facts")
    own = facts if isinstance(facts, dict) else None
    findings = examine(await look(options.data, listen, known, Machine(), own))
    if options.bundle is not None:
        nodes = await _answer(options.data, "nodes")
        listed = [n for n in nodes if isinstance(n, dict)] if isinstance(nodes, list) else []
        _write(options.bundle, pack(options.data, findings, known, listed))
    if options.json:
        print(json.dumps([asdict(finding) for finding in findings], indent=1, ensure_ascii=False))
    else:
        print(report(findings))
    return int(any(finding.state == "problem" for finding in findings))


def report(findings: Sequence[Finding]) -> str:
    """The findings as an aligned list; under each that needs it, the command that mends it."""
    rows = [(finding.state, finding.name, finding.what) for finding in findings]
    header, *lines = format_table(("STATE", "CHECK", "CAUSE"), rows).splitlines()
    indent = " " * header.index("CAUSE")
    listed = [header]
    for line, finding in zip(lines, findings, strict=True):
        listed.append(line)
        if finding.remedy:
            listed.append(f"{indent}$ {finding.remedy}")
    return "\n".join(listed)


async def _answer(folder: Path, call: str) -> Value:
    try:
        return await ask(folder, call)
    except CantorError:
        return None


def _write(path: Path, data: bytes) -> None:
    try:
        path.write_bytes(data)
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}",
            where=str(path),
            remedy="name a file in a folder that you may write to",
        ) from error
