"""Scenarios of the filters of generated images, with the shipped classifier on MNIST."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from digitgan.data import load_image_set
from digitgan.evaluation import classifier_for, classify_images
from digitgan.evaluation import tstr as usefulness
from digitgan.evaluation.metrics import nearest_images
from tests.scenarios.conftest import Digitgan

SURE = 0.93


def test_every_image_is_recognised_and_counts_are_exact(here: Digitgan, tmp_path: Path) -> None:
    few = ["sample", "--per-class", "50", "--min-confidence", str(SURE), "--json"]
    done = here(*few, "--format", "npz", "--out", "sure.npz")
    assert done.returncode == 0, done.stderr
    drawn = np.load(tmp_path / "sure.npz")
    classifier = classifier_for(load_image_set("mnist", "train"), print).classifier
    probabilities = classify_images(classifier, drawn["images"])[1]
    assert probabilities[np.arange(500), drawn["labels"]].min() >= SURE - 1e-5
    np.testing.assert_array_equal(np.bincount(drawn["labels"]), [50] * 10)
    accepted = json.loads(done.stdout)["accepted"]
    assert all(0.05 < share <= 1 for share in accepted.values())
    assert min(accepted.values()) < 1

    shards = here(*few, "--format", "npz", "--shard-size", "70", "--workers", "2", "--out", "sure")
    assert shards.returncode == 0, shards.stderr
    parts = [np.load(path)["images"] for path in sorted((tmp_path / "sure").glob("*.npz"))]
    np.testing.assert_array_equal(np.concatenate(parts), drawn["images"])
    manifest = json.loads((tmp_path / "sure" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["filter"]["min_confidence"] == SURE
    assert manifest["filter"]["accepted"] == pytest.approx(accepted, abs=1e-6)


def test_a_class_that_is_hardly_recognised_is_refused_before_anything_is_written(here: Digitgan, tmp_path: Path) -> None:
    done = here("sample", "--min-confidence", "1", "--out", "sure.png")
    assert done.returncode == 2
    assert "--min-confidence" in done.stderr
    assert not (tmp_path / "sure.png").exists()


@pytest.mark.long
def test_near_duplicates_are_generated_again(here: Digitgan, tmp_path: Path) -> None:
    done = here(*["sample", "--per-class", "20", "--unique", "--format", "npz", "--out", "new.npz"])
    assert done.returncode == 0, done.stderr
    training, test = (load_image_set("mnist", part).images for part in ("train", "test"))
    drawn = np.load(tmp_path / "new.npz")["images"]
    assert nearest_images(drawn, training).distances.min() >= nearest_images(test, training).distances.min()


def test_filters_for_a_model_of_other_classes_name_what_is_missing(here: Digitgan) -> None:
    done = here("sample", "--min-confidence", "0.9", "--data", "nowhere")
    assert done.returncode == 2
    assert "nowhere" in done.stderr


@pytest.mark.long
def test_a_statement_contains_the_evaluation_of_the_set(
    here: Digitgan, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usefulness, "TSTR_TRAINING_IMAGES", 2000)  # short, as the accuracies are not tested here
    asked = ["--weights", "3:2,8:1", "--count", "300", "--format", "npz", "--seed", "4"]
    done = here("sample", *asked, "--shard-size", "50000", "--statement", "--min-confidence", "0.5", "--out", "set")
    assert done.returncode == 0, done.stderr
    card = (tmp_path / "set" / "README.md").read_text(encoding="utf-8")
    manifest = json.loads((tmp_path / "set" / "manifest.json").read_text(encoding="utf-8"))
    assert card.startswith("# 300 ")
    assert manifest["model"]["sha256"] in card
    assert manifest["command"] in card
    assert f"| 3 | 200 | {manifest['filter']['accepted']['3']:.2%} |" in card
    assert "| 7 | 0 | – |" in card
    assert re.search(r"probability .*\b0\.5\b", card)
    for words in ("| Class accuracy | ", "| Kernel distance | ", "| Coverage | ", "**Memorisation.**", "limitations"):
        assert words in card, words
    flags = re.findall(r"^\*\*Warning:\*\* (.*)\.$", card, re.M)
    assert any(re.search(r"\b7\b", flag) for flag in flags)
    accuracies = re.search(r"^\*\*Train on synthetic.*?(?=\n\n)", card, re.M | re.S)
    assert accuracies
    assert len(re.findall(r"[\d.]+%", accuracies[0])) == 2
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len({row.count("|") for row in rows[:12]}) == 1  # the table of classes has all columns in each row

    short = ["--count", "50", "--format", "npz", "--shard-size", "50", "--statement"]
    few = here("sample", *short, "--out", "few")
    assert few.returncode == 2
    assert re.search(r"\b50 .*\b100\b", " ".join(few.stderr.split()))
    assert not (tmp_path / "few").exists()
