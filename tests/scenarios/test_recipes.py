"""Scenario tests of every recipe on the embedded digits: train, kill, resume and sample; and of the files of a run."""

from __future__ import annotations

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import digitgan
from digitgan.recipes import RECIPES
from digitgan.runs import RunFolder
from digitgan.training import checkpoints
from tests import processes, tiny
from tests.faults.victims import Signals
from tests.processes import PATIENCE
from tests.trainings import ROOT

Digitgan = Callable[..., "subprocess.CompletedProcess[str]"]

pytestmark = pytest.mark.usefixtures("isolated_home")

BATCH = 16
STEPS = 15
"""Number of steps: a multiple of 5, because the generator of wgan-gp learns at every fifth step."""

SETTINGS = [
    f"training.batch_size={BATCH}",
    "training.precision=float32",
    "training.previews=3",
    "training.checkpoints=15",
    "training.snapshots=3",
    "training.preview_epochs=0",
]


_NARROW = [f"{network}.{width}" for network in ("generator", "discriminator") for width in ("width=8", "max_width=16")]

_NARROW_COLOUR = [
    "generator.width=8",
    "generator.max_width=16",
    "discriminator.width=4",
    "discriminator.head_width=8",
    "discriminator.image_width=4",
    "training.feature_pretraining=5",
]

NARROWER = {
    "quality": ["generator.channels=[32, 16, 8]", "discriminator.channels=[16, 32, 64]"],
    "colour": _NARROW_COLOUR,
    "colour-few-shot": _NARROW_COLOUR,
    "residual": _NARROW,
    "progressive": _NARROW,
    "onehot-cgan-fixed": ["generator.channels=[32, 16, 8]", "discriminator.channels=[16, 32]"],
    "mask-cgan-fixed": ["generator.channels=[32, 16, 8]", "discriminator.channels=[16, 32]"],
}
"""Smaller networks for recipes that recompute batch-norm statistics, which takes a minute at full width, and for deep ones."""


def settings_of(name: str) -> list[str]:
    """Return settings that make a recipe as small as possible."""
    recipe = RECIPES[name]
    own_batch = [f"updates.generator_batch={2 * BATCH}"] if recipe.updates.generator_batch else []
    # Recomputed batch-norm statistics make a checkpoint as slow as many steps.
    fewer = ["training.checkpoints=5"] if recipe.ema.decay and recipe.ema.statistics == "recomputed" else []
    return [*SETTINGS, *own_batch, *fewer, *NARROWER.get(name, [])]


def lines_of(run: RunFolder) -> list[dict[str, float]]:
    return [{name: value for name, value in line.items() if name != "seconds"} for line in run.read_history()]


@pytest.mark.parametrize(
    "name",
    [pytest.param(name, marks=[] if name in ("fast", "lstm-cgan") else [pytest.mark.long]) for name in RECIPES],
)
def test_trained_killed_resumed_and_drawn_from(name: str, tmp_path: Path) -> None:
    whole, killed = RunFolder(tmp_path / "whole"), RunFolder(tmp_path / "killed")
    images = BATCH * STEPS
    digitgan.train(name, data="digits", images=images, out=whole.path, settings=settings_of(name))

    options = [f"--set={setting}" for setting in settings_of(name)]
    in_the_middle = Signals(signal.SIGKILL, "CheckpointWriter", "CheckpointDue", images // 2)
    train = ("train", name, "--data=digits", f"--images={images}", *options, "--quiet", "--out", str(killed.path))
    process = processes.run(in_the_middle.command(*train), cwd=ROOT, timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL
    assert 0 < int(checkpoints(killed.checkpoints)[-1].name) < images // 2
    result = digitgan.train(out=killed.path, resume=True)
    assert result.finished

    assert lines_of(killed) == lines_of(whole)
    ours, theirs = load_file(killed.model), load_file(whole.model)
    assert [name for name, tensor in ours.items() if not torch.equal(tensor, theirs[name])] == []
    assert [path.name for path in killed.snapshot_files()] == [f"{images * third // 3:08d}.safetensors" for third in (1, 2, 3)]

    model = digitgan.load(killed.path)
    assert model.recipe.name == name
    drawn = model.sample(np.arange(20) % len(model.class_names))
    assert drawn.shape == (20, 28, 28)
    again = digitgan.load(str(killed.path) + f"@{images}").sample(np.arange(20) % len(model.class_names))
    np.testing.assert_array_equal(drawn, again)
    assert len(model.class_names) == (10 if RECIPES[name].conditional else 1)


def test_a_run_of_mask_cgan_leaves_what_its_description_says(tmp_path: Path) -> None:
    """Test the 5×5 grids with alternating classes, their latents and labels, and the duration of each epoch."""
    np.savez(tmp_path / "tiny.npz", images=np.zeros((32, 28, 28), np.uint8), labels=np.arange(32) % 10)
    settings = ["training.batch_size=16", "training.precision=float32", "training.previews=2", "guard.mode_collapse=false"]
    result = digitgan.train("mask-cgan", data=str(tmp_path / "tiny.npz"), epochs=2, out=tmp_path / "run", settings=settings)
    run = RunFolder(result.run)
    assert [path.name for path in run.preview_files()] == ["00000032.png", "00000064.png"]
    with Image.open(run.preview_files()[-1]) as sheet:
        assert sheet.size == (5 * 30 + 2, 5 * 30 + 2)
    latents, labels = run.read_preview_latents()
    assert latents.shape == (25, 100)
    assert latents.dtype == np.float32
    assert labels.tolist() == [index % 10 for index in range(25)]
    record = json.loads(run.record.read_text())
    assert len(record["epoch_seconds"]) == 2
    assert all(seconds > 0 for seconds in record["epoch_seconds"])
    assert {"accuracy_real", "accuracy_fake"} <= lines_of(run)[-1].keys()


@pytest.mark.parametrize(("layout", "side"), [("4x4", 4), ("10x10", 10)])
def test_grids_of_other_sizes(tmp_path: Path, layout: str, side: int) -> None:
    result = tiny.train(tmp_path / "run", f"training.grid={layout}", images=48)
    with Image.open(RunFolder(result.run).preview_files()[0]) as sheet:
        assert sheet.size == (side * 30 + 2, side * 30 + 2)


def test_previews_and_checkpoints_after_every_so_many_epochs(tmp_path: Path) -> None:
    np.savez(tmp_path / "tiny.npz", images=np.zeros((64, 28, 28), np.uint8), labels=np.arange(64) % 10)
    settings = ["guard.mode_collapse=false", "training.preview_epochs=1", "training.checkpoint_epochs=2"]
    result = tiny.train(tmp_path / "run", *settings, data=str(tmp_path / "tiny.npz"), epochs=5)
    run = RunFolder(result.run)
    assert [int(path.stem) for path in run.preview_files()] == [64, 128, 192, 256, 320]
    assert [int(path.name) for path in checkpoints(run.checkpoints)] == [256, 320]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a run of an unconditional recipe."""
    settings = [*settings_of("plain-gan"), "generator.channels=[8, 8, 8]"]
    return digitgan.train(
        "plain-gan", data="digits", images=64, out=tmp_path_factory.mktemp("plain") / "run", settings=settings
    ).run


def test_an_unconditional_model_draws_a_hundred_and_no_class(plain: Path, digitgan: Digitgan, tmp_path: Path) -> None:
    done = digitgan("sample", str(plain), "--out", "drawn.npz", "--format", "npz")
    assert done.returncode == 0, done.stderr
    assert np.load(tmp_path / "drawn.npz")["images"].shape == (100, 28, 28)
    refused = digitgan("sample", str(plain), "--labels", "7")
    assert refused.returncode == 2
    assert "--labels 7: " in refused.stderr
    assert "plain-gan" in refused.stderr


def test_a_snapshot_can_be_chosen_and_a_wrong_number_names_the_nearest(plain: Path, digitgan: Digitgan) -> None:
    assert digitgan("sample", f"{plain}@00000064", "--out", "a.png").returncode == 0
    assert digitgan("sample", f"{plain}@64", "--out", "b.png").returncode == 0
    refused = digitgan("sample", f"{plain}@65")
    assert refused.returncode == 2
    assert f"{plain}@64" in refused.stderr


def test_the_image_of_the_zero_latent(digitgan: Digitgan, tmp_path: Path) -> None:
    done = digitgan("sample", "--zero-latent", "--out", "zero.npz", "--format", "npz")
    assert done.returncode == 0, done.stderr
    drawn = np.load(tmp_path / "zero.npz")
    assert drawn["labels"].tolist() == list(range(10))
    again = digitgan("sample", "--zero-latent", "--seed", "5", "--out", "again.npz", "--format", "npz")
    assert again.returncode == 0
    np.testing.assert_array_equal(drawn["images"], np.load(tmp_path / "again.npz")["images"])
    refused = digitgan("sample", "--zero-latent", "--count", "5")
    assert refused.returncode == 2
    assert "--zero-latent " in refused.stderr
    assert "--count" in refused.stderr


def test_rows_are_written_by_recurrent_generators_only(digitgan: Digitgan, plain: Path, tmp_path: Path) -> None:
    options = ["--data=digits", "--images=32", "--set=training.batch_size=16", "--set=generator.autoregressive=true", "--quiet"]
    assert digitgan("train", "lstm-cgan", *options, "--out", "rows").returncode == 0
    done = digitgan("animate", "rows", "--rows")
    assert done.returncode == 0, done.stderr
    with Image.open(tmp_path / "rows" / "rows.gif") as film:
        assert film.n_frames == 29  # type: ignore[attr-defined]
        film.seek(14)
        half = np.asarray(film.convert("L"))[4 : 4 + 56]  # the first row of digits, enlarged twice
        assert half[:28].any()
        assert not half[28:].any()
    refused = digitgan("animate", str(plain), "--rows")
    assert refused.returncode == 2
    assert "--rows: " in refused.stderr
    assert "plain-gan" in refused.stderr


def test_a_pretrained_discriminator_is_told_of(digitgan: Digitgan, tmp_path: Path) -> None:
    done = digitgan("train", *tiny.options(), "--pretrain-discriminator", "--out", "run")
    assert done.returncode == 0, done.stderr
    assert re.search(r"discriminator.*\b50\b", done.stderr)
    found = json.loads((tmp_path / "run" / "run.json").read_text())["pretraining"]["discriminator"]
    assert found["steps"] == 50
    assert found["separated_after"] <= 50
    assert found["accuracy_real"] == 1.0


def test_a_recipe_can_be_summarised_and_drawn(digitgan: Digitgan, tmp_path: Path) -> None:
    done = digitgan("recipes", "onehot-cgan", "--summary", "--diagram", "--out", "networks.png")
    assert done.returncode == 0, done.stderr
    assert "Trainable params: 2,430,912" in done.stdout
    assert "Trainable params: 5,396,545" in done.stdout
    with Image.open(tmp_path / "networks.png") as picture:
        assert picture.width > 500
        assert len(picture.convert("RGB").getcolors(100_000)) > 5
    refused = digitgan("recipes", "--summary")
    assert refused.returncode == 2
    assert "--summary: " in refused.stderr


def test_an_untrained_discriminator_has_no_idea(digitgan: Digitgan) -> None:
    done = digitgan("recipes", "dcgan", "--untrained", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert abs(told["probability"] - 0.5) < 0.1
    # A single discriminator may be far from 0.5.
    printed = digitgan("recipes", "fast", "--untrained").stdout
    (probability,) = re.findall(r"probability of being real: (\S+)$", printed, re.M)
    assert abs(float(probability) - 0.5) > 0.1
    assert "seeds" in printed
    assert digitgan("recipes", "dcgam", "--untrained").returncode == 2


def test_an_unconditional_recipe_trains_on_images_without_labels(digitgan: Digitgan, tmp_path: Path) -> None:
    np.savez(tmp_path / "plain.npz", images=np.zeros((40, 28, 28), np.uint8))
    options = ["--images=32", "--set=training.batch_size=16", "--set=updates.generator_batch=32", "--quiet"]
    done = digitgan("train", "plain-gan", "--data", "plain.npz", *options, "--out", "run")
    assert done.returncode == 0, done.stderr


def test_a_plan_counts_what_is_trained(digitgan: Digitgan) -> None:
    planned = digitgan("train", "lstm-cgan", "--data=digits", "--dry-run", "--set=training.precision=float32")
    assert planned.returncode == 0, planned.stderr
    assert re.search(r"generator 312,252\b.*discriminator 103,321\b", planned.stdout)
