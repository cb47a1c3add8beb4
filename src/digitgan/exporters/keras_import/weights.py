"""Weights from Keras 3's HDF5 files, which come from anyone: only plain arrays in the file itself are read, of known shapes."""

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

MISSING: Final = "Keras' weights need h5py, which comes with the extra `export`: pip install 'digitgan[export]'"


def read_weights(
    file: IO[bytes], stored: Sequence[tuple[str, str]], layers: Mapping[str, Layer], source: str
) -> dict[str, list[Numbers]]:
    """The weights of each layer, by its name.

    Args:
        file: an HDF5 file, as `model.save_weights` writes it.
        stored: class name and name of every layer, in Keras' order.
        layers: the layers as they are made here, by their names.
        source: what messages call it.

    Raises:
        ModelFileError: where it isn't such a file, lacks a layer, has another shape, or reaches out of itself.
        UsageError: where h5py is not installed.
    """
    try:
        import h5py
    except ImportError as problem:
        raise UsageError(MISSING) from problem
    try:
        with h5py.File(file, "r") as opened:
            if "layer_names" in opened.attrs:
                raise ModelFileError(f"{source}: is of Keras 2; load it there in Keras 3 and save it again")
            places = _places(stored)
            return {
                name: [_array(opened, f"{places[name]}/{number}", shape, source) for number, shape in enumerate(layer.stored)]
                for name, layer in ((name, _with_place(layer, name, places)) for name, layer in layers.items())
            }
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, AttributeError) as problem:
        raise ModelFileError(f"{source}: not a whole file of Keras 3's weights ({problem})") from problem


def _with_place(layer: Layer, name: str, places: dict[str, str]) -> Layer:
    if isinstance(layer, Lstm):
        places[name] = places[name].removesuffix("/vars") + "/cell/vars"
    return layer


def _places(stored: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Where each layer's weights lie: Keras counts the layers of each class."""
    seen: Counter[str] = Counter()
    places = {}
    for kind, name in stored:
        plain = _snake(kind)
        places[name] = f"layers/{plain}{f'_{seen[plain]}' if seen[plain] else ''}/vars"
        seen[plain] += 1
    return places


def _snake(name: str) -> str:
    """A class name as Keras writes it in paths: Conv2DTranspose, conv2d_transpose."""
    words = re.sub(r"\W+", "", name)
    words = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", words)
    return re.sub("([a-z])([A-Z])", r"\1_\2", words).lower()


def _array(opened: h5py.File, path: str, shape: tuple[int, ...], source: str) -> Numbers:
    """An array of the file itself, of just that shape."""
    import h5py

    node: Any = opened
    for part in path.split("/"):
        link = node.get(part, getlink=True)
        if link is None:
            raise ModelFileError(f"{source}: has no {path}; are these the weights of that architecture?")
        if not isinstance(link, h5py.HardLink):
            raise ModelFileError(
                f"{source}: {path} leads elsewhere, where nothing is read; weights in the file itself are right"
            )
        node = node[part]
    if not isinstance(node, h5py.Dataset) or node.is_virtual or node.external:
        raise ModelFileError(
            f"{source}: {path} is kept in other files, which are not read; weights in the file itself are right"
        )
    if node.shape != shape or node.dtype.kind != "f":
        raise ModelFileError(f"{source}: {path} is {node.dtype} {node.shape}, and the architecture has float32 {shape}")
    numbers: Numbers = np.asarray(node[()], dtype=np.float32)
    if not np.isfinite(numbers).all():
        raise ModelFileError(f"{source}: some of {path} are no numbers: the training of this generator has diverged")
    return numbers
