"""The HTTP server of `digitgan serve`."""

from __future__ import annotations

import re
import secrets
import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import uvicorn

from digitgan.device import choose_device
from digitgan.errors import DigitganError, UsageError
from digitgan.studio.access import LOOPBACK, AccessPolicy
from digitgan.studio.app import create_app

MAX_CONNECTIONS: Final = 2048
"""Largest number of concurrent connections. Beyond it, the server responds with status 503."""

TOKEN: Final = re.compile(r"[A-Za-z0-9_-]{16,200}")
"""Pattern of valid tokens: no quoting in addresses, cookies and headers, and too long to guess."""

EVERY_ADDRESS: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""Wildcard addresses, which a browser cannot open -> the loopback address to open instead."""

KEEP_ALIVE: Final = 15
"""Timeout of an idle connection, in seconds."""


def serve(
    runs: Path,
    host: str,
    port: int,
    token: str | None,
    device: str,
    notify: Callable[[str], None],
    data_roots: Sequence[Path] = (),
) -> None:
    """Run the server until it is interrupted.

    Args:
        runs: folder that contains the runs.
        host: address to listen on.
        port: port to listen on, from 0 to 65535. 0 selects a free port.
        token: required token of a request. If None and `host` is not a loopback address, a random token is generated.
        device: device on which models generate images.
        notify: called with each line for the user; the first line contains the address.
        data_roots: folders whose entries are offered for training.

    Raises:
        UsageError: if the port or the token is invalid, the server cannot listen on the address, or `runs` is a file.
    """
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"{runs}: is a file; give an existing or a new folder")
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port}: must be from 0 to 65535; 0 selects a free port")
    at_home = host in LOOPBACK
    if token is not None and not TOKEN.fullmatch(token):
        right = "must have 16 to 200 letters, digits, dashes or underscores; or omit the option"
        raise UsageError(f"--token: {right}")
    choose_device(device)
    if not at_home and token is None:
        token = secrets.token_urlsafe(24)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)  # connections now queue until the server runs
    except (OSError, OverflowError) as problem:
        listening.close()
        reason = getattr(problem, "strerror", None) or problem
        raise UsageError(
            f"--host {host} --port {port}: cannot listen on this address ({reason}); choose another, or --port 0 for a free one"
        ) from problem
    access_policy = AccessPolicy(LOOPBACK if at_home else (), token)
    try:
        app = create_app(runs, access_policy, device, data_roots)
    except DigitganError:
        listening.close()
        raise
    number = listening.getsockname()[1]
    here = EVERY_ADDRESS.get(host, host)
    notify(f"the studio: http://{f'[{here}]' if ':' in here else here}:{number}/{f'?token={token}' if token else ''}")
    if here != host:
        notify(f"from other machines: use a name of this machine, for example {socket.gethostname()}, with the same token")
    notify(f"runs: {runs.resolve()}; Ctrl-C stops the server, and trainings continue")
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
