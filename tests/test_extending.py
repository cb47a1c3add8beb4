"""Tests of the registries: a loss, a penalty, a metric, an export format, a format of images, a data set, a reader, a network.

Each test registers an entry, uses it by name on the command line, and checks that the error of a misspelt name lists it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from digitgan.data import DATASETS, READERS, Dataset, DatasetFile, DataSource, IdxFiles, ImageSet, Reading, write_idx
from digitgan.errors import UsageError
from digitgan.evaluation import METRICS, Comparison, Metric
from digitgan.evaluation.metrics.bootstrap import Interval
from digitgan.exporters import EXPORT_FORMATS, ExportedModel, ExportFormat, Images, Labels, Latents, drawn_directly
from digitgan.exporters.keras_families import keras_generator
from digitgan.files import replacing
from digitgan.generation.writers import WRITERS, Writer
from digitgan.images import Picture
from digitgan.lookup import Registry
from digitgan.networks import GENERATORS, Generator, ImageSpec
from digitgan.recipes import GENERATOR_FAMILIES
from digitgan.recipes.families import setting
from digitgan.training.losses import LOSSES, Loss
from digitgan.training.penalties import PENALTIES, LabelledImages, Score
from tests import tiny
from tests.cli.commands import run

TRAIN = ("train", *tiny.options(), "--quiet")


@pytest.fixture
def registered() -> Iterator[Any]:
    """Return a function that registers an entry until the end of the test."""
    done: list[tuple[Registry[Any], str]] = []

    def register(table: Registry[Any], name: str, entry: Any) -> None:
        table.register(name, entry)
        done.append((table, name))

    yield register
    for table, name in done:
        table.unregister(name)


def recorded(out: Path) -> str:
    return (out / "recipe.toml").read_text(encoding="utf-8")


def complaint(capsys: pytest.CaptureFixture[str], *argv: str) -> str:
    capsys.readouterr()
    assert run(*argv) == 2
    return capsys.readouterr().err


# --- one entry of each registry ---------------------------------------------------------------------------------------


class AbsoluteLoss(Loss):
    """A loss of |score - 1| for real images and |score + 1| for fakes."""

    def discriminator(self, real: Tensor, fake: Tensor, smoothing: float = 0.0) -> Tensor:
        return (real - 1).abs().mean() + (fake + 1).abs().mean()

    def generator(self, real: Tensor, fake: Tensor) -> Tensor:
        return (fake - 1).abs().mean()


def test_a_loss(registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registered(LOSSES, "absolute", AbsoluteLoss())
    assert run(*TRAIN, "--set", "loss.name=absolute", "--out", str(tmp_path / "run")) == 0
    assert 'name = "absolute"' in recorded(tmp_path / "run")
    said = complaint(capsys, *TRAIN, "--set", "loss.name=absolut", "--out", str(tmp_path / "other"))
    assert "loss.name" in said
    assert "'absolute'" in said


class PairedLoss(AbsoluteLoss):
    """The same, for pairs of a real and a fake image."""

    paired = True


def test_a_loss_of_a_notebook_is_needed_to_resume_and_to_start_from_its_run(
    isolated_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(AbsoluteLoss, "__module__", "__main__")
    monkeypatch.chdir(tmp_path)
    longer = str(2 * tiny.IMAGES)
    again = (
        ("train", "--resume", "--out=run", "--images", longer, "--quiet"),
        ("train", "--from=run", "--data=digits", "--out=other", "--images", longer, "--quiet"),
    )
    LOSSES.register("absolute", AbsoluteLoss())
    try:
        assert run("train", *tiny.options("loss.name=absolute"), "--out=run", "--quiet") == 0
    finally:
        LOSSES.unregister("absolute")
    for argv in again:
        said = complaint(capsys, *argv)
        assert "loss.name=absolute" in said
        assert "a notebook" in said
    LOSSES.register("absolute", AbsoluteLoss())
    try:
        for argv in again:
            assert run(*argv) == 0, capsys.readouterr().err
    finally:
        LOSSES.unregister("absolute")


def test_a_paired_loss_is_checked_like_the_built_in_one(
    registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(LOSSES, "paired", PairedLoss())
    wrong = ("--set", "loss.name=paired", "--set", "updates.fakes=fresh", "--set", "updates.generator_batch=64")
    said = complaint(capsys, *TRAIN, *wrong, "--out", str(tmp_path / "run"))
    assert "loss.name" in said
    assert "updates.generator_batch" in said


def mean_score(score: Score, real: LabelledImages, fake: LabelledImages, interpolation_alpha: Tensor) -> Tensor:
    """Compute the squared score of real images (drift penalty, Karras et al. 2018)."""
    return score(real).square().mean()


def test_a_penalty(registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registered(PENALTIES, "drift", mean_score)
    assert run(*TRAIN, "--set", "penalty.name=drift", "--out", str(tmp_path / "run")) == 0
    history = [json.loads(line) for line in (tmp_path / "run" / "history.jsonl").read_text(encoding="utf-8").splitlines()]
    assert any("penalty" in line for line in history)
    assert "'drift'" in complaint(capsys, *TRAIN, "--set", "penalty.name=drfit", "--out", str(tmp_path / "other"))


def spread_of_features(compared: Comparison) -> Interval:
    value = float(compared.images.features.std())
    return Interval(value, value, value)


def test_a_metric(
    registered: Any, isolated_home: Path, caches_at_hand: None, tiny_run_copy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meaning = "standard deviation of the features"
    metric = Metric("feature_spread", "Feature spread", meaning, "higher", 2, False, spread_of_features)
    registered(METRICS, metric.name, metric)
    assert run("evaluate", str(tiny_run_copy), "--images", "500", "--json") == 0
    found = json.loads(capsys.readouterr().out)["metrics"]["feature_spread"]
    assert found["title"] == "Feature spread"
    assert found["value"] > 0
    assert found["baseline"] > 0
    assert "Feature spread" in (tiny_run_copy / "report.html").read_text(encoding="utf-8")


class NumpyFormat(ExportFormat):
    """The generator's weights as one NumPy archive."""

    name: ClassVar[str] = "numpy"
    ending: ClassVar[str] = ".npz"
    model: Any = None

    def check(self) -> None:
        pass

    def write(self, exported: ExportedModel, path: Path, quantize: str | None) -> None:
        type(self).model = exported.model
        weights = {name: value.numpy() for name, value in exported.model.generator.state_dict().items()}
        with path.open("wb") as file:
            np.savez(file, **weights)

    def draw(self, path: Path, z: Latents, labels: Labels) -> Images:
        return drawn_directly(type(self).model, z, labels)


def test_an_export_format(registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    registered(EXPORT_FORMATS, "numpy", NumpyFormat())
    out = tmp_path / "weights.npz"
    assert run("export", "mnist", "--format", "numpy", "--out", str(out), "--quiet") == 0
    with np.load(out) as archive:
        assert archive.files
    assert "'numpy'" in complaint(capsys, "export", "mnist", "--format", "numppy", "--out", str(tmp_path / "other"))


class CsvWriter(Writer):
    """A CSV file with the label and the pixels of an image in each line."""

    name: ClassVar[str] = "csv"
    ending: ClassVar[str] = ".csv"
    size_ratio: ClassVar[float] = 3.0

    def write(self, path: Path, blocks: Iterable[Picture], labels: Labels, class_names: Sequence[str]) -> None:
        images = (image for block in blocks for image in block)
        with replacing(path) as file:
            for label, image in zip(labels, images, strict=True):
                file.write(",".join(map(str, [class_names[label], *image.ravel().tolist()])).encode() + b"\n")


def test_a_format_of_images(
    registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    registered(WRITERS, "csv", CsvWriter())
    monkeypatch.chdir(tmp_path)
    plan = ("sample", "--count", "30", "--format", "csv", "--quiet")
    assert run(*plan) == 0
    whole = (tmp_path / "samples.csv").read_text(encoding="utf-8")
    assert [line.split(",")[0] for line in whole.splitlines()] == list("0123456789") * 3
    assert {len(line.split(",")) for line in whole.splitlines()} == {1 + 28 * 28}
    assert "'csv'" in complaint(capsys, "sample", "--format", "cvs")

    # A set of several files, written by two processes; a damaged file is found by its hash.
    assert run(*plan, "--shard-size", "12", "--workers", "2", "--out", "set") == 0
    parts = sorted((tmp_path / "set").glob("*.csv"))
    assert len(parts) == 3
    assert "".join(part.read_text(encoding="utf-8") for part in parts) == whole
    manifest = (tmp_path / "set" / "manifest.json").read_bytes()
    assert [path for part in json.loads(manifest)["files"] for path in part["files"]] == [part.name for part in parts]
    parts[1].write_text("damaged", encoding="utf-8")
    assert run(*plan, "--shard-size", "12", "--out", "set", "--resume") == 0
    assert "".join(part.read_text(encoding="utf-8") for part in parts) == whole
    assert (tmp_path / "set" / "manifest.json").read_bytes() == manifest


def test_a_data_set(registered: Any, isolated_home: Path, tmp_path: Path, digits: ImageSet) -> None:
    folder = tmp_path / "data" / "tiny"
    folder.mkdir(parents=True)
    files = []
    for stem, array in (
        ("train-images-idx3-ubyte", digits.images[:200, 0] if digits.images.ndim == 4 else digits.images[:200]),
        ("train-labels-idx1-ubyte", digits.labels[:200].astype(np.uint8)),
    ):
        write_idx(folder / stem, array)
        content = (folder / stem).read_bytes()
        files.append(DatasetFile(f"{stem}.gz", len(content), hashlib.sha256(content).hexdigest()))
    registered(DATASETS, "tiny", Dataset("tiny", "for this test only", IdxFiles(tuple("0123456789")), tuple(files)))
    where = ("--data-dir", str(tmp_path / "data"), "--out", str(tmp_path / "run"))
    assert run("train", *tiny.options(data="tiny"), *where, "--quiet") == 0
    assert json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))["data"]["source"] == "tiny"


def json_file(path: Path, reading: Reading) -> DataSource | None:
    """Read a JSON file of pairs of a label and the levels of a square image."""
    if path.suffix != ".json":
        return None

    def load(split: str) -> ImageSet:
        rows = json.loads(path.read_text(encoding="utf-8"))
        pixels = np.array([levels for _, levels in rows], dtype=np.uint8)
        reading.notes.add("read by a reader of another package")
        return ImageSet(pixels, np.array([label for label, _ in rows]), tuple("0123456789"), path.name)

    return DataSource(("train",), load, "a JSON file has a training split only")


def test_a_reader(registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "digits.json"
    path.write_text(json.dumps([[label, [[10 * label] * 8] * 8] for label in range(10)]), encoding="utf-8")
    assert str(path) in complaint(capsys, "data", "verify", str(path))
    registered(READERS, "a JSON file", json_file)
    assert run("data", "verify", str(path), "--size=4", "--json") == 0
    found = json.loads(capsys.readouterr().out)["train"]
    assert (found["images"], found["shape"]) == (10, [1, 4, 4])
    assert any("another package" in note for note in found["notes"])
    (tmp_path / "other.txt").write_text("", encoding="utf-8")
    assert "a JSON file" in complaint(capsys, "data", "verify", str(tmp_path / "other.txt"))


@dataclass(frozen=True)
class PerceptronRecipe:
    """The settings of a generator with two dense layers."""

    family: str = setting("perceptron", names=("perceptron",))
    latent: int = setting(16, low=1, high=4096)
    units: int = setting(32, low=1, high=4096)

    @property
    def conditional(self) -> bool:
        return True


class PerceptronGenerator(Generator):
    """A generator: latent and one-hot label -> dense -> ReLU -> dense -> tanh."""

    def __init__(self, recipe: PerceptronRecipe, spec: ImageSpec) -> None:
        super().__init__(spec, recipe.latent)
        self.dense = nn.Linear(recipe.latent + spec.classes, recipe.units)
        self.image = nn.Linear(recipe.units, spec.channels * spec.height * spec.width)

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        shares = labels if labels.is_floating_point() else nn.functional.one_hot(labels, self.spec.classes).to(z.dtype)
        hidden = torch.relu(self.dense(torch.cat([z, shares], dim=1)))
        return torch.tanh(self.image(hidden)).view(-1, self.spec.channels, self.spec.height, self.spec.width)


def test_a_family_of_generators(
    registered: Any, isolated_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    registered(GENERATOR_FAMILIES, "perceptron", PerceptronRecipe)
    registered(GENERATORS, "perceptron", PerceptronGenerator)
    out = tmp_path / "run"
    train = [option for option in TRAIN if not option.startswith("--set=generator.")]
    family = ("--set", "generator.family=perceptron", "--set", "generator.units=24")
    assert run(*train, *family, "--out", str(out)) == 0
    assert run(*train, *family, "--out", str(out), "--resume", "--images", str(2 * tiny.IMAGES)) == 0
    capsys.readouterr()
    picture = tmp_path / "grid.png"
    assert run("sample", str(out), "--labels", "7", "--count", "3", "--out", str(picture), "--quiet") == 0
    assert picture.is_file()
    with pytest.raises(UsageError, match="PerceptronGenerator"):
        keras_generator(PerceptronGenerator(PerceptronRecipe(), ImageSpec(1, 28, 28, 10)), conditional=True)
    assert run("export", str(out), "--format", "torch", "--out", str(tmp_path / "generator.pt2"), "--quiet") == 0
    said = complaint(capsys, *train, "--set", "generator.family=perceptorn", "--out", str(tmp_path / "other"))
    assert "'perceptron'" in said
    said = complaint(capsys, *train, *family, "--set", "generator.unit=24", "--out", str(tmp_path / "other"))
    assert "'units'" in said


def test_a_name_is_taken_once() -> None:
    with pytest.raises(ValueError, match="'hinge'"):
        LOSSES.register("hinge", AbsoluteLoss())


def test_an_entry_of_another_kind_is_refused() -> None:
    with pytest.raises(TypeError, match="the class AbsoluteLoss"):
        LOSSES.register("absolute", AbsoluteLoss)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="its own name is 'numpy'"):
        EXPORT_FORMATS.register("npz", NumpyFormat())
    assert "absolute" not in LOSSES
