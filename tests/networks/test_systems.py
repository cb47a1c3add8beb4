"""The five reference systems: published parameter counts and shapes, initialisation and conditioning on the label."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.recipes import RECIPES, find_recipe, with_settings

GREY = ImageSpec(channels=1, height=28, width=28, classes=10)
CONDITIONAL = ["lstm-cgan", "onehot-cgan", "mask-cgan"]
SYSTEMS = [*CONDITIONAL, "plain-gan", "dcgan"]


def trained(network: nn.Module) -> int:
    return sum(weight.numel() for weight in network.parameters() if weight.requires_grad)


# The generator of dcgan is that of onehot-cgan without the ten one-hot inputs. The description of mask-cgan gives no counts, so
# its formulas follow its layers.
@pytest.mark.parametrize(
    ("name", "generator", "discriminator"),
    [
        ("lstm-cgan", 312_252, 103_321),
        ("onehot-cgan", 2_430_912, 5_396_545),
        (
            "mask-cgan",
            10 * 50 + (150 + 1 + 2) * 12_544 + (256 * 25 + 1 + 2) * 128 + (128 * 25 + 1 + 2) * 64 + (64 * 25 + 1),
            10 * 784 + (2 * 25 + 1) * 64 + (64 * 25 + 1) * 128 + 7 * 7 * 128 + 1,
        ),
        ("plain-gan", 1_164_289, 40_705),
        ("dcgan", 2_430_912 - 10 * 12_544, 212_865),
    ],
)
def test_trained_parameters_are_as_many_as_published(name: str, generator: int, discriminator: int) -> None:
    assert trained(build_generator(find_recipe(name), GREY)) == generator
    assert trained(build_discriminator(find_recipe(name), GREY)) == discriminator


def test_torch_has_a_second_bias_in_each_lstm_which_stays_zero_and_is_not_trained() -> None:
    for network in (build_generator(find_recipe("lstm-cgan"), GREY), build_discriminator(find_recipe("lstm-cgan"), GREY)):
        assert sum(weight.numel() for weight in network.parameters()) == trained(network) + 512
        assert not network.get_parameter("lstm.bias_hh_l0").requires_grad
        assert not network.get_parameter("lstm.bias_hh_l0").any()


@pytest.mark.parametrize("spec", [GREY, ImageSpec(3, 32, 32, 4)], ids=["grey 28x28", "colour 32x32"])
@pytest.mark.parametrize("name", RECIPES)
def test_shapes_and_ranges(name: str, spec: ImageSpec) -> None:
    recipe = find_recipe(name)
    generator, discriminator = build_generator(recipe, spec).eval(), build_discriminator(recipe, spec).eval()
    labels = torch.arange(6) % spec.classes
    with torch.no_grad():
        images = generator(torch.randn(6, generator.latent), labels)
        output = discriminator(images, labels)
    assert images.shape == (6, spec.channels, spec.height, spec.width)
    assert images.abs().max() <= 1
    assert output.logits.shape == (6,)
    assert (
        (output.class_logits is not None)
        == (name in ("acgan", "colour", "colour-few-shot"))
        == recipe.discriminator.auxiliary_classifier
    )


def feature_sizes(network: Generator | Discriminator, kind: type[nn.Module], *inputs: torch.Tensor) -> list[tuple[int, ...]]:
    """Return the output shapes of the layers of a type for one image, in order."""
    sizes: list[tuple[int, ...]] = []
    for layer in network.modules():
        if isinstance(layer, kind):
            layer.register_forward_hook(lambda _layer, _inputs, output: sizes.append(tuple(output.shape[1:])))
    with torch.no_grad():
        network.eval()(*inputs)
    return sizes


def test_the_maps_of_the_convolutional_systems_have_the_published_sizes() -> None:
    z, label, image = torch.randn(1, 100), torch.zeros(1, dtype=torch.int64), torch.randn(1, 1, 28, 28)
    expected = {
        "onehot-cgan": ([(128, 7, 7), (64, 14, 14), (1, 28, 28)], [(64, 4, 4), (128, 2, 2)]),
        "mask-cgan": ([(128, 14, 14), (64, 28, 28)], [(64, 14, 14), (128, 7, 7)]),
        "plain-gan": ([(128, 14, 14), (128, 28, 28)], [(64, 14, 14), (64, 7, 7)]),
        "dcgan": ([(128, 7, 7), (64, 14, 14), (1, 28, 28)], [(64, 14, 14), (128, 7, 7)]),
    }
    for name, (ups, downs) in expected.items():
        generator, discriminator = build_generator(find_recipe(name), GREY), build_discriminator(find_recipe(name), GREY)
        assert feature_sizes(generator, nn.ConvTranspose2d, z, label) == ups, name
        assert feature_sizes(discriminator, nn.Conv2d, image, label) == downs, name


@pytest.mark.parametrize("name", CONDITIONAL)
def test_a_label_reaches_both_networks(name: str) -> None:
    recipe = find_recipe(name)
    generator, discriminator = build_generator(recipe, GREY).eval(), build_discriminator(recipe, GREY).eval()
    z, labels = torch.randn(1, 100).repeat(10, 1), torch.arange(10)
    with torch.no_grad():
        images = generator(z, labels)
        scores = discriminator(images[:1].repeat(10, 1, 1, 1), labels).logits
    assert torch.pdist(images.flatten(start_dim=1)).min() > 1e-4
    assert scores.unique().numel() == 10
    discriminator(generator(torch.randn(10, 100), labels), labels).logits.sum().backward()
    tables = [layer for network in (generator, discriminator) for layer in network.modules() if isinstance(layer, nn.Embedding)]
    assert len(tables) == {"lstm-cgan": 2, "onehot-cgan": 0, "mask-cgan": 2}[name]
    for table in tables:
        assert table.weight.grad is not None
        assert (table.weight.grad.abs().sum(dim=1) > 0).all()


@pytest.mark.parametrize("name", ["plain-gan", "dcgan"])
def test_an_unconditional_system_takes_no_notice_of_a_label(name: str) -> None:
    recipe = find_recipe(name)
    generator, discriminator = build_generator(recipe, GREY).eval(), build_discriminator(recipe, GREY).eval()
    z = torch.randn(1, 100).repeat(2, 1)
    with torch.no_grad():
        images = generator(z, torch.tensor([0, 9]))
        scores = discriminator(images, torch.tensor([0, 9])).logits
    torch.testing.assert_close(images[0], images[1])
    torch.testing.assert_close(scores[0], scores[1])


@pytest.mark.parametrize("name", SYSTEMS)
def test_weights_start_as_keras_starts_them(name: str) -> None:
    recipe = find_recipe(name)
    for network in (build_generator(recipe, GREY), build_discriminator(recipe, GREY)):
        for layer in network.modules():
            if isinstance(layer, nn.Linear | nn.Conv2d | nn.ConvTranspose2d):
                taps = layer.weight[0, 0].numel() if layer.weight.ndim == 4 else 1
                limit = math.sqrt(6 / (taps * (layer.weight.shape[0] + layer.weight.shape[1])))
                assert 0.9 * limit < layer.weight.abs().max() <= limit
                assert layer.bias is None or not layer.bias.any()
            elif isinstance(layer, nn.Embedding):
                assert 0.045 < layer.weight.abs().max() <= 0.05
            elif isinstance(layer, nn.modules.batchnorm._BatchNorm):
                assert (layer.momentum, layer.eps) == (0.01, 1e-3)
            elif isinstance(layer, nn.LSTM):
                recurrent = layer.get_parameter("weight_hh_l0").detach()
                torch.testing.assert_close(recurrent.T @ recurrent, torch.eye(128), atol=1e-4, rtol=0)
                bias = layer.get_parameter("bias_ih_l0").detach()
                assert bias.tolist() == [0.0] * 128 + [1.0] * 128 + [0.0] * 256  # input, forget, cell, output


@pytest.mark.parametrize("way", ["one-hot", "row-plane", "mask-plane", "projection"])
@pytest.mark.parametrize("family", ["convolutional", "recurrent"])
def test_every_way_of_telling_a_discriminator_the_label_tells_it(family: str, way: str) -> None:
    base = find_recipe("dcgan" if family == "convolutional" else "lstm-cgan")
    recipe = with_settings(base, [f"discriminator.label_input={way}"])
    discriminator = build_discriminator(recipe, GREY).eval()
    with torch.no_grad():
        scores = discriminator(torch.rand(1, 1, 28, 28).repeat(10, 1, 1, 1), torch.arange(10)).logits
    assert scores.unique().numel() == 10


@pytest.mark.parametrize("way", ["one-hot", "embedding", "normalised-embedding"])
@pytest.mark.parametrize("name", ["dcgan", "lstm-cgan"])
def test_every_way_of_telling_a_generator_the_label_tells_it(name: str, way: str) -> None:
    generator = build_generator(with_settings(find_recipe(name), [f"generator.label_input={way}"]), GREY).eval()
    with torch.no_grad():
        images = generator(torch.randn(1, 100).repeat(10, 1), torch.arange(10))
    assert torch.pdist(images.flatten(start_dim=1)).min() > 1e-5


def test_an_autoregressive_generator_is_fed_the_row_above() -> None:
    generator = build_generator(with_settings(find_recipe("lstm-cgan"), ["generator.autoregressive=true"]), GREY).eval()
    plain = build_generator(find_recipe("lstm-cgan"), GREY)
    assert trained(generator) == trained(plain) + 4 * 128 * 28
    z, labels = torch.randn(2, 100), torch.tensor([3, 7])
    with torch.no_grad():
        before = generator(z, labels)
        generator.get_parameter("pixels.bias")[5] += 1.0
        changed = generator(z, labels)
        assert before.shape == (2, 1, 28, 28)
        assert not torch.equal(before[:, :, 0, 5], changed[:, :, 0, 5])
        assert torch.equal(before[:, :, 0, 6:], changed[:, :, 0, 6:]), "the first row has no row above it"
        assert not torch.equal(before[:, :, 1, 6:], changed[:, :, 1, 6:]), "the second row depends on the first row"
