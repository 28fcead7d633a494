"""Tasks that were pushed (``cantor push``), submitted by name: their code is where they run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from cantor.base.errors import ConfigError
from cantor.scheduling.needs import parse, together
from cantor.tasks.calls import submit_code
from cantor.tasks.connection import Connection
from cantor.tasks.local import backend
from cantor.tasks.task import RETRIES
from cantor.workers.units import Passed, Terms

if TYPE_CHECKING:
    from cantor.tasks.future import Future

ASK_S = 60.0


class PushedTask:
    """A pushed task; made by :func:`pushed`."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._codes: dict[str, Passed] = {}

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:  # noqa: ANN401 (as its own)
        """Run it on a node that has it; returns at once.

        Raises:
            ConfigError: there is no such task, or this script is not connected to a mesh.
            UnavailableError: no node has it now, or the agent is not there.
            NotSerialisable: an argument cannot travel.
            PoolClosedError: nothing is taken any more.
        """
        where = backend()
        if not isinstance(where, Connection):
            raise ConfigError(
                "pushed tasks are on a mesh, and this script is not connected to one",
                where=self.name,
                remedy="submit it inside: with cantor.connect():",
            )
        known = list(self._codes)
        asked = where.ask("service.task", {"name": self.name, "known": [*known]}, timeout_s=ASK_S)
        told = cast("dict[str, Any]", asked)
        code = self._codes.get(told["id"])
        if code is None:
            code = Passed(told["id"], told["data"])
            self._codes = {code.id: code}
        terms = Terms(
            name=told["name"],
            retries=RETRIES,
            needs=str(together([parse(told["needs"]), where.needs])),
            project=where.project or told["project"],
            sandbox=told["sandbox"],
            wheels=told["wheels"],
        )
        return submit_code(where, code, args, kwargs, terms)


def pushed(name: str) -> PushedTask:
    """The task that was pushed under a name: ``cantor.pushed("photos").submit("a.jpg")``.

    If it has several functions, ``photos.shrink`` names one.
    """
    return PushedTask(name)
