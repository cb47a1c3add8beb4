"""Tests of the training of feature classifiers: learning rates, augmentation, and continued trainings."""

from __future__ import annotations

import dataclasses
import multiprocessing
import os
import signal
import types
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.data import Batch, ImageSet
from digitgan.data.shifts import shifted_and_mirrored
from digitgan.evaluation import classifier_state, classifier_training, train_classifier
from digitgan.evaluation.classifier import classifier_for, load_classifier
from digitgan.evaluation.classifier_networks import RESIDUAL, SMALL, FeatureClassifier
from digitgan.evaluation.classifier_training import (
    PEAK_RATE,
    SETTINGS,
    epochs_for,
    one_cycle,
    triangle,
)

EPOCHS = 4


@pytest.mark.parametrize("steps", [2, 3, 10, 1406])
def test_one_cycle_equals_that_of_pytorch(steps: int) -> None:
    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=4e-3, total_steps=steps)
    for step in range(steps):
        group = optimizer.param_groups[0]
        assert one_cycle(step, steps) == (group["lr"], group["betas"][0])
        optimizer.step()
        if step < steps - 1:
            schedule.step()


@pytest.mark.parametrize("steps", [1, 2, 7, 1000])
def test_the_rate_of_a_residual_network_rises_and_falls(steps: int) -> None:
    rates = [triangle(step, steps)[0] for step in range(steps)]
    top = int(np.argmax(rates))
    assert rates[0] == 0
    assert (np.diff(rates[: top + 1]) > 0).all()
    assert (np.diff(rates[top:]) < 0).all()
    assert 0 <= rates[-1] <= max(rates) <= PEAK_RATE


@pytest.mark.parametrize(("images", "epochs"), [(50_000, 16), (2000, 60), (100, 512), (2_000_000, 1)])
def test_small_sets_are_repeated_more_often(images: int, epochs: int) -> None:
    zeros = np.zeros((images, 1, 1, 3), dtype=np.uint8)
    assert epochs_for(ImageSet(zeros, np.zeros(images, dtype=np.int64), ("a", "b"), "zeros")) == epochs


@pytest.mark.parametrize("channels", [1, 3])
def test_a_classifier_learns_from_mirrored_images_if_they_are_rgb(channels: int) -> None:
    batch = Batch(torch.randint(0, 256, (16, channels, 20, 12), dtype=torch.uint8), torch.zeros(16, dtype=torch.int64))
    augmented = SETTINGS[RESIDUAL].augment(batch, 3, 5)
    for mirror in (False, True):
        expected = shifted_and_mirrored(batch, 3, "classifier augmentation", 5, mirror=mirror)
        assert torch.equal(augmented, expected) == (mirror == (channels == 3))


# --- continued trainings ----------------------------------------------------------------------------------------------


def coloured(count: int = 600) -> ImageSet:
    """Return noisy images of 16×16 pixels in two classes, which differ by the colour of a square."""
    numbers = np.random.default_rng(1)
    labels = np.arange(count) % 2
    images = numbers.integers(0, 256, (count, 16, 16, 3))
    images[:, 4:12, 4:12] = np.where(labels[:, None] == 0, [200, 40, 40], [40, 40, 200])[:, None, None]
    return ImageSet(images.astype(np.uint8), labels, ("red", "blue"), "squares")


def grey(count: int = 300) -> ImageSet:
    """Return grey images of 8×8 pixels in two classes, which differ by their brightness."""
    labels = np.arange(count) % 2
    images = np.random.default_rng(1).integers(0, 100, (count, 8, 8)) + 100 * labels[:, None, None]
    return ImageSet(images.astype(np.uint8), labels, ("dark", "bright"), "greys")


@pytest.fixture
def saves_at_each_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_state, "SECONDS_BETWEEN_SAVES", 0.0)


class StoppedError(Exception):
    """Raised in place of the step after the last one of an interrupted training."""


def interrupted(image_set: ImageSet, path: Path, steps: int, seed: int = 0, epochs: int = EPOCHS) -> None:
    """Train for some steps, then raise an error inside the next one."""
    with pytest.MonkeyPatch.context() as patch:
        original = classifier_training._set_rates
        made: list[int] = []

        def stopping(*arguments: object) -> None:
            if len(made) == steps:
                raise StoppedError
            made.append(1)
            original(*arguments)  # type: ignore[arg-type]

        patch.setattr(classifier_training, "_set_rates", stopping)
        with pytest.raises(StoppedError):
            train_classifier(image_set, seed, epochs, state=path)


def assert_same(one: FeatureClassifier, other: FeatureClassifier) -> None:
    first, second = one.state_dict(), other.state_dict()
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("image_set", [coloured(), grey()], ids=[RESIDUAL, SMALL])
@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.usefixtures("saves_at_each_step")
def test_a_continued_training_equals_an_uninterrupted_one(tmp_path: Path, image_set: ImageSet, steps: int) -> None:
    path = tmp_path / "state.safetensors"
    interrupted(image_set, path, steps)
    assert path.exists()
    said: list[str] = []
    continued = train_classifier(image_set, 0, EPOCHS, said.append, path)
    size = SETTINGS[continued.network].batch_size
    assert f"{steps * size:,}" in said[0]
    assert_same(continued, train_classifier(image_set, 0, EPOCHS))


@pytest.mark.parametrize("change", ["seed", "epochs", "images"])
@pytest.mark.usefixtures("saves_at_each_step")
def test_the_state_of_another_training_is_not_continued(tmp_path: Path, change: str) -> None:
    path = tmp_path / "state.safetensors"
    interrupted(
        grey(301 if change == "images" else 300),
        path,
        3,
        seed=1 if change == "seed" else 0,
        epochs=8 if change == "epochs" else EPOCHS,
    )
    said: list[str] = []
    assert_same(train_classifier(grey(), 0, EPOCHS, said.append, path), train_classifier(grey(), 0, EPOCHS))
    assert [line for line in said if "s left" not in line] == []  # a busy machine shows progress too


@pytest.mark.parametrize("damage", ["truncated", "changed", "text", "empty"])
@pytest.mark.usefixtures("saves_at_each_step")
def test_a_damaged_state_is_not_continued(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "state.safetensors"
    interrupted(grey(), path, 3)
    content = bytearray(path.read_bytes())
    content[-100] ^= 1
    damaged = {"truncated": content[:-100], "changed": content, "text": b"not a state", "empty": b""}
    path.write_bytes(damaged[damage])
    said: list[str] = []
    assert_same(train_classifier(grey(), 0, EPOCHS, said.append, path), train_classifier(grey(), 0, EPOCHS))
    assert [line for line in said if "s left" not in line] == []  # a busy machine shows progress too


@pytest.mark.usefixtures("saves_at_each_step")
def test_a_state_that_cannot_be_written_is_reported_once(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    said: list[str] = []
    made = train_classifier(grey(), 0, EPOCHS, said.append, tmp_path / "file" / "state.safetensors")
    assert_same(made, train_classifier(grey(), 0, EPOCHS))
    assert len(said) == 1
    assert "state.safetensors" in said[0]


def brief_trainings(patch: pytest.MonkeyPatch) -> None:
    settings = {name: dataclasses.replace(each, max_epochs=EPOCHS, min_images=0) for name, each in SETTINGS.items()}
    patch.setattr(classifier_training, "SETTINGS", types.MappingProxyType(settings))


def dies_in_a_save(cache: Path, saves: int) -> None:
    """Train the classifier of `coloured` in this process, which kills itself while it saves the state for the n-th time."""
    os.environ["XDG_CACHE_HOME"] = str(cache)
    os.environ["OMP_NUM_THREADS"] = "1"
    torch.set_num_threads(1)
    patch = pytest.MonkeyPatch()
    brief_trainings(patch)
    patch.setattr(classifier_state, "SECONDS_BETWEEN_SAVES", 0.0)
    left = [saves]
    original = os.fsync

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        original(descriptor)

    patch.setattr(os, "fsync", fsync)
    classifier_for(coloured(), lambda line: None)


@pytest.mark.long
def test_killed_trainings_leave_nothing_broken_and_continue(isolated_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brief_trainings(monkeypatch)
    cache = isolated_home / ".cache"
    folder = cache / "digitgan" / "classifiers"
    context = multiprocessing.get_context("forkserver")
    for _ in range(2):  # each process makes three steps and is killed in its third save
        process = context.Process(target=dies_in_a_save, args=(cache, 3))
        process.start()
        process.join(300)
        assert process.exitcode == -signal.SIGKILL
    said: list[str] = []
    known = classifier_for(coloured(), said.append)
    (size,) = {each.batch_size for name, each in SETTINGS.items() if name == RESIDUAL}
    assert any(f"{4 * size:,}" in line for line in said), "two of three steps of each process were saved"
    (path,) = folder.glob("[!.]*")
    assert_same(load_classifier(path), train_classifier(coloured(), epochs=epochs_for(coloured())))
    assert str(path) in classifier_for(coloured(), said.append).source
    assert classifier_for(coloured(), said.append).sha256 == known.sha256
