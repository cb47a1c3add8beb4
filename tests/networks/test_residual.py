"""The residual family: shapes, sizes, parameter counts, initial weights, labels, and images in the middle of growth."""

from __future__ import annotations

import copy
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from digitgan.errors import RecipeError, SizeError
from digitgan.model.file import Model, load_model, save_model
from digitgan.networks import Discriminator, Generator, ImageSpec, build_discriminator, build_generator
from digitgan.networks.residual import ResidualBlock, ResidualDiscriminator, ResidualGenerator, SelfAttention
from digitgan.recipes import Recipe
from tests.exporters.networks import RESIDUAL, residual, shaken

GREY = ImageSpec(channels=1, height=28, width=28, classes=10)
GROWING = ("generator.to_image=sum", "discriminator.from_image=each")


def networks_of(recipe: Recipe, spec: ImageSpec) -> tuple[ResidualGenerator, ResidualDiscriminator]:
    generator, discriminator = build_generator(recipe, spec), build_discriminator(recipe, spec)
    assert isinstance(generator, ResidualGenerator)
    assert isinstance(discriminator, ResidualDiscriminator)
    return generator, discriminator


def inputs_of(generator: Generator, count: int) -> tuple[torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(count)
    return torch.randn(count, generator.latent, generator=random), torch.arange(count) % generator.spec.classes


# --- shapes and sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("height", "width", "smallest"),
    [
        (16, 16, (4, 4)),
        (28, 28, (7, 7)),
        (32, 32, (4, 4)),
        (48, 48, (6, 6)),
        (64, 96, (4, 6)),
        (96, 96, (6, 6)),
        (128, 128, (4, 4)),
    ],
)
@pytest.mark.parametrize("growing", [False, True])
def test_shapes_and_range(height: int, width: int, smallest: tuple[int, int], growing: bool) -> None:
    recipe, spec = residual(*GROWING) if growing else residual(), ImageSpec(3, height, width, 5)
    generator, discriminator = networks_of(recipe, spec)
    images = generator(*inputs_of(generator, 3))
    assert images.shape == (3, 3, height, width)
    assert images.abs().max() <= 1
    assert discriminator(images, torch.arange(3)).logits.shape == (3,)
    assert generator.start == smallest
    stages = 1 + round(math.log2(height / smallest[0]))
    assert len(generator.stages) == len(discriminator.stages) == stages
    assert len(generator.images) == len(discriminator.images) == (stages if growing else 1)


def test_patches_of_three_pixels_and_bottlenecks_with_norms_work_too() -> None:
    settings = ("generator.patch=3", "discriminator.patch=3", "generator.block=bottleneck", "generator.norm=class-batch")
    generator, discriminator = networks_of(residual(*settings), ImageSpec(1, 48, 24, 10))
    images = generator(*inputs_of(generator, 2))
    assert images.shape == (2, 1, 48, 24)
    assert discriminator(images, torch.arange(2)).logits.isfinite().all()


@pytest.mark.parametrize("name", RESIDUAL)
def test_every_setting_gives_images_scores_and_gradients(name: str) -> None:
    generator, discriminator = networks_of(RESIDUAL[name], GREY)
    output = discriminator(generator(*inputs_of(generator, 4)), torch.arange(4))
    loss = output.logits.square().sum()
    if output.class_logits is not None:
        assert output.class_logits.shape == (4, 10)
        loss = loss + output.class_logits.square().sum()
    assert output.logits.isfinite().all()
    loss.backward()
    for network in (generator, discriminator):
        without = {name for name, weight in network.named_parameters() if weight.grad is None}
        # A grown discriminator receives no images of smaller sizes.
        idle = len(network.images) - 1 if network is discriminator else 0
        assert without == {f"images.{place}.{kind}" for place in range(idle) for kind in ("weight", "bias")}
        assert all(bool(weight.grad.isfinite().all()) for weight in network.parameters() if weight.grad is not None)


@pytest.mark.parametrize(
    ("settings", "spec", "named"),
    [
        ([], ImageSpec(1, 34, 34, 10), ["generator.smallest = 4", "34x34", "32x32", "36x36"]),
        ([], ImageSpec(1, 100, 100, 10), ["100x100", "96x96", "104x104"]),
        (["generator.patch=4"], ImageSpec(1, 30, 30, 10), ["generator.patch = 4", "30x30", "28x28", "32x32"]),
        ([], ImageSpec(1, 64, 65, 10), ["65x64", "64x64"]),
        ([], ImageSpec(1, 3, 8, 10), ["8x3", "8x4"]),
        (["generator.smallest=32"], ImageSpec(1, 64, 64, 10), ["generator.smallest = 32"]),
    ],
)
def test_sizes_that_cannot_be_made_are_refused_with_the_nearest(settings: list[str], spec: ImageSpec, named: list[str]) -> None:
    with pytest.raises(SizeError) as refused:
        ResidualGenerator(residual(*settings).generator, spec)
    for each in named:
        assert each in str(refused.value)
    others = [setting.replace("generator.", "discriminator.") for setting in settings]
    with pytest.raises(SizeError, match=named[0].replace("generator.", r"discriminator\.")):
        ResidualDiscriminator(residual(*others).discriminator, spec)


def test_a_nearest_size_can_be_made() -> None:
    for height, width in ((34, 34), (100, 100), (64, 65), (3, 8), (37, 91)):
        with pytest.raises(SizeError) as refused:
            ResidualGenerator(residual().generator, ImageSpec(1, height, width, 10))
        named = str(refused.value).split("Resize the images to ")[1].split(",")[0].split(" or ")
        for size in named:
            wide, high = map(int, size.split("x"))
            ResidualGenerator(residual().generator, ImageSpec(1, high, wide, 10))
        assert named


def test_attention_at_a_side_that_no_maps_have_is_refused_with_those_that_exist() -> None:
    for part, build in (("generator", build_generator), ("discriminator", build_discriminator)):
        with pytest.raises(RecipeError, match=rf"{part}\.attention = 8: .*7, 14, 28"):
            build(residual(f"{part}.attention=8"), GREY)


# --- weights ----------------------------------------------------------------------------------------------------------


def test_parameter_counts_of_basic_blocks() -> None:
    generator, discriminator = networks_of(residual(), GREY)
    widths = (16, 16, 8)  # of the maps of 7, 14 and 28 pixels: 8 doubled, at most 16
    expected = 10 * 8 + (16 + 8 + 1) * 49 * 16  # the label embedding, the dense layer
    expected += 16 * (16 * 16 + 1) + 8 * (16 * 16) + 8  # two transposed convolutions 4x4
    # A block has two norms with a gain and a bias for each class, and two convolutions 3x3.
    expected += sum(2 * (2 * 10 * width) + 2 * width * (9 * width + 1) for width in widths)
    expected += 2 * 10 * 8 + (9 * 8 + 1)  # the image
    assert sum(weight.numel() for weight in generator.parameters()) == expected
    expected = 8 * (9 + 1) + sum(2 * width * (9 * width + 1) for width in widths)
    expected += 16 * (16 * 8 + 1) + 16 * (16 * 16 + 1)  # two convolutions 4x4 with stride 2
    expected += (49 * 16 + 1) * 16 + (16 + 1) + 10 * 16  # the features, the score, the projection
    assert sum(weight.numel() for weight in discriminator.parameters()) == expected


def test_parameter_counts_of_bottlenecks_attention_and_biases() -> None:
    def count(network: nn.Module) -> int:
        return sum(weight.numel() for weight in network.parameters())

    bottleneck = ("block=bottleneck", "expansion=1.5", "group_width=4", "label_biases=true", "attention=14")
    recipe = residual(
        "generator.norm=none", *(f"{part}.{each}" for part in ("generator", "discriminator") for each in bottleneck)
    )
    plain = residual("generator.norm=none")
    pairs = zip(networks_of(recipe, GREY), networks_of(plain, GREY), strict=True)
    generator, discriminator = (count(ours) - count(theirs) for ours, theirs in pairs)
    expected = 0
    for width in (16, 16, 8):
        inner = width * 3 // 2
        expected += (width + 1) * inner + (9 * 4 + 1) * inner + (inner + 1) * width  # groups of 4 maps
        expected -= 2 * width * (9 * width + 1)
    expected += 16 * 2 * 2 + 2 * 16 * 8 + 1  # queries and keys of an eighth, values of a half and back, gamma
    assert generator == expected + 10 * (16 + 16 + 8)
    assert discriminator == expected + 10 * (16 + 16)


@pytest.mark.parametrize(("group_width", "groups"), [(1, 24), (4, 6), (5, 4), (7, 3), (16, 1), (100, 1)])
def test_groups_have_at_least_the_width_that_was_asked_for(group_width: int, groups: int) -> None:
    settings = ("generator.norm=none", "generator.block=bottleneck", "generator.width=24", "generator.max_width=24")
    generator, _ = networks_of(residual(*settings, f"generator.group_width={group_width}"), GREY)
    block = generator.stages[0].blocks[0]  # type: ignore[union-attr, index]
    assert isinstance(block, ResidualBlock)
    assert block.convolutions[1].groups == groups


@pytest.mark.parametrize("block", ["basic", "bottleneck"])
def test_blocks_without_norms_start_as_the_identity(block: str) -> None:
    recipe = residual("generator.norm=none", f"generator.block={block}", f"discriminator.block={block}", "generator.blocks=2")
    for network in networks_of(recipe, GREY):
        blocks = [layer for layer in network.modules() if isinstance(layer, ResidualBlock)]
        assert len(blocks) in (3, 6)
        for each in blocks:
            maps = torch.randn(2, each.convolutions[0].in_channels, 7, 7)
            assert torch.equal(each(maps, torch.arange(2)), maps)
        # Fixup: all convolutions of a block but the last are L^(-1 / (2m - 2)) times those of He et al.
        first = torch.cat(
            [each.convolutions[0].weight.flatten() * each.convolutions[0].weight[0].numel() ** 0.5 for each in blocks]
        )
        count = 2 if block == "basic" else 3
        he = math.sqrt(2 / (1 + blocks[0].relu.negative_slope ** 2))
        assert float(first.detach().std()) == pytest.approx(he * len(blocks) ** (-1 / (2 * count - 2)), rel=0.15)


def test_blocks_with_norms_do_not_start_as_the_identity() -> None:
    generator, _ = networks_of(residual(), GREY)
    for block in (layer for layer in generator.modules() if isinstance(layer, ResidualBlock)):
        assert all(bool(layer.weight.any()) for layer in block.convolutions)


def test_spectral_norm_gives_scores_that_are_numbers_and_weights_of_norm_one() -> None:
    _, discriminator = networks_of(residual("discriminator.spectral_norm=true"), GREY)
    for _ in range(30):
        scores = discriminator(torch.randn(4, 1, 28, 28), torch.arange(4)).logits
    assert scores.isfinite().all()
    assert scores.std() > 0
    for layer in discriminator.modules():
        if isinstance(layer, nn.Conv2d | nn.Linear):
            assert torch.linalg.svdvals(layer.weight.detach().flatten(start_dim=1))[0] == pytest.approx(1, abs=0.1)


def test_attention_starts_as_the_identity_and_then_mixes_all_positions() -> None:
    layer = SelfAttention(16)
    maps = torch.randn(2, 16, 5, 3, requires_grad=True)
    assert torch.equal(layer(maps), maps)
    nn.init.ones_(layer.gamma)
    naive = []
    for each in maps.detach():
        rows = each.flatten(start_dim=1).T  # (positions, channels)
        query, key, value = (rows @ part.weight[:, :, 0, 0].T for part in (layer.query, layer.key, layer.value))
        shares = torch.exp(query @ key.T / math.sqrt(2))
        shares = shares / shares.sum(dim=1, keepdim=True)
        naive.append(each + ((shares @ value) @ layer.out.weight[:, :, 0, 0].T).T.view(16, 5, 3))
    torch.testing.assert_close(layer(maps), torch.stack(naive))
    (gradient,) = torch.autograd.grad(layer(maps)[0, 0, 0, 0], maps)
    assert gradient[0].any(dim=0).all()
    assert not gradient[1].any()


def deviations(*layers: nn.Module) -> list[float]:
    """Return a list to which each layer adds the standard deviation of its output."""
    found: list[float] = []
    for layer in layers:
        layer.register_forward_hook(lambda _layer, _inputs, output: found.append(float(output.std())))
    return found


def test_maps_and_images_start_at_about_unit_scale() -> None:
    spec = ImageSpec(1, 64, 64, 10)
    for norm in ("none", "batch", "class-batch"):
        generator, discriminator = networks_of(
            residual(f"generator.norm={norm}", "generator.blocks=2", "discriminator.blocks=2"), spec
        )
        found = deviations(*generator.ups, *discriminator.downs, *discriminator.images)
        with torch.no_grad():
            generator(*inputs_of(generator, 32))
            discriminator(torch.randn(32, 1, 64, 64), torch.arange(32) % 10)
        assert len(found) == 9
        # With norms, the identity and the branch of each block add up.
        assert all(0.4 < each < (1.6 if norm == "none" else 6) for each in found), (norm, found)


def test_weights_are_a_function_of_the_seed() -> None:
    for build in (build_generator, build_discriminator):
        first, again, other = (build(residual(), GREY, seed).state_dict() for seed in (1, 1, 2))  # type: ignore[operator]
        assert all(torch.equal(first[name], again[name]) for name in first)
        assert not all(torch.equal(first[name], other[name]) for name in first)


# --- labels -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings",
    [
        ["generator.norm=none", "discriminator.label_input=none", "discriminator.label_biases=true"],
        ["generator.label_input=none"],
        ["generator.label_input=none", "generator.norm=none", "generator.label_biases=true"],
    ],
    ids=["latent, biases", "norm, projection", "biases, projection"],
)
def test_the_label_reaches_both_networks(settings: list[str]) -> None:
    generator, discriminator = networks_of(residual(*settings), GREY)
    shaken(generator), shaken(discriminator)
    z, labels = torch.randn(1, generator.latent).repeat(10, 1), torch.arange(10)
    with torch.no_grad():
        images = generator(z, labels)
        scores = discriminator(images[:1].repeat(10, 1, 1, 1), labels).logits
    assert torch.pdist(images.flatten(start_dim=1)).min() > 1e-3
    assert scores.unique().numel() == 10
    assert residual(*settings).conditional


def test_without_labels_the_label_changes_nothing() -> None:
    recipe = RESIDUAL["residual, without labels"]
    assert not recipe.conditional
    generator, discriminator = networks_of(recipe, GREY)
    shaken(generator), shaken(discriminator)
    z, labels = torch.randn(3, generator.latent), torch.arange(3)
    with torch.no_grad():
        images = generator(z, labels)
        assert torch.equal(images, generator(z, labels + 5))
        assert torch.equal(discriminator(images, labels).logits, discriminator(images, labels + 5).logits)


@pytest.mark.parametrize("name", [name for name, recipe in RESIDUAL.items() if recipe.conditional])
def test_class_weights_are_labels_too(name: str) -> None:
    generator, _ = networks_of(RESIDUAL[name], GREY)
    shaken(generator)
    z, labels = inputs_of(generator, 5)
    with torch.no_grad():
        whole = generator(z, functional.one_hot(labels, 10).float())
        torch.testing.assert_close(whole, generator(z, labels))
        mixed = generator(z, 0.5 * functional.one_hot(labels, 10) + 0.05)
    assert (mixed - whole).abs().max() > 1e-3


# --- growth -----------------------------------------------------------------------------------------------------------

WIDE = ImageSpec(channels=3, height=16, width=32, classes=4)


def grown_to(level: float, *networks: Generator | Discriminator) -> None:
    for network in networks:
        assert network.growth is not None
        network.growth.set(level)


@pytest.fixture
def growing() -> tuple[ResidualGenerator, ResidualDiscriminator]:
    """Return networks with the sizes 4x8, 8x16 and 16x32."""
    generator, discriminator = networks_of(residual(*GROWING, "generator.norm=none"), WIDE)
    shaken(generator), shaken(discriminator)
    return generator, discriminator


@pytest.mark.parametrize(("level", "height"), [(0.0, 4), (1e-6, 8), (0.5, 8), (1.0, 8), (1.25, 16), (2.0, 16)])
def test_the_size_at_each_level(growing: tuple[ResidualGenerator, ResidualDiscriminator], level: float, height: int) -> None:
    generator, discriminator = growing
    grown_to(level, generator, discriminator)
    z, labels = inputs_of(generator, 3)
    with torch.no_grad():
        small_images, full = generator.train()(z, labels), generator.eval()(z, labels)
        assert small_images.shape == (3, 3, height, 2 * height)
        assert full.shape == (3, 3, 16, 32)
        factor = 16 // height
        assert torch.equal(full, small_images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3))
        scores = discriminator.train()(small_images, labels).logits
        torch.testing.assert_close(discriminator.eval()(full, labels).logits, scores)


@pytest.mark.parametrize("stage", [1, 2])
def test_images_and_scores_are_continuous_in_the_level(
    growing: tuple[ResidualGenerator, ResidualDiscriminator], stage: int
) -> None:
    """As a stage begins to be faded in, nothing changes; with its full weight, the stage before it adds to the sum."""
    generator, discriminator = growing
    generator.train(), discriminator.train()
    z, labels = inputs_of(generator, 5)
    real = torch.rand(5, 3, 16, 32) * 2 - 1

    def at(level: float) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        grown_to(level, generator, discriminator)
        with torch.no_grad():
            images = generator(z, labels)
            seen = discriminator.growth.resized(real)  # type: ignore[union-attr]
            scores = discriminator(torch.cat([images, seen]), labels.repeat(2)).logits
            factor = 16 // images.shape[2]
            full = images.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3)
            return full, seen.repeat_interleave(factor, dim=2).repeat_interleave(factor, dim=3), scores

    for near, there in ((stage - 1 + 1e-6, stage - 1.0), (stage - 1e-6, float(stage))):
        for close, exact in zip(at(near), at(there), strict=True):
            torch.testing.assert_close(close, exact, atol=2e-4, rtol=1e-3)
    begun, half, done = at(stage - 1.0), at(stage - 0.5), at(float(stage))
    for before, between, after in zip(begun, half, done, strict=True):
        assert (before - after).abs().max() > 0.01
        assert (before - between).abs().max() > 0.001
        assert (between - after).abs().max() > 0.001


def test_the_level_survives_the_state_a_copy_and_a_model_file(tmp_path: Path) -> None:
    recipe = residual(*GROWING)
    generator, _ = networks_of(recipe, WIDE)
    shaken(generator)
    grown_to(1.3, generator)
    z, labels = inputs_of(generator, 3)
    with torch.no_grad():
        expected = generator(z, labels)
    other, _ = networks_of(recipe, WIDE)
    other.load_state_dict(generator.state_dict())
    save_model(tmp_path / "model.safetensors", Model(generator, recipe, ("a", "b", "c", "d"), {}))
    loaded = load_model(tmp_path / "model.safetensors").generator
    for each in (other.eval(), copy.deepcopy(generator), loaded):
        assert each.growth is not None
        assert generator.growth is not None
        assert each.growth.number == generator.growth.number
        assert (each.growth.stage, each.growth.fade) == (2, pytest.approx(0.3))
        with torch.no_grad():
            assert torch.equal(each(z, labels), expected)
    drawn = load_model(tmp_path / "model.safetensors").sample([0, 1, 2])
    assert drawn.shape == (3, 16, 32, 3)
    assert drawn.dtype == np.uint8
