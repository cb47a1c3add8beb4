"""From Keras' JSON to a description that the layered family is made of. Nothing of the JSON is run, and Keras isn't asked."""

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
"""What an input is called that is a label, where nothing else tells."""

KEEPING: Final = frozenset(
    ("Reshape", "Permute", "Flatten", "Dropout", "GaussianNoise", "GaussianDropout", "UpSampling2D", "Cropping1D")
)
"""Layers behind which the range of pixels is still that of the layer before."""

RANGES: Final = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}
"""What activations give that end a generator."""

PIXELS: Final = {(-1.0, 1.0): "signed", (0.0, 1.0): "unit", (0.0, 255.0): "bytes"}
"""Ranges of pixels, and what a recipe calls them."""

Reference = tuple[str, int, int]
"""A layer's name, which of its calls, and which of that call's results."""


@final
@dataclass(frozen=True)
class Architecture:
    """A generator as Keras describes it.

    Attributes:
        name: of the model.
        layers: the layers with their settings, in Keras' order; inputs are not among them.
        calls: see `KerasGraphGenerator`.
        latent: width of z.
        label_input: "none", "index" or "one-hot".
        label_shape: of one label.
        classes: how many there are.
        pixels: the range of what it gives, as a recipe calls it; None where its layers don't tell.
        stored: class name and name of every layer, inputs included, in the order in which weights are stored.
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
        """As `KerasGraphGeneratorRecipe.layers` holds it."""
        return json.dumps({"label_shape": self.label_shape, "layers": self.layers, "calls": self.calls}, separators=(",", ":"))


def read_architecture(text: str | bytes, source: str) -> Architecture:
    """A generator from the JSON that `model.to_json()` gives.

    Args:
        text: the JSON.
        source: what messages call it.

    Raises:
        ModelFileError: where it is none, or has a layer that there is no kind of: it is named.
    """
    try:
        model = json.loads(text)
        kind, config = model["class_name"], model["config"]
        if kind not in ("Functional", "Sequential", "Model"):
            raise ModelFileError(
                f"{source}: a Keras {kind} of one's own code can't be imported; a Functional or Sequential model is right"
            )
        made = config["layers"]
        if not 0 < len(made) <= MAX_LAYERS:
            raise ModelFileError(f"{source}: {len(made)} layers; 1 to {MAX_LAYERS} are right")
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
                f"{source}: layer {name!r} is a Lambda: a piece of somebody's code, which is never run; write it with "
                "Keras' own layers"
            )
        if kind in ("Functional", "Sequential"):
            raise ModelFileError(f"{source}: layer {name!r} is a whole model; write its layers out in one model")
        raise ModelFileError(
            f"{source}: layer {name!r} is a {kind}, which can't be imported; these can: {', '.join(sorted({ONE_HOT, *KINDS}))}"
        )


def _as_functional(config: Mapping[str, Any], source: str) -> dict[str, Any]:
    """A Sequential model's configuration as that of a Functional one: each layer is called once, with the one before."""
    made = [dict(layer, name=layer["config"]["name"]) for layer in config["layers"]]
    if made[0]["class_name"] != "InputLayer":
        shape = config.get("build_input_shape") or made[0]["config"].get("batch_shape")
        if shape is None:
            raise ModelFileError(f"{source}: says nothing about its input; begin with an Input layer, or build it")
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
            f"{source}: {len(inputs)} inputs and {len(outputs)} outputs; z, or z and labels, and one image are right"
        )
    names = [name for name, _, _ in inputs]
    labels = None if len(names) == 1 else _label_input(names, made)
    ordered = [name for name in names if name != labels] + ([labels] if labels else [])
    latent_shape = _input_shape(made[ordered[0]])
    if len(latent_shape) != 1:
        raise ModelFileError(
            f"{source}: its first input has shape {latent_shape}, where a latent has one axis; is it a discriminator?"
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
        raise ModelFileError(f"{source}: some layers lead nowhere")
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


def _label_input(names: Sequence[str], made: Mapping[str, Mapping[str, Any]]) -> str:
    """Which of two inputs is the label: the one that is looked up or encoded, or is called so; else the second."""
    for layer in made.values():
        if layer["class_name"] in ("Embedding", ONE_HOT):
            for reference in _tensors(layer["inbound_nodes"][0]["args"]):
                if reference[0] in names:
                    return reference[0]
    called = [name for name in names if any(word in name.lower() for word in LABEL_WORDS)]
    return called[0] if len(called) == 1 else names[1]


def _encoding(labels: str | None, made: Mapping[str, Mapping[str, Any]]) -> str | None:
    """The layer that makes a label one-hot, where there is one."""
    found = [name for name, layer in made.items() if layer["class_name"] == ONE_HOT]
    if not found:
        return None
    layer = made[found[0]]
    inputs = [name for name, _, _ in _tensors(layer["inbound_nodes"][0]["args"])]
    if len(found) > 1 or layer["config"].get("output_mode") != "one_hot" or inputs != [labels]:
        raise ValueError(f"layer {found[0]!r}: a single CategoryEncoding of the labels, output_mode 'one_hot', is right")
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
    """Every call of a layer, each after those whose results it is given."""
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
            raise ValueError("its layers are given each other's results in a circle")
        ordered += ready
        done.update(ready)
        waiting = [each for each in waiting if each not in done]
    return ordered


def _tensors(value: Any) -> list[Reference]:
    """Every reference to a result in the arguments of a call."""
    if isinstance(value, Mapping):
        if value.get("class_name") == "__keras_tensor__":
            return _references(value["config"]["keras_history"])
        return [found for part in value.values() for found in _tensors(part)]
    return [found for part in value for found in _tensors(part)] if isinstance(value, list) else []


def _arguments(layer: Mapping[str, Any], node: int, source: str) -> list[Reference]:
    """What a call is given, in order; of keywords only an LSTM's `initial_state` carries results."""
    call = layer["inbound_nodes"][node]
    carried = {key: found for key, value in call["kwargs"].items() if (found := _tensors(value))}
    states = carried.pop("initial_state", [])
    if carried:
        raise ModelFileError(f"{source}: layer {layer['name']!r} is given {', '.join(carried)}, which can't be imported")
    return _tensors(call["args"]) + states


def _plain(layer: Mapping[str, Any]) -> dict[str, Any]:
    """A layer's settings that matter when it is drawn from."""
    left_out = ("initializer", "regularizer", "constraint")
    aside = ("name", "trainable", "dtype", "seed", "momentum", "dropout", "recurrent_dropout", "rate", "stddev")
    return {
        key: value
        for key, value in layer["config"].items()
        if key not in aside and not any(word in key for word in left_out) and value is not None
    }


def _pixels(calls: Sequence[tuple[str, int]], made: Mapping[str, Mapping[str, Any]], source: str) -> str | None:
    """The range of the pixels: that of the last activation, through the layers after it; None where it has none."""
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
        raise ModelFileError(f"{source}: gives pixels from {low:g} to {high:g}; -1 to 1, 0 to 1, or 0 to 255 is right")
    return found
