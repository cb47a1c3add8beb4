"""Generators imported from Keras, as Keras models again."""

from __future__ import annotations

from typing import Any

from digitgan.exporters.keras_families.parts import unit_rows
from digitgan.exporters.keras_layers import KerasBuilder, KerasTensor, array
from digitgan.networks.keras_graph import Add, Concatenate, Layer, Lstm, Multiply, Rsqrt
from digitgan.networks.keras_graph.generator import KerasGraphGenerator


def keras_graph_generator(
    build: KerasBuilder, generator: KerasGraphGenerator, z: KerasTensor, labels: KerasTensor | None
) -> KerasTensor:
    """Rebuild a generator that was imported from Keras, from its Keras layers and settings."""
    layers, spec = build.layers, generator.spec
    results: list[Any] = [z]
    if generator.label_input == "one-hot":
        results.append(build.table(labels, unit_rows(spec.classes), "label"))
    elif labels is not None:
        results.append(labels if generator.label_shape else layers.Reshape((), name="label")(labels))
    made: dict[int, Any] = {}
    for place, inputs in generator.calls:
        given = [results[each][part] if isinstance(results[each], list) else results[each] for each, part in inputs]
        described, layer = generator.described[place], generator.layers[place]
        if isinstance(layer, Rsqrt):  # an operation, which Keras has no layer for
            results.append(build.keras.ops.rsqrt(given[0]))
            continue
        if place not in made:
            made[place] = getattr(layers, described["kind"])(**described["settings"], name=described["name"])
        if isinstance(layer, Lstm):
            result = made[place](given[0], initial_state=given[1:] or None)
        else:
            result = made[place](given if isinstance(layer, Concatenate | Add | Multiply) else given[0])
        results.append(list(result) if isinstance(result, tuple | list) else result)
        assert isinstance(layer, Layer)
        made[place].set_weights([array(weight) for weight in layer.own_weights()])
    images = results[-1]
    scale, offset = generator.to_signed
    if (scale, offset) != (1.0, 0.0):
        images = layers.Rescaling(scale, offset=offset, name="signed")(images)
    shape = (spec.height, spec.width, spec.channels)
    return images if images.shape[1:] == shape else layers.Reshape(shape, name="images")(images)
