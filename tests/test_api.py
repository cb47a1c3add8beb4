"""Tests of the Python API of `import digitgan`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digitgan
from digitgan.data.named.datasets import PACKAGED
from digitgan.errors import DigitganError, DivergenceError, ModelFileError, RecipeError, UsageError
from digitgan.runs import RunFolder
from digitgan.training.losses import RelativisticLoss
from tests import tiny


def test_importing_costs_nothing() -> None:
    code = "import sys, digitgan; assert not {'torch', 'numpy', 'rich', 'tyro'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_every_offered_name_is_there() -> None:
    for name in digitgan.__all__:
        assert getattr(digitgan, name) is not None
    assert set(dir(digitgan)) == set(digitgan.__all__)
    with pytest.raises(AttributeError, match="'trian'"):
        digitgan.trian  # noqa: B018


def test_train_load_sample(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    result = tiny.train(tmp_path / "run")
    assert (result.finished, result.images_seen, result.run) == (True, tiny.IMAGES, tmp_path / "run")
    model = digitgan.load(result.run)
    images = model.sample(labels=[7] * 3 + [0], seed=5)
    assert (images.shape, images.dtype) == ((4, 28, 28), np.uint8)
    np.testing.assert_array_equal(digitgan.load(result.model).sample([7, 7], seed=5), images[:2])
    assert model.card["images_seen"] == tiny.IMAGES
    assert model.card["data"]["name"] == "digits (train)"
    assert capfd.readouterr() == ("", ""), "the Python API prints nothing by default"


def test_data_comes_as_keras_gives_it() -> None:
    """Compare the arrays with the contents of the files, read without the package."""
    import gzip
    import lzma

    def content(name: str, header: int) -> np.ndarray:
        packed = next((PACKAGED / "mnist").glob(f"{name}*")).read_bytes()
        return np.frombuffer((gzip if packed[:2] == b"\x1f\x8b" else lzma).decompress(packed), np.uint8)[header:]

    (x_train, y_train), (x_test, y_test) = digitgan.load_data()
    for images, labels, part, count in ((x_train, y_train, "train", 60_000), (x_test, y_test, "t10k", 10_000)):
        assert (images.shape, images.dtype, labels.shape, labels.dtype) == ((count, 28, 28), np.uint8, (count,), np.uint8)
        np.testing.assert_array_equal(images.ravel(), content(f"{part}-images", 16))
        np.testing.assert_array_equal(labels, content(f"{part}-labels", 8))


def test_a_new_run_gets_a_free_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names = [digitgan.train("fast", data="digits", images=32, settings=tiny.SETTINGS).run.name for _ in range(2)]
    assert names == ["fast-digits-001", "fast-digits-002"]


def test_the_same_seed_gives_the_same_model_and_another_another(tmp_path: Path) -> None:
    drawn = []
    for number, seed in enumerate((1, 1, 2)):
        run = tiny.train(tmp_path / str(number), seed=seed)
        drawn.append(digitgan.load(run.run).sample(range(10)))
    np.testing.assert_array_equal(drawn[0], drawn[1])
    assert not np.array_equal(drawn[0], drawn[2])


def test_a_budget_in_minutes_becomes_images_once_and_is_recorded(tmp_path: Path) -> None:
    result = tiny.train(tmp_path / "run", minutes=0.02)
    training = RunFolder(result.run).read_recipe().training
    assert result.images_seen >= training.images >= training.batch_size
    assert result.images_seen - training.images < training.batch_size


def test_errors_are_those_of_the_command_line(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"'fats': .*'fast'"):
        digitgan.train("fats", data="digits", out=tmp_path / "run")
    with pytest.raises(ModelFileError, match="'nowhere'"):
        digitgan.load("nowhere")
    with pytest.raises(ModelFileError, match="model ''"):
        digitgan.load("")
    with pytest.raises(UsageError, match="out=''"):
        digitgan.train(data="digits", out="")
    with pytest.raises(DigitganError, match=r"generator\.channels = \[8, 8, 8, 8, 8, 8\].*\b28x28\b"):
        digitgan.train(
            "fast", data="digits", settings=["generator.channels=[8, 8, 8, 8, 8, 8]"], images=64, out=tmp_path / "run"
        )
    assert not (tmp_path / "run").exists()


def test_a_training_that_diverges_ends_with_its_diagnosis(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RelativisticLoss, "generator", lambda _self, real, fake: (real - fake).mean() * float("nan"))
    with pytest.raises(DivergenceError, match=rf"\b{tiny.BATCH}\b.*\bgenerator_loss\b"):
        tiny.train(tmp_path / "run")
    assert not (tmp_path / "run" / "model.safetensors").exists()
    assert not list(RunFolder(tmp_path / "run").read_history()), "undone steps are not in the history"


def test_the_shipped_model_draws_at_once() -> None:
    model = digitgan.load("mnist")
    assert model.class_names == tuple("0123456789")
    assert model.card["metrics"]["class_accuracy"] > 0.98
    for fact in ("seed", "images_seen", "data"):
        assert fact in model.card
    assert digitgan.load().sample([7]).shape == (1, 28, 28)


def test_what_the_command_line_draws_is_drawn_from_python(tmp_path: Path) -> None:
    drawn = digitgan.sample_to_files(count=130, seed=4, format="npz", shard_size=64, out=tmp_path / "set")
    assert (drawn.path, drawn.count) == (tmp_path / "set", 130)
    parts = [np.load(path)["images"] for path in sorted((tmp_path / "set").glob("*.npz"))]
    assert [len(part) for part in parts] == [64, 64, 2]
    expected = digitgan.load("mnist").sample(np.arange(130) % 10, seed=4)
    np.testing.assert_array_equal(np.concatenate(parts), expected)
    assert digitgan.write(digitgan.load("mnist"), "2026").shape == (28, 4 * 28)


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"images": "5"}, "images"),
        ({"images": 5.5}, "images"),
        ({"seed": "1"}, "seed"),
        ({"resume": 1}, "resume"),
        ({"settings": "loss.name=hinge"}, "settings"),
        ({"imges": 5}, "images"),
        ({"progress": "bar"}, "progress"),
        ({"device": "cude"}, "cuda"),
    ],
)
def test_a_wrong_option_is_refused_before_anything_happens(options: dict[str, Any], name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=name):
        digitgan.train("fast", data="digits", out=tmp_path / "run", **options)
    assert not (tmp_path / "run").exists()


def test_a_misspelt_recipe_of_a_comparison_names_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"'fsat'.*'fast'"):
        digitgan.compare(["fast", "fsat"])
    with pytest.raises(UsageError, match="'fast'"):
        digitgan.compare("fast")
