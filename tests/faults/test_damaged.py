"""Tests of flipped bits and truncated files: the damage is detected and never gives a wrong result silently."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from digitgan.errors import CheckpointError, DigitganError
from digitgan.model.file import load_model, save_model
from digitgan.recipes import BLANK, from_toml, to_toml
from digitgan.runs import RunFolder
from digitgan.training import NoiseSource, Trainer, restore_checkpoint, save_checkpoint
from digitgan.training.checkpoint import trainer_tensors
from tests import processes, tiny
from tests.processes import PATIENCE
from tests.trainings import history

FLIPS = 150
"""Number of positions of a flipped bit in each file, and of lengths to which the file is truncated."""

Damage = Callable[[bytes], Iterator[bytes]]


def flipped(content: bytes) -> Iterator[bytes]:
    """Yield copies with one flipped bit each, at evenly spaced and random positions."""
    chance = random.Random(0)
    even = range(0, len(content), max(1, len(content) // (FLIPS // 2)))
    for number, place in enumerate(sorted({*even, *(chance.randrange(len(content)) for _ in range(FLIPS))})):
        damaged = bytearray(content)
        damaged[place] ^= 1 << number % 8
        yield bytes(damaged)


def cut(content: bytes) -> Iterator[bytes]:
    """Yield the beginning of the content at evenly spaced lengths."""
    for length in range(0, len(content), max(1, len(content) // FLIPS)):
        yield content[:length]


@pytest.fixture
def trainer(new_trainer: Callable[..., Trainer]) -> Trainer:
    trainer = new_trainer()
    from digitgan.data import Batches, sklearn_digits

    batches = Batches(sklearn_digits("train"), 16, 0)
    noise_source = NoiseSource(0, trainer.generator.latent, 10, 16, torch.device("cpu"), trainer.recipe.updates)
    for _ in range(2):
        trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    return trainer


@pytest.mark.parametrize("damage", [flipped, cut])
@pytest.mark.parametrize("name", ["state.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_is_refused_and_the_trainer_unchanged(
    tmp_path: Path, trainer: Trainer, new_trainer: Callable[..., Trainer], name: str, damage: Damage
) -> None:
    whole = save_checkpoint(tmp_path, trainer, {"noted": [1, 2, 3]})
    content = (whole / name).read_bytes()
    fresh = new_trainer()
    before, refused = trainer_tensors(fresh), 0
    for damaged in damage(content):
        (whole / name).write_bytes(damaged)
        try:
            callbacks = restore_checkpoint(whole, fresh)
        except CheckpointError:
            refused += 1
            assert all(torch.equal(tensor, before[key]) for key, tensor in trainer_tensors(fresh).items())
            continue
        # Only damage without effect, such as a changed space in the manifest, may pass. The state is then unchanged.
        assert name == "manifest.json"
        assert callbacks == {"noted": [1, 2, 3]}
        assert all(torch.equal(tensor, trainer_tensors(trainer)[key]) for key, tensor in trainer_tensors(fresh).items())
        fresh = new_trainer()
    assert refused > 100


@pytest.mark.parametrize("damage", [flipped, cut])
def test_a_damaged_model_is_refused(tmp_path: Path, new_model: Callable[..., object], damage: Damage) -> None:
    path = tmp_path / "model.safetensors"
    save_model(path, new_model())  # type: ignore[arg-type]
    content, refused = path.read_bytes(), 0
    for damaged in damage(content):
        path.write_bytes(damaged)
        with pytest.raises(DigitganError, match=r"model\.safetensors"):
            load_model(path)
        refused += 1
    assert refused > 100


def test_a_recipe_in_which_a_bit_flipped_is_refused_or_the_same(
    tmp_path: Path, trainer: Trainer, new_trainer: Callable[..., Trainer]
) -> None:
    whole = save_checkpoint(tmp_path, trainer, {})
    content, outcomes = to_toml(trainer.recipe).encode(), {"unreadable": 0, "noticed": 0, "the same": 0}
    for damaged in flipped(content):
        try:
            recipe = from_toml(damaged.decode(errors="replace"), "recipe.toml", BLANK)
        except DigitganError:
            outcomes["unreadable"] += 1
            continue
        other = new_trainer()
        other.recipe = recipe
        try:
            restore_checkpoint(whole, other)
        except CheckpointError:
            outcomes["noticed"] += 1
        else:
            length = recipe.training.images != trainer.recipe.training.images
            assert length or to_toml(recipe).encode() == content
            outcomes["the same"] += 1
    assert outcomes["unreadable"] > 50
    assert outcomes["noticed"] > 5


def test_with_a_damaged_checkpoint_the_run_goes_back_to_the_one_before(tiny_run_copy: Path) -> None:
    run = RunFolder(tiny_run_copy)
    newest = sorted(run.checkpoints.iterdir())[-1]
    state = newest / "state.safetensors"
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 4
    state.write_bytes(content)
    expected = history(run)
    told = resumed(run, "--quiet")
    assert (told.returncode, told.stderr) == (0, "")
    assert history(run) == expected
    assert (run.checkpoints / newest.name / "manifest.json").is_file()


def test_resume_says_what_is_missing_of_the_history(tiny_run_copy: Path) -> None:
    run = RunFolder(tiny_run_copy)
    before = history(run)
    content = bytearray(run.history.read_bytes())
    content[content.index(b"0.") + 3] ^= 1
    run.history.write_bytes(content[: content.rindex(b"seconds")])  # the first line is changed, the last cut short
    told = resumed(run, f"--images={2 * tiny.IMAGES}")
    assert told.returncode == 0
    assert f"{run.history}: " in told.stderr
    assert "2 lines" in told.stderr
    assert history(run)[: len(before) - 2] == before[1:-1]


@pytest.mark.parametrize(
    ("name", "change"), [("seed", lambda seed: seed + 1), ("rollbacks", lambda _: [{"at": 64, "to": 32, "alarm": "made up"}])]
)
def test_a_record_that_was_changed_is_noticed_by_resume(tiny_run_copy: Path, name: str, change: Callable[[Any], Any]) -> None:
    run = RunFolder(tiny_run_copy)
    record = run.read_record()
    run.write_record(record | {name: change(record[name])})
    told = resumed(run, f"--images={2 * tiny.IMAGES}")
    assert told.returncode == 2
    assert str(run.path) in told.stderr
    assert "seed" in told.stderr
    assert "rollbacks" in told.stderr


def resumed(run: RunFolder, *options: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "digitgan", "train", "--resume", "--out", str(run.path), *options]
    return processes.run(command, capture_output=True, text=True, env=os.environ | {"COLUMNS": "1000"}, timeout=PATIENCE)


def test_what_is_left_of_a_history_is_read_and_its_damage_left_out(tiny_run_copy: Path) -> None:
    run = RunFolder(tiny_run_copy)
    content = run.history.read_bytes()
    lines = list(run.read_history())
    for damaged in [*flipped(content), *cut(content)]:
        run.history.write_bytes(damaged)
        found = list(run.read_history())
        assert [line for line in lines if line in found] == found, "a line that is read is as it was written"
        assert len(found) >= damaged.count(b"\n") - 2
