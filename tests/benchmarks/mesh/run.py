"""The mesh, measured: ``make bench NAME=mesh``, or ``ONLY=cut,death`` for some parts of it.

Parts: ``loopback`` (round trips, messages per second, bytes per second; beside zenoh and NATS),
``slow_line`` (urgent requests beside bulk), ``cut`` (a line that goes silent), ``death`` (of one
of 12 nodes), ``idle`` (what 12 nodes say when nobody asks), ``two_paths`` (bulk over both, for
``MINUTES=10`` if asked), ``blocked_port`` and ``growth`` (up to 1000 simulated nodes). Each runs
alone as well, for example ``python -m tests.benchmarks.mesh.cut``.

All but the first and the last run real agents in network namespaces, without root. What the machine
lacks is said, and the part left out. The table is printed and kept in ``build/bench/mesh.json``;
with ``ONLY`` the rows of other parts stay as they were.
"""

from __future__ import annotations

import os
import sys

from tests.benchmarks.mesh import (
    blocked_port,
    cut,
    death,
    growth,
    idle,
    loopback,
    slow_line,
    two_paths,
)
from tests.benchmarks.mesh.table import RESULT, run

PARTS = {
    "loopback": loopback.measure,
    "slow_line": slow_line.measure,
    "cut": cut.measure,
    "death": death.measure,
    "idle": idle.measure,
    "two_paths": two_paths.measure,
    "blocked_port": blocked_port.measure,
    "growth": growth.measure,
}


def main() -> int:
    """Run the parts asked for; 2 if there is no such part."""
    names = [name for name in os.environ.get("ONLY", "").split(",") if name]
    unknown = sorted(set(names) - set(PARTS))
    if unknown:
        print(f"there is no part {unknown[0]!r}: choose of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    if not names:
        RESULT.unlink(missing_ok=True)
    return run({name: PARTS[name] for name in names or PARTS})


if __name__ == "__main__":
    sys.exit(main())
