"""``cantor agent``, ``cantor nodes`` and ``cantor status``: run a node; ask the one that runs.

Exit codes of ``cantor nodes --needs``: 0 a node meets it; 1 none does now; 2 the expression is
wrong, or no node can ever meet it; 69 no agent answers here.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.base.ids import short_name
from cantor.base.log_format import start_logging
from cantor.base.memory import give_back_memory
from cantor.base.units import format_size
from cantor.cli.exporting import add_export_options, exports_of
from cantor.cli.folders import add_folder_option
from cantor.cli.keeping import add_keeping_options
from cantor.cli.labels import parse_labels, parse_weights
from cantor.cli.needs import check_needs, fitting, not_now
from cantor.cli.table import format_table
from cantor.mesh.settings import LINKS_MAX_DEFAULT
from cantor.node.control import ControlServer, ask
from cantor.node.loop import run_loop
from cantor.node.view import view_from_value
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    import argparse

    from cantor.base.resources import Resource
    from cantor.node.agent import Agent
    from cantor.node.grants.written import ResourceSettings
    from cantor.node.settings import Work
    from cantor.node.view import NodeView
    from cantor.wire.frame import Value

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

_LINK_HEADER = ("LINK", "ADDRESS", "BY", "COST", "SINCE (UTC)", "CONTROL QUEUE", "BULK QUEUE")


def register(verbs: Verbs) -> None:
    """Add the verbs."""
    agent = verbs.add_parser("agent", help="run this box's node")
    agent.add_argument("--name", default="", help="what people call it (default: host name)")
    agent.add_argument(
        "--listen", action="append", metavar="HOST:PORT", help="accept links there (default: all)"
    )
    agent.add_argument("--seed", action="append", default=[], metavar="HOST:PORT", help="dial it")
    agent.add_argument("--label", action="append", default=[], metavar="NAME=VALUE")
    _add_resource_options(agent)
    agent.add_argument("--no-mdns", action="store_true", help="do not look for peers by multicast")
    agent.add_argument(
        "--interface", action="append", default=[], metavar="IP", help="use only these for mDNS"
    )
    agent.add_argument(
        "--links-max", type=int, default=LINKS_MAX_DEFAULT, metavar="N", help="links to keep (4)"
    )
    agent.add_argument(
        "--link-weight",
        action="append",
        default=[],
        metavar="NODE=N",
        help="links with that node (name or id) cost N times as much",
    )
    agent.add_argument(
        "--enrol", default="", metavar="HOST:PORT", help="as an issuer, enrol boxes there by HTTPS"
    )
    agent.add_argument(
        "--public-enrol", default="", metavar="HOST:PORT", help="what the issuer's tokens say"
    )
    _add_work_options(agent)
    agent.add_argument("--json", action="store_true", help="print the start line as JSON")
    agent.add_argument("--verbose", action="store_true", help="log each link and dial")
    add_folder_option(agent)
    agent.set_defaults(run=lambda options: run_loop(_run_agent(options)))

    nodes = verbs.add_parser("nodes", help="list the nodes that this box's agent knows")
    nodes.add_argument("--needs", default="", metavar="EXPRESSION", help="only those that fit")
    status = verbs.add_parser("status", help="say how this box's agent is")
    for verb, run in ((nodes, _nodes), (status, _status)):
        verb.add_argument("--json", action="store_true", help="print JSON")
        add_folder_option(verb, asks=True)
        verb.set_defaults(run=run)


def _add_work_options(agent: argparse.ArgumentParser) -> None:
    agent.add_argument(
        "--workers", type=int, metavar="N", help="run tasks in so many (default: processors)"
    )
    agent.add_argument(
        "--warm-workers", type=int, metavar="N", help="of them start with the agent (0)"
    )
    agent.add_argument(
        "--workers-file", type=Path, metavar="FILE", help="how many, and what each may take"
    )
    agent.add_argument(
        "--code-run",
        choices=("none", "tenant"),
        default="none",
        help="whose tasks and services run here beside this box's own: of all boxes of its tenant",
    )
    agent.add_argument(
        "--sandbox",
        action="append",
        default=[],
        metavar="[WHO=]LEVEL",
        help="how closed code of other nodes runs: full (default), net or none; own=LEVEL for this"
        " box's, or the id of a node",
    )
    agent.add_argument(
        "--files",
        action="append",
        default=[],
        type=Path,
        metavar="FOLDER",
        help="pipelines that other boxes deploy may read the files in it: videos, models",
    )
    agent.add_argument(
        "--address",
        action="append",
        default=[],
        metavar="HOST:PORT",
        help="pipelines that other boxes deploy may reach it from here, beside cameras and brokers"
        " of other machines at their usual ports",
    )
    add_keeping_options(agent)
    add_export_options(agent)


def _add_resource_options(agent: argparse.ArgumentParser) -> None:
    agent.add_argument(
        "--resource",
        action="append",
        default=[],
        metavar="NAME=UNITS",
        help="this box has it: Licence=4 to take, Detectron2==1 to test",
    )
    agent.add_argument(
        "--shared",
        action="append",
        default=[],
        metavar="NAME=UNITS",
        help="this box owns so many for all nodes of its site: Licence=8",
    )
    agent.add_argument(
        "--resources-file", type=Path, metavar="FILE", help="what it has and shares, as YAML"
    )


async def _run_agent(options: argparse.Namespace) -> int:
    from cantor.node.agent import Agent
    from cantor.node.settings import PORT_DEFAULT, AgentSettings, logs_of
    from cantor.transport.addresses import everywhere

    start_logging(verbose=options.verbose)
    told = resources_of(options)
    settings = AgentSettings(
        folder=options.data,
        name=options.name,
        listen=tuple(options.listen or everywhere(PORT_DEFAULT)),
        seeds=tuple(str(Address.parse(seed)) for seed in options.seed),
        labels=parse_labels(options.label),
        is_discovering=not options.no_mdns,
        interfaces=tuple(options.interface),
        enrol=options.enrol,
        public_enrol=options.public_enrol,
        links_max=options.links_max,
        link_weights=parse_weights(options.link_weight),
        resources=told.resources,
        shared=told.shared,
        work=work_of(options),
        logs_bytes=logs_of(options.logs),
        exports=exports_of(options),
    )
    os.environ["CANTOR_HOME"] = str(settings.folder)  # what runs in its workers finds this agent
    agent = Agent(settings)
    control = ControlServer(options.data, agent.calls())
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await control.start()
    try:
        await agent.start()
        print(_start_line(agent, as_json=options.json), flush=True)
        give_back_memory()
        await stop.wait()
    finally:
        await agent.close()
        await control.close()
    return 0


def resources_of(options: argparse.Namespace) -> ResourceSettings:
    """What the options and the file that they name say that this box has.

    Raises:
        ConfigError: there is no such file, or one of them is no resource.
    """
    from cantor.node.grants.written import (
        ResourceSettings,
        load_resources,
        resource_from_text,
        shared_from_text,
    )

    file = options.resources_file
    told = ResourceSettings() if file is None else load_resources(file)
    return ResourceSettings(
        (*told.resources, *map(resource_from_text, options.resource)),
        {**told.shared, **dict(map(shared_from_text, options.shared))},
    )


def work_of(options: argparse.Namespace) -> Work:
    """What the options and the file that they name say of workers.

    Raises:
        ConfigError: there is no such file, or a value is of no use.
    """
    from cantor.node.settings import Work, service_data_of
    from cantor.workers.sandbox.rules import rules_with
    from cantor.workers.settings import WorkerSettings, load_worker_settings

    if (options.workers or 0) < 0 or (options.warm_workers or 0) < 0:
        raise ConfigError("give 0 or more workers", where="--workers")
    file = options.workers_file
    told = WorkerSettings() if file is None else load_worker_settings(file)
    warm = told.warm if options.warm_workers is None else options.warm_workers
    for folder in options.files:
        if not folder.is_dir():
            raise ConfigError("there is no such folder", where=f"--files {folder}")
    rules = rules_with(told.sandbox, options.sandbox)
    rules = replace(
        rules,
        files=tuple(folder.absolute() for folder in options.files),
        addresses=tuple(map(Address.parse, options.address)),
    )
    settings = replace(told, warm=warm, sandbox=rules)
    work = Work(
        code_run=options.code_run,
        settings=settings,
        service_data_bytes=service_data_of(options.service_data),
    )
    workers = told.workers if options.workers is None else options.workers
    return work if workers is None else replace(work, workers=workers)


def _start_line(agent: Agent, *, as_json: bool) -> str:
    if as_json:
        identity, addresses = agent.identity, list(agent.addresses)
        return json.dumps({"id": identity.node_id, "mesh": identity.mesh, "addresses": addresses})
    return (
        f"Node {short_name(agent.node_id)} of mesh {agent.identity.mesh} "
        f"listens on {', '.join(agent.addresses)}."
    )


def _nodes(options: argparse.Namespace) -> int:
    needs = parse(options.needs)
    answer = cast("list[dict[str, Value]]", asyncio.run(ask(options.data, "nodes")))
    views = [view_from_value(raw) for raw in answer]
    check_needs(options.needs, needs, views)
    found = fitting(needs, views)
    if options.json:
        ids = {view.id for view in found}
        shown = [raw for raw, view in zip(answer, views, strict=True) if view.id in ids]
        print(json.dumps(shown, indent=1, ensure_ascii=False))
    else:
        print(format_table(("NODE", "NAME", "STATE", "RESOURCES"), [_row(view) for view in found]))
    return 0 if found else not_now()


def _row(view: NodeView) -> tuple[str, str, str, str]:
    return short_name(view.id), view.name, view.state, ", ".join(map(resource_text, view.resources))


def resource_text(resource: Resource) -> str:
    """As it is written in an expression, but that sizes are rounded."""
    value = resource.value
    if isinstance(value, bool):
        value = int(value)
    elif resource.unit == "B" and isinstance(value, int | float):
        value = format_size(value)
    return f"{resource.name} {'==' if resource.kind == 'condition' else '='} {value}"


def _status(options: argparse.Namespace) -> int:
    status = cast("dict[str, Value]", asyncio.run(ask(options.data, "status")))
    if options.json:
        print(json.dumps(status, indent=1, ensure_ascii=False))
    else:
        print(status_report(status))
    return 0


def status_report(status: dict[str, Value]) -> str:
    """What ``status`` answers, for a terminal: who this node is, its links, what was dropped."""
    lines = []
    for name, value in status.items():
        if not isinstance(value, list | dict):
            lines.append(f"{name.replace('_', ' '):<12} {value!s}")
        elif name == "addresses":
            lines.append(f"{name:<12} {', '.join(str(address) for address in value)}")
    dropped = status.get("dropped")
    counts = dropped if isinstance(dropped, dict) else {}
    text = ", ".join(f"{reason.replace('_', ' ')} {counts[reason]!s}" for reason in counts)
    lines.append(f"{'dropped':<12} {text or 'nothing'}")
    rows = [_link_row(link) for link in _rows(status.get("links"))]
    if rows:
        lines.append(format_table(_LINK_HEADER, rows))
    lines += [
        f"The clock of {ahead.get('name')!s} is {ahead.get('ahead_s')!s} s ahead: cantor doctor"
        for ahead in _rows(status.get("clocks_ahead"))
    ]
    return "\n".join(lines)


def _rows(value: Value) -> list[dict[str, Value]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _link_row(link: dict[str, Value]) -> tuple[str, ...]:
    since = link.get("since_s")
    begun = (
        datetime.fromtimestamp(since, UTC).strftime("%Y-%m-%d %H:%M:%S")
        if isinstance(since, int | float)
        else "-"
    )
    bulk = link.get("bulk_queued_bytes")
    cost = link.get("cost")
    return (
        str(link.get("name", "")),
        str(link.get("address", "")),
        "dialled" if link.get("dialled") else "accepted",
        f"{cost:g}" if isinstance(cost, int | float) else "-",
        begun,
        f"{link.get('control_queued_bytes', 0)!s} B",
        "closed" if bulk is None else f"{bulk!s} B",
    )
