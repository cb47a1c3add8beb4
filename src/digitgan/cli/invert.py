"""`digitgan invert`."""

from __future__ import annotations

from digitgan.cli.output import Output
from digitgan.cli.threads import import_torch
from digitgan.options import Fields, InvertOptions, Json, Quiet, Show


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
