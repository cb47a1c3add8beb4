"""Drawn images as files that other tools read: one entry a format in the table at the end."""

from __future__ import annotations

import io
import json
import struct
import types
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from digitgan.errors import UsageError, nearest
from digitgan.files import replacing, whole_folder
from digitgan.generation.labels import Labels
from digitgan.images import Picture, enlarged, grid, save_png

Writer = Callable[[Path, Iterable[Picture], Labels, Sequence[str]], None]
"""Takes the path, blocks of images as they are drawn, all labels, and the class names."""

MAX_IN_A_GRID = 10_000
GRID_ENLARGEMENT = 2

ROWS: Final = 1000
"""Images in a group of a Parquet file's rows: what is in memory at once."""


def find_writer(name: str) -> Writer:
    """The writer of that format.

    Raises:
        UsageError: if there is none; the nearest name is suggested.
    """
    if name not in WRITERS:
        raise UsageError(f"--format {name!r}: {nearest(name, WRITERS)}")
    return WRITERS[name]


def write_grid(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """One PNG of all images, ten in a row, or a whole class in a row where each has as many."""
    if len(labels) > MAX_IN_A_GRID:
        raise UsageError(f"a picture of {len(labels):,} images can't be looked at; --format folder, npz or idx is right")
    _, counts = np.unique(labels, return_counts=True)
    runs_of_one_class = len(counts) > 1 and len(set(counts.tolist())) == 1 and bool(np.all(np.diff(labels) >= 0))
    columns = int(counts[0]) if runs_of_one_class and counts[0] <= 40 else min(10, len(labels))
    save_png(path, enlarged(grid(np.concatenate(list(blocks)), columns), GRID_ENLARGEMENT))


def write_folder(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """A folder of PNGs for each class, as torchvision's ImageFolder and our own reader take them."""
    from PIL import Image

    places = picture_places(labels, class_names)
    images = (image for block in blocks for image in block)
    with whole_folder(path) as folder:
        for place, image in zip(places, images, strict=True):
            (folder / place).parent.mkdir(exist_ok=True)
            Image.fromarray(image).save(folder / place)


def picture_places(labels: Labels, class_names: Sequence[str], first: int = 0) -> list[Path]:
    """Where each image goes in a folder of pictures; `first` is the index of the first one.

    Raises:
        UsageError: for a class name that can't be a folder's.
    """
    drawn = [class_names[label] for label in np.unique(labels)]
    for name in drawn:
        # A model file may come from anyone: no class name leads out of the folder, or is hidden from those who read it.
        fit = name and Path(name).name == name and not name.startswith(".") and name.isprintable()
        if not fit or drawn.count(name) > 1:
            raise UsageError(f"the class name {name!r} can't be a folder's, or isn't the only one; --format npz is right")
    return [Path(class_names[label]) / f"{index:08d}.png" for index, label in enumerate(labels, first)]


def write_npz(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """NPZ with `images` uint8 (n, height, width[, channels]), `labels` int64 (n,) and `class_names`; streamed."""
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
    """A folder with the two files of MNIST's training set, which any MNIST reader takes."""
    if len(class_names) > 256:
        raise UsageError(f"IDX labels are single bytes: {len(class_names)} classes don't fit; --format npz is right")
    with whole_folder(path) as folder:
        with (folder / "train-images-idx3-ubyte").open("wb") as file:
            for number, block in enumerate(blocks):
                if block.ndim != 3:
                    raise UsageError("MNIST's format holds grey images only; --format npz or folder is right for colour")
                if number == 0:
                    file.write(struct.pack(">BBBB3I", 0, 0, 8, 3, len(labels), *block.shape[1:]))
                file.write(block.tobytes())
        header = struct.pack(">BBBBI", 0, 0, 8, 1, len(labels))
        (folder / "train-labels-idx1-ubyte").write_bytes(header + labels.astype(np.uint8).tobytes())


def write_parquet(path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
    """Parquet with `image` (PNG) and `label`, by the schema that Hugging Face's `datasets` gives images and class labels.

    Raises:
        UsageError: where pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as problem:
        raise UsageError(
            "--format parquet needs pyarrow, which comes with the extra `parquet`: pip install 'digitgan[parquet]'"
        ) from problem
    features = {"image": {"_type": "Image"}, "label": {"names": list(class_names), "_type": "ClassLabel"}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )
    done = 0
    # PNG is compressed already.
    with replacing(path) as file, pq.ParquetWriter(file, schema, compression="none") as table:
        for chunk in _of_rows(blocks):
            pictures = [{"bytes": _png(image), "path": f"{index:08d}.png"} for index, image in enumerate(chunk, done)]
            columns = [pa.array(pictures, schema.field(0).type), pa.array(labels[done : done + len(chunk)])]
            table.write_table(pa.Table.from_arrays(columns, schema=schema))
            done += len(chunk)


def _of_rows(blocks: Iterable[Picture]) -> Iterator[Picture]:
    """The images in chunks of about `ROWS`."""
    waiting: list[Picture] = []
    for block in blocks:
        waiting.append(block)
        if sum(map(len, waiting)) >= ROWS:
            yield np.concatenate(waiting)
            waiting.clear()
    if waiting:
        yield np.concatenate(waiting)


def _png(image: Picture) -> bytes:
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray(image).save(file, format="PNG")
    return file.getvalue()


WRITERS: Final[Mapping[str, Writer]] = types.MappingProxyType(
    {"png": write_grid, "folder": write_folder, "npz": write_npz, "idx": write_idx, "parquet": write_parquet}
)
"""The formats of `digitgan sample`."""
