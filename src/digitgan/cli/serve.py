"""`digitgan serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import Device, Json, Quiet


def serve(
    runs: Path = Path("runs"),
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    token: Annotated[str | None, arg(help_behavior_hint="(default: a random token if --host is not local)")] = None,
    data_root: UseAppendAction[tuple[Path, ...]] = (),
    device: Device = "cpu",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Serve the studio: a web page to write, explore, watch and train, and an HTTP API (extra: studio).

    Args:
        runs: folder of existing and new runs
        host: address to listen on; other addresses than the loopback address require the token that is printed
        port: port to listen on; 0 selects a free port
        token: token that requests must contain
        data_root: folder of your own images whose entries the page offers for training; may be given several times
        device: device on which models generate images
    """
    import_torch()

    from digitgan.errors import UsageError

    try:
        from digitgan.studio.access import LOOPBACK
        from digitgan.studio.server import serve as run_server
    except ModuleNotFoundError as problem:
        raise UsageError(f"the studio needs {problem.name}: run pip install 'digitgan[studio]'") from problem

    if quiet and not json_ and token is None and host not in LOOPBACK:
        raise UsageError("--quiet: the random token would not be printed; choose one with --token, or remove --quiet")
    output = Output(quiet, json_)

    def notify(line: str) -> None:
        output.lines(line)
        if line.startswith("the studio: "):
            output.result({"url": line.removeprefix("the studio: "), "runs": str(runs)})

    run_server(runs, host, port, token, device, notify, data_root)
