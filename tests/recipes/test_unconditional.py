"""Tests of recipes without labels."""

from __future__ import annotations

import pytest
import torch

from digitgan.data import Batch
from digitgan.errors import RecipeError
from digitgan.networks import ImageSpec
from digitgan.recipes import RECIPES, find_recipe, with_settings, without_labels
from digitgan.session.recipe import checked_recipe
from digitgan.training import Trainer

PROJECTED = [name for name, recipe in RECIPES.items() if recipe.discriminator.family == "projected"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name not in PROJECTED])
def test_every_recipe_trains_without_labels(name: str) -> None:
    plain = without_labels(find_recipe(name))
    assert not plain.conditional
    checked_recipe(plain)
    small = with_settings(plain, ["training.batch_size=4", "updates.microbatches=1", "training.precision=float32"])
    trainer = Trainer(small, ImageSpec(1, 28, 28, 1), 0, torch.device("meta"))
    batch = Batch(torch.zeros(4, 1, 28, 28, dtype=torch.uint8, device="meta"), torch.zeros(4, dtype=torch.int64, device="meta"))
    assert trainer.step(batch, trainer.noise_source().at(0)).images_seen == 4


def test_an_unconditional_recipe_stays_as_it_is() -> None:
    assert without_labels(find_recipe("dcgan")) == find_recipe("dcgan")


@pytest.mark.parametrize("name", PROJECTED)
def test_a_discriminator_on_features_of_classes_needs_labels(name: str) -> None:
    with pytest.raises(RecipeError, match=rf"recipe {name} without labels: .*Use another recipe: fast, style"):
        without_labels(find_recipe(name))
