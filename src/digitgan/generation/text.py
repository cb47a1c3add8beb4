"""Text rendering: a string of characters as one picture in one style, or many such pictures with their truth."""

from __future__ import annotations

import csv
import math
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, final

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.files import claim_output, free_path, whole_folder
from digitgan.images import Picture, enlarged, save_png
from digitgan.model.file import Model
from digitgan.model.registry import load
from digitgan.options import WriteOptions

UNSTEADINESS = 0.35
"""Weight, in standard deviations, of the part of a character's latent that is its own rather than the style's. It is large
enough that two equal digits differ, and small enough that all characters share one style."""

MAX_TEXT_LENGTH = 1000

MARKS: Final[Mapping[str, Sequence[tuple[float, float, float, float]]]] = types.MappingProxyType(
    {
        "-": [(0.3, 0.52, 0.7, 0.5)],
        "/": [(0.68, 0.2, 0.34, 0.82)],
        ".": [(0.5, 0.8, 0.5, 0.8)],
        ":": [(0.5, 0.36, 0.5, 0.36), (0.5, 0.7, 0.5, 0.7)],
    }
)
"""Punctuation of dates and times, as strokes from (x, y) to (x, y) in fractions of a character's square. Digit models are not
trained on punctuation, so it is drawn without the model."""

PEN = 0.09
"""Width of the strokes, as a fraction of the square: about that of MNIST digits."""


def write(model: Model, text: str, seed: int = 0, style: int = 0, truncation: float | None = None) -> Picture:
    """Generate each character of a text and join them into one picture, dark on white for grey models.

    All characters share the latent of the style, which `seed` and `style` determine; each deviates from it slightly.

    Args:
        model: A model whose class names are single characters, such as the digits.
        text: Class names, or characters of `MARKS`; a space is left blank.
        seed: Seed of the styles.
        style: Index of the style, 0 or more.
        truncation: Lower values give more typical styles; see `Generator.truncate`.

    Returns:
        uint8 (height, width * len(text)[, channels]).

    Raises:
        UsageError: If the text is empty or too long, or holds a character that the model cannot generate.
    """
    sheet = Sheet(model, text)
    return sheet.joined(model.draw_many(sheet.latents(seed, style, truncation=truncation), sheet.labels))


@final
class Sheet:
    """A text to be rendered by a model: the labels and latents of its characters, and their layout.

    Raises:
        UsageError: See `write`.

    Attributes:
        model: The model.
        text: The text.
        labels: int64 (len(text),); 0 for a character that is drawn without the model.
    """

    def __init__(self, model: Model, text: str) -> None:
        if not text.strip():
            raise UsageError(f"text {text!r}: must not be blank; give a text such as 2026")
        if len(text) > MAX_TEXT_LENGTH:
            raise UsageError(f"text of {len(text):,} characters: at most {MAX_TEXT_LENGTH:,} per picture; split it")
        if not model.recipe.conditional:
            raise UsageError(f"the recipe of this model, {model.recipe.name}, is unconditional; use a class-conditional model")
        known = {name: label for label, name in enumerate(model.class_names) if len(name) == 1}
        marks = {character: strokes for character, strokes in MARKS.items() if character not in known}
        self._drawn_otherwise = {" ": (), **marks}
        unknown = [each for each in dict.fromkeys(text) if each not in known and each not in self._drawn_otherwise]
        if unknown and not known:
            raise UsageError(
                "the class names of this model are longer than one character, so it cannot write text; use "
                "`digitgan sample --labels`"
            )
        if unknown:
            drawable = "".join(known)
            raise UsageError(
                f"unsupported characters {', '.join(map(repr, unknown))}; this model supports {drawable}, and spaces and "
                f"{' '.join(marks)} are added without it"
            )
        self.model = model
        self.text = text
        self.labels = torch.tensor([known.get(character, 0) for character in text])

    def latents(
        self, seed: int, style: int, moved: tuple[float, float] = (0.0, 0.0), truncation: float | None = None
    ) -> Tensor:
        """Return the latent code of each character, (len(text), code).

        Each is a mixture of the style's latent and a latent of its own, with unit variance in total.

        Args:
            seed: See `write`.
            style: See `write`.
            moved: Shift of the style along the two main directions of the latent, in standard deviations.
            truncation: See `write`.

        Raises:
            UsageError: If `style` is below 0, or `truncation` is out of range.
        """
        if style < 0:
            raise UsageError(f"--style {style}: must be 0 or more")
        generator, latent = self.model.generator, self.model.generator.latent
        # The purposes of the random numbers keep their first names, since they determine the numbers.
        common = rng.normals(seed, "hand", style, 1, latent)
        own = rng.normals(seed, "strays of the hand" if style == 0 else f"strays of hand {style}", 0, len(self.text), latent)
        kept = math.sqrt(1 - UNSTEADINESS**2)
        z = torch.from_numpy(kept * common + UNSTEADINESS * own)
        if truncation is not None:
            z = generator.truncate(z, truncation)
        if any(moved):
            directions, _ = generator.principal_directions(len(moved))
            z = generator.extended(z) + kept * (torch.tensor(moved) @ torch.from_numpy(directions))
        return z

    def latents_near(self, code: Tensor, seed: int, moved: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        """Return a latent code for each character, (len(text), code), near a given one.

        Args:
            code: Latent code (1, code) of the style, such as that of an inversion.
            seed: Seed of the deviations.
            moved: Shift of the style along the two main directions of the latent, in standard deviations.
        """
        generator = self.model.generator
        codes = code.repeat(len(self.text), 1)
        if codes.shape[1] == generator.latent:  # a style has no latent that could deviate
            own = rng.normals(seed, "strays of a drawn style", 0, len(self.text), generator.latent)
            codes = codes + UNSTEADINESS * UNSTEADINESS * torch.from_numpy(own)
        if any(moved):
            directions, _ = generator.principal_directions(len(moved))
            codes = codes + torch.tensor(moved) @ torch.from_numpy(directions).to(codes.dtype)
        return codes

    def joined(self, drawn: Picture) -> Picture:
        """Join the images of the characters into one line, dark on white for grey models.

        Args:
            drawn: Image of each character, uint8 (len(text), height, width[, channels]).
        """
        characters = [
            _strokes(self._drawn_otherwise[character], image.shape) if character in self._drawn_otherwise else image
            for character, image in zip(self.text, drawn, strict=True)
        ]
        line = np.concatenate(characters, axis=1)
        return 255 - line if line.ndim == 2 else line


def _strokes(strokes: Sequence[tuple[float, float, float, float]], shape: tuple[int, ...]) -> Picture:
    """Draw light strokes with round ends on dark, in the shape of a generated image; supersampled for smooth edges."""
    height, width = shape[:2]
    larger = 8
    sheet = Image.new("L", (width * larger, height * larger))
    pen, reach = ImageDraw.Draw(sheet), PEN * width * larger / 2
    for from_x, from_y, to_x, to_y in strokes:
        ends = [(x * width * larger, y * height * larger) for x, y in ((from_x, from_y), (to_x, to_y))]
        pen.line(ends, fill=255, width=round(2 * reach))
        for x, y in ends:
            pen.ellipse((x - reach, y - reach, x + reach, y + reach), fill=255)
    drawn: Picture = np.asarray(sheet.resize((width, height), Image.Resampling.BOX))
    return np.repeat(drawn[:, :, None], shape[2], axis=2) if len(shape) == 3 else drawn


WRITING_ENLARGEMENT = 3
"""Enlargement of a single picture. Those of `--repeat` keep the size of the model's images, for programs that read digits."""

MAX_WRITINGS = 100_000

TRUTH = "truth.csv"
"""File name of the ground truth: the text, seed and style of each picture."""


def write_to_file(options: WriteOptions) -> Path:
    """Write a text as one picture, or as a folder of pictures in different styles with their ground truth.

    Returns:
        The picture or the folder.

    Raises:
        DigitganError: If the text or an option is invalid, the model cannot be read, or the path cannot be written.
    """
    text, seed, style, repeat, truncation = options.text, options.seed, options.style, options.repeat, options.truncation
    rng.check_seed(seed)
    if repeat is not None and not 1 <= repeat <= MAX_WRITINGS:
        raise UsageError(f"--repeat {repeat}: must be between 1 and {MAX_WRITINGS:,}")
    loaded = load(options.model, options.device)
    first = enlarged(write(loaded, text, seed, style, truncation), WRITING_ENLARGEMENT if repeat is None else 1)
    plain = "".join(character if character.isalnum() else "-" for character in text)[:40]
    path = options.out or free_path(Path(plain if repeat else f"{plain}.png"))
    ending, remedy = (".png", "") if repeat is None else ("", "remove --repeat")
    claim_output(path, ending, overwrite=options.overwrite, remedy=remedy)
    if repeat is None:
        save_png(path, first)
        return path
    with whole_folder(path) as folder, (folder / TRUTH).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "text", "seed", "style"))
        for number in range(repeat):
            name = f"{number:05d}.png"
            save_png(folder / name, write(loaded, text, seed, style + number, truncation) if number else first)
            rows.writerow((name, text, seed, style + number))
    return path
