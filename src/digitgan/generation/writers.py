"""Writers of generated images in standard formats, registered in `WRITERS`."""

from __future__ import annotations

import json
import struct
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from digitgan.errors import UsageError
from digitgan.files import replacing, whole_folder
from digitgan.generation.labels import Labels
from digitgan.images import Picture, encode_png, enlarged, grid, save_png
from digitgan.lookup import Registry

Writer = Callable[[Path, Iterable[Picture], Labels, Sequence[str]], None]
"""A function of the path, an iterable of blocks of images, all labels, and the class names."""

MAX_IN_A_GRID = 10_000
GRID_ENLARGEMENT = 2

ROWS: Final = 1000
"""Images per row group of a Parquet file, which bounds the memory in use."""


def write_grid(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Write one PNG grid with ten images per row, or with a class per row if the classes are contiguous and of equal size.

    Raises:
        UsageError: If there are more than `MAX_IN_A_GRID` images.
    """
    if len(labels) > MAX_IN_A_GRID:
        raise UsageError(
            f"--format png: {len(labels):,} images exceed the maximum of {MAX_IN_A_GRID:,}; use --format folder, npz or idx"
        )
    _, counts = np.unique(labels, return_counts=True)
    runs_of_one_class = len(counts) > 1 and len(set(counts.tolist())) == 1 and bool(np.all(np.diff(labels) >= 0))
    columns = int(counts[0]) if runs_of_one_class and counts[0] <= 40 else min(10, len(labels))
    save_png(path, enlarged(grid(np.concatenate(list(blocks)), columns), GRID_ENLARGEMENT))


def write_folder(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Write a folder of PNGs per class, in the layout of torchvision's `ImageFolder`."""
    from PIL import Image

    places = picture_places(labels, class_names)
    images = (image for block in blocks for image in block)
    with whole_folder(path) as folder:
        for place, image in zip(places, images, strict=True):
            (folder / place).parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(folder / place)


def picture_places(labels: Labels, class_names: Sequence[str], first: int = 0) -> list[Path]:
    """Return the relative path of each image in a folder of pictures; `first` is the index of the first image.

    Raises:
        UsageError: If a class name is not a valid folder name, or not unique.
    """
    drawn = [class_names[label] for label in np.unique(labels)]
    for name in drawn:
        # Model files are untrusted: a class name must not lead out of the folder, nor make a hidden folder.
        fit = name and Path(name).name == name and not name.startswith(".") and name.isprintable()
        if not fit or drawn.count(name) > 1:
            raise UsageError(f"--format folder: class name {name!r} is not a valid folder name or not unique; use --format npz")
    return [Path(class_names[label]) / f"{index:08d}.png" for index, label in enumerate(labels, first)]


def write_npz(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Write an NPZ file with `images` uint8 (n, height, width[, channels]), `labels` int64 (n,) and `class_names`; streamed."""
    with replacing(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        with archive.open("images.npy", "w", force_zip64=True) as member:
            for number, block in enumerate(blocks):
                if number == 0:
                    shape = (len(labels), *block.shape[1:])
                    description = {"descr": "|u1", "fortran_order": False, "shape": shape}
                    np.lib.format.write_array_header_1_0(member, description)
                member.write(block.tobytes())
        for name, array in (("labels", labels), ("class_names", np.asarray(class_names))):
            with archive.open(f"{name}.npy", "w") as member:
                np.lib.format.write_array(member, array, allow_pickle=False)


def write_idx(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Write a folder with the two files of MNIST's training set, in the IDX format.

    Raises:
        UsageError: If the images are in colour, or there are more than 256 classes.
    """
    if len(class_names) > 256:
        raise UsageError(f"--format idx: labels are single bytes, and {len(class_names)} classes do not fit; use --format npz")
    with whole_folder(path) as folder:
        with (folder / "train-images-idx3-ubyte").open("wb") as file:
            for number, block in enumerate(blocks):
                if block.ndim != 3:
                    raise UsageError("--format idx: supports grey images only; use --format npz or folder for colour")
                if number == 0:
                    file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, len(labels), *block.shape[1:]))
                file.write(block.tobytes())
        header = struct.pack(">BBBBI", 0, 0, 8, 1, len(labels))
        (folder / "train-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())


def write_parquet(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Write a Parquet file with `image` (PNG) and `label`, in the schema of Hugging Face's `datasets`.

    Raises:
        UsageError: If pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise UsageError("--format parquet: needs pyarrow; install it with: pip install 'digitgan[parquet]'") from problem
    features = {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    done = 0
    # Uncompressed, since PNG already is compressed.
    with replacing(path) as file, pq.ParquetWriter(file, schema, compression="none") as table:
        for chunk in _of_rows(blocks):
            encoded = (encode_png(image, optimize=False) for image in chunk)
            pictures = [{"bytes": png, "path": f"{index:08d}.png"} for index, png in enumerate(encoded, done)]
            columns = [pa.array(pictures, schema.field(0).type), pa.array(labels[done : done + len(chunk)])]
            table.write_table(pa.Table.from_arrays(columns, schema=schema))
            done += len(chunk)


def _of_rows(blocks: Iterable[Picture]) -> Iterator[Picture]:
    """Yield the images in chunks of at least `ROWS`, except for the last."""
    waiting: list[Picture] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= ROWS:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


WRITERS: Final = Registry[Writer](
    "--format", {"png": write_grid, "folder": write_folder, "npz": write_npz, "idx": write_idx, "parquet": write_parquet}
)
"""The formats of `digitgan sample`."""
