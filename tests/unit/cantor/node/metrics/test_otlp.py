"""Metrics as OpenTelemetry takes them, sent to something that listens as a collector does."""

from __future__ import annotations

import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.metering.names import Series
from cantor.node.fake import FakeMesh
from cantor.node.metrics.otlp import HEADERS, Exporter, otlp, target_of
from cantor.node.metrics.service import Metrics

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TASK = ("source", "task")


class Collector(HTTPServer):
    """Keeps what it is sent; answers with ``status``."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Taker)
        self.taken: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200


class Taker(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((self.path, dict(self.headers), json.loads(body)))
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not in a test."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


def test_every_kind_as_the_protocol_has_it() -> None:
    values = {
        Series("frames", (("camera", "door"), TASK), "counter"): 5.0,
        Series("frames", (("camera", "gate"), TASK), "counter"): 6.0,
        Series("cantor_memory_used_bytes"): 2.5,
        Series("s_bucket", (("le", "0.1"), TASK), "histogram"): 1.0,
        Series("s_bucket", (("le", "1.0"), TASK), "histogram"): 1.0,
        Series("s_bucket", (("le", "+Inf"), TASK), "histogram"): 3.0,
        Series("s_count", (TASK,), "histogram"): 3.0,
        Series("s_sum", (TASK,), "histogram"): 0.75,
    }
    (found,) = otlp(values, {"service.name": "cantor"}, "1.0", 10.0, 12.5)["resourceMetrics"]
    (scope,) = found["scopeMetrics"]
    frames, memory, spread = scope["metrics"]

    assert found["resource"]["attributes"] == [
        {"key": "service.name", "value": {"stringValue": "cantor"}}
    ]
    assert (frames["name"], frames["sum"]["isMonotonic"]) == ("frames", True)
    assert frames["sum"]["aggregationTemporality"] == 2
    assert [one["asDouble"] for one in frames["sum"]["dataPoints"]] == [5.0, 6.0]
    first = frames["sum"]["dataPoints"][0]
    assert (first["startTimeUnixNano"], first["timeUnixNano"]) == ("10000000000", "12500000000")
    assert {one["key"]: one["value"]["stringValue"] for one in first["attributes"]} == {
        "camera": "door", "source": "task",
    }  # fmt: skip
    assert (memory["unit"], memory["gauge"]["dataPoints"][0]["asDouble"]) == ("By", 2.5)
    (point,) = spread["histogram"]["dataPoints"]
    assert (point["count"], point["sum"]) == ("3", 0.75)
    assert (point["bucketCounts"], point["explicitBounds"]) == (["1", "0", "2"], [0.1, 1.0])


async def test_a_collector_is_sent_this_nodes_and_its_failure_is_told_once(
    collector: Collector,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setenv(HEADERS, "x-key=secret, x-more=1")
    node = FakeMesh().add(NodeId("a" * 32), tmp_path, name="ash")
    metrics = Metrics(node)
    target = target_of(f"http://127.0.0.1:{collector.server_port}")
    exporter = Exporter(metrics, node, "1.0", target)
    await exporter.send()
    ((path, headers, body),) = collector.taken
    assert (path, headers["X-Key"], headers["X-More"]) == ("/v1/metrics", "secret", "1")
    assert "cantor_cpu_cores" in json.dumps(body)

    collector.status = 503
    with caplog.at_level(logging.INFO):
        await exporter.send()
        await exporter.send()
        collector.status = 200
        await exporter.send()
    assert [one.message for one in caplog.records] == [
        "metrics are not taken",
        "metrics are taken again",
    ]
    assert "secret" not in caplog.text
    await metrics.close()


def test_the_address_of_a_collector() -> None:
    assert target_of("http://a:4318/") == target_of("http://a:4318/v1/metrics")
    for odd in ("a:4318", "file:///etc/passwd", "http://a b"):
        with pytest.raises(ConfigError, match="not an address"):
            target_of(odd)
