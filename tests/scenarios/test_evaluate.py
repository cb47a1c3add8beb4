"""Scenarios of `digitgan evaluate` on the command line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from digitgan.api import evaluate
from digitgan.data import load_image_set
from tests import tiny
from tests.scenarios.conftest import Digitgan

IMAGES = 2000


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, mnist_caches: Path) -> Path:
    """The folder of a report of the shipped model."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(mnist_caches))
        evaluate("mnist", images=IMAGES, report=folder)
    return folder


@pytest.fixture(scope="module")
def record(report: Path) -> dict:  # type: ignore[type-arg]
    found: dict = json.loads((report / "report.json").read_text(encoding="utf-8"))  # type: ignore[type-arg]
    return found


def test_the_shipped_model_reaches_its_quality(record: dict) -> None:  # type: ignore[type-arg]
    metrics = record["metrics"]
    assert metrics["class_accuracy"]["value"] > 0.98
    assert metrics["frechet_distance"]["value"] < 1.5
    assert metrics["coverage"]["value"] > 0.8 * metrics["coverage"]["baseline"]
    assert record["memorisation"]["closer_than_any_held_out"] < 0.01
    assert record["protocol"]["classifier_accuracy_on_held_out"] >= 0.995
    assert record["flags"] == []


@pytest.mark.long
@pytest.mark.usefixtures("mnist_caches_at_hand")
def test_real_images_equal_the_real_baseline(digitgan: Digitgan, tmp_path: Path) -> None:
    test = load_image_set("mnist", "test")
    np.savez(tmp_path / "real.npz", images=test.images, labels=test.labels)
    done = digitgan("evaluate", "real.npz", "--reference", "train", "--json")
    assert done.returncode == 0, done.stderr
    metrics = json.loads(done.stdout)["metrics"]
    for name, metric in metrics.items():
        assert metric["value"] == metric["baseline"], name
    assert metrics["class_accuracy"]["value"] >= 0.995
    assert (tmp_path / "report" / "report.html").is_file()


@pytest.mark.long
def test_a_run_on_other_data_trains_and_caches_its_classifier(digitgan: Digitgan, tmp_path: Path) -> None:
    own = load_image_set("digits")
    np.savez(tmp_path / "own.npz", images=own.images[:500], labels=own.labels[:500])
    done = digitgan("train", *tiny.options(data="own.npz"), f"--evaluate-every={tiny.IMAGES // 2}", "--out=run")
    assert done.returncode == 0, done.stderr
    kept = list((tmp_path / "home" / ".cache" / "digitgan" / "classifiers").iterdir())
    assert len(kept) == 1
    assert kept[0].name in "".join(done.stderr.split())  # long paths are wrapped
    trained_at = kept[0].stat().st_mtime_ns
    assert (tmp_path / "run" / "best.safetensors").is_file()
    assert len((tmp_path / "run" / "scores.jsonl").read_text().splitlines()) == 2
    done = digitgan("evaluate", "run", "--images", "300", "--json")
    assert done.returncode == 0, done.stderr
    assert kept[0].stat().st_mtime_ns == trained_at
    found = json.loads(done.stdout)
    assert found["source"]["trained_on"] == "own.npz"
    assert "own.npz" in found["flags"][-1]
    assert (tmp_path / "run" / "report.html").is_file()
    assert 'id="curves"' in (tmp_path / "run" / "report.html").read_text()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (("evaluate", "nothing.npz"), "nothing.npz"),
        (("evaluate", "mnits"), "'mnist'"),
        (("evaluate", "--images", "0"), r"--images 0.*\b100\b"),
        (("evaluate", "--seed", "-1"), "--seed -1: "),
        (("evaluate", "few.npz", "--images", "500"), r"--images.*--seed.*few.npz"),
        (("evaluate", "few.npz", "--data", "digits"), r"few.npz.*\b50\b.*\b100\b"),
        (("evaluate", "other.npz", "--data", "digits"), r"other.npz.*20x20 grey.*digits.*28x28 grey"),
        (("evaluate", "nan.npz", "--data", "digits"), r"nan.npz.*156,800.*NaN"),
        (("evaluate", "classes.npz", "--data", "digits"), r"classes.npz.*\b0, x\b.*\b0, 1, 2\b"),
    ],
)
def test_one_clear_message_and_no_report(digitgan: Digitgan, tmp_path: Path, argv: tuple[str, ...], message: str) -> None:
    labels = np.arange(200) % 10
    np.savez(tmp_path / "few.npz", images=np.zeros((50, 28, 28), np.uint8), labels=labels[:50])
    np.savez(tmp_path / "other.npz", images=np.zeros((200, 20, 20), np.uint8), labels=labels)
    np.savez(tmp_path / "nan.npz", images=np.full((200, 28, 28), np.nan), labels=labels)
    np.savez(tmp_path / "classes.npz", images=np.zeros((200, 28, 28), np.uint8), labels=labels % 2, class_names=["0", "x"])
    done = digitgan(*argv)
    assert done.returncode == 2
    assert re.search(message, " ".join(done.stderr.split()))
    assert len(done.stderr.strip().splitlines()) <= 3
    assert not (tmp_path / "report").exists()
