"""Real processes that ship a function, load it elsewhere, and bring its result back.

The three share no more than files: what the submitter packed, and what the worker answered. Each
may run on another Python; those beside this one are used too.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

AGENT = Path(__file__).resolve().parents[4] / "agent"

PRELUDE = """
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
from cantor.bundles.shipping import ship
from cantor.bundles.values import pack, unpack

def remote(function, *args):
    folder = Path(sys.argv[1])
    if (folder / "result").exists():
        return unpack((folder / "result").read_bytes())
    code = ship(function)
    (folder / "code").write_bytes(code.data)
    (folder / "id").write_text(code.id)
    (folder / "requirements").write_text("\\n".join(code.requirements))
    (folder / "args").write_bytes(pack(args, []))
"""
WORKER = """
import sys, traceback
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
from cantor.bundles.code import Code
from cantor.bundles.loading import classes_of, load, use_wheels
from cantor.bundles.values import pack, unpack

folder = Path(sys.argv[1])
use_wheels(Path(path) for path in sys.argv[2:])
code = Code.decode((folder / "code").read_bytes(), (folder / "id").read_text())
function = load(code)
args = unpack((folder / "args").read_bytes(), classes=classes_of(code))
try:
    (folder / "result").write_bytes(pack(function(*args), []))
except Exception:
    sys.exit(traceback.format_exc())
"""


def pythons() -> list[str]:
    """This Python, and the others (3.12 and newer) that lie beside it as pyenv lays them."""
    beside = Path(sys.base_prefix).parent.glob("3.1[2-9]*/bin/python3")
    return [sys.executable, *sorted(map(str, beside))]


@dataclass
class Trip:
    """A project's folder, and an empty one beside it where the worker runs."""

    project: Path
    exchange: Path

    @classmethod
    def make(cls, folder: Path, files: Mapping[str, str]) -> Trip:
        """``files`` are sources by their path without the suffix."""
        project, exchange = folder / "project", folder / "exchange"
        exchange.mkdir()
        for name, text in {"prelude": PRELUDE, **files}.items():
            path = project / f"{name}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return cls(project, exchange)

    def submit(self, *how: str, python: str = sys.executable) -> str:
        """Run the program that ships, or shows the result once there is one; what it prints."""
        return self._run(python, *how, str(self.exchange), folder=self.project).stdout

    def work(self, *wheels: Path, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
        """Load and run what was shipped, where the project is not."""
        paths = map(str, wheels)
        return self._run(
            python, "-c", WORKER, str(self.exchange), *paths, folder=self.exchange, check=False
        )

    def _run(
        self, python: str, *arguments: str, folder: Path, check: bool = True
    ) -> subprocess.CompletedProcess[str]:
        libraries = sysconfig.get_path("purelib")  # msgpack needs no compiled code
        paths = os.pathsep.join([str(AGENT), libraries])
        done = subprocess.run(
            [python, *arguments],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1"},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert not check or done.returncode == 0, done.stderr
        return done
