"""Tests of NaN values at each stage of a step: the run rolls back, and no NaN is saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn

from digitgan.runs import RunFolder
from digitgan.training import NoiseSource, StepReport, Trainer, checkpoints
from digitgan.training import trainer as step
from tests import tiny

AT = 320
"""Images seen at which the NaN appears, which is also when a checkpoint is due."""

SETTINGS = ("training.images=640", "training.checkpoints=4", "training.snapshots=4", "training.previews=4")


def spoil(tensor: torch.Tensor) -> None:
    with torch.no_grad():
        tensor.view(-1)[0] = math.nan


def first(network: nn.Module) -> nn.Parameter:
    return next(network.parameters())


AFTER_A_STEP: dict[str, Callable[[Trainer], torch.Tensor]] = {
    "a weight of the generator": lambda trainer: first(trainer.generator),
    "a weight of the discriminator": lambda trainer: first(trainer.discriminator),
    "a weight of the average": lambda trainer: first(trainer.ema.generator),
    "a moment of an optimiser": lambda trainer: trainer.generator_optimizer.state[first(trainer.generator)]["exp_avg"],
}
WITHIN_A_STEP = ("a latent", "a gradient of the generator", "a gradient of the discriminator")


def poison(monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    """Insert one NaN at a stage of the step that ends at `AT` images seen."""
    left = iter([None])
    original = Trainer.step

    def stepping(trainer: Trainer, *inputs: object) -> StepReport:
        due = trainer.images_seen + trainer.recipe.training.batch_size == AT and next(left, 0) is None
        with pytest.MonkeyPatch.context() as patch:
            if due and stage == "a latent":
                spoil(inputs[1].z)  # type: ignore[attr-defined]
            if due and stage.startswith("a gradient"):
                spoil_gradient(patch, trainer.generator if "generator" in stage else trainer.discriminator)
            report = original(trainer, *inputs)  # type: ignore[arg-type]
        if due and stage in AFTER_A_STEP:
            spoil(AFTER_A_STEP[stage](trainer))
        return report

    monkeypatch.setattr(Trainer, "step", stepping)


def spoil_gradient(patch: pytest.MonkeyPatch, network: nn.Module) -> None:
    take = step.backward_into

    def taking(learner: nn.Module, total: torch.Tensor, **options: bool) -> None:
        take(learner, total, **options)
        if learner is network:
            gradient = first(learner).grad
            assert gradient is not None
            spoil(gradient)

    patch.setattr(step, "backward_into", taking)


@pytest.mark.parametrize("stage", [*AFTER_A_STEP, *WITHIN_A_STEP])
def test_what_is_no_number_is_taken_back_and_never_saved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str) -> None:
    poison(monkeypatch, stage)
    result = tiny.train(tmp_path / "run", *SETTINGS)
    run = RunFolder(result.run)
    assert (result.finished, result.images_seen, result.rollbacks) == (True, 640, 1)
    (rollback,) = run.read_record()["rollbacks"]
    assert rollback["to"] < AT
    saved = [*run.snapshot_files(), run.model, *(folder / "state.safetensors" for folder in checkpoints(run.checkpoints))]
    assert len(saved) >= 6
    for path in saved:
        assert all(bool(tensor.isfinite().all()) for tensor in load_file(path).values()), path
    assert all(value is None or math.isfinite(value) for line in run.read_history() for value in line.values())


def test_draws_have_the_latent_that_is_spoilt(new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    draw = NoiseSource(0, trainer.generator.latent, 10, 16, torch.device("cpu"), trainer.recipe.updates).at(0)
    spoil(draw.z)
    assert draw.z.isnan().sum() == 1
