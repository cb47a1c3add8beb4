"""Writing of images in the form in which a training takes them, with a manifest (`digitgan data convert`)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from digitgan.data import ImageSet, ProgressFn, ReadOptions, Split, load_splits, split_facts, splits_of, write_idx
from digitgan.data.readers.idx import idx_stems
from digitgan.data.readers.manifests import MANIFEST
from digitgan.errors import DataError, UsageError
from digitgan.files import claim_output, replacing, whole_folder
from digitgan.generation.writers import WRITERS
from digitgan.generation.writers.pictures import picture_paths, write_pictures
from digitgan.version import __version__

ENDINGS: Final = {".npz": "npz", ".parquet": "parquet", ".idx": "idx", "": "folder"}
"""The format of an output by the ending of its name."""


def convert_source(
    source: str,
    out: Path,
    data_dir: Path | None,
    per_class_limit: int | None,
    read: ReadOptions,
    split: Split | None,
    notify: ProgressFn,
    *,
    overwrite: bool = False,
) -> dict[str, Any]:
    """Read a data source, convert its images, and write them.

    Args:
        source: the data source.
        out: the output; its ending decides on the format, see `ENDINGS`.
        data_dir: the folder of downloaded data sets.
        per_class_limit: the number of training images of each class.
        read: how the images are read and converted.
        split: the only split to write; None for all.
        notify: a function that receives lines of progress.
        overwrite: replace an existing output.

    Returns:
        The manifest, which is written too: into a folder, or beside a file as NAME.manifest.json.

    Raises:
        DataError: if the source cannot be read or lacks the split.
        UsageError: if the format cannot hold the images.
        OutputError: if the output exists or cannot be written.
    """
    kind = ENDINGS.get(out.suffix.lower())
    if kind is None:
        raise UsageError(f"{out}: its ending must be .npz, .parquet or .idx, or none for a folder of pictures")
    if Path(source).is_dir() and Path(source).resolve() in out.resolve().parents:
        raise UsageError(f"{out}: lies within {source}, and would be read with it the next time; write it elsewhere")
    splits = [split] if split is not None else splits_of(source, read)
    if split is not None and split not in splits_of(source, read):
        raise DataError(f"{source}: has no {split} split; leave out --split")
    one_file = kind == "npz" or (kind == "parquet" and len(splits) == 1)
    claim_output(
        out, out.suffix if one_file else "", overwrite=overwrite, any_name=True, option="OUT"
    )  # the ending is checked above
    sets = load_splits(source, data_dir, per_class_limit, notify, allow_download=True, read=read)
    if split is not None:
        sets = {split: sets[split]}
    first = next(iter(sets.values()))
    if kind == "idx" and (len(first.class_names) > 256 or first.images.ndim != 3):
        raise UsageError(f"{out}: the files of MNIST hold grey images of at most 256 classes; use .npz, or --colour grey")
    manifest = {
        "source": source,
        "class_names": next(iter(sets.values())).class_names,
        "read": read.resolved(next(iter(sets.values()))).record(),
        "per_class_limit": per_class_limit,
        "splits": {name: split_facts(images) for name, images in sets.items()},
        "version": __version__,
    }
    if one_file:
        _write_file(out, kind, sets)
        with replacing(out.with_name(f"{out.name}.{MANIFEST}")) as file:
            file.write(_json(manifest))
        return manifest
    with whole_folder(out) as folder:
        for name, images in sets.items():
            # A split alone is training data for whoever reads it.
            _write_split(
                folder if kind != "folder" or len(sets) == 1 else folder / name,
                kind,
                name if len(sets) > 1 else "train",
                images,
            )
        (folder / MANIFEST).write_bytes(_json(manifest))
    return manifest


def _write_file(path: Path, kind: str, sets: Mapping[Split, ImageSet]) -> None:
    """Write one file; an NPZ file of both splits has the arrays x_train, y_train, x_test and y_test."""
    if len(sets) == 1:
        images = next(iter(sets.values()))
        WRITERS[kind].write(path, [images.images], images.labels, images.class_names)
        return
    names = {
        f"{what}_{split}": getattr(images, array)
        for split, images in sets.items()
        for what, array in (("x", "images"), ("y", "labels"))
    }
    with replacing(path) as file:
        np.savez_compressed(file, **names, class_names=np.array(next(iter(sets.values())).class_names))


def _write_split(folder: Path, kind: str, split: Split, images: ImageSet) -> None:
    if kind == "parquet":
        WRITERS[kind].write(folder / f"{split}-00000-of-00001.parquet", [images.images], images.labels, images.class_names)
    elif kind == "idx":
        image_stem, label_stem = idx_stems(split)
        write_idx(folder / image_stem, images.images)
        write_idx(folder / label_stem, images.labels.astype(np.uint8))
    else:
        pixels = images.images[..., 0] if images.images.ndim == 4 and images.shape[0] == 1 else images.images
        write_pictures(folder, picture_paths(images.labels, images.class_names), [pixels])


def _json(values: Mapping[str, Any]) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()
