"""Tests of the signs of a failing training that are relative to the run itself."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from digitgan.data import ImageSet
from digitgan.networks import DiscriminatorOutput
from digitgan.recipes import RECIPES, find_recipe
from digitgan.session.callbacks.guard import Guard
from digitgan.session.callbacks.health import (
    COMPARISONS_IN_A_ROW,
    DIVERGED,
    FIRST_CHUNKS,
    MANY_TIMES,
    Magnitudes,
    OverfittingWatch,
    is_blank,
    poor_classes,
)
from digitgan.training import Control, Trainer
from digitgan.training.losses import RelativisticLoss
from tests import tiny
from tests.cli.commands import run


def grown(times: float, before: float = 2.0) -> Any:
    magnitudes = Magnitudes()
    for _ in range(FIRST_CHUNKS):
        assert magnitudes.of_losses({"discriminator_loss": -before, "generator_loss": 0.1}) is None
    return magnitudes.of_losses({"discriminator_loss": before * times, "generator_loss": 0.1})


def test_losses_are_compared_with_earlier_ones_of_the_run() -> None:
    assert grown(MANY_TIMES - 1) is None
    warned, failed = grown(MANY_TIMES + 1), grown(DIVERGED + 1)
    assert (warned.kind, warned.severe, failed.severe) == ("large losses", False, True)
    assert "the loss of the discriminator is 202, 101 times as large as before" in warned.text
    assert grown(50, before=1e-3) is None  # a small loss may grow


def test_weights_are_compared_with_those_at_the_start() -> None:
    magnitudes, weights = Magnitudes(), [torch.ones(4), torch.ones(2, 3)]
    assert magnitudes.of_weights({"generator": weights}) is None
    found = magnitudes.of_weights({"generator": [1000 * each for each in weights]})
    assert found is not None
    assert "the weights of the generator are 1,000 times as large as at the start" in found.text
    again = Magnitudes()
    again.restore(json.loads(json.dumps(magnitudes.state())))
    assert again.of_weights({"generator": [1000 * each for each in weights]}) == found


class KnowsByHeart(torch.nn.Module):
    """A discriminator that gives the images it knows, those of even grey level, a score of its own."""

    def frozen_part(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return (images,)

    def __init__(self, known: float) -> None:
        super().__init__()
        self.known = known


def images_of(level: int, count: int = 40) -> ImageSet:
    return ImageSet(np.full((count, 4, 4), level, np.uint8), np.arange(count) % 2, ("a", "b"), "plain")


def look(known: float, times: int, images_seen: int = 10_000) -> Any:
    watch = OverfittingWatch(images_of(255), images_of(0))
    score = lambda network, batch: (DiscriminatorOutput(batch.images.mean(dim=(1, 2, 3)).clamp(0) * known + 1, None),)  # noqa: E731
    trainer: Any = SimpleNamespace(
        images_seen=images_seen,
        device=torch.device("cpu"),
        recipe=tiny.recipe(),
        discriminator=torch.nn.Linear(1, 1),
        objective=SimpleNamespace(score=score),
    )
    return [watch.look(trainer, score_fake=-1.0) for _ in range(times)][-1]


def test_a_discriminator_that_knows_its_training_images_by_heart_is_named() -> None:
    assert look(known=10.0, times=COMPARISONS_IN_A_ROW - 1) is None
    found = look(known=10.0, times=COMPARISONS_IN_A_ROW)
    assert found.kind == "overfitting"
    assert "augmentation.name=adaptive" in found.text
    assert look(known=0.5, times=10) is None
    assert look(known=10.0, times=10, images_seen=100) is None


def test_a_class_without_variety_is_named_unless_all_are() -> None:
    found = poor_classes({"a": 0.9, "b": 0.05, "c": 0.1}, 0.15)
    assert found is not None
    assert "class b have 5% of the variety of its real images, as 1 more" in found.text
    assert poor_classes({"a": 0.9, "b": 0.5}, 0.15) is None
    assert poor_classes({"a": 0.01, "b": 0.02}, 0.15) is None


@pytest.mark.parametrize(("name", "acts"), [("fast", True), ("dcgan", False)])
def test_the_guard_acts_on_grown_losses_where_the_recipe_lets_it_and_else_warns(
    digits: ImageSet, name: str, acts: bool
) -> None:
    said: list[str] = []
    control = Control()
    guard = Guard(find_recipe(name), control, digits, said.append)
    for _ in range(3):
        guard._report(grown(6e10), 5_000)
    assert (control.alarm is not None) == acts
    assert len(said) == (not acts)
    assert all("guard: warning at 5,000 images: the loss of the discriminator" in line for line in said)


def test_only_the_guards_of_published_systems_do_not_act_on_divergence() -> None:
    watched = {name for name, recipe in RECIPES.items() if recipe.guard.divergence}
    assert {"fast", "style", "wgan-gp", "lstm-cgan-fixed"} <= watched
    assert not watched & {"lstm-cgan", "onehot-cgan", "mask-cgan", "plain-gan", "dcgan"}


def test_a_warning_stands_in_the_record_and_in_the_last_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The losses of a published system become very large: it warns, and goes on."""
    original = Trainer.step

    def step(trainer: Trainer, *inputs: Any) -> Any:
        report = original(trainer, *inputs)
        if trainer.steps_done > 50 * FIRST_CHUNKS:
            report.terms["discriminator_loss"] = report.terms["discriminator_loss"] + 6e10
        return report

    monkeypatch.setattr(Trainer, "step", step)
    out = tmp_path / "run"
    settings = ("training.batch_size=4", "training.images=2600", "guard.divergence=false", "training.generator_pretraining=0")
    assert run("train", *tiny.options(*settings), "--out", str(out), "--json") == 0
    printed = json.loads(capsys.readouterr().out)
    (warning,) = json.loads((out / "run.json").read_text())["warnings"]
    assert printed["warnings"] == [warning]
    assert "times as large as before" in warning
    assert printed["finished"]


def test_images_of_one_colour_are_blank() -> None:
    assert is_blank(np.full((3, 4, 4), 7, np.uint8))
    assert is_blank(np.tile(np.array([200, 10, 90], np.uint8), (3, 4, 4, 1)))
    images = np.zeros((3, 4, 4), np.uint8)
    images[1, 2, 2] = 255
    assert not is_blank(images)


def test_a_training_that_ends_with_blank_images_warns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rates = [f"--set=optimizer.{network}_learning_rate=1" for network in ("generator", "discriminator")]
    rates.append("--set=guard.rollbacks=0")
    code = run("train", "fast", "--data=digits", "--images=4000", *rates, f"--out={tmp_path / 'run'}", "--json")
    shown = json.loads(capsys.readouterr().out)
    told = " ".join([*shown["warnings"], str(shown.get("diagnosis", ""))])
    assert "one colour" in told or "not finite" in told or "times as large" in told
    assert (code == 0) == shown["finished"]


def test_the_json_of_a_failed_training_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(RelativisticLoss, "generator", lambda _self, real, fake: (real - fake).mean() * float("nan"))
    assert run("train", *tiny.options("guard.rollbacks=0"), f"--out={tmp_path / 'run'}", "--json") == 3
    shown = json.loads(capsys.readouterr().out)
    assert (shown["status"], shown["finished"]) == ("failed", False)
    assert "divergence" in shown["diagnosis"]
    assert shown["run"] == str(tmp_path / "run")
