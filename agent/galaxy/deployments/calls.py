"""What the command line asks of the deployments, over the agent's control socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from cantor.base.errors import ConfigError
from galaxy.deployments.views import masked
from galaxy.known import CALL as FILTERS_CALL
from galaxy.loader import pipeline_from_document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from cantor.node.services import Call
    from cantor.wire.frame import Value
    from galaxy.deployments.service import Deployments
    from galaxy.deployments.views import DeploymentView
    from galaxy.filter import BaseFilter
    from galaxy.pipeline import Pipeline

    Headers = dict[str, Value]


class Calls:
    """The calls of one node. ``known`` gives a filter type, None if this node has it not."""

    def __init__(
        self, deployments: Deployments, known: Callable[[str], type[BaseFilter] | None]
    ) -> None:
        self._deployments = deployments
        self._known = known

    def by_name(self) -> Mapping[str, Call]:
        """Each call with its name."""
        here = self._deployments
        return {
            "pipeline.deploy": self._deploy,
            "pipeline.plan": lambda args: here.plan(_pipeline(args)).as_value(),
            "pipeline.list": lambda _: [self._shown(view) for view in here.views()],
            "pipeline.figures": lambda args: here.figures(text_of(args, "id")),
            "pipeline.reports": lambda args: here.reports(text_of(args, "id")),
            FILTERS_CALL: lambda _: here.pushed.views(),
            "pipeline.stop": self._stop,
            "pipeline.remove": self._remove,
        }

    async def _deploy(self, args: Headers) -> Value:
        frames = args.get("frames_max", 0)
        if type(frames) is not int or frames < 0:
            raise ConfigError("must be 0 or more", where="frames_max")
        name = str(args.get("name") or "")
        view = await self._deployments.deploy(_pipeline(args), name=name, frames_max=frames)
        return self._shown(view)

    async def _stop(self, args: Headers) -> Value:
        return self._shown(await self._deployments.stop(text_of(args, "id")))

    async def _remove(self, args: Headers) -> Value:
        await self._deployments.remove(text_of(args, "id"))
        return {"id": args["id"], "state": "removed"}

    def _shown(self, view: DeploymentView) -> Value:
        """A view for people: its secrets are masked."""
        pipeline = cast("Value", masked(view.pipeline, self._known))
        return {**view.as_value(), "pipeline": pipeline}


def text_of(values: Headers, key: str) -> str:
    """The text under ``key``.

    Raises:
        ConfigError: there is none.
    """
    text = values.get(key)
    if not isinstance(text, str):
        raise ConfigError("must be a text", where=key)
    return text


def _pipeline(args: Headers) -> Pipeline:
    document = args.get("pipeline")
    if not isinstance(document, dict):
        raise ConfigError("must be a mapping", where="pipeline")
    return pipeline_from_document(document, "pipeline")
