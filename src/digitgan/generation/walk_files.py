"""The commands `digitgan walk` and `digitgan invert`: latent walks and GAN inversion, written to files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final, final

import numpy as np
import numpy.typing as npt
import torch

from digitgan import rng
from digitgan.errors import DataError, UsageError
from digitgan.files import claim_output, free_path, replacing, whole_folder
from digitgan.generation.drawing import drawing_for
from digitgan.generation.inversion import Inversion, invert
from digitgan.generation.labels import check_conditional, parse_labels
from digitgan.generation.walking import WALKS, Start, drawn_steps
from digitgan.images import Picture, enlarged, grid, save_gif, save_png
from digitgan.model.file import Model
from digitgan.model.registry import load
from digitgan.options import InvertOptions, WalkOptions, arguments_of

MAX_STEPS: Final = 1000
MAX_ACROSS: Final = 24
"""Maximum columns of a walk's sheet. A longer walk is subsampled evenly."""

STEPS: Final = {"gif": 20, "png": 8, "frames": 20}
"""Default steps between two stops, per format: enough for smooth motion, few enough for a sheet."""

MILLISECONDS: Final = 60
ENLARGEMENT: Final = 2


@final
@dataclass(frozen=True)
class WalkResult:
    """The result of `walk_to_file`.

    Attributes:
        path: The file or folder written.
        format: The format: "gif", "png" or "frames".
        steps: Number of steps written: the frames, or the columns of a sheet.
        rows: Name of each row of a sheet, or of each cell of a frame.
    """

    path: Path
    format: str
    steps: int
    rows: tuple[str, ...]


def walk_to_file(options: WalkOptions) -> WalkResult:
    """Write a walk through latents or classes as an animation, a sheet, or single frames (`digitgan walk`).

    Raises:
        DigitganError: If an option is invalid, the model or the latent cannot be read, or the path cannot be written.
    """
    walk = WALKS.find(options.kind)
    _check_taken(options)
    rng.check_seed(options.seed)
    labels = options.labels
    form = options.format or _format_of(options)
    steps = STEPS[form] if options.steps is None else options.steps
    if not 2 <= steps <= MAX_STEPS:
        raise UsageError(f"--steps {steps}: must be between 2 and {MAX_STEPS}")
    model = load(options.model, options.device)
    if labels is not None and not model.recipe.conditional:
        raise UsageError(f"--labels {labels}: the recipe of this model, {model.recipe.name}, is unconditional; remove --labels")
    classes = parse_labels(labels, model.class_names) if labels is not None else list(range(len(model.class_names)))
    given = None if options.latent is None else _read_latent(options.latent, model)
    planned = walk(Start(model, tuple(classes), options.seed, steps, options.interpolation, given))
    endings = {"gif": ".gif", "png": ".png", "frames": ""}
    path = options.out or free_path(Path("walk" + endings[form]))
    claim_output(path, endings[form], overwrite=options.overwrite, format_name=form, endings=endings)
    drawn = drawn_steps(model, planned)
    if form == "png":
        drawn = [drawn[index] for index in np.linspace(0, len(drawn) - 1, min(len(drawn), MAX_ACROSS)).round().astype(int)]
        _save_sheet(path, drawn)
    else:
        columns = min(5, len(planned.names)) if len(planned.names) > 4 else len(planned.names)
        frames = [enlarged(grid(cells, columns), ENLARGEMENT) for cells in drawn]
        if form == "gif":
            save_gif(path, frames, MILLISECONDS, hold=MILLISECONDS)
        else:
            with whole_folder(path) as folder:
                for number, frame in enumerate(frames):
                    save_png(folder / f"{number:05d}.png", frame)
    return WalkResult(path, form, len(drawn), planned.names)


def _format_of(options: WalkOptions) -> str:
    """Return the format that the name of the output states; else that of the kind of walk: a mixture of styles is a table."""
    ending = "" if options.out is None else options.out.suffix.lower()
    return {".png": "png", ".gif": "gif"}.get(ending) or ("png" if options.kind == "style-mix" else "gif")


def _check_taken(options: WalkOptions) -> None:
    """Check that the kind of walk takes the given options."""
    for name in dict.fromkeys(option for kind in WALKS.values() for option in kind.takes):
        given = " ".join(arguments_of(WalkOptions(**{name: getattr(options, name)})))
        if given and name not in WALKS[options.kind].takes:
            takers = ", ".join(kind for kind, walk in WALKS.items() if name in walk.takes)
            raise UsageError(
                f"{given}: not an option of --kind {options.kind}; omit it, or choose a kind that takes it: {takers}"
            )


@final
@dataclass(frozen=True)
class InversionResult:
    """The result of `invert_to_file`.

    Attributes:
        path: The picture: the image, its reconstruction, and the same latent in every class.
        latent: The file of the latent, an input of `digitgan walk --latent`.
        found: The latent, the class and the error.
        class_name: Name of the class.
        steps: What was done to the image to bring it to the form of the model's images.
    """

    path: Path
    latent: Path
    found: Inversion
    class_name: str
    steps: tuple[str, ...]


def invert_to_file(options: InvertOptions) -> InversionResult:
    """Write an image beside its reconstruction and the same style in every class (`digitgan invert`).

    Raises:
        DigitganError: If an option is invalid, the model or the image cannot be read, or a path cannot be written.
    """
    image, label = options.image, options.label
    rng.check_seed(options.seed)
    model = load(options.model, options.device)
    if label is not None:
        check_conditional(model.recipe, "--label", label)
    labels = None if label is None else parse_labels(label, model.class_names, option="--label")
    if labels is not None and len(labels) != 1:
        raise UsageError(f"--label {label}: give a single class, or remove --label to try every class")
    path = options.out or free_path(Path(f"{image.stem}-redrawn.png"))
    latent = path.with_suffix(".npy")
    claim_output(path, ".png", overwrite=options.overwrite)
    claim_output(latent, ".npy", overwrite=options.overwrite)
    drawing = drawing_for(image, model)
    pixels = drawing.pixels
    found = invert(model, pixels, None if labels is None else labels[0], options.seed)
    every = torch.arange(len(model.class_names))
    as_every = model.draw_many(torch.from_numpy(found.z).expand(len(every), -1), every)
    row = np.concatenate([pixels[None], found.image[None], as_every])
    save_png(path, enlarged(grid(row, columns=len(row), background=64), 3))
    with replacing(latent) as file:
        np.save(file, found.z, allow_pickle=False)
    return InversionResult(path, latent, found, model.class_names[found.label], drawing.steps)


def _save_sheet(path: Path, steps: list[Picture]) -> None:
    """Save one PNG with a row per cell and a column per step."""
    cells = np.stack(steps, axis=1)
    save_png(path, enlarged(grid(cells.reshape(-1, *cells.shape[2:]), columns=len(steps)), ENLARGEMENT))


def _read_latent(path: Path, model: Model) -> npt.NDArray[np.float32]:
    try:
        z = np.load(path, allow_pickle=False)
    except OSError as problem:
        raise DataError(
            f"--latent {path}: cannot be read ({problem.strerror or problem}); name a file of `digitgan invert`"
        ) from problem
    except (ValueError, EOFError) as problem:  # numpy's message advises to load a pickle, which could run code
        raise DataError(
            f"--latent {path}: is not a NumPy file (.npy) of numbers; create one with `digitgan invert`"
        ) from problem
    widths = tuple(dict.fromkeys((model.generator.latent, model.generator.code)))
    fits = isinstance(z, np.ndarray) and z.ndim == 1 and len(z) in widths
    if not fits or z.dtype.kind != "f" or not np.isfinite(z).all():
        wanted = " or ".join(map(str, widths))
        raise DataError(f"--latent {path}: must be one row of {wanted} finite floats; create it with `digitgan invert`")
    return np.asarray(z, dtype=np.float32)
