"""A real hub on loopback keeps the promises of its own OpenAPI document.

``make test`` asks the newest operations with a few examples each. ``ALL_OPERATIONS=100`` asks all
of them, with a hundred.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import os
import secrets
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode, checks
from schemathesis.config import (
    ChecksConfig,
    GenerationConfig,
    ProjectConfig,
    ProjectsConfig,
    SchemathesisConfig,
)
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks

from cantor.base.address import Address
from cantor.base.clock import SystemClock
from cantor.base.ids import NodeId
from cantor.identity.authority import Authority
from cantor.scheduling.tasks.story import STATES
from edge_hub.app import start_hub
from edge_hub.mesh_view import FakeMeshView, LiveNode
from edge_hub.pipelines import FakePipelineControl
from edge_hub.secret_control import FakeSecrets
from edge_hub.service_control import FakeServices
from edge_hub.settings import HubSettings
from edge_hub.task_control import FakeTasks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from schemathesis import APIOperation, Case

    from edge_hub.app import Hub

    Operation = APIOperation[Any, Any, Any, Any]

pytestmark = pytest.mark.integration

EXAMPLES_FEW = 12
EXAMPLES = int(os.environ.get("ALL_OPERATIONS", "0"))
NEWEST = ("/nodes/{node_id}/metrics", "/secrets")
ENDLESS = "/stream"  # a WebSocket, which has tests of its own
REFUSALS = [400, 401, 403, 404, 405, 409, 413, 415, 421, 422, 428]
NODE = NodeId("b" * 32)
TASK = f"{NODE}-3-7"
FREE_TEXT = {"type": "string"}
# Who is signed in is tested elsewhere; here everybody is.
CONFIG = SchemathesisConfig(
    projects=ProjectsConfig(
        default=ProjectConfig(
            generation=GenerationConfig(with_security_parameters=False),
            # A body that is wrong may be too large as well, and is then refused for its size (413).
            checks=ChecksConfig.from_dict(
                {"negative_data_rejection": {"expected-statuses": REFUSALS}}
            ),
        )
    )
)
CHECKS = [
    checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
    openapi_checks.response_headers_conformance,
    openapi_checks.negative_data_rejection,
    openapi_checks.missing_required_header,
]


@dataclass(frozen=True)
class Browser:
    """A hub on loopback, and how to sign in to it."""

    hub: Hub
    loop: asyncio.AbstractEventLoop

    @property
    def origin(self) -> str:
        return f"http://{self.hub.console}"

    def session(self) -> requests.Session:
        """A session that has just signed in."""
        link = asyncio.run_coroutine_threadsafe(self.hub.sign_in_link(), self.loop).result(10)
        session = requests.Session()
        session.headers.update({"Origin": self.origin, "X-Cantor-Request": "1"})
        ticket = {"ticket": link.partition("#ticket=")[2]}
        assert session.post(f"{self.origin}/api/v1/sign-in", json=ticket).status_code == 204
        del session.headers["X-Cantor-Request"]
        return session


def some_tasks(tenant: str) -> FakeTasks:
    """One task that runs, and its story."""
    row = {
        "id": TASK, "home": NODE, "home_name": "press", "life": 3, "number": 7, "name": "detect",
        "kind": "task", "state": "runs", "why": "", "project": "default", "node": NODE,
        "node_name": "press", "attempts": 1, "submitted": 1_800_000_000.0,
        "started": 1_800_000_001.5, "ended": None, "progress": 0.5, "needs": "GPU = 1",
        "priority": 1, "durable_id": "", "parent": "", "group": "", "actor": "",
    }  # fmt: skip
    attempt = {
        "number": 1, "node": NODE, "worker": 4711, "sent": 1_800_000_001.0, "started": None,
        "ended": None, "end": "", "why": "",
    }  # fmt: skip
    story = {
        "task": row, "principal": NODE, "mode": "process", "python": "", "retries": 1,
        "at_most_once": False, "deadline_s": None, "progress_text": "", "attempts": [attempt],
        "attempts_left_out": 0, "error": None, "output": [[1, "seen"]], "is_output_cut": False,
    }  # fmt: skip
    tasks = FakeTasks(tenant)
    counts = dict.fromkeys(STATES, 0)
    tasks.answers["page"] = {"rows": [row], "more": False, "counts": counts, "missing": []}
    tasks.answers["story"] = story
    tasks.answers["cancel"] = {"was_open": True, "name": "detect", "row": row}
    return tasks


@contextmanager
def served(folder: Path) -> Iterator[Browser]:
    """A hub that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()

    async def start() -> Hub:
        clock = SystemClock()
        mesh = FakeMeshView()
        mesh.put(LiveNode(NODE, "online", name="press", seen_at_s=clock.wall()))
        mesh.told[NODE] = [{"peer": NODE, "dialled": True, "since_s": 1.5, "carried_bytes": 7}]
        mesh.said[NODE] = {"lines": ["1.5 w agent link down"], "place": [1, 40], "is_end": False}
        mesh.counted[NODE] = {
            "times": [1.5],
            "series": [["gauge", "queue", [["source", "task"]], [2.0]]],
        }
        authority = Authority.create("plant.example", now=dt.datetime.now(dt.UTC))
        at = Address("127.0.0.1", 0)
        pipelines = FakePipelineControl(NODE, wall=clock.wall)
        given = HubSettings(folder, console=at, enrol=at)
        return await start_hub(
            given,
            authority,
            mesh,
            clock=clock,
            pipelines=pipelines,
            pushed=FakeServices(authority.tenant),
            tasks=some_tasks(authority.tenant),
            secrets=FakeSecrets(authority.tenant),
        )

    hub = asyncio.run_coroutine_threadsafe(start(), loop).result(30)
    try:
        yield Browser(hub, loop)
    finally:
        asyncio.run_coroutine_threadsafe(hub.close(), loop).result(30)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def make_things(browser: Browser, session: requests.Session) -> dict[str, str]:
    """One of each thing, so that lists are not empty; the ids by the name of the path parameter."""

    def post(path: str, body: dict[str, Any]) -> dict[str, Any]:
        url, headers = f"{browser.origin}/api/v1{path}", {"X-Cantor-Request": "1"}
        made = session.post(url, json=body, headers=headers)
        assert made.status_code == 201, made.text
        found: dict[str, Any] = made.json()
        return found

    post("/projects", {"name": "四号线"})
    token = post("/enrolment-tokens", {})
    deployment = post("/deployments", {"template": "test-pattern"})
    name = f"mail-{secrets.token_hex(4)}"
    post("/secrets", {"name": name, "value": "hidden"})
    place = {"tenant": "default", "project": "default"}
    made = {"token_id": token["id"], "deployment_id": deployment["id"], "secret_name": name}
    return {**place, **made, "node_id": NODE, "task_id": TASK}


def is_asked(operation: Operation) -> bool:
    newest = operation.path.removeprefix("/api/v1").startswith(NEWEST)
    return not operation.path.endswith(ENDLESS) and (newest or EXAMPLES > 0)


def can_be_wrong(operation: Operation) -> bool:
    """Whether the description forbids anything: text without limits is right whatever it is."""
    if operation.body or operation.query or operation.headers or operation.cookies:
        return True
    return any(one.definition["schema"] != FREE_TEXT for one in operation.path_parameters)


def ask(
    browser: Browser,
    operation: Operation,
    mode: GenerationMode,
    session: requests.Session,
    known: dict[str, str] | None = None,
) -> None:
    """Send many requests of one kind and check every reply; ``known`` are ids that exist."""
    fixed: dict[str, Any] = {} if known is None else {"path_parameters": known}

    @settings(
        max_examples=EXAMPLES or EXAMPLES_FEW,
        deadline=None,
        derandomize=EXAMPLES == 0,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, **fixed))
    def examine(case: Case[Any]) -> None:
        ends = case.operation.path == "/api/v1/sign-out"
        who = browser.session() if ends else session
        case.call_and_validate(base_url=browser.origin, session=who, checks=CHECKS, timeout=30)

    examine()


def test_every_reply_is_one_that_the_description_names(
    tmp_path: Path, subtests: pytest.Subtests
) -> None:
    with served(tmp_path) as browser:
        session = browser.session()
        document = requests.get(f"{browser.origin}/api/v1/openapi.json", timeout=10).json()
        schema = schemathesis.openapi.from_dict(document, config=CONFIG)
        asked = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
        for operation in [one for one in asked if is_asked(one)]:
            for mode in GenerationMode if can_be_wrong(operation) else (GenerationMode.POSITIVE,):
                with subtests.test(operation.label, mode=mode.value):
                    ask(browser, operation, mode, session)
            if "{" in operation.path and not operation.path.endswith("{filter_name}"):
                things = make_things(browser, session)
                known = {name: things[name] for name in things if f"{{{name}}}" in operation.path}
                with subtests.test(operation.label, known=known):
                    ask(browser, operation, GenerationMode.POSITIVE, session, known)
    assert len(asked) > 20
