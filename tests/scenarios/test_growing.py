"""Scenario tests of growing resolution: errors, runs that are killed, stopped or extended, and a length in minutes."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from digitgan.model.file import load_model
from digitgan.runs import RunFolder
from tests import processes, tiny
from tests.cli.commands import run as command
from tests.faults.victims import Signals
from tests.trainings import ROOT, assert_same, finish

SETTINGS = (*tiny.GROWING, "training.checkpoints=10", "training.previews=5", "training.snapshots=2")
OPTIONS = ("fast", "--data=digits", "--seed=3", *(f"--set={setting}" for setting in SETTINGS))

pytestmark = pytest.mark.usefixtures("isolated_home")


# --- errors on the command line ---------------------------------------------------------------------------------------


BAD = [
    ("training.growth=seven", "'seven' must be SIZE@IMAGES"),
    ("training.growth=7@", "'7@'"),
    ("training.growth=7@48,", "''"),
    ("training.growth=7@-5", "'7@-5'"),
    ("training.growth=7.5@48", r"'7\.5@48'"),
    ("training.growth=7@3e3", "'7@3e3'"),
    ("training.growth=1/0@48", "'1/0@48'"),
    ("training.growth=2/4@48", "'2/4@48'"),
    ("training.growth=8@48", r"no size of 8 .* nearest is 7 .*7x7, 14x14"),
    ("training.growth=1/3@48", r"no size of 1/3 .* nearest is 7"),
    ("training.growth=13@48", "nearest is 14"),
    ("training.growth=14@48,7@96", r"increase; '7@96'"),
    ("training.growth=7@48,7@96", r"increase; '7@96'"),
    ("training.growth=7@96,14@48", r"later .*'14@48'"),
    ("training.growth=7@96,14@96", r"later .*'14@96'"),
    ("training.growth=7@0", "'7@0'"),
    ("training.growth=28@48", r"28 is not below .* 28"),
    ("training.growth=1/1@48", r"1/1 is not below .* 28"),
    ("training.growth=56@48", r"56 is not below"),
    ("training.growth=7@160", r"160 images: '7@160' .*--images"),
    ("training.growth=7@100%", "'7@100%'"),
    ("training.growth=7@999%", "'7@999%'"),
    ("generator.to_image=last", r'generator\.to_image = "last": this network cannot grow\. Set generator\.to_image = "sum"'),
    ("discriminator.from_image=first", r'discriminator\.from_image = "first".*Set discriminator\.from_image = "each"'),
    ("generator.family=convolutional", r'generator\.family = "convolutional"'),
    ("discriminator.family=recurrent", r'discriminator\.family = "recurrent"'),
    ("discriminator.smallest=8", "7x7, 14x14, 28x28.*14x14, 28x28"),
    ("discriminator.patch=2", "7x7, 14x14, 28x28.*14x14, 28x28"),
]
"""Settings that do not fit the growth, and what the message names."""


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        *(((setting,), message) for setting, message in BAD),
        (("training.generator_pretraining=40",), r"training\.generator_pretraining = 40"),
        (("training.pretraining=40",), r"training\.pretraining = 40"),
        (("training.growth_fade=1.5",), r"training\.growth_fade"),
        (("training.growth=[7]",), r"training\.growth"),
        (("training.images=96",), r"96 images: '14@96'"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_growth_that_does_not_fit_is_refused_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], settings: tuple[str, ...], message: str
) -> None:
    out = tmp_path / "run"
    assert command("train", *OPTIONS, *(f"--set={setting}" for setting in settings), "--out", str(out)) == 2
    printed = capsys.readouterr()
    said = " ".join(printed.err.split())
    assert re.search(message, said)
    assert "training.growth" in said or "pretraining" in said
    assert printed.out == ""
    assert not out.exists()


# --- a run that is killed in the middle of a fade -----------------------------------------------------------------------


def start(out: Path, *more: str, meets: Signals | None = None) -> processes.Popen:
    arguments = ["train", *OPTIONS, "--out", str(out), "--quiet", *more]
    argv = [sys.executable, "-m", "digitgan", *arguments] if meets is None else meets.command(*arguments)
    return processes.Popen(argv, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    run = RunFolder(tmp_path_factory.mktemp("uninterrupted") / "run")
    finish(start(run.path))
    return run


@pytest.mark.parametrize("killed_after", [64, pytest.param(112, marks=pytest.mark.long)])
def test_killed_in_the_middle_of_a_fade_and_resumed_equals_uninterrupted(
    tmp_path: Path, uninterrupted: RunFolder, killed_after: int
) -> None:
    run = RunFolder(tmp_path / "run")
    finish(start(run.path, meets=Signals(signal.SIGKILL, "History", "Stepped", killed_after + 16)), -signal.SIGKILL)
    finish(start(run.path, "--resume"))
    assert_same(run, uninterrupted)


@pytest.mark.long
def test_stopped_in_the_middle_of_a_fade_the_model_has_the_full_size(tmp_path: Path, uninterrupted: RunFolder) -> None:
    run = RunFolder(tmp_path / "run")
    finish(start(run.path, meets=Signals(signal.SIGTERM, "History", "Stepped", 64)), 128 + signal.SIGTERM)
    model = load_model(run.model)
    assert model.generator.growth is not None
    assert model.card["images_seen"] == 64
    assert model.generator.growth.number == pytest.approx(2 / 3)
    images = model.sample([0, 1, 2])
    assert images.shape == (3, 28, 28)
    blocks = images.reshape(3, 14, 2, 14, 2)
    assert np.ptp(blocks, axis=(2, 4)).max() == 0, "pixels are repeated"
    for arguments in (
        ("sample", str(run.path), "--per-class=1"),
        ("invert", "0.png", str(run.path)),
        ("export", str(run.path)),
    ):
        Image.fromarray(images[0]).save(tmp_path / "0.png")
        done = processes.run([sys.executable, "-m", "digitgan", *arguments, "--quiet"], cwd=tmp_path, capture_output=True)
        assert done.returncode == 0, done.stderr.decode()
    finish(start(run.path, "--resume"))
    assert_same(run, uninterrupted)


def test_every_preview_and_snapshot_has_the_full_size(uninterrupted: RunFolder) -> None:
    sizes = set()
    for path in uninterrupted.preview_files():
        with Image.open(path) as picture:
            sizes.add(picture.size)
    assert len(uninterrupted.preview_files()) == 5
    assert len(sizes) == 1
    levels = {}
    for path in sorted(uninterrupted.snapshots.glob("*.safetensors")):
        model = load_model(path)
        assert model.sample([4]).shape == (1, 28, 28)
        levels[path.stem] = model.generator.growth.number  # type: ignore[union-attr]
    assert levels == pytest.approx({"00000080": 1.0, "00000160": 2.0})


# --- a run of another length ------------------------------------------------------------------------------------------


def test_a_run_that_would_shrink_is_not_extended(tmp_path: Path, uninterrupted: RunFolder) -> None:
    run = RunFolder(tmp_path / "run")
    subprocess.run(["cp", "-r", str(uninterrupted.path), str(run.path)], check=True)
    before = {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()}
    refused = finish(start(run.path, "--resume", "--images=1600"), 2)
    assert re.search(r"training\.growth = .*1,600 images .*160:", " ".join(refused.split()))
    assert {path: path.read_bytes() for path in run.path.rglob("*") if path.is_file()} == before
    finish(start(run.path, "--resume", "--images=208"))
    assert run.read_record()["images_seen"] == 208


# --- a length in minutes ----------------------------------------------------------------------------------------------


def test_minutes_with_growth_make_a_plan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    growth = "--set=training.growth=1/4@20%,1/2@50%"
    assert command("train", *OPTIONS, growth, "--minutes=0.2", "--dry-run", "--json", "--out", str(tmp_path / "run")) == 0
    assert int(re.search(r'"images": (\d+)', capsys.readouterr().out)[1]) > 160  # type: ignore[index]
    assert not (tmp_path / "run").exists()
