"""Tests of the Inception metrics: invalid weights files and, if torch-fidelity is installed, metrics with random weights."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from digitgan.data import ImageSet
from digitgan.errors import UsageError
from digitgan.evaluation import (
    Inception,
    check_inception,
    evaluate,
    measure_inception,
    reference_statistics,
    train_classifier,
)
from digitgan.evaluation.sources import source_of_images


class Bomb:
    """An object that creates a file when it is unpickled."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.canary,)


def test_a_missing_file_names_the_one_that_is_meant(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--inception .*/weights\.pth.*weights-inception-2015-12-05-6726825d\.pth"):
        Inception(tmp_path / "weights.pth")


@pytest.mark.parametrize("what", ["nothing", "text", "pickled code", "torch file with code"])
def test_a_file_of_something_else_is_refused_and_nothing_in_it_runs(what: str, tmp_path: Path) -> None:
    path, canary = tmp_path / "weights.pth", tmp_path / "canary"
    if what == "torch file with code":
        torch.save({"weights": Bomb(canary)}, path)
    else:
        path.write_bytes({"nothing": b"", "text": b"weights", "pickled code": pickle.dumps(Bomb(canary))}[what])
    with pytest.raises(UsageError, match=r"--inception .*/weights\.pth"):
        Inception(path)
    assert not canary.exists()


def test_too_few_images_are_refused_before_anything_is_computed(digits: ImageSet) -> None:
    with pytest.raises(UsageError, match=r"--inception.*1,500.*2,049"):
        check_inception(source_of_images(digits, "few"), digits, digits)


def test_without_the_extra_the_command_that_installs_it_is_named(tmp_path: Path) -> None:
    if _torch_fidelity():
        pytest.skip("torch-fidelity is installed")
    torch.save({"fc.bias": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(UsageError, match=r"pip install 'digitgan\[inception\]'"):
        Inception(tmp_path / "weights.pth")


def test_metrics_with_random_weights(digits: ImageSet, tmp_path: Path) -> None:
    if not _torch_fidelity():
        pytest.skip("needs torch-fidelity: pip install '.[inception]', and a torchvision that matches this torch")
    torch.save(_some_weights(), tmp_path / "weights.pth")
    inception = Inception(tmp_path / "weights.pth")
    few = ImageSet(digits.images[:60], digits.labels[:60], digits.class_names, "few")
    features = inception.features(few.images)
    assert features.shape == (60, 2048)
    assert np.array_equal(features[:7], inception.features(few.images[:7]))  # independent of the batch

    source = source_of_images(digits, "all")
    classifier = train_classifier(digits, epochs=1)
    side = reference_statistics(classifier, digits, digits, 60)
    told: list[str] = []
    found = measure_inception(inception, evaluate(source, digits, digits, classifier, "test", side), side, told.append)
    assert found.frechet_distance == pytest.approx(0, abs=1e-6)
    assert found.kernel_distance <= 0  # the unbiased estimate is negative for equal sets
    assert found.frechet_baseline > 0
    assert not found.published
    assert len(told) == 3


def test_a_torch_file_of_other_weights_is_refused(tmp_path: Path) -> None:
    if not _torch_fidelity():
        pytest.skip("needs torch-fidelity: pip install '.[inception]', and a torchvision that matches this torch")
    torch.save({"fc.bias": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(UsageError, match=r"--inception .*/weights\.pth"):
        Inception(tmp_path / "weights.pth")


def _torch_fidelity() -> bool:
    try:
        import torch_fidelity  # noqa: F401
    except (ImportError, RuntimeError):
        return False
    return True


def _some_weights() -> dict[str, torch.Tensor]:
    """Return weights with the names and shapes of the published ones, which are too large to ship with a test."""
    from torch_fidelity import FeatureExtractorInceptionV3

    class Blank(FeatureExtractorInceptionV3):  # type: ignore[misc]
        def load_state_dict(self, state: object) -> None:
            pass

    empty = io.BytesIO()
    torch.save({}, empty)
    empty.seek(0)
    state: dict[str, torch.Tensor] = Blank("blank", ["2048"], feature_extractor_weights_path=empty).state_dict()
    return state
