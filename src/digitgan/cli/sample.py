"""`digitgan sample`, `write`, `walk` and `invert`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, InvertOptions, Json, Quiet, SampleOptions, Show, WalkOptions, WriteOptions


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


def write(options: Fields[WriteOptions], *, show: Show = True, quiet: Quiet = False, json_: Json = False) -> None:
    """Write a string of digits as one picture, in one style."""
    from digitgan.generation.text import write_to_file

    path = write_to_file(options)
    output = Output(quiet, json_)
    if show:
        output.picture(path)
    output.lines(f"{options.text!r}  {path}")
    asked = {"text": options.text, "model": options.model, "seed": options.seed, "style": options.style}
    output.result({"out": str(path), **asked})


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


def invert(options: Fields[InvertOptions], *, show: Show = True, quiet: Quiet = False, json_: Json = False) -> None:
    """Find the latent that best reconstructs a picture, and generate every class in that style."""
    import_torch()

    from digitgan.generation.walk_files import invert_to_file

    found = invert_to_file(options)
    output = Output(quiet, json_)
    if show:
        output.picture(found.path)
    output.lines(
        *(f"{options.image}: {step}" for step in found.steps),
        f"{options.image}: reconstructed as class {found.class_name}, root mean square error {found.found.error:.1f} of 255",
        f"image, reconstruction, and every class in that style  {found.path}",
        f"latent for digitgan walk --latent  {found.latent}",
    )
    facts = {"out": str(found.path), "latent": str(found.latent), "class": found.class_name, "error": found.found.error}
    asked = {"image": str(options.image), "model": options.model, "seed": options.seed}
    output.result({**facts, "steps": list(found.steps), **asked})
