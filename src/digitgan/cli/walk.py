"""`digitgan walk`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, Json, Quiet, Show, WalkOptions


def walk(options: Fields[WalkOptions], *, show: Show = True, quiet: Quiet = False, json_: Json = False) -> None:
    """Interpolate between the latents or classes of a model: an animation, a picture, or its frames.

    The kinds: latents interpolates between styles in all classes at once; classes interpolates between consecutive classes;
    grid shows several styles in every class; origin starts at the all-zero latent; neighbours interpolates from one style
    towards others; directions moves it along the principal directions of the first layer of the generator. In a picture, each
    row shows one cell of the animation.
    """
    import_torch()

    from digitgan.generation.walk_files import walk_to_file

    walked = walk_to_file(options)
    output = Output(quiet, json_)
    if show:
        output.picture(walked.path)
    rows = [f"  row {row}: {name}" for row, name in enumerate(walked.rows)] if walked.format == "png" else []
    what = "columns" if walked.format == "png" else "frames"
    output.lines(f"{walked.steps} {what}  {walked.path}", *rows)
    facts = {"out": str(walked.path), "steps": walked.steps, "rows": list(walked.rows)}
    output.result({**facts, "kind": options.kind, "model": options.model, "seed": options.seed})
