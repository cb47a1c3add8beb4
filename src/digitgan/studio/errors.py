"""Errors and error responses of the studio's HTTP API."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Final, final

from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Send

from digitgan.errors import DigitganError, nearest


class ErrorResponse(BaseModel):
    """The body of an error response: the problem and how to correct it."""

    error: str


ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorResponse, "description": "invalid request"},
    401: {"model": ErrorResponse, "description": "missing or wrong token"},
    404: {"model": ErrorResponse, "description": "run, model or preview not found"},
    409: {"model": ErrorResponse, "description": "the state of the run does not allow the action"},
    413: {"model": ErrorResponse, "description": "request body too large"},
    422: {"model": ErrorResponse, "description": "a parameter has the wrong type, is out of range, or is unknown"},
    429: {"model": ErrorResponse, "description": "too many requests; Retry-After gives the delay in seconds"},
}
"""Error responses that every route can return, for the OpenAPI document."""


async def known_parameters_only(request: Request) -> None:
    """Reject unknown query parameters; every API route depends on this.

    Without this check, a misspelt parameter would be ignored and its default used.

    Raises:
        RequestValidationError: if the route has no parameter of that name.
    """
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = list(_query_parameters(route.dependant))
    for name in request.query_params:
        if name not in known and name != "token":
            unknown = f"unknown parameter of {route.path}; {nearest(name, known)}"
            raise RequestValidationError([{"loc": ("query", name[:100]), "msg": unknown}])


def _query_parameters(dependant: Dependant) -> Iterator[str]:
    """Yield the names of the query parameters of a route, and of the functions that it depends on."""
    yield from (parameter.alias for parameter in dependant.query_params)
    for each in dependant.dependencies:
        yield from _query_parameters(each)


async def send_error(send: Send, status: int, why: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Send an error response from a middleware.

    Args:
        send: ASGI send function.
        status: HTTP status.
        why: error message.
        headers: additional response headers.
    """
    body = json.dumps({"error": why}).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})


@final
class BusyError(DigitganError):
    """The server is at its limit; the client should retry later (status 429)."""


@final
class NotThereError(DigitganError):
    """A run, model or preview does not exist (status 404)."""


@final
class StateError(DigitganError):
    """The state of a run does not allow an action, for example a pause after its end (status 409)."""
