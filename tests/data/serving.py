"""A real HTTP server on this machine, that plays a mirror in whatever condition a test wants it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers as the mirror it belongs to says."""

    def do_GET(self) -> None:
        mirror = self.server.mirror  # type: ignore[attr-defined]
        mirror.asked.append(self.path)
        mirror.answer(self)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    # Each mirror waits for its handlers when it closes, so that nothing of one test lives on in the next.
    block_on_close = True

    def handle_error(self, *_: object) -> None:
        """Clients hang up in these tests; that is no error."""


@dataclass
class Mirror:
    """A real HTTP server on this machine."""

    answer: Answer
    asked: list[str] = field(default_factory=list)
    closing: threading.Event = field(default_factory=threading.Event)
    address: str = ""


Answer = Callable[[Handler], None]
Serve = Callable[[Answer], Mirror]
