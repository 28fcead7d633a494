"""Errors as RFC 9457 problem documents, also those that the router raises itself.

A document says what the person who asked can mend. What went wrong inside (paths, addresses, what
another machine answered) goes to the log only, under the ``trace_id`` that the document names.
"""

from __future__ import annotations

import logging
import secrets
from typing import TYPE_CHECKING

import msgspec
from aiohttp import web

from cantor.base.errors import CantorError, RemoteProtocolError, UnavailableError
from edge_hub.schemas import FieldError, Problem

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class ProblemError(Exception):
    """Ends a request with a problem document; ``errors`` name the parts of the body at fault."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        errors: Sequence[FieldError] = (),
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.headers = headers or {}
        self.errors = errors


def problem_response(error: ProblemError, *, trace_id: str = "") -> web.Response:
    """The reply for an error."""
    document = Problem(
        type=f"urn:cantor:problem:{error.code}",
        title=error.code.replace("-", " ").capitalize(),
        status=error.status,
        detail=error.detail,
        trace_id=trace_id,
        errors=list(error.errors),
    )
    return web.Response(
        status=error.status,
        body=msgspec.json.encode(document),
        content_type=MEDIA_TYPE,
        headers=error.headers,
    )


def public_problem(error: CantorError) -> ProblemError:
    """What people may know of an error inside."""
    if isinstance(error, UnavailableError):
        detail = "a node that has to answer cannot be reached now; try again"
        return ProblemError(503, "unavailable", detail)
    if isinstance(error, RemoteProtocolError):
        detail = "a node refused or did not understand; the hub's log says why under this trace_id"
        return ProblemError(502, "node-refused", detail)
    return ProblemError(500, "internal", "the hub failed; its log says why under this trace_id")


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
    except web.RequestPayloadError:
        return problem_response(ProblemError(400, "bad-request", "the body cannot be read"))
    except CantorError as error:
        return _failed(public_problem(error))
    except Exception:  # noqa: BLE001 (a bug becomes a 500, and is logged)
        return _failed(public_problem(CantorError("")))


def _failed(problem: ProblemError) -> web.Response:
    trace_id = secrets.token_hex(8)
    _log.exception("request failed", extra={"trace_id": trace_id})
    return problem_response(problem, trace_id=trace_id)
