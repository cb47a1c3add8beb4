"""Tests of the plan of a resumed run: what comes from the run, what the options may change, and what is refused."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from digitgan.errors import RenamedWarning, RunError
from digitgan.options import TrainOptions
from digitgan.recipes import ALIASES
from digitgan.runs import RunFolder, new_run
from digitgan.session import recipe
from digitgan.session.plan import TrainPlan, plan_training
from tests.session.conftest import contents

SETTINGS = ("penalty.gamma=0.25", "training.precision=float32")


def begun(path: Path, **options: Any) -> RunFolder:
    """Return a run whose training has started and has been stopped."""
    plan = plan_training(
        TrainOptions(**{"recipe": "fast", "data": "digits", "seed": 3, "images": 640, "out": path, **options}),
        lambda line: None,
    )
    run = new_run(path, overwrite=False)
    run.write_recipe(plan.recipe)
    run.write_record({**plan.facts(), "status": "stopped"})
    return run


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return begun(tmp_path / "run", settings=SETTINGS)


def resumed(run: RunFolder, **options: Any) -> TrainPlan:
    return plan_training(TrainOptions(out=run.path, resume=True, **options), lambda line: None)


def test_what_the_options_leave_open_comes_from_the_run(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    before = contents(run)
    monkeypatch.setattr(recipe, "choose_precision", lambda device: "bfloat16")
    plan = resumed(run)
    assert (plan.recipe, plan.seed, plan.data.source, plan.resumed) == (run.read_recipe(), 3, "digits", True)
    assert plan.recipe.training.precision == "float32"
    assert contents(run) == before


def test_a_length_that_the_run_has_passed_is_refused_before_the_plan(run: RunFolder) -> None:
    (run.checkpoints / "00000640").mkdir(parents=True)
    assert resumed(run, images=639).recipe.training.images == 639  # less than a batch
    with pytest.raises(RunError, match=r"\b640\b.*\b64\b.*--images"):
        resumed(run, images=64)


def test_a_run_goes_on_writing_events_and_on_its_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = begun(tmp_path / "run", device="cpu")
    assert not resumed(run).tensorboard
    run.write_record({**run.read_record(), "tensorboard": True})
    assert resumed(run).tensorboard
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert resumed(run).device.type == "cpu"
    run.write_record({**run.read_record(), "device": "cuda"})  # this machine has none
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert resumed(run).device.type == "cpu"


def test_the_same_options_are_no_change(run: RunFolder) -> None:
    plan = resumed(run, recipe="fast", settings=SETTINGS, data="digits", seed=3, images=640)
    assert plan.recipe == run.read_recipe()


def test_a_limit_of_images_comes_from_the_run(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", per_class_limit=20)
    assert resumed(run).image_set.counts == [20] * 10
    assert resumed(run, data="digits", per_class_limit=20).image_set.counts == [20] * 10
    with pytest.raises(RunError, match=r"data:\s+digits.*\b200\b.* -> digits.*\b210\b"):
        resumed(run, per_class_limit=21)


def test_an_open_precision_is_no_change(run: RunFolder) -> None:
    assert resumed(run, settings=["training.precision=auto"]).recipe.training.precision == "float32"


def test_a_former_name_of_the_recipe_is_no_change(tmp_path: Path) -> None:
    former, present = next(iter(ALIASES.items()))
    run = begun(tmp_path / "run", recipe=present)
    run.write_recipe(dataclasses.replace(run.read_recipe(), name=former))
    assert resumed(run, recipe=present).recipe.name == former
    with pytest.warns(RenamedWarning):
        assert resumed(run, recipe=former).recipe.name == former


@pytest.mark.parametrize(("options", "images"), [({"images": 1280}, 1280), ({"epochs": 2.0}, 3000)])
def test_the_length_may_change_and_nothing_else_does(run: RunFolder, options: dict[str, Any], images: int) -> None:
    before = run.read_recipe()
    training = dataclasses.replace(before.training, images=images)
    assert resumed(run, **options).recipe == dataclasses.replace(before, training=training)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"settings": ["penalty.gamma=0.5"]}, r"recipe:\s+penalty\.gamma: 0\.25 -> 0\.5"),
        ({"settings": ["training.precision=bfloat16"]}, r"recipe:\s+training\.precision: .*float32.* -> .*bfloat16"),
        ({"recipe": "fast"}, r"recipe:\s+penalty\.gamma: 0\.25 -> 0\.05"),
        ({"recipe": "dcgan"}, r"recipe:\s+name: fast -> dcgan"),
        ({"config": Path("mine.toml")}, r"recipe:\s+penalty\.gamma: 0\.25 -> 0\.75"),
        ({"evaluate_every": 100}, r"recipe:\s+training\.evaluate_every: 0 -> 100"),
        ({"pretrain_discriminator": True}, r"recipe:\s+training\.pretraining: 0 -> 50"),
        ({"seed": 4}, r"seed:\s+3 -> 4"),
        ({"data": "other.npz"}, r"data:\s+digits.*\b1,500\b.* -> other\.npz.*\b40\b"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, dict) else "",
)
def test_another_recipe_seed_or_data_is_refused_and_nothing_changes(
    run: RunFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez("other.npz", images=np.zeros((40, 28, 28), np.uint8), labels=np.arange(40) % 10)
    Path("mine.toml").write_text('base = "fast"\n[penalty]\ngamma = 0.75\n[training]\nprecision = "float32"\n')
    before = contents(run)
    with pytest.raises(RunError, match=message) as caught:
        resumed(run, **options)
    assert str(run.path) in str(caught.value)
    assert contents(run) == before


def without(*names: str) -> Callable[[dict[str, Any]], None]:
    """Return a function that removes an entry of a record."""

    def remove(record: dict[str, Any]) -> None:
        for name in names[:-1]:
            record = record[name]
        del record[names[-1]]

    return remove


@pytest.mark.parametrize(
    "damage",
    [
        without("seed"),
        without("data"),
        without("data", "source"),
        without("data", "content_hash"),
        lambda record: record.update(seed="3"),
        lambda record: record.update(data="digits"),
    ],
)
def test_a_record_without_seed_or_data_is_refused(run: RunFolder, damage: Callable[[dict[str, Any]], None]) -> None:
    record = run.read_record()
    damage(record)
    run.write_record(record)
    with pytest.raises(RunError, match=r"run\.json: "):
        resumed(run)


def test_a_finished_run_without_a_checkpoint_is_refused(run: RunFolder) -> None:
    run.write_record(run.read_record() | {"status": "finished"})
    with pytest.raises(RunError, match=r"run: .*--out"):
        resumed(run)
    run.write_record(run.read_record() | {"status": "training"})
    assert resumed(run).resumed


def test_the_smaller_batch_of_a_short_run_is_kept_and_is_no_other_recipe(tmp_path: Path) -> None:
    run = begun(tmp_path / "run", images=12_000)
    assert run.read_recipe().training.batch_size == 32
    for options in ({}, {"recipe": "fast"}, {"recipe": "fast", "images": 60_000}, {"settings": ["penalty.gamma=0.05"]}):
        assert resumed(run, **options).recipe.training.batch_size == 32
    with pytest.raises(RunError, match=r"training\.batch_size: 32 -> 64"):
        resumed(run, settings=["training.batch_size=64"])
    with pytest.raises(RunError, match=r"penalty\.gamma"):
        resumed(run, recipe="fast", settings=["penalty.gamma=0.3"])
