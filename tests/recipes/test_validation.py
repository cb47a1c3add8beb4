"""Tests that contradictory settings raise an error that names both, and that compatible settings do not."""

from __future__ import annotations

from pathlib import Path

import pytest

import digitgan
from digitgan.errors import RecipeError
from digitgan.recipes import RECIPES, find_recipe, with_settings
from digitgan.session.recipe import checked_recipe

NONSENSE = [
    ("fast", ["penalty.name=wgan-gp", "discriminator.norm=batch", "updates.batches=separate"], "penalty.name", "norm"),
    ("fast", ["penalty.name=wgan-gp", "loss.name=hinge", "updates.fake_labels=uniform"], "penalty.name", "fake_labels"),
    ("fast", ["loss.name=wasserstein", "penalty.name=none"], "loss.name", "penalty.name"),
    ("wgan-gp", ["penalty.gamma=0"], "loss.name", "penalty.gamma"),
    ("wgan-gp", ["training.pretraining=50"], "loss.name", "training.pretraining"),
    ("acgan", ["loss.classifier_weight=0"], "discriminator.auxiliary_classifier", "loss.classifier_weight"),
    (
        "fast",  # label biases need a second convolution
        ["discriminator.channels=[64]", "discriminator.label_input=none"],
        "generator.label_input",
        "discriminator.label_input",
    ),
    ("fast", ["loss.label_smoothing=0.1"], "loss.label_smoothing", "loss.name"),
    ("fast", ["updates.fake_labels=uniform"], "loss.name", "updates.fake_labels"),
    ("fast", ["updates.fakes=fresh", "updates.generator_batch=256"], "loss.name", "updates.generator_batch"),
    ("mask-cgan", ["updates.generator_batch=256"], "updates.generator_batch", "updates.fakes"),
    ("mask-cgan", ["updates.fakes=fresh"], "updates.order", "updates.fakes"),
    ("mask-cgan", ["updates.discriminator_steps=2"], "updates.order", "updates.discriminator_steps"),
    ("fast", ["updates.real_scores=earlier", "loss.name=hinge"], "updates.real_scores", "loss.name"),
    ("fast", ["updates.real_scores=earlier", "updates.order=simultaneous"], "updates.order", "updates.real_scores"),
    ("fast", ["discriminator.norm=batch"], "discriminator.norm", "updates.batches"),
    ("mask-cgan", ["discriminator.label_input=none"], "generator.label_input", "discriminator.label_input"),
    (
        "fast",
        ["generator.label_input=none", "discriminator.label_input=none", "discriminator.label_biases=false"],
        "generator.norm",
        "discriminator.label_input",
    ),
    ("mask-cgan", ["generator.label_input=none"], "generator.label_input", "discriminator.label_input"),
    ("dcgan", ["discriminator.label_biases=true"], "generator.label_input", "discriminator.label_biases"),
    ("dcgan", ["discriminator.auxiliary_classifier=true"], "generator.label_input", "discriminator.auxiliary_classifier"),
    ("acgan", ["loss.matching_aware=true"], "loss.matching_aware", "discriminator.label_input"),
    ("fast", ["generator.strides=[2, 2, 2]"], "generator.strides", "generator.channels"),
    ("fast", ["generator.kernel=1"], "generator.strides", "generator.kernel"),
    ("fast", ["generator.channels=[64, 32, 16]", "generator.kernel=[4, 1]"], "generator.strides", "generator.kernel"),
    ("fast", ["generator.kernel=[4, 3, 3, 3]"], "generator.kernel", "generator.channels"),
    ("fast", ["generator.image_stride=4", "generator.image_kernel=3"], "generator.image_stride", "generator.image_kernel"),
    ("fast", ["generator.dense_norm=units"], "generator.dense_norm", "generator.norm"),
    ("fast", ["updates.microbatches=3"], "updates.microbatches", "training.batch_size = 128"),
    (
        "fast",
        ["updates.microbatches=2", "discriminator.spectral_norm=true"],
        "updates.microbatches",
        "discriminator.spectral_norm",
    ),
    ("colour", ["training.feature_pretraining=0"], "discriminator.family", "training.feature_pretraining"),
    ("fast", ["training.feature_pretraining=100"], "training.feature_pretraining", "discriminator.family"),
    ("progressive", ["training.generator_pretraining=50"], "training.growth", "training.generator_pretraining"),
    (
        "style",
        ["training.growth=1/2@50%", "discriminator.from_image=each", "penalty.path_length=1"],
        "training.growth",
        "penalty.path_length",
    ),
    ("progressive", ["training.pretraining=50"], "training.growth", "training.pretraining"),
    ("onehot-cgan", ["discriminator.label_input=mask-plane"], "discriminator.entry_channels", "discriminator.label_input"),
    ("fast", ["penalty.path_length=2"], "penalty.path_length", "generator.family"),
    ("style", ["penalty.path_length=2", "updates.microbatches=2"], "penalty.path_length", "updates.microbatches"),
    ("style", ["training.batch_size=6"], "discriminator.deviation_group", "training.batch_size = 6"),
    ("style", ["updates.microbatches=32"], "discriminator.deviation_group", "updates.microbatches = 32"),
    ("style", ["discriminator.label_input=none"], "generator.label_input", "discriminator.label_input"),
    ("style", ["generator.label_input=none"], "generator.label_input", "discriminator.label_input"),
]


@pytest.mark.parametrize(("name", "settings", "one", "other"), NONSENSE, ids=lambda value: str(value)[:40])
def test_what_makes_no_sense_is_refused_before_data_is_loaded(
    tmp_path: Path, name: str, settings: list[str], one: str, other: str
) -> None:
    with pytest.raises(RecipeError) as caught:
        digitgan.train(name, settings=settings, data=str(tmp_path / "is-never-looked-for"), out=tmp_path / "run")
    settings_named, reason = str(caught.value).split(": ", maxsplit=1)
    first, second = settings_named.split(" with ")
    assert one in first
    assert other.split(".")[-1] in second
    assert len(reason) > 30
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_of_the_table_makes_sense(name: str) -> None:
    checked_recipe(RECIPES[name])


@pytest.mark.parametrize(
    "settings",
    [
        ["loss.name=wasserstein", "penalty.name=none", "discriminator.spectral_norm=true"],
        ["loss.name=hinge", "penalty.name=none", "discriminator.spectral_norm=true", "updates.fake_labels=uniform"],
        ["loss.name=non-saturating", "loss.label_smoothing=0.1", "loss.matching_aware=true"],
        ["discriminator.norm=batch", "updates.batches=separate"],
        ["discriminator.label_input=none", "discriminator.label_biases=false", "discriminator.auxiliary_classifier=true"],
        ["generator.label_input=one-hot", "generator.norm=batch", "discriminator.label_input=one-hot"],
        ["generator.family=style", "penalty.path_length=2"],
        ["discriminator.family=style", "discriminator.deviation_group=0", "training.batch_size=6"],
        [
            "generator.family=style",
            "generator.label_input=none",
            "discriminator.family=style",
            "discriminator.label_input=none",
        ],
    ],
)
def test_what_makes_sense_is_not_refused(settings: list[str]) -> None:
    checked_recipe(with_settings(find_recipe("fast"), settings))
