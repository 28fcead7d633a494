"""The operations on templates and deployments."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from cantor.base.errors import CantorError, ConfigError
from edge_hub.cursors import decode_cursor, encode_cursor
from edge_hub.deployment_schemas import (
    Deployment,
    DeploymentBatch,
    DeploymentList,
    FilterTypeList,
    NewDeployment,
    Template,
    TemplateList,
)
from edge_hub.preview import MEDIA_TYPE
from edge_hub.problems import ProblemError, public_problem
from edge_hub.routing import Call, Reply, Route
from edge_hub.schemas import BatchReply, BatchResult

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiohttp import web

    from edge_hub.blueprints import Blueprints
    from edge_hub.board import Board
    from edge_hub.events import Scope
    from edge_hub.fleet import Fleet
    from edge_hub.idempotency import IdempotentReplies
    from edge_hub.mesh_view import MeshView
    from edge_hub.preview import Previews
    from galaxy.deployments.views import DeploymentView

FIGURES_WAIT_S = 2.0
NAME_CHARS_MAX = 64


class DeploymentApi:
    """Deployments of a project: made, shown, stopped and removed."""

    def __init__(
        self,
        board: Board,
        blueprints: Blueprints,
        fleet: Fleet,
        mesh_view: MeshView,
        previews: Previews,
        replies: IdempotentReplies,
        *,
        changed: Callable[[], None],
    ) -> None:
        self._board = board
        self._blueprints = blueprints
        self._fleet = fleet
        self._mesh_view = mesh_view
        self._previews = previews
        self._replies = replies
        self._changed = changed

    def routes(self) -> list[Route]:
        """Every operation on templates and deployments; all may answer 503."""
        path, one = "/deployments", "/deployments/{deployment_id}"
        return [
            Route("GET", "/templates", "Pipelines that come with the hub", self.list_templates,
                  reply=TemplateList, errors=(503,)),
            Route("GET", "/filter-types", "The filter types that pipelines may name",
                  self.list_filter_types, reply=FilterTypeList),
            Route("POST", path, "Deploy a pipeline", self.create_deployment, status=201,
                  body=NewDeployment, reply=Deployment, repeatable=True, errors=(404, 503)),
            Route("GET", path, "List deployments, newest first", self.list_deployments,
                  reply=DeploymentList, query=("limit", "cursor"), errors=(503,)),
            Route("POST", f"{path}:batch", "One action on many deployments",
                  self.batch_deployments, body=DeploymentBatch, reply=BatchReply, errors=(503,)),
            Route("GET", one, "One deployment with its figures", self.get_deployment,
                  reply=Deployment, errors=(503,)),
            Route("POST", f"{one}/stop", "Stop a deployment", self.stop_deployment,
                  reply=Deployment, errors=(502, 503)),
            Route("DELETE", one, "Stop and remove a deployment", self.delete_deployment,
                  status=204, errors=(502, 503)),
            Route("GET", f"{one}/preview/{{filter_name}}", "Live pictures of a filter (MJPEG)",
                  self.preview_filter, errors=(409, 503), media=MEDIA_TYPE),
        ]  # fmt: skip

    async def list_templates(self, _call: Call) -> Reply:
        control, items = self._board.control, []
        for one in await self._blueprints.all():
            placement = control.plan(one.pipeline)
            items.append(
                Template(
                    id=one.id,
                    name=one.pipeline.name,
                    description=one.description,
                    descriptions=dict(one.descriptions),
                    types=dict(one.types),
                    pipeline=self._blueprints.masked(one.pipeline.document()),
                    needs=dict(one.needs),
                    fits=placement.complete,
                    reasons=dict(placement.reasons),
                )
            )
        return Reply(TemplateList(items))

    async def list_filter_types(self, call: Call) -> Reply:
        """Names of pushes belong to the tenant of the hub's node."""
        is_home = self._board.is_home(call.signed_in.scope)
        types = await self._blueprints.types(with_pushed=is_home)
        return Reply(msgspec.convert({"items": types}, FilterTypeList))

    async def create_deployment(self, call: Call) -> Reply:
        async def create() -> Reply:
            scope, wish = call.signed_in.scope, call.body
            control = self._board.control
            deployed = self._board.view(scope, wish.deployment) if wish.deployment else None
            document = deployed.pipeline if deployed else None
            pipeline = await self._blueprints.pipeline(wish, await self._nodes(scope), document)
            name = _line(wish.name or pipeline.name)
            try:
                view = await control.deploy(
                    pipeline, name=name, tenant=scope.tenant, project=scope.project
                )
            except ConfigError as error:
                raise ProblemError(422, "pipeline-refused", error.what) from error
            self._changed()
            return Reply(
                await self._shown(scope, view),
                {"Location": call.location(f"/deployments/{view.id}")},
            )

        return await self._replies.once(call, create)

    async def list_deployments(self, call: Call) -> Reply:
        scope, limit = call.signed_in.scope, call.limit
        before = decode_cursor(call.request.query.get("cursor"), tuple[float, str])
        found = [
            view
            for view in self._board.views(scope)
            if before is None or (view.created_at, view.id) < before
        ]
        page = found[:limit]
        last = (page[-1].created_at, page[-1].id) if len(found) > limit else None
        names = await self._names(scope)
        items = [self._board.shown(view, names) for view in page]
        return Reply(DeploymentList(items, encode_cursor(last)))

    async def get_deployment(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        view = self._board.view(scope, call.request.match_info["deployment_id"])
        await self._board.ask_figures([view], wait_s=FIGURES_WAIT_S)
        # A node that is lost lets the figures wait: what was seen before is no longer so.
        view = self._board.view(scope, view.id)
        return Reply(await self._shown(scope, view))

    async def stop_deployment(self, call: Call) -> Reply:
        scope = call.signed_in.scope
        view = await self._stop(scope, call.request.match_info["deployment_id"])
        self._changed()
        return Reply(await self._shown(scope, view))

    async def delete_deployment(self, call: Call) -> Reply:
        await self._remove(call.signed_in.scope, call.request.match_info["deployment_id"])
        self._changed()
        return Reply()

    async def batch_deployments(self, call: Call) -> Reply:
        results = [await self._one_of_batch(call, one) for one in call.body.ids]
        self._changed()
        return Reply(BatchReply(results))

    async def preview_filter(self, call: Call) -> web.StreamResponse:
        place = call.request.match_info
        return await self._previews.serve(
            call.request, call.signed_in, place["deployment_id"], place["filter_name"]
        )

    async def _one_of_batch(self, call: Call, deployment_id: str) -> BatchResult:
        act = self._stop if call.body.action == "stop" else self._remove
        try:
            await act(call.signed_in.scope, deployment_id)
        except ProblemError as error:
            return BatchResult(deployment_id, error.status, error.detail)
        except CantorError as error:
            problem = public_problem(error)
            return BatchResult(deployment_id, problem.status, problem.detail)
        return BatchResult(deployment_id, 200)

    async def _stop(self, scope: Scope, deployment_id: str) -> DeploymentView:
        view = self._board.view(scope, deployment_id)
        return await self._board.control.stop(view.id)

    async def _remove(self, scope: Scope, deployment_id: str) -> None:
        view = self._board.view(scope, deployment_id)
        await self._board.control.remove(view.id)

    async def _shown(self, scope: Scope, view: DeploymentView) -> Deployment:
        return self._board.shown(view, await self._names(scope))

    async def _names(self, scope: Scope) -> dict[str, str]:
        return {node.id: node.name for node, _ in (await self._fleet.all(scope)).values()}

    async def _nodes(self, scope: Scope) -> dict[str, str]:
        """The nodes that a pipeline of this project may name: id to the mesh's own name."""
        live: dict[str, str] = {one.id: one.name for one in self._mesh_view.nodes().values()}
        mine = [node for node, _ in (await self._fleet.all(scope)).values()]
        return {
            node.id: live.get(node.id) or node.name
            for node in mine
            if node.state not in {"denied", "pending"}
        }


def _line(text: str) -> str:
    """A name that fits a line, whatever a document calls its pipeline."""
    shown = "".join(sign for sign in text if sign.isprintable()).strip()
    return shown[:NAME_CHARS_MAX].rstrip() or "pipeline"
