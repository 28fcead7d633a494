"""The verb ``cantor rig``: check rig files, run scenarios, serve the simulated board.

Exit codes: 0 done; 1 a scenario failed; 2 the rig file or an option is wrong, or no scenario was
found; 130 interrupted.
"""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]

PLUGIN = "hil_rig.plugin"
SCENARIOS = Path("hil-tests/scenarios")
_FAILED, _INTERRUPTED, _USAGE = 1, 130, 2
_EXIT_CODES = {0: 0, 1: _FAILED, 2: _INTERRUPTED}


def register(subparsers: Verbs) -> None:
    """Add the verb."""
    rig = subparsers.add_parser("rig", help="hardware-in-the-loop rigs")
    verbs = rig.add_subparsers(title="verbs", metavar="VERB", required=True)
    check = _verb(verbs, "validate", "check a rig file")
    check.add_argument("--json", action="store_true", help="print JSON")
    check.set_defaults(run=validate)
    show = verbs.add_parser("schema", help="print the JSON Schema of rig files")
    show.add_argument("--json", action="store_true", help="it is JSON anyway")
    show.set_defaults(run=schema)
    start = _verb(verbs, "run", "run scenarios on a rig")
    start.add_argument("scenarios", type=Path, nargs="*", help=f"default: {SCENARIOS}")
    start.add_argument("--seed", type=int, metavar="N", help="instead of the rig file's")
    start.add_argument("--report", type=Path, metavar="FOLDER", help="default: build/hil")
    start.set_defaults(run=run)
    serve = _verb(verbs, "simulate", "serve a simulated board on a pseudo-terminal")
    serve.add_argument("--link", type=Path, required=True, help="path that becomes the port")
    serve.add_argument("--control", type=Path, required=True, help="pipe for on, off, reset")
    serve.set_defaults(run=simulate)


def validate(options: argparse.Namespace) -> int:
    """Check a file and print every problem."""
    from firmware_bridge.strict_file import read_strict_file
    from hil_rig.rig_file import read_rig

    file = read_strict_file(options.file)
    spec, problems = read_rig(file)
    errors = [str(file.error(problem)) for problem in problems]
    if options.json:
        _write(json.dumps({"valid": not errors, "problems": errors}, indent=2, ensure_ascii=False))
    elif spec is not None:
        _write(f"{options.file}: rig {spec.name} with a {spec.backend} board")
    else:
        sys.stderr.writelines(f"{error}\n" for error in errors)
    return _USAGE if errors else 0


def schema(_options: argparse.Namespace) -> int:
    """Print the JSON Schema."""
    from hil_rig.rig_file import rig_schema

    _write(json.dumps(rig_schema(), indent=2, ensure_ascii=False))
    return 0


def run(options: argparse.Namespace) -> int:
    """Run scenarios with pytest.

    Raises:
        ConfigError: the rig file is wrong, there are no scenarios, or pytest is not installed.
    """
    from hil_rig.rig_file import load_rig

    load_rig(options.file)
    if find_spec("pytest") is None:
        raise ConfigError("needs pytest", where="cantor rig run", remedy="pip install pytest")
    scenarios = options.scenarios or [SCENARIOS]
    for path in scenarios:
        if not Path(str(path).partition("::")[0]).exists():
            raise ConfigError(
                "no such scenarios", where=str(path), remedy="name files or folders of tests"
            )
    arguments = [*plugin_arguments(), "--rig", str(options.file), *map(str, scenarios)]
    if options.seed is not None:
        arguments += ["--rig-seed", str(options.seed)]
    if options.report is not None:
        arguments += ["--rig-report", str(options.report)]
    # A process of its own: pytest rewrites the asserts of plugins only before they are imported.
    done = subprocess.run([sys.executable, "-m", "pytest", *arguments], check=False)  # noqa: S603 # our own program
    return _EXIT_CODES.get(done.returncode, _USAGE)


def simulate(options: argparse.Namespace) -> int:
    """Serve the rig's simulated board until interrupted.

    Raises:
        ConfigError: the rig has none, or a path cannot be made.
    """
    from hil_rig.rig_file import load_rig
    from hil_rig.simulated.served import ServedBoard

    spec = load_rig(options.file)
    if spec.simulated is None:
        raise ConfigError("has no simulated board", where=str(options.file))
    board = ServedBoard(spec.simulated, spec.seed, options.link, options.control)
    _write(f"{spec.name} at {options.link}; write on, off or reset into {options.control}")
    board.serve()
    return 0


def plugin_arguments() -> Sequence[str]:
    """What makes pytest load the plugin where the installation does not register it."""
    registered = any(point.value == PLUGIN for point in entry_points(group="pytest11"))
    return () if registered else ("-p", PLUGIN)


def _verb(verbs: Verbs, name: str, summary: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=summary, description=summary)
    parser.add_argument("file", type=Path, help="the rig file")
    return parser


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
