"""`digitgan compare`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Budget, Device, Flag, Json, Settings, Unset
from digitgan.cli.signals import stopping_on_signals
from digitgan.cli.threads import share_cores
from digitgan.errors import StoppedError


def compare(
    what: Annotated[tuple[str, ...], arg(metavar="RUN|RECIPE …")],
    /,
    *,
    seeds: int = 3,
    first_seed: int = 0,
    images: Annotated[int | None, Budget, Unset] = None,
    minutes: Annotated[float | None, Budget, Unset] = None,
    data: Annotated[str | None, arg(metavar="SOURCE", help_behavior_hint="(default: mnist; for runs their own)")] = None,
    data_dir: Annotated[Path | None, Unset] = None,
    set_: Annotated[Settings, arg(name="set")] = (),
    draw: int = 10_000,
    out: Path = Path("comparison"),
    device: Device = "auto",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Put runs side by side; or train recipes over seeds under one budget, and say which is better beyond luck.

    Interrupted and called again with the same words, it goes on where it was.

    Args:
        what: finished runs, two at least; or recipes, two at least, which are then trained
        seeds: of recipes: how many runs of each
        first_seed: of recipes: the first seed
        images: of recipes: train each until this many images are seen
        minutes: of recipes: train each for so many minutes
        data: of recipes: what to train on; of runs: the real images to judge by
        data_dir: where downloaded data sets lie
        set_: of recipes: change one value in all of them; can be given again
        draw: images that are drawn from each model
        out: the folder for the table, the pictures and the runs
        device: of recipes: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan import api
    from digitgan.training import Control

    control = Control()
    with stopping_on_signals(control, quiet=quiet) as received:
        try:
            found = api.compare(
                what,
                seeds=seeds,
                first_seed=first_seed,
                images=images,
                minutes=minutes,
                data=data,
                data_dir=data_dir,
                settings=set_,
                draw=draw,
                out=out,
                device=device,
                progress="none" if quiet or json_ else "auto",
                control=control,
            )
        except StoppedError as stopped:
            stopped.exit_code = 128 + received[0]
            raise
    output = Output(quiet, json_)
    output.lines(found.table, "", *found.words, "", f"comparison {found.folder}")
    output.result({"out": str(found.folder), **found.report})
