"""Discriminator rejection sampling: accepted images are distributed as the data, and image i depends on its index alone."""

from __future__ import annotations

import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from digitgan.generation.discriminator_rejection import DiscriminatorFilter
from digitgan.generation.rejection_sampling import acceptance_numbers, rejection_sampler
from digitgan.images import Picture
from digitgan.model.batching import side_by_side, spans
from digitgan.model.file import Model
from digitgan.networks import Discriminator, DiscriminatorOutput, Generator, ImageSpec
from tests.cli.commands import run

LEVELS = 8
SPEC = ImageSpec(channels=1, height=4, width=4, classes=2)


class Levels(Generator):
    """A generator whose images have one of `LEVELS` levels of grey, each equally often."""

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        share = torch.special.ndtr(z[:, 0])
        level = (share * LEVELS).floor().clamp(0, LEVELS - 1)
        return ((level * 32 + 16) / 127.5 - 1)[:, None, None, None].expand(-1, 1, 4, 4).contiguous() + 0 * self.unused


class Optimal(Discriminator):
    """The optimal discriminator of `Levels` for data with the given shares of the levels, by class."""

    def __init__(self, shares: Tensor, shift: float) -> None:
        super().__init__(SPEC)
        self.ratio = torch.nn.Parameter((shares * LEVELS).log() + shift)

    def forward(self, images: Tensor, labels: Tensor) -> DiscriminatorOutput:
        level = ((images[:, 0, 0, 0] + 1) * 127.5 / 32).long()
        return DiscriminatorOutput(self.ratio[labels, level], None)


@pytest.fixture
def levels_model(small_model: Model) -> Model:
    generator = Levels(SPEC, latent=4)
    generator.unused = torch.nn.Parameter(torch.zeros(()))
    return dataclasses.replace(small_model, generator=generator.eval(), class_names=("even", "steep"))


def levels_of(images: Picture) -> np.ndarray:
    return images[:, 0, 0] // 32


@pytest.mark.parametrize("shift", [0.0, 30.0, -30.0])  # relativistic losses leave the scores' level open
def test_an_optimal_discriminator_gives_the_distribution_of_the_data(levels_model: Model, shift: float) -> None:
    steep = torch.arange(1, LEVELS + 1) / sum(range(1, LEVELS + 1))
    shares = torch.stack([torch.full((LEVELS,), 1 / LEVELS), steep])
    # Acceptance in proportion to the ratio of the densities accepts the mean ratio over the greatest one: 36 / 64 here.
    kept = DiscriminatorFilter.of(levels_model, Optimal(shares, shift).eval(), 36 / 64, {1}, 0, None)
    draw = rejection_sampler(levels_model, 0, None, [kept], lambda span: np.ones(len(span), dtype=np.int64))
    blocks = list(side_by_side(draw, spans(0, 20_000)))
    found = np.bincount(np.concatenate([levels_of(block.images) for block in blocks]), minlength=LEVELS) / 20_000
    np.testing.assert_allclose(found, steep, atol=0.012)
    accepted = 20_000 / sum(int(block.attempts.sum()) for block in blocks)
    assert accepted == pytest.approx(36 / 64, abs=0.02)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_about_the_share_of_each_class_is_accepted(levels_model: Model, share: float) -> None:
    shares = torch.stack([torch.full((LEVELS,), 1 / LEVELS), torch.arange(1, LEVELS + 1) / 36])
    kept = DiscriminatorFilter.of(levels_model, Optimal(shares, 0.0).eval(), share, {0, 1}, 0, None)
    for label in (0, 1):
        labels = np.full(5_000, label)
        images = levels_model.sample(labels, seed=9)
        passed = kept.accepts(images, labels, acceptance_numbers(9, range(5_000), 0))
        assert passed.mean() == pytest.approx(share, abs=0.04)


def sample(folder: Path, out: str, *options: str) -> dict[str, np.ndarray]:
    common = ("--format=npz", "--discriminator-rejection=0.5", "--quiet")
    assert run("sample", str(folder), *common, "--out", out, *options) == 0
    with np.load(out) as archive:
        return dict(archive)


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("in_folder")
def test_an_image_depends_on_its_index_alone(tiny_run: Path) -> None:
    whole, part = (sample(tiny_run, f"{count}.npz", "--labels=3", f"--count={count}") for count in (300, 70))
    np.testing.assert_array_equal(part["images"], whole["images"][:70])
    plain = run("sample", str(tiny_run), "--labels=3", "--count=300", "--format=npz", "--out=plain.npz", "--quiet")
    assert plain == 0
    same = (np.load("plain.npz")["images"] == whole["images"]).all(axis=(1, 2))
    assert 0.3 < same.mean() < 0.7  # about half of the first attempts are accepted


@pytest.mark.usefixtures("in_folder")
def test_workers_and_files_of_a_set_change_nothing(tiny_run: Path) -> None:
    whole = sample(tiny_run, "whole.npz", "--count=1100")
    sample(tiny_run, "workers.npz", "--count=1100", "--workers=2")
    assert Path("workers.npz").read_bytes() == Path("whole.npz").read_bytes()
    options = ("--discriminator-rejection=0.5", "--count=1100", "--format=npz", "--shard-size=400", "--out=set", "--quiet")
    assert run("sample", str(tiny_run), *options) == 0
    parts = [np.load(path)["images"] for path in sorted(Path("set").glob("*.npz"))]
    np.testing.assert_array_equal(np.concatenate(parts), whole["images"])
    manifest = json.loads(Path("set/manifest.json").read_text(encoding="utf-8"))
    assert manifest["filter"]["discriminator_rejection"] == 0.5
    assert "--discriminator-rejection 0.5" in manifest["command"]
    assert np.mean(list(manifest["filter"]["accepted"].values())) == pytest.approx(0.5, abs=0.1)


@pytest.mark.usefixtures("in_folder")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["mnist", "--discriminator-rejection=0.5"], "--discriminator-rejection: mnist .*folder of a run"),
        (["{run}", "--discriminator-rejection=0.1"], r"--discriminator-rejection 0\.1: .*0\.2"),
        (["{run}", "--discriminator-rejection=1"], "--discriminator-rejection 1: .*below 1"),
        (["{run}", "--discriminator-rejection=nan"], "--discriminator-rejection nan: "),
        (["{run}", "--discriminator-rejection=0.5", "--zero-latent"], "--zero-latent.*--discriminator-rejection"),
    ],
)
def test_what_cannot_be_is_refused(
    tiny_run: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run("sample", *(option.replace("{run}", str(tiny_run)) for option in options), "--out=x.png") == 2
    assert re.search(message, capsys.readouterr().err)
    assert not Path("x.png").exists()
