"""CPython's own tests of executors, unchanged, run against ``cantor.Executor``.

    python -m tests.compatibility.cpython

Needs CPython's test package, which some distributions ship apart (Debian: libpython3.11-testsuite).
"""

from __future__ import annotations

import sys
import time
import unittest
from importlib import import_module
from typing import Any

import cantor

NOT_HERE = {
    "test_free_reference": "returns an object of a class of its own, which goes by pickle only"
}


def contract() -> unittest.TestSuite:
    """The tests of waiting, of completion and of executors.

    Raises:
        ImportError: this Python has no test package.
    """
    theirs: Any = import_module("test.test_concurrent_futures")

    class Mixin(theirs.ExecutorMixin):  # type: ignore[misc]
        executor_type = cantor.Executor
        executor_kwargs: dict[str, Any] = {}  # noqa: RUF012 (as theirs)

        def setUp(self) -> None:
            theirs.BaseTestCase.setUp(self)
            self.t1 = time.monotonic()
            self.executor: cantor.Executor | None = cantor.Executor(self.worker_count)

        def tearDown(self) -> None:
            if self.executor is not None:
                self.executor.shutdown(wait=True)
            self.executor = None
            theirs.BaseTestCase.tearDown(self)

        def get_context(self) -> None:
            return None

    suite = unittest.TestSuite()
    for tests in (theirs.WaitTests, theirs.AsCompletedTests, theirs.ExecutorTest):
        case = type(f"Cantor{tests.__name__}", (Mixin, tests, theirs.BaseTestCase), {})
        for name in unittest.defaultTestLoader.getTestCaseNames(case):
            if name not in NOT_HERE:
                suite.addTest(case(name))
    return suite


if __name__ == "__main__":
    try:
        everything = contract()
    except ImportError as error:
        sys.exit(f"this Python lacks its own tests: {error}")
    for name, reason in NOT_HERE.items():
        print(f"{name} does not apply: it {reason}")
    sys.exit(not unittest.TextTestRunner(verbosity=2).run(everything).wasSuccessful())
