"""Cantor: the decentralised mesh that makes a fleet of edge boxes one computer."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from concurrent.futures import as_completed, wait

    from cantor.base.object_ref import ObjectRef
    from cantor.state.keys import Keys as kv  # noqa: N813 (people write cantor.kv())
    from cantor.state.objects import objects
    from cantor.state.queues import Queue as queue  # noqa: N813 (people write cantor.queue())
    from cantor.state.queues import queues
    from cantor.state.variables import variables
    from cantor.tasks.actor import actor, find_actor
    from cantor.tasks.connect import connect
    from cantor.tasks.durable import find_task
    from cantor.tasks.executor import Executor
    from cantor.tasks.future import Future
    from cantor.tasks.group import Group, group
    from cantor.tasks.joblib import register_joblib
    from cantor.tasks.local import local
    from cantor.tasks.progress import is_cancelled, progress
    from cantor.tasks.pushed import PushedTask, pushed
    from cantor.tasks.secret import secret, secret_bytes
    from cantor.tasks.task import Task, task

__version__ = "0.1.0"
__all__ = [
    "Executor",
    "Future",
    "Group",
    "ObjectRef",
    "PushedTask",
    "Task",
    "actor",
    "as_completed",
    "connect",
    "find_actor",
    "find_task",
    "group",
    "is_cancelled",
    "kv",
    "local",
    "objects",
    "progress",
    "pushed",
    "queue",
    "queues",
    "register_joblib",
    "secret",
    "secret_bytes",
    "task",
    "variables",
    "wait",
]

_HOMES = {
    "Executor": "cantor.tasks.executor",
    "Future": "cantor.tasks.future",
    "Task": "cantor.tasks.task",
    "actor": "cantor.tasks.actor",
    "as_completed": "concurrent.futures",
    "connect": "cantor.tasks.connect",
    "find_actor": "cantor.tasks.actor",
    "find_task": "cantor.tasks.durable",
    "Group": "cantor.tasks.group",
    "group": "cantor.tasks.group",
    "is_cancelled": "cantor.tasks.progress",
    "kv": "cantor.state.keys",
    "local": "cantor.tasks.local",
    "ObjectRef": "cantor.base.object_ref",
    "objects": "cantor.state.objects",
    "PushedTask": "cantor.tasks.pushed",
    "progress": "cantor.tasks.progress",
    "pushed": "cantor.tasks.pushed",
    "queue": "cantor.state.queues",
    "queues": "cantor.state.queues",
    "register_joblib": "cantor.tasks.joblib",
    "secret": "cantor.tasks.secret",
    "secret_bytes": "cantor.tasks.secret",
    "task": "cantor.tasks.task",
    "variables": "cantor.state.variables",
    "wait": "concurrent.futures",
}
_MODULES = ("metrics",)
_CALLED = {"kv": "Keys", "queue": "Queue"}


def __getattr__(name: str) -> object:
    """Names that need more than an idle agent should carry are imported when they are used."""
    if name in _MODULES:
        return import_module(f"cantor.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'cantor' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), _CALLED.get(name, name))
