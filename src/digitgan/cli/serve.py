"""`digitgan serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Device, Flag, Json
from digitgan.cli.threads import share_cores


def serve(
    runs: Path = Path("runs"),
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: Annotated[str | None, arg(help_behavior_hint="(default: one is made up where --host is given)")] = None,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Open the studio: a page to write, explore, watch and train, and an HTTP API (extra: studio).

    Args:
        runs: the folder with the runs to show, and for new ones
        host: the address to listen on; another than this machine's own needs the token that is printed
        port: 0 for any that is free
        token: what requests must bring
        device: where models draw
        quiet: print nothing
        json_: print one machine-readable result, the address
    """
    share_cores()  # before anything loads torch

    from digitgan.errors import UsageError

    try:
        from digitgan.studio.server import serve as run_server
    except ModuleNotFoundError as problem:
        raise UsageError(f"the studio needs {problem.name}: pip install 'digitgan[studio]'") from problem

    output = Output(quiet, json_)

    def notify(line: str) -> None:
        output.lines(line)
        if line.startswith("the studio: "):
            output.result({"url": line.removeprefix("the studio: "), "runs": str(runs)})

    run_server(runs, host, port, token, device, notify)
