"""Many nodes in one process, each with series that change every second: what a reader reads.

    crowd.py SEED SERIES CHANGING FOLDER...

Each folder holds the identity of a node. It prints a line when all of them listen.
"""

from __future__ import annotations

import asyncio
import os
import random
import sys
from pathlib import Path

from cantor.metering.process import VARIABLE, Counter, Gauge, Process
from cantor.node.agent import Agent
from cantor.node.loop import run_loop
from cantor.node.metrics.service import Metrics
from cantor.node.settings import AgentSettings
from cantor.wire import DataFrame, encode


class Counting:
    """The series of one node: half of them counters, half of them gauges."""

    def __init__(self, metrics: Metrics, series: int) -> None:
        handed = metrics._board.desk.hand_out("script")
        os.environ[VARIABLE] = handed.environment[VARIABLE]
        process = Process(lambda _: None)
        half = range(series // 2)
        self.counters = [process.get(Counter, f"work_{n}", {"line": "A"}) for n in half]
        self.gauges = [process.get(Gauge, f"level_{n}", {"line": "A"}) for n in half]
        for gauge in self.gauges:
            gauge.set(50)

    def change(self, count: int, chance: random.Random) -> None:
        """As a busy second does."""
        for counter in self.counters[: count // 2]:
            counter.add(chance.randrange(1000))
        for gauge in self.gauges[: count // 2]:
            gauge.set(round(chance.gauss(50, 10), 2))


def watch(agent: Agent, sent: list[int]) -> None:
    """Add up the frames of metrics that an agent sends, as they are before they are sealed."""
    post = agent._messages._post

    def counted(frame: DataFrame) -> str:
        if str(frame.headers.get("t")).startswith("metrics."):
            sent[0] += sum(map(len, encode(frame)))
        return post(frame)

    agent._messages._post = counted


async def main(seed: str, series: int, changing: int, folders: list[Path]) -> None:
    """Run all of them until this process is ended."""
    counting, sent = [], [0]
    for folder in folders:
        settings = AgentSettings(
            folder, name=folder.name, listen=("127.0.0.1:0",), seeds=(seed,), is_discovering=False
        )
        agent = Agent(settings, services={"metrics": Metrics})
        await agent.start()
        seed = agent.addresses[0]  # each dials the one before: the reader keeps a few links, as any
        metrics = agent.service("metrics")
        assert isinstance(metrics, Metrics)
        counting.append(Counting(metrics, series))
        watch(agent, sent)
    print("ready", flush=True)
    chance = random.Random(1)  # noqa: S311 (a measurement)
    while True:
        await asyncio.sleep(1.0)
        for one in counting:
            one.change(changing, chance)
        (folders[0] / "sent").write_text(str(sent[0]))


if __name__ == "__main__":
    seed_, series_, changing_, *folders_ = sys.argv[1:]
    run_loop(main(seed_, int(series_), int(changing_), [Path(one) for one in folders_]))
