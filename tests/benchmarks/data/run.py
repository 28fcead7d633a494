"""What nodes keep, beside NATS JetStream and Redis, which keep the same in the same run.

make bench NAME=data
ONLY=keys ROUNDS=5 make bench NAME=data
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.data import keys, objects, queues, variables
from tests.benchmarks.mesh.table import LackingError, keep

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.benchmarks.mesh.table import Row

RESULT = Path(__file__).resolve().parents[3] / "build" / "bench" / "data.json"
PARTS: dict[str, Callable[[], Sequence[Row]]] = {
    "keys": keys.measure,
    "variables": variables.measure,
    "queues": queues.measure,
    "objects": objects.measure,
}


def main() -> int:
    """Measure what ``ONLY`` says, print the rows, write the result."""
    only = os.environ.get("ONLY", "")
    for name in only.split(",") if only else PARTS:
        try:
            keep(PARTS[name](), RESULT)
        except LackingError as error:
            print(f"{name} is left out: {error}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
