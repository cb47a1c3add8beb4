"""`digitgan data show`, `digitgan data verify` and `digitgan data convert`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from digitgan.cli.output import Output
from digitgan.options import (
    DataDir,
    DataOptions,
    Device,
    Fields,
    Flag,
    Json,
    Out,
    Overwrite,
    PerClassLimit,
    Quiet,
    Show,
    Unset,
)


def data_show(
    source: str = "mnist",
    /,
    *,
    options: Fields[DataOptions],
    split: Literal["train", "test"] = "train",
    data_dir: DataDir = None,
    per_class_limit: PerClassLimit = None,
    out: Out = None,
    overwrite: Overwrite = False,
    show: Show = True,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Draw some images of every class as one picture.

    Args:
        source: {digitgan.data:DATASETS}, digits, {digitgan.data:READERS}
        split: split of the source
        out: output picture (default: classes.png, or the next free name)
    """
    from digitgan.data import ReadOptions, class_sheet, load_image_set, undrawn_names
    from digitgan.files import claim_output, free_path
    from digitgan.images import save_png

    output = Output(quiet, json_)
    read = ReadOptions.of(options)
    images = load_image_set(source, split, data_dir, notify=output.notify, per_class_limit=per_class_limit, read=read)
    path = out or free_path(Path("classes.png"))
    claim_output(path, ".png", overwrite=overwrite)
    save_png(path, class_sheet(images))
    if show:
        output.picture(path)
    output.lines(f"images of each class of {images.name}  {path}")
    output.lines(*(f"{number}: {name}" for name, number in undrawn_names(images).items()))
    output.result({"out": str(path), "name": images.name, "notes": list(images.notes)})


def data_verify(
    source: str = "mnist",
    /,
    *,
    options: Fields[DataOptions],
    data_dir: DataDir = None,
    per_class_limit: PerClassLimit = None,
    download: Flag = False,
    device: Device = "auto",
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Read and check a data source, and print what a training on it would do.

    Args:
        source: {digitgan.data:DATASETS}, digits, {digitgan.data:READERS}
        download: first download a data set that is missing
        device: device for which the time and the memory of a training are estimated
    """
    from digitgan.data import ReadOptions
    from digitgan.session.forecast import verify_source

    output = Output(quiet, json_)
    found = verify_source(
        source, data_dir, per_class_limit, ReadOptions.of(options), device, output.notify, allow_download=download
    )
    for split, facts in found.splits.items():
        channels, height, width = facts["shape"]
        kind = "grey" if channels == 1 else "colour"
        output.lines(f"{split}: {facts['images']:,} {kind} images {width}x{height}, SHA-256 {facts['content_hash']}")
        output.lines(*(f"  {name:<12}{count:>8,}" for name, count in facts["counts"].items()))
    output.lines(*(f"warning: {line}" for line in found.warnings))
    output.lines(*found.forecast.lines())
    output.result(
        {
            **{str(split): facts for split, facts in found.splits.items()},
            "warnings": list(found.warnings),
            "training": found.forecast.facts(),
        }
    )


def data_convert(
    source: str,
    out: Path,
    /,
    *,
    options: Fields[DataOptions],
    split: Annotated[Literal["train", "test"] | None, Unset] = None,
    data_dir: DataDir = None,
    per_class_limit: PerClassLimit = None,
    overwrite: Overwrite = False,
    quiet: Quiet = False,
    json_: Json = False,
) -> None:
    """Write images in the form in which a training would take them, with a manifest.

    Args:
        source: {digitgan.data:DATASETS}, digits, {digitgan.data:READERS}
        out: file that ends in .npz or .parquet, folder that ends in .idx for the files of MNIST, or another folder for PNG
            files in class folders; with both splits, a name that ends in .parquet is a folder of two files
        split: write only this split (default: all)
    """
    from digitgan.data import ReadOptions
    from digitgan.generation.converted_set import convert_source

    output = Output(quiet, json_)
    manifest = convert_source(
        source, out, data_dir, per_class_limit, ReadOptions.of(options), split, output.notify, overwrite=overwrite
    )
    for name, facts in manifest["splits"].items():
        output.lines(f"{name}: {facts['images']:,} images, SHA-256 {facts['content_hash']}")
    output.lines(str(out))
    output.result({"out": str(out), **manifest})
