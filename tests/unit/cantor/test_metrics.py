"""``cantor.metrics``: what people's code calls."""

from __future__ import annotations

import subprocess
import sys

import pytest

from cantor import metrics
from cantor.base.errors import ConfigError

IN_AN_AGENT = """
import os
import cantor
from cantor.metering.handing import set_desk
from cantor.node.metrics.desk import MetricsDesk

desk = MetricsDesk()
set_desk(desk)
cantor.metrics.counter("frames").add(2)
cantor.metrics.gauge("queue").set(3)
cantor.metrics.histogram("seconds", bounds=(1.0,)).observe(0.5)
assert cantor.metrics.counter("frames") is cantor.metrics.counter("frames", {})
child = os.fork()
if child == 0:
    cantor.metrics.counter("frames").add(40)
    os._exit(0)
os.waitpid(child, 0)
print({series.text: value for series, value in desk.read().items()})
"""


def test_an_agent_reads_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", IN_AN_AGENT], capture_output=True, text=True, timeout=60
    )

    assert done.stderr == ""
    assert done.stdout.strip() == str(
        {
            'frames{source="agent"}': 2.0,
            'queue{source="agent"}': 3.0,
            'seconds_bucket{le="1.0",source="agent"}': 1.0,
            'seconds_bucket{le="+Inf",source="agent"}': 1.0,
            'seconds_count{source="agent"}': 1.0,
            'seconds_sum{source="agent"}': 0.5,
        }
    )


def test_a_name_that_cannot_be_used_is_told_at_once() -> None:
    for make in (metrics.counter, metrics.gauge, metrics.histogram):
        with pytest.raises(ConfigError, match="a name has"):
            make("no name")


def test_code_that_counts_needs_no_more_than_it_must() -> None:
    """A worker that counts must not load what an agent needs."""
    code = "import cantor.metrics, sys; print('asyncio' in sys.modules, 'ssl' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.stdout.split() == ["False", "False"], done.stderr
