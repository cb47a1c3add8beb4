"""Digits being written row by row, as recurrent generators write them."""

from __future__ import annotations

import numpy as np

from digitgan.errors import UsageError
from digitgan.images import Picture, grid
from digitgan.model.file import Model

CELLS = 100
COLUMNS = 10


def written_rows(model: Model, seed: int = 0) -> list[Picture]:
    """Grids of a hundred digits, the classes taking turns: first empty ones, then with a row more in each.

    Args:
        model: of a recurrent recipe.
        seed: which digits.

    Raises:
        UsageError: for a model whose generator makes all rows at once.
    """
    if model.recipe.generator.family != "recurrent":
        raise UsageError(
            f"--rows: the generator of recipe {model.recipe.name} makes all rows at once; a recurrent one, such as that of "
            "lstm-cgan, makes them one after another"
        )
    images = model.sample(np.arange(CELLS) % len(model.class_names), seed)
    frames = []
    for row in range(images.shape[1] + 1):
        written = images.copy()
        written[:, row:] = 0
        frames.append(grid(written, columns=COLUMNS))
    return frames
