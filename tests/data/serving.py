"""A local HTTP server that acts as a mirror with the faults that a test needs."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """A request handler that gives its mirror's answer."""

    def do_GET(self) -> None:
        mirror = self.server.mirror  # type: ignore[attr-defined]
        mirror.asked.append(self.path)
        mirror.answer(self)

    def log_message(self, *_: object) -> None:
        """Write no log."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Closing waits for the handlers, so that no thread of a test outlives it.
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        """Ignore errors: clients close connections in these tests."""


@dataclass
class Mirror:
    """A local mirror: its answer, the paths requested, and its address."""

    answer: Answer
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""


Answer = Callable[[Handler], None]
Serve = Callable[[Answer], Mirror]
