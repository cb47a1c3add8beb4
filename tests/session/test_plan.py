"""Tests of the plan of a new run: its length, precision, data and folder, and the options that are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from digitgan.data import DataRequest
from digitgan.errors import DigitganError, RecipeError, UsageError
from digitgan.options import TrainOptions
from digitgan.recipes import RECIPES
from digitgan.session import recipe, time_budget
from digitgan.session.plan import TrainPlan, plan_training
from digitgan.session.recipe import DISCRIMINATOR_PRETRAINING_STEPS


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def planned(said: list[str] | None = None, **options: Any) -> TrainPlan:
    """Return the plan of options: of `fast` and the digits unless the options name others."""
    named = {} if "config" in options else {"recipe": "fast"}
    return plan_training(TrainOptions(**{"data": "digits", **named, **options}), (said if said is not None else []).append)


@pytest.mark.parametrize(
    ("options", "images"),
    [
        ({}, RECIPES["fast"].training.images),
        ({"images": 640}, 640),
        ({"images": 1}, 32),  # at least one batch
        ({"epochs": 1.5}, 2250),
        ({"epochs": 0.001}, 32),
        ({"epochs": 2.0, "settings": ["training.images=77"]}, 3000),
        ({"settings": ["training.images=77"]}, 77),
    ],
)
def test_the_length_is_that_of_the_options_or_of_the_recipe(tmp_path: Path, options: dict[str, Any], images: int) -> None:
    assert planned(**options).recipe.training.images == images
    assert list(tmp_path.iterdir()) == []


def test_an_option_of_its_own_counts_before_the_same_setting(tmp_path: Path) -> None:
    settings = ["training.evaluate_every=7", "training.pretraining=3"]
    options = TrainOptions(
        data="digits", out=tmp_path / "run", settings=settings, evaluate_every=500, pretrain_discriminator=True
    )
    training = plan_training(options, lambda line: None).recipe.training
    assert (training.evaluate_every, training.pretraining) == (500, DISCRIMINATOR_PRETRAINING_STEPS)


@pytest.mark.parametrize(("minutes", "images"), [(0.5, 25_511), (0.1, 2_231), (0.05, 750)])
def test_minutes_are_converted_by_the_measured_speed_and_include_all_else(
    monkeypatch: pytest.MonkeyPatch, minutes: float, images: int
) -> None:
    now, budgets, said = [100.0], [], []

    def measured(_recipe: object, _spec: object, _device: object, budget: float) -> float:
        assert len(said) == 1, "the measurement is announced"
        budgets.append(budget)
        now[0] += 3.0
        return 1000.0

    monkeypatch.setattr(time_budget, "training_speed", measured)
    monkeypatch.setattr("digitgan.session.account.time", SimpleNamespace(monotonic=lambda: now[0]))
    plan = planned(said, minutes=minutes, settings=["training.generator_pretraining=0", "training.least_steps=0"])
    assert budgets == [60 * minutes]
    # 1,000 images a second in 0.97 of the budget, without three seconds for the measurement and 0.7 for the end; or in a
    # quarter of the budget
    assert plan.recipe.training.images == images
    assert any("will end later" in line for line in said) == (minutes < 0.1)
    assert plan.account.facts()["speed"] == 3.0


def test_minutes_that_are_too_short_for_a_step_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "training_speed", lambda *_: 2.0)  # images a second: a step of 128 takes a minute
    with pytest.raises(UsageError, match=r"--minutes 0\.5: a step of fast takes up to 64 s .*give --minutes 106\.7 or more"):
        planned(minutes=0.5)


def test_an_open_precision_is_that_of_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recipe, "choose_precision", lambda device: f"precision of {device}")
    assert planned().recipe.training.precision == "precision of cpu"
    assert planned(settings=["training.precision=float32"]).recipe.training.precision == "float32"


def test_an_unconditional_recipe_trains_without_labels_and_is_evaluated_with_them() -> None:
    plan = planned(recipe="dcgan")
    assert (plan.image_set.class_names, plan.spec.classes) == (("image",), 1)
    assert len(plan.labelled.class_names) == 10
    conditional = planned()
    assert conditional.image_set is conditional.labelled


def test_the_default_folder_is_named_after_recipe_and_data(tmp_path: Path) -> None:
    np.savez("mine.npz", images=np.zeros((40, 28, 28), np.uint8), labels=np.arange(40) % 10)
    assert planned(recipe="acgan", data="mine.npz").run.path == Path("runs/acgan-mine-001")
    (tmp_path / "runs" / "acgan-mine-001").mkdir(parents=True)
    assert planned(recipe="acgan", data="mine.npz").run.path == Path("runs/acgan-mine-002")


def test_the_default_data_is_mnist() -> None:
    plan = planned(data=None, per_class_limit=2)
    assert plan.data == DataRequest("mnist", per_class_limit=2).resolved(plan.image_set)
    assert plan.image_set.counts == [2] * 10


def test_a_limit_is_recorded_with_the_data() -> None:
    record = planned(per_class_limit=7).data_record()
    assert (record["source"], record["per_class_limit"], record["images"]) == ("digits", 7, 70)
    assert record["content_hash"] != planned().data_record()["content_hash"]
    assert planned().data_record()["per_class_limit"] is None


def test_each_microbatch_is_computed_by_one_thread() -> None:
    plan = dataclasses.replace(planned(), threads=8)
    assert plan.arithmetic()["threads"] == 8
    parts = dataclasses.replace(planned(settings=["updates.microbatches=2"]), threads=8)
    assert parts.arithmetic()["threads"] == 1


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"images": 5, "minutes": 1.0}, UsageError, "--images, --minutes: "),
        ({"epochs": 5.0, "minutes": 1.0, "resume": True}, UsageError, "--epochs, --minutes: "),
        ({"images": -5}, UsageError, "--images -5: "),
        ({"images": 10**20}, UsageError, f"--images {10**20}: "),
        ({"epochs": 0.0}, UsageError, r"--epochs 0\.0: "),
        ({"epochs": 1e10}, UsageError, "15,000,000,000,000 images"),
        ({"minutes": -1.0}, UsageError, r"--minutes -1\.0: "),
        ({"minutes": float("nan")}, UsageError, "--minutes nan: "),
        ({"seed": -1}, UsageError, "--seed -1: "),
        ({"seed": 2**63}, UsageError, f"--seed {2**63}: "),
        ({"data": ""}, UsageError, "--data: "),
        ({"evaluate_every": 0}, UsageError, "--evaluate-every 0: "),
        ({"recipe": "fast", "config": Path("mine.toml")}, UsageError, "fast, --config: "),
        ({"resume": True, "overwrite": True, "out": Path("run")}, UsageError, "--resume, --overwrite: "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_options_that_cannot_be_meant_are_refused(
    tmp_path: Path, options: dict[str, Any], error: type[DigitganError], message: str
) -> None:
    with pytest.raises(error, match=message) as caught:
        planned(**options)
    assert type(caught.value) is error
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "options", [{}, {"recipe": "style"}, {"recipe": "mask-cgan"}, {"recipe": "dcgan", "evaluate_every": 100}]
)
def test_images_without_labels_are_trained_without_labels(tmp_path: Path, options: dict[str, Any]) -> None:
    np.savez("plain.npz", images=np.zeros((100, 28, 28), np.uint8))
    plan = planned(data="plain.npz", **options)
    assert not plan.recipe.conditional
    assert plan.spec.classes == 1
    with pytest.raises(RecipeError, match=r"recipe colour without labels"):
        planned(data="plain.npz", recipe="colour")
    assert [path.name for path in tmp_path.iterdir()] == ["plain.npz"]


def test_a_length_chosen_before_the_training_is_said_with_the_command_that_repeats_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_budget, "training_speed", lambda *_: 1000.0)
    monkeypatch.setattr("digitgan.session.plan.can_decide_later", lambda *_: False)
    said: list[str] = []
    plan = planned(said, minutes=0.5, seed=7, settings=["training.generator_pretraining=0", "penalty.gamma=0.3"])
    images = plan.recipe.training.images
    assert plan.open_length is None
    command = plan.command.split()
    assert command[:2] == ["digitgan", "train"]
    assert f"--images={images}" in plan.command.replace("--images ", "--images=")
    assert any(plan.command in line for line in said)
    again = planned(images=images, seed=7, settings=["training.generator_pretraining=0", "penalty.gamma=0.3"])
    assert again.recipe == plan.recipe
    assert again.command == ""


def test_a_run_too_short_to_draw_anything_is_warned_of() -> None:
    said: list[str] = []
    assert (
        planned(said, images=1_000)
        .too_short()
        .startswith("1,000 images are too few for fast to draw anything: it needs about 1,200")
    )
    assert any(line.startswith("warning: 1,000 images are too few") for line in said)
    assert planned(images=2_000).too_short() == ""


def test_a_short_run_has_smaller_batches_unless_they_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    sizes = {images: planned(said, images=images).recipe.training.batch_size for images in (25_600, 25_599, 12_799, 100)}
    assert sizes == {25_600: 128, 25_599: 64, 12_799: 32, 100: 32}
    assert said[0] == "batches of 64 images instead of 128 and 1.5 times the learning rates, because this run has few steps"
    for named in ("training.batch_size=128", "training.batch_size = 128", "updates.generator_batch=128"):
        assert planned(images=100, settings=[named]).recipe.training.batch_size == 128
    assert planned(images=100, settings=["updates.microbatches=4"]).recipe.training.batch_size == 32
    assert planned(recipe="dcgan", images=100).recipe.training.batch_size == 256

    def rates(*settings: str, images: int = 100) -> tuple[float, float]:
        optimizer = planned(images=images, settings=settings).recipe.optimizer
        return optimizer.generator_learning_rate, optimizer.discriminator_learning_rate

    assert rates() == (0.006, 0.006)
    assert rates(images=25_600) == rates("training.batch_size=128") == (0.004, 0.004)
    assert rates("optimizer.generator_learning_rate=0.004") == (0.004, 0.004), "rates that are named are kept"
    assert rates("optimizer.generator_learning_rate=0.003") == (0.003, 0.004)
    assert rates("optimizer.beta2=0.9") == (0.004, 0.004), "the factor was measured with the optimisers of the recipe"

    speeds = {128: 3000.0, 64: 2400.0, 32: 1600.0}  # in 6 s: 18,000, 14,400 or 9,600 images
    monkeypatch.setattr(time_budget, "training_speed", lambda shaped, *_: speeds[shaped.training.batch_size])
    monkeypatch.setattr("digitgan.session.account.time", SimpleNamespace(monotonic=lambda: 0.0))
    training = planned(minutes=(6 / 0.97 + 0.7) / 60, settings=["training.generator_pretraining=0"]).recipe.training
    assert (training.batch_size, training.images) == (64, 14_400)
    shorter = planned(minutes=(3.84 / 0.97 + 0.7) / 60, settings=["training.generator_pretraining=0"]).recipe.training
    assert (shorter.batch_size, shorter.images) == (32, round(0.8**2 * 3.84 * 3000))  # the speeds of halves are not measured
