"""Writing: a string of characters as one picture, as if by one hand."""

from __future__ import annotations

import math
import types
from collections.abc import Mapping, Sequence
from typing import Final, final

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.generation.walking import principal_directions
from digitgan.images import Picture
from digitgan.model.file import Model

UNSTEADINESS = 0.35
"""How far each character strays from its hand, as the share of its latent (in standard deviations) that is its own: enough
that two equal digits differ, little enough that they are of one hand."""

MAX_LENGTH = 1000

MARKS: Final[Mapping[str, Sequence[tuple[float, float, float, float]]]] = types.MappingProxyType(
    {
        "-": [(0.3, 0.52, 0.7, 0.5)],
        "/": [(0.68, 0.2, 0.34, 0.82)],
        ".": [(0.5, 0.8, 0.5, 0.8)],
        ":": [(0.5, 0.36, 0.5, 0.36), (0.5, 0.7, 0.5, 0.7)],
    }
)
"""What stands between digits in dates and times, as strokes of a pen from (x, y) to (x, y), in shares of a character's square:
a model of digits has never seen them, so they are no drawings of its own."""

PEN = 0.09
"""Width of those strokes, in shares of the square: about that of MNIST's digits."""


def write(model: Model, text: str, seed: int = 0, style: int = 0) -> Picture:
    """Draw each character of a text and join them, ink on white paper for grey models.

    All characters share one latent, the hand, which seed and style name; each strays from it a little.

    Args:
        model: whose class names are single characters, such as the digits.
        text: characters that are class names, or `MARKS`; a space is left blank.
        seed: another seed, other hands.
        style: which of the seed's hands.

    Returns:
        uint8 (height, width * len(text)[, channels]).

    Raises:
        UsageError: for an empty text, one that is too long, or a character that the model can't draw.
    """
    sheet = Sheet(model, text)
    return sheet.joined(model.draw_many(sheet.latents(seed, style), sheet.labels))


@final
class Sheet:
    """A text that is to be written by a model: what must be drawn for it, and how that is joined.

    Raises:
        UsageError: see `write`.

    Attributes:
        model: that writes.
        text: what.
        labels: int64 (len(text),); where a character isn't drawn by the model, 0.
    """

    def __init__(self, model: Model, text: str) -> None:
        if not text.strip():
            raise UsageError("there is nothing to write; give a text such as 2026")
        if len(text) > MAX_LENGTH:
            raise UsageError(f"the text has {len(text):,} characters; {MAX_LENGTH:,} at most go into one picture")
        if not model.recipe.conditional:
            raise UsageError("this model is unconditional: one can't ask it for a digit, and so not write with it")
        known = {name: label for label, name in enumerate(model.class_names) if len(name) == 1}
        marks = {character: strokes for character, strokes in MARKS.items() if character not in known}
        self._drawn_otherwise = {" ": (), **marks}
        unknown = [each for each in dict.fromkeys(text) if each not in known and each not in self._drawn_otherwise]
        if unknown:
            drawable = "".join(known) or "nothing (its class names are longer than a character)"
            raise UsageError(
                f"this model can't draw {', '.join(map(repr, unknown))}; it draws {drawable}, leaves spaces blank, and "
                f"{' '.join(marks)} are put between"
            )
        self.model = model
        self.text = text
        self.labels = torch.tensor([known.get(character, 0) for character in text])

    def latents(self, seed: int, style: int, moved: tuple[float, float] = (0.0, 0.0)) -> Tensor:
        """One for each character, (len(text), latent): the hand, and how each character strays from it.

        Args:
            seed: see `write`.
            style: see `write`.
            moved: the hand, along the two main directions of the latent, in standard deviations.
        """
        if style < 0:
            raise UsageError(f"--style {style}: the hands of a seed are counted from 0")
        latent = self.model.generator.latent
        hand = rng.normals(seed, "hand", style, 1, latent)
        if any(moved):
            hand = hand + np.array(moved, dtype=np.float32) @ principal_directions(self.model, len(moved))[0]
        strays = rng.normals(seed, "strays of the hand" if style == 0 else f"strays of hand {style}", 0, len(self.text), latent)
        return torch.from_numpy(math.sqrt(1 - UNSTEADINESS**2) * hand + UNSTEADINESS * strays)

    def joined(self, drawn: Picture) -> Picture:
        """The characters as one line, ink on white paper for grey models.

        Args:
            drawn: uint8 (len(text), height, width[, channels]).
        """
        characters = [
            _strokes(self._drawn_otherwise[character], image.shape) if character in self._drawn_otherwise else image
            for character, image in zip(self.text, drawn, strict=True)
        ]
        line = np.concatenate(characters, axis=1)
        return 255 - line if line.ndim == 2 else line


def _strokes(strokes: Sequence[tuple[float, float, float, float]], shape: tuple[int, ...]) -> Picture:
    """Light strokes on dark, of the shape of a drawn image; round at their ends, and smooth by being drawn larger first."""
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
