"""`digitgan animate`."""

from __future__ import annotations

from pathlib import Path

from digitgan.cli.output import Output
from digitgan.options import Flag, Json, Out, Quiet


def animate(
    run: Path,
    /,
    *,
    out: Out = None,
    rows: Flag = False,
    milliseconds: int = 120,
    overwrite: Flag = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Make a GIF of the previews of a run, finished or still training.

    Args:
        run: folder of the run
        out: output GIF (default: training.gif or, with --rows, rows.gif in the run's folder, which is replaced)
        rows: show the images of its model row by row (recurrent recipes only)
        milliseconds: duration of each frame, 20 to 60000
        overwrite: replace an existing --out
    """
    from digitgan.session.plots import animate_run

    path, frames = animate_run(run, out=out, rows=rows, milliseconds=milliseconds, overwrite=overwrite)
    output = Output(quiet, json_)
    output.lines(f"{frames} {'rows' if rows else 'previews'}  {path}")
    output.result({"out": str(path), "rows" if rows else "previews": frames})
