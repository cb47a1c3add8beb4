"""The style family: modulation, styles and their averages, codes, mixing, and the discriminator's deviations."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from digitgan.errors import RecipeError, SizeError, UsageError
from digitgan.networks import Generator, ImageSpec, build_discriminator, build_generator
from digitgan.networks.style import StyleGenerator
from digitgan.networks.style_discriminator import StyleDiscriminator
from digitgan.networks.style_layers import EPSILON, GAIN, SLOPE, MinibatchDeviation, ModulatedConvolution, ToImage
from digitgan.recipes import RECIPES, Recipe, with_settings
from tests import tiny

GREY = ImageSpec(1, 28, 28, 10)
STYLE = tiny.style()


def generator_of(*settings: str, spec: ImageSpec = GREY, seed: int = 0) -> StyleGenerator:
    """Return a generator in evaluation mode whose noise and average styles have effects, as after a training."""
    generator = build_generator(with_settings(STYLE, settings), spec, seed)
    assert isinstance(generator, StyleGenerator)
    random = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in generator.named_parameters():
            if name.endswith("strength"):
                weight.fill_(0.3)
            if name.endswith("bias"):
                weight.add_(0.2 * torch.randn(weight.shape, generator=random))
        z = torch.randn(40 * spec.classes, generator.components, generator=random)
        styles = generator.mapping(z, torch.arange(len(z)) % spec.classes)
        for label in range(spec.classes):
            generator.average[label] = styles[label :: spec.classes].mean(dim=0)
        generator.variance.copy_(styles.var(dim=0))
    return generator.eval()


def latents(generator: Generator, count: int, seed: int = 1) -> Tensor:
    return torch.randn(count, generator.latent, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("settings", [[], ["generator.to_image=last"], ["generator.patch=2", "discriminator.patch=2"]])
@pytest.mark.parametrize(
    ("spec", "sides"),
    [
        (GREY, (28, 14, 7)),
        (ImageSpec(3, 32, 48, 5), (32, 16, 8, 4)),
        (ImageSpec(1, 20, 36, 3), (20, 10, 5)),
        (ImageSpec(3, 96, 96, 2), (96, 48, 24, 12, 6)),
    ],
    ids=lambda value: f"{value.height}x{value.width}" if isinstance(value, ImageSpec) else "",
)
def test_shapes_and_range(settings: list[str], spec: ImageSpec, sides: tuple[int, ...]) -> None:
    generator, discriminator = generator_of(*settings, spec=spec), build_discriminator(with_settings(STYLE, settings), spec)
    labels = torch.arange(6) % spec.classes
    images = generator(latents(generator, 6), labels)
    assert images.shape == (6, spec.channels, spec.height, spec.width)
    assert images.abs().max() <= 1
    assert images.std() > 0.05
    assert discriminator(images, labels).logits.shape == (6,)
    assert len(generator.stages) == len(sides) - ("generator.patch=2" in settings)
    assert generator.constant.shape[2] == sides[-1]


@pytest.mark.parametrize("spec", [ImageSpec(1, 27, 27, 10), ImageSpec(1, 28, 34, 10)], ids=["27x27", "34x28"])
@pytest.mark.parametrize("part", ["generator", "discriminator"])
def test_sides_that_cannot_be_halved_are_refused_with_the_setting_and_a_size_that_can(spec: ImageSpec, part: str) -> None:
    family = {"generator": StyleGenerator, "discriminator": StyleDiscriminator}[part]
    with pytest.raises(SizeError, match=rf"{part}\.smallest.*{spec.width}x{spec.height}.*\d+x\d+"):
        family(getattr(STYLE, part), spec)


# --- modulation -------------------------------------------------------------------------------------------------------


def by_weights_of_each_image(layer: ModulatedConvolution, maps: Tensor, w: Tensor, noise: Tensor) -> Tensor:
    """Compute equations 1 to 3 of Karras et al. 2020 as they are written: one convolution for each image."""
    made = []
    for image, scales, own_noise in zip(maps.expand(len(w), -1, -1, -1), layer.style(w), noise, strict=True):
        weight = layer.weight * (scales[:, None, None, None] if layer.enlarges else scales[None, :, None, None])
        inputs = 0 if layer.enlarges else 1
        weight = weight / (weight.square().sum(dim=(inputs, 2, 3), keepdim=True) + EPSILON).sqrt()
        if layer.enlarges:
            apart = functional.conv_transpose2d(image[None], weight, stride=2)
            row = torch.tensor([1.0, 3.0, 3.0, 1.0])
            kernel = (row[:, None] * row)[None, None] / 16
            smooth = functional.conv2d(apart.transpose(0, 1), kernel, padding=1).transpose(0, 1)
        else:
            smooth = functional.conv2d(image[None], weight, padding=1)
        assert layer.strength is not None
        made.append(smooth + layer.bias[:, None, None] + layer.strength * own_noise)
    return GAIN * functional.leaky_relu(torch.cat(made), SLOPE)


@pytest.mark.parametrize("enlarges", [False, True])
@pytest.mark.parametrize("one_row", [False, True], ids=["maps", "constant"])
def test_modulation_is_that_of_weights_of_each_image(enlarges: bool, one_row: bool) -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 7, 6, enlarges=enlarges, noise=True)
    torch.nn.init.normal_(layer.bias)
    torch.nn.init.constant_(layer.get_parameter("strength"), 0.7)
    maps, w = torch.randn(1 if one_row else 4, 5, 6, 3), torch.randn(4, 6)
    noise = torch.randn(4, 1, *((12, 6) if enlarges else (6, 3)))
    made = layer(maps, w, noise)
    torch.testing.assert_close(made, by_weights_of_each_image(layer, maps, w, noise), rtol=1e-4, atol=1e-5)
    assert made.is_contiguous(memory_format=torch.channels_last)


def test_the_scale_of_a_style_has_no_effect_on_demodulated_maps() -> None:
    torch.manual_seed(0)
    layer = ModulatedConvolution(5, 7, 6, enlarges=False, noise=False)
    torch.nn.init.zeros_(layer.style.bias)
    maps, w = torch.randn(4, 5, 6, 6), torch.randn(4, 6)
    torch.testing.assert_close(layer(maps, 10 * w, None), layer(maps, w, None), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("patch", [1, 2])
def test_the_layer_of_the_image_is_a_modulated_convolution(patch: int) -> None:
    torch.manual_seed(0)
    layer = ToImage(5, 3, 6, patch, images=1)
    torch.nn.init.normal_(layer.bias)
    maps, w = torch.randn(2, 5, 4, 6), torch.randn(2, 6)
    expected = torch.cat(
        [
            functional.conv2d(image[None] * scales[:, None, None], layer.weight[:, :, None, None])
            for image, scales in zip(maps, layer.style(w), strict=True)
        ]
    )
    expected = functional.pixel_shuffle(expected, patch) + layer.bias[:, None, None]
    torch.testing.assert_close(layer(maps, w), expected, rtol=1e-4, atol=1e-5)


def test_noise_has_no_effect_at_first_and_then_on_its_own_image_only() -> None:
    fresh = build_generator(STYLE, GREY).eval()
    z, labels = latents(fresh, 3), torch.arange(3)
    other = z.clone()
    other[1, fresh.components :] += 1
    assert torch.equal(fresh(z, labels), fresh(other, labels))
    generator = generator_of()
    differences = (generator(z, labels) - generator(other, labels)).abs().amax(dim=(1, 2, 3))
    assert (differences > 1e-3).tolist() == [False, True, False]


def test_noise_of_large_maps_is_left_out() -> None:
    assert generator_of("generator.noise=false").latent == 8
    assert generator_of("generator.noise_sides=7").latent == 8 + 49
    assert generator_of("generator.noise_sides=16").latent == 8 + 49 + 2 * 14**2
    assert generator_of("generator.noise_sides=28").latent == 8 + 49 + 2 * 14**2 + 2 * 28**2


def test_each_layers_noise_has_the_size_of_its_maps_and_a_strength_that_learns() -> None:
    generator = build_generator(with_settings(STYLE, ["generator.noise_sides=28"]), GREY)
    rows = latents(generator, 4)
    generator(rows, torch.arange(4)).square().sum().backward()
    strengths = {name: weight.grad for name, weight in generator.named_parameters() if name.endswith("strength")}
    assert len(strengths) == 5
    assert all(gradient is not None and gradient != 0 for gradient in strengths.values())


# --- styles -----------------------------------------------------------------------------------------------------------


def test_the_length_of_the_latent_has_no_effect() -> None:
    generator = generator_of()
    z, labels = latents(generator, 4), torch.arange(4)
    longer = z.clone()
    longer[:, : generator.components] *= 3
    torch.testing.assert_close(generator(longer, labels), generator(z, labels), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["one-hot", "embedding", "normalised-embedding"])
def test_class_weights_of_one_class_are_its_label(kind: str) -> None:
    generator = generator_of(f"generator.label_input={kind}")
    z = latents(generator, 10)
    for rows in (z, generator.truncate(z, 0.5), generator.scaled(z, 0.0)):
        by_label = generator(rows, torch.arange(10))
        torch.testing.assert_close(generator(rows, torch.eye(10)), by_label, rtol=1e-4, atol=1e-5)
        between = generator(rows[:1], torch.tensor([[0.5, 0.5, *[0.0] * 8]]))
        assert (between - by_label[:1]).abs().max() > 1e-4


def test_a_step_of_training_moves_the_average_of_the_classes_that_it_has() -> None:
    generator = build_generator(with_settings(STYLE, ["generator.average_decay=0.9"]), GREY)
    assert isinstance(generator, StyleGenerator)
    z, labels = latents(generator, 6), torch.tensor([0, 0, 3, 3, 3, 5])
    styles = generator.mapping(z[:, : generator.components], labels)
    before = generator.average.clone()
    generator(z, labels)
    for label in range(10):
        own = styles[labels == label]
        expected = 0.9 * before[label] + 0.1 * own.mean(dim=0) if len(own) else before[label]
        torch.testing.assert_close(generator.average[label], expected)
    after = generator.average.clone()
    generator.eval()(z, labels)
    assert torch.equal(generator.average, after)


def test_the_average_of_many_steps_is_the_mean_style_of_the_class() -> None:
    generator = build_generator(with_settings(STYLE, ["generator.average_decay=0.98"]), GREY)
    assert isinstance(generator, StyleGenerator)
    labels = torch.arange(200) % 10
    with torch.no_grad():
        for step in range(150):
            generator(latents(generator, 200, seed=step), labels)
        styles = generator.mapping(latents(generator, 20_000, seed=999)[:, : generator.components], labels.repeat(100))
    for label in (0, 7):
        own = styles[label::10]
        distance = (generator.average[label] - own.mean(dim=0)).norm() / (own - own.mean(dim=0)).norm(dim=1).mean()
        assert distance < 0.1
    spread = torch.stack([styles[label::10].var(dim=0) for label in range(10)]).mean(dim=0)
    assert (generator.variance / spread - 1).abs().mean() < 0.3


def test_truncation_by_one_is_none_and_towards_zero_the_mean_image_of_the_class() -> None:
    generator = generator_of("generator.noise=false")
    z, labels = latents(generator, 20), torch.arange(20) % 10
    images = generator(z, labels)
    assert torch.equal(generator(generator.truncate(z, 1.0), labels), images)
    mean = generator(generator.scaled(torch.zeros_like(z), 0.0), labels)
    distances = [(generator(generator.truncate(z, share), labels) - mean).norm() for share in (1.0, 0.5, 0.1, 1e-6)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 1e-3 * distances[0]
    assert torch.equal(mean[:10], mean[10:])
    assert (mean[0] - mean[1]).abs().max() > 1e-3


@pytest.mark.parametrize("wrong", [0.0, -0.5, 1.01, float("nan"), float("inf")])
def test_other_truncations_are_refused(wrong: float) -> None:
    generator = generator_of()
    with pytest.raises(UsageError, match=rf"--truncation {wrong:g}: .*\b1\b"):
        generator.truncate(latents(generator, 1), wrong)


def test_a_code_of_a_latent_is_the_same_image() -> None:
    generator = generator_of()
    z, labels = latents(generator, 5), torch.arange(5)
    code = generator.extended(z)
    assert code.shape == (5, generator.code)
    assert torch.equal(generator(code, labels), generator(z, labels))
    assert generator.extended(code) is code


def test_mixed_styles_have_the_coarse_layers_of_one_and_the_fine_layers_of_the_other() -> None:
    generator = generator_of("generator.noise=false")
    z, labels = latents(generator, 2), torch.tensor([4, 4])
    own = [style[0] for style in generator.styles(generator.layout.parts(z[:1]), labels[:1])]
    other = [style[0] for style in generator.styles(generator.layout.parts(z[1:]), labels[1:])]
    mixed = generator.styles(generator.layout.parts(generator.mixed(z[:1], z[1:])), labels[:1])
    half = len(mixed) // 3
    assert all(torch.equal(style[0], expected) for style, expected in zip(mixed, [*own[:half], *other[half:]], strict=True))
    for share in (0.0, 0.6):  # truncated and inverted codes can be mixed too
        coarse, fine = generator.scaled(z[:1], share), generator.truncate(z[1:], 0.4)
        mixed = generator.styles(generator.layout.parts(generator.mixed(coarse, fine)), labels[:1])
        ends = [generator.styles(generator.layout.parts(code), labels[:1]) for code in (coarse, fine)]
        expected = [*ends[0][:half], *ends[1][half:]]
        assert all(torch.equal(style, other) for style, other in zip(mixed, expected, strict=True))


def test_styles_are_mixed_in_training_with_the_probability_of_the_recipe() -> None:
    layout = generator_of("generator.mixing=0.3").layout
    crossovers = layout.crossover(torch.randn(100_000, 1, generator=torch.Generator().manual_seed(0)))
    shares = [(crossovers == place).double().mean().item() for place in range(layout.layers + 1)]
    assert shares[0] == 0
    assert shares[-1] == pytest.approx(0.7, abs=0.01)
    assert shares[1:-1] == pytest.approx([0.3 / (layout.layers - 1)] * (layout.layers - 1), abs=0.005)


def test_a_batch_in_training_does_not_depend_on_how_it_is_split() -> None:
    generator = build_generator(STYLE, GREY)
    rows = torch.randn(12, generator.latent + generator.mixing_numbers, generator=torch.Generator().manual_seed(0))
    assert generator.mixing_numbers == generator.components + 1
    labels = torch.arange(12) % 10
    whole = generator(rows, labels)
    parts = torch.cat([generator(part, own) for part, own in zip(rows.chunk(3), labels.chunk(3), strict=True)])
    torch.testing.assert_close(parts, whole, rtol=1e-4, atol=1e-5)
    unmixed = generator(rows[:, : generator.latent], labels)
    changed = (unmixed - whole).abs().amax(dim=(1, 2, 3)) > 1e-4
    assert 0 < changed.sum() < 12
    assert build_generator(with_settings(STYLE, ["generator.mixing=0"]), GREY).mixing_numbers == 0


def test_principal_directions_are_those_of_sampled_styles() -> None:
    generator = generator_of()
    directions, shares = generator.principal_directions(3)
    assert directions.shape == (3, generator.code)
    with torch.no_grad():
        labels = torch.arange(50_000) % 10
        z = torch.randn(len(labels), generator.components, generator=torch.Generator().manual_seed(0))
        styles = generator.mapping(z, labels).double()
        for label in range(10):
            styles[label::10] -= styles[label::10].mean(dim=0)
    values, vectors = torch.linalg.eigh(torch.cov(styles.T))
    np.testing.assert_allclose(shares, (values / values.sum()).flip(0)[:3].numpy(), atol=0.02)
    first = directions[0, generator.layout.offsets]
    assert np.linalg.norm(first) == pytest.approx(values[-1].sqrt().item(), rel=0.05)
    assert abs(first @ vectors[:, -1].numpy()) / np.linalg.norm(first) > 0.95
    np.testing.assert_allclose(directions[0] @ directions[1], 0, atol=1e-4)
    code = generator.extended(latents(generator, 1))
    label = torch.tensor([3])
    moved = generator(code + 2 * torch.from_numpy(directions[:1]), label)
    assert (moved - generator(code, label)).abs().max() > 1e-3


def test_path_lengths_are_those_of_the_jacobian() -> None:
    """Compare with the derivative of each pixel with respect to the styles of all layers."""
    generator = generator_of("generator.noise=false", spec=ImageSpec(1, 8, 8, 2))
    z, labels = latents(generator, 1), torch.tensor([1])
    pixels = torch.randn(1, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    styles = torch.stack(generator.styles(generator.layout.parts(z), labels), dim=1).detach()
    jacobian = torch.autograd.functional.jacobian(
        lambda w: generator.images_of(list(w.unbind(dim=1)), z[:, generator.components :]), styles
    )
    along = torch.einsum("ichw,ichwnls->nls", pixels, jacobian) / 8
    expected = along.square().sum(dim=2).mean(dim=1).sqrt()
    lengths, mean = generator.path_lengths(z, labels, pixels)
    torch.testing.assert_close(lengths, expected, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(mean, 0.01 * lengths.detach().mean())
    assert lengths.requires_grad
    assert torch.equal(generator.path_mean, mean)


# --- families without styles ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["fast", "lstm-cgan"])
def test_other_families_have_no_styles(name: str) -> None:
    generator = build_generator(RECIPES[name], GREY).eval()
    z, labels = latents(generator, 2), torch.tensor([1, 2])
    assert generator.extended(z) is z
    assert torch.equal(generator.scaled(z, 2.0), 2 * z)
    assert generator.truncate(z, 1.5).abs().max() <= 1.5
    with pytest.raises(UsageError, match=r'style-mix.*family = "style"'):
        generator.mixed(z, z)
    with pytest.raises(RecipeError, match=r'path_length.*family = "style"'):
        generator.path_lengths(z, labels, torch.zeros(2, 1, 28, 28))
    with pytest.raises(UsageError, match=r"--truncation 0.05: .*\b100\b"):
        generator.truncate(z, 0.05)


# --- the discriminator ------------------------------------------------------------------------------------------------


def test_the_deviation_of_a_group_is_a_further_map() -> None:
    layer = MinibatchDeviation(4)
    maps = torch.randn(8, 3, 5, 5)
    made = layer(maps)
    assert torch.equal(made[:, :3], maps)
    for group in (slice(0, 4), slice(4, 8)):
        expected = maps[group].std(dim=0, correction=0).mean()
        torch.testing.assert_close(made[group, 3], expected.expand(4, 5, 5), rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(layer.mean, 0.01 * made[:, 3].mean())
    assert layer(maps[:6]).shape == (6, 4, 5, 5)  # groups of three


def test_the_score_of_an_image_does_not_depend_on_others_in_evaluation_mode() -> None:
    discriminator = build_discriminator(STYLE, GREY)
    images, labels = torch.randn(8, 1, 28, 28), torch.arange(8)
    discriminator(images, labels)
    alone = copy.deepcopy(discriminator).eval()(images[:1], labels[:1]).logits
    torch.testing.assert_close(discriminator.eval()(images, labels).logits[:1], alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", ["none", "one-hot", "row-plane", "mask-plane", "projection"])
def test_the_label_reaches_the_discriminator_as_the_recipe_says(kind: str) -> None:
    recipe: Recipe = with_settings(STYLE, [f"discriminator.label_input={kind}", "discriminator.auxiliary_classifier=true"])
    discriminator = build_discriminator(recipe, GREY).eval()
    made = discriminator(torch.randn(1, 1, 28, 28).repeat(10, 1, 1, 1), torch.arange(10))
    assert (torch.pdist(made.logits[:, None]) > 1e-5).any() == (kind != "none")
    assert made.class_logits is not None
    assert made.class_logits.shape == (10, 10)
