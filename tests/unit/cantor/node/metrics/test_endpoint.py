"""Where Prometheus reads metrics: on this machine alone."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from cantor.base.errors import ConfigError
from cantor.base.ids import NodeId
from cantor.node.fake import FakeMesh
from cantor.node.metrics.endpoint import Endpoint, loopback_of
from cantor.node.metrics.service import Metrics

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

ASH, BIRCH = NodeId("a" * 32), NodeId("b" * 32)


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[Endpoint]:
    mesh = FakeMesh()
    made = []
    for name, node_id in (("ash", ASH), ("birch", BIRCH)):
        node = mesh.add(node_id, tmp_path, name=name)
        metrics = Metrics(node)
        await metrics.start()
        made.append((node, metrics))
    node, metrics = made[0]
    served = Endpoint(metrics, node, loopback_of("127.0.0.1:0"))
    await served.start()
    yield served
    await served.close()
    for _, one in made:
        await one.close()


async def asked(endpoint: Endpoint, path: str, *fields: str, method: str = "GET") -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", endpoint.port)
    has_host = any(field.lower().startswith("host") for field in fields)
    lines = [f"{method} {path} HTTP/1.1", *fields, *([] if has_host else ["Host: 127.0.0.1:1"])]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    return answer


async def test_prometheus_reads_this_node_another_or_all(endpoint: Endpoint) -> None:
    own = await asked(endpoint, "/metrics")
    assert own.startswith("HTTP/1.1 200 OK\r\nContent-Type: text/plain; version=0.0.4")
    assert 'cantor_cpu_cores{node="ash"}' in own
    assert "birch" not in own
    other = await asked(endpoint, "/metrics?node=birch")
    assert 'cantor_cpu_cores{node="birch"}' in other
    assert "ash" not in other
    both = await asked(endpoint, "/metrics?node=*", "Accept: application/openmetrics-text;q=1")
    assert both.endswith("# EOF\n")
    assert 'cantor_cpu_cores{node="ash"}' in both
    assert 'cantor_cpu_cores{node="birch"}' in both


@pytest.mark.parametrize(
    ("path", "field", "method", "status"),
    [
        ("/", "", "GET", 404),
        ("/metrics?node=nobody", "", "GET", 404),
        ("/metrics", "", "POST", 405),
        ("/metrics", "Host: evil.example", "GET", 403),
        ("/metrics", "Host: 10.0.0.1:9464", "GET", 403),
        ("/metrics", "Host:", "GET", 403),
        ("/metrics", "Host: [::1]:9464", "GET", 200),
        ("/metrics", "Host: localhost", "GET", 200),
        ("/metrics x", "", "GET", 400),
    ],
)
async def test_what_is_no_question_of_this_machine_gets_nothing(
    endpoint: Endpoint, path: str, field: str, method: str, status: int
) -> None:
    answer = await asked(endpoint, path, *([field] if field else []), method=method)

    assert answer.startswith(f"HTTP/1.1 {status} ")
    assert ("cantor_cpu" in answer) is (status == 200)


async def test_a_head_has_no_body_and_one_that_is_too_long_no_answer(endpoint: Endpoint) -> None:
    assert (await asked(endpoint, "/metrics", method="HEAD")).endswith("\r\n\r\n")
    assert await asked(endpoint, "/metrics", f"X: {'x' * 40_000}") == ""


@pytest.mark.parametrize("text", ["0.0.0.0:9464", "10.0.0.1:9464", "example.org:9464", "9464"])
def test_it_is_never_open_to_others(text: str) -> None:
    with pytest.raises(ConfigError):
        loopback_of(text)
