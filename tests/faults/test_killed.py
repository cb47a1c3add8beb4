"""Tests of a training killed at a hundred moments, half of them within a save: a resume gives the same result."""

from __future__ import annotations

import random
import shutil
import signal
from pathlib import Path

import pytest

from digitgan.runs import RunFolder
from digitgan.training import Trainer, checkpoints, restore_checkpoint
from tests.faults.victims import DiesInSave, complaint_of, training
from tests.trainings import TWO_EPOCHS, assert_same

KILLS = 25
"""Number of kills in each of four runs."""

OPTIONS = [*TWO_EPOCHS, "--set=training.checkpoints=50"]

pytestmark = pytest.mark.usefixtures("isolated_home")


def finished(out: Path, *options: str) -> RunFolder:
    process = training(out, *options)
    process.join(120)
    assert process.exitcode == 0, complaint_of(out)
    return RunFolder(out)


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    return finished(tmp_path_factory.mktemp("uninterrupted") / "run", *OPTIONS)


@pytest.mark.long
@pytest.mark.parametrize("first", range(0, 4 * KILLS, KILLS))
def test_a_run_killed_again_and_again_equals_an_uninterrupted_one(tmp_path: Path, reference: RunFolder, first: int) -> None:
    chance = random.Random(first)
    run, kills, ends = RunFolder(tmp_path / "run"), first, 0
    while kills < first + KILLS:
        options = ["--resume"] if run.record.exists() else [*OPTIONS, "--overwrite"]
        in_save = kills % 2 == 0
        process = training(run.path, *options, prepare=DiesInSave(kills) if in_save else None)
        process.join(30 if in_save else chance.uniform(0.1, 1.5))
        if process.is_alive():
            process.kill()
            process.join()
        if process.exitcode == 0:
            ends += 1
            assert_same(run, reference)
            shutil.rmtree(run.path)
            continue
        assert process.exitcode == -signal.SIGKILL, complaint_of(run.path)
        kills += 1
        assert_newest_checkpoint_loads(run)
    if run.record.exists():
        run = finished(run.path, "--resume")
        assert_same(run, reference)
        assert list(run.path.rglob("*.part")) == []
        ends += 1
    assert ends >= 1


def assert_newest_checkpoint_loads(run: RunFolder) -> None:
    whole = checkpoints(run.checkpoints)
    if whole:
        import torch

        from digitgan.networks import ImageSpec

        trainer = Trainer(run.read_recipe(), ImageSpec(1, 28, 28, 10), 3, torch.device("cpu"))
        restore_checkpoint(whole[-1], trainer)
        assert trainer.images_seen == int(whole[-1].name)
