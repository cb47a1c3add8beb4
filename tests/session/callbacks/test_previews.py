"""Tests of the preview callback and of the animation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from digitgan.errors import OutputError, RunError
from digitgan.files import file_hash
from digitgan.images import from_network, save_png
from digitgan.networks import ImageSpec
from digitgan.recipes import Recipe
from digitgan.runs import RunFolder, new_run
from digitgan.session.callbacks.previews import CALIBRATION_BATCH_SIZE, CALIBRATION_BATCHES, Previews, animate
from digitgan.training import CheckpointDue, Ended, NoiseSource, PreviewDue, Trainer, recalibrate_batchnorm
from digitgan.training.checkpoint import trainer_tensors

CPU = torch.device("cpu")
DRAWS = NoiseSource(seed=5, latent=8, classes=10, batch_size=16, device=CPU)
CELL = 28 + 2


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return new_run(tmp_path / "run", overwrite=False)


def unnoticed(path: Path) -> None:
    """Ignore a notice."""


def test_a_preview_shows_each_latent_in_a_row_and_each_class_in_a_column(
    run: RunFolder, new_trainer: Callable[..., Trainer]
) -> None:
    trainer = new_trainer()
    Previews(run, DRAWS, unnoticed).on_event(PreviewDue(trainer))
    sheet = np.asarray(Image.open(run.preview(0)))
    assert sheet.shape == (10 * CELL + 2, 10 * CELL + 2)
    generator = recalibrate_batchnorm(
        trainer.ema.generator, DRAWS.calibration_batches(CALIBRATION_BATCHES, CALIBRATION_BATCH_SIZE)
    )
    z, _ = DRAWS.preview(per_class=10)
    for row, column in ((0, 0), (0, 9), (3, 7), (9, 2)):
        top, left = 2 + row * CELL, 2 + column * CELL
        with torch.no_grad():
            expected = from_network(generator(z[10 * row : 10 * row + 1], torch.tensor([column])))[0]
        shown = sheet[top : top + 28, left : left + 28]
        assert np.abs(shown.astype(int) - expected).max() <= 1  # the batch size changes the rounding


def test_damaged_latents_are_written_anew_by_the_next_session(run: RunFolder, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    for session in range(2):
        previews = Previews(run, DRAWS, unnoticed)
        previews.on_event(PreviewDue(trainer))
        run.write_record({"preview_sha256": previews.checksums()})
        latents, labels = run.read_preview_latents()
        assert np.array_equal(latents, DRAWS.preview(per_class=10)[0])
        assert labels.tolist() == list(range(10)) * 10
        if session == 0:
            run.preview_latents.write_bytes(b"nothing")


def test_a_preview_is_named_by_the_images_seen_and_noticed(run: RunFolder, new_trainer: Callable[..., Trainer]) -> None:
    noticed: list[Path] = []
    trainer = new_trainer()
    trainer.images_seen = 12_800
    Previews(run, DRAWS, noticed.append).on_event(PreviewDue(trainer))
    assert noticed == run.preview_files() == [run.path / "previews" / "00012800.png"]


def test_the_same_latents_are_shown_every_time(run: RunFolder, new_trainer: Callable[..., Trainer]) -> None:
    trainer, previews = new_trainer(), Previews(run, DRAWS, unnoticed)
    for trainer.images_seen in (16, 32):
        previews.on_event(PreviewDue(trainer))
    first, second = run.preview_files()
    assert file_hash(first) == file_hash(second)


def test_what_is_shown_changes_with_the_average_and_not_with_the_generator(
    run: RunFolder, new_trainer: Callable[..., Trainer]
) -> None:
    trainer, previews = new_trainer(), Previews(run, DRAWS, unnoticed)
    previews.on_event(PreviewDue(trainer))
    with torch.no_grad():
        trainer.generator.get_parameter("image.bias").add_(1)
    trainer.images_seen = 16
    previews.on_event(PreviewDue(trainer))
    with torch.no_grad():
        trainer.ema.generator.get_parameter("image.bias").add_(1)
    trainer.images_seen = 32
    previews.on_event(PreviewDue(trainer))
    before, same, other = (file_hash(path) for path in run.preview_files())
    assert before == same
    assert before != other


def test_the_trainer_is_left_as_it_was(run: RunFolder, new_trainer: Callable[..., Trainer]) -> None:
    trainer = new_trainer()
    before, random_state = trainer_tensors(trainer), torch.get_rng_state()
    Previews(run, DRAWS, unnoticed).on_event(PreviewDue(trainer))
    after = trainer_tensors(trainer)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert trainer.generator.training
    assert torch.equal(random_state, torch.get_rng_state())


def test_nothing_is_drawn_that_is_not_due(run: RunFolder, new_trainer: Callable[..., Trainer]) -> None:
    previews = Previews(run, DRAWS, unnoticed)
    previews.on_event(CheckpointDue(new_trainer()))
    previews.on_event(Ended(new_trainer(), finished=True))
    assert run.preview_files() == []


def test_of_many_classes_the_first_twenty_are_shown(run: RunFolder, small_recipe: Recipe) -> None:
    trainer = Trainer(small_recipe, ImageSpec(3, 16, 16, 120), 0, CPU)
    Previews(run, NoiseSource(0, 8, 120, 16, CPU), unnoticed).on_event(PreviewDue(trainer))
    assert np.asarray(Image.open(run.preview(0))).shape == (5 * 18 + 2, 20 * 18 + 2, 3)


def test_the_animation_shows_every_preview_in_order(run: RunFolder) -> None:
    for level, images_seen in ((50, 64), (150, 128), (250, 99_999_999), (200, 100_000_000)):
        save_png(run.preview(images_seen), np.full((10, 12), level, dtype=np.uint8))
    assert animate(run, run.animation, milliseconds=100) == 4
    with Image.open(run.animation) as animation:
        assert animation.n_frames == 4
        assert animation.size == (12, 10)
        levels, times = [], []
        for index in range(4):
            animation.seek(index)
            levels.append(animation.convert("L").getpixel((0, 0)))
            times.append(animation.info["duration"])
    np.testing.assert_allclose(levels, [50, 150, 250, 200], atol=5)
    assert times[:3] == [100, 100, 100]
    assert times[3] >= 1000, "the last preview is held"


def test_an_animation_of_one_preview_is_one_frame(run: RunFolder) -> None:
    save_png(run.preview(64), np.zeros((10, 12, 3), dtype=np.uint8))
    assert animate(run, run.animation) == 1
    with Image.open(run.animation) as animation:
        assert animation.size == (12, 10)


def test_a_damaged_preview_does_not_spoil_the_others(run: RunFolder) -> None:
    for images_seen in (64, 128, 192):
        save_png(run.preview(images_seen), np.full((10, 12), images_seen, dtype=np.uint8))
    run.preview(128).write_bytes(run.preview(128).read_bytes()[:40])
    run.preview(64).write_bytes(b"garbage")
    assert animate(run, run.animation) == 1


def test_without_previews_there_is_no_animation(run: RunFolder) -> None:
    with pytest.raises(RunError, match=r"run: .*previews"):
        animate(run, run.animation)
    assert not run.animation.exists()


def test_an_animation_that_cannot_be_written_is_named(run: RunFolder, tmp_path: Path) -> None:
    save_png(run.preview(64), np.zeros((10, 12), dtype=np.uint8))
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/a\.gif: "):
        animate(run, tmp_path / "file" / "a.gif")
