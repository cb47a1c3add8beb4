"""Tests of the recipe that suits a set of images: by size, colour, number of images and device."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.networks import ImageSpec
from digitgan.options import TrainOptions
from digitgan.session.plan import plan_training
from digitgan.session.recipe import CHOSEN_RECIPES, suitable_recipe

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("spec", "images", "device", "expected"),
    [
        (ImageSpec(1, 28, 28, 10), 60_000, CPU, "fast"),
        (ImageSpec(1, 28, 28, 10), 60_000, GPU, "fast"),
        (ImageSpec(3, 32, 32, 10), 50_000, CPU, "colour"),
        (ImageSpec(3, 32, 32, 10), 50_000, GPU, "residual"),
        (ImageSpec(3, 64, 64, 10), 50_000, CPU, "progressive"),
        (ImageSpec(1, 128, 96, 4), 50_000, CPU, "progressive"),
        (ImageSpec(3, 64, 64, 10), 50_000, GPU, "residual"),
        (ImageSpec(3, 32, 32, 10), 2_000, CPU, "colour-few-shot"),
        (ImageSpec(3, 64, 64, 10), 2_000, GPU, "colour-few-shot"),
        (ImageSpec(1, 28, 28, 10), 2_000, CPU, "few-shot"),
        (ImageSpec(1, 64, 64, 10), 2_000, GPU, "few-shot"),
        (ImageSpec(3, 32, 32, 1), 50_000, CPU, "style"),
        (ImageSpec(3, 32, 32, 1), 50_000, GPU, "residual"),
        (ImageSpec(1, 28, 28, 1), 50_000, CPU, "fast"),
        (ImageSpec(1, 28, 28, 1), 100, CPU, "few-shot"),
    ],
)
def test_the_recipe_suits_size_colour_number_and_device(
    spec: ImageSpec, images: int, device: torch.device, expected: str
) -> None:
    name, reason = suitable_recipe(spec, images, device)
    assert name == expected
    assert name in CHOSEN_RECIPES
    told = ("without labels", f"{images // spec.classes:,}", str(spec.height))
    assert any(each in reason for each in told)


def test_a_recipe_that_cannot_make_the_size_is_passed_over() -> None:
    # Growing networks are not cut to a size that they cannot make; others are.
    assert suitable_recipe(ImageSpec(3, 50, 50, 2), 100_000, CPU)[0] == "residual"
    assert suitable_recipe(ImageSpec(3, 48, 48, 2), 100_000, CPU)[0] == "progressive"
    assert suitable_recipe(ImageSpec(1, 30, 30, 2), 100, GPU)[0] == "few-shot"
    assert suitable_recipe(ImageSpec(1, 30, 30, 2), 100_000, CPU)[0] == "fast"
    assert suitable_recipe(ImageSpec(3, 4, 4, 2), 100_000, CPU)[0] == "fast"


def test_the_choice_is_said_in_one_line_and_recorded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 16, 16, 3), dtype=np.uint8)
    np.savez("set.npz", images=pixels, labels=np.arange(1200) % 2)
    said: list[str] = []
    plan = plan_training(TrainOptions(data="set.npz", images=4000), said.append)
    assert plan.recipe.name == "colour"
    assert [line for line in said if "colour" in line and "16x16" in line] == said[:1]
    named = plan_training(TrainOptions("fast", data="set.npz", images=2000), said.append)
    assert named.recipe.name == "fast"
    assert [line for line in said[1:] if not line.startswith("batches of 32")] == []


def test_settings_change_the_chosen_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    plan = plan_training(TrainOptions(data="digits", images=64, settings=("augmentation.name=fixed",)), lambda line: None)
    assert (plan.recipe.name, plan.recipe.augmentation.name) == ("few-shot", "fixed")


def test_settings_are_checked_with_the_chosen_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test a setting that `fast`, the recipe of most data, does not have."""
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 256, (1200, 16, 16, 3), dtype=np.uint8)
    np.savez("set.npz", images=pixels, labels=np.arange(1200) % 2)
    settings = ("discriminator.image_width=0", "training.feature_pretraining=500")
    plan = plan_training(TrainOptions(data="set.npz", images=128, settings=settings), lambda line: None)
    assert plan.recipe.training.feature_pretraining == 500


def test_the_reason_names_a_recipe_that_does_not_make_the_size() -> None:
    name, reason = suitable_recipe(ImageSpec(3, 45, 45, 3), 3000, torch.device("cpu"))
    assert (name, reason) == ("residual", "45x45 colour images; progressive does not make this size")
    assert suitable_recipe(ImageSpec(1, 28, 28, 9), 107, torch.device("cpu"))[1] == "about 12 grey images of each class"
