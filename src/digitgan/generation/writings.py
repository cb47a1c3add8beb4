"""A text as a picture in a file, or many pictures of it with their truth."""

from __future__ import annotations

import csv
from pathlib import Path

from digitgan import rng
from digitgan.errors import UsageError
from digitgan.files import claim_output, free_path, whole_folder
from digitgan.generation.text import write
from digitgan.images import enlarged, save_png
from digitgan.model.registry import load

WRITING_ENLARGEMENT = 3


MAX_WRITINGS = 100_000


TRUTH = "truth.csv"
"""In a folder of writings: what is written in each picture."""


def write_to_file(
    text: str,
    model: str,
    *,
    seed: int,
    style: int,
    repeat: int | None,
    out: Path | None,
    overwrite: bool,
    device: str,
) -> Path:
    """`digitgan write`: a string as one picture; or with `repeat` a folder of so many, each in another hand, and the truth.

    Raises:
        DigitganError: of the kind that fits, where the text, the model or the path can't be.
    """
    rng.check_seed(seed)
    if repeat is not None and not 1 <= repeat <= MAX_WRITINGS:
        raise UsageError(f"--repeat {repeat}: 1 to {MAX_WRITINGS:,} pictures is right")
    loaded = load(model, device)
    first = enlarged(write(loaded, text, seed, style), WRITING_ENLARGEMENT if repeat is None else 1)
    plain = "".join(character if character.isalnum() else "-" for character in text)[:40]
    path = out or free_path(Path(plain if repeat else f"{plain}.png"))
    claim_output(path, overwrite=overwrite, folder=repeat is not None)
    if repeat is None:
        save_png(path, first)
        return path
    with whole_folder(path) as folder, (folder / TRUTH).open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("file", "text", "seed", "style"))
        for number in range(repeat):
            name = f"{number:05d}.png"
            save_png(folder / name, write(loaded, text, seed, style + number) if number else first)
            rows.writerow((name, text, seed, style + number))
    return path
