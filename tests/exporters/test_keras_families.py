"""Converted networks agree with PyTorch: with the torch backend of Keras here, with TensorFlow in the scenarios."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from digitgan.exporters.keras_families import keras_discriminator, keras_generator
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe, with_settings
from tests import tiny
from tests.exporters.networks import RESIDUAL, VARIANTS, discriminator_of, generator_of, inputs_of

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")  # raised within Keras


def drawn_by_keras(model, z: torch.Tensor, labels: torch.Tensor) -> np.ndarray:  # type: ignore[no-untyped-def]
    given = [z.numpy(), labels.numpy().astype(np.int32)[:, None]] if len(model.inputs) == 2 else z.numpy()
    images: np.ndarray = model.predict(given, verbose=0)
    return images.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("name", VARIANTS)
def test_both_networks_give_the_same_numbers(name: str) -> None:
    recipe: Recipe = VARIANTS[name]
    generator, discriminator = generator_of(recipe), discriminator_of(recipe)
    z, labels = inputs_of(generator, 7)
    with torch.no_grad():
        images = generator(z, labels)
        judged = discriminator(images, labels)
    in_keras = keras_generator(generator, conditional=recipe.conditional)
    assert images.std() > 0.02
    np.testing.assert_allclose(drawn_by_keras(in_keras, z, labels), images.numpy(), atol=5e-5)

    told = recipe.discriminator.conditional
    pixels = images.permute(0, 2, 3, 1).numpy()
    other = keras_discriminator(discriminator, conditional=told)
    found = other.predict([pixels, labels.numpy()[:, None]] if told else pixels, verbose=0)
    scores = found[0] if judged.class_logits is not None else found
    assert scores.shape == (7, 1)
    np.testing.assert_allclose(scores[:, 0], judged.logits.numpy(), atol=5e-5)
    if judged.class_logits is not None:
        np.testing.assert_allclose(found[1], judged.class_logits.numpy(), atol=5e-5)


@pytest.mark.parametrize("name", ["fast", "lstm-cgan", "onehot-cgan", "mask-cgan", "plain-gan", "style", *list(RESIDUAL)[:2]])
@pytest.mark.parametrize(("height", "width"), [(32, 16), (30, 17)])
def test_colour_and_other_sizes_too(name: str, height: int, width: int) -> None:
    recipe, spec = VARIANTS[name], ImageSpec(3, height, width, 4)
    generator, discriminator = generator_of(recipe, spec), discriminator_of(recipe, spec)
    z, labels = torch.randn(3, generator.latent), torch.tensor([0, 3, 1])
    with torch.no_grad():
        images = generator(z, labels)
        scores = discriminator(images, labels).logits
    np.testing.assert_allclose(
        drawn_by_keras(keras_generator(generator, conditional=recipe.conditional), z, labels), images.numpy(), atol=5e-5
    )
    pixels = images.permute(0, 2, 3, 1).numpy()
    told = recipe.discriminator.conditional
    model = keras_discriminator(discriminator, conditional=told)
    found = model.predict([pixels, labels.numpy()[:, None]] if told else pixels, verbose=0)
    np.testing.assert_allclose(found[:, 0], scores.numpy(), atol=5e-5)


@pytest.mark.parametrize(
    "spec", [ImageSpec(3, 43, 30, 4), ImageSpec(1, 100, 8, 4), ImageSpec(3, 64, 64, 4), ImageSpec(3, 5, 4, 4)]
)
def test_a_projected_discriminator_of_any_size(spec: ImageSpec) -> None:
    discriminator = discriminator_of(VARIANTS["colour"], spec)
    images, labels = torch.rand(5, spec.channels, spec.height, spec.width) * 2 - 1, torch.tensor([0, 3, 1, 2, 0])
    with torch.no_grad():
        scores = discriminator(images, labels)
    model = keras_discriminator(discriminator, conditional=True)
    found = model.predict([images.permute(0, 2, 3, 1).numpy(), labels.numpy()[:, None]], verbose=0)
    assert scores.class_logits is not None
    np.testing.assert_allclose(found[0][:, 0], scores.logits.numpy(), atol=1e-4)
    np.testing.assert_allclose(found[1], scores.class_logits.numpy(), atol=1e-4)


@pytest.mark.parametrize("patch", [2, 4])
def test_the_channels_of_colour_patches_keep_their_order(patch: int) -> None:
    settings = [f"generator.patch={patch}", f"discriminator.patch={patch}", "generator.to_image=sum"]
    recipe, spec = with_settings(RESIDUAL["residual"], settings), ImageSpec(3, 64, 32, 4)
    generator, discriminator = generator_of(recipe, spec), discriminator_of(recipe, spec)
    z, labels = torch.randn(3, generator.latent), torch.tensor([0, 3, 1])
    with torch.no_grad():
        images = generator(z, labels)
        scores = discriminator(images, labels).logits
    np.testing.assert_allclose(drawn_by_keras(keras_generator(generator, conditional=True), z, labels), images, atol=5e-5)
    pixels = images.permute(0, 2, 3, 1).numpy()
    found = keras_discriminator(discriminator, conditional=True).predict([pixels, labels.numpy()[:, None]], verbose=0)
    np.testing.assert_allclose(found[:, 0], scores.numpy(), atol=5e-5)


GROWING = {
    "residual": RESIDUAL["residual, bottlenecks, sum"],
    "style": tiny.style("discriminator.from_image=each", "discriminator.label_input=row-plane"),
}


@pytest.mark.parametrize("family", GROWING)
@pytest.mark.parametrize("level", [0.0, 0.4, 1.0, 1.7])
def test_networks_in_the_middle_of_their_growth_keep_their_level(level: float, family: str) -> None:
    recipe, spec = GROWING[family], ImageSpec(3, 16, 32, 4)
    generator, discriminator = generator_of(recipe, spec), discriminator_of(recipe, spec)
    for network in (generator, discriminator):
        assert network.growth is not None
        assert network.growth.sides == ((4, 8), (8, 16), (16, 32))
        network.growth.set(level)
    z, labels = torch.randn(3, generator.latent), torch.tensor([0, 3, 1])
    with torch.no_grad():
        images, noise = generator(z, labels), torch.rand(3, 3, 16, 32) * 2 - 1
        scores = [discriminator(each, labels).logits.numpy() for each in (images, noise)]
    np.testing.assert_allclose(drawn_by_keras(keras_generator(generator, conditional=True), z, labels), images, atol=5e-5)
    model = keras_discriminator(discriminator, conditional=True)
    for each, expected in zip((images, noise), scores, strict=True):
        found = model.predict([each.permute(0, 2, 3, 1).numpy(), labels.numpy()[:, None]], verbose=0)
        np.testing.assert_allclose(found[:, 0], expected, atol=5e-5)


def test_no_layer_is_anything_but_keras_own() -> None:
    for name, recipe in VARIANTS.items():
        for layer in keras_generator(generator_of(recipe), conditional=recipe.conditional).layers:
            assert type(layer).__module__.startswith("keras."), name
            assert type(layer).__name__ != "Lambda", name
