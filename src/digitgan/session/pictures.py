"""Pictures of a run: its previews as an animation, its curves."""

from __future__ import annotations

from pathlib import Path

from digitgan.errors import UsageError
from digitgan.files import claim_output
from digitgan.generation import written_rows
from digitgan.images import enlarged, save_gif
from digitgan.model.registry import load
from digitgan.runs import open_run
from digitgan.session.callbacks import animate, plot


def animate_run(folder: Path, *, out: Path | None, rows: bool, milliseconds: int, overwrite: bool) -> tuple[Path, int]:
    """`digitgan animate`: a run's previews, or its model's rows, as a GIF; its path, and how many it shows.

    Raises:
        DigitganError: where it is no run, has no previews yet, or the path can't be used.
    """
    if not 20 <= milliseconds <= 60_000:
        raise UsageError(f"--milliseconds {milliseconds}: 20 to 60000 is right; browsers slow down what is faster")
    run = open_run(folder)
    path = out or (run.rows_animation if rows else run.animation)
    claim_output(path, overwrite=overwrite or out is None)
    if rows:
        frames = written_rows(load(str(folder)))
        save_gif(path, [enlarged(frame, 2) for frame in frames], milliseconds)
        return path, len(frames) - 1
    return path, animate(run, path, milliseconds)


def plot_run(folder: Path, *, out: Path | None, overwrite: bool) -> Path:
    """`digitgan plot`: a run's curves as a PNG.

    Raises:
        DigitganError: where it is no run, has no history yet, or the path can't be used.
    """
    run = open_run(folder)
    path = out or run.curves
    claim_output(path, overwrite=overwrite or out is None)
    plot(run, path)
    return path
