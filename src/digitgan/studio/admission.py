"""How many requests for pictures are worked on at once; those beyond are refused at the door, where that costs least."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from starlette.types import ASGIApp, Receive, Scope, Send

from digitgan.studio.errors import send_error

MAX_AT_ONCE: Final = 64
"""Requests for pictures: four times as many as sixteen busy connections, and a tenth of a second's work."""

DRAWING: Final = ("/api/v1/sample", "/api/v1/write", "/api/v1/morph")


@final
class Admission:
    """Refuses requests for pictures while as many are worked on as this machine does in good time.

    Args:
        app: what stands behind it.
        refused: called for each request that is refused.
        most: requests at once.

    Attributes:
        inside: requests that are worked on.
    """

    def __init__(self, app: ASGIApp, refused: Callable[[], object], most: int = MAX_AT_ONCE) -> None:
        self.app = app
        self.refused = refused
        self.most = most
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http" or scope["path"] not in DRAWING:
            await self.app(scope, receive, send)
            return
        if self.inside >= self.most:
            self.refused()
            why = f"{self.inside} requests for pictures are worked on already; ask again in a second"
            await send_error(send, 429, why, [(b"retry-after", b"1")])
            return
        self.inside += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.inside -= 1
