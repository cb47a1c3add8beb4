"""A set of pictures without labels, from the training to the report, on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import sklearn_digits
from digitgan.errors import RecipeError
from digitgan.images import save_png
from digitgan.model.registry import load
from digitgan.options import TrainOptions
from digitgan.session.plan import plan_training
from tests.cli.commands import run


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    for number, image in enumerate(sklearn_digits("train").images[:700]):
        save_png(folder / f"{number}.png", image[6:-6, 6:-6])
    return folder


def test_pictures_without_labels_are_trained_and_evaluated(
    pictures: Path, tmp_path: Path, isolated_home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "run"
    options = ["--images", "512", "--evaluate-every", "256", "--set", "training.batch_size=32", "--out", str(out)]
    assert run("train", "fast", "--data", str(pictures), *options) == 0
    said = capsys.readouterr()
    assert "no class folders and no table of labels" in said.err
    assert "has no labels: fast is trained without them, as with --unconditional" in said.err
    scores = [json.loads(line) for line in (out / "scores.jsonl").read_text().splitlines()]
    assert [line["images_seen"] for line in scores] == [256, 512]
    assert all("class_accuracy" not in line and line["frechet_distance"] > 0 for line in scores)
    assert load(str(out)).class_names == ("image",)
    for model in (str(out), f"{out}@best"):
        report = tmp_path / f"report-{'best' in model}"
        assert run("evaluate", model, "--images", "300", "--report", str(report), "--data", str(pictures)) == 0
        said = capsys.readouterr()
        assert "no labels; the features are those of" in said.err
        record = json.loads((report / "report.json").read_text())
        assert record["metrics"]["class_accuracy"]["missing"] == "the images have no labels"
        for name in ("precision", "recall", "density", "coverage"):
            assert record["metrics"][name]["missing"] == "", record["metrics"][name]
            assert np.isfinite(record["metrics"][name]["value"])
        assert "groups of similar images" in record["protocol"]["features"]
        assert record["memorisation"] is not None
        assert not any("memorisation cannot be measured" in line for line in record["flags"])


def test_labels_are_left_out_on_request() -> None:
    plan = plan_training(TrainOptions(recipe="fast", unconditional=True, images=128), lambda line: None)
    assert not plan.recipe.conditional
    assert plan.spec.classes == 1
    assert plan_training(TrainOptions(unconditional=True, images=128), lambda line: None).recipe.name == "fast"
    with pytest.raises(RecipeError, match=r"recipe colour without labels"):
        plan_training(TrainOptions(recipe="colour", unconditional=True), lambda line: None)
