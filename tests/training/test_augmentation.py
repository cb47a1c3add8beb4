"""Augmentation: each operation, its gradients and its probability, and trainings with it."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor, nn

from digitgan import rng
from digitgan.data import Batches, ImageSet
from digitgan.errors import RecipeError
from digitgan.images import to_network
from digitgan.recipes import AugmentationRecipe
from digitgan.training import NoiseSource, StepReport, Trainer, restore_checkpoint, save_checkpoint
from digitgan.training.augmentation import AUGMENTATIONS, Augmenter, Flips, Operation, numbers_of, operations_of
from digitgan.training.checkpoint import trainer_tensors
from tests.cli.commands import run

Image = npt.NDArray[np.float64]
CPU = torch.device("cpu")
OPERATIONS = {**{name: AUGMENTATIONS.find(name) for name in AUGMENTATIONS}, "flips": Flips()}


def numbers_for(count: int, width: int, seed: int = 0) -> Tensor:
    return torch.from_numpy(rng.fractions(rng.words(seed, "numbers", 0, count, width)))


# --- each operation against a second implementation, image by image and pixel by pixel ----------------------------------


def naive_brightness(image: Image, numbers: list[float]) -> Image:
    return image + numbers[0] - 0.5


def naive_saturation(image: Image, numbers: list[float]) -> Image:
    result = image.copy()
    for row in range(image.shape[1]):
        for column in range(image.shape[2]):
            grey = sum(image[:, row, column]) / len(image)
            for channel in range(len(image)):
                result[channel, row, column] = grey + 2 * numbers[0] * (image[channel, row, column] - grey)
    return result


def naive_contrast(image: Image, numbers: list[float]) -> Image:
    mean = float(image.sum()) / image.size
    return (numbers[0] + 0.5) * image + (0.5 - numbers[0]) * mean


def naive_translation(image: Image, numbers: list[float]) -> Image:
    _, height, width = image.shape
    reach = [math.floor(side / 8 + 0.5) for side in (height, width)]
    down, right = (math.floor(number * (2 * most + 1)) - most for number, most in zip(numbers, reach, strict=True))
    wide = np.pad(image, ((0, 0), (reach[0], reach[0]), (reach[1], reach[1])), mode="reflect")
    top, left = reach[0] - down, reach[1] - right
    return wide[:, top : top + height, left : left + width]


def naive_cutout(image: Image, numbers: list[float]) -> Image:
    _, height, width = image.shape
    result = image.copy()
    lengths = [math.floor(side / 2 + 0.5) for side in (height, width)]
    # Of an even length, the centre is one of the side + 1 borders of pixels; of an odd length, one of the side pixels.
    centres = [
        math.floor(number * (side if length % 2 else side + 1))
        for number, side, length in zip(numbers, (height, width), lengths, strict=True)
    ]
    for row in range(height):
        for column in range(width):
            inside = [
                centre - length // 2 <= place < centre - length // 2 + length
                for place, centre, length in zip((row, column), centres, lengths, strict=True)
            ]
            if all(inside):
                result[:, row, column] = 0
    return result


def naive_flips(image: Image, numbers: list[float]) -> Image:
    return image[:, :, ::-1] if numbers[0] < 0.5 else image


NAIVE: dict[str, Callable[[Image, list[float]], Image]] = {
    "brightness": naive_brightness,
    "saturation": naive_saturation,
    "contrast": naive_contrast,
    "translation": naive_translation,
    "cutout": naive_cutout,
    "flips": naive_flips,
}


def test_every_operation_has_a_second_implementation() -> None:
    assert NAIVE.keys() == OPERATIONS.keys()


@pytest.mark.parametrize("sides", [(28, 28), (7, 7), (6, 11), (2, 2), (3, 2), (32, 64)])
@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_equals_its_second_implementation(name: str, channels: int, sides: tuple[int, int]) -> None:
    images = torch.randn(24, channels, *sides, dtype=torch.float64)
    numbers = numbers_for(24, OPERATIONS[name].numbers).double()
    numbers[0], numbers[1] = 0.0, 1 - 2.0**-24
    found = OPERATIONS[name].changed(images, numbers).numpy()
    for image, own, made in zip(images.numpy(), numbers.tolist(), found, strict=True):
        np.testing.assert_allclose(made, NAIVE[name](image, own), atol=1e-12)


@pytest.mark.parametrize("name", OPERATIONS)
def test_gradients_of_both_orders(name: str) -> None:
    images = torch.randn(3, 3, 4, 5, dtype=torch.float64, requires_grad=True)
    numbers = numbers_for(3, OPERATIONS[name].numbers).double()

    def changed(images: Tensor) -> Tensor:
        return OPERATIONS[name].changed(images, numbers)

    assert torch.autograd.gradcheck(changed, (images,))
    assert torch.autograd.gradgradcheck(lambda images: changed(images).square(), (images,))


def test_a_moved_digit_keeps_its_black_ground() -> None:
    image = torch.full((200, 1, 16, 16), -1.0)
    image[:, :, 6:10, 6:10] = 1.0
    moved = AUGMENTATIONS.find("translation").changed(image, numbers_for(200, 2))
    assert set(moved.unique().tolist()) == {-1.0, 1.0}
    assert moved.sum(dim=(1, 2, 3)).unique().numel() == 1


def test_every_shift_and_every_place_occurs_about_equally_often() -> None:
    count = 20_000
    line = torch.zeros(count, 1, 16, 16)
    line[:, :, 8, 8] = 1.0
    moved = AUGMENTATIONS.find("translation").changed(line, numbers_for(count, 2))
    rows, columns = (moved.sum(dim=dims)[:, 0].argmax(dim=1) for dims in (3, 2))
    for places in (rows, columns):
        shares = torch.bincount(places, minlength=16) / count
        assert shares[6:11].tolist() == pytest.approx([0.2] * 5, abs=0.02)
        assert shares.sum() == pytest.approx(1)
    cut = AUGMENTATIONS.find("cutout").changed(torch.ones(count, 1, 8, 8), numbers_for(count, 2))
    hidden = (cut == 0).sum(dim=(1, 2, 3))
    assert hidden.max() == 16
    lengths = [min(centre + 2, 8) - max(centre - 2, 0) for centre in range(9)]
    assert float(hidden.float().mean()) == pytest.approx((sum(lengths) / 9) ** 2, rel=0.03)


@pytest.mark.parametrize("name", OPERATIONS)
def test_grey_images_keep_their_shape_and_saturation_leaves_them(name: str) -> None:
    images = torch.randn(5, 1, 6, 6)
    changed = OPERATIONS[name].changed(images, numbers_for(5, OPERATIONS[name].numbers))
    assert changed.shape == images.shape
    assert torch.equal(changed, images) == (name == "saturation")


# --- the operations of a recipe -----------------------------------------------------------------------------------------


def kinds(operations: list[Operation]) -> list[str]:
    return [type(operation).__name__ for operation in operations]


@pytest.mark.parametrize(
    ("recipe", "channels", "expected"),
    [
        (AugmentationRecipe(), 3, []),
        (AugmentationRecipe("none", flips=True), 3, []),
        (AugmentationRecipe("fixed"), 3, ["Brightness", "Saturation", "Contrast", "Translation", "Cutout"]),
        (AugmentationRecipe("fixed"), 1, ["Brightness", "Contrast", "Translation", "Cutout"]),
        (AugmentationRecipe("adaptive", "cutout, translation ,"), 1, ["Translation", "Cutout"]),
        (AugmentationRecipe("fixed", "", flips=True), 1, ["Flips"]),
        (AugmentationRecipe("fixed", "saturation", flips=True), 3, ["Flips", "Saturation"]),
    ],
)
def test_the_operations_of_a_recipe(recipe: AugmentationRecipe, channels: int, expected: list[str]) -> None:
    operations = operations_of(recipe, channels)
    assert kinds(operations) == expected
    assert numbers_of(operations) == sum(1 + operation.numbers for operation in operations)


@pytest.mark.parametrize(
    ("recipe", "channels", "message"),
    [
        (AugmentationRecipe("fixed", "translaton"), 1, r"augmentation\.operations: 'translaton'.*'translation'"),
        (AugmentationRecipe("fixed", "flips"), 1, r"augmentation\.operations: 'flips'"),
        (AugmentationRecipe("fixed", "cutout,contrast,cutout"), 1, r"augmentation\.operations: .*'cutout' twice"),
        (AugmentationRecipe("fixed", ""), 3, r"augmentation\.name = \"fixed\""),
        (AugmentationRecipe("adaptive", " , "), 3, r"augmentation\.name = \"adaptive\""),
        (AugmentationRecipe("fixed", "saturation"), 1, r"\"saturation\".*grey"),
    ],
)
def test_operations_that_do_not_work_are_refused(recipe: AugmentationRecipe, channels: int, message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        operations_of(recipe, channels)


# --- the probability ----------------------------------------------------------------------------------------------------


def augmenter_of(recipe: AugmentationRecipe, channels: int = 3) -> Augmenter:
    return Augmenter(recipe, channels, CPU)


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_each_operation_is_applied_to_its_share_of_the_images(name: str, probability: float) -> None:
    count = 10_000
    images = torch.randn(count, 3, 6, 6)
    augmenter = augmenter_of(AugmentationRecipe("fixed", name, probability=probability))
    found = augmenter.augmented(images, numbers_for(count, augmenter.numbers))
    share = float((found != images).flatten(start_dim=1).any(dim=1).double().mean())
    unmoved = 1 / 9 if name == "translation" else 0.0  # one of nine translations of six pixels
    allowed = 5 * math.sqrt(0.25 / count)
    assert share == pytest.approx(probability * (1 - unmoved), abs=allowed if 0 < probability * (1 - unmoved) < 1 else 0)


def test_operations_are_applied_independently_and_in_order() -> None:
    count = 10_000
    augmenter = augmenter_of(AugmentationRecipe("fixed", "cutout,brightness", probability=0.5))
    images = torch.ones(count, 3, 8, 8)
    found = augmenter.augmented(images, numbers_for(count, augmenter.numbers))
    brighter = found.flatten(start_dim=1).max(dim=1).values != 1
    cut = (found == 0).flatten(start_dim=1).any(dim=1)  # after the brightness, which would change the zeros
    shares = [float((brighter == one)[cut == other].double().mean()) for one in (False, True) for other in (False, True)]
    assert shares == pytest.approx([0.5] * 4, abs=0.04)
    assert float(cut.double().mean()) == pytest.approx(0.5, abs=0.03)


def test_all_operations_together_equal_their_second_implementations() -> None:
    augmenter = augmenter_of(AugmentationRecipe("fixed", flips=True, probability=0.6))
    images = torch.randn(32, 3, 9, 8, dtype=torch.float64)
    numbers = numbers_for(32, augmenter.numbers)
    found = augmenter.augmented(images, numbers).numpy()
    for image, own, made in zip(images.numpy(), numbers.tolist(), found, strict=True):
        for name in ("flips", "brightness", "saturation", "contrast", "translation", "cutout"):
            gate, *rest = own
            width = OPERATIONS[name].numbers
            # The probability is a float32 number.
            image = NAIVE[name](image, rest[:width]) if gate < np.float32(0.6) else image
            own = rest[width:]
        assert own == []
        np.testing.assert_allclose(made, image, atol=1e-7)


def test_without_numbers_or_operations_the_images_are_the_same() -> None:
    images = torch.randn(4, 3, 6, 6)
    assert augmenter_of(AugmentationRecipe("fixed")).augmented(images, None) is images
    assert augmenter_of(AugmentationRecipe()).augmented(images, numbers_for(4, 3)) is images
    assert augmenter_of(AugmentationRecipe()).numbers == 0


def test_a_probability_of_0_applies_nothing_and_one_of_1_everything() -> None:
    """Test the smallest and the largest number."""
    images = torch.ones(2, 3, 6, 6)
    numbers = torch.tensor([[0.0, 0.25], [1 - 2.0**-24, 0.25]])
    for probability, expected in ((0.0, images), (1.0, images - 0.25)):
        augmenter = augmenter_of(AugmentationRecipe("fixed", "brightness", probability=probability))
        torch.testing.assert_close(augmenter.augmented(images, numbers), expected)


def test_images_keep_their_type() -> None:
    augmenter = augmenter_of(AugmentationRecipe("fixed", flips=True))
    for kind in (torch.float32, torch.bfloat16, torch.float64):
        images = torch.randn(4, 3, 6, 6, dtype=kind)
        assert augmenter.augmented(images, numbers_for(4, augmenter.numbers)).dtype == kind


def test_the_adaptive_probability_follows_the_accuracy_as_in_the_paper() -> None:
    """Test against the rule by hand: every 4 steps, move by 4 * 16 / 1000 towards the side of the target."""
    recipe = AugmentationRecipe("adaptive", target=0.6, horizon=1000, interval=4)
    augmenter, move = augmenter_of(recipe), 4 * 16 / 1000
    assert float(augmenter.probability) == 0
    found = []
    # r = 2a - 1 of each step; their means are 0.9, 0.6 + 0.1, 0.5, 0.6 exactly, 0.0 and 1.0.
    signs = [0.8, 1.0, 1.0, 0.8, 0.2, 1.0, 1.0, 0.6, 0.5, 0.5, 0.5, 0.5, -1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0]
    for step, sign in enumerate(signs):
        augmenter.follow(torch.tensor((sign + 1) / 2), step, 16)
        found.append(float(augmenter.probability))
    expected = [0.0] * 3 + [move] * 4 + [2 * move] * 4 + [move] * 4 + [0.0] * 4 + [move]
    assert found == pytest.approx(expected, abs=1e-6)


def test_the_adaptive_probability_stays_within_0_and_1() -> None:
    augmenter = augmenter_of(AugmentationRecipe("adaptive", horizon=100, interval=1))
    for step in range(30):
        augmenter.follow(torch.tensor(1.0), step, 16)
    assert float(augmenter.probability) == 1
    for step in range(30):
        augmenter.follow(torch.tensor(0.0), step, 16)
    assert float(augmenter.probability) == 0


def test_from_0_to_1_takes_the_horizon() -> None:
    augmenter = augmenter_of(AugmentationRecipe("adaptive", horizon=16 * 100, interval=4))
    for step in range(96):
        augmenter.follow(torch.tensor(1.0), step, 16)
    assert float(augmenter.probability) == pytest.approx(0.96)


def test_a_fixed_probability_stays() -> None:
    augmenter = augmenter_of(AugmentationRecipe("fixed", probability=0.3))
    for step in range(8):
        augmenter.follow(torch.tensor(1.0), step, 16)
    assert float(augmenter.probability) == pytest.approx(0.3)


# --- in a training ------------------------------------------------------------------------------------------------------

NewTrainer = Callable[..., Trainer]
FIXED = ("augmentation.name=fixed", "augmentation.flips=true")
ADAPTIVE = (
    "augmentation.name=adaptive",
    "augmentation.horizon=200",
    "augmentation.interval=2",
    "augmentation.target=0",
    "loss.name=non-saturating",
)


def noise_of(trainer: Trainer) -> NoiseSource:
    size = trainer.recipe.training.batch_size
    latent, numbers = trainer.generator.latent, trainer.augmenter.numbers
    return NoiseSource(0, latent, 10, size, CPU, trainer.recipe.updates, augmentation_numbers=numbers)


def advance(trainer: Trainer, digits: ImageSet, steps: int) -> list[StepReport]:
    batches = Batches(digits, trainer.recipe.training.batch_size, 0)
    return [trainer.step(batches.at(trainer.images_seen), noise_of(trainer).at(trainer.images_seen)) for _ in range(steps)]


def differing(one: Trainer, other: Trainer) -> list[str]:
    ours, theirs = trainer_tensors(one), trainer_tensors(other)
    assert ours.keys() == theirs.keys()
    return [name for name in ours if not torch.equal(ours[name], theirs[name])]


def images_scored(discriminator: nn.Module) -> list[Tensor]:
    """Return a list to which the discriminator adds the images of each call."""
    found: list[Tensor] = []
    discriminator.register_forward_hook(lambda _network, inputs, _output: found.append(inputs[0].detach().clone()))
    return found


def test_the_numbers_are_a_function_of_seed_and_images_seen(new_trainer: NewTrainer) -> None:
    source = noise_of(new_trainer(*FIXED))
    first, again, later = (source.at(seen).augmentation for seen in (32, 32, 48))
    assert first is not None
    assert again is not None
    assert later is not None
    rows = [first.real, first.fake, first.generator_real, first.generator_fake]
    same = [again.real, again.fake, again.generator_real, again.generator_fake]
    assert all(torch.equal(one, other) for one, other in zip(rows, same, strict=True))
    assert all(each.shape == (16, source.augmentation_numbers) for each in rows)
    everything = torch.cat([*rows, later.real, later.fake, later.generator_real, later.generator_fake]).flatten()
    assert everything.min() >= 0
    assert everything.max() < 1
    assert everything.unique().numel() > 0.99 * everything.numel(), "no numbers are used twice"
    rolled_back = source.at(32, 1).augmentation
    assert rolled_back is not None
    assert not torch.equal(rolled_back.real, first.real)


def test_without_augmentation_the_noise_has_no_numbers_and_the_training_is_the_same(
    new_trainer: NewTrainer, digits: ImageSet
) -> None:
    plain, named, never = (
        new_trainer(*settings)
        for settings in ([], ["augmentation.name=none", "augmentation.flips=true"], ["augmentation.probability=0"])
    )
    assert noise_of(plain).at(0).augmentation is None
    for trainer in (plain, named, never):
        advance(trainer, digits, 4)
    assert differing(plain, named) == []
    assert differing(plain, never) == []
    idle = new_trainer("augmentation.name=fixed", "augmentation.probability=0")
    advance(idle, digits, 4)
    assert differing(plain, idle) == [], "a probability of 0 changes no image"


def test_real_and_fake_images_are_augmented_differently_in_each_update(new_trainer: NewTrainer, digits: ImageSet) -> None:
    trainer = new_trainer(*FIXED, "penalty.name=none")
    shown = images_scored(trainer.discriminator)
    drawn: list[Tensor] = []
    trainer.generator.register_forward_hook(lambda _network, _inputs, output: drawn.append(output.detach().clone()))
    batch, noise = Batches(digits, 16, 0).at(0), noise_of(trainer).at(0)
    trainer.step(batch, noise)
    assert noise.augmentation is not None
    real, (fake,) = to_network(batch.images), drawn
    augmented = trainer.augmenter.augmented
    both, real_after, fake_after = shown
    torch.testing.assert_close(both[:16], augmented(real, noise.augmentation.real))
    torch.testing.assert_close(both[16:], augmented(fake, noise.augmentation.fake))
    torch.testing.assert_close(real_after, augmented(real, noise.augmentation.generator_real))
    torch.testing.assert_close(fake_after, augmented(fake, noise.augmentation.generator_fake))
    for one, other in ((both[:16], real), (both[:16], real_after), (both[16:], fake_after)):
        assert not torch.equal(one, other)


def test_mismatched_images_are_augmented_as_the_real_ones_are(new_trainer: NewTrainer, digits: ImageSet) -> None:
    settings = ("loss.matching_aware=true", "loss.name=non-saturating", "penalty.name=none", "updates.batches=separate")
    trainer = new_trainer(*FIXED, *settings)
    shown = images_scored(trainer.discriminator)
    advance(trainer, digits, 1)
    assert torch.equal(shown[0], shown[2])
    assert not torch.equal(shown[0], to_network(Batches(digits, 16, 0).at(0).images))


@pytest.mark.parametrize("penalty", ["r1", "r2", "r1+r2", "wgan-gp"])
def test_penalties_are_those_of_augmented_images(new_trainer: NewTrainer, digits: ImageSet, penalty: str) -> None:
    """Test against the gradient with respect to the images before their augmentation, by autograd of the whole."""
    trainer = new_trainer(
        *FIXED, f"penalty.name={penalty}", "penalty.interval=1", "loss.name=hinge", "training.precision=float32"
    )
    drawn: list[Tensor] = []
    trainer.generator.register_forward_hook(lambda _network, _inputs, output: drawn.append(output.detach().clone()))
    before = {name: weight.detach().clone() for name, weight in trainer.discriminator.state_dict().items()}
    batch, noise = Batches(digits, 16, 0).at(0), noise_of(trainer).at(0)
    (report,) = advance(trainer, digits, 1)
    trainer.discriminator.load_state_dict(before)
    assert noise.augmentation is not None

    def squared_gradient(images: Tensor, numbers: Tensor) -> Tensor:
        images = images.clone().requires_grad_(True)
        logits = trainer.discriminator(trainer.augmenter.augmented(images, numbers), batch.labels).logits
        (gradient,) = torch.autograd.grad(logits.sum(), images)
        return gradient.square().sum(dim=(1, 2, 3))

    real, fake, numbers = to_network(batch.images), drawn[0], noise.augmentation
    of_real, of_fake = squared_gradient(real, numbers.real).mean() / 2, squared_gradient(fake, numbers.fake).mean() / 2
    share = noise.interpolation_alpha[:, None, None, None]
    between = squared_gradient(share * real + (1 - share) * fake, numbers.real)
    expected = {
        "r1": of_real,
        "r2": of_fake,
        "r1+r2": of_real + of_fake,
        "wgan-gp": ((between + 1e-12).sqrt() - 1).square().mean(),
    }
    torch.testing.assert_close(report.terms["penalty"], expected[penalty], rtol=1e-4, atol=1e-6)


def test_the_generator_learns_through_the_augmentation(new_trainer: NewTrainer, digits: ImageSet) -> None:
    plain, augmented = new_trainer("penalty.name=none"), new_trainer(*FIXED, "penalty.name=none")
    before = {name: weight.detach().clone() for name, weight in augmented.generator.named_parameters()}
    for trainer in (plain, augmented):
        advance(trainer, digits, 1)
    assert all(not torch.equal(weight, before[name]) for name, weight in augmented.generator.named_parameters())
    assert differing(plain, augmented)


def test_only_an_adaptive_probability_is_reported(new_trainer: NewTrainer, digits: ImageSet) -> None:
    assert "augmentation_probability" not in advance(new_trainer(*FIXED), digits, 1)[0].terms
    trainer = new_trainer(*ADAPTIVE)
    found = [float(report.terms["augmentation_probability"]) for report in advance(trainer, digits, 10)]
    assert found[:2] == [0.0, 0.0]
    moves = {round(abs(later - earlier), 6) for earlier, later in pairwise(found)}
    assert moves <= {0.0, 2 * 16 / 200}
    assert max(found) > 0


@pytest.mark.parametrize("steps", [1, 4, 7])
def test_a_checkpoint_restores_the_probability(tmp_path: Path, new_trainer: NewTrainer, digits: ImageSet, steps: int) -> None:
    trainer, other = new_trainer(*ADAPTIVE), new_trainer(*ADAPTIVE)
    advance(trainer, digits, steps)
    path = save_checkpoint(tmp_path, trainer, {})
    advance(other, digits, 9)
    restore_checkpoint(path, other)
    assert torch.equal(other.augmenter.state, trainer.augmenter.state)
    for each in (trainer, other):
        advance(each, digits, 10 - steps)
    assert differing(trainer, other) == []
    other.begin()
    assert other.augmenter.state.tolist() == [0, 0]


@pytest.mark.parametrize("settings", [FIXED, ADAPTIVE], ids=["fixed", "adaptive"])
def test_the_parts_of_a_batch_are_augmented_as_the_whole_is(
    new_trainer: NewTrainer, digits: ImageSet, settings: tuple[str, ...]
) -> None:
    plain = ("generator.norm=none", "ema.statistics=running", "training.precision=float32", "penalty.name=none")
    whole, parts = (new_trainer(*settings, *plain, f"updates.microbatches={count}") for count in (1, 4))
    shown = images_scored(whole.discriminator)
    of_parts = [images_scored(network) for network in parts.microbatches.discriminators]
    for trainer in (whole, parts):
        advance(trainer, digits, 1)
    first = [images[0] for images in of_parts]
    real, fake = torch.cat([each[:4] for each in first]), torch.cat([each[4:] for each in first])
    torch.testing.assert_close(torch.cat([real, fake]), shown[0])
    for trainer in (whole, parts):
        advance(trainer, digits, 5)
    torch.testing.assert_close(parts.augmenter.state, whole.augmenter.state)


@pytest.mark.parametrize(
    "settings",
    [
        ["updates.order=simultaneous", "loss.name=non-saturating"],
        ["updates.fakes=fresh", "updates.generator_batch=24", "loss.name=hinge"],
        ["loss.name=wasserstein", "penalty.name=wgan-gp", "penalty.interval=1", "updates.discriminator_steps=2"],
        ["training.precision=bfloat16", "penalty.interval=1"],
        ["discriminator.auxiliary_classifier=true", "loss.name=hinge"],
    ],
    ids=" ".join,
)
def test_every_kind_of_training_is_augmented(new_trainer: NewTrainer, digits: ImageSet, settings: list[str]) -> None:
    for augmentation in (FIXED, ADAPTIVE[:3]):
        trainer = new_trainer(*augmentation, *settings)
        for report in advance(trainer, digits, 4):
            assert all(bool(value.isfinite()) for value in report.terms.values())
        assert all(bool(weight.isfinite().all()) for weight in trainer.generator.parameters())


@pytest.mark.usefixtures("isolated_home")
@pytest.mark.parametrize(
    ("settings", "shape", "message"),
    [
        (("augmentation.operations=cutot",), (28, 28), r"augmentation\.operations: 'cutot'.*'cutout'"),
        (("augmentation.operations=cutout,cutout",), (28, 28), r"'cutout' twice"),
        (("augmentation.operations=saturation",), (28, 28), r"grey"),
        (("augmentation.probability=1.5",), (28, 28), r"augmentation\.probability"),
        (("augmentation.name=fixd",), (28, 28), r"augmentation\.name.*'fixed'"),
        (("augmentation.interval=0",), (28, 28), r"augmentation\.interval"),
        (("augmentation.target=-0.1",), (28, 28), r"augmentation\.target"),
        ((), (1, 28), r"augmentation\.name = \"fixed\" .*28x1"),
    ],
)
def test_an_augmentation_that_does_not_work_is_refused_before_anything_is_written(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    settings: tuple[str, ...],
    shape: tuple[int, int],
    message: str,
) -> None:
    data, out = tmp_path / "images.npz", tmp_path / "run"
    np.savez(data, images=np.zeros((40, *shape), dtype=np.uint8), labels=np.arange(40) % 10)
    chosen = ("augmentation.name=fixed", *settings)
    recipe = ["lstm-cgan"] if shape[0] == 1 else []
    argv = ["train", *recipe, f"--data={data}", *(f"--set={setting}" for setting in chosen), "--out", str(out), "--images=64"]
    assert run(*argv) == 2
    assert re.search(message, " ".join(capsys.readouterr().err.split()))
    assert not out.exists()
