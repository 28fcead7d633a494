"""The verbs ``cantor pipeline``, ``cantor filter`` and ``cantor model``.

Exit codes: 0 done; 1 a plan leaves a filter without a node; 2 the pipeline file or an option is
wrong; 65 a model cannot be used; 70 a filter failed (also for a video); 130 interrupted (the report
is still written).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from cantor.cli.folders import add_folder_option
from galaxy.deployments import cli as deployments_cli
from galaxy.filter import params_of
from galaxy.known import known_types
from galaxy.loader import load_pipeline, read_pipeline_file
from galaxy.pipeline import FilterSpec, Pipeline
from galaxy.plan import plan
from galaxy.registry import Registry
from galaxy.runtime import Runtime
from galaxy.schema import describe_filter, pipeline_schema

if TYPE_CHECKING:
    import argparse

    from galaxy.figures import Snapshot
    from galaxy.params import JsonValue

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(subparsers: Verbs) -> None:
    """Add the verbs to the command line."""
    pipeline = subparsers.add_parser("pipeline", help="check and run vision pipelines")
    verbs = pipeline.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in (
        _verb(verbs, "validate", "check a pipeline file", "file", validate),
        _verb(verbs, "schema", "print the JSON Schema of pipeline files", "", schema),
    ):
        add_folder_option(verb, asks=True)
    plan_verb = _verb(verbs, "plan", "say on which node each filter would run", "file", plan)
    add_folder_option(plan_verb, asks=True)
    run_verb = _verb(verbs, "run", "run a pipeline on this box", "file", run)
    run_verb.add_argument(
        "--set", action="append", default=[], metavar="FILTER.PARAM=VALUE", help="may be repeated"
    )
    run_verb.add_argument("--report", type=Path, metavar="FILE", help="write all figures as JSON")
    run_verb.add_argument("--frames", type=int, default=0, metavar="N", help="end after N frames")
    deployments_cli.register(verbs, with_param)
    worker = verbs.add_parser("worker")  # started by agents, for nobody to type
    worker.add_argument("descriptors", type=int, nargs="+")
    worker.add_argument("--parent", type=int, default=0)
    worker.add_argument("--sandbox", default="")
    worker.set_defaults(run=run_worker)
    summary = "the filters of this installation, and those pushed"
    filters = subparsers.add_parser("filter", help=summary)
    verbs = filters.add_subparsers(title="verbs", metavar="VERB", required=True)
    for verb in (
        _verb(verbs, "list", "every filter type", "", list_filters),
        _verb(verbs, "show", "pins and parameters of one type", "name", show_filter),
    ):
        add_folder_option(verb, asks=True)
    model = subparsers.add_parser("model", help="model files")
    verbs = model.add_subparsers(title="verbs", metavar="VERB", required=True)
    _verb(verbs, "inspect", "what a model file is and which head reads it", "file", inspect)


def _verb(
    verbs: Verbs, name: str, summary: str, argument: str, function: object
) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    if argument:
        parser.add_argument(argument, type=Path if argument == "file" else str)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run=function)
    return parser


def validate(options: argparse.Namespace) -> int:
    """Check a file and print every problem."""
    from cantor.scheduling.needs import parse

    file = read_pipeline_file(options.file)
    problems = file.check(known_types(options.data), parse)
    errors = [str(file.error(problem)) for problem in problems]
    if options.json:
        _print_json({"valid": not errors, "problems": [*errors]})
    elif errors:
        sys.stderr.writelines(f"{error}\n" for error in errors)
    elif file.pipeline is not None:
        filters, connections = len(file.pipeline.filters), len(file.pipeline.connections)
        _print(f"{options.file}: {filters} filters, {connections} connections: it can run")
    return 2 if errors else 0


def schema(options: argparse.Namespace) -> int:
    """Print the JSON Schema; it is JSON with and without ``--json``."""
    _print_json(pipeline_schema(known_types(options.data)))
    return 0


def run(options: argparse.Namespace) -> int:
    """Run a pipeline to its end and print the figures.

    Raises:
        ConfigError: the file or an option is wrong.
        FilterError: a filter failed.
    """
    from cantor.scheduling.needs import parse

    registry = Registry.default()
    pipeline = load_pipeline(options.file, registry, parse)
    for text in options.set:
        pipeline = with_param(pipeline, text, registry)
    if options.frames < 0:
        raise ConfigError("must be 0 or more", where="--frames")
    runtime = Runtime(pipeline, registry=registry, frames_max=options.frames)
    interrupted = False
    try:
        runtime.start()
        runtime.join()
    except KeyboardInterrupt:
        interrupted = True
        runtime.stop()
    snapshot = runtime.snapshot()
    if options.report:
        _write_report(options.report, snapshot)
    if runtime.error is not None:
        raise runtime.error
    if options.json:
        _print_json(snapshot.document())
    else:
        _print(_table(snapshot))
    return 130 if interrupted else 0


def run_worker(options: argparse.Namespace) -> int:
    """Run the worker of a deployment on the socket and memory that the agent has handed over."""
    if options.sandbox:
        from cantor.workers.sandbox.launch import enter
        from cantor.workers.sandbox.levels import Sandbox

        # Before the rest is imported: the two processes around the worker stay small.
        enter(Sandbox.decode(options.sandbox), options.parent, options.descriptors)
    from galaxy.worker import main

    return main(*options.descriptors)


def list_filters(options: argparse.Namespace) -> int:
    """Every filter type with its description."""
    registry = known_types(options.data)
    described = [describe_filter(name, registry.get(name)) for name in registry.names()]
    if options.json:
        _print_json([*described])
    else:
        _print("\n".join(f"{entry['type']:<16} {entry['description']}" for entry in described))
    return 0


def show_filter(options: argparse.Namespace) -> int:
    """One filter type with pins and parameters."""
    filter_type = known_types(options.data).get(options.name)
    if options.json:
        _print_json(describe_filter(options.name, filter_type))
        return 0
    lines = [f"{options.name}: {filter_type.description}"]
    lines += [f"  in   {name}: {pin}" for name, pin in filter_type.inputs.items()]
    lines += [f"  out  {name}: {pin}" for name, pin in filter_type.outputs.items()]
    if filter_type.needs:
        lines.append(f"  needs {filter_type.needs}")
    for name, param in params_of(filter_type).items():
        default = "must be given" if param.required else f"default {param.default!r}"
        unit = f" {param.unit}" if param.unit else ""
        lines.append(f"  {name}: {default}{unit}. {param.description}".rstrip())
    _print("\n".join(lines))
    return 0


def inspect(options: argparse.Namespace) -> int:
    """What a model file is.

    Raises:
        ModelError: it is no ONNX model, or no known head fits.
    """
    from galaxy.detection.model_file import Model
    from galaxy.detection.packaged import model_path

    facts = Model(model_path(str(options.file))).facts
    if options.json:
        _print_json(facts.document())
        return 0
    names = ", ".join(facts.names[:8]) + (" …" if len(facts.names) > 8 else "")
    _print(
        f"{options.file}: head {facts.head}, input {facts.width}x{facts.height}, "
        f"{len(facts.names)} classes: {names}"
    )
    return 0


def with_param(pipeline: Pipeline, text: str, registry: Registry) -> Pipeline:
    """The pipeline with one parameter set by ``FILTER.PARAM=VALUE``."""
    where = f"--set {text}"
    place, equals, value = text.partition("=")
    name, _, param_name = place.rpartition(".")
    spec = pipeline.filters.get(name)
    if not equals or spec is None:
        raise ConfigError(
            "must be FILTER.PARAM=VALUE with a filter of the pipeline",
            where=where,
            remedy=f"filters here: {', '.join(pipeline.filters)}",
        )
    param = params_of(registry.get(spec.type)).get(param_name)
    if param is None:
        raise ConfigError(f"filter {name!r} has no parameter {param_name!r}", where=where)
    try:
        params = {**spec.params, param_name: param.parse(value)}
    except ValueError as error:
        raise ConfigError(str(error), where=where) from error
    changed = FilterSpec(spec.type, params, spec.needs, spec.node)
    return Pipeline(pipeline.name, {**pipeline.filters, name: changed}, pipeline.connections)


def _table(snapshot: Snapshot) -> str:
    lines = [f"{snapshot.pipeline}: {snapshot.state} after {snapshot.elapsed_s:.1f} s"]
    lines.append(f"{'filter':<20}{'in':>8}{'out':>8}{'run ms p50':>12}{'p99':>9}{'age ms p50':>12}")
    for name, figures in snapshot.filters.items():
        age = f"{figures.age_ms.p50:>12.2f}" if figures.age_ms.count else ""
        lines.append(
            f"{name:<20}{figures.frames_in:>8}{figures.frames_out:>8}"
            f"{figures.run_ms.p50:>12.2f}{figures.run_ms.p99:>9.2f}{age}"
        )
    for name, edge in snapshot.edges.items():
        if edge.kind != "strong":
            lost = edge.dropped + edge.expired + edge.discarded
            lines.append(f"{name}: {edge.policy}/{edge.depth}, sent {edge.sent}, lost {lost}")
    lines += [
        f"{name}: {json.dumps(report)}"
        for name, report in snapshot.reports.items()
        if len(report) and len(json.dumps(report)) < 500
    ]
    return "\n".join(lines)


def _write_report(path: Path, snapshot: Snapshot) -> None:
    try:
        path.write_text(json.dumps(snapshot.document(), indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", where=str(path)) from error


def _print_json(value: JsonValue) -> None:
    _print(json.dumps(cast("object", value), indent=2, ensure_ascii=False))


def _print(text: str) -> None:
    sys.stdout.write(text + "\n")
