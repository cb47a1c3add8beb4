"""`digitgan serve`: the application on an address of this machine."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import uvicorn

from digitgan.device import choose_device
from digitgan.errors import UsageError
from digitgan.studio.access import LOOPBACK, AccessPolicy
from digitgan.studio.app import create_app

MAX_CONNECTIONS: Final = 2048
"""Beyond them the server answers 503 without looking at what is asked."""

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")
"""What needs no quoting in an address, a cookie or a header, and can't be guessed."""

EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What is listened on but can't be opened -> what can be, here."""

KEEP_ALIVE: Final = 15
"""Seconds that a connection may stay idle."""


def serve(runs: Path, host: str, port: int, token: str | None, device: str, notify: Callable[[str], None]) -> None:
    """Serve until told to stop.

    Args:
        runs: the folder in which the runs lie.
        host: the address to listen on.
        port: 0 for a free one.
        token: that requests must bring; made up where another address than this machine's own is listened on.
        device: where models draw.
        notify: is told the address.

    Raises:
        UsageError: if the address can't be listened on, or the runs' folder is a file.
    """
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"{runs}: is a file; name a folder with runs, or one that is to be made")
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: 0 to 65535 is right, 0 for any that is free")
    at_home = host in LOOPBACK
    if token is not None and not TOKEN.fullmatch(token):
        right = "16 letters, digits, dashes and underscores at least are right; or leave it out, and one is made up"
        raise UsageError(f"--token: {right}")
    choose_device(device)
    if not at_home and token is None:
        token = secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # from here on a connection waits for the server rather than being refused
    except (OSError, OverflowError) as problem:
        listening.close()
        reason = getattr(problem, "strerror", None) or problem
        raise UsageError(
            f"--host {host} --port {port}: can't be listened on ({reason}); choose another, or --port 0, which takes a free one"
        ) from problem
    access_policy = AccessPolicy(LOOPBACK if at_home else (), token)
    app = create_app(runs, access_policy, device)
    number = listening.getsockname()[1]
    here = EVERY_ADDRESS.get(host, host)
    notify(f"the studio: http://{f'[{here}]' if ':' in here else here}:{number}/{f'?token={token}' if token else ''}")
    if here != host:
        notify(f"from elsewhere, by any name of this machine ({socket.gethostname()}, say), with the same token")
    notify(f"runs in {runs.resolve()}; Ctrl-C ends the server, trainings go on")
    config = uvicorn.Config(
        app,
        log_level="error",
        access_log=False,
        limit_concurrency=MAX_CONNECTIONS,
        timeout_keep_alive=KEEP_ALIVE,
        timeout_graceful_shutdown=3,
        server_header=False,
    )
    with listening:
        uvicorn.Server(config).run(sockets=[listening])
