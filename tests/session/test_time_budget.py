"""Tests of a budget in minutes: the length is decided during the training, and a repetition gives the same weights."""

from __future__ import annotations

import dataclasses
import io
import json
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from rich.console import Console

import digitgan
from digitgan.data import silent
from digitgan.errors import DivergenceError
from digitgan.options import TrainOptions
from digitgan.recipes import RECIPES, Recipe, with_settings
from digitgan.runs import RunFolder
from digitgan.session.account import TimeAccount
from digitgan.session.plan import plan_training
from digitgan.session.repetition import Repetition
from digitgan.session.session import run_training
from digitgan.session.short_run import shortened, with_usual_batch
from digitgan.session.time_budget import (
    END_SECONDS,
    MINUTES_SHARE,
    SLOWDOWN,
    OpenLength,
    can_decide_later,
    with_fixed_pretraining,
)
from digitgan.training import Control, checkpoints
from digitgan.training.losses import RelativisticLoss
from digitgan.training.pretraining import least_length
from digitgan.training.speed import with_batch_size
from tests import tiny
from tests.cli.commands import run as command

CPU = torch.device("cpu")
FAST = RECIPES["fast"]
NETWORKS = ("generator", "discriminator")


def long(recipe: Recipe, images: int) -> Recipe:
    """Return a recipe with a length in images."""
    return dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=images))


def decided(
    monkeypatch: pytest.MonkeyPatch, recipe: Recipe, seconds: float, speed: float, late_speed: float = 0.0
) -> tuple[int, int]:
    """Return the number of images seen when the length was decided, and that length.

    Args:
        monkeypatch: fixture of pytest.
        recipe: recipe with its expected length.
        seconds: time for the steps.
        speed: images a second.
        late_speed: images a second after half of the time; 0 for the same speed.
    """
    monkeypatch.setattr("digitgan.session.account.time", SimpleNamespace(monotonic=lambda: 0.0))
    length = OpenLength((seconds / MINUTES_SHARE + END_SECONDS) / 60, TimeAccount())
    now, seen, size = 5.0, 0, recipe.training.batch_size  # the time of earlier sessions does not count
    length.begin(now)
    while True:
        now += size / (late_speed if late_speed and now - 5 > seconds / 2 else speed)
        seen += size
        if (images := length.after_step(recipe, seen, now)) is not None:
            return seen, images
        assert now - 5 < seconds, "the length is decided within the time"


def test_the_length_is_decided_when_the_learning_rate_begins_to_decay(monkeypatch: pytest.MonkeyPatch) -> None:
    for expected in (60_000, 100_000, 200_000):
        seen, images = decided(monkeypatch, long(FAST, expected), seconds=50.0, speed=2000.0)
        assert images == pytest.approx(100_000, rel=0.01)
        assert seen == pytest.approx(0.6 * min(expected, 100_000), rel=0.02)
        assert seen <= 0.6 * images
    assert decided(monkeypatch, with_settings(FAST, ["optimizer.decay=none"]), 60.0, 2000.0)[0] == pytest.approx(
        108_000, rel=0.01
    )


def test_a_machine_that_slows_down_shortens_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    seen, images = decided(monkeypatch, long(FAST, 100_000), seconds=50.0, speed=2000.0, late_speed=1000.0)
    assert seen <= 0.6 * images, "the learning rate has not had to decay yet"
    seconds = 25 + (images - 50_000) / 1000
    assert 50 < seconds < 70, "83,000 images are the fewest after so many at the full rate; at the first speed it would be 75 s"
    assert images < 95_000


def test_a_stall_does_not_end_the_run_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digitgan.session.account.time", SimpleNamespace(monotonic=lambda: 0.0))
    for stalled_at in (5.0, 10.0, 20.0):
        length = OpenLength((60 / MINUTES_SHARE + END_SECONDS) / 60, TimeAccount())
        length.begin(0.0)
        now, seen, images = 0.0, 0, None
        while images is None:
            now += 128 / 500 + (5.0 if now <= stalled_at < now + 128 / 500 else 0.0)
            seen += 128
            images = length.after_step(long(FAST, 30_000), seen, now)
        assert now + (images - seen) / 500 == pytest.approx(60, rel=0.15)
        assert now > 28


def test_a_decided_length_allows_the_pretraining_that_the_run_had(monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = with_batch_size(long(FAST, 8000), 32)  # 100 steps of pretraining are two fifths of 250 steps
    assert decided(monkeypatch, recipe, seconds=5.0, speed=1000.0)[1] == 8000
    assert decided(monkeypatch, recipe, seconds=10.0, speed=1000.0)[1] == pytest.approx(10_000, rel=0.02)


@pytest.mark.parametrize(
    ("setting", "later"),
    [
        ("optimizer.decay_share=0.4", True),
        ("optimizer.decay_share=0.75", True),
        ("optimizer.decay_share=0.9", False),
        ("optimizer.decay=none", True),
        ("training.growth=1/2@50%", False),
    ],
)
def test_only_a_constant_learning_rate_leaves_the_length_open(setting: str, later: bool) -> None:
    assert can_decide_later(with_settings(FAST, [setting]), CPU) == later
    assert not can_decide_later(with_settings(FAST, [setting]), torch.device("cuda"))


@pytest.mark.parametrize("settings", [(), ("optimizer.decay=none",), ("loss.name=hinge", "training.evaluate_every=640")])
def test_a_repetition_gives_the_same_weights(
    tmp_path: Path, settings: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command("train", *tiny.options(*settings), "--minutes=0.04", "--out", str(tmp_path / "run"), "--json") == 0
    printed = capsys.readouterr()
    result, run = json.loads(printed.out), RunFolder(tmp_path / "run")
    recipe = run.read_recipe()
    images, size = recipe.training.images, recipe.training.batch_size
    assert "decided during the training" in printed.err
    (line,) = [line for line in printed.err.splitlines() if "the same weights" in line]
    assert line.startswith(f"length {images:,} images, chosen by the speed of this machine")
    assert line.endswith(result["command"])
    assert images <= result["images_seen"] < images + size
    assert result["images"] == run.read_record()["images"] == images
    assert [*run.read_history()][-1]["images_seen"] == result["images_seen"], "the history ends with the run"
    assert f"{result['images_seen']}" in run.preview_files()[-1].stem

    assert f"--images {images}" in result["command"]
    arguments = shlex.split(result["command"])[1:]
    assert command(*arguments, "--out", str(tmp_path / "again"), "--quiet") == 0
    weights = [digitgan.load(tmp_path / name).generator.state_dict() for name in ("run", "again")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


KILLED = """
import os, signal, sys
from digitgan.cli import main
from digitgan.session.session import TrainingSession
decide = TrainingSession._decide_length
def decided(self, *given):
    decide(self, *given)
    if self.plan.open_length is None:
        os.kill(os.getpid(), signal.SIGKILL)
TrainingSession._decide_length = decided
main(sys.argv[1:])
"""


@pytest.mark.parametrize("named", [(), ("training.batch_size=16",)])
def test_a_run_that_is_killed_once_its_length_is_decided_is_resumed_exactly(tmp_path: Path, named: tuple[str, ...]) -> None:
    settings = [setting for setting in tiny.SETTINGS if "batch" not in setting and "training.images" not in setting]
    options = ["fast", "--data=digits", *(f"--set={setting}" for setting in (*settings, *named))]
    run = tmp_path / "run"
    killed = [sys.executable, "-c", KILLED, "train", *options, "--minutes=0.1", "--out", str(run)]
    assert subprocess.run(killed, capture_output=True, check=False).returncode == -signal.SIGKILL
    recipe = RunFolder(run).read_recipe()
    assert command("train", *options, "--resume", "--images", str(recipe.training.images), "--out", str(run), "--quiet") == 0
    steps = f"--set=training.generator_pretraining={recipe.training.generator_pretraining}"
    size = f"--set=training.batch_size={recipe.training.batch_size}"
    rates = [f"--set=optimizer.{each}_learning_rate={recipe.optimizer.generator_learning_rate}" for each in NETWORKS]
    repeated = [*options, steps, size, *rates, "--images", str(recipe.training.images)]
    assert command("train", *repeated, "--out", str(tmp_path / "again"), "--quiet") == 0
    weights = [digitgan.load(tmp_path / name).generator.state_dict() for name in ("run", "again")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    seen = [[line["images_seen"] for line in RunFolder(tmp_path / name).read_history()] for name in ("run", "again")]
    assert len(seen[0]) == len({*seen[0]}), "no line is doubled"


def test_an_unhealthy_state_is_not_saved_when_the_length_is_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(OpenLength, "after_step", lambda *_: 640)
    monkeypatch.setattr(RelativisticLoss, "generator", lambda _self, real, fake: (real - fake).mean() * float("nan"))
    options = TrainOptions(recipe="fast", settings=tiny.SETTINGS, data="digits", minutes=0.1, out=tmp_path / "run")
    with pytest.raises(DivergenceError):
        run_training(plan_training(options, silent), Console(file=io.StringIO()), "none", Control())
    assert checkpoints(RunFolder(tmp_path / "run").checkpoints) == []


def test_a_run_that_is_stopped_before_its_length_is_decided_goes_on_to_the_expected_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = Control()
    monkeypatch.setattr(OpenLength, "after_step", lambda *_: control.stop())
    options = TrainOptions(recipe="fast", settings=tiny.SETTINGS, data="digits", minutes=0.1, out=tmp_path / "run")
    plan = plan_training(options, silent)
    assert not run_training(plan, Console(file=io.StringIO()), "none", control).finished
    expected = RunFolder(tmp_path / "run").read_recipe().training.images
    assert expected == plan.recipe.training.images
    assert command("train", "--resume", "--images=320", "--out", str(tmp_path / "run"), "--quiet") == 0
    assert digitgan.load(tmp_path / "run").card["images_seen"] == 320


def test_the_command_names_a_batch_that_was_chosen_for_another_length() -> None:
    repetition = Repetition(TrainOptions(data="digits", minutes=0.2), "fast", FAST, 1)
    small = shortened(FAST, 64, TrainOptions())
    assert "--set" not in repetition.command(long(small, 20_000))
    assert "--set training.batch_size=64" in repetition.command(long(small, 30_000))
    named = "--set training.batch_size=64 --set optimizer.generator_learning_rate=0.006"
    assert named in repetition.command(long(small, 30_000))
    own = with_batch_size(with_settings(FAST, ["updates.fakes=fresh", "updates.generator_batch=256"]), 64)
    fresh = dataclasses.replace(repetition, whole=with_batch_size(own, 128))
    assert "--set training.batch_size=64 --set updates.generator_batch=128" in fresh.command(long(own, 30_000))


@pytest.mark.parametrize("colour", [False, True])
def test_pretraining_is_that_of_a_shorter_run(colour: bool) -> None:
    recipe = long(RECIPES["colour"] if colour else FAST, round(12_800 * SLOWDOWN))
    fixed = with_fixed_pretraining(recipe).training
    if colour:
        assert (fixed.feature_pretraining, fixed.generator_pretraining) == (100, 0)
    else:
        assert (fixed.feature_pretraining, fixed.generator_pretraining) == (0, 40)
    repetition = Repetition(TrainOptions(minutes=1), recipe.name, recipe, 1)
    command = repetition.command(dataclasses.replace(recipe, training=dataclasses.replace(fixed, images=25_600)))
    named = "training.feature_pretraining=100" if colour else "training.generator_pretraining=40"
    assert f"--set {named}" in command
    assert least_length(dataclasses.replace(recipe, training=fixed)) <= 12_800


def test_what_was_chosen_for_the_expected_length_belongs_to_a_short_run() -> None:
    pretrained = with_settings(FAST, ["training.generator_pretraining=60"])
    for images, whole in ((20_000, True), (30_000, True), (80_000, False)):  # 100 steps are two fifths of 32,000 images
        assert (with_usual_batch(long(pretrained, images)).training.generator_pretraining == 100) == whole
    small = with_batch_size(FAST, 64)
    for images, whole in ((20_000, True), (30_000, True), (60_000, False), (8000, True)):
        assert (with_usual_batch(long(small, images)).training.batch_size == 128) == whole
    assert with_usual_batch(long(shortened(FAST, 64, TrainOptions()), 20_000)) == long(FAST, 20_000)
    other = with_settings(FAST, ["optimizer.generator_learning_rate=0.005"])
    assert with_usual_batch(long(shortened(other, 64, TrainOptions()), 20_000)) == long(other, 20_000)
