"""Parsing of Keras' JSON into the description of a layer graph. No code is executed, and Keras is not imported."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final, final

from digitgan.errors import ModelFileError
from digitgan.networks.keras_graph import KINDS
from digitgan.networks.keras_graph.generator import MAX_LAYERS

ONE_HOT: Final = "CategoryEncoding"
LABEL_WORDS: Final = ("label", "class", "cond", "digit")
"""Parts of names that identify a label input, if no layer does."""

KEEPING: Final = frozenset(
    ("Reshape", "Permute", "Flatten", "Dropout", "GaussianNoise", "GaussianDropout", "UpSampling2D", "Cropping1D", "Cropping2D")
)
"""Layers that preserve the range of the pixels."""

RANGES: Final = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""Output ranges of the final activations."""

PIXELS: Final = {(-1.0, 1.0): "signed", (0.0, 1.0): "unit", (0.0, 255.0): "bytes"}
"""Names in a recipe of the ranges of pixels."""

Reference = tuple[str, int, int]
"""A layer's name, the index of the call, and the index of the call's output."""


@final
@dataclass(frozen=True)
class Architecture:
    """The architecture of a Keras generator.

    Attributes:
        name: Name of the model.
        layers: The layers with their settings, in Keras' order, without the inputs.
        calls: See `KerasGraphGenerator`.
        latent: Size of z.
        label_input: "none", "index" or "one-hot".
        label_shape: Shape of one label.
        classes: Number of classes.
        pixels: Name in a recipe of the range of the pixels; None if the layers do not determine it.
        stored: Class name and name of every layer, including inputs, in the order of the stored weights.
    """

    name: str
    layers: tuple[dict[str, Any], ...]
    calls: tuple[tuple[int, tuple[tuple[int, int], ...]], ...]
    latent: int
    label_input: str
    label_shape: tuple[int, ...]
    classes: int
    pixels: str | None
    stored: tuple[tuple[str, str], ...]

    def description(self) -> str:
        """Return the value of `KerasGraphGeneratorRecipe.layers`."""
        return json.dumps({"label_shape": self.label_shape, "layers": self.layers, "calls": self.calls}, separators=(",", ":"))


def read_architecture(text: str | bytes, source: str) -> Architecture:
    """Parse the JSON of a generator, as returned by Keras' `model.to_json()`.

    Args:
        text: The JSON.
        source: Name of the JSON in error messages.

    Raises:
        ModelFileError: If the JSON is not a Keras model, or has an unsupported layer. The message names the layer.
    """
    try:
        model = json.loads(text)
        kind, config = model["class_name"], model["config"]
        if kind not in ("Functional", "Sequential", "Model"):
            raise ModelFileError(
                f"{source}: model class {kind} is not supported; rebuild it as a Functional or Sequential model"
            )
        made = config["layers"]
        if not 0 < len(made) <= MAX_LAYERS:
            raise ModelFileError(f"{source}: {len(made)} layers; must be between 1 and {MAX_LAYERS}")
        _check_kinds(made, source)
        return _functional(config, source) if kind != "Sequential" else _functional(_as_functional(config, source), source)
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as problem:
        raise ModelFileError(f"{source}: not the JSON of a Keras 3 model ({type(problem).__name__}: {problem})") from problem


def _check_kinds(made: Sequence[Mapping[str, Any]], source: str) -> None:
    for layer in made:
        kind, name = layer["class_name"], layer["config"].get("name", "?")
        if kind in ("InputLayer", ONE_HOT) or kind in KINDS:
            continue
        if kind == "Lambda":
            raise ModelFileError(
                f"{source}: layer {name!r} is a Lambda, whose code is never executed; replace it with built-in Keras layers"
            )
        if kind in ("Functional", "Sequential"):
            raise ModelFileError(f"{source}: layer {name!r} is a nested {kind} model; move its layers into the outer model")
        raise ModelFileError(
            f"{source}: layer {name!r} has unsupported class {kind}; supported: {', '.join(sorted({ONE_HOT, *KINDS}))}"
        )


def _as_functional(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """Convert the configuration of a Sequential model to a Functional one that calls each layer once, in order."""
    made = [dict(layer, name=layer["config"]["name"]) for layer in config["layers"]]
    if made[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or made[0]["config"].get("batch_shape")
        if shape is None:
            raise ModelFileError(f"{source}: has no input shape; begin with an Input layer, or build the model")
        first = {"class_name": "InputLayer", "name": "z", "config": {"batch_shape": shape, "dtype": "float32"}}
        made.insert(0, first | {"not_stored": True})
    for before, layer in pairwise(made):
        history = {"class_name": "__keras_tensor__", "config": {"keras_history": [before["name"], 0, 0]}}
        layer["inbound_nodes"] = [{"args": [history], "kwargs": {}}]
    return {
        "name": config.get("name", "generator"),
        "layers": made,
        "input_layers": [made[0]["name"], 0, 0],
        "output_layers": [made[-1]["name"], 0, 0],
    }


def _functional(config: Mapping[str, Any], source: str) -> Architecture:
    made: dict[str, Mapping[str, Any]] = {layer["name"]: layer for layer in config["layers"]}
    inputs, outputs = _references(config["input_layers"]), _references(config["output_layers"])
    if len(outputs) != 1 or len(inputs) not in (1, 2):
        raise ModelFileError(
            f"{source}: {len(inputs)} inputs and {len(outputs)} outputs; must be z or z and labels, and one image"
        )
    names = [name for name, _, _ in inputs]
    labels = None if len(names) == 1 else _label_input(names, made, source)
    ordered = [name for name in names if name != labels] + ([labels] if labels else [])
    latent_shape = _input_shape(made[ordered[0]])
    if len(latent_shape) != 1:
        raise ModelFileError(
            f"{source}: the first input has shape {latent_shape}; must be a latent with one axis. Is it a discriminator?"
        )
    encoding = _encoding(labels, made)
    calls = _in_order(made, encoding)
    places = {(name, 0): index for index, name in enumerate(ordered)}
    if encoding is not None and labels is not None:
        places[encoding, 0] = places[labels, 0]
    layers = [name for name in made if made[name]["class_name"] not in ("InputLayer", ONE_HOT)]
    numbered = {name: index for index, name in enumerate(layers)}
    called = []
    for name, node in calls:
        arguments = _arguments(made[name], node, source)
        called.append((numbered[name], tuple((places[other, call], part) for other, call, part in arguments)))
        places[name, node] = len(ordered) + len(called) - 1
    if calls[-1] != outputs[0][:2]:
        raise ModelFileError(f"{source}: some layers do not contribute to the output {outputs[0][0]!r}; remove them")
    kind, shape, classes = _label_facts(labels, encoding, made)
    return Architecture(
        name=str(config.get("name", "generator")),
        layers=tuple({"name": name, "kind": made[name]["class_name"], "settings": _plain(made[name])} for name in layers),
        calls=tuple(called),
        latent=latent_shape[0],
        label_input=kind,
        label_shape=shape,
        classes=classes,
        pixels=_pixels(calls, made, source),
        stored=tuple((layer["class_name"], layer["name"]) for layer in config["layers"] if not layer.get("not_stored", False)),
    )


def _references(value: Any) -> list[Reference]:
    """One reference [name, call, result], or a list or table of them."""
    if isinstance(value, Mapping):
        value = list(value.values())
    if value and isinstance(value[0], str):
        value = [value]
    return [(str(name), int(call), int(part)) for name, call, part in value]


def _input_shape(layer: Mapping[str, Any]) -> tuple[int, ...]:
    config = layer["config"]
    shape = config.get("batch_shape") or config.get("batch_input_shape")
    return tuple(int(side) for side in shape[1:])


def _label_input(names: Sequence[str], made: Mapping[str, Mapping[str, Any]], source: str) -> str:
    """Return the label input: the one embedded or encoded, or the one named like a label."""
    for layer in made.values():
        if layer["class_name"] in ("Embedding", ONE_HOT):
            for reference in _tensors(layer["inbound_nodes"][0]["args"]):
                if reference[0] in names:
                    return reference[0]
    called = [name for name in names if any(word in name.lower() for word in LABEL_WORDS)]
    if len(called) != 1:
        raise ModelFileError(
            f"{source}: it is not plain which of its inputs {' and '.join(map(repr, names))} is the label; rename that one to "
            "'label'"
        )
    return called[0]


def _encoding(labels: str | None, made: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the layer that makes the label one-hot, or None."""
    found = [name for name, layer in made.items() if layer["class_name"] == ONE_HOT]
    if not found:
        return None
    layer = made[found[0]]
    inputs = [name for name, _, _ in _tensors(layer["inbound_nodes"][0]["args"])]
    if len(found) > 1 or layer["config"].get("output_mode") != "one_hot" or inputs != [labels]:
        raise ValueError(f"layer {found[0]!r}: must be the only CategoryEncoding, of the labels, with output_mode 'one_hot'")
    return found[0]


def _label_facts(
    labels: str | None, encoding: str | None, made: Mapping[str, Mapping[str, Any]]
) -> tuple[str, tuple[int, ...], int]:
    if labels is None:
        return "none", (), 1
    if encoding is not None:
        return "one-hot", (), int(made[encoding]["config"]["num_tokens"])
    looked_up = [
        int(layer["config"]["input_dim"])
        for layer in made.values()
        if layer["class_name"] == "Embedding" and _tensors(layer["inbound_nodes"][0]["args"])[0][0] == labels
    ]
    shape = _input_shape(made[labels])
    return ("index", shape, min(looked_up)) if looked_up else ("one-hot", shape, shape[0])


def _in_order(made: Mapping[str, Mapping[str, Any]], encoding: str | None) -> list[tuple[str, int]]:
    """Return the calls of all layers in topological order."""
    waiting = [
        (name, node)
        for name, layer in made.items()
        if layer["class_name"] != "InputLayer" and name != encoding
        for node in range(len(layer["inbound_nodes"]))
    ]
    done = {(name, 0) for name, layer in made.items() if layer["class_name"] == "InputLayer"} | {(encoding, 0)}
    ordered: list[tuple[str, int]] = []
    while waiting:
        ready = [
            (name, node)
            for name, node in waiting
            if all((other, call) in done for other, call, _ in _tensors(made[name]["inbound_nodes"][node]))
        ]
        if not ready:
            raise ValueError("the layers form a cycle")
        ordered += ready
        done.update(ready)
        waiting = [each for each in waiting if each not in done]
    return ordered


def _tensors(value: Any) -> list[Reference]:
    """Return all references to tensors in the arguments of a call."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _references(value["config"]["keras_history"])
        return [found for part in value.values() for found in _tensors(part)]
    return [found for part in value for found in _tensors(part)] if isinstance(value, list) else []


def _arguments(layer: Mapping[str, Any], node: int, source: str) -> list[Reference]:
    """Return the input tensors of a call, in order; the only supported keyword is `initial_state` of an LSTM."""
    call = layer["inbound_nodes"][node]
    carried = {key: found for key, value in call["kwargs"].items() if (found := _tensors(value))}
    states = carried.pop("initial_state", [])
    if carried:
        raise ModelFileError(
            f"{source}: layer {layer['name']!r} has unsupported keyword inputs {', '.join(carried)}; remove them"
        )
    return _tensors(call["args"]) + states


def _plain(layer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a layer that matter at inference."""
    left_out = ("initializer", "regularizer", "constraint")
    aside = ("name", "trainable", "dtype", "seed", "momentum", "dropout", "recurrent_dropout", "rate", "stddev")
    return {
        key: value
        for key, value in layer["config"].items()
        if key not in aside and not any(word in key for word in left_out) and value is not None
    }


def _pixels(calls: Sequence[tuple[str, int]], made: Mapping[str, Mapping[str, Any]], source: str) -> str | None:
    """Return the range of the pixels from the last activation and the layers after it; None if it is unknown."""
    rescalings: list[tuple[float, float]] = []
    for name, _ in reversed(calls):
        kind, config = made[name]["class_name"], made[name]["config"]
        if kind == "Rescaling":
            rescalings.insert(0, (float(config.get("scale", 1.0)), float(config.get("offset", 0.0))))
        elif kind not in KEEPING:
            break
    last = config.get("activation")
    if not isinstance(last, str) or last not in RANGES:
        return None
    low, high = RANGES[last]
    for scale, offset in rescalings:
        low, high = sorted((low * scale + offset, high * scale + offset))
    found = PIXELS.get((round(low, 6), round(high, 6)))
    if found is None:
        raise ModelFileError(f"{source}: outputs pixels from {low:g} to {high:g}; rescale them to -1 to 1, 0 to 1, or 0 to 255")
    return found
