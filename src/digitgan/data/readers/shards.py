"""Sets of several files with a manifest, as `digitgan sample --shard-size` and `digitgan data convert` write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from digitgan.data.image_set import ImageSet
from digitgan.data.notes import Notes
from digitgan.data.readers.base import DataSource, Reading
from digitgan.data.readers.folders import read_folder
from digitgan.data.readers.idx import read_idx_set
from digitgan.data.readers.manifests import MANIFEST, MAX_MANIFEST_BYTES
from digitgan.data.readers.npz import read_npz
from digitgan.data.readers.parquet import read_parquet
from digitgan.errors import DataError


def shards_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a folder with a manifest as a data source; None if the path is none.

    Raises:
        DataError: if the manifest is damaged.
    """
    if not path.is_dir() or not (path / MANIFEST).is_file():
        return None
    manifest = _manifest(path / MANIFEST)
    if manifest is None:
        return None
    return DataSource(("train",), lambda _: _load(path, manifest, reading), "a generated set is training data", ())


def _manifest(path: Path) -> dict[str, Any] | None:
    """Return a manifest; None for a JSON file of another kind."""
    try:
        if path.stat().st_size > MAX_MANIFEST_BYTES:
            raise DataError(f"{path}: is larger than {MAX_MANIFEST_BYTES >> 20} MiB; is it a manifest?")
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: is damaged ({error}); generate the set again") from error
    if not isinstance(manifest, dict) or not {"files", "format", "class_names", "images"} <= set(manifest):
        return None
    names, files = manifest["class_names"], manifest["files"]
    listed = isinstance(files, list) and all(isinstance(part, dict) and isinstance(part.get("files"), dict) for part in files)
    if not listed or not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise DataError(f"{path}: is damaged: its list of files or class names is missing; generate the set again")
    return manifest


def _load(path: Path, manifest: Mapping[str, Any], reading: Reading) -> ImageSet:
    """Read all files of a set, in their order."""
    kind, names = manifest["format"], [_inside(name, path) for part in manifest["files"] for name in part["files"]]
    if kind == "parquet":
        whole = read_parquet(path, "train", reading)
    elif kind == "folder":
        whole = read_folder(path / names[0] if names else path, "train", reading)
    elif kind in ("npz", "idx"):
        places = dict.fromkeys(path / (name if kind == "npz" else PurePosixPath(name).parent) for name in names)
        # The labels of one IDX file say nothing about those of the set.
        of_file = reading if kind == "npz" else replace(reading, notes=Notes())
        read = read_npz if kind == "npz" else read_idx_set
        parts = [read(each, "train", of_file) for each in places]
        if not parts:
            raise DataError(f"{path / MANIFEST}: lists no files; generate the set again")
        whole = parts[0]
        if kind == "idx":  # the labels of each file are classes of the whole set, of which it may lack some
            parts = [
                replace(
                    each,
                    labels=np.array([int(name) for name in each.class_names])[each.labels],
                    class_names=tuple(manifest["class_names"]),
                )
                for each in parts
            ]
        if any(part.class_names != parts[0].class_names or part.shape != parts[0].shape for part in parts):
            raise DataError(f"{path}: its files differ in their classes or sizes; generate the set again")
        whole = ImageSet(
            np.concatenate([part.images for part in parts]),
            np.concatenate([part.labels for part in parts]),
            parts[0].class_names,
            path.name,
        )
    else:
        raise DataError(f"{path / MANIFEST}: names the unknown format {str(kind)[:40]!r}; generate the set again")
    if len(whole) != manifest["images"]:
        raise DataError(
            f"{path}: has {len(whole):,} images, its manifest {manifest['images']}; generate the missing ones with --resume"
        )
    return replace(whole, name=path.resolve().name)


def _inside(name: Any, path: Path) -> str:
    if not isinstance(name, str) or PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts or "\\" in name:
        raise DataError(f"{path / MANIFEST}: its file {str(name)[:60]!r} leads out of the folder; do not trust it")
    return name
