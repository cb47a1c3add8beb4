"""Tests of checkpoints: restored states, damaged files, interrupted saves."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from digitgan.data import Batches, ImageSet
from digitgan.errors import CheckpointError, OutputError
from digitgan.networks import ImageSpec
from digitgan.recipes import to_toml
from digitgan.training import (
    NoiseSource,
    Trainer,
    checkpoints,
    remove_unfinished_checkpoints,
    restore_checkpoint,
    save_checkpoint,
)
from digitgan.training.checkpoint import CHECKPOINT_FORMAT, KEPT_CHECKPOINTS, trainer_tensors
from tests import tiny

FILES = ["state.safetensors", "state.json", "manifest.json"]
CALLBACKS = {"history": {"sums": {"loss": [1.5, 3]}, "seconds": 0.1}}


def advance(trainer: Trainer, digits: ImageSet, steps: int) -> Trainer:
    """Train for `steps` steps with seed 0, and return the trainer."""
    batches, noise_source = Batches(digits, 16, 0), NoiseSource(0, 8, 10, 16, torch.device("cpu"))
    for _ in range(steps):
        trainer.step(batches.at(trainer.images_seen), noise_source.at(trainer.images_seen))
    return trainer


@pytest.fixture
def trainer(new_trainer: Callable[..., Trainer], digits: ImageSet) -> Trainer:
    """Return a trainer after three steps."""
    return advance(new_trainer(), digits, 3)


@pytest.fixture
def saved(tmp_path: Path, trainer: Trainer) -> Path:
    """Return the checkpoint of the trainer."""
    return save_checkpoint(tmp_path / "checkpoints", trainer, CALLBACKS)


def differing(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> list[str]:
    """Return the names of the tensors that differ in any bit."""
    assert one.keys() == other.keys()
    return [
        name
        for name in one
        if (one[name].dtype, one[name].shape) != (other[name].dtype, other[name].shape)
        or one[name].numpy().tobytes() != other[name].numpy().tobytes()
    ]


def optimizers(trainer: Trainer) -> list[torch.optim.Adam]:
    return [trainer.generator_optimizer, trainer.discriminator_optimizer]


def with_other_weights(new_trainer: Callable[..., Trainer]) -> Trainer:
    """Return a trainer with the default seed and the weights of another seed."""
    trainer = new_trainer(seed=9)
    trainer.seed = new_trainer().seed
    return trainer


# --- saving and restoring ---------------------------------------------------------------------------------------------


def test_every_tensor_of_a_trainer_comes_back_to_the_bit(
    saved: Path, trainer: Trainer, new_trainer: Callable[..., Trainer]
) -> None:
    other = with_other_weights(new_trainer)
    assert restore_checkpoint(saved, other) == CALLBACKS
    assert differing(trainer_tensors(other), trainer_tensors(trainer)) == []
    assert other.images_seen == trainer.images_seen == 48


def test_weights_statistics_moments_and_average_are_all_among_them(trainer: Trainer) -> None:
    tensors = trainer_tensors(trainer)
    for network, prefix in ((trainer.generator, "generator"), (trainer.discriminator, "discriminator")):
        for name, weight in network.named_parameters():
            assert torch.equal(tensors[f"{prefix}.{name}"], weight)
            for moment in ("exp_avg", "exp_avg_sq"):
                assert tensors[f"{prefix}_optimizer.{name}.{moment}"].shape == weight.shape
            assert tensors[f"{prefix}_optimizer.{name}.step"] == 3
    assert torch.equal(tensors["generator.norms.0.norm.running_mean"], trainer.generator.norms[0].norm.running_mean)
    assert torch.equal(tensors["ema.dense.weight"], trainer.ema.generator.dense.weight)
    assert not torch.equal(tensors["ema.dense.weight"], tensors["generator.dense.weight"])


def test_a_restored_trainer_goes_on_as_if_nothing_had_happened(
    saved: Path, trainer: Trainer, new_trainer: Callable[..., Trainer], digits: ImageSet
) -> None:
    other = with_other_weights(new_trainer)
    restore_checkpoint(saved, other)
    advance(trainer, digits, 9)  # the next penalty is at step 8
    advance(other, digits, 9)
    assert differing(trainer_tensors(other), trainer_tensors(trainer)) == []


def test_moments_lie_in_memory_as_their_parameters_do(
    saved: Path, trainer: Trainer, new_trainer: Callable[..., Trainer]
) -> None:
    """Test the memory layout: the fused optimiser reads weights and moments in memory order."""
    restored = with_other_weights(new_trainer)
    restore_checkpoint(saved, restored)
    convolutions = 0
    for each in (trainer, restored):
        for optimizer in optimizers(each):
            for parameter, state in optimizer.state.items():
                assert state["exp_avg"].stride() == parameter.stride()
                assert state["exp_avg_sq"].stride() == parameter.stride()
                convolutions += not parameter.is_contiguous()
    assert convolutions > 0, "the test needs channels-last weights"


def test_a_trainer_that_went_on_goes_back(saved: Path, trainer: Trainer, digits: ImageSet) -> None:
    before = trainer_tensors(trainer)
    advance(trainer, digits, 2)
    assert differing(trainer_tensors(trainer), before)
    restore_checkpoint(saved, trainer)
    assert differing(trainer_tensors(trainer), before) == []


def test_a_trainer_before_its_first_step_comes_back_without_moments(
    tmp_path: Path, trainer: Trainer, new_trainer: Callable[..., Trainer]
) -> None:
    untrained = with_other_weights(new_trainer)
    path = save_checkpoint(tmp_path, untrained, {})
    assert path.name == "00000000"
    restore_checkpoint(path, trainer)
    assert differing(trainer_tensors(trainer), trainer_tensors(untrained)) == []
    assert trainer.images_seen == 0
    assert not any(optimizer.state for optimizer in optimizers(trainer))


def test_a_trainer_of_another_seed_is_refused_and_unchanged(saved: Path, new_trainer: Callable[..., Trainer]) -> None:
    other = new_trainer(seed=9)
    before = trainer_tensors(other)
    with pytest.raises(CheckpointError, match=r"00000048: .*\bseed\b"):
        restore_checkpoint(saved, other)
    assert differing(trainer_tensors(other), before) == []


def test_rollbacks_that_the_checkpoint_does_not_know_are_refused_unless_they_came_later(
    saved: Path, new_trainer: Callable[..., Trainer]
) -> None:
    for rollbacks, refused in (([16], True), ([48], False), ([48, 48], False), ([48, 16], True)):
        other = new_trainer()
        other.rollbacks = rollbacks
        if refused:
            with pytest.raises(CheckpointError, match=r"00000048: .*\brollbacks\b"):
                restore_checkpoint(saved, other)
        else:
            restore_checkpoint(saved, other)


def test_saving_leaves_the_trainer_as_it_is(tmp_path: Path, trainer: Trainer) -> None:
    before = trainer_tensors(trainer)
    save_checkpoint(tmp_path, trainer, {})
    assert differing(trainer_tensors(trainer), before) == []


def test_no_pickle_is_written(saved: Path) -> None:
    assert sorted(path.name for path in saved.iterdir()) == sorted(FILES)
    json.loads((saved / "state.json").read_text())
    json.loads((saved / "manifest.json").read_text())


# --- damage -----------------------------------------------------------------------------------------------------------


def flip_a_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_off(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def remove(path: Path) -> None:
    path.unlink()


def make_a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


@pytest.mark.parametrize("damage", [flip_a_bit, cut_off, empty, remove, make_a_folder])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_checkpoint_is_refused_and_the_trainer_is_unchanged(
    saved: Path, trainer: Trainer, digits: ImageSet, name: str, damage: Callable[[Path], None]
) -> None:
    damage(saved / name)
    advance(trainer, digits, 1)
    before = trainer_tensors(trainer)
    with pytest.raises(CheckpointError, match="00000048"):
        restore_checkpoint(saved, trainer)
    assert differing(trainer_tensors(trainer), before) == []
    assert trainer.images_seen == 64


@pytest.mark.parametrize("manifest", ["[]", "null", "{}", '{"state.json": 3, "state.safetensors": null}', "\udcff"])
def test_a_manifest_that_vouches_for_nothing_is_refused(saved: Path, trainer: Trainer, manifest: str) -> None:
    (saved / "manifest.json").write_bytes(manifest.encode("utf-8", "surrogateescape"))
    with pytest.raises(CheckpointError, match="00000048"):
        restore_checkpoint(saved, trainer)


def test_the_damaged_file_is_named(saved: Path, trainer: Trainer) -> None:
    flip_a_bit(saved / "state.safetensors")
    with pytest.raises(CheckpointError, match=r"state\.safetensors: .*SHA-256.*manifest\.json"):
        restore_checkpoint(saved, trainer)


def test_what_is_no_checkpoint_is_refused(tmp_path: Path, trainer: Trainer) -> None:
    (tmp_path / "00000016").mkdir()
    for name in ("00000016", "00000032"):
        with pytest.raises(CheckpointError, match=f"{name}: "):
            restore_checkpoint(tmp_path / name, trainer)


@pytest.mark.parametrize("setting", ["generator.channels=[16, 8]", "discriminator.channels=[8]", "generator.latent=9"])
def test_a_checkpoint_of_other_networks_is_refused_and_the_trainer_is_unchanged(
    saved: Path, new_trainer: Callable[..., Trainer], digits: ImageSet, setting: str
) -> None:
    other = new_trainer(setting)
    if setting != "generator.latent=9":
        advance(other, digits, 1)
    before = trainer_tensors(other)
    with pytest.raises(CheckpointError, match=r"00000048: .*\bnetworks\b"):
        restore_checkpoint(saved, other)
    assert differing(trainer_tensors(other), before) == []


def test_a_checkpoint_of_another_format_is_refused(tmp_path: Path, trainer: Trainer, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as future:
        future.setattr("digitgan.training.checkpoint.CHECKPOINT_FORMAT", CHECKPOINT_FORMAT + 1)
        path = save_checkpoint(tmp_path, trainer, {})
    with pytest.raises(CheckpointError, match=rf"00000048: .*\b{CHECKPOINT_FORMAT + 1}\b.*\b{CHECKPOINT_FORMAT}\b"):
        restore_checkpoint(path, trainer)


# --- the folder -------------------------------------------------------------------------------------------------------


def test_only_the_newest_two_are_kept(tmp_path: Path, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    for images_seen in (16, 32, 48, 99_999_999, 100_000_000):  # the last name has nine digits
        trainer.images_seen = images_seen
        save_checkpoint(tmp_path, trainer, {})
    assert [path.name for path in checkpoints(tmp_path)] == ["99999999", "100000000"]
    assert KEPT_CHECKPOINTS == len(list(tmp_path.iterdir())) == 2


def test_the_same_moment_is_saved_once(tmp_path: Path, trainer: Trainer) -> None:
    path = save_checkpoint(tmp_path, trainer, {"history": 1})
    assert save_checkpoint(tmp_path, trainer, {"history": 2}) == path
    assert restore_checkpoint(path, trainer) == {"history": 1}


def test_leftovers_do_not_count_and_are_swept(saved: Path) -> None:
    folder = saved.parent
    leftover = folder / "00000064.part"
    leftover.mkdir()
    for name in FILES:
        (leftover / name).write_bytes((saved / name).read_bytes())
    assert checkpoints(folder) == [saved]
    remove_unfinished_checkpoints(folder)
    assert list(folder.iterdir()) == [saved]


def test_a_leftover_of_the_same_moment_is_written_over(tmp_path: Path, trainer: Trainer) -> None:
    leftover = tmp_path / "00000048.part"
    leftover.mkdir()
    (leftover / "rubbish").write_text("half")
    path = save_checkpoint(tmp_path, trainer, {})
    assert list(tmp_path.iterdir()) == [path]
    assert sorted(each.name for each in path.iterdir()) == sorted(FILES)


def test_where_there_is_no_folder_there_are_no_checkpoints(tmp_path: Path) -> None:
    assert checkpoints(tmp_path / "none") == []
    remove_unfinished_checkpoints(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path, trainer: Trainer) -> None:
    (tmp_path / "checkpoints").write_text("a file where the folder should be")
    with pytest.raises(OutputError, match=r"checkpoints/00000048: .*directory"):
        save_checkpoint(tmp_path / "checkpoints", trainer, {})
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoints"]


@pytest.mark.parametrize("failing_call", [1, 2, 3, 4])
def test_a_full_disk_leaves_the_earlier_checkpoint_and_nothing_else(
    saved: Path, trainer: Trainer, digits: ImageSet, monkeypatch: pytest.MonkeyPatch, failing_call: int
) -> None:
    """Test a failure at each of the three files, and at the folder."""
    calls = 0
    flush = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls == failing_call:
            raise OSError(28, "No space left on device")
        flush(handle)

    advance(trainer, digits, 1)
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputError, match=r"00000064: .*No space left on device"):
        save_checkpoint(saved.parent, trainer, {})
    assert list(saved.parent.iterdir()) == [saved]
    assert restore_checkpoint(saved, trainer) == CALLBACKS


def test_the_manifest_is_written_last_and_the_folder_named_after_it(
    saved: Path, trainer: Trainer, digits: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Test that only complete checkpoints are visible at each flush."""
    seen: list[tuple[list[str], list[str]]] = []
    flush = os.fsync

    def watch(handle: int) -> None:
        part = saved.parent / "00000064.part"
        written = sorted(path.name for path in part.iterdir()) if part.exists() else []
        seen.append((written, [path.name for path in checkpoints(saved.parent)]))
        flush(handle)

    advance(trainer, digits, 1)
    monkeypatch.setattr(os, "fsync", watch)
    save_checkpoint(saved.parent, trainer, {})
    files, finished = zip(*seen, strict=True)
    assert files[:4] == (
        ["state.safetensors"],
        ["state.json", "state.safetensors"],
        ["manifest.json", "state.json", "state.safetensors"],
        ["manifest.json", "state.json", "state.safetensors"],
    )
    assert finished == (["00000048"],) * 4 + (["00000048", "00000064"],)


# --- another image size -----------------------------------------------------------------------------------------------


def test_a_checkpoint_restores_a_trainer_to_the_image_size_that_it_names(
    tmp_path: Path, new_trainer: Callable[..., Trainer]
) -> None:
    small = new_trainer()
    small.begin(ImageSpec(1, 16, 16, 10))
    small.images_seen = 32
    path = save_checkpoint(tmp_path, small, {"kept": 1})
    large = new_trainer()
    optimizer = large.generator_optimizer
    assert restore_checkpoint(path, large) == {"kept": 1}
    assert large.spec == small.spec
    assert large.images_seen == 32
    assert large.generator_optimizer is not optimizer
    saved, restored = trainer_tensors(small), trainer_tensors(large)
    assert saved.keys() == restored.keys()
    assert all(torch.equal(saved[name], restored[name]) for name in saved)


def test_a_checkpoint_of_another_size_that_does_not_fit_changes_nothing(
    tmp_path: Path, new_trainer: Callable[..., Trainer]
) -> None:
    small = new_trainer("generator.latent=4")
    small.begin(ImageSpec(1, 16, 16, 10))
    path = save_checkpoint(tmp_path, small, {})
    large = new_trainer()
    before = trainer_tensors(large)
    with pytest.raises(CheckpointError, match=path.name):
        restore_checkpoint(path, large)
    assert large.spec == ImageSpec(1, 28, 28, 10)
    assert all(torch.equal(tensor, trainer_tensors(large)[name]) for name, tensor in before.items())


def test_a_checkpoint_of_the_version_before_is_restored(tmp_path: Path) -> None:
    """Its digest is that of a recipe without the settings that were added later."""
    recipe = tiny.recipe()
    spec = ImageSpec(1, 28, 28, 10)
    folder = save_checkpoint(tmp_path, Trainer(recipe, spec, 0, torch.device("cpu")), {})
    lengthless = dataclasses.replace(recipe, training=dataclasses.replace(recipe.training, images=1))
    text = to_toml(lengthless).replace('balance = "none"', "balanced = false").replace('freeze = ""\n', "")
    text = text.replace("divergence = true\n", "")
    assert "balanced = false" in text
    state = json.loads((folder / "state.json").read_text())
    state["recipe"] = hashlib.sha256(text.encode()).hexdigest()
    content = (json.dumps(state, indent=1) + "\n").encode()
    (folder / "state.json").write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["state.json"] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert restore_checkpoint(folder, Trainer(recipe, spec, 0, torch.device("cpu"))) == {}
