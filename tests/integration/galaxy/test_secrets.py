"""Secrets in the parameters of filters: real agents, real worker processes, a broker and a camera
that say what they were told.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, cast

import pytest
from tests.integration.galaxy.broker import Broker
from tests.integration.galaxy.test_deployments import WAIT_S, all_known, service, until

from cantor.base.errors import ConfigError
from cantor.node.logs.service import Logs
from cantor.node.secrets.service import Secrets
from cantor.node.settings import Work
from cantor.workers.sandbox.rules import Rules
from cantor.workers.settings import WorkerSettings
from galaxy.deployments.service import Deployments
from galaxy.pipeline import Connection, FilterSpec, Pipeline

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.galaxy.test_deployments import Fleet

    from cantor.node.agent import Agent

pytestmark = pytest.mark.integration

FIRST, SECOND = "canary-a2b7-first", "canary-77c0-second"
SERVICES = {"logs": Logs, "secrets": Secrets, "galaxy": Deployments}
TRUSTING = Work(settings=WorkerSettings(sandbox=Rules(others="none")))


def kept(agent: Agent) -> Secrets:
    return cast("Secrets", agent.service("secrets"))


async def call(agent: Agent, verb: str, /, **args: Any) -> Any:  # noqa: ANN401 (as the agent answers)
    answer: Any = kept(agent).calls()[f"secret.{verb}"](args)
    return await answer if asyncio.iscoroutine(answer) else answer


def publishing(port: int, *, on: str) -> Pipeline:
    """A camera whose frames are told to a broker, with a password that is a secret."""
    params = {"host": "127.0.0.1", "port": port, "user": "edge", "password": "secret://mqtt"}
    filters = {
        "belt": FilterSpec("usb_camera", {"device": "sim:size=160x120,fps=20"}, node=on),
        "told": FilterSpec("mqtt", params, node=on),
    }
    way = {"from": "belt.image", "to": "told.frame", "kind": "weak", "policy": "latest"}
    return Pipeline("publishing", filters, (Connection.from_values(way),))


def everything(agent: Agent, folder: Path) -> str:
    """All that others could read of it: facts, calls, logs, and every file."""
    texts = [str([fact.value for fact in agent.facts("")])]
    for name, ask in agent.calls().items():
        if name in ("status", "facts", "secret.list", "pipeline.list"):
            texts.append(json.dumps(ask({}), default=str))
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert any(path.parent.name == "secrets" for path in files)
    texts += [path.read_bytes().decode("latin-1") for path in files]
    return "\n".join(texts)


async def test_a_filter_on_another_node_is_given_a_password_and_the_next_one(
    fleet: Fleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    left = await fleet.add("left", services=SERVICES)
    right = await fleet.add("right", camera=True, services=SERVICES, work=TRUSTING)
    await all_known(left, right)
    await call(left, "set", name="mqtt", value=FIRST.encode(), who="me")
    async with Broker() as broker, asyncio.timeout(2 * WAIT_S):
        view = await service(left).deploy(publishing(broker.port, on="right"))
        await broker.asked_with(FIRST)
        view = await until(left, view.id, lambda view: view.state == "running")
        before = view.epoch

        await call(left, "rotate", name="mqtt", value=SECOND.encode(), who="me")
        await broker.asked_with(SECOND)
        view = await until(left, view.id, lambda v: v.state == "running" and v.epoch > before)

        (listed,) = await call(right, "list")
        assert listed["version"] == 2
        figures = await service(left).figures(view.id)
        said = "\n".join((str(figures), str(service(left).view(view.id)), str(listed)))
        said += everything(left, tmp_path / "left") + everything(right, tmp_path / "right")
        await service(left).stop(view.id)
        await until(left, view.id, lambda view: view.state == "stopped")
    printed = capfd.readouterr()
    for canary in (FIRST, SECOND):
        assert canary in broker.passwords
        assert canary not in said
        assert canary not in printed.out + printed.err


async def test_a_deployment_of_another_project_waits_and_says_why(fleet: Fleet) -> None:
    left = await fleet.add("left", services=SERVICES)
    right = await fleet.add("right", camera=True, services=SERVICES, work=TRUSTING)
    await all_known(left, right)
    await call(left, "set", name="mqtt", value=FIRST.encode(), who="me")
    async with Broker() as broker:
        pipeline = publishing(broker.port, on="right")
        view = await service(left).deploy(pipeline, project="vision")

        view = await until(left, view.id, lambda view: any(one.error for one in view.groups))

        (group,) = [one for one in view.groups if one.error]
        assert group.leader == "told"
        assert "secret mqtt of project vision: there is no such secret" in group.error
        assert broker.passwords == []
        await service(left).remove(view.id)


async def test_a_camera_that_cannot_be_reached_does_not_tell_its_password(
    fleet: Fleet, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A camera that answers 401 makes FFmpeg, OpenCV and the source complain."""
    alone = await fleet.add("alone", services=SERVICES)
    await all_known(alone)
    asked: list[str] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                request = (await reader.readuntil(b"\r\n\r\n")).decode()
                number = request.partition("CSeq: ")[2].partition("\r\n")[0]
                asked.append(request)
                told = 'WWW-Authenticate: Basic realm="gate"\r\n'
                writer.write(f"RTSP/1.0 401 No\r\nCSeq: {number}\r\n{told}\r\n".encode())
        writer.close()

    server = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    address = f"rtsp://admin:{FIRST}@127.0.0.1:{port}/live"
    await call(alone, "set", name="gate", value=address.encode(), who="me")
    filters = {
        "gate": FilterSpec("rtsp", {"url": "secret://gate", "open_timeout_s": 1.0}),
        "collect": FilterSpec("collect"),
    }
    way = Connection.from_values({"from": "gate.image", "to": "collect.frame"})
    view = await service(alone).deploy(Pipeline("gate", filters, (way,)))
    async with asyncio.timeout(WAIT_S):
        lost: Any = {}
        while "lost" not in str(lost) or not any("Authorization" in one for one in asked):
            await asyncio.sleep(0.1)
            lost = await service(alone).figures(view.id)
    said = f"{lost} {service(alone).view(view.id)}" + everything(alone, tmp_path / "alone")
    await service(alone).remove(view.id)
    await fleet.remove("alone")
    server.close()
    printed = capfd.readouterr()
    assert FIRST not in said
    assert FIRST not in printed.out + printed.err


async def test_a_secret_of_no_use_is_told_before_anything_runs(fleet: Fleet) -> None:
    alone = await fleet.add("alone", services=SERVICES)
    params = {"url": "secret://No such name!"}
    filters = {"gate": FilterSpec("rtsp", params), "collect": FilterSpec("collect")}
    way = Connection.from_values({"from": "gate.image", "to": "collect.frame"})
    view = await service(alone).deploy(Pipeline("gate", filters, (way,)))
    view = await until(alone, view.id, lambda view: any(one.error for one in view.groups))
    assert "there is no such secret" in view.groups[0].error
    with pytest.raises(ConfigError, match="there is no such deployment"):
        service(alone).view("other")
