"""Reading of weights from Keras 3's HDF5 files.

The files are untrusted, so only plain arrays in the file itself are read, and their shapes are checked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any, Final

import numpy as np

from digitgan.errors import ModelFileError, UsageError
from digitgan.networks.keras_graph import Layer, Lstm, Numbers

if TYPE_CHECKING:
    import h5py

MISSING_H5PY: Final = "reading Keras weights needs h5py; install it with: pip install 'digitgan[export]'"


def read_weights(
    file: IO[bytes], stored: Sequence[tuple[str, str]], layers: Mapping[str, Layer], source: str
) -> dict[str, list[Numbers]]:
    """Read the weights of each layer, by its name.

    Args:
        file: An HDF5 file written by Keras' `model.save_weights`.
        stored: Class name and name of every layer, in Keras' order.
        layers: The layers to read weights for, by name.
        source: Name of the file in error messages.

    Raises:
        ModelFileError: If the file is damaged or of another kind, lacks a layer, has an array of another shape, or links to
            data outside itself.
        UsageError: If h5py is not installed.
    """
    try:
        import h5py
    except ImportError as problem:
        raise UsageError(MISSING_H5PY) from problem
    try:
        with h5py.File(file, "r") as opened:
            if "layer_names" in opened.attrs:
                raise ModelFileError(f"{source}: is a Keras 2 file; load it with Keras 3 and save it again")
            places = _places(stored)
            return {
                name: [_array(opened, f"{places[name]}/{number}", shape, source) for number, shape in enumerate(layer.stored)]
                for name, layer in ((name, _with_place(layer, name, places)) for name, layer in layers.items())
            }
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as problem:
        raise ModelFileError(f"{source}: not a complete Keras 3 weights file ({problem}); save it again") from problem


def _with_place(layer: Layer, name: str, places: dict[str, str]) -> Layer:
    if isinstance(layer, Lstm):
        places[name] = places[name].removesuffix("/vars") + "/cell/vars"
    return layer


def _places(stored: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return the path of each layer's weights in the file; Keras numbers the layers of each class."""
    seen: Counter[str] = Counter()
    places = {}
    for kind, name in stored:
        plain = _snake(kind)
        places[name] = f"layers/{plain}{f'_{seen[plain]}' if seen[plain] else ''}/vars"
        seen[plain] += 1
    return places


def _snake(name: str) -> str:
    """Convert a class name to snake case as Keras does in paths: Conv2DTranspose to conv2d_transpose."""
    words = re.sub(r"\W+", "", name)
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", words)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def _array(opened: h5py.File, path: str, shape: tuple[int, ...], source: str) -> Numbers:
    """Read an array that is stored in the file itself and has the given shape."""
    import h5py

    node: Any = opened
    for part in path.split("/"):
        link = node.get(part, getlink=True)
        if link is None:
            raise ModelFileError(f"{source}: {path} is missing; give the weights of the same architecture")
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(f"{source}: {path} is a link, which is not followed; store the weights in the file itself")
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
        raise ModelFileError(
            f"{source}: {path} is stored in other files, which are not read; store the weights in the file itself"
        )
    if node.shape != shape or node.dtype.kind != "f":
        raise ModelFileError(f"{source}: {path} is {node.dtype} {node.shape}; the architecture needs float32 {shape}")
    numbers: Numbers = np.asarray(node[()], dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise ModelFileError(f"{source}: {path} has values that are not finite; the training of this generator has diverged")
    return numbers
