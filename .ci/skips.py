"""Refuse skipped tests: a check that did not run has shown nothing.

    python3 .ci/skips.py build/tests/*.xml

Reads pytest's JUnit reports. One reason to skip is accepted: the test's shared input data
(``../shared/data``) is not on this machine, and the reason says so.
"""

from __future__ import annotations

import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

SHARED_DATA = Path(__file__).resolve().parent.parent.parent / "shared" / "data"


def main(reports: list[str]) -> int:
    """Print every skip that is not accepted; 1 if there was one, or if nothing was tested."""
    tests = 0
    refused: list[str] = []
    for report in reports:
        for case in ElementTree.parse(report).getroot().iter("testcase"):  # noqa: S314 -- our own file
            tests += 1
            skip = case.find("skipped")
            if skip is not None and not is_accepted(skip.get("message", "")):
                refused.append(f"{case.get('classname')}.{case.get('name')}: {skip.get('message')}")
    for line in refused:
        print(f"skipped: {line}")
    print(f"{tests} tests in {len(reports)} reports, {len(refused)} skipped without leave")
    return 1 if refused or not tests else 0


def is_accepted(reason: str) -> bool:
    """Whether a skip's reason is the one accepted reason, and it is true."""
    return "shared/data" in reason and not SHARED_DATA.exists()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
