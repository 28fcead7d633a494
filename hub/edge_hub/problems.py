"""Errors as RFC 9457 problem documents, also those that the router raises itself."""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cantor.base.errors import CantorError
from edge_hub.schemas import Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem document."""

    def __init__(
        self, status: int, code: str, detail: str, *, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}


def problem_response(error: ProblemError, *, trace_id: str = "") -> web.Response:
    """The reply for an error."""
    document = Problem(
        type=f"urn:cantor:problem:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=error.status,
        detail=error.detail,
        trace_id=trace_id,
    )
    return web.Response(
        status=error.status,
        body=msgspec.json.encode(document),
        content_type=MEDIA_TYPE,
        headers=error.headers,
    )


@web.middleware
async def problems_middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every error of a request into a problem document."""
    try:
        return await handler(request)
    except ProblemError as error:
        return problem_response(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        code = (error.reason or "refused").lower().replace(" ", "-")
        allow = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
        detail = f"{request.method} {request.path[:200]}: {error.reason}"
        return problem_response(ProblemError(error.status, code, detail, headers=allow))
    except CantorError as error:
        return problem_response(ProblemError(400, "refused", str(error)))
    except Exception:  # noqa: BLE001 (a bug becomes a 500, and is logged)
        trace_id = secrets.token_hex(8)
        _log.exception("request failed", extra={"trace_id": trace_id})
        detail = "the hub failed; its log says why under this trace_id"
        return problem_response(ProblemError(500, "internal", detail), trace_id=trace_id)
