"""Who may ask, and what a page may load: checked before any room hears of a request."""

from __future__ import annotations

import hmac
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitgan.studio.errors import send_error

MAX_BODY: Final = 1_000_000
"""Bytes of a request's body."""

TOO_LARGE: Final = f"the body is larger than {MAX_BODY:,} bytes"

COOKIE: Final = "digitgan-token"

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of every answer: nothing from elsewhere, and nothing inline."""

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


@final
@dataclass(frozen=True)
class AccessPolicy:
    """Who is let in.

    Attributes:
        hosts: names under which the server may be asked; empty: any, where a token is asked for.
        token: that a request must bring; None where only this machine can ask.
    """

    hosts: Sequence[str]
    token: str | None


@final
class AccessControl:
    """Refuses what doesn't belong here, and tells browsers what a page may load.

    A page elsewhere could otherwise have a browser ask this server: by its own name for 127.0.0.1 (DNS rebinding, seen by the
    Host header) or from its own scripts (seen by the Origin header).
    """

    def __init__(self, app: ASGIApp, access_policy: AccessPolicy) -> None:
        self.app = app
        self.access_policy = access_policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """See ASGI."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given, in_address = self._given_token(headers, scope)
        refusal = self._refusal(headers, given, scope)
        if refusal is not None:
            await send_error(send, *refusal, headers=HEADERS)
            return
        body = _Body(receive)

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message.get("headers", [])}
                message["headers"] = [*message.get("headers", []), *(pair for pair in HEADERS if pair[0] not in there)]
                if in_address and self.access_policy.token is not None:
                    cookie = f"{_cookie_of(scope)}={self.access_policy.token}; HttpOnly; SameSite=Strict; Path=/"
                    message["headers"].append((b"set-cookie", cookie.encode()))
            await send(message)

        await self.app(scope, body.receive, send_safely)

    def _refusal(self, headers: MutableMapping[str, str], given: str, scope: Scope) -> tuple[int, str] | None:
        host = _host_of(headers.get("host", ""))
        if self.access_policy.hosts and host not in self.access_policy.hosts:
            return 421, f"this server isn't called {host[:100]!r}; ask {self.access_policy.hosts[0]}"
        origin = headers.get("origin")
        elsewhere = origin is not None and origin.partition("://")[2] != headers.get("host", "")
        if elsewhere or headers.get("sec-fetch-site") == "cross-site":
            return 403, "only the server's own pages may ask it"
        # Health is asked by machines that know no token.
        wanted = None if scope["path"] == "/health" else self.access_policy.token
        if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
            return 401, "a token is needed: open the address that the server printed, or send `Authorization: Bearer TOKEN`"
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > MAX_BODY:
            return 413, TOO_LARGE
        return None

    def _given_token(self, headers: MutableMapping[str, str], scope: Scope) -> tuple[str, bool]:
        """The token that a request brings, and whether in its address."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token.strip(), False
        pairs = scope.get("query_string", b"").decode("latin-1").split("&")
        in_address = next((unquote(pair[6:]) for pair in pairs if pair.startswith("token=")), None)
        if in_address is not None:
            return in_address, True
        try:
            cookie = SimpleCookie(headers.get("cookie", "")).get(_cookie_of(scope))
        except CookieError:
            cookie = None
        return (cookie.value if cookie is not None else ""), False


@final
class _Body:
    """A request's body, counted as it comes."""

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._count = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > MAX_BODY:
            raise HTTPException(413, TOO_LARGE)  # which FastAPI hands on where it reads a body
        return message


def _cookie_of(scope: Scope) -> str:
    """The cookie's name, with the port: browsers give one host's cookies to all of its servers."""
    return f"{COOKIE}-{scope['server'][1]}" if scope.get("server") else COOKIE


def _host_of(header: str) -> str:
    """A Host header without its port."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()
