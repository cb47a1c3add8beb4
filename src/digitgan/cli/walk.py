"""`digitgan walk` and `digitgan invert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Json
from digitgan.cli.threads import share_cores
from digitgan.options import Device, Flag, Unset


def walk(
    model: str = "mnist",
    /,
    *,
    kind: Annotated[str, arg(metavar="KIND")] = "latents",
    labels: Annotated[str | None, arg(metavar="7|0-9|1,3,5", help_behavior_hint="(default: every class)")] = None,
    seed: int = 0,
    latent: Annotated[Path | None, Unset] = None,
    steps: Annotated[int | None, arg(help_behavior_hint="(default: 20; 8 for a picture)")] = None,
    interpolation: Literal["spherical", "linear"] = "spherical",
    format_: Annotated[Literal["gif", "png", "frames"], arg(name="format")] = "gif",
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Interpolate between the latents or classes of a model: an animation, a picture, or its frames.

    The kinds: latents interpolates between styles in all classes at once; classes interpolates between consecutive classes;
    grid shows several styles in every class; origin starts at the all-zero latent; neighbours interpolates from one style
    towards others; directions moves it along the principal directions of the first layer of the generator. In a picture, each
    row shows one cell of the animation.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        kind: kind of walk, one of {digitgan.generation.walking:WALKS}
        labels: classes in the order of the walk; neighbours and directions use the first one only
        seed: seed of the latents
        latent: file of the first latent, as written by `digitgan invert` (default: the first latent of the seed)
        steps: number of steps from one stop to the next, or from one end to the other
        interpolation: interpolation between latents
        format_: an animation (gif), a picture of all steps (png), or a folder of frames (frames)
        out: output path (default: walk.gif or similar, or the next free name)
        overwrite: replace an existing output
        device: device to compute on
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before torch is imported

    from digitgan.generation.walk_files import walk_to_file

    walked = walk_to_file(
        model,
        kind=kind,
        labels=labels,
        seed=seed,
        steps=steps,
        interpolation=interpolation,
        latent=latent,
        format_name=format_,
        out=out,
        overwrite=overwrite,
        device=device,
    )
    output = Output(quiet, json_)
    rows = [f"  row {row}: {name}" for row, name in enumerate(walked.rows)] if format_ == "png" else []
    output.lines(f"{walked.steps} frames  {walked.path}", *rows)
    facts = {"out": str(walked.path), "steps": walked.steps, "rows": list(walked.rows)}
    output.result({**facts, "kind": kind, "model": model, "seed": seed})


def invert(
    image: Path,
    model: str = "mnist",
    /,
    *,
    label: Annotated[str | None, arg(metavar="CLASS", help_behavior_hint="(default: try every class)")] = None,
    seed: int = 0,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Find the latent that best reconstructs a picture, and generate every class in that style.

    Args:
        image: picture of the size of the model's images; dark ink on light paper is inverted
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        label: class of the picture
        seed: seed of the latents at which the search starts
        out: output picture of the image, its reconstruction and every class (default: IMAGE-redrawn.png, or the next free
            name); the latent is written beside it as .npy
        overwrite: replace an existing output
        device: device to compute on
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before torch is imported

    from digitgan.generation.walk_files import invert_to_file

    found = invert_to_file(image, model, label=label, seed=seed, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    turned = " (dark on light, inverted)" if found.reversed else ""
    output.lines(
        f"{image}{turned}: reconstructed as class {found.class_name}, root mean square error {found.found.error:.1f} of 255",
        f"image, reconstruction, and every class in that style  {found.path}",
        f"latent for digitgan walk --latent  {found.latent}",
    )
    facts = {"out": str(found.path), "latent": str(found.latent), "class": found.class_name, "error": found.found.error}
    output.result({**facts, "reversed": found.reversed, "image": str(image), "model": model, "seed": seed})
