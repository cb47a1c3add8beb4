"""Growing resolution in training: the schedule, its errors, and the networks of a trainer at each size."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from digitgan.data import Batches, ImageSet
from digitgan.errors import RecipeError
from digitgan.images import to_network
from digitgan.networks import ImageSpec, build_discriminator, build_generator
from digitgan.recipes import Recipe, find_recipe, with_settings
from digitgan.session.recipe import checked_recipe
from digitgan.training import NoiseSource, StepReport, Trainer, restore_checkpoint, save_checkpoint
from digitgan.training import speed as speed_module
from digitgan.training.checkpoint import trainer_tensors
from digitgan.training.growth import GrowthSchedule, growth_of
from digitgan.training.speed import Trial, grown_images_within
from tests import tiny

SPEC = ImageSpec(1, 28, 28, 10)


def growing(*settings: str) -> Recipe:
    return with_settings(find_recipe("fast"), [*tiny.GROWING, *settings])


def schedule_of(*settings: str, spec: ImageSpec = SPEC) -> GrowthSchedule | None:
    recipe = growing(*settings)
    return growth_of(recipe, build_generator(recipe, spec), build_discriminator(recipe, spec))


def trainer_of(*settings: str) -> Trainer:
    return Trainer(growing(*settings), SPEC, 0, torch.device("cpu"))


def advance(trainer: Trainer, digits: ImageSet, steps: int) -> list[StepReport]:
    size = trainer.recipe.training.batch_size
    batches = Batches(digits, size, 0)
    noise_source = NoiseSource(
        0, 16, 10, size, trainer.device, trainer.recipe.updates, augmentation_numbers=trainer.augmenter.numbers
    )
    return [trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen)) for _ in range(steps)]


# --- the schedule -----------------------------------------------------------------------------------------------------


def test_the_level_rises_linearly_over_the_first_part_of_each_phase() -> None:
    schedule = GrowthSchedule(stages=(0, 1, 3), starts=(0.0, 100.0, 200.0), images=400, fade=0.5)
    expected = {0: 0, 99: 0, 100: 0, 110: 0.2, 125: 0.5, 150: 1, 199: 1, 200: 1, 225: 1.5, 250: 2, 275: 2.5, 300: 3, 400: 3}
    assert {seen: schedule.level(seen) for seen in expected} == pytest.approx(expected)
    assert schedule.phases() == [(0, 100), (1, 100), (3, 200)]
    at_once = dataclasses.replace(schedule, fade=0.0)
    assert [at_once.level(seen) for seen in (99, 100, 199, 200)] == [0, 1, 1, 3]
    whole = dataclasses.replace(schedule, fade=1.0)
    assert [whole.level(seen) for seen in (150, 200, 300, 400)] == pytest.approx([0.5, 1, 2, 3])


@pytest.mark.parametrize(
    ("growth", "stages", "starts"),
    [
        ("7@48,14@96", (0, 1, 2), (0, 48, 96)),
        (" 7 @ 48 , 14@60% ", (0, 1, 2), (0, 48, 96)),
        ("1/4@30%,1/2@96", (0, 1, 2), (0, 48, 96)),
        ("14@12.5%", (1, 2), (0, 20)),
        ("7@1", (0, 2), (0, 1)),
    ],
)
def test_sizes_are_pixels_or_parts_and_ends_are_images_or_shares(
    growth: str, stages: tuple[int, ...], starts: tuple[float, ...]
) -> None:
    schedule = schedule_of(f"training.growth={growth}")
    assert schedule is not None
    assert (schedule.stages, schedule.starts, schedule.images, schedule.fade) == (stages, starts, 160, 0.5)


def test_the_size_of_images_that_are_not_square_is_their_height() -> None:
    schedule = schedule_of("training.growth=6@48", spec=ImageSpec(1, 12, 32, 10))
    assert schedule is not None
    assert schedule.stages == (0, 1)


def test_without_growth_there_is_no_schedule() -> None:
    assert schedule_of("training.growth=") is None
    assert schedule_of("training.growth= ") is None


# --- the networks of a trainer ----------------------------------------------------------------------------------------


def heights(trainer: Trainer) -> list[int]:
    """Return a list to which the discriminator adds the height of the images of each call."""
    found: list[int] = []
    trainer.discriminator.register_forward_hook(lambda _network, inputs, _output: found.append(inputs[0].shape[2]))
    return found


def test_a_trainer_grows_by_its_schedule(digits: ImageSet) -> None:
    trainer = trainer_of()
    assert trainer.growth is not None
    seen = heights(trainer)
    levels, sizes = [], []
    for _ in range(10):
        advance(trainer, digits, 1)
        sizes.append(seen[-1])
        networks = (trainer.generator, trainer.discriminator, trainer.ema.generator)
        numbers = {network.growth.number for network in networks if network.growth is not None}
        assert len(numbers) == 1
        levels.append(numbers.pop())
        assert float(trainer.ema.generator.growth.level) == levels[-1]  # type: ignore[union-attr]
        assert trainer.ema.generator(torch.zeros(2, 16), torch.arange(2)).shape[2] == 28
    # After each step: the fades last from 48 to 72 and from 96 to 128 images.
    assert levels == pytest.approx([0, 0, 0, 2 / 3, 1, 1, 1.5, 2, 2, 2])
    assert levels == pytest.approx([trainer.growth.level(16 * step) for step in range(1, 11)])
    assert sizes == [7, 7, 7, 7, 14, 14, 14, 28, 28, 28]


def test_real_images_have_the_size_and_the_mixture_of_the_fakes(digits: ImageSet) -> None:
    trainer = trainer_of("penalty.name=none")
    advance(trainer, digits, 4)  # at 64 images, stage 1 has a weight of 2/3
    shown: list[Tensor] = []
    trainer.discriminator.register_forward_hook(lambda _network, inputs, _output: shown.append(inputs[0].clone()))
    batch = Batches(digits, 16, 0).at(64)
    advance(trainer, digits, 1)
    half = functional.avg_pool2d(to_network(batch.images), 2)
    coarse = functional.avg_pool2d(half, 2).repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    torch.testing.assert_close(shown[0][:16], 2 / 3 * half + 1 / 3 * coarse)


def test_stages_that_do_not_take_part_do_not_learn(digits: ImageSet) -> None:
    trainer = trainer_of()
    before = {name: weight.detach().clone() for name, weight in trainer.discriminator.named_parameters()}
    advance(trainer, digits, 3)
    after = dict(trainer.discriminator.named_parameters())
    idle = {name for name, weight in before.items() if torch.equal(weight, after[name])}
    later = {name for name in before if name.startswith(("stages.1", "stages.2", "downs.", "images.1", "images.2"))}
    assert later <= idle
    assert {name for name in idle - later if not name.endswith("bias")} <= {"stages.0.blocks.0.convolutions.0.weight"}
    assert not [name for name in trainer_tensors(trainer) if "optimizer.stages.1" in name]
    advance(trainer, digits, 7)
    assert [name for name in trainer_tensors(trainer) if "discriminator_optimizer.stages.2" in name]


@pytest.mark.parametrize(
    "settings",
    [
        ["updates.order=simultaneous"],
        ["updates.fakes=fresh", "updates.discriminator_steps=2"],
        ["loss.name=hinge", "penalty.name=wgan-gp", "penalty.interval=1"],
        ["loss.matching_aware=true", "loss.name=non-saturating", "updates.batches=separate"],
        ["augmentation.name=adaptive", "penalty.interval=1"],
        ["training.precision=bfloat16", "generator.norm=none"],
        ["discriminator.spectral_norm=true"],
        ["training.growth_fade=0"],
        ["training.growth_fade=1", "training.growth=7@48"],
        ["generator.attention=14", "discriminator.attention=7", "generator.patch=1", "penalty.name=r1+r2"],
    ],
    ids=" ".join,
)
def test_every_kind_of_training_grows(digits: ImageSet, settings: list[str]) -> None:
    trainer = trainer_of(*settings)
    for report in advance(trainer, digits, 10):
        assert all(bool(value.isfinite()) for value in report.terms.values())
    assert trainer.generator.growth is not None
    assert trainer.generator.growth.grown
    assert all(bool(weight.isfinite().all()) for weight in trainer.generator.parameters())


@pytest.mark.parametrize("steps", [0, 2, 4, 7, 9])
def test_a_checkpoint_restores_the_level_and_the_training_goes_on_the_same(
    tmp_path: Path, digits: ImageSet, steps: int
) -> None:
    trainer = trainer_of("augmentation.name=adaptive", "augmentation.horizon=100", "augmentation.interval=1")
    advance(trainer, digits, steps)
    path = save_checkpoint(tmp_path, trainer, {})
    other = trainer_of("augmentation.name=adaptive", "augmentation.horizon=100", "augmentation.interval=1")
    advance(other, digits, 10 if steps < 5 else 1)  # a trainer that has grown further shrinks again
    restore_checkpoint(path, other)
    assert other.generator.growth.number == trainer.generator.growth.number  # type: ignore[union-attr]
    for each in (trainer, other):
        advance(each, digits, 10 - steps)
    ours, theirs = trainer_tensors(trainer), trainer_tensors(other)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


def test_microbatches_grow_together(digits: ImageSet) -> None:
    settings = ("updates.microbatches=2", "generator.norm=none", "training.precision=float32")
    trainer, whole = trainer_of(*settings), trainer_of("generator.norm=none", "training.precision=float32")
    for each in (trainer, whole):
        advance(each, digits, 8)
    levels = {network.growth.number for network in (*trainer.microbatches.generators, *trainer.microbatches.discriminators)}  # type: ignore[union-attr]
    assert levels == {2.0}
    for name, weight in whole.discriminator.named_parameters():
        torch.testing.assert_close(trainer.discriminator.get_parameter(name), weight, rtol=0.05, atol=5e-3)


# --- a length in minutes ----------------------------------------------------------------------------------------------


@pytest.fixture
def known_speeds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the measurement, which takes no time, by 1,000 images a second at 7 pixels and 500 at 14."""
    monkeypatch.setattr(speed_module, "time", SimpleNamespace(perf_counter=lambda: 0.0))
    monkeypatch.setattr(speed_module, "training_speed", lambda *arguments: {0: 1000.0, 1: 500.0}[arguments[-1]])


@pytest.mark.usefixtures("known_speeds")
@pytest.mark.parametrize(
    ("growth", "images"),
    [
        ("7@48,14@96", 96 + round(100 * (60 - 0.048 - 0.096))),
        ("7@25%,14@50%", round(60 / (0.25 / 1000 + 0.25 / 500 + 0.5 / 100))),
        ("14@3000", 3000 + 5400),
    ],
)
def test_the_length_is_what_fits_into_the_minutes(growth: str, images: int) -> None:
    recipe = growing(f"training.growth={growth}", "training.images=1000000")
    assert grown_images_within(60.0, recipe, SPEC, torch.device("cpu"), 100.0) == pytest.approx(images, abs=2)


@pytest.mark.usefixtures("known_speeds")
def test_a_growth_that_does_not_end_within_the_minutes_is_refused() -> None:
    with pytest.raises(RecipeError, match=r"'14@600000'"):
        grown_images_within(60.0, growing("training.growth=7@48,14@600000"), SPEC, torch.device("cpu"), 100.0)


def test_a_trial_measures_steps_of_a_stage() -> None:
    recipe = growing("augmentation.name=fixed")
    for stage, height in ((0, 7), (1, 14), (None, 28)):
        trial = Trial(recipe, SPEC, torch.device("cpu"), "float32", stage)
        seen = heights(trial.trainer)
        assert trial.seconds(2) > 0
        assert set(seen) == {height}


@pytest.mark.parametrize(
    ("name", "settings", "reason"),
    [
        (
            "residual",
            [],
            r'discriminator.from_image = "first": this network cannot grow. Set discriminator.from_image = "each"',
        ),
        ("fast", [], r'generator.family = "convolutional": networks of this family cannot grow. Take a recipe .*progressive'),
        ("colour", ["generator.to_image=sum"], r'discriminator.family = "projected": networks of this family cannot grow'),
    ],
)
def test_what_cannot_grow_is_named_first(name: str, settings: list[str], reason: str) -> None:
    with pytest.raises(RecipeError, match=reason):
        checked_recipe(with_settings(find_recipe(name), ["training.growth=1/2@30%", *settings]))
