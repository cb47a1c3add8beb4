"""Access control: host, origin, token, body size and number of requests, and the security headers of a response."""

from __future__ import annotations

import hmac
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import Final, final
from urllib.parse import unquote

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from digitgan.studio.errors import send_error

MAX_BODY: Final = 1_000_000
"""Largest request body, in bytes."""

UPLOAD: Final = ("PUT", "/api/v1/data/upload")
"""Method and path of uploads, whose body may be larger."""

MAX_UPLOAD: Final = 1_000_000_000
"""Largest uploaded file, in bytes."""

COOKIE: Final = "digitgan-token"

LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")

POLICY: Final = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' blob:",
        "connect-src 'self'",
        "frame-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    )
)
"""The Content-Security-Policy of every response: no resources of other origins, and no inline scripts or styles."""

HEADERS: Final = (
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-origin"),
)


TOKEN_PAGE: Final = b"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>digitgan: token needed</title>
<h1>This page needs a token</h1>
<p>The program that serves it has printed an address with the token. Open that address, or enter the token here.</p>
<form method="get" action="/">
<label>Token <input name="token" type="password" autocomplete="off" required autofocus></label>
<button>Open</button>
</form>
</html>
"""
"""The page for a browser without the token."""


@final
@dataclass(frozen=True)
class AccessPolicy:
    """The rules for accepting a request.

    Attributes:
        hosts: accepted host names of the server. Empty accepts any name; a token is then required.
        token: required token of a request. None if only this machine can connect.
    """

    hosts: Sequence[str]
    token: str | None


@final
class AccessControl:
    """ASGI middleware that rejects unauthorised requests and adds security headers to every response.

    It protects the server from requests that a page of another origin makes in a browser. The Host header reveals DNS
    rebinding, a foreign name that resolves to 127.0.0.1. The Origin header reveals scripts of another page.
    """

    def __init__(self, app: ASGIApp, access_policy: AccessPolicy) -> None:
        self.app = app
        self.access_policy = access_policy

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request according to the ASGI specification."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        given, in_address = self._given_token(headers, scope)
        refusal = self._refusal(headers, given, scope)
        if refusal is not None and refusal[0] == 401 and _is_for_people(headers, scope):
            await _ask_for_token(send)
            return
        if refusal is not None:
            await send_error(send, *refusal, headers=HEADERS)
            return
        body = _Body(receive, _limit_of(scope))

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
            return 421, f"host {host[:100]!r}: is not a name of this server; use {self.access_policy.hosts[0]}"
        origin = headers.get("origin")
        elsewhere = origin is not None and origin.partition("://")[2] != headers.get("host", "")
        if elsewhere or headers.get("sec-fetch-site") == "cross-site":
            return 403, "cross-origin request: only pages of this server may send requests"
        # Health checks of container runtimes and load balancers send no token.
        wanted = None if scope["path"] == "/health" else self.access_policy.token
        if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
            return 401, "missing or wrong token: open the address printed by the server, or send `Authorization: Bearer TOKEN`"
        length, limit = headers.get("content-length", "0"), _limit_of(scope)
        if not length.isdecimal() or int(length[:20]) > limit:
            return 413, _too_large(limit)
        return None

    def _given_token(self, headers: MutableMapping[str, str], scope: Scope) -> tuple[str, bool]:
        """Return the token of a request, and whether it is part of the address."""
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
    """A request body whose size is counted while it is received."""

    def __init__(self, receive: Receive, limit: int) -> None:
        self._receive, self._limit = receive, limit
        self._count = 0

    async def receive(self) -> Message:
        message = await self._receive()
        self._count += len(message.get("body", b""))
        if self._count > self._limit:
            raise HTTPException(413, _too_large(self._limit))  # FastAPI re-raises it while it reads the body
        return message


def _is_for_people(headers: MutableMapping[str, str], scope: Scope) -> bool:
    """Return whether a browser asks for a page."""
    return scope["method"] == "GET" and "text/html" in headers.get("accept", "") and not scope["path"].startswith("/api/")


async def _ask_for_token(send: Send) -> None:
    """Send a page that asks for the token, and leads to the address with it."""
    policy = POLICY.replace("form-action 'none'", "form-action 'self'")
    headers = [
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-length", str(len(TOKEN_PAGE)).encode()),
        (b"content-security-policy", policy.encode()),
        *HEADERS[1:],
    ]
    await send({"type": "http.response.start", "status": 401, "headers": headers})
    await send({"type": "http.response.body", "body": TOKEN_PAGE})


@final
class HeadRequests:
    """ASGI middleware that answers a HEAD request as the GET request of the same address, without the body."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request according to the ASGI specification."""
        if scope["type"] != "http" or scope["method"] != "HEAD" or not scope["path"].startswith("/api/"):
            await self.app(scope, receive, send)
            return
        answered = False

        async def received() -> Message:
            return {"type": "http.disconnect"} if answered else await receive()

        async def headers_alone(message: Message) -> None:
            nonlocal answered
            if message["type"] == "http.response.start":
                await send(message)
            elif not answered:
                answered = True  # a stream of events has no end: its reader is gone
                await send({"type": "http.response.body", "body": b""})

        await self.app({**scope, "method": "GET"}, received, headers_alone)


def _limit_of(scope: Scope) -> int:
    return MAX_UPLOAD if (scope["method"], scope["path"]) == UPLOAD else MAX_BODY


def _too_large(limit: int) -> str:
    return f"request body: must be at most {limit:,} bytes"


def _cookie_of(scope: Scope) -> str:
    """Return the cookie name, which includes the port: browsers share cookies between the ports of a host."""
    return f"{COOKIE}-{scope['server'][1]}" if scope.get("server") else COOKIE


def _host_of(header: str) -> str:
    """Return a Host header without its port, in lower case."""
    if header.startswith("["):
        return header[1:].partition("]")[0].lower()
    return header.partition(":")[0].lower()


MAX_CONCURRENT_REQUESTS: Final = 64
"""Largest number of concurrent image requests, which together take about 0.1 seconds of computation."""

IMAGE_PATHS: Final = ("/api/v1/sample", "/api/v1/write", "/api/v1/morph", "/api/v1/map", "/api/v1/nearest", "/api/v1/draw")


@final
class Admission:
    """ASGI middleware that rejects image requests with status 429 while too many are in progress.

    Args:
        app: the wrapped application.
        refused: called for each rejected request.
        most: largest number of concurrent image requests.

    Attributes:
        inside: number of image requests in progress.
    """

    def __init__(self, app: ASGIApp, refused: Callable[[], object], most: int = MAX_CONCURRENT_REQUESTS) -> None:
        self.app = app
        self.refused = refused
        self.most = most
        self.inside = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle a request according to the ASGI specification."""
        if scope["type"] != "http" or scope["path"] not in IMAGE_PATHS:
            await self.app(scope, receive, send)
            return
        if self.inside >= self.most:
            self.refused()
            why = f"too many image requests ({self.inside} in progress); retry in a second"
            await send_error(send, 429, why, [(b"retry-after", b"1")])
            return
        self.inside += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.inside -= 1
