"""`digitgan walk` and `invert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import arg

from digitgan.cli.output import Output
from digitgan.cli.parser import Device, Flag, Json, Unset
from digitgan.cli.threads import share_cores


def walk(
    model: str = "mnist",
    /,
    *,
    kind: Annotated[str, arg(metavar="latents|classes|grid|origin|neighbours|directions")] = "latents",
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
    """Travel a model's latents and classes: an animation, a picture, or its frames.

    The kinds: latents leads from hand to hand in all classes at once; classes morphs each class into the next; grid shows some
    hands as every class; origin leads from the all-zero latent outwards; neighbours turns one hand towards others; directions
    moves it along the principal directions of the generator's first layer. In a picture each row is a cell of the animation.

    Args:
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        kind: which walk
        labels: the classes, in the order they are visited; neighbours and directions stay with the first
        seed: another seed, other hands
        latent: a hand to begin with in place of the seed's first, as `digitgan invert` leaves it
        steps: from one stop to the next, or from one end to the other
        interpolation: between latents: along the arc, or straight
        format_: an animation, a picture of all steps, or a folder of its frames
        out: where to (default: walk.gif or the like, or the next free name)
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan.generation.pictures import walk_to_file

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
    output.lines(f"{walked.steps} steps  {walked.path}", *(f"  row {row}: {name}" for row, name in enumerate(walked.rows)))
    facts = {"out": str(walked.path), "steps": walked.steps, "rows": list(walked.rows)}
    output.result({**facts, "kind": kind, "model": model, "seed": seed})


def invert(
    image: Path,
    model: str = "mnist",
    /,
    *,
    label: Annotated[str | None, arg(metavar="CLASS", help_behavior_hint="(default: every class is tried)")] = None,
    seed: int = 0,
    out: Annotated[Path | None, Unset] = None,
    overwrite: Flag = False,
    device: Device = "cpu",
    quiet: Flag = False,
    json_: Json = False,
) -> None:
    """Find the latent that best redraws a picture, and draw every class in that hand.

    Args:
        image: a picture of the size that the model draws; dark ink on light paper is turned round
        model: a run's folder, one of its numbered models (RUN@51200), a model file, or the name of a shipped model
        label: its class
        seed: of the latents that the search begins with
        out: the picture: the image, what redraws it, and every class (default: IMAGE-redrawn.png, or the next free name); the
            latent goes beside it as .npy
        overwrite: replace what is there
        device: where to compute
        quiet: print nothing
        json_: print one machine-readable result
    """
    share_cores()  # before anything loads torch

    from digitgan.generation.pictures import invert_to_file

    found = invert_to_file(image, model, label=label, seed=seed, out=out, overwrite=overwrite, device=device)
    output = Output(quiet, json_)
    turned = " (dark on light: turned round)" if found.reversed else ""
    output.lines(
        f"{image}{turned}: redrawn as a {found.class_name}, {found.found.error:.1f} levels of 255 off (root mean square)",
        f"the image, its redrawing, and every class in that hand  {found.path}",
        f"the hand, for digitgan walk --latent  {found.latent}",
    )
    facts = {"out": str(found.path), "latent": str(found.latent), "class": found.class_name, "error": found.found.error}
    output.result({**facts, "reversed": found.reversed, "image": str(image), "model": model, "seed": seed})
