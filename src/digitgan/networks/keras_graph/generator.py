"""The layered family: a generator built from a description of its layers, for example one imported from Keras.

A description is JSON (`KerasGraphGeneratorRecipe.layers`). It contains the kind, name and settings of each layer, and the
layer calls in order.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final, final

import torch
from torch import Tensor, nn
from torch.nn import functional

from digitgan.errors import RecipeError, UsageError
from digitgan.networks.base import Generator, ImageSpec
from digitgan.networks.keras_graph import KINDS, Dense, Layer, Shape
from digitgan.recipes import KerasGraphGeneratorRecipe

MAX_LAYERS: Final = 2_000
MAX_NUMBERS: Final = 100_000_000
"""The maximum number of weights, and of values of any intermediate result; more indicates an error or an attack."""

TO_SIGNED: Final = {"signed": (1.0, 0.0), "unit": (2.0, -1.0), "bytes": (1 / 127.5, -1.0)}
"""The factor and offset that map each pixel range to [-1, 1]."""

Call = tuple[int, tuple[tuple[int, int], ...]]
"""A layer call: the index of the layer, and for each input the index of a result and of a part of that result.

The inputs of the network are the first results, starting with z.
"""


@final
@dataclass(frozen=True)
class Layout:
    """A parsed description with all shapes known; the layers have no weights yet.

    Attributes:
        layers: the layers, on the device "meta".
        calls: the layer calls in order.
        label_shape: the shape of one label.
        shape: the shape of the image.
    """

    layers: list[Layer]
    calls: tuple[Call, ...]
    label_shape: Shape
    shape: Shape


def lay_out(recipe: KerasGraphGeneratorRecipe, classes: int) -> Layout:
    """Build the layers of a description on the device "meta", which infers all shapes without allocating memory.

    Raises:
        RecipeError: if the description is invalid or too large, or if a layer cannot be built. The message names the layer.
    """
    try:
        described = json.loads(recipe.layers)
        made, label_shape = described["layers"], tuple(int(side) for side in described["label_shape"])
        calls = tuple(
            (int(layer), tuple((int(place), int(part)) for place, part in given)) for layer, given in described["calls"]
        )
    except (ValueError, TypeError, KeyError, IndexError, RecursionError) as problem:
        raise RecipeError(
            f"generator.layers: not a valid network description ({problem}); create one with `digitgan import`"
        ) from problem
    if len(made) > MAX_LAYERS or not 0 < len(calls) <= MAX_LAYERS:
        raise RecipeError(f"generator.layers: {len(made)} layers in {len(calls)} calls; must be from 1 to {MAX_LAYERS}")
    layers: dict[int, Layer] = {}
    numbers = 0
    with torch.device("meta"), torch.no_grad():
        results: list[Any] = [torch.zeros(2, recipe.latent)]
        if recipe.label_input == "one-hot":
            results.append(torch.zeros(2, classes))
        elif recipe.label_input == "index":
            results.append(torch.zeros(2, *label_shape, dtype=torch.int64))
        for place, inputs in calls:
            name: Any = place
            try:
                name, kind, settings = made[place]["name"], made[place]["kind"], made[place]["settings"]
                given = [_part(results, *each) for each in inputs]
                if place not in layers:
                    layers[place] = KINDS[kind](settings, [tuple(each.shape[1:]) for each in given])
                    numbers += sum(weight.numel() for weight in layers[place].own_weights())
                results.append(layers[place](*given))
                largest = _part(results, -1, 0).numel()
            except (ValueError, TypeError, KeyError, IndexError, AttributeError, RuntimeError, OverflowError) as problem:
                raise RecipeError(f"generator.layers: cannot build layer {name!r}: {problem}") from problem
            if numbers > MAX_NUMBERS or largest > MAX_NUMBERS:
                raise RecipeError(f"generator.layers: layer {name!r} is too large; the maximum is {MAX_NUMBERS:,} values")
    if sorted(layers) != list(range(len(made))):
        raise RecipeError("generator.layers: some layers are never called; remove them")
    shape = tuple(_part(results, -1, 0).shape[1:])
    return Layout([layers[place] for place in sorted(layers)], calls, label_shape, shape)


@final
class KerasGraphGenerator(Generator):
    """A generator that runs the layers of a description.

    Attributes:
        layers: the layers in the order of the description.
        calls: the layer calls in order.
        described: the name, kind and settings of each layer.
        to_signed: the factor and offset that map the output of the last layer to [-1, 1].
    """

    def __init__(self, recipe: KerasGraphGeneratorRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        self.label_input = recipe.label_input
        self.to_signed = TO_SIGNED[recipe.pixels]
        layout = lay_out(recipe, spec.classes)
        right = (spec.height, spec.width, spec.channels)
        if layout.shape != right and not (spec.channels == 1 and layout.shape == right[:2]):
            raise RecipeError(f"generator.layers: generates images of shape {layout.shape}; must be {right}")
        self.calls, self.label_shape = layout.calls, layout.label_shape
        self.described: list[dict[str, Any]] = json.loads(recipe.layers)["layers"]
        self.layers = nn.ModuleList(layer.to_empty(device="cpu") for layer in layout.layers)
        for weight in (*self.parameters(), *self.buffers()):
            nn.init.zeros_(weight)  # the trained weights are loaded from a file

    @property
    def dense(self) -> nn.Linear:  # type: ignore[override]
        """The first dense layer that takes z as its first inputs.

        Raises:
            UsageError: if there is no such layer.
        """
        for place, inputs in self.calls:
            layer = self.layers[place]
            if isinstance(layer, Dense) and layer.linear.in_features >= self.latent and inputs:
                return layer.linear
        raise UsageError("generator.layers: this imported generator has no dense layer that takes the latent")

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        """See `Generator.forward`."""
        results: list[Any] = [z] if self.label_input == "none" else [z, self._label(labels)]
        for place, inputs in self.calls:
            results.append(self.layers[place](*(_part(results, *each) for each in inputs)))
        images = _part(results, -1, 0)
        images = images[..., None] if images.ndim == 3 else images
        scale, offset = self.to_signed
        images = images * scale + offset
        return images.permute(0, 3, 1, 2)

    def _label(self, labels: Tensor) -> Tensor:
        if labels.is_floating_point():
            return labels
        if self.label_input == "one-hot":
            return functional.one_hot(labels, self.spec.classes).float()
        return labels.reshape(-1, *self.label_shape)


def _part(results: list[Any], place: int, part: int) -> Tensor:
    """Return a result, or one part of it if it is a tuple."""
    found = results[place]
    chosen: Tensor = found[part] if isinstance(found, tuple) else found
    return chosen
