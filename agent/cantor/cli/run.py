"""``cantor run``: run a script whose tasks go to the mesh, through this box's agent.

Exit codes: those of the script; 1 if it raised, 69 if no agent runs here.
"""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from cantor.base.errors import ConfigError
from cantor.cli.folders import add_folder_option
from cantor.cli.wheels import add_index_option
from cantor.scheduling.needs import parse

if TYPE_CHECKING:
    Verbs = argparse._SubParsersAction[argparse.ArgumentParser]


def register(verbs: Verbs) -> None:
    """Add the verb."""
    run = verbs.add_parser("run", help="run a script; its tasks run on any node that fits")
    run.add_argument(
        "--needs", default="", metavar="EXPRESSION", help="what each of its tasks needs besides"
    )
    run.add_argument(
        "--project", default="", metavar="NAME", help="whose share of the mesh its tasks use"
    )
    run.add_argument(
        "--requirements", type=Path, metavar="FILE", help="its tasks bring what is in that file"
    )
    run.add_argument(
        "--wheels", type=Path, metavar="FOLDER", help="where wheels are (without: an index)"
    )
    add_index_option(run)
    run.add_argument("script", type=Path, metavar="SCRIPT.py")
    run.add_argument("arguments", nargs=argparse.REMAINDER, metavar="...", help="for the script")
    add_folder_option(run, asks=True)
    run.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    script: Path = options.script
    if not script.is_file():
        raise ConfigError("there is no such script", where=str(script), remedy="give a Python file")
    from cantor.tasks.connect import connect

    sys.argv = [str(script), *options.arguments]
    sys.path.insert(0, str(script.resolve().parent))
    with connect(
        options.data,
        needs=str(parse(options.needs)),
        project=options.project,
        requirements=options.requirements or (),
        wheels=options.wheels,
        index=options.index_url,
    ):
        runpy.run_path(os.fspath(script), run_name="__main__")
    return 0
