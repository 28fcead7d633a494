"""What can go wrong with a task, beside what its function raises."""

from __future__ import annotations

from cantor.base.errors import CantorError


class TaskError(CantorError):
    """A task has no result."""

    exit_code = 70


class PoolClosedError(TaskError, RuntimeError):
    """A pool that was shut down takes no more."""


class SandboxError(TaskError):
    """This machine cannot close a worker as was asked; nothing runs in less."""

    exit_code = 69


class TooManyPrincipalsError(TaskError):
    """Code of too many others runs on a node already."""


class WorkerDiedError(TaskError):
    """The process that ran the task has ended: a crash, a kill, or an exit of the function itself.

    ``signal`` is the number that ended it, ``code`` its exit code; one of them is None.
    ``stderr`` is what it wrote last, at most 8 KiB.
    """

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        remedy: str = "",
        signal: int | None = None,
        code: int | None = None,
        stderr: str = "",
    ) -> None:
        self.signal = signal
        self.code = code
        self.stderr = stderr
        super().__init__(what, where=where, remedy=remedy)


class PreemptedError(TaskError):
    """The task was ended, because other projects were owed what it used; no retry was left."""


class TaskTimeoutError(TaskError, TimeoutError):
    """The task was not done by its deadline; the process that ran it was ended."""


class UnknownTaskError(TaskError, LookupError):
    """No durable task of that id is kept: it was never taken, or is kept no longer."""

    exit_code = 2


class OutOfMemoryError(TaskError):
    """The task wanted more memory than its needs take (``Memory = 2GiB``)."""


class RemoteError(TaskError):
    """The function raised an error of a type that is not known here; its text is the message."""


class RemoteTraceback(Exception):  # noqa: N818 (it is a text to be shown, never raised)
    """The lines of a traceback in a worker: the cause of the error that is raised here."""

    def __init__(self, lines: str) -> None:
        self.lines = lines
        super().__init__(lines)

    def __str__(self) -> str:
        return f'\n"""\n{self.lines}"""'
