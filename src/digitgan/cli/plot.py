"""`digitgan plot`."""

from __future__ import annotations

from pathlib import Path

from digitgan.cli.output import Output
from digitgan.options import Flag, Json, Out, Quiet


def plot(
    run: Path,
    /,
    *,
    out: Out = None,
    overwrite: Flag = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Plot the losses and the scores of a run, finished or still training, over the images seen.

    Args:
        run: folder of the run
        out: output picture (default: losses.png in the run's folder, which is replaced)
        overwrite: replace an existing --out
    """
    from digitgan.session.plots import plot_run

    path = plot_run(run, out=out, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(str(path))
    output.result({"out": str(path)})
