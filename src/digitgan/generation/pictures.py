"""`digitgan walk` and `invert`: travelling a model's latents, from names and paths to pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.data import read_picture
from digitgan.errors import DataError, UsageError
from digitgan.files import claim_output, free_path, replacing, whole_folder
from digitgan.generation.inversion import Inversion, invert
from digitgan.generation.labels import parse_labels
from digitgan.generation.walking import Interpolation, Start, drawn_steps, find_walk
from digitgan.images import Picture, enlarged, grid, save_gif, save_png
from digitgan.model.file import Model
from digitgan.model.registry import load

WalkFormat = Literal["gif", "png", "frames"]

MAX_STEPS: Final = 1000
MAX_ACROSS: Final = 24
"""Columns of a walk's picture; of more steps, so many evenly spread ones are shown."""

STEPS: Final = {"gif": 20, "png": 8, "frames": 20}
"""From stop to stop, where nothing else is asked for: smooth in motion, few enough for a picture."""

MILLISECONDS: Final = 60
ENLARGEMENT: Final = 2

DARK: Final = 127.5
"""A mean level of an image's edge above this is paper: the models draw light ink on dark."""


@final
@dataclass(frozen=True)
class WalkResult:
    """What `walk_to_file` left.

    Attributes:
        path: the file or folder.
        steps: of the walk.
        rows: what each row of a picture, or each cell of a frame, shows.
    """

    path: Path
    steps: int
    rows: tuple[str, ...]


def walk_to_file(
    name: str,
    *,
    kind: str,
    labels: str | None,
    seed: int,
    steps: int | None,
    interpolation: Interpolation,
    latent: Path | None,
    format_name: WalkFormat,
    out: Path | None,
    overwrite: bool,
    device: str,
) -> WalkResult:
    """`digitgan walk`: a way through latents or classes, as an animation, a picture, or its frames.

    Raises:
        DigitganError: of the kind that fits, where something asked for can't be.
    """
    walk = find_walk(kind)
    rng.check_seed(seed)
    steps = STEPS[format_name] if steps is None else steps
    if not 2 <= steps <= MAX_STEPS:
        raise UsageError(f"--steps {steps}: 2 to {MAX_STEPS} is right")
    model = load(name, device)
    if labels is not None and not model.recipe.conditional:
        raise UsageError(f"--labels {labels}: the recipe of this model, {model.recipe.name}, is unconditional; leave it out")
    classes = parse_labels(labels, model.class_names) if labels is not None else list(range(len(model.class_names)))
    given = None if latent is None else _read_latent(latent, model)
    planned = walk(Start(model, tuple(classes), seed, steps, interpolation, given))
    path = out or free_path(Path("walk" + {"gif": ".gif", "png": ".png", "frames": ""}[format_name]))
    claim_output(path, overwrite=overwrite, folder=format_name == "frames")
    drawn = drawn_steps(model, planned)
    if format_name == "png":
        _save_sheet(path, drawn)
    else:
        columns = min(5, len(planned.names)) if len(planned.names) > 4 else len(planned.names)
        frames = [enlarged(grid(cells, columns), ENLARGEMENT) for cells in drawn]
        if format_name == "gif":
            save_gif(path, frames, MILLISECONDS, hold=MILLISECONDS)
        else:
            with whole_folder(path) as folder:
                for number, frame in enumerate(frames):
                    save_png(folder / f"{number:05d}.png", frame)
    return WalkResult(path, len(drawn), planned.names)


@final
@dataclass(frozen=True)
class InversionResult:
    """What `invert_to_file` left.

    Attributes:
        path: the picture: the image, what redraws it, and that latent as every class.
        latent: the file of the latent, which `digitgan walk --latent` takes.
        found: the latent, the class, the error.
        class_name: of the class.
        reversed: whether the image was taken for ink on paper, and turned round.
    """

    path: Path
    latent: Path
    found: Inversion
    class_name: str
    reversed: bool


def invert_to_file(
    image: Path, name: str, *, label: str | None, seed: int, out: Path | None, overwrite: bool, device: str
) -> InversionResult:
    """`digitgan invert`: what redraws an image best, beside it, and the same hand in every class.

    Raises:
        DigitganError: of the kind that fits, where something asked for can't be.
    """
    rng.check_seed(seed)
    model = load(name, device)
    labels = None if label is None else parse_labels(label, model.class_names, option="--label")
    if labels is not None and len(labels) != 1:
        raise UsageError(f"--label {label}: one class is right; without it every class is tried")
    path = out or free_path(Path(f"{image.stem}-redrawn.png"))
    latent = path.with_suffix(".npy")
    for each in (path, latent):
        claim_output(each, overwrite=overwrite)
    pixels, turned = _ink_on_dark(_as_drawn(read_picture(image), model, image))
    found = invert(model, pixels, None if labels is None else labels[0], seed)
    every = torch.arange(len(model.class_names))
    as_every = model.draw_many(torch.from_numpy(found.z).expand(len(every), -1), every)
    row = np.concatenate([pixels[None], found.image[None], as_every])
    save_png(path, enlarged(grid(row, columns=len(row), background=64), 3))
    with replacing(latent) as file:
        np.save(file, found.z, allow_pickle=False)
    return InversionResult(path, latent, found, model.class_names[found.label], turned)


def _save_sheet(path: Path, steps: list[Picture]) -> None:
    """A row for each cell, a column for each step."""
    shown = [steps[index] for index in np.linspace(0, len(steps) - 1, min(len(steps), MAX_ACROSS)).round().astype(int)]
    cells = np.stack(shown, axis=1)
    save_png(path, enlarged(grid(cells.reshape(-1, *cells.shape[2:]), columns=len(shown)), ENLARGEMENT))


def _read_latent(path: Path, model: Model) -> npt.NDArray[np.float32]:
    try:
        z = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as problem:
        raise DataError(f"--latent {path}: not a file of numbers ({problem}); `digitgan invert` leaves one") from problem
    width = model.generator.latent
    if not isinstance(z, np.ndarray) or z.shape != (width,) or z.dtype.kind != "f" or not np.isfinite(z).all():
        raise DataError(f"--latent {path}: this model takes {width} finite numbers in a row, such as `digitgan invert` leaves")
    return z.astype(np.float32)


def _as_drawn(pixels: Picture, model: Model, path: Path) -> Picture:
    """A picture in the kind of image that the model draws: grey as colour where it draws colour."""
    spec = model.generator.spec
    if pixels.shape[:2] != (spec.height, spec.width):
        raise DataError(
            f"{path}: is {pixels.shape[0]}x{pixels.shape[1]}, this model draws {spec.height}x{spec.width} (height x width): "
            "bring it to that"
        )
    if spec.channels == 1 and pixels.ndim == 3:
        raise DataError(f"{path}: is coloured, and this model draws grey images; save it as grey")
    return np.repeat(pixels[:, :, None], 3, axis=2) if spec.channels == 3 and pixels.ndim == 2 else pixels


def _ink_on_dark(pixels: Picture) -> tuple[Picture, bool]:
    """A grey image with its ink light; and whether it was dark on light, and had to be turned round."""
    if pixels.ndim == 3:
        return pixels, False
    edge = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    paper = bool(edge.mean() > DARK)
    return 255 - pixels if paper else pixels, paper
