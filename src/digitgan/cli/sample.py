"""`digitgan sample`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, Json, Quiet, SampleOptions, Show


def sample(options: Fields[SampleOptions], *, show: Show = True, quiet: Quiet = False, json_: Json = False) -> None:
    """Generate labelled images with a model: a grid picture, or a data set of millions."""
    import_torch()

    from digitgan.generation import is_sharded, sample_to_files
    from digitgan.session.callbacks.progress import console_printer

    console = Output(quiet or json_, json_).console()
    drawn = sample_to_files(options, console, console_printer(console))
    if is_sharded(options) and drawn.manifest is None:
        return  # a torchrun process other than the first: the first one prints the result
    output = Output(quiet, json_)
    if show and drawn.first_images is not None:
        output.images(drawn.first_images)
    output.lines(f"{drawn.count:,} images  {drawn.path}")
    if drawn.accepted:
        least = min((share, name) for name, share in drawn.accepted.items() if share is not None)
        output.lines(f"accepted by the filters: {least[0]:.1%} of class {least[1]}, the lowest share")
    facts = {"out": str(drawn.path), "images": drawn.count, "counts": drawn.counts, "accepted": drawn.accepted}
    output.result({**facts, "model": options.model, "seed": options.seed})
