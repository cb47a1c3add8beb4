"""Writing: a string of characters as one picture, as if by one hand."""

from __future__ import annotations

import math

import numpy as np
import torch

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.images import Picture
from digitgan.model import BLOCK, Model

UNSTEADINESS = 0.35
"""How far each character strays from its hand, as the share of its latent (in standard deviations) that is its own: enough
that two equal digits differ, little enough that they are of one hand."""

LONGEST = 1000


def write(model: Model, text: str, seed: int = 0) -> Picture:
    """Draw each character of a text and join them, ink on white paper for grey models.

    All characters share one latent, the hand, which the seed names; each strays from it a little.

    Args:
        model: whose class names are single characters, such as the digits.
        text: characters that are class names; a space is left blank.
        seed: another seed, another hand.

    Returns:
        uint8 (height, width * len(text)[, channels]).

    Raises:
        UsageError: for an empty text, one that is too long, or a character that the model can't draw.
    """
    if not text.strip():
        raise UsageError("there is nothing to write; give a text such as 2026")
    if len(text) > LONGEST:
        raise UsageError(f"the text has {len(text):,} characters; {LONGEST:,} at most go into one picture")
    known = {name: label for label, name in enumerate(model.class_names) if len(name) == 1}
    unknown = [character for character in dict.fromkeys(text) if character != " " and character not in known]
    if unknown:
        drawable = "".join(known) or "nothing (its class names are longer than a character)"
        raise UsageError(f"this model can't draw {', '.join(map(repr, unknown))}; it draws {drawable} and leaves spaces blank")
    labels = np.array([known.get(character, 0) for character in text], dtype=np.int64)
    latent = model.generator.latent
    hand = rng.normals(seed, "hand", 0, 1, latent)
    strays = rng.normals(seed, "strays of the hand", 0, len(text), latent)
    z = math.sqrt(1 - UNSTEADINESS**2) * hand + UNSTEADINESS * strays
    drawn = np.concatenate(
        [
            model.draw(torch.from_numpy(z[first : first + BLOCK]), torch.from_numpy(labels[first : first + BLOCK]))
            for first in range(0, len(text), BLOCK)
        ]
    )
    drawn[[character == " " for character in text]] = 0
    line = np.concatenate(list(drawn), axis=1)
    return 255 - line if line.ndim == 2 else line
