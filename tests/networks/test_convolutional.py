"""The convolutional family: shapes, parameter counts and conditioning on the label."""

from __future__ import annotations

import pytest
import torch

from digitgan.errors import RecipeError, SizeError
from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.networks.convolutional import ConvolutionalGenerator
from digitgan.recipes import find_recipe, with_settings

GREY = ImageSpec(channels=1, height=28, width=28, classes=10)
FAST = with_settings(
    find_recipe("fast"),
    [
        "generator.channels=[64, 32, 16]",
        "generator.image_kernel=3",
        "generator.image_stride=1",
        "discriminator.channels=[32, 64, 128]",
        "discriminator.label_biases=true",
    ],
)


@pytest.mark.parametrize(
    "spec",
    [GREY, ImageSpec(3, 32, 32, 5), ImageSpec(1, 64, 48, 100)],
    ids=["grey 28x28", "colour 32x32", "wide, 100 classes"],
)
def test_shapes_and_range(spec: ImageSpec) -> None:
    z, labels = torch.randn(6, FAST.generator.latent), torch.arange(6) % spec.classes
    images = build_generator(FAST, spec)(z, labels)
    assert images.shape == (6, spec.channels, spec.height, spec.width)
    assert images.abs().max() <= 1
    assert build_discriminator(FAST, spec)(images, labels).logits.shape == (6,)


def test_parameter_counts() -> None:
    # Label embedding, dense layer, gain and bias tables of three norms, two transposed convolutions, image convolution.
    generator = 10 * 64 + (128 * 3136 + 3136) + 2 * 10 * (64 + 32 + 16) + 16 * (64 * 32 + 32 * 16) + (16 * 9 + 1)
    # Three convolutions, dense layer, score layer, label embedding; then the class biases of two convolutions.
    discriminator = (16 + 1) * 32 + (32 * 16 + 1) * 64 + (64 * 9 + 1) * 128 + (2048 + 1) * 128 + 129 + 10 * 128
    discriminator += 10 * (64 + 128)
    for network, expected in (
        (build_generator(FAST, GREY), generator),
        (build_discriminator(FAST, GREY), discriminator),
    ):
        assert sum(weight.numel() for weight in network.parameters()) == expected


def test_each_transposed_convolution_has_its_own_kernel_and_stride() -> None:
    settings = ["generator.channels=[9, 8, 7, 6]", "generator.strides=[1, 2, 1]", "generator.kernel=[3, 4, 5]"]
    network = build_generator(with_settings(FAST, settings), GREY)
    assert isinstance(network, ConvolutionalGenerator)
    shapes = [(tuple(layer.weight.shape), layer.stride) for layer in network.ups]
    assert shapes == [((9, 8, 3, 3), (1, 1)), ((8, 7, 4, 4), (2, 2)), ((7, 6, 5, 5), (1, 1))]
    assert network(torch.randn(2, 64), torch.arange(2)).shape == (2, 1, 28, 28)


def test_a_single_kernel_and_stride_apply_to_each_transposed_convolution() -> None:
    listed = with_settings(FAST, ["generator.kernel=[5, 5]", "generator.strides=[2, 2]"])
    single = with_settings(FAST, ["generator.kernel=5", "generator.strides=2"])
    assert single.generator.layers == listed.generator.layers == [(5, 2), (5, 2)]
    assert single.generator.kernel == (5,)


def test_the_label_reaches_both_networks() -> None:
    generator, discriminator = build_generator(FAST, GREY), build_discriminator(FAST, GREY)
    z = torch.randn(1, FAST.generator.latent).repeat(10, 1)
    labels = torch.arange(10)
    with torch.no_grad():
        images = generator.eval()(z, labels)
        scores = discriminator(images[:1].repeat(10, 1, 1, 1), labels).logits
    assert torch.pdist(images.flatten(start_dim=1)).min() > 1e-3
    assert scores.unique().numel() == 10
    discriminator(generator.train()(torch.randn(10, FAST.generator.latent), labels), labels).logits.sum().backward()
    for table in (generator.label.table, generator.norms[0].gain, generator.norms[2].bias, discriminator.score.table):
        assert table.weight.grad is not None
        assert (table.weight.grad.abs().sum(dim=1) > 0).all()
    for bias in discriminator.biases:
        assert (bias.table.weight.grad.abs().sum(dim=1) > 0).all()


def test_weights_are_a_function_of_the_seed() -> None:
    first, again, other = (build_generator(FAST, GREY, seed).state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["dense.weight"], other["dense.weight"])


def test_building_leaves_the_global_random_state_alone() -> None:
    before = torch.get_rng_state()
    build_generator(FAST, GREY)
    assert torch.equal(before, torch.get_rng_state())


def test_activations_start_at_unit_scale() -> None:
    """The fan-in of He initialisation accounts for the stride of a transposed convolution."""
    generator = build_generator(FAST, GREY)
    maps = torch.relu(torch.randn(64, 64, 7, 7))
    for up in generator.ups:
        maps = up(maps)
        assert 0.7 < maps[:, :, 2:-2, 2:-2].std() < 1.4
        maps = torch.relu(maps)


def test_images_of_an_unfit_size_are_refused_with_the_setting() -> None:
    odd = ImageSpec(channels=1, height=30, width=28, classes=10)
    with pytest.raises(SizeError, match=r"generator\.channels = \[64, 32, 16\] .* 4;[^;]* 28x30"):
        ConvolutionalGenerator(FAST.generator, odd)
    assert build_discriminator(FAST, odd)(torch.zeros(2, 1, 30, 28), torch.arange(2)).logits.shape == (2,)


def test_an_unknown_family_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match=r"generator\.family.*'convolutional'"):
        with_settings(FAST, ["generator.family=convolutionl"])
