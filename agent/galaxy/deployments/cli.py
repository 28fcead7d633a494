"""``cantor pipeline deploy|list|status|stop``: pipelines on the mesh, through this box's agent.

Each verb asks the agent of this box, which need not run any part of the pipeline itself.
"""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId, short_name
from cantor.cli.folders import add_folder_option
from cantor.cli.table import format_table
from cantor.node.control import ask
from cantor.node.view import view_from_value
from cantor.scheduling.needs import parse
from galaxy.deployments.views import DeploymentView
from galaxy.filter import params_of
from galaxy.known import known_types
from galaxy.loader import load_pipeline

if TYPE_CHECKING:
    import argparse

    from cantor.wire.frame import Value
    from galaxy.pipeline import Pipeline
    from galaxy.registry import Registry

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

ASK_TIMEOUT_S = 10.0


def register(verbs: Verbs, set_param: object) -> None:
    """Add the verbs below ``cantor pipeline``; ``set_param`` reads one ``--set``."""
    deploy_verb = _verb(verbs, "deploy", "run a pipeline on the mesh", deploy)
    deploy_verb.add_argument("file", type=Path)
    deploy_verb.add_argument(
        "--set", action="append", default=[], metavar="FILTER.PARAM=VALUE", help="may be repeated"
    )
    deploy_verb.add_argument("--name", default="", help="what people call it (default: the file's)")
    deploy_verb.add_argument(
        "--frames", type=int, default=0, metavar="N", help="end after N frames"
    )
    deploy_verb.set_defaults(set_param=set_param)
    _verb(verbs, "list", "the deployments that this mesh knows", list_deployments)
    for name, summary, function in (
        ("status", "where a deployment runs, and its figures", status),
        ("stop", "end a deployment everywhere", stop),
        ("remove", "end a deployment and forget it", remove),
    ):
        _verb(verbs, name, summary, function).add_argument(
            "deployment", help="its id, the start of it, or its name"
        )


def _verb(verbs: Verbs, name: str, summary: str, function: object) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("--json", action="store_true", help="print JSON")
    add_folder_option(parser, asks=True)
    parser.set_defaults(run=function)
    return parser


def deploy(options: argparse.Namespace) -> int:
    """Hand a pipeline to the mesh.

    Raises:
        ConfigError: the file or an option is wrong.
        UnavailableError: no agent runs on this box.
    """
    registry = known_types(options.data)
    pipeline = load_pipeline(options.file, registry, parse)
    for text in options.set:
        pipeline = options.set_param(pipeline, text, registry)
    if options.frames < 0:
        raise ConfigError("must be 0 or more", where="--frames")
    pipeline = with_whole_paths(pipeline, registry)
    wish: dict[str, Value] = {
        "pipeline": cast("dict[str, Value]", pipeline.document()),
        "name": options.name,
        "frames_max": options.frames,
    }
    made = _ask(options, "pipeline.deploy", wish)
    if options.json:
        _print_json(made)
    else:
        view = DeploymentView.from_value(made)
        _print(f"{view.name} is deployed as {view.id}: cantor pipeline status {view.id[:8]}")
    return 0


def with_whole_paths(pipeline: Pipeline, registry: Registry) -> Pipeline:
    """The pipeline with every file that lies here named in full: workers run elsewhere."""
    filters = dict(pipeline.filters)
    for name, spec in pipeline.filters.items():
        declared = params_of(registry.get(spec.type))
        params = dict(spec.params)
        for key, value in spec.params.items():
            if declared[key].file and isinstance(value, str) and Path(value).is_file():
                params[key] = str(Path(value).resolve())
        filters[name] = replace(spec, params=params)
    return replace(pipeline, filters=filters)


def list_deployments(options: argparse.Namespace) -> int:
    """Every deployment with its state."""
    found = _views(options)
    if options.json:
        _print_json([view.as_value() for view in found])
        return 0
    names = _node_names(options)
    rows = [
        (
            view.id[:8],
            view.name,
            view.state,
            ", ".join(sorted({names.get(node, short_name(node)) for node in view.nodes.values()})),
        )
        for view in found
    ]
    _print(format_table(("ID", "NAME", "STATE", "NODES"), rows))
    return 0


def status(options: argparse.Namespace) -> int:
    """One deployment: where each filter runs, and what it does."""
    view = _one(options)
    figures = cast(
        "dict[str, dict[str, Value]]", _ask(options, "pipeline.figures", {"id": view.id})
    )
    if options.json:
        _print_json({**view.as_value(), "figures": cast("Value", figures)})
        return 0
    names = _node_names(options)
    filters = cast("dict[str, dict[str, Value]]", figures.get("filters", {}))
    errors = {name: group.error for group in view.groups for name in group.filters}
    _print(f"{view.name} ({view.id}): {view.state}")
    rows = []
    for name in cast("dict[str, Value]", view.pipeline["filters"]):
        node = view.nodes.get(name)
        shown = filters.get(name, {})
        rows.append(
            (
                name,
                names.get(node, short_name(node)) if node else "—",
                _number(shown.get("fps")),
                _number(cast("dict[str, Value]", shown.get("run_ms", {})).get("p50")),
                view.reasons.get(name) or errors.get(name) or _lost(shown),
            )
        )
    _print(format_table(("FILTER", "NODE", "FPS", "RUN MS", "WHY NOT"), rows))
    return 0


def _lost(figures: dict[str, Value]) -> str:
    """What a source says while its camera is lost."""
    report = figures.get("report")
    return str(report.get("lost", "")) if isinstance(report, dict) else ""


def stop(options: argparse.Namespace) -> int:
    """End a deployment on every node."""
    return _end(options, "pipeline.stop", "is stopped")


def remove(options: argparse.Namespace) -> int:
    """End a deployment and forget it."""
    return _end(options, "pipeline.remove", "is removed")


def _end(options: argparse.Namespace, call: str, done: str) -> int:
    view = _one(options)
    answer = _ask(options, call, {"id": view.id})
    if options.json:
        _print_json(answer)
    else:
        _print(f"{view.name} {done}")
    return 0


def _one(options: argparse.Namespace) -> DeploymentView:
    wanted, found = options.deployment, _views(options)
    fitting = [view for view in found if view.name == wanted or view.id.startswith(wanted)]
    if len(fitting) != 1:
        raise ConfigError(
            "several deployments are called so" if fitting else "there is no such deployment",
            where=wanted,
            remedy="cantor pipeline list shows them; say more digits of the id",
        )
    return fitting[0]


def _views(options: argparse.Namespace) -> list[DeploymentView]:
    answer = cast("list[Value]", _ask(options, "pipeline.list", {}))
    return [DeploymentView.from_value(value) for value in answer]


def _node_names(options: argparse.Namespace) -> dict[NodeId, str]:
    answer = cast("list[Value]", _ask(options, "nodes", {}))
    return {view.id: view.name for view in map(view_from_value, answer)}


def _ask(options: argparse.Namespace, call: str, args: dict[str, Value]) -> Value:
    return asyncio.run(ask(options.data, call, args, timeout_s=ASK_TIMEOUT_S))


def _number(value: Value) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else ""


def _print_json(value: Value) -> None:
    _print(json.dumps(value, indent=1, ensure_ascii=False))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
