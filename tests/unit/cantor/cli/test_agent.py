from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

import pytest

from cantor.base.address import Address
from cantor.base.errors import ConfigError
from cantor.base.resources import Resource
from cantor.cli.agent import register, resource_text, status_report, work_of
from cantor.node.settings import Work
from cantor.workers.sandbox.rules import Rules
from cantor.workers.settings import WorkerSettings

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("resource", "text"),
    [
        (Resource("USBCamera", "condition", True), "USBCamera == 1"),
        (Resource("os", "condition", "linux"), "os == linux"),
        (Resource("GPU", "quantity", 2), "GPU = 2"),
        (Resource("Memory", "quantity", 3 * 2**30, "B"), "Memory = 3.0 GiB"),
    ],
)
def test_a_resource_is_shown_as_it_is_written_in_an_expression(
    resource: Resource, text: str
) -> None:
    assert resource_text(resource) == text


def test_links_stand_one_to_a_line_with_their_queues_and_what_was_dropped() -> None:
    text = status_report(
        {
            "name": "line-1",
            "addresses": ["10.0.0.1:7433"],
            "links": [
                {
                    "peer": "ab" * 16,
                    "name": "hub",
                    "address": "10.0.0.9:7434",
                    "dialled": True,
                    "cost": 1.0,
                    "since_s": 0.0,
                    "control_queued_bytes": 12,
                    "bulk_queued_bytes": None,
                }
            ],
            "dropped": {"queue_full": 3, "no_path": 1},
            "clocks_ahead": [{"name": "late", "ahead_s": 75.0}],
        }
    )
    lines = text.splitlines()
    assert lines[:3] == [
        "name         line-1",
        "addresses    10.0.0.1:7433",
        "dropped      queue full 3, no path 1",
    ]
    assert lines[4].split() == [
        *("hub", "10.0.0.9:7434", "dialled", "1", "1970-01-01", "00:00:00", "12", "B", "closed")
    ]
    assert lines[5] == "The clock of late is 75.0 s ahead: cantor doctor"


def test_an_answer_of_an_older_agent_without_links_is_shown_too() -> None:
    assert status_report({"name": "old"}) == "name         old\ndropped      nothing"


def work(*arguments: str) -> Work:
    parser = argparse.ArgumentParser()
    register(parser.add_subparsers())
    return work_of(parser.parse_args(["agent", *arguments]))


def test_workers_are_as_the_file_says_unless_an_option_does(tmp_path: Path) -> None:
    file = tmp_path / "workers.yaml"
    file.write_text("workers: 3\nwarm: 2\nmemory_max: 1GiB\n", encoding="utf-8")

    told = work("--workers-file", str(file), "--warm-workers", "0", "--code-run", "tenant")

    settings = WorkerSettings(workers=3, warm=0, memory_max_bytes=2**30)
    assert told == Work(3, "tenant", settings)
    assert work("--workers", "0").workers == 0
    assert work("--sandbox", "net", "--sandbox", "own=full").settings.sandbox == Rules(
        own="full", others="net"
    )
    assert work() == Work()
    assert work("--service-data", "5GiB").service_data_bytes == 5 << 30
    for text, what in (("many", "not a size"), ("1000", "too little")):
        with pytest.raises(ConfigError, match=f"--service-data: {what}"):
            work("--service-data", text)
    with pytest.raises(ConfigError, match="0 or more"):
        work("--workers", "-1")
    opened = work("--address", "127.0.0.1:1883", "--files", str(tmp_path)).settings.sandbox
    assert (opened.addresses, opened.files) == ((Address("127.0.0.1", 1883),), (tmp_path,))
    for wrong in (("--address", "broker"), ("--files", str(file))):
        with pytest.raises(ConfigError):
            work(*wrong)
    file.write_text("wokers: 3\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no such key"):
        work("--workers-file", str(file))
