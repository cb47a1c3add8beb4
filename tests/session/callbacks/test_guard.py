"""Tests of the guard: each kind of failure is detected and rolled back, and repeated failures end the run."""

from __future__ import annotations

import dataclasses
import json
import math
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

import digitgan
from digitgan.errors import DivergenceError
from digitgan.model.file import load_model
from digitgan.networks import DiscriminatorOutput
from digitgan.networks.convolutional import ConvolutionalDiscriminator, ConvolutionalGenerator
from digitgan.recipes import find_recipe
from digitgan.runs import RunFolder
from digitgan.session.callbacks.guard import COLLAPSED, PATIENCE, STEPS_PER_CHECK, WARM_UP_STEPS, Guard, variety_of
from digitgan.training import CheckpointDue, Control, PreviewDue, Stepped, StepReport, Trainer, checkpoints
from tests import tiny


def train(out: Path, images: int, *settings: str) -> digitgan.TrainingResult:
    return tiny.train(out, *settings, images=images)


def record(run: Path) -> dict[str, object]:
    found: dict[str, object] = json.loads((run / "run.json").read_text())
    return found


def assert_healthy(run: RunFolder) -> None:
    """Assert that models, history and checkpoints have finite values only."""
    for path in [run.model, *run.snapshot_files()]:
        if path.exists():
            load_model(path)  # raises an error for weights that are not finite
    for line in run.read_history():
        assert all(value is None or math.isfinite(value) for value in line.values())
    from safetensors.torch import load_file

    for checkpoint in checkpoints(run.checkpoints):
        assert all(bool(tensor.isfinite().all()) for tensor in load_file(checkpoint / "state.safetensors").values())


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, str], None]:
    """Return a function that makes a step at a number of images set a weight of a network to NaN, up to `times` times."""

    def poison(at: int, network: str, times: int = 1) -> None:
        left = iter(range(times))
        original = Trainer.step

        def step(trainer: Trainer, *inputs: object) -> StepReport:
            report = original(trainer, *inputs)  # type: ignore[arg-type]
            if report.images_seen == at and next(left, None) is not None:
                with torch.no_grad():
                    next(iter(getattr(trainer, network).parameters())).view(-1)[0] = math.nan
            return report

        monkeypatch.setattr(Trainer, "step", step)

    return poison


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_weights_that_are_no_numbers_are_taken_back_and_the_run_ends_well(
    tmp_path: Path, poisoned: Callable[[int, str], None], network: str
) -> None:
    poisoned(400, network)
    result = train(tmp_path / "run", 640, "training.checkpoints=4", "training.snapshots=4", "training.previews=4")
    assert (result.finished, result.rollbacks, result.images_seen) == (True, 1, 640)
    (rollback,) = record(tmp_path / "run")["rollbacks"]  # type: ignore[misc]
    assert rollback["to"] == 320
    assert 400 <= rollback["at"] <= 480, "as soon as the weight is used"
    assert network in rollback["alarm"] or "_loss" in rollback["alarm"]
    assert_healthy(RunFolder(tmp_path / "run"))


def test_a_weight_poisoned_at_the_very_moment_of_a_checkpoint_is_never_saved(
    tmp_path: Path, poisoned: Callable[[int, str], None]
) -> None:
    poisoned(320, "generator")
    result = train(tmp_path / "run", 640, "training.checkpoints=4", "training.previews=1")
    assert (result.finished, result.rollbacks) == (True, 1)
    (rollback,) = record(tmp_path / "run")["rollbacks"]  # type: ignore[misc]
    assert (rollback["at"], rollback["to"]) == (320, 160)
    assert_healthy(RunFolder(tmp_path / "run"))


def test_each_try_has_the_whole_of_the_guards_patience(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test that a rollback resets the findings of the guard."""
    for name, value in (("STEPS_PER_CHECK", 2), ("PATIENCE", 4), ("SEPARATED", 0.0)):
        monkeypatch.setattr(f"digitgan.session.callbacks.guard.{name}", value)
    with pytest.raises(DivergenceError, match=r"discriminator.*\bloss\b.*optimizer\.discriminator_learning_rate"):
        train(tmp_path / "run", 960, "training.checkpoints=20", "training.previews=1")
    found: list[dict[str, int]] = record(tmp_path / "run")["rollbacks"]  # type: ignore[assignment]
    begun = [0, *(alarm["to"] for alarm in found)]
    assert [alarm["at"] - start for start, alarm in zip(begun, found, strict=False)] == [2 * 4 * 16] * 3


def test_without_a_checkpoint_the_run_begins_again(tmp_path: Path, poisoned: Callable[[int, str], None]) -> None:
    poisoned(48, "generator")
    result = train(tmp_path / "run", 160, "training.checkpoints=1", "training.previews=1")
    assert (result.finished, result.rollbacks) == (True, 1)
    (rollback,) = record(tmp_path / "run")["rollbacks"]  # type: ignore[misc]
    assert rollback["to"] == 0
    images = [line["images_seen"] for line in RunFolder(tmp_path / "run").read_history()]
    assert images == list(range(16, 176, 16)), "undone steps are not in the history"


@pytest.mark.usefixtures("impatient")
def test_a_run_that_cannot_go_well_is_ended_after_three_tries(tmp_path: Path) -> None:
    """Test learning rates that are a thousand times too high, and an eighth of that after the last rollback."""
    rates = ["optimizer.generator_learning_rate=1.0", "optimizer.discriminator_learning_rate=1.0", "loss.name=wasserstein"]
    often = ["training.checkpoints=100", "training.previews=24"]
    with pytest.raises(DivergenceError, match=r"run: .*\b3 times\b"):
        train(tmp_path / "run", 3200, *rates, *often, "penalty.gamma=10000", "penalty.interval=1")
    found = record(tmp_path / "run")
    assert found["status"] == "failed"
    assert len(found["rollbacks"]) == 3  # type: ignore[arg-type]
    assert "penalty.name=r1" in str(found["diagnosis"])
    assert_healthy(RunFolder(tmp_path / "run"))


def test_the_model_of_the_last_healthy_checkpoint_is_kept(tmp_path: Path, poisoned: Callable[..., None]) -> None:
    poisoned(400, "generator", times=10)
    with pytest.raises(DivergenceError, match=r"model.*\b320\b"):
        train(tmp_path / "run", 640, "training.checkpoints=4", "training.previews=1")
    assert load_model(tmp_path / "run" / "model.safetensors").card["images_seen"] == 320
    assert [alarm["to"] for alarm in record(tmp_path / "run")["rollbacks"]] == [320] * 3  # type: ignore[union-attr]


def test_a_run_that_was_taken_back_resumes_as_if_it_had_not_been_stopped(
    tmp_path: Path, poisoned: Callable[[int, str], None]
) -> None:
    from safetensors.torch import load_file

    # The pretraining of the generator depends on the length of the run, which differs here.
    settings = ("training.checkpoints=4", "training.previews=4", "training.generator_pretraining=0")
    poisoned(400, "generator")
    train(tmp_path / "whole", 640, *settings)
    poisoned(400, "generator")
    train(tmp_path / "broken", 480, *settings, "training.checkpoints=3", "optimizer.decay=none")
    whole, broken = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "broken")
    assert whole.read_record()["rollbacks"][0]["to"] == broken.read_record()["rollbacks"][0]["to"] == 320
    # Compare one run to 640 with a run to 480 that is resumed: its rollbacks and learning rates come from the record.
    poisoned(400, "generator")
    train(tmp_path / "straight", 640, *settings, "training.checkpoints=4", "optimizer.decay=none")
    digitgan.train(out=broken.path, images=640, resume=True)
    straight = load_file(RunFolder(tmp_path / "straight").model)
    assert all(torch.equal(tensor, straight[name]) for name, tensor in load_file(broken.model).items())


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the patience to two chunks of steps, and watch the variety from the thirtieth step on."""
    monkeypatch.setattr("digitgan.session.callbacks.guard.PATIENCE", 2)
    monkeypatch.setattr("digitgan.session.callbacks.guard.WARM_UP_STEPS", 30)


@pytest.mark.usefixtures("impatient")
def test_a_discriminator_that_always_wins_is_noticed(tmp_path: Path) -> None:
    """Test a fixed generator against a discriminator that learns fast."""
    rates = ["optimizer.generator_learning_rate=0.0", "optimizer.discriminator_learning_rate=0.01", "guard.rollbacks=0"]
    with pytest.raises(DivergenceError, match=r"discriminator.* at [\d,]+ images: .*optimizer\.discriminator_learning_rate"):
        train(tmp_path / "run", 8_000, *rates, "loss.name=non-saturating", "penalty.name=none", "training.previews=1")


@pytest.mark.usefixtures("impatient")
def test_a_discriminator_that_tells_nothing_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ConvolutionalDiscriminator.forward

    def blind(network: ConvolutionalDiscriminator, images: torch.Tensor, labels: torch.Tensor) -> DiscriminatorOutput:
        return DiscriminatorOutput(1e-6 * original(network, images, labels).logits, None)

    monkeypatch.setattr(ConvolutionalDiscriminator, "forward", blind)
    with pytest.raises(DivergenceError, match=r"discriminator.* 1,600\b.*penalty\.gamma"):
        train(tmp_path / "run", 3200, "guard.rollbacks=0", "training.previews=1")


@pytest.mark.usefixtures("impatient")
def test_a_generator_that_ignores_its_latent_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = ConvolutionalGenerator.forward
    monkeypatch.setattr(ConvolutionalGenerator, "forward", lambda network, z, labels: original(network, 0 * z, labels))
    with pytest.raises(DivergenceError, match=r"mode collapse at [\d,]+ images"):
        train(tmp_path / "run", 640, "training.previews=10", "guard.rollbacks=0")


@pytest.mark.parametrize("setting", ["guard.mode_collapse=false"])
def test_an_alarm_can_be_turned_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    original = ConvolutionalGenerator.forward
    monkeypatch.setattr(ConvolutionalGenerator, "forward", lambda network, z, labels: original(network, 0 * z, labels))
    assert train(tmp_path / "run", 640, "training.previews=10", setting).finished


@pytest.mark.usefixtures("impatient")
def test_a_healthy_run_is_left_alone(tmp_path: Path) -> None:
    result = train(tmp_path / "run", 16 * STEPS_PER_CHECK * 4, "training.previews=12")
    assert (result.finished, result.rollbacks) == (True, 0)


@pytest.fixture
def guard(digits: digitgan.ImageSet) -> Iterator[Guard]:
    control = Control()
    yield Guard(find_recipe("fast"), control, digits)
    assert control.alarm is None or "collapse" in control.alarm


def test_real_images_have_variety_and_copies_have_none(digits: digitgan.ImageSet) -> None:
    images, labels = digits.images[:200], digits.labels[:200]
    one_each = np.stack([images[labels == label][0] for label in labels])
    assert variety_of(images, labels) > 30
    assert variety_of(one_each, labels) == 0
    assert variety_of(images[:1], labels[:1]) == 0


def test_variety_by_hand() -> None:
    images = np.zeros((4, 2, 2), dtype=np.uint8)
    images[1] = 10  # difference 10 from the other image of its class
    images[3, 0, 0] = 40  # difference 20: the root of 40² / 4
    assert variety_of(images, np.array([0, 0, 1, 1])) == pytest.approx((10 + 20) / 2)


def test_early_previews_that_look_alike_are_no_alarm(guard: Guard, digits: digitgan.ImageSet) -> None:
    labels = digits.labels[:100]
    alike, varied = np.zeros_like(digits.images[:100]), digits.images[:100]
    training = dataclasses.replace(guard.recipe.training, images=2_000_000)
    guard.recipe = dataclasses.replace(guard.recipe, training=training)
    first = WARM_UP_STEPS * training.batch_size
    # At first a generator makes noise, which has variety, then the same blob for all images of a class.
    for place, images in enumerate((varied, alike, alike, alike), -4):
        guard.check_preview(images, labels, first + place)
    for seen in (first, first + 1000, first + 2000):  # before a quarter of the run
        guard.check_preview(alike, labels, seen)
    assert guard.control.alarm is None
    guard.check_preview(varied, labels, first + 3000)
    for seen in (first + 4000, first + 5000, first + 6000):
        assert guard.control.alarm is None
        guard.check_preview(alike, labels, seen)
    assert re.search(rf"mode collapse.*\b{first + 6000:,}\b", str(guard.control.alarm))


def test_one_picture_a_class_with_ragged_edges_is_collapsed_too(guard: Guard, digits: digitgan.ImageSet) -> None:
    """Test images of a collapsed generator, whose latent changes single pixels only."""
    labels = np.arange(100) % 10
    firsts = digits.images[[np.flatnonzero(digits.labels == label)[0] for label in range(10)]]
    noise = np.random.default_rng(0).normal(0, 15, (100, 28, 28))
    ragged = np.where(firsts[labels] > 0, np.clip(firsts[labels] + noise, 0, 255), 0).astype(np.uint8)
    assert 0.05 < variety_of(ragged, labels) / guard.real_variety < COLLAPSED
    late = guard.recipe.training.images
    for seen in (late - 2000, late - 1000, late):
        assert guard.control.alarm is None
        guard.check_preview(ragged, labels, seen)
    assert "mode collapse" in str(guard.control.alarm)


def test_what_the_guard_has_noticed_survives_a_resume(digits: digitgan.ImageSet, new_trainer: Callable[..., Trainer]) -> None:
    def stepped(number: int) -> Stepped:
        names = {"discriminator_loss": 0.0, "score_real": 9.0, "score_fake": -9.0, "accuracy_real": 1.0, "accuracy_fake": 1.0}
        return Stepped(StepReport(64 * number, {name: torch.tensor(value) for name, value in names.items()}))

    def alarmed_at(resumed_at: int) -> int:
        guard = Guard(find_recipe("fast"), Control(), digits)
        for number in range(1, 2 * PATIENCE * STEPS_PER_CHECK):
            guard.on_event(stepped(number))
            if number == resumed_at:
                state = json.loads(json.dumps(guard.state()))
                guard = Guard(find_recipe("fast"), Control(), digits)
                guard.restore(state, 64 * number)
            if guard.control.alarm:
                return number
        raise AssertionError("no alarm")

    assert (
        alarmed_at(0) == alarmed_at(STEPS_PER_CHECK // 2) == alarmed_at(3 * STEPS_PER_CHECK + 7) == PATIENCE * STEPS_PER_CHECK
    )


def test_nothing_is_saved_after_an_alarm(digits: digitgan.ImageSet, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    with torch.no_grad():
        trainer.ema.generator.get_parameter("dense.bias")[0] = math.inf
    for event in (PreviewDue(trainer), CheckpointDue(trainer)):
        guard = Guard(trainer.recipe, Control(), digits)
        guard.on_event(event)
        assert "the average's weights" in str(guard.control.alarm)
