"""What the API says about tasks: a list, the story of one, and the newest as they change."""

from __future__ import annotations

from typing import Literal

import msgspec

from cantor.scheduling.tasks.story import State  # noqa: TC001 (msgspec reads it when it runs)

WINDOW_MAX = 200
"""So many tasks, the newest of a project, are shown as they change."""
TaskCountsByState = dict[str, int]


class TaskPlace(msgspec.Struct, frozen=True):
    """A node; one of another project has no ``id`` and no name."""

    id: str | None
    name: str


class Task(msgspec.Struct, tag_field="kind", tag="task"):
    """A task, or an actor that lives.

    ``why`` says what it waits for, or how it ended badly. ``home`` is the node where it was
    submitted, ``node`` the one that has it, or had it last. ``started_at`` is when the function of
    its last attempt began, ``priority`` 0 if it is urgent and 2 in the background. ``parent`` is
    the task that submitted it, and those that begin together have the same ``group``.
    """

    id: str
    name: str
    what: Literal["task", "actor"]
    state: State
    why: str
    project: str
    home: TaskPlace
    node: TaskPlace | None
    attempts: int
    submitted_at: str
    started_at: str | None
    ended_at: str | None
    progress: float | None
    needs: str
    priority: int
    durable_id: str
    parent: str
    group: str
    actor: str


class TaskCounts(msgspec.Struct, tag_field="kind", tag="counts"):
    """How many tasks of a project are remembered in each state.

    ``missing`` are nodes that do not tell of theirs now; at most ``window_max`` tasks are shown.
    """

    id: Literal["counts"]
    states: TaskCountsByState
    total: int
    missing: list[TaskPlace]
    window_max: int


class TaskList(msgspec.Struct):
    """A page of tasks, the newest first; the counts are those of all tasks of the project."""

    items: list[Task]
    next: str | None
    counts: TaskCountsByState
    missing: list[TaskPlace]


class TaskAttempt(msgspec.Struct):
    """One attempt: where, in which process (0: not known), and how it ended (blank: it has not).

    ``refused``: it has not begun there, since what it needs is taken.
    """

    number: int
    node: TaskPlace
    worker: int
    sent_at: str
    started_at: str | None
    ended_at: str | None
    end: Literal["", "refused", State]
    why: str


class TaskError(msgspec.Struct):
    """What its function raised, with the remote lines."""

    type: str
    text: str
    traceback: str


class TaskOutput(msgspec.Struct):
    """What it wrote to one of its streams."""

    stream: Literal["stdout", "stderr"]
    text: str


class TaskStory(msgspec.Struct):
    """All that is remembered of a task: the last attempts, its error, the end of its output.

    ``principal`` is in whose name it was submitted, ``python`` the version that its code is for.
    """

    task: Task
    principal: TaskPlace
    mode: Literal["process", "thread", "loop"]
    python: str
    retries: int
    at_most_once: bool
    deadline_s: float | None
    progress_text: str
    attempts: list[TaskAttempt]
    attempts_left_out: int
    error: TaskError | None
    output: list[TaskOutput]
    is_output_cut: bool
