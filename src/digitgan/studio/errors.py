"""What the studio refuses that the command line has no word for."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final, final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.types import Send

from digitgan.errors import DigitganError, nearest


class ErrorResponse(BaseModel):
    """What is wrong, and what would be right."""

    error: str


ERROR_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": ErrorResponse, "description": "something asked for can't be"},
    401: {"model": ErrorResponse, "description": "a token is needed"},
    404: {"model": ErrorResponse, "description": "no run, model or picture of that name"},
    409: {"model": ErrorResponse, "description": "the run is in no state for that"},
    413: {"model": ErrorResponse, "description": "the body is too large"},
    422: {"model": ErrorResponse, "description": "a parameter that is no number, out of range, or unknown"},
    429: {"model": ErrorResponse, "description": "too much is asked now; Retry-After says when to ask again"},
}
"""The answers that every route may give instead, for its description."""


async def known_parameters_only(request: Request) -> None:
    """What every route of the API depends on: that a mistyped parameter is refused, rather than a default taken for it.

    Raises:
        RequestValidationError: for one that the route doesn't have, as for one of a wrong kind.
    """
    route = request.scope["route"]
    assert isinstance(route, APIRoute)
    known = [parameter.alias for parameter in route.dependant.query_params]
    for name in request.query_params:
        if name not in known and name != "token":
            unknown = f"no parameter of {route.path}; {nearest(name, known)}"
            raise RequestValidationError([{"loc": ("query", name[:100]), "msg": unknown}])


async def send_error(send: Send, status: int, why: str, headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
    """Answer a request with an error before any route hears of it."""
    body = json.dumps({"error": why}).encode()
    own = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})


@final
class BusyError(DigitganError):
    """More is asked than this machine can do now; asking again a little later is right."""


@final
class NotThereError(DigitganError):
    """No run, model or picture of that name."""


@final
class StateError(DigitganError):
    """A run that is in no state for what is asked of it: one that has ended can't be paused."""
