"""MATLAB files (.mat) of version 7 or older, such as those of SVHN."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitgan.data.conversion.arrays import CHANNELS, images_of_array
from digitgan.data.conversion.labels import class_labels
from digitgan.data.image_set import SPLITS, UNLABELLED, ImageSet, Split
from digitgan.data.readers.base import ARRAY_OPTIONS, DataSource, Reading
from digitgan.data.readers.splits import part_of
from digitgan.data.safe_reading import check_is_file, check_unpacked
from digitgan.errors import DataError, nearest

IMAGE_NAMES: Final = ("x", "images", "data", "fea", "img", "imgs")
"""The usual names of the variable of images, in lower case."""

LABEL_NAMES: Final = ("y", "labels", "label", "gnd", "targets", "target")
"""The usual names of the variable of labels, in lower case."""

SVHN: Final = re.compile(r"(train|test|extra)_32x32\.mat")
"""The names of the files of SVHN, whose label 10 stands for the digit 0."""

DAMAGED: Final = (Exception,)
"""The exceptions of SciPy for a damaged file. It states none; among them are those of zlib and of its C code."""

BYTES_OF: Final = {"double": 8, "single": 4, "int64": 8, "uint64": 8, "int32": 4, "uint32": 4, "int16": 2, "uint16": 2}
"""The bytes of a value by MATLAB's type. The others have one."""


def mat_reader(path: Path, reading: Reading) -> DataSource | None:
    """Return a MATLAB file, or a folder of files named by their splits, as a data source; None if the path is neither."""
    if path.is_dir():
        files = {split: file for split in SPLITS if (file := path / f"{split}_32x32.mat").is_file()}
        if not files:
            return None
        return DataSource(
            tuple(files),
            lambda split: read_mat(files[split], reading),
            "SVHN's test images are in test_32x32.mat",
            ARRAY_OPTIONS,
        )
    if path.suffix.lower() != ".mat":
        return None
    stem = re.split(r"[-_. ]", path.stem)[0]
    split: Split = "test" if part_of(stem) == "test" else "train"
    return DataSource(
        (split,),
        lambda _: read_mat(path, reading),
        "a MATLAB file holds one split; name the folder of both files",
        ARRAY_OPTIONS,
    )


def read_mat(path: Path, reading: Reading) -> ImageSet:
    """Read the images and the labels of a MATLAB file.

    The images are the variable `X`, `images` or `data`: (height, width, channels, n), (height, width, n), (n, values),
    (values, n), or an array that `images_of_array` converts. The labels are `y`, `labels` or `gnd`. Flat images are read in the
    order of MATLAB, column by column.

    Raises:
        DataError: if the file is missing, damaged, of version 7.3 (HDF5), or has other variables.
    """
    check_is_file(path)
    variables = _variables(path)
    plain = {name.lower(): name for name in variables}
    image_name = next((plain[name] for name in IMAGE_NAMES if name in plain), None)
    if image_name is None:
        raise DataError(f"{path}: has no variable X of images; {nearest('X', list(variables))}")
    wanted = reading.label_column
    if wanted is not None and wanted not in variables:
        raise DataError(f"{path}: --label-column {wanted}: {nearest(wanted, list(variables))}")
    label_name = wanted or next((plain[name] for name in LABEL_NAMES if name in plain), None)
    if label_name is None and len(variables) > 1:
        others = ", ".join(name for name in variables if name != image_name)
        raise DataError(f"{path}: several variables may hold the labels: {others}; choose one with --label-column")
    names = [image_name, *([label_name] if label_name else [])]
    arrays = _load(path, names)
    labels = (
        None
        if label_name is None
        else arrays[label_name].reshape(-1)
        if arrays[label_name].ndim < 2 or 1 in arrays[label_name].shape
        else arrays[label_name]
    )
    count = None if labels is None else len(labels)
    array = _images_first(arrays[image_name], count, reading, path)
    images = images_of_array(array, reading.conversion, reading.image_shape, reading.notes, f"{path}: {image_name}")
    if labels is None:
        return ImageSet(images, np.zeros(len(images), dtype=np.int64), (UNLABELLED,), path.name)
    if SVHN.fullmatch(path.name) and labels.max(initial=0) == 10 and labels.min(initial=0) >= 0:
        reading.notes.add("label 10 stands for the digit 0, as SVHN states")
        labels = np.where(labels == 10, 0, labels)
    found, class_names = class_labels({"train": labels}, None, reading.notes, f"{path}: {label_name}")
    return ImageSet(images, found["train"], class_names, path.name)


def _images_first(array: npt.NDArray[Any], count: int | None, reading: Reading, path: Path) -> npt.NDArray[Any]:
    """Move the number of images to the first place."""
    if (
        array.ndim == 4
        and array.shape[2] in CHANNELS
        and (count == array.shape[3] or (count is None and array.shape[0] > array.shape[2]))
    ):
        reading.notes.add(
            "images are stored as (height, width, channels, n): moved to (n, height, width, channels)", asked=True
        )
        return np.moveaxis(array, 3, 0)
    if array.ndim == 3 and count == array.shape[2] and count != array.shape[0]:
        reading.notes.add("images are stored as (height, width, n): moved to (n, height, width)", asked=True)
        return np.moveaxis(array, 2, 0)
    if array.ndim == 2:
        if count is not None and count == array.shape[1] != array.shape[0]:
            array = array.T
        if reading.image_shape is None:
            side = round(array.shape[1] ** 0.5)
            if side * side == array.shape[1]:
                reading.notes.add(
                    f"flat images of {array.shape[1]} values are read as {side}x{side}, column by column as in MATLAB; if they "
                    f"lie on their side, add --image-shape {side}x{side} to read them row by row"
                )
                return array.reshape(len(array), side, side).transpose(0, 2, 1)
    return array


def _variables(path: Path) -> dict[str, tuple[int, ...]]:
    """Return the shape of each variable, and check that they can be held."""
    from scipy.io import whosmat

    with path.open("rb") as file:
        if file.read(128).startswith(b"MATLAB 7.3") or _is_hdf5(path):
            raise DataError(f"{path}: is of MATLAB's version 7.3 (HDF5), which is not read; save it with: save(file, '-v7')")
    try:
        found = whosmat(str(path))
    except DAMAGED as error:
        raise DataError(f"{path}: is not a MATLAB file or is damaged ({error}); download or copy it again") from error
    size = path.stat().st_size
    variables = {}
    for name, shape, kind in found:
        if kind in ("cell", "struct", "object", "function", "opaque", "sparse"):
            continue
        check_unpacked(int(np.prod(shape, dtype=object)) * BYTES_OF.get(kind, 1), size, str(path))
        variables[name] = shape
    if not variables:
        kinds = ", ".join(sorted({kind for _, _, kind in found})) or "nothing"
        raise DataError(f"{path}: holds {kinds} and no numeric array; save the images as an array X and their labels as y")
    return variables


def _load(path: Path, names: list[str]) -> dict[str, npt.NDArray[Any]]:
    from scipy.io import loadmat

    try:
        loaded = loadmat(str(path), variable_names=names)
        return {name: np.asarray(loaded[name]) for name in names}
    except DAMAGED as error:
        raise DataError(f"{path}: is damaged ({error}); download or copy it again") from error


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(8) == b"\x89HDF\r\n\x1a\n"
