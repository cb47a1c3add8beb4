"""The first images of a source as one picture."""

from __future__ import annotations

from pathlib import Path

from digitgan.data.image_set import ImageSet
from digitgan.data.sources import load_image_set
from digitgan.data.splits import Split
from digitgan.files import claim_output, free_path
from digitgan.images import enlarged, grid, save_png

SHOWN = 25


def show_data(source: str, *, split: Split, data_dir: Path | None, out: Path | None, overwrite: bool) -> tuple[Path, ImageSet]:
    """`digitgan data show`: the first 25 images in reversed grey, five in a row.

    Raises:
        DigitganError: where the data can't be had, or the path can't be used.
    """
    image_set = load_image_set(source, split, data_dir)
    path = out or free_path(Path(f"first-{SHOWN}.png"))
    claim_output(path, overwrite=overwrite)
    first = image_set.images[:SHOWN]
    paper = 255 if first.ndim == 3 else 0  # colours have no reverse that would be easier to look at
    save_png(path, enlarged(grid(255 - first if paper else first, columns=5, background=paper), 3))
    return path, image_set
